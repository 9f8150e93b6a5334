/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_SCHEMA_FIELD_WRITER_H
#define DPI_SCHEMA_FIELD_WRITER_H

#include "base/buf.h"

/* Appends fields of a serialized message; failures stay in the buffer. */

void dpi_write_varint(dpi_buf *out, uint32_t number, uint64_t value);
void dpi_write_bytes(dpi_buf *out, uint32_t number, dp_bytes value);
void dpi_write_text(dpi_buf *out, uint32_t number, const char *value);

/*
 * A message in a message: begin, its fields, end. Its length is put in front
 * at the end, by moving what was written.
 */
size_t dpi_write_begin(dpi_buf *out, uint32_t number);
void dpi_write_end(dpi_buf *out, size_t begin);

#endif /* DPI_SCHEMA_FIELD_WRITER_H */
