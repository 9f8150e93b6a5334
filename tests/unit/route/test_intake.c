/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "route/intake.h"
#include "test_heap.h"

static void partitions_are_found_again_and_told_apart(void **state)
{
	const dpi_partition_name a0 = {"a", 0}, a1 = {"a", 1}, b0 = {"b", 0};
	const dp_hub hub = {.identity = 7}, anew = {.identity = 8};
	struct test_heap heap;
	dpi_intakes intakes;
	dpi_intake *first;
	uint64_t key;

	(void)state;
	test_heap_init(&heap);
	dpi_intakes_init(&intakes, &heap.alloc, "job", &hub, 2);
	first = dpi_intakes_get(&intakes, &a0);
	key = first->key;
	assert_true(key != dpi_intakes_get(&intakes, &a1)->key);
	assert_true(key != dpi_intakes_get(&intakes, &b0)->key);
	assert_ptr_equal(first, dpi_intakes_get(&intakes, &a0));
	assert_int_equal(first->target_count, 2);
	first->is_known = true;
	first->is_in_hand = true;
	first->next = 9;
	dpi_intakes_forget(&intakes);
	assert_false(first->is_known || first->is_in_hand);
	assert_int_equal(first->next, 0);
	dpi_intakes_fini(&intakes);

	dpi_intakes_init(&intakes, &heap.alloc, "job", &anew, 0);
	assert_true(key != dpi_intakes_get(&intakes, &a0)->key);
	dpi_intakes_fini(&intakes);
	assert_int_equal(heap.live_bytes, 0);
}

static void dead_letters_that_were_found_are_known_until_all_are_passed(
	void **state)
{
	dpi_dead_places places = {.used = 0};
	struct test_heap heap;

	(void)state;
	test_heap_init(&heap);
	for (size_t slot = 0; slot < 40; slot++) {
		assert_true(dpi_dead_places_add(
			&places, &heap.alloc, 2 * slot, 10 * slot));
	}
	assert_int_equal(places.used, 79);
	assert_true(dpi_dead_places_has(&places, 0));
	assert_true(dpi_dead_places_has(&places, 390));
	assert_false(dpi_dead_places_has(&places, 391));
	assert_false(dpi_dead_places_has(&places, 5));
	dpi_dead_places_pass(&places, 390);
	assert_true(dpi_dead_places_has(&places, 390));
	assert_int_equal(places.used, 79);
	dpi_dead_places_pass(&places, 391);
	assert_false(dpi_dead_places_has(&places, 390));
	assert_int_equal(places.used, 0);
	dpi_free(&heap.alloc, places.offsets, places.capacity,
		sizeof(*places.offsets));
	assert_int_equal(heap.live_bytes, 0);
}

static void without_memory_no_partition_is_known_by_half(void **state)
{
	const dpi_partition_name name = {"a", 0};
	const dp_hub hub = {.identity = 7};
	struct test_heap heap;
	dpi_intakes intakes;

	(void)state;
	test_heap_init(&heap);
	dpi_intakes_init(&intakes, &heap.alloc, "job", &hub, 2);
	for (long k = 0; k < 2; k++) {
		heap.fail_at = heap.made + k;
		assert_null(dpi_intakes_get(&intakes, &name));
		assert_null(intakes.first);
		assert_int_equal(heap.live_bytes, 0);
	}
	heap.fail_at = -1;
	assert_non_null(dpi_intakes_get(&intakes, &name));
	dpi_intakes_fini(&intakes);
	assert_int_equal(heap.live_bytes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(partitions_are_found_again_and_told_apart),
		cmocka_unit_test(
			dead_letters_that_were_found_are_known_until_all_are_passed),
		cmocka_unit_test(without_memory_no_partition_is_known_by_half),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
