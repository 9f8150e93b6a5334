/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_CODEC_SNAPPY_H
#define DPI_CODEC_SNAPPY_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

/*
 * The block format of Snappy, compression only. It is here, and no library of
 * others, since the format is a page and all that we do is write it.
 */

#define DPI_SNAPPY_TABLE_BITS 14

typedef struct dpi_snappy {
	uint16_t table[1 << DPI_SNAPPY_TABLE_BITS]; /* places in a fragment */
} dpi_snappy;

/* Most bytes that size bytes may become. */
size_t dpi_snappy_bound(size_t size);

/* Writes plain to dst, which has room for the bound; returns the bytes. Up to
 * 4 GiB. */
size_t dpi_snappy_compress(dpi_snappy *snappy, dp_bytes plain, uint8_t *dst);

#endif /* DPI_CODEC_SNAPPY_H */
