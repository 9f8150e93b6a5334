/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/block_codec.h"

#include <libdeflate.h>
#include <stdlib.h>
#include <zstd.h>
#ifdef DPI_HAS_BZIP2
#include <bzlib.h>
#endif
#ifdef DPI_HAS_XZ
#include <lzma.h>
#endif

#include "codec/snappy.h"

/*
 * The fastest level of each: a higher one saves 4 % of the bytes of small
 * events, and costs more than all else that happens to them.
 */
#define LEVEL 1

/* libdeflate does not tell; this is what its level 1 takes. */
#define DEFLATE_MEMORY (72u << 10)

/* Avro closes what Snappy made with the CRC-32 of the plain bytes. */
#define CHECK_SIZE 4

/* What its manual asks for: 1 % and 600 bytes more. */
static size_t bzip2_bound(size_t plain)
{
	return plain + plain / 100 + 600;
}

/* This and xz keep nothing between blocks, and return 0 as compress() does. */
static size_t compress_bzip2(dp_bytes plain, uint8_t *dst, size_t room)
{
#ifdef DPI_HAS_BZIP2
	unsigned size = (unsigned)room;

	return BZ2_bzBuffToBuffCompress((char *)dst, &size,
		       (char *)(uintptr_t)plain.data, (unsigned)plain.size,
		       LEVEL, 0, 0) == BZ_OK
		? size
		: 0;
#else
	(void)plain, (void)dst, (void)room;
	return 0;
#endif
}

static size_t xz_bound(size_t plain)
{
#ifdef DPI_HAS_XZ
	return lzma_stream_buffer_bound(plain);
#else
	return plain;
#endif
}

static size_t compress_xz(dp_bytes plain, uint8_t *dst, size_t room)
{
	size_t size = 0;

#ifdef DPI_HAS_XZ
	if (lzma_easy_buffer_encode(0, LZMA_CHECK_CRC64, NULL, plain.data,
		    plain.size, dst, &size, room) != LZMA_OK) {
		return 0;
	}
#else
	(void)plain, (void)dst, (void)room;
#endif
	return size;
}

bool dpi_block_codec_has(dp_compression compression, dpi_container container)
{
	if (compression > DP_COMPRESSION_SNAPPY &&
		container != DPI_CONTAINER_AVRO) {
		return false;
	}
	switch (compression) {
#ifdef DPI_HAS_BZIP2
	case DP_COMPRESSION_BZIP2:
		return true;
#endif
#ifdef DPI_HAS_XZ
	case DP_COMPRESSION_XZ:
		return true;
#endif
	default:
		return compression >= DP_COMPRESSION_DEFAULT &&
			compression <= DP_COMPRESSION_SNAPPY;
	}
}

/* Most bytes that plain bytes may become. */
static size_t bound(const dpi_block_codec *codec, size_t plain)
{
	switch (codec->compression) {
	case DP_COMPRESSION_ZSTD:
		return ZSTD_compressBound(plain);
	case DP_COMPRESSION_DEFLATE:
		return libdeflate_gzip_compress_bound(NULL, plain);
	case DP_COMPRESSION_SNAPPY:
		return dpi_snappy_bound(plain) + CHECK_SIZE;
	case DP_COMPRESSION_BZIP2:
		return bzip2_bound(plain);
	case DP_COMPRESSION_XZ:
		return xz_bound(plain);
	default:
		return plain;
	}
}

/* All from malloc: contexts go from file to file, whose allocators may differ. */
static void *new_context(dp_compression compression)
{
	switch (compression) {
	case DP_COMPRESSION_ZSTD:
		return ZSTD_createCCtx();
	case DP_COMPRESSION_DEFLATE:
		return libdeflate_alloc_compressor(LEVEL);
	default:
		return malloc(sizeof(dpi_snappy));
	}
}

