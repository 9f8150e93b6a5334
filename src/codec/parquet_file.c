/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/parquet_file.h"

#include <stdio.h>

#include <datapipe/version.h>

#include "base/alloc.h"
#include "base/error.h"
#include "codec/parquet_shred.h"

#define OUT_LIMIT ((size_t)1 << 30)

static const char magic[4] = {'P', 'A', 'R', '1'};

static dp_status fail(dp_status st, const char *what, dp_error **err)
{
	return dpi_error_set(
		err, st, "%s of a Parquet file: %s", what, dp_status_name(st));
}

static void put_meta(dpi_parquet_file *file, const dpi_file_meta *meta)
{
	dpi_thrift thrift;

	dpi_thrift_begin(&thrift, &file->meta);
	for (size_t i = 0; i < file->meta_count; i++) {
		dpi_thrift_element_open(&thrift);
		dpi_thrift_text(&thrift, 1, meta[i].key);
		dpi_thrift_binary(&thrift, 2, meta[i].value);
		dpi_thrift_close(&thrift);
	}
}

dp_status dpi_parquet_file_init(dpi_parquet_file *file,
	const dp_allocator *alloc, dpi_parquet_schema *schema,
	dpi_parquet_worker *worker, const dpi_file_meta *meta,
	size_t meta_count, dp_error **err)
{
	*file = (dpi_parquet_file){.alloc = alloc,
		.worker = worker,
		.row_group_bytes = DPI_PARQUET_GROUP_BYTES,
		.out_end = sizeof(magic),
		.meta_count = (uint32_t)meta_count};
	dpi_buf_init(&file->out, alloc, OUT_LIMIT);
	dpi_buf_init(&file->groups, alloc, OUT_LIMIT);
	dpi_buf_init(&file->meta, alloc, OUT_LIMIT);
	put_meta(file, meta);
	(void)dpi_buf_append(&file->out, magic, sizeof(magic));
	if (file->out.failed == DP_OK && file->meta.failed == DP_OK) {
		file->columns = dpi_zalloc(
			alloc, schema->leaf_count, sizeof(*file->columns));
	}
	if (file->columns == NULL) {
		dpi_parquet_file_fini(file);
		return fail(DP_ENOMEM, "beginning", err);
	}
	file->schema = dpi_parquet_schema_ref(schema);
	for (uint32_t i = 0; i < schema->leaf_count; i++) {
		dpi_parquet_column_init(
			&file->columns[i], alloc, &schema->leaves[i]);
	}
	return DP_OK;
}

void dpi_parquet_file_fini(dpi_parquet_file *file)
{
	uint32_t count = file->schema != NULL ? file->schema->leaf_count : 0;

	for (uint32_t i = 0; i < count; i++) {
		dpi_parquet_column_fini(&file->columns[i]);
	}
	if (count > 0) {
		dpi_free(file->alloc, file->columns, count,
			sizeof(*file->columns));
	}
	dpi_buf_fini(&file->out);
	dpi_buf_fini(&file->groups);
	dpi_buf_fini(&file->meta);
	dpi_parquet_schema_unref(file->schema);
	file->schema = NULL;
}

static dp_status settle(dpi_parquet_file *file)
{
	dp_status st = DP_OK;

	for (uint32_t i = 0; st == DP_OK && i < file->schema->leaf_count; i++) {
		st = dpi_parquet_column_settle(&file->columns[i]);
	}
	return st;
}

static dp_status shred(dpi_parquet_file *file, dp_bytes datums, uint64_t count)
{
	const uint8_t *p = datums.data;

	for (uint64_t i = 0; i < count; i++) {
		p = dpi_parquet_shred(file->schema, file->columns, p);
		if (p == NULL) {
			return DP_ENOMEM;
		}
	}
	return DP_OK;
}

static void conclude(dpi_parquet_file *file, dp_status st)
{
	size_t memory = 0;

	for (uint32_t i = 0; i < file->schema->leaf_count; i++) {
		dpi_parquet_column *column = &file->columns[i];

		if (st == DP_OK) {
			dpi_parquet_column_commit(column);
		} else {
			dpi_parquet_column_take_back(column);
		}
		memory += dpi_parquet_column_memory(column);
	}
	file->columns_memory = memory;
}

/* What the columns hold, which is less than their memory. */
static size_t bytes_of(const dpi_parquet_file *file)
{
	size_t bytes = 0;

	for (uint32_t i = 0; i < file->schema->leaf_count; i++) {
		const dpi_parquet_column *column = &file->columns[i];

		bytes += column->plain.size + column->indices.size +
			column->dictionary.values.size + column->def.runs.size +
			column->rep.runs.size;
	}
	return bytes;
}

dp_status dpi_parquet_file_append(
	dpi_parquet_file *file, dp_bytes datums, uint64_t count, dp_error **err)
{
	dp_status st = settle(file);

	if (st == DP_OK && bytes_of(file) >= file->row_group_bytes) {
		st = dpi_parquet_file_cut(file, true, err);
		if (st != DP_OK) {
			return st;
		}
	}
	if (st == DP_OK) {
		st = shred(file, datums, count);
		conclude(file, st);
	}
	if (st != DP_OK) {
		return fail(st, "row", err);
	}
	file->row_count += count;
	file->total_count += count;
	return DP_OK;
}

