/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_CODEC_PARQUET_PAGE_H
#define DPI_CODEC_PARQUET_PAGE_H

#include "codec/block_codec.h"
#include "codec/parquet_column.h"

/*
 * Writes a column of a row group: the page of its dictionary, if it has one,
 * and one page of data, each compressed and with a CRC-32; then, for the
 * footer, what is in it. One worker serves any number of files.
 */
typedef struct dpi_parquet_worker {
	dpi_block_codec codec;
	dpi_buf page; /* before it is compressed */
	dpi_buf head;
	dpi_buf packed;
} dpi_parquet_worker;

/* Parquet's codecs are those of Avro, and gzip for deflate. */
void dpi_parquet_worker_init(dpi_parquet_worker *worker,
	const dp_allocator *alloc, dp_compression compression);
void dpi_parquet_worker_fini(dpi_parquet_worker *worker);
size_t dpi_parquet_worker_memory(const dpi_parquet_worker *worker);

/* What a row group adds up over its columns. */
typedef struct dpi_parquet_sizes {
	uint64_t plain, packed;
} dpi_parquet_sizes;

/*
 * Appends the pages to out, whose byte 0 is at `offset` of the file, and the
 * column's chunk as an element of a list to `meta`. A buffer that could not
 * grow says so itself. DP_ENOMEM is of the codec.
 */
DP_NODISCARD dp_status dpi_parquet_column_write(
	const dpi_parquet_column *column, uint64_t row_count,
	dpi_parquet_worker *worker, dpi_buf *out, uint64_t offset,
	dpi_thrift *meta, dpi_parquet_sizes *sizes);

#endif /* DPI_CODEC_PARQUET_PAGE_H */
