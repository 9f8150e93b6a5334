/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "codec/parquet_encode.h"
#include "codec/parquet_levels.h"
#include "codec/parquet_thrift.h"
#include "test_heap.h"

/* Bytes as the documents of Parquet and Thrift give them, or worked out by
 * hand. */

struct fixture {
	struct test_heap heap;
	dpi_buf out;
};

static int setup(void **state)
{
	static struct fixture f;

	test_heap_init(&f.heap);
	dpi_buf_init(&f.out, &f.heap.alloc, 1 << 20);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	dpi_buf_fini(&f->out);
	assert_int_equal(f->heap.live_bytes, 0);
	return 0;
}

#define ASSERT_BYTES(f, literal) \
	do { \
		assert_int_equal((f)->out.failed, DP_OK); \
		assert_int_equal((f)->out.size, sizeof(literal) - 1); \
		assert_memory_equal( \
			(f)->out.data, literal, sizeof(literal) - 1); \
	} while (0)

static void thrift_fields_are_differences_of_numbers(void **state)
{
	struct fixture *f = *state;
	dpi_thrift thrift;

	dpi_thrift_begin(&thrift, &f->out);
	dpi_thrift_i32(&thrift, 1, -1);
	dpi_thrift_bool(&thrift, 2, true);
	dpi_thrift_i64(&thrift, 6, 300);
	dpi_thrift_open(&thrift, 7);
	dpi_thrift_text(&thrift, 4, "ab");
	dpi_thrift_bool(&thrift, 5, false);
	dpi_thrift_close(&thrift);
	dpi_thrift_i8(&thrift, 8, 64);
	dpi_thrift_close(&thrift);
	ASSERT_BYTES(f,
		"\x15\x01"
		"\x11"
		"\x46\xd8\x04"
		"\x1c"
		"\x48\x02"
		"ab"
		"\x12\x00"
		"\x13\x40\x00");
}

static void thrift_lists_have_long_and_short_heads(void **state)
{
	struct fixture *f = *state;
	dpi_thrift thrift;

	dpi_thrift_begin(&thrift, &f->out);
	dpi_thrift_list(&thrift, 1, DPI_THRIFT_I32, 2);
	dpi_thrift_element_i32(&thrift, 1);
	dpi_thrift_element_i32(&thrift, -2);
	dpi_thrift_list(&thrift, 2, DPI_THRIFT_BINARY, 15);
	dpi_thrift_element_text(&thrift, "x");
	ASSERT_BYTES(f,
		"\x19\x25\x02\x03"
		"\x19\xf8\x0f\x01x");
}

static void groups_of_eight_are_packed_low_bits_first(void **state)
{
	struct fixture *f = *state;
	dpi_hybrid hybrid;

	dpi_hybrid_begin(&hybrid, &f->out, 3);
	for (uint32_t i = 0; i < 8; i++) {
		dpi_hybrid_put(&hybrid, i, 1);
	}
	dpi_hybrid_end(&hybrid);
	ASSERT_BYTES(f, "\x03\x88\xc6\xfa");
}

static void what_repeats_is_a_run(void **state)
{
	struct fixture *f = *state;
	dpi_hybrid hybrid;

	dpi_hybrid_begin(&hybrid, &f->out, 9);
	dpi_hybrid_put(&hybrid, 257, 100);
	dpi_hybrid_end(&hybrid);
	ASSERT_BYTES(f, "\xc8\x01\x01\x01");
}

/* Five of a run fill the group up; what is left is a run. */
static void a_run_gives_to_the_group_before_it(void **state)
{
	struct fixture *f = *state;
	dpi_hybrid hybrid;

	dpi_hybrid_begin(&hybrid, &f->out, 1);
	dpi_hybrid_put(&hybrid, 1, 3);
	dpi_hybrid_put(&hybrid, 0, 25);
	dpi_hybrid_put(&hybrid, 1, 2);
	dpi_hybrid_end(&hybrid);
	ASSERT_BYTES(f,
		"\x03\x07"
		"\x28\x00"
		"\x03\x03");
}

