/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/parquet_statistics.h"

#include <math.h>

/* Longer texts are no bounds. */
#define TEXT_MAX 64

/*
 * Numbers of any type as keys that are in order as unsigned ones, so that one
 * loop serves all. Zeros are both zeros: -0 is the least of them, +0 the most.
 */
static uint64_t key_of(const dpi_parquet_leaf *leaf, const uint8_t *value)
{
	const uint64_t sign = UINT64_C(1) << 63;
	uint64_t bits;

	switch (leaf->type) {
	case DPI_PARQUET_BOOLEAN:
		return *value;
	case DPI_PARQUET_INT32:
		return (uint64_t)(int32_t)dpi_load_u32(value) ^ sign;
	case DPI_PARQUET_FLOAT:
		bits = dpi_load_u32(value);
		return bits >> 31 != 0 ? ~bits & UINT32_MAX : bits | 1u << 31;
	case DPI_PARQUET_DOUBLE:
		bits = dpi_load_u64(value);
		return bits >> 63 != 0 ? ~bits : bits | sign;
	default:
		bits = dpi_load_u64(value);
		return leaf->step->logical == DPI_LOGICAL_UINT64 ? bits
								 : bits ^ sign;
	}
}

static bool is_nan(const dpi_parquet_leaf *leaf, const uint8_t *value)
{
	float narrow;
	double wide;

	if (leaf->type == DPI_PARQUET_FLOAT) {
		memcpy(&narrow, value, sizeof(narrow));
		return isnan(narrow);
	}
	if (leaf->type == DPI_PARQUET_DOUBLE) {
		memcpy(&wide, value, sizeof(wide));
		return isnan(wide);
	}
	return false;
}

static size_t width_of(dpi_parquet_type type)
{
	switch (type) {
	case DPI_PARQUET_BOOLEAN:
		return 1;
	case DPI_PARQUET_INT32:
	case DPI_PARQUET_FLOAT:
		return 4;
	default:
		return 8;
	}
}

/* A bound of zero holds for both zeros. */
static void widen_zero(
	dpi_parquet_statistics *st, const dpi_parquet_leaf *leaf, size_t width)
{
	static const uint8_t zeros[8];

	if (leaf->type != DPI_PARQUET_FLOAT &&
		leaf->type != DPI_PARQUET_DOUBLE) {
		return;
	}
	if (memcmp(st->least_bytes, zeros, width) == 0) {
		st->least_bytes[width - 1] = 0x80;
	}
	if (memcmp(st->most_bytes, zeros, width - 1) == 0 &&
		st->most_bytes[width - 1] == 0x80) {
		st->most_bytes[width - 1] = 0;
	}
}

static void bound_numbers(dpi_parquet_statistics *st,
	const dpi_parquet_leaf *leaf, const dpi_buf *values)
{
	size_t width = width_of(leaf->type);
	uint64_t least = UINT64_MAX;
	uint64_t most = 0;

	for (size_t at = 0; at < values->size; at += width) {
		const uint8_t *value = values->data + at;
		uint64_t key = key_of(leaf, value);

		if (is_nan(leaf, value)) {
			return;
		}
		if (key <= least) {
			least = key;
			memcpy(st->least_bytes, value, width);
		}
		if (key >= most) {
			most = key;
			memcpy(st->most_bytes, value, width);
		}
	}
	st->has_bounds = values->size > 0;
	widen_zero(st, leaf, width);
	st->least = dpi_bytes(st->least_bytes, width);
	st->most = dpi_bytes(st->most_bytes, width);
}

static int compare(dp_bytes a, dp_bytes b)
{
	size_t size = a.size < b.size ? a.size : b.size;
	int order = size > 0 ? memcmp(a.data, b.data, size) : 0;

	return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

static void bound_texts(dpi_parquet_statistics *st, const dpi_buf *values)
{
	for (size_t at = 0; at < values->size;) {
		dp_bytes value = dpi_bytes(
			values->data + at + 4, dpi_load_u32(values->data + at));

		if (at == 0 || compare(value, st->least) < 0) {
			st->least = value;
		}
		if (at == 0 || compare(value, st->most) > 0) {
			st->most = value;
		}
		at += 4 + value.size;
	}
	st->has_bounds = values->size > 0 && st->least.size <= TEXT_MAX &&
		st->most.size <= TEXT_MAX;
}

void dpi_parquet_statistics_make(
	dpi_parquet_statistics *st, const dpi_parquet_column *column)
{
	const dpi_buf *values = column->has_dictionary
		? &column->dictionary.values
		: &column->plain;

	*st = (dpi_parquet_statistics){.has_bounds = false};
	if (column->leaf->type == DPI_PARQUET_BYTES) {
		bound_texts(st, values);
	} else {
		bound_numbers(st, column->leaf, values);
	}
}
