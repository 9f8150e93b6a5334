/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_CODEC_PARQUET_FILE_H
#define DPI_CODEC_PARQUET_FILE_H

#include "codec/parquet_page.h"
#include "codec/parquet_schema.h"

/*
 * Parquet files (format 2.10): "PAR1", row groups, a footer that tells where
 * everything is, and "PAR1" again. Without its footer a file is nothing, so it
 * is read by nobody until it is finished.
 *
 * The writer makes bytes; whose file they go to is the caller's business, who
 * takes `out` and clears it, at any time.
 *
 * Rows come as datums (codec/parquet_shred.h). Columns fill in memory until
 * they hold row_group_bytes, or the caller cuts the row group for want of it.
 */

/* Unless the caller sets row_group_bytes. */
#define DPI_PARQUET_GROUP_BYTES ((size_t)16 << 20)

typedef struct dpi_parquet_file {
	const dp_allocator *alloc;
	dpi_parquet_schema *schema;
	dpi_parquet_worker *worker;
	size_t row_group_bytes;
	dpi_parquet_column *columns;
	size_t columns_memory; /* as of the last append */
	uint64_t row_count;    /* of the row group */
	uint64_t total_count;  /* of the file */
	dpi_buf out;           /* finished bytes: take, then dpi_buf_clear() */
	uint64_t out_end;      /* place in the file behind `out` */
	dpi_buf groups;        /* the footer's elements */
	uint32_t group_count;
	dpi_buf meta; /* the footer's pairs */
	uint32_t meta_count;
} dpi_parquet_file;

/*
 * Begins a file, and takes a reference to schema. Borrows worker, which may
 * serve other files between two calls, and copies meta, which is for the
 * footer. Errors: DP_ENOMEM.
 */
DP_NODISCARD dp_status dpi_parquet_file_init(dpi_parquet_file *file,
	const dp_allocator *alloc, dpi_parquet_schema *schema,
	dpi_parquet_worker *worker, const dpi_file_meta *meta,
	size_t meta_count, dp_error **err);
void dpi_parquet_file_fini(dpi_parquet_file *file);

/* Appends count datums, all of them or, on failure, none. */
DP_NODISCARD dp_status dpi_parquet_file_append(dpi_parquet_file *file,
	dp_bytes datums, uint64_t count, dp_error **err);

/*
 * Moves the row group to `out`, if it has rows, and gives its memory back
 * unless keeps_memory. May be tried again.
 */
DP_NODISCARD dp_status dpi_parquet_file_cut(
	dpi_parquet_file *file, bool keeps_memory, dp_error **err);

/* Cuts, and appends the footer; nothing may follow. May be tried again. */
DP_NODISCARD dp_status dpi_parquet_file_finish(
	dpi_parquet_file *file, dp_error **err);

/* Bytes of memory that the file holds; columns_memory of them a cut gives
 * back. */
size_t dpi_parquet_file_memory(const dpi_parquet_file *file);

#endif /* DPI_CODEC_PARQUET_FILE_H */