static dp_status put_columns(
	dpi_parquet_file *file, dpi_thrift *meta, dpi_parquet_sizes *sizes)
{
	uint64_t offset = file->out_end - file->out.size;
	dp_status st = DP_OK;

	dpi_thrift_list(meta, 1, DPI_THRIFT_STRUCT, file->schema->leaf_count);
	for (uint32_t i = 0; st == DP_OK && i < file->schema->leaf_count; i++) {
		st = dpi_parquet_column_write(&file->columns[i],
			file->row_count, file->worker, &file->out, offset, meta,
			sizes);
	}
	return st;
}

static dp_status put_group(dpi_parquet_file *file)
{
	uint64_t start = file->out_end;
	dpi_parquet_sizes sizes = {0, 0};
	dpi_thrift meta;
	dp_status st;

	dpi_thrift_begin(&meta, &file->groups);
	st = put_columns(file, &meta, &sizes);
	dpi_thrift_i64(&meta, 2, (int64_t)sizes.plain);
	dpi_thrift_i64(&meta, 3, (int64_t)file->row_count);
	dpi_thrift_i64(&meta, 5, (int64_t)start);
	dpi_thrift_i64(&meta, 6, (int64_t)sizes.packed);
	dpi_thrift_close(&meta);
	return st != DP_OK ? st : file->groups.failed;
}

static void truncate_buffer(dpi_buf *buf, size_t size)
{
	buf->size = size;
	buf->failed = DP_OK;
}

dp_status dpi_parquet_file_cut(
	dpi_parquet_file *file, bool keeps_memory, dp_error **err)
{
	size_t out_size = file->out.size;
	size_t groups_size = file->groups.size;
	dp_status st;

	if (file->row_count == 0) {
		return DP_OK;
	}
	st = put_group(file);
	if (st != DP_OK) {
		truncate_buffer(&file->out, out_size);
		truncate_buffer(&file->groups, groups_size);
		return fail(st, "row group", err);
	}
	file->out_end += file->out.size - out_size;
	file->group_count++;
	file->row_count = 0;
	for (uint32_t i = 0; i < file->schema->leaf_count; i++) {
		dpi_parquet_column_clear(&file->columns[i], keeps_memory);
	}
	conclude(file, DP_OK);
	return DP_OK;
}

/* Each column's order is that of its type: without it no reader trusts the
 * bounds of texts. */
static void put_orders(dpi_thrift *thrift, uint32_t count)
{
	dpi_thrift_list(thrift, 7, DPI_THRIFT_STRUCT, count);
	for (uint32_t i = 0; i < count; i++) {
		dpi_thrift_element_open(thrift);
		dpi_thrift_empty(thrift, 1);
		dpi_thrift_close(thrift);
	}
}

static void put_footer(dpi_parquet_file *file)
{
	dpi_buf *out = &file->out;
	size_t start = out->size;
	char maker[64];
	uint8_t size[4];
	dpi_thrift thrift;

	(void)snprintf(
		maker, sizeof(maker), "libdatapipe version %s", dp_version());
	dpi_thrift_begin(&thrift, out);
	dpi_thrift_i32(&thrift, 1, 2);
	dpi_parquet_schema_write(file->schema, &thrift);
	dpi_thrift_i64(&thrift, 3, (int64_t)file->total_count);
	dpi_thrift_list(&thrift, 4, DPI_THRIFT_STRUCT, file->group_count);
	(void)dpi_buf_append(out, file->groups.data, file->groups.size);
	if (file->meta_count > 0) {
		dpi_thrift_list(
			&thrift, 5, DPI_THRIFT_STRUCT, file->meta_count);
		(void)dpi_buf_append(out, file->meta.data, file->meta.size);
	}
	dpi_thrift_text(&thrift, 6, maker);
	put_orders(&thrift, file->schema->leaf_count);
	dpi_thrift_close(&thrift);
	dpi_store_u32(size, (uint32_t)(out->size - start));
	(void)dpi_buf_append(out, size, sizeof(size));
	(void)dpi_buf_append(out, magic, sizeof(magic));
}

dp_status dpi_parquet_file_finish(dpi_parquet_file *file, dp_error **err)
{
	dp_status st = dpi_parquet_file_cut(file, false, err);
	size_t start = file->out.size;

	if (st != DP_OK) {
		return st;
	}
	put_footer(file);
	st = file->out.failed;
	if (st != DP_OK) {
		truncate_buffer(&file->out, start);
		return fail(st, "footer", err);
	}
	file->out_end += file->out.size - start;
	return DP_OK;
}

size_t dpi_parquet_file_memory(const dpi_parquet_file *file)
{
	return file->columns_memory + file->out.capacity +
		file->groups.capacity + file->meta.capacity +
		file->schema->leaf_count * sizeof(*file->columns);
}
