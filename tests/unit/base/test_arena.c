/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "test_heap.h"

static struct test_heap heap;
static dpi_arena arena;

static int begin(void **state)
{
	(void)state;
	test_heap_init(&heap);
	dpi_arena_init(&arena, &heap.alloc, 1 << 20);
	return 0;
}

static int end(void **state)
{
	(void)state;
	dpi_arena_fini(&arena);
	return heap.live_bytes == 0 && heap.live_blocks == 0 ? 0 : -1;
}

static void memory_is_aligned_and_does_not_overlap(void **state)
{
	uint8_t *blocks[200];

	(void)state;
	for (size_t i = 0; i < 200; i++) {
		blocks[i] = dpi_arena_alloc(&arena, i);
		assert_non_null(blocks[i]);
		assert_int_equal(
			(uintptr_t)blocks[i] % alignof(max_align_t), 0);
		memset(blocks[i], (int)i, i);
	}
	for (size_t i = 0; i < 200; i++) {
		for (size_t k = 0; k < i; k++) {
			assert_int_equal(blocks[i][k], i);
		}
	}
	assert_in_range(heap.made, 2, 4);
}

static void an_arena_under_steady_load_stops_allocating(void **state)
{
	long made = 0;

	(void)state;
	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < 100; i++) {
			assert_non_null(dpi_arena_alloc(&arena, 1000));
		}
		dpi_arena_reset(&arena);
		if (round == 1) {
			made = heap.made;
		}
	}
	assert_int_equal(heap.made, made);
	assert_int_equal(heap.live_blocks, 1);
	assert_int_equal(arena.used_bytes, heap.live_bytes);
}

static void the_limit_holds_to_the_byte(void **state)
{
	size_t taken = 0;

	(void)state;
	dpi_arena_fini(&arena);
	dpi_arena_init(&arena, &heap.alloc, 10000);
	assert_null(dpi_arena_alloc(&arena, 10000));
	while (dpi_arena_alloc(&arena, 16) != NULL) {
		taken += 16;
		assert_true(heap.live_bytes <= 10000);
	}
	assert_in_range(taken, 9900, 10000);
	assert_null(dpi_arena_alloc(&arena, 1));
}

static void a_limit_below_its_own_needs_gives_nothing(void **state)
{
	(void)state;
	dpi_arena_init(&arena, &heap.alloc, 8);
	assert_null(dpi_arena_alloc(&arena, 1));
	assert_int_equal(heap.made, 0);
}

static void sizes_that_wrap_are_refused(void **state)
{
	(void)state;
	assert_null(dpi_arena_alloc(&arena, SIZE_MAX));
	assert_null(dpi_arena_alloc(&arena, SIZE_MAX - 20));
	assert_null(dpi_arena_zalloc(&arena, SIZE_MAX / 2, 3));
	assert_null(dpi_arena_dup(&arena, "", SIZE_MAX));
	assert_int_equal(heap.made, 0);
}

static void zeroed_and_copied_memory_is_that(void **state)
{
	uint8_t *zeros;
	char *copy;

	(void)state;
	memset(dpi_arena_alloc(&arena, 3000), 0xff, 3000);
	dpi_arena_reset(&arena);
	zeros = dpi_arena_zalloc(&arena, 30, 10);
	for (int i = 0; i < 300; i++) {
		assert_int_equal(zeros[i], 0);
	}
	copy = dpi_arena_dup(&arena, "a\0b", 3);
	assert_memory_equal(copy, "a\0b", 4);
	assert_string_equal(dpi_arena_dup(&arena, NULL, 0), "");
	assert_non_null(dpi_arena_zalloc(&arena, 5, 0));
}

static void out_of_memory_leaves_what_there_was(void **state)
{
	char *copy;

	(void)state;
	heap.fail_at = 1;
	copy = dpi_arena_dup(&arena, "x", 1);
	assert_null(dpi_arena_alloc(&arena, 100000));
	assert_int_equal(heap.made, 2);
	assert_string_equal(copy, "x");
	heap.fail_at = 2;
	assert_null(dpi_arena_zalloc(&arena, 1, 100000));
	heap.fail_at = 3;
	assert_null(dpi_arena_dup(&arena, copy, 100000));
	assert_non_null(dpi_arena_alloc(&arena, 100000));
}

static void the_largest_block_is_kept_wherever_it_is(void **state)
{
	(void)state;
	dpi_arena_fini(&arena);
	dpi_arena_init(&arena, &heap.alloc, 30000);
	assert_non_null(dpi_arena_alloc(&arena, 20000));
	assert_non_null(dpi_arena_alloc(&arena, 9000));
	dpi_arena_reset(&arena);
	assert_int_equal(heap.live_blocks, 1);
	assert_true(heap.live_bytes >= 20000);
	assert_non_null(dpi_arena_alloc(&arena, 20000));
	assert_int_equal(heap.made, 2);
}

#define IN_ARENA(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_ARENA(memory_is_aligned_and_does_not_overlap),
		IN_ARENA(an_arena_under_steady_load_stops_allocating),
		IN_ARENA(the_limit_holds_to_the_byte),
		IN_ARENA(a_limit_below_its_own_needs_gives_nothing),
		IN_ARENA(sizes_that_wrap_are_refused),
		IN_ARENA(zeroed_and_copied_memory_is_that),
		IN_ARENA(out_of_memory_leaves_what_there_was),
		IN_ARENA(the_largest_block_is_kept_wherever_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
