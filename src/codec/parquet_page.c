/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/parquet_page.h"

#include <libdeflate.h>

#include "codec/parquet_encode.h"
#include "codec/parquet_statistics.h"

#define PAGE_MAX ((size_t)1 << 31)

/* Memory over this is given back after the page. */
#define KEEP_BYTES ((size_t)4 << 20)

enum { PAGE_DATA = 0, PAGE_DICTIONARY = 2 };
enum { PLAIN = 0, RLE = 3, DELTA_BINARY_PACKED = 5, RLE_DICTIONARY = 8 };

/* Parquet's numbers of the codecs. */
static int32_t codec_number(const dpi_parquet_worker *worker)
{
	switch (worker->codec.compression) {
	case DP_COMPRESSION_NONE:
		return 0;
	case DP_COMPRESSION_SNAPPY:
		return 1;
	case DP_COMPRESSION_DEFLATE:
		return 2;
	default:
		return 6;
	}
}

void dpi_parquet_worker_init(dpi_parquet_worker *worker,
	const dp_allocator *alloc, dp_compression compression)
{
	dpi_block_codec_init(
		&worker->codec, compression, DPI_CONTAINER_PARQUET);
	dpi_buf_init(&worker->page, alloc, PAGE_MAX);
	dpi_buf_init(&worker->head, alloc, PAGE_MAX);
	dpi_buf_init(&worker->packed, alloc, PAGE_MAX);
}

void dpi_parquet_worker_fini(dpi_parquet_worker *worker)
{
	dpi_block_codec_fini(&worker->codec);
	dpi_buf_fini(&worker->page);
	dpi_buf_fini(&worker->head);
	dpi_buf_fini(&worker->packed);
}

size_t dpi_parquet_worker_memory(const dpi_parquet_worker *worker)
{
	return dpi_block_codec_memory(&worker->codec) + worker->page.capacity +
		worker->head.capacity + worker->packed.capacity;
}

static void empty(dpi_buf *buf)
{
	if (buf->capacity > KEEP_BYTES) {
		dpi_buf_fini(buf);
	}
	dpi_buf_clear(buf);
}

/* What a chunk is made of, as the footer wants to know it. */
typedef struct parquet_chunk {
	uint64_t level_count;
	uint64_t value_count;
	uint64_t dictionary_offset; /* 0: none */
	uint64_t data_offset;
	int32_t encoding;
	dpi_parquet_sizes sizes;
} parquet_chunk;

static void put_page_head(
	dpi_parquet_worker *worker, int type, uint64_t count, int32_t encoding)
{
	const dpi_buf *packed = &worker->packed;
	uint32_t check = libdeflate_crc32(0, packed->data, packed->size);
	dpi_thrift thrift;

	dpi_thrift_begin(&thrift, &worker->head);
	dpi_thrift_i32(&thrift, 1, type);
	dpi_thrift_i32(&thrift, 2, (int32_t)worker->page.size);
	dpi_thrift_i32(&thrift, 3, (int32_t)packed->size);
	dpi_thrift_i32(&thrift, 4, (int32_t)check);
	dpi_thrift_open(&thrift, type == PAGE_DATA ? 5 : 7);
	dpi_thrift_i32(&thrift, 1, (int32_t)count);
	dpi_thrift_i32(&thrift, 2, encoding);
	if (type == PAGE_DATA) {
		dpi_thrift_i32(&thrift, 3, RLE);
		dpi_thrift_i32(&thrift, 4, RLE);
	}
	dpi_thrift_close(&thrift);
	dpi_thrift_close(&thrift);
}

/* Compresses worker->page and appends it with its head. */
static dp_status put_page(dpi_parquet_worker *worker, dpi_buf *out, int type,
	uint64_t count, int32_t encoding, dpi_parquet_sizes *sizes)
{
	dpi_buf *page = &worker->page;
	dp_status st = page->failed;

	if (st == DP_OK) {
		st = dpi_block_codec_run(&worker->codec,
			dpi_bytes(page->data, page->size), &worker->packed);
	}
	if (st == DP_OK) {
		put_page_head(worker, type, count, encoding);
		(void)dpi_buf_append(out, worker->head.data, worker->head.size);
		(void)dpi_buf_append(
			out, worker->packed.data, worker->packed.size);
		sizes->plain += worker->head.size + page->size;
		sizes->packed += worker->head.size + worker->packed.size;
		st = worker->head.failed != DP_OK ? worker->head.failed
						  : out->failed;
	}
	empty(page);
	empty(&worker->head);
	empty(&worker->packed);
	return st;
}

static dp_status put_dictionary(const dpi_parquet_column *column,
	dpi_parquet_worker *worker, dpi_buf *out, parquet_chunk *chunk)
{
	const dpi_buf *values = &column->dictionary.values;

	(void)dpi_buf_append(&worker->page, values->data, values->size);
	return put_page(worker, out, PAGE_DICTIONARY, column->dictionary.count,
		PLAIN, &chunk->sizes);
}

static bool has_deltas(const dpi_parquet_column *column)
{
	dpi_parquet_type type = column->leaf->type;

	return (type == DPI_PARQUET_INT32 || type == DPI_PARQUET_INT64) &&
		dpi_parquet_likes_deltas(column->plain.data,
			column->plain_count, type == DPI_PARQUET_INT32 ? 4 : 8);
}

