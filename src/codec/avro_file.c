/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/avro_file.h"

#include <string.h>

#include "base/bytes.h"
#include "base/error.h"

/* A datum of the largest message, behind a block that is nearly full. */
#define BLOCK_LIMIT (64u << 20)

/* For a caller who takes the bytes late. */
#define OUT_LIMIT (1u << 30)

dp_status dpi_avro_put_long(dpi_buf *out, int64_t value)
{
	uint8_t bytes[DPI_VARINT_MAX];
	uint8_t *end = dpi_avro_long(bytes, value);

	return dpi_buf_append(out, bytes, (size_t)(end - bytes));
}

dp_status dpi_avro_put_bytes(dpi_buf *out, dp_bytes value)
{
	(void)dpi_avro_put_long(out, (int64_t)value.size);
	return dpi_buf_append(out, value.data, value.size);
}

static void put_pair(dpi_buf *out, const char *key, dp_bytes value)
{
	(void)dpi_avro_put_bytes(out, dpi_bytes_text(key));
	(void)dpi_avro_put_bytes(out, value);
}

static dp_status put_header(dpi_avro_file *file, const char *schema_json,
	const dpi_file_meta *meta, size_t meta_count)
{
	static const char magic[] = {'O', 'b', 'j', 1};
	dpi_buf *out = &file->out;

	(void)dpi_buf_append(out, magic, sizeof(magic));
	(void)dpi_avro_put_long(out, (int64_t)(meta_count + 2));
	put_pair(out, "avro.schema", dpi_bytes_text(schema_json));
	put_pair(out, "avro.codec",
		dpi_bytes_text(dpi_block_codec_name(&file->codec)));
	for (size_t i = 0; i < meta_count; i++) {
		put_pair(out, meta[i].key, meta[i].value);
	}
	(void)dpi_avro_put_long(out, 0);
	(void)dpi_buf_append(out, file->sync, sizeof(file->sync));
	return out->failed;
}

dp_status dpi_avro_file_init(dpi_avro_file *file, const dp_allocator *alloc,
	dp_compression compression, const char *schema_json,
	const dpi_file_meta *meta, size_t meta_count, const uint8_t *sync,
	dp_error **err)
{
	dp_status st;

	*file = (dpi_avro_file){
		.alloc = alloc, .block_bytes = DPI_AVRO_BLOCK_BYTES};
	memcpy(file->sync, sync, sizeof(file->sync));
	dpi_block_codec_init(&file->codec, compression, DPI_CONTAINER_AVRO);
	dpi_buf_init(&file->block, alloc, BLOCK_LIMIT);
	dpi_buf_init(&file->out, alloc, OUT_LIMIT);

	st = put_header(file, schema_json, meta, meta_count);
	if (st != DP_OK) {
		dpi_avro_file_fini(file);
		return dpi_error_set(err, st, "header of an Avro file: %s",
			dp_status_name(st));
	}
	return DP_OK;
}

void dpi_avro_file_fini(dpi_avro_file *file)
{
	dpi_buf_fini(&file->out);
	dpi_buf_fini(&file->block);
	dpi_block_codec_fini(&file->codec);
}

static size_t put_head(uint8_t *head, uint64_t count, size_t size)
{
	uint8_t *p = dpi_avro_long(head, (int64_t)count);

	return (size_t)(dpi_avro_long(p, (int64_t)size) - head);
}

/*
 * The head of a block needs its size, which is known only afterwards; mostly
 * it takes as many bytes as that of the plain block would.
 */
static dp_status put_block(dpi_avro_file *file, dp_bytes plain, uint64_t count)
{
	dpi_buf *out = &file->out;
	uint8_t head[2 * DPI_VARINT_MAX];
	size_t start = out->size;
	size_t room = put_head(head, count, plain.size);
	size_t head_size;
	size_t size;
	dp_status st;

	st = dpi_buf_reserve(out, sizeof(head));
	if (st != DP_OK) {
		return st;
	}
	out->size += room;
	st = dpi_block_codec_run(&file->codec, plain, out);
	if (st != DP_OK) {
		return st;
	}
	size = out->size - start - room;
	head_size = put_head(head, count, size);
	st = dpi_buf_reserve(out, sizeof(head) + sizeof(file->sync));
	if (st != DP_OK) {
		return st;
	}
	if (head_size != room) {
		memmove(out->data + start + head_size, out->data + start + room,
			size);
	}
	memcpy(out->data + start, head, head_size);
	out->size = start + head_size + size;
	return dpi_buf_append(out, file->sync, sizeof(file->sync));
}

/* All of it, or nothing. */
static dp_status add_block(
	dpi_avro_file *file, dp_bytes plain, uint64_t count, dp_error **err)
{
	size_t start = file->out.size;
	dp_status st = put_block(file, plain, count);

	if (st != DP_OK) {
		file->out.size = start;
		file->out.failed = DP_OK;
		return dpi_error_set(err, st,
			"block of %zu bytes of an Avro file: %s", plain.size,
			dp_status_name(st));
	}
	return DP_OK;
}

dp_status dpi_avro_file_flush(dpi_avro_file *file, dp_error **err)
{
	dp_status st;

	if (file->block_count == 0) {
		return DP_OK;
	}
	st = add_block(file, dpi_bytes(file->block.data, file->block_filled),
		file->block_count, err);
	if (st != DP_OK) {
		return st;
	}
	file->block_count = 0;
	file->block_filled = 0;
	dpi_buf_clear(&file->block);
	return DP_OK;
}

/* Forgets all that is behind the last counted datum. */
static void take_back(dpi_avro_file *file, size_t filled)
{
	file->block.size = filled;
	file->block.failed = DP_OK;
	file->block_filled = filled;
}

dp_status dpi_avro_file_end(dpi_avro_file *file, uint64_t count, dp_error **err)
{
	size_t before = file->block_filled;
	dp_status st = file->block.failed;

	if (st != DP_OK) {
		take_back(file, before);
		return dpi_error_set(err, st, "record of an Avro file: %s",
			dp_status_name(st));
	}
	file->block_count += count;
	file->block_filled = file->block.size;
	if (file->block.size >= file->block_bytes) {
		st = dpi_avro_file_flush(file, err);
	}
	if (st != DP_OK) {
		file->block_count -= count;
		take_back(file, before);
		return st;
	}
	file->total_count += count;
	return DP_OK;
}

dp_status dpi_avro_file_append(
	dpi_avro_file *file, dp_bytes datums, uint64_t count, dp_error **err)
{
	dp_status st;

	if (file->block.size > 0 || datums.size < file->block_bytes) {
		(void)dpi_buf_append(&file->block, datums.data, datums.size);
		return dpi_avro_file_end(file, count, err);
	}
	st = add_block(file, datums, count, err);
	file->total_count += st == DP_OK ? count : 0;
	return st;
}

size_t dpi_avro_file_memory(const dpi_avro_file *file)
{
	return file->block.capacity + file->out.capacity +
		dpi_block_codec_memory(&file->codec);
}
