/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_CODEC_PARQUET_COLUMN_H
#define DPI_CODEC_PARQUET_COLUMN_H

#include "codec/parquet_dictionary.h"
#include "codec/parquet_levels.h"
#include "codec/parquet_schema.h"

/*
 * A column of the row group that fills: levels, and values. Values are places
 * in a dictionary at first; when a quarter of them turns out to be distinct,
 * they are plain bytes, and stay so for the rest of the file.
 *
 * What was put since the last commit can be taken back.
 */

/* What take_back returns to. */
typedef struct dpi_parquet_mark {
	size_t def_size, rep_size;
	uint32_t def_open, rep_open;
	size_t plain_size, indices_size, dictionary_size;
	uint64_t plain_count;
	uint32_t dictionary_count;
} dpi_parquet_mark;

typedef struct dpi_parquet_column {
	const dpi_parquet_leaf *leaf;
	dpi_parquet_levels def, rep;
	bool has_dictionary;
	dpi_parquet_dictionary dictionary;
	dpi_buf indices; /* of uint32_t, into the dictionary */
	dpi_buf plain;   /* BOOLEAN: a byte each */
	uint64_t plain_count;
	uint32_t check_at; /* entries at which the dictionary is doubted next */
	dpi_parquet_mark mark;
} dpi_parquet_column;

void dpi_parquet_column_init(dpi_parquet_column *column,
	const dp_allocator *alloc, const dpi_parquet_leaf *leaf);
void dpi_parquet_column_fini(dpi_parquet_column *column);

/* What was put is there to stay. */
void dpi_parquet_column_commit(dpi_parquet_column *column);
void dpi_parquet_column_take_back(dpi_parquet_column *column);

/*
 * Gives a dictionary up that does not pay. Only between a commit and the next
 * value. Returns DP_ENOMEM, and has then changed nothing.
 */
DP_NODISCARD dp_status dpi_parquet_column_settle(dpi_parquet_column *column);

/* Empty again, for the next row group. */
void dpi_parquet_column_clear(dpi_parquet_column *column, bool keeps_memory);

/* Values that are there. */
uint64_t dpi_parquet_column_count(const dpi_parquet_column *column);

size_t dpi_parquet_column_memory(const dpi_parquet_column *column);

/* All return false if out of memory; the rows since the commit are then to be
 * taken back. */

static inline bool dpi_parquet_column_levels(
	dpi_parquet_column *column, unsigned rep, unsigned def)
{
	return (column->leaf->max_def == 0 ||
		       dpi_parquet_levels_put(&column->def, def)) &&
		(column->leaf->max_rep == 0 ||
			dpi_parquet_levels_put(&column->rep, rep));
}

bool dpi_parquet_column_put_index(dpi_parquet_column *column,
	const uint8_t *data, size_t size, bool is_prefixed);

/* A value of fixed size. */
static inline bool dpi_parquet_column_put_fixed(
	dpi_parquet_column *column, const uint8_t *data, size_t size)
{
	dpi_buf *plain = &column->plain;

	if (column->has_dictionary) {
		return dpi_parquet_column_put_index(column, data, size, false);
	}
	if (plain->capacity - plain->size < size &&
		dpi_buf_reserve(plain, size) != DP_OK) {
		return false;
	}
	memcpy(plain->data + plain->size, data, size);
	plain->size += size;
	column->plain_count++;
	return true;
}

static inline bool dpi_parquet_column_put_bytes(
	dpi_parquet_column *column, const uint8_t *data, size_t size)
{
	dpi_buf *plain = &column->plain;

	if (column->has_dictionary) {
		return dpi_parquet_column_put_index(column, data, size, true);
	}
	if (plain->capacity - plain->size < size + 4 &&
		dpi_buf_reserve(plain, size + 4) != DP_OK) {
		return false;
	}
	dpi_store_u32(plain->data + plain->size, (uint32_t)size);
	dpi_copy_short(plain->data + plain->size + 4, data, size);
	plain->size += size + 4;
	column->plain_count++;
	return true;
}

#endif /* DPI_CODEC_PARQUET_COLUMN_H */
