/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_CODEC_PARQUET_STATISTICS_H
#define DPI_CODEC_PARQUET_STATISTICS_H

#include "codec/parquet_column.h"

/* The least and the greatest value of a column, in the order of its type. */
typedef struct dpi_parquet_statistics {
	bool has_bounds;
	uint8_t least_bytes[8], most_bytes[8];
	dp_bytes least, most; /* in the two above, or in the column */
} dpi_parquet_statistics;

/*
 * Looks through a column. There are no bounds without values, with a NaN, or
 * if texts are longer than a reader wants in a footer. Moving it needs care:
 * bounds may point into it.
 */
void dpi_parquet_statistics_make(
	dpi_parquet_statistics *statistics, const dpi_parquet_column *column);

#endif /* DPI_CODEC_PARQUET_STATISTICS_H */
