/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_CODEC_BLOCK_CODEC_H
#define DPI_CODEC_BLOCK_CODEC_H

#include <datapipe/sink.h>

#include "base/buf.h"

/*
 * Compression of the blocks of container files. The libraries behind it keep
 * their own tables, taken from malloc: about 200 KiB for blocks of 64 KiB. bzip2 and xz
 * take 1 and 3 MiB for each block, and give them back.
 */
typedef enum dpi_container {
	DPI_CONTAINER_AVRO,   /* bare deflate; Snappy with a checksum behind */
	DPI_CONTAINER_PARQUET /* gzip; Snappy alone */
} dpi_container;

typedef struct dpi_block_codec {
	dpi_container container;
	dp_compression compression; /* never DP_COMPRESSION_DEFAULT */
	void *context;              /* of the library; NULL until needed */
} dpi_block_codec;

/* A pair of the metadata that container files have. */
typedef struct dpi_file_meta {
	const char *key;
	dp_bytes value;
} dpi_file_meta;

/* Allocates nothing yet. */
void dpi_block_codec_init(dpi_block_codec *codec, dp_compression compression,
	dpi_container container);
void dpi_block_codec_fini(dpi_block_codec *codec);

/* Whether this build has it for such files. */
bool dpi_block_codec_has(dp_compression compression, dpi_container container);

/* What Avro calls it. */
const char *dpi_block_codec_name(const dpi_block_codec *codec);

/* Appends plain, compressed. On failure out is as it was. */
DP_NODISCARD dp_status dpi_block_codec_run(
	dpi_block_codec *codec, dp_bytes plain, dpi_buf *out);

/* Bytes that the library holds. */
size_t dpi_block_codec_memory(const dpi_block_codec *codec);

#endif /* DPI_CODEC_BLOCK_CODEC_H */
