/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <libdeflate.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/bytes.h"
#include "codec/avro_file.h"
#include "test_heap.h"

static const uint8_t sync_marker[DPI_AVRO_SYNC_SIZE] = "0123456789abcde";

/* A reader of our own, of [p, end). */
struct reader {
	const uint8_t *p, *end;
};

static int64_t read_long(struct reader *r)
{
	uint64_t v = 0;

	r->p = dpi_get_varint(r->p, r->end, &v);
	assert_non_null(r->p);
	return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

static dp_bytes read_bytes(struct reader *r)
{
	int64_t size = read_long(r);
	dp_bytes bytes = dpi_bytes(r->p, (size_t)size);

	assert_true(size >= 0 && size <= r->end - r->p);
	r->p += size;
	return bytes;
}

static void expect_bytes(struct reader *r, const char *text)
{
	dp_bytes bytes = read_bytes(r);

	assert_int_equal(bytes.size, strlen(text));
	assert_memory_equal(bytes.data, text, bytes.size);
}

static void expect_sync(struct reader *r)
{
	assert_true(r->end - r->p >= DPI_AVRO_SYNC_SIZE);
	assert_memory_equal(r->p, sync_marker, DPI_AVRO_SYNC_SIZE);
	r->p += DPI_AVRO_SYNC_SIZE;
}

static void expect_header(struct reader *r, const char *codec)
{
	assert_memory_equal(r->p, "Obj\1", 4);
	r->p += 4;
	assert_int_equal(read_long(r), 3);
	expect_bytes(r, "avro.schema");
	expect_bytes(r, "\"long\"");
	expect_bytes(r, "avro.codec");
	expect_bytes(r, codec);
	expect_bytes(r, "origin");
	expect_bytes(r, "test");
	assert_int_equal(read_long(r), 0);
	expect_sync(r);
}

/* Returns the plain bytes, which the caller frees. */
static uint8_t *expand(dp_compression compression, dp_bytes data, size_t *size)
{
	size_t room = 1 << 20;
	uint8_t *plain = malloc(room);

	assert_non_null(plain);
	if (compression == DP_COMPRESSION_DEFLATE) {
		struct libdeflate_decompressor *d =
			libdeflate_alloc_decompressor();

		assert_int_equal(libdeflate_deflate_decompress(d, data.data,
					 data.size, plain, room, size),
			LIBDEFLATE_SUCCESS);
		libdeflate_free_decompressor(d);
	} else if (compression == DP_COMPRESSION_NONE) {
		memcpy(plain, data.data, data.size);
		*size = data.size;
	} else {
		*size = ZSTD_decompress(plain, room, data.data, data.size);
		assert_false(ZSTD_isError(*size));
	}
	return plain;
}

/* Reads longs that count up from first; returns the one after the last. */
static int64_t expect_block(
	struct reader *r, dp_compression compression, int64_t first)
{
	int64_t count = read_long(r);
	dp_bytes data = read_bytes(r);
	size_t size;
	uint8_t *plain = expand(compression, data, &size);
	struct reader datums = {plain, plain + size};

	for (int64_t i = 0; i < count; i++) {
		assert_int_equal(read_long(&datums), first + i);
	}
	assert_ptr_equal(datums.p, datums.end);
	free(plain);
	expect_sync(r);
	return first + count;
}

static dp_status open_file(dpi_avro_file *file, const dp_allocator *alloc,
	dp_compression compression, dp_error **err)
{
	dpi_file_meta meta = {"origin", dpi_bytes_text("test")};

	return dpi_avro_file_init(file, alloc, compression, "\"long\"", &meta,
		1, sync_marker, err);
}

static dp_status put(dpi_avro_file *file, int64_t value, dp_error **err)
{
	(void)dpi_avro_put_long(&file->block, value);
	return dpi_avro_file_end(file, 1, err);
}

/* The same of count datums, which lie elsewhere. */
static dp_status put_run(
	dpi_avro_file *file, int64_t first, int64_t count, dp_error **err)
{
	uint8_t datums[1000];
	uint8_t *p = datums;

	for (int64_t i = first; i < first + count; i++) {
		p = dpi_avro_long(p, i);
	}
	return dpi_avro_file_append(file,
		dpi_bytes(datums, (size_t)(p - datums)), (uint64_t)count, err);
}

static void every_datum_is_read_back(
	dp_compression compression, const char *name)
{
	struct test_heap heap;
	dpi_avro_file file;
	struct reader r;
	int64_t next = -5000;

	test_heap_init(&heap);
	assert_int_equal(
		open_file(&file, &heap.alloc, compression, NULL), DP_OK);
	file.block_bytes = 1000;
	for (int64_t i = -5000; i < 5000; i++) {
		assert_int_equal(put(&file, i, NULL), DP_OK);
	}
	assert_int_equal(dpi_avro_file_flush(&file, NULL), DP_OK);
	assert_int_equal(dpi_avro_file_flush(&file, NULL), DP_OK);
	assert_int_equal(file.total_count, 10000);
	/* Each buffer has a byte for a NUL that it does not count. */
	assert_true(dpi_avro_file_memory(&file) + 2 >= heap.live_bytes);

	r = (struct reader){file.out.data, file.out.data + file.out.size};
	expect_header(&r, name);
	while (r.p < r.end) {
		next = expect_block(&r, compression, next);
	}
	assert_int_equal(next, 5000);
	dpi_avro_file_fini(&file);
	assert_int_equal(heap.live_bytes, 0);
}

static void every_codec_gives_back_every_datum(void **state)
{
	(void)state;
	every_datum_is_read_back(DP_COMPRESSION_NONE, "null");
	every_datum_is_read_back(DP_COMPRESSION_DEFLATE, "deflate");
	every_datum_is_read_back(DP_COMPRESSION_ZSTD, "zstandard");
	every_datum_is_read_back(DP_COMPRESSION_DEFAULT, "zstandard");
}

static void longs_are_encoded_as_the_specification_shows(void **state)
{
	static const struct {
		int64_t value;
		const char *bytes;
		size_t size;
	} cases[] = {
		{0, "\x00", 1},
		{-1, "\x01", 1},
		{1, "\x02", 1},
		{-64, "\x7f", 1},
		{64, "\x80\x01", 2},
		{INT64_MAX, "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10},
		{INT64_MIN, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10},
	};
	struct test_heap heap;
	dpi_buf out;

	(void)state;
	test_heap_init(&heap);
	dpi_buf_init(&out, &heap.alloc, 1000);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		dpi_buf_clear(&out);
		assert_int_equal(
			dpi_avro_put_long(&out, cases[i].value), DP_OK);
		assert_int_equal(out.size, cases[i].size);
		assert_memory_equal(out.data, cases[i].bytes, out.size);
	}
	dpi_buf_fini(&out);
}

static void an_empty_block_is_never_written(void **state)
{
	struct test_heap heap;
	dpi_avro_file file;
	size_t header;

	(void)state;
	test_heap_init(&heap);
	assert_int_equal(open_file(&file, &heap.alloc, 0, NULL), DP_OK);
	header = file.out.size;
	assert_int_equal(dpi_avro_file_flush(&file, NULL), DP_OK);
	assert_int_equal(file.out.size, header);
	dpi_avro_file_fini(&file);
}

static void a_run_that_is_a_block_is_not_copied(void **state)
{
	struct test_heap heap;
	dpi_avro_file file;
	struct reader r;

	(void)state;
	test_heap_init(&heap);
	assert_int_equal(
		open_file(&file, &heap.alloc, DP_COMPRESSION_ZSTD, NULL),
		DP_OK);
	file.block_bytes = 100;
	assert_int_equal(put_run(&file, 0, 100, NULL), DP_OK);
	assert_int_equal(put_run(&file, 100, 200, NULL), DP_OK);
	assert_null(file.block.data);
	assert_int_equal(file.total_count, 300);
	r = (struct reader){file.out.data, file.out.data + file.out.size};
	expect_header(&r, "zstandard");
	assert_int_equal(expect_block(&r, DP_COMPRESSION_ZSTD, 0), 100);
	assert_int_equal(expect_block(&r, DP_COMPRESSION_ZSTD, 100), 300);
	assert_ptr_equal(r.p, r.end);
	dpi_avro_file_fini(&file);
}

static dp_status put_step(dpi_avro_file *file, int64_t first, int64_t step)
{
	return step > 1 ? put_run(file, first, step, NULL)
			: put(file, first, NULL);
}

/* Writes 300 datums, `step` at a time; those that fail are offered again,
 * once. */
static dp_status write_stubbornly(struct test_heap *heap, int64_t step)
{
	dpi_avro_file file;
	dp_error *err = NULL;
	dp_status st =
		open_file(&file, &heap->alloc, DP_COMPRESSION_NONE, &err);
	struct reader r;
	int64_t next = 0;

	if (st != DP_OK) {
		assert_int_equal(dp_error_code(err), DP_ENOMEM);
		dp_error_free(err);
		return st;
	}
	file.block_bytes = 100;
	for (int64_t i = 0; i < 300 && st == DP_OK; i += step) {
		st = put_step(&file, i, step);
		if (st != DP_OK) {
			st = put_step(&file, i, step);
		}
	}
	if (st == DP_OK && dpi_avro_file_flush(&file, NULL) != DP_OK) {
		st = dpi_avro_file_flush(&file, NULL);
	}
	if (st == DP_OK) {
		r = (struct reader){
			file.out.data, file.out.data + file.out.size};
		expect_header(&r, "null");
		while (r.p < r.end) {
			next = expect_block(&r, DP_COMPRESSION_NONE, next);
		}
		assert_int_equal(next, 300);
	}
	dpi_avro_file_fini(&file);
	return st;
}

/* At each allocation in turn there is no memory, once or for ever. */
static void assert_stubborn(int64_t step)
{
	struct test_heap heap;
	long total;

	test_heap_init(&heap);
	assert_int_equal(write_stubbornly(&heap, step), DP_OK);
	total = heap.made;
	assert_true(total > 3);
	for (long n = 0; n < total; n++) {
		for (int for_ever = 0; for_ever < 2; for_ever++) {
			dp_status st;

			test_heap_init(&heap);
			heap.fail_at = n;
			heap.for_ever = for_ever;
			st = write_stubbornly(&heap, step);
			assert_true(st == DP_OK || st == DP_ENOMEM);
			assert_true(for_ever || n == 0 || st == DP_OK || n < 3);
			assert_int_equal(heap.live_bytes, 0);
			assert_int_equal(heap.live_blocks, 0);
		}
	}
}

static void a_datum_that_failed_can_be_offered_again(void **state)
{
	(void)state;
	assert_stubborn(1);
}

static void a_run_that_failed_can_be_offered_again(void **state)
{
	(void)state;
	assert_stubborn(60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_codec_gives_back_every_datum),
		cmocka_unit_test(longs_are_encoded_as_the_specification_shows),
		cmocka_unit_test(an_empty_block_is_never_written),
		cmocka_unit_test(a_run_that_is_a_block_is_not_copied),
		cmocka_unit_test(a_datum_that_failed_can_be_offered_again),
		cmocka_unit_test(a_run_that_failed_can_be_offered_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
