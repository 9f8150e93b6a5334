/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "publish/chunks.h"
#include "test_heap.h"

static dpi_place reserve(dpi_chunks *chunks, size_t size)
{
	dpi_place place;

	assert_true(dpi_chunks_reserve(chunks, size, &place));
	return place;
}

static void give_all(dpi_chunks *chunks, dpi_chunk *chunk)
{
	while (chunk != NULL) {
		dpi_chunk *next = chunk->next;

		dpi_chunks_give(chunks, (dpi_pub_chunk *)chunk);
		chunk = next;
	}
}

static void test_chunks_keep_the_order_of_reservation(void **state)
{
	struct test_heap heap;
	dpi_chunks chunks;
	dpi_place first;
	dpi_place second;
	dpi_chunk *taken;

	(void)state;
	test_heap_init(&heap);
	dpi_chunks_init(&chunks, &heap.alloc, NULL, false, 8);
	first = reserve(&chunks, 100);
	second = reserve(&chunks, 50);
	assert_ptr_equal(second.out, first.out + 100);
	dpi_chunks_written(&second);
	dpi_chunks_written(&first);
	taken = dpi_chunks_take(&chunks);
	assert_non_null(taken);
	assert_ptr_equal(taken->data, first.out);
	assert_int_equal(taken->size, 150);
	assert_int_equal(taken->count, 2);
	assert_null(taken->next);
	assert_null(dpi_chunks_take(&chunks));
	give_all(&chunks, taken);
	dpi_chunks_fini(&chunks);
	assert_int_equal(heap.live_bytes, 0);
}

static void test_chunks_with_an_unfinished_record_stay(void **state)
{
	struct test_heap heap;
	dpi_chunks chunks;
	dpi_place full;
	dpi_place slow;
	dpi_place quick;
	dpi_chunk *taken;

	(void)state;
	test_heap_init(&heap);
	dpi_chunks_init(&chunks, &heap.alloc, NULL, false, 8);
	full = reserve(&chunks, DPI_CHUNK_BYTES);
	slow = reserve(&chunks, DPI_CHUNK_BYTES);
	quick = reserve(&chunks, 10);
	dpi_chunks_written(&full);
	dpi_chunks_written(&quick);

	taken = dpi_chunks_take(&chunks);
	assert_ptr_equal(taken, &full.chunk->chunk);
	assert_null(taken->next);
	give_all(&chunks, taken);
	assert_null(dpi_chunks_take(&chunks));

	dpi_chunks_written(&slow);
	taken = dpi_chunks_take(&chunks);
	assert_ptr_equal(taken, &slow.chunk->chunk);
	assert_ptr_equal(taken->next, &quick.chunk->chunk);
	give_all(&chunks, taken);
	dpi_chunks_fini(&chunks);
	assert_int_equal(heap.live_bytes, 0);
}

static void test_chunks_stop_allocating_under_a_steady_load(void **state)
{
	struct test_heap heap;
	dpi_chunks chunks;
	long made;

	(void)state;
	test_heap_init(&heap);
	dpi_chunks_init(&chunks, &heap.alloc, NULL, true, 8);
	made = heap.made;
	for (int i = 0; i < 100; i++) {
		dpi_place place = reserve(&chunks, 1000);

		dpi_chunks_written(&place);
		give_all(&chunks, dpi_chunks_take(&chunks));
	}
	assert_int_equal(heap.made, made + 1);
	dpi_chunks_fini(&chunks);
	assert_int_equal(heap.live_bytes, 0);
}

static void test_chunks_hold_a_record_of_any_size(void **state)
{
	struct test_heap heap;
	dpi_chunks chunks;
	dpi_place place;

	(void)state;
	test_heap_init(&heap);
	dpi_chunks_init(&chunks, &heap.alloc, NULL, true, 8);
	place = reserve(&chunks, 16u << 20);
	memset(place.out, 0xab, 16u << 20);
	dpi_chunks_written(&place);
	give_all(&chunks, dpi_chunks_take(&chunks));
	dpi_chunks_fini(&chunks);
	assert_int_equal(heap.live_bytes, 0);
}

static void test_chunks_have_a_completion_for_each_record(void **state)
{
	struct test_heap heap;
	dpi_chunks chunks;

	(void)state;
	test_heap_init(&heap);
	dpi_chunks_init(&chunks, &heap.alloc, NULL, true, 8);
	for (int i = 0; i < 5000; i++) {
		dpi_place place = reserve(&chunks, 33);

		assert_true(place.index < place.chunk->events_max);
		place.chunk->report.items[place.index].tag = place.out;
		memset(place.out, 0xff, 33);
		dpi_chunks_written(&place);
	}
	give_all(&chunks, dpi_chunks_take(&chunks));
	dpi_chunks_fini(&chunks);
	assert_int_equal(heap.live_bytes, 0);
}

static void test_chunks_that_were_never_taken_are_freed(void **state)
{
	struct test_heap heap;
	dpi_chunks chunks;

	(void)state;
	test_heap_init(&heap);
	dpi_chunks_init(&chunks, &heap.alloc, NULL, false, 8);
	(void)reserve(&chunks, DPI_CHUNK_BYTES);
	(void)reserve(&chunks, DPI_CHUNK_BYTES);
	dpi_chunks_fini(&chunks);
	assert_int_equal(heap.live_bytes, 0);
}

static void test_chunks_keep_no_more_than_they_were_told(void **state)
{
	struct test_heap heap;
	dpi_chunks chunks;
	size_t kept;

	(void)state;
	test_heap_init(&heap);
	dpi_chunks_init(&chunks, &heap.alloc, NULL, false, 3);
	for (int i = 0; i < 10; i++) {
		dpi_place place = reserve(&chunks, DPI_CHUNK_BYTES);

		dpi_chunks_written(&place);
	}
	assert_int_equal(heap.live_blocks, 10);
	give_all(&chunks, dpi_chunks_take(&chunks));
	kept = heap.live_blocks;
	dpi_chunks_fini(&chunks);
	assert_int_equal(kept, 3);
	assert_int_equal(heap.live_bytes, 0);
}

static void test_chunks_say_when_memory_is_out(void **state)
{
	struct test_heap heap;
	dpi_chunks chunks;
	dpi_place place;

	(void)state;
	test_heap_init(&heap);
	dpi_chunks_init(&chunks, &heap.alloc, NULL, false, 8);
	heap.fail_at = heap.made;
	assert_false(dpi_chunks_reserve(&chunks, 10, &place));
	assert_true(dpi_chunks_reserve(&chunks, 10, &place));
	dpi_chunks_fini(&chunks);
	assert_int_equal(heap.live_bytes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chunks_keep_the_order_of_reservation),
		cmocka_unit_test(test_chunks_with_an_unfinished_record_stay),
		cmocka_unit_test(
			test_chunks_stop_allocating_under_a_steady_load),
		cmocka_unit_test(test_chunks_hold_a_record_of_any_size),
		cmocka_unit_test(test_chunks_have_a_completion_for_each_record),
		cmocka_unit_test(test_chunks_that_were_never_taken_are_freed),
		cmocka_unit_test(test_chunks_keep_no_more_than_they_were_told),
		cmocka_unit_test(test_chunks_say_when_memory_is_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
