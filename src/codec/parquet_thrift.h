/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_CODEC_PARQUET_THRIFT_H
#define DPI_CODEC_PARQUET_THRIFT_H

#include "base/buf.h"
#include "base/bytes.h"

/*
 * Structures of Thrift's compact protocol, which Parquet's headers and footer
 * are. Fields are written by ascending number. Nothing fails here: a buffer
 * that could not grow says so itself, once all is written.
 */

/* Structures inside each other: a footer has six. */
#define DPI_THRIFT_DEPTH 12

typedef enum dpi_thrift_type {
	DPI_THRIFT_I32 = 5,
	DPI_THRIFT_BINARY = 8,
	DPI_THRIFT_STRUCT = 12
} dpi_thrift_type;

typedef struct dpi_thrift {
	dpi_buf *out;
	unsigned last[DPI_THRIFT_DEPTH]; /* number of the field before */
	unsigned depth;
} dpi_thrift;

/* Begins a structure that no field has. */
void dpi_thrift_begin(dpi_thrift *thrift, dpi_buf *out);

void dpi_thrift_bool(dpi_thrift *thrift, unsigned field, bool value);
void dpi_thrift_i8(dpi_thrift *thrift, unsigned field, int8_t value);
void dpi_thrift_i32(dpi_thrift *thrift, unsigned field, int32_t value);
void dpi_thrift_i64(dpi_thrift *thrift, unsigned field, int64_t value);
void dpi_thrift_binary(dpi_thrift *thrift, unsigned field, dp_bytes value);
void dpi_thrift_text(dpi_thrift *thrift, unsigned field, const char *value);

/* Opens a structure, which dpi_thrift_close() ends. */
void dpi_thrift_open(dpi_thrift *thrift, unsigned field);
void dpi_thrift_close(dpi_thrift *thrift);

/* A structure without fields, as which unions name a case. */
void dpi_thrift_empty(dpi_thrift *thrift, unsigned field);

/* What follows are so many elements. */
void dpi_thrift_list(
	dpi_thrift *thrift, unsigned field, dpi_thrift_type type, size_t count);
void dpi_thrift_element_open(dpi_thrift *thrift);
void dpi_thrift_element_i32(dpi_thrift *thrift, int32_t value);
void dpi_thrift_element_text(dpi_thrift *thrift, const char *value);

#endif /* DPI_CODEC_PARQUET_THRIFT_H */
