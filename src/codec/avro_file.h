/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_CODEC_AVRO_FILE_H
#define DPI_CODEC_AVRO_FILE_H

#include <stdint.h>

#include <datapipe/sink.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "codec/block_codec.h"

/*
 * Avro object container files (specification 1.11.1, "Object Container
 * Files"): a header with the schema, then blocks of data, each compressed and
 * closed by the file's sync marker.
 *
 * The writer makes bytes; whose file they go to is the caller's business.
 * Datums are appended to `block` and counted by dpi_avro_file_end(); when it
 * has block_bytes, or when asked, the block is compressed behind `out`, which
 * the caller takes and clears.
 */

#define DPI_AVRO_SYNC_SIZE 16

/* Plain bytes of a block, unless the caller sets block_bytes. */
#define DPI_AVRO_BLOCK_BYTES (64u << 10)

typedef struct dpi_avro_file {
	const dp_allocator *alloc;
	dpi_block_codec codec;
	size_t block_bytes;
	uint8_t sync[DPI_AVRO_SYNC_SIZE];
	dpi_buf block;       /* datums of the open block: append here */
	size_t block_filled; /* bytes of those that are counted */
	uint64_t block_count;
	dpi_buf out; /* finished bytes: take, then dpi_buf_clear() */
	uint64_t total_count;
} dpi_avro_file;

/* Writes the header to out. sync is 16 random bytes. Errors: DP_ENOMEM. */
DP_NODISCARD dp_status dpi_avro_file_init(dpi_avro_file *file,
	const dp_allocator *alloc, dp_compression compression,
	const char *schema_json, const dpi_file_meta *meta, size_t meta_count,
	const uint8_t *sync, dp_error **err);
void dpi_avro_file_fini(dpi_avro_file *file);

/*
 * So many datums were appended to block. May move the block to out. On failure
 * they are taken out again, and all datums before them are as they were.
 */
DP_NODISCARD dp_status dpi_avro_file_end(
	dpi_avro_file *file, uint64_t count, dp_error **err);

/*
 * Appends datums that lie elsewhere. Where they are a block by themselves, they
 * become one from where they lie. On failure nothing was appended.
 */
DP_NODISCARD dp_status dpi_avro_file_append(
	dpi_avro_file *file, dp_bytes datums, uint64_t count, dp_error **err);

/* Moves the open block to out, if it has anything. May be tried again. */
DP_NODISCARD dp_status dpi_avro_file_flush(dpi_avro_file *file, dp_error **err);

/* Bytes of memory that the file holds. */
size_t dpi_avro_file_memory(const dpi_avro_file *file);

/* Avro's primitive encodings, where there is room: DPI_VARINT_MAX for each
 * number, and size and branch are some. Return the place after. */
static inline uint8_t *dpi_avro_long(uint8_t *p, int64_t value)
{
	return dpi_put_varint(
		p, (uint64_t)value << 1 ^ (uint64_t)(value >> 63));
}

static inline uint8_t *dpi_avro_bytes(uint8_t *p, dp_bytes value)
{
	p = dpi_avro_long(p, (int64_t)value.size);
	if (value.size > 0) {
		memcpy(p, value.data, value.size);
	}
	return p + value.size;
}

/* Of ["null", T]. */
static inline uint8_t *dpi_avro_nullable(uint8_t *p, dp_bytes value)
{
	return value.data == NULL ? dpi_avro_long(p, 0)
				  : dpi_avro_bytes(dpi_avro_long(p, 1), value);
}

/* The same, appended to a buffer. */
dp_status dpi_avro_put_long(dpi_buf *out, int64_t value);
dp_status dpi_avro_put_bytes(dpi_buf *out, dp_bytes value);

#endif /* DPI_CODEC_AVRO_FILE_H */
