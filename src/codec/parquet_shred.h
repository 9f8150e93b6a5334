/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_CODEC_PARQUET_SHRED_H
#define DPI_CODEC_PARQUET_SHRED_H

#include "codec/parquet_column.h"

/*
 * Puts one row into its columns. The row is a datum that dpi_avro_encode()
 * made by the plan of the schema, given columns in front; so nothing in it is
 * doubted. Returns the place behind it, or NULL if out of memory: then the
 * columns have part of the row, which has to be taken back.
 */
const uint8_t *dpi_parquet_shred(const dpi_parquet_schema *schema,
	dpi_parquet_column *columns, const uint8_t *datum);

#endif /* DPI_CODEC_PARQUET_SHRED_H */
