/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/block_codec.h"

#include <libdeflate.h>
#include <zstd.h>

/*
 * The fastest level of each: a higher one saves 4 % of the bytes of small
 * events, and costs more than all else that happens to them.
 */
#define LEVEL 1

/* libdeflate does not tell; this is what its level 1 takes. */
#define DEFLATE_MEMORY (72u << 10)

/* Most bytes that plain bytes may become. */
static size_t bound(const dpi_block_codec *codec, size_t plain)
{
	switch (codec->compression) {
	case DP_COMPRESSION_ZSTD:
		return ZSTD_compressBound(plain);
	case DP_COMPRESSION_DEFLATE:
		return libdeflate_deflate_compress_bound(NULL, plain);
	default:
		return plain;
	}
}

static dp_status make_context(dpi_block_codec *codec)
{
	if (codec->context == NULL &&
		codec->compression == DP_COMPRESSION_ZSTD) {
		codec->context = ZSTD_createCCtx();
	} else if (codec->context == NULL) {
		codec->context = libdeflate_alloc_compressor(LEVEL);
	}
	return codec->context != NULL ? DP_OK : DP_ENOMEM;
}

/* Returns the bytes written to dst, or 0 if the library ran out of memory. */
static size_t compress(
	dpi_block_codec *codec, dp_bytes plain, uint8_t *dst, size_t room)
{
	size_t n;

	if (codec->compression == DP_COMPRESSION_DEFLATE) {
		return libdeflate_deflate_compress(
			codec->context, plain.data, plain.size, dst, room);
	}
	n = ZSTD_compressCCtx(
		codec->context, dst, room, plain.data, plain.size, LEVEL);
	return ZSTD_isError(n) ? 0 : n;
}

void dpi_block_codec_init(dpi_block_codec *codec, dp_compression compression)
{
	*codec = (dpi_block_codec){
		.compression = compression == DP_COMPRESSION_DEFAULT
			? DP_COMPRESSION_ZSTD
			: compression};
}

void dpi_block_codec_fini(dpi_block_codec *codec)
{
	if (codec->compression == DP_COMPRESSION_ZSTD) {
		ZSTD_freeCCtx(codec->context);
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
	st = make_context(codec);
	if (st != DP_OK) {
		return st;
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
	return codec->compression == DP_COMPRESSION_ZSTD
		? ZSTD_sizeof_CCtx(codec->context)
		: DEFLATE_MEMORY;
}
