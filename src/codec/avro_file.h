/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_CODEC_AVRO_FILE_H
#define DPI_CODEC_AVRO_FILE_H

#include <stdint.h>

#include <datapipe/sink.h>

#include "base/buf.h"
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

/* A pair for the header's metadata. */
typedef struct dpi_avro_meta {
	const char *key;
	dp_bytes value;
} dpi_avro_meta;

/* Writes the header to out. sync is 16 random bytes. Errors: DP_ENOMEM. */
DP_NODISCARD dp_status dpi_avro_file_init(dpi_avro_file *file,
	const dp_allocator *alloc, dp_compression compression,
	const char *schema_json, const dpi_avro_meta *meta, size_t meta_count,
	const uint8_t *sync, dp_error **err);
void dpi_avro_file_fini(dpi_avro_file *file);

/*
 * One datum was appended to block. May move the block to out. On failure the
 * datum is taken out again, and all datums before it are as they were.
 */
DP_NODISCARD dp_status dpi_avro_file_end(dpi_avro_file *file, dp_error **err);

/* Moves the open block to out, if it has anything. May be tried again. */
DP_NODISCARD dp_status dpi_avro_file_flush(dpi_avro_file *file, dp_error **err);

/* Bytes of memory that the file holds. */
size_t dpi_avro_file_memory(const dpi_avro_file *file);

/* Avro's primitive encodings, appended to a buffer. */
dp_status dpi_avro_put_long(dpi_buf *out, int64_t value);
dp_status dpi_avro_put_bytes(dpi_buf *out, dp_bytes value);

#endif /* DPI_CODEC_AVRO_FILE_H */