static size_t compress_snappy(
	const dpi_block_codec *codec, dp_bytes plain, uint8_t *dst)
{
	size_t n = dpi_snappy_compress(codec->context, plain, dst);
	uint32_t check;

	if (codec->container != DPI_CONTAINER_AVRO) {
		return n;
	}
	check = libdeflate_crc32(0, plain.data, plain.size);
	for (size_t i = 0; i < CHECK_SIZE; i++) {
		dst[n + i] = (uint8_t)(check >> (24 - 8 * i));
	}
	return n + CHECK_SIZE;
}

/* Returns the bytes written to dst, or 0 if the library ran out of memory. */
static size_t compress(
	dpi_block_codec *codec, dp_bytes plain, uint8_t *dst, size_t room)
{
	size_t n;

	switch (codec->compression) {
	case DP_COMPRESSION_SNAPPY:
		return compress_snappy(codec, plain, dst);
	case DP_COMPRESSION_BZIP2:
		return compress_bzip2(plain, dst, room);
	case DP_COMPRESSION_XZ:
		return compress_xz(plain, dst, room);
	case DP_COMPRESSION_DEFLATE:
		return (codec->container == DPI_CONTAINER_AVRO
				? libdeflate_deflate_compress
				: libdeflate_gzip_compress)(
			codec->context, plain.data, plain.size, dst, room);
	default:
		n = ZSTD_compressCCtx(codec->context, dst, room, plain.data,
			plain.size, LEVEL);
		return ZSTD_isError(n) ? 0 : n;
	}
}

void dpi_block_codec_init(dpi_block_codec *codec, dp_compression compression,
	dpi_container container)
{
	*codec = (dpi_block_codec){.container = container,
		.compression = compression == DP_COMPRESSION_DEFAULT
			? DP_COMPRESSION_ZSTD
			: compression};
}

static bool has_context(const dpi_block_codec *codec)
{
	return codec->compression >= DP_COMPRESSION_DEFLATE &&
		codec->compression <= DP_COMPRESSION_SNAPPY;
}

void dpi_block_codec_fini(dpi_block_codec *codec)
{
	if (codec->compression == DP_COMPRESSION_ZSTD) {
		ZSTD_freeCCtx(codec->context);
	} else if (codec->compression == DP_COMPRESSION_SNAPPY) {
		free(codec->context);
	} else if (codec->context != NULL) {
		libdeflate_free_compressor(codec->context);
	}
	codec->context = NULL;
}

const char *dpi_block_codec_name(const dpi_block_codec *codec)
{
	switch (codec->compression) {
	case DP_COMPRESSION_ZSTD:
		return "zstandard";
	case DP_COMPRESSION_DEFLATE:
		return "deflate";
	case DP_COMPRESSION_SNAPPY:
		return "snappy";
	case DP_COMPRESSION_BZIP2:
		return "bzip2";
	case DP_COMPRESSION_XZ:
		return "xz";
	default:
		return "null";
	}
}

dp_status dpi_block_codec_run(
	dpi_block_codec *codec, dp_bytes plain, dpi_buf *out)
{
	size_t room = bound(codec, plain.size);
	dp_status st;
	size_t n;

	if (codec->compression == DP_COMPRESSION_NONE) {
		return dpi_buf_append(out, plain.data, plain.size);
	}
	if (codec->context == NULL && has_context(codec)) {
		codec->context = new_context(codec->compression);
		if (codec->context == NULL) {
			return DP_ENOMEM;
		}
	}
	st = dpi_buf_reserve(out, room);
	if (st != DP_OK) {
		return st;
	}
	n = compress(codec, plain, out->data + out->size, room);
	out->size += n;
	return n != 0 ? DP_OK : DP_ENOMEM;
}

size_t dpi_block_codec_memory(const dpi_block_codec *codec)
{
	if (codec->context == NULL) {
		return 0;
	}
	switch (codec->compression) {
	case DP_COMPRESSION_ZSTD:
		return ZSTD_sizeof_CCtx(codec->context);
	case DP_COMPRESSION_SNAPPY:
		return sizeof(dpi_snappy);
	default:
		return DEFLATE_MEMORY;
	}
}