static void levels_are_written_behind_their_size(void **state)
{
	struct fixture *f = *state;
	dpi_parquet_levels levels = {.open = 0};

	dpi_buf_init(&levels.runs, &f->heap.alloc, 1 << 20);
	for (int i = 0; i < 20; i++) {
		assert_true(dpi_parquet_levels_put(&levels, i < 10 ? 1 : 2));
	}
	assert_int_equal(dpi_parquet_levels_count(&levels), 20);
	assert_int_equal(dpi_parquet_levels_count_of(&levels, 2), 10);
	dpi_parquet_levels_write(&levels, 2, &f->out);
	dpi_buf_fini(&levels.runs);
	ASSERT_BYTES(f, "\x04\0\0\0\x14\x01\x14\x02");
}

static void bools_are_bits(void **state)
{
	static const uint8_t values[] = {1, 0, 1, 1, 0, 0, 0, 0, 1};
	struct fixture *f = *state;

	dpi_parquet_put_bools(&f->out, values, sizeof(values));
	ASSERT_BYTES(f, "\x0d\x01");
}

static void put_deltas(struct fixture *f, const int64_t *values, size_t count)
{
	uint8_t bytes[8 * 8];

	for (size_t i = 0; i < count; i++) {
		dpi_store_u64(bytes + 8 * i, (uint64_t)values[i]);
	}
	dpi_parquet_put_deltas(&f->out, bytes, count, 8);
}

static void equal_differences_take_no_bits(void **state)
{
	static const int64_t values[] = {1, 2, 3, 4, 5};

	put_deltas(*state, values, 5);
	ASSERT_BYTES((struct fixture *)*state,
		"\x80\x01\x04\x05\x02"
		"\x02\x00\x00\x00\x00");
}

static void differences_are_less_the_least_of_them(void **state)
{
	static const int64_t values[] = {7, 5, 3, 1, 2, 3, 4, 5};

	put_deltas(*state, values, 8);
	ASSERT_BYTES((struct fixture *)*state,
		"\x80\x01\x04\x08\x0e"
		"\x03\x02\x00\x00\x00"
		"\xc0\x3f\x00\x00\x00\x00\x00\x00");
}

static void sorted_values_like_deltas_and_random_ones_do_not(void **state)
{
	uint8_t values[8 * 300];
	uint64_t random = 1;

	(void)state;
	for (size_t i = 0; i < 300; i++) {
		dpi_store_u64(values + 8 * i, i * i * i << 20);
	}
	assert_true(dpi_parquet_likes_deltas(values, 300, 8));
	for (size_t i = 0; i < 300; i++) {
		random = random * UINT64_C(6364136223846793005) + 1;
		dpi_store_u64(values + 8 * i, random);
	}
	assert_false(dpi_parquet_likes_deltas(values, 300, 8));
	assert_false(dpi_parquet_likes_deltas(values, 0, 8));
}

static void one_entry_takes_one_bit(void **state)
{
	static const uint32_t indices[9] = {0};
	struct fixture *f = *state;

	dpi_parquet_put_indices(&f->out, indices, 9, 1);
	ASSERT_BYTES(f, "\x01\x12\x00");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(thrift_fields_are_differences_of_numbers),
		cmocka_unit_test(thrift_lists_have_long_and_short_heads),
		cmocka_unit_test(groups_of_eight_are_packed_low_bits_first),
		cmocka_unit_test(what_repeats_is_a_run),
		cmocka_unit_test(a_run_gives_to_the_group_before_it),
		cmocka_unit_test(levels_are_written_behind_their_size),
		cmocka_unit_test(bools_are_bits),
		cmocka_unit_test(equal_differences_take_no_bits),
		cmocka_unit_test(differences_are_less_the_least_of_them),
		cmocka_unit_test(
			sorted_values_like_deltas_and_random_ones_do_not),
		cmocka_unit_test(one_entry_takes_one_bit),
	};
	struct CMUnitTest fresh[sizeof(tests) / sizeof(tests[0])];

	memcpy(fresh, tests, sizeof(tests));
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		fresh[i].setup_func = setup;
		fresh[i].teardown_func = teardown;
	}
	return cmocka_run_group_tests(fresh, NULL, NULL);
}
