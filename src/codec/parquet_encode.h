/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_CODEC_PARQUET_ENCODE_H
#define DPI_CODEC_PARQUET_ENCODE_H

#include "base/buf.h"

/* How Parquet writes the values of a page. A buffer that could not grow says
 * so itself. */

/* Eight to a byte; each is a byte that is 0 or 1. */
void dpi_parquet_put_bools(dpi_buf *out, const uint8_t *values, size_t count);

/*
 * DELTA_BINARY_PACKED: differences, in blocks of 128, of values that are width
 * bytes each, 4 or 8, in little-endian. At least one.
 */
void dpi_parquet_put_deltas(
	dpi_buf *out, const uint8_t *values, size_t count, size_t width);

/* Whether none is less than the one before it, or deltas take less than half
 * of what the values do. */
bool dpi_parquet_likes_deltas(
	const uint8_t *values, size_t count, size_t width);

/* RLE_DICTIONARY: a byte that tells the width, then the hybrid. */
void dpi_parquet_put_indices(dpi_buf *out, const uint32_t *indices,
	size_t count, uint32_t dictionary_count);

#endif /* DPI_CODEC_PARQUET_ENCODE_H */
