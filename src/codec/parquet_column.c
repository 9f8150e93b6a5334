/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/parquet_column.h"

/* A row group is cut long before. */
#define BYTES_MAX ((size_t)1 << 31)

/* Entries from which on a dictionary is doubted, and at each doubling. */
#define DOUBT_FIRST 512u

/* A dictionary is read whole before any value: it stays small. */
#define DICTIONARY_BYTES ((size_t)1 << 20)

static bool begins_with_dictionary(const dpi_parquet_leaf *leaf)
{
	return leaf->type != DPI_PARQUET_BOOLEAN;
}

void dpi_parquet_column_init(dpi_parquet_column *column,
	const dp_allocator *alloc, const dpi_parquet_leaf *leaf)
{
	*column = (dpi_parquet_column){.leaf = leaf,
		.has_dictionary = begins_with_dictionary(leaf),
		.check_at = DOUBT_FIRST};
	dpi_buf_init(&column->def.runs, alloc, BYTES_MAX);
	dpi_buf_init(&column->rep.runs, alloc, BYTES_MAX);
	dpi_buf_init(&column->indices, alloc, BYTES_MAX);
	dpi_buf_init(&column->plain, alloc, BYTES_MAX);
	dpi_parquet_dictionary_init(&column->dictionary, alloc);
}

void dpi_parquet_column_fini(dpi_parquet_column *column)
{
	dpi_buf_fini(&column->def.runs);
	dpi_buf_fini(&column->rep.runs);
	dpi_buf_fini(&column->indices);
	dpi_buf_fini(&column->plain);
	dpi_parquet_dictionary_fini(&column->dictionary);
}

bool dpi_parquet_column_put_index(dpi_parquet_column *column,
	const uint8_t *data, size_t size, bool is_prefixed)
{
	dpi_buf *indices = &column->indices;
	uint32_t place = dpi_parquet_dictionary_place(
		&column->dictionary, data, size, is_prefixed);

	if (place == DPI_DICTIONARY_FULL) {
		return false;
	}
	if (indices->capacity - indices->size < sizeof(place) &&
		dpi_buf_reserve(indices, sizeof(place)) != DP_OK) {
		return false;
	}
	memcpy(indices->data + indices->size, &place, sizeof(place));
	indices->size += sizeof(place);
	return true;
}

void dpi_parquet_column_commit(dpi_parquet_column *column)
{
	column->mark = (dpi_parquet_mark){
		.def_size = column->def.runs.size,
		.def_open = column->def.open,
		.rep_size = column->rep.runs.size,
		.rep_open = column->rep.open,
		.plain_size = column->plain.size,
		.plain_count = column->plain_count,
		.indices_size = column->indices.size,
		.dictionary_size = column->dictionary.values.size,
		.dictionary_count = column->dictionary.count,
	};
}

static void cut_buffer(dpi_buf *buf, size_t size)
{
	buf->size = size;
	buf->failed = DP_OK;
}

void dpi_parquet_column_take_back(dpi_parquet_column *column)
{
	const dpi_parquet_mark *mark = &column->mark;

	cut_buffer(&column->def.runs, mark->def_size);
	column->def.open = mark->def_open;
	cut_buffer(&column->rep.runs, mark->rep_size);
	column->rep.open = mark->rep_open;
	cut_buffer(&column->plain, mark->plain_size);
	column->plain_count = mark->plain_count;
	cut_buffer(&column->indices, mark->indices_size);
	dpi_parquet_dictionary_cut(&column->dictionary, mark->dictionary_count,
		mark->dictionary_size);
}

uint64_t dpi_parquet_column_count(const dpi_parquet_column *column)
{
	return column->has_dictionary ? column->indices.size / sizeof(uint32_t)
				      : column->plain_count;
}

static dp_status make_plain(dpi_parquet_column *column)
{
	const uint32_t *indices = (const void *)column->indices.data;
	uint64_t count = dpi_parquet_column_count(column);

	for (uint64_t i = 0; i < count; i++) {
		dp_bytes value = dpi_parquet_dictionary_value(
			&column->dictionary, indices[i]);

		(void)dpi_buf_append(&column->plain, value.data, value.size);
	}
	if (column->plain.failed != DP_OK) {
		dpi_buf_fini(&column->plain);
		return DP_ENOMEM;
	}
	column->plain_count = count;
	column->has_dictionary = false;
	dpi_parquet_dictionary_fini(&column->dictionary);
	dpi_buf_fini(&column->indices);
	dpi_parquet_column_commit(column);
	return DP_OK;
}

dp_status dpi_parquet_column_settle(dpi_parquet_column *column)
{
	uint32_t entries = column->dictionary.count;

	if (!column->has_dictionary || entries < column->check_at) {
		return DP_OK;
	}
	if (dpi_parquet_column_count(column) < 4 * (uint64_t)entries ||
		column->dictionary.values.size > DICTIONARY_BYTES) {
		return make_plain(column);
	}
	column->check_at = entries + entries / 4;
	return DP_OK;
}

void dpi_parquet_column_clear(dpi_parquet_column *column, bool keeps_memory)
{
	const dp_allocator *alloc = column->plain.alloc;
	bool has_dictionary = column->has_dictionary;

	if (!keeps_memory) {
		dpi_parquet_column_fini(column);
		dpi_parquet_column_init(column, alloc, column->leaf);
		column->has_dictionary = has_dictionary;
		return;
	}
	column->mark = (dpi_parquet_mark){.def_open = 0};
	dpi_parquet_column_take_back(column);
	column->check_at = DOUBT_FIRST;
}

size_t dpi_parquet_column_memory(const dpi_parquet_column *column)
{
	return column->def.runs.capacity + column->rep.runs.capacity +
		column->indices.capacity + column->plain.capacity +
		column->dictionary.values.capacity +
		column->dictionary.entries.capacity +
		column->dictionary.slots.capacity;
}
