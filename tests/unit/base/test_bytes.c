/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "test_heap.h"

static void integers_are_little_endian_at_any_address(void **state)
{
	uint8_t bytes[9] = {0};

	(void)state;
	dpi_store_u16(bytes + 1, 0xa1b2);
	assert_memory_equal(bytes, "\0\xb2\xa1\0", 4);
	assert_int_equal(dpi_load_u16(bytes + 1), 0xa1b2);
	dpi_store_u32(bytes + 1, 0xa1b2c3d4);
	assert_memory_equal(bytes, "\0\xd4\xc3\xb2\xa1\0", 6);
	assert_int_equal(dpi_load_u32(bytes + 1), 0xa1b2c3d4);
	dpi_store_u64(bytes + 1, UINT64_C(0xa1b2c3d4e5f60718));
	assert_memory_equal(bytes, "\0\x18\x07\xf6\xe5\xd4\xc3\xb2\xa1", 9);
	assert_true(dpi_load_u64(bytes + 1) == UINT64_C(0xa1b2c3d4e5f60718));
}

static void varints_of_every_length_come_back(void **state)
{
	(void)state;
	for (unsigned bit = 0; bit <= 64; bit++) {
		for (uint64_t near = 0; near < 3; near++) {
			uint64_t v =
				(bit < 64 ? UINT64_C(1) << bit : 0) + near - 1;
			uint8_t bytes[DPI_VARINT_MAX];
			uint8_t *end = dpi_put_varint(bytes, v);
			uint64_t back = 0;

			assert_int_equal(end - bytes, dpi_varint_size(v));
			assert_ptr_equal(
				dpi_get_varint(bytes, end, &back), end);
			assert_true(back == v);
			assert_null(dpi_get_varint(bytes, end - 1, &back));
		}
	}
}

static void varints_over_64_bits_are_refused(void **state)
{
	static const uint8_t most[] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01};
	static const uint8_t over[] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02};
	static const uint8_t long_one[] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
		0x80, 0x80, 0x80, 0x80, 0x01};
	uint64_t v = 5;

	(void)state;
	assert_null(dpi_get_varint(over, over + sizeof(over), &v));
	assert_null(dpi_get_varint(long_one, long_one + sizeof(long_one), &v));
	assert_null(dpi_get_varint(most, most, &v));
	assert_true(v == 5);
	assert_non_null(dpi_get_varint(most, most + sizeof(most), &v));
	assert_true(v == UINT64_MAX);
}

static void equal_bytes_have_equal_size_and_contents(void **state)
{
	(void)state;
	assert_true(dpi_bytes_equal(dpi_bytes(NULL, 0), dpi_bytes("x", 0)));
	assert_true(dpi_bytes_equal(dpi_bytes_text("ab"), dpi_bytes("abc", 2)));
	assert_false(
		dpi_bytes_equal(dpi_bytes_text("ab"), dpi_bytes_text("abc")));
	assert_false(
		dpi_bytes_equal(dpi_bytes_text("ab"), dpi_bytes_text("ac")));
	assert_int_equal(dpi_bytes_text(NULL).size, 0);
}

static void arrays_are_zeroed_and_sizes_cannot_wrap(void **state)
{
	struct test_heap heap;
	uint8_t *block;

	(void)state;
	test_heap_init(&heap);
	block = dpi_zalloc(&heap.alloc, 10, 3);
	for (int i = 0; i < 30; i++) {
		assert_int_equal(block[i], 0);
	}
	assert_int_equal(heap.live_bytes, 30);
	dpi_free(&heap.alloc, block, 10, 3);
	assert_int_equal(heap.live_bytes, 0);
	assert_null(dpi_zalloc(&heap.alloc, SIZE_MAX / 2, 3));
	heap.fail_at = heap.made;
	assert_null(dpi_zalloc(&heap.alloc, 1, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers_are_little_endian_at_any_address),
		cmocka_unit_test(varints_of_every_length_come_back),
		cmocka_unit_test(varints_over_64_bits_are_refused),
		cmocka_unit_test(equal_bytes_have_equal_size_and_contents),
		cmocka_unit_test(arrays_are_zeroed_and_sizes_cannot_wrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
