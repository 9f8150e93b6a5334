/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_CODEC_PARQUET_LEVELS_H
#define DPI_CODEC_PARQUET_LEVELS_H

#include "base/buf.h"

/*
 * Small numbers as Parquet keeps them: levels, and places in a dictionary.
 *
 * While a row group fills, levels are runs: a column that is always there, or
 * never, is one run, whatever the number of rows.
 */
typedef struct dpi_parquet_levels {
	dpi_buf runs;  /* of uint32_t: count << 8 | level; closed ones */
	uint32_t open; /* the last run, which still grows */
} dpi_parquet_levels;

/* Most of one level. Nothing nests deeper; see DPI_PARQUET_NESTING_MAX. */
#define DPI_PARQUET_LEVEL_MAX 255

#define DPI_PARQUET_RUN_MAX ((uint32_t)0xffffff00)

/* Begins a run of level; false if out of memory. */
bool dpi_parquet_levels_turn(dpi_parquet_levels *levels, uint32_t level);

static inline bool dpi_parquet_levels_put(
	dpi_parquet_levels *levels, uint32_t level)
{
	if ((levels->open & 255) == level &&
		levels->open < DPI_PARQUET_RUN_MAX) {
		levels->open += 256;
		return true;
	}
	return dpi_parquet_levels_turn(levels, level);
}

/* How many there are; of those, how many are `level`. */
uint64_t dpi_parquet_levels_count(const dpi_parquet_levels *levels);
uint64_t dpi_parquet_levels_count_of(
	const dpi_parquet_levels *levels, uint32_t level);

/* Parquet's hybrid of runs and of groups of eight, bit by bit. */
typedef struct dpi_hybrid {
	dpi_buf *out;
	unsigned width; /* bits of a value */
	uint32_t group[8];
	unsigned group_count;
	unsigned groups; /* behind the head that is open; 0: none is */
	size_t head;     /* where it is */
} dpi_hybrid;

/* Bits that values up to max take. */
unsigned dpi_hybrid_width(uint64_t max);

void dpi_hybrid_begin(dpi_hybrid *hybrid, dpi_buf *out, unsigned width);
void dpi_hybrid_put(dpi_hybrid *hybrid, uint32_t value, uint64_t count);
void dpi_hybrid_end(dpi_hybrid *hybrid);

/* The same for all levels, with the size in front, as pages have it. */
void dpi_parquet_levels_write(
	const dpi_parquet_levels *levels, unsigned max, dpi_buf *out);

/* Appends count values of width bits each, low bits first. */
void dpi_pack_bits(
	dpi_buf *out, const uint64_t *values, size_t count, unsigned width);

#endif /* DPI_CODEC_PARQUET_LEVELS_H */