static void put_values(
	const dpi_parquet_column *column, dpi_buf *page, parquet_chunk *chunk)
{
	const dpi_buf *plain = &column->plain;

	if (chunk->dictionary_offset > 0) {
		chunk->encoding = RLE_DICTIONARY;
		dpi_parquet_put_indices(page,
			(const void *)column->indices.data, chunk->value_count,
			column->dictionary.count);
	} else if (column->leaf->type == DPI_PARQUET_BOOLEAN) {
		dpi_parquet_put_bools(page, plain->data, plain->size);
	} else if (has_deltas(column)) {
		chunk->encoding = DELTA_BINARY_PACKED;
		dpi_parquet_put_deltas(page, plain->data, chunk->value_count,
			column->leaf->type == DPI_PARQUET_INT32 ? 4 : 8);
	} else {
		(void)dpi_buf_append(page, plain->data, plain->size);
	}
}

static dp_status put_data(const dpi_parquet_column *column,
	dpi_parquet_worker *worker, dpi_buf *out, parquet_chunk *chunk)
{
	const dpi_parquet_leaf *leaf = column->leaf;
	dpi_buf *page = &worker->page;

	if (leaf->max_rep > 0) {
		dpi_parquet_levels_write(&column->rep, leaf->max_rep, page);
	}
	if (leaf->max_def > 0) {
		dpi_parquet_levels_write(&column->def, leaf->max_def, page);
	}
	put_values(column, page, chunk);
	return put_page(worker, out, PAGE_DATA, chunk->level_count,
		chunk->encoding, &chunk->sizes);
}

static void put_statistics(const dpi_parquet_column *column,
	const parquet_chunk *chunk, dpi_thrift *meta)
{
	dpi_parquet_statistics statistics;

	dpi_parquet_statistics_make(&statistics, column);
	dpi_thrift_open(meta, 12);
	dpi_thrift_i64(
		meta, 3, (int64_t)(chunk->level_count - chunk->value_count));
	if (statistics.has_bounds) {
		dpi_thrift_binary(meta, 5, statistics.most);
		dpi_thrift_binary(meta, 6, statistics.least);
	}
	dpi_thrift_close(meta);
}

static void put_encodings(const parquet_chunk *chunk, dpi_thrift *meta)
{
	bool has_dictionary = chunk->dictionary_offset > 0;

	dpi_thrift_list(meta, 2, DPI_THRIFT_I32, has_dictionary ? 3 : 2);
	if (has_dictionary) {
		dpi_thrift_element_i32(meta, PLAIN);
	}
	dpi_thrift_element_i32(meta, RLE);
	dpi_thrift_element_i32(meta, chunk->encoding);
}

static void put_chunk(const dpi_parquet_column *column,
	const dpi_parquet_worker *worker, const parquet_chunk *chunk,
	dpi_thrift *meta)
{
	const dpi_parquet_leaf *leaf = column->leaf;

	dpi_thrift_element_open(meta);
	dpi_thrift_i64(meta, 2, (int64_t)chunk->data_offset);
	dpi_thrift_open(meta, 3);
	dpi_thrift_i32(meta, 1, (int32_t)leaf->type);
	put_encodings(chunk, meta);
	dpi_thrift_list(meta, 3, DPI_THRIFT_BINARY, leaf->path_count);
	for (size_t i = 0; i < leaf->path_count; i++) {
		dpi_thrift_element_text(meta, leaf->path[i]);
	}
	dpi_thrift_i32(meta, 4, codec_number(worker));
	dpi_thrift_i64(meta, 5, (int64_t)chunk->level_count);
	dpi_thrift_i64(meta, 6, (int64_t)chunk->sizes.plain);
	dpi_thrift_i64(meta, 7, (int64_t)chunk->sizes.packed);
	dpi_thrift_i64(meta, 9, (int64_t)chunk->data_offset);
	if (chunk->dictionary_offset > 0) {
		dpi_thrift_i64(meta, 11, (int64_t)chunk->dictionary_offset);
	}
	put_statistics(column, chunk, meta);
	dpi_thrift_close(meta);
	dpi_thrift_close(meta);
}

dp_status dpi_parquet_column_write(const dpi_parquet_column *column,
	uint64_t row_count, dpi_parquet_worker *worker, dpi_buf *out,
	uint64_t offset, dpi_thrift *meta, dpi_parquet_sizes *sizes)
{
	parquet_chunk chunk = {
		.encoding = PLAIN,
		.value_count = dpi_parquet_column_count(column),
		.level_count = column->leaf->max_def == 0
			? row_count
			: dpi_parquet_levels_count(&column->def),
	};
	dp_status st = DP_OK;

	if (column->has_dictionary && chunk.value_count > 0) {
		chunk.dictionary_offset = offset + out->size;
		st = put_dictionary(column, worker, out, &chunk);
	}
	chunk.data_offset = offset + out->size;
	if (st == DP_OK) {
		st = put_data(column, worker, out, &chunk);
	}
	if (st == DP_OK) {
		put_chunk(column, worker, &chunk, meta);
		sizes->plain += chunk.sizes.plain;
		sizes->packed += chunk.sizes.packed;
	}
	return st;
}
