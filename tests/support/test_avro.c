/* SPDX-License-Identifier: Apache-2.0 */
#include "test_avro.h"

#include <libdeflate.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/bytes.h"
#include "io/files.h"
#include "test_heap.h"

#define BLOCK_MAX ((size_t)64 << 20)

/* No deflate stream gets larger than that many times. */
#define DEFLATE_MOST 1033u

#define SYNC_SIZE 16

int64_t test_avro_long(struct test_avro *in)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		if (in->at == in->end) {
			break;
		}
		value |= (uint64_t)(*in->at & 0x7f) << shift;
		if ((*in->at++ & 0x80) == 0) {
			return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
		}
	}
	in->bad = true;
	return 0;
}

static dp_bytes take(struct test_avro *in, int64_t size)
{
	dp_bytes bytes = {in->at, (size_t)size};

	if (in->bad || size < 0 || size > in->end - in->at) {
		in->bad = true;
		return (dp_bytes){"", 0};
	}
	in->at += size;
	return bytes;
}

dp_bytes test_avro_bytes(struct test_avro *in)
{
	return take(in, test_avro_long(in));
}

dp_bytes test_avro_nullable(struct test_avro *in)
{
	int64_t branch = test_avro_long(in);

	if (branch == 0) {
		return (dp_bytes){NULL, 0};
	}
	in->bad |= branch != 1;
	return test_avro_bytes(in);
}

static bool is_text(dp_bytes bytes, const char *text)
{
	return dpi_bytes_equal(bytes, dpi_bytes_text(text));
}

/* Returns the codec's name. */
static dp_bytes read_header(struct test_avro *in)
{
	dp_bytes codec = {"null", 4};
	dp_bytes schema = {NULL, 0};

	in->bad |= !is_text(take(in, 4), "Obj\x01");
	for (int64_t left = test_avro_long(in); left > 0 && !in->bad;) {
		dp_bytes key = test_avro_bytes(in);
		dp_bytes value = test_avro_bytes(in);

		if (is_text(key, "avro.codec")) {
			codec = value;
		} else if (is_text(key, "avro.schema")) {
			schema = value;
		}
		left = left > 1 ? left - 1 : test_avro_long(in);
	}
	in->bad |= schema.size == 0;
	return codec;
}

static size_t room_for(dp_bytes codec, dp_bytes packed)
{
	unsigned long long size = packed.size;

	if (is_text(codec, "zstandard")) {
		size = ZSTD_getFrameContentSize(packed.data, packed.size);
	} else if (is_text(codec, "deflate")) {
		size = (size + 1) * DEFLATE_MOST;
	}
	return size < BLOCK_MAX ? (size_t)size + 1 : BLOCK_MAX;
}

/* Bytes of the block in memory that the caller frees. */
static uint8_t *unpack(dp_bytes codec, dp_bytes packed, size_t *ret_size)
{
	size_t room = room_for(codec, packed);
	uint8_t *plain = malloc(room);
	size_t size = SIZE_MAX;

	if (is_text(codec, "null")) {
		memcpy(plain, packed.data, packed.size);
		size = packed.size;
	} else if (is_text(codec, "zstandard")) {
		size = ZSTD_decompress(plain, room, packed.data, packed.size);
		size = ZSTD_isError(size) ? SIZE_MAX : size;
	} else if (is_text(codec, "deflate")) {
		struct libdeflate_decompressor *d =
			libdeflate_alloc_decompressor();
		enum libdeflate_result rc = libdeflate_deflate_decompress(
			d, packed.data, packed.size, plain, room, &size);

		libdeflate_free_decompressor(d);
		size = rc == LIBDEFLATE_SUCCESS ? size : SIZE_MAX;
	}
	*ret_size = size;
	return plain;
}

static int64_t read_block(const char *path, struct test_avro *in,
	dp_bytes codec, const uint8_t *sync, test_avro_record_fn each,
	void *user)
{
	int64_t count = test_avro_long(in);
	dp_bytes packed = test_avro_bytes(in);
	dp_bytes marker = take(in, SYNC_SIZE);
	struct test_avro block;
	uint8_t *plain;
	size_t size;

	if (in->bad || memcmp(marker.data, sync, SYNC_SIZE) != 0) {
		in->bad = true;
		return 0;
	}
	plain = unpack(codec, packed, &size);
	in->bad = size == SIZE_MAX;
	block = (struct test_avro){plain, plain + (in->bad ? 0 : size), false};
	for (int64_t i = 0; i < count && !in->bad; i++) {
		each(user, path, &block);
		in->bad |= block.bad;
	}
	in->bad |= block.at != block.end;
	free(plain);
	return count;
}

int64_t test_avro_read(
	const char *path, dp_bytes file, test_avro_record_fn each, void *user)
{
	const uint8_t *begin = file.data;
	struct test_avro in = {begin, begin + file.size, false};
	dp_bytes codec = read_header(&in);
	const uint8_t *sync = take(&in, SYNC_SIZE).data;
	int64_t count = 0;

	while (!in.bad && in.at < in.end) {
		count += read_block(path, &in, codec, sync, each, user);
	}
	if (in.bad) {
		(void)fprintf(stderr, "%s is not well-formed\n", path);
	}
	return in.bad ? -1 : count;
}

static int64_t read_file(const dpi_os *os, const char *path,
	test_avro_record_fn each, void *user)
{
	struct test_heap heap;
	dpi_buf buf;
	int64_t count = -1;

	test_heap_init(&heap);
	dpi_buf_init(&buf, &heap.alloc, SIZE_MAX);
	if (dpi_files_read(os, path, &buf, NULL) == DP_OK) {
		count = test_avro_read(
			path, dpi_bytes(buf.data, buf.size), each, user);
	}
	dpi_buf_fini(&buf);
	return count;
}

static bool ends_with(const char *text, const char *end)
{
	size_t size = strlen(text);

	return size > strlen(end) &&
		strcmp(text + size - strlen(end), end) == 0;
}

int64_t test_avro_read_all(const dpi_os *os, const char *folder,
	size_t *ret_files, test_avro_record_fn each, void *user)
{
	const char *const *names = NULL;
	struct test_heap heap;
	size_t count = 0;
	int64_t total = 0;
	dpi_arena arena;

	test_heap_init(&heap);
	dpi_arena_init(&arena, &heap.alloc, SIZE_MAX);
	if (dpi_files_list(os, folder, &arena, &names, &count, NULL) != DP_OK) {
		total = -1;
	}
	for (size_t i = 0; i < count && total >= 0; i++) {
		char path[DPI_PATH_MAX];
		int64_t n = 0;

		(void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		if (ends_with(path, ".avro")) {
			n = read_file(os, path, each, user);
			++*ret_files;
		} else if (names[i][0] != '_' && names[i][0] != '.') {
			n = test_avro_read_all(os, path, ret_files, each, user);
		}
		total = n < 0 ? -1 : total + n;
	}
	dpi_arena_fini(&arena);
	return total;
}
