/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "sink/positions.h"
#include "test_heap.h"

static struct test_heap heap;

static int setup(void **state)
{
	(void)state;
	test_heap_init(&heap);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(heap.live_blocks, 0);
	return 0;
}

static void set(dp_positions *p, const char *topic, uint32_t part, uint64_t n)
{
	assert_int_equal(dp_positions_set(p, topic, part, n), DP_OK);
}

static void assert_place(const dp_positions *p, size_t i, const char *topic,
	uint32_t partition, uint64_t next)
{
	dp_position place = dp_positions_get(p, i);

	assert_string_equal(place.topic, topic);
	assert_int_equal(place.partition, partition);
	assert_int_equal(place.next, next);
}

static void places_come_back_by_topic_then_partition(void **state)
{
	dp_positions p;

	(void)state;
	dpi_positions_init(&p, &heap.alloc);
	set(&p, "b", 1, 10);
	set(&p, "a", 7, 20);
	set(&p, "b", 0, 30);
	set(&p, "ab", 0, 40);
	assert_int_equal(dp_positions_count(&p), 4);
	assert_place(&p, 0, "a", 7, 20);
	assert_place(&p, 1, "ab", 0, 40);
	assert_place(&p, 2, "b", 0, 30);
	assert_place(&p, 3, "b", 1, 10);
	dpi_positions_fini(&p);
}

static void a_place_only_moves_forward(void **state)
{
	dp_positions p;

	(void)state;
	dpi_positions_init(&p, &heap.alloc);
	set(&p, "a", 0, 10);
	set(&p, "a", 0, 9);
	assert_int_equal(dpi_positions_next(&p, "a", 0), 10);
	set(&p, "a", 0, 11);
	assert_int_equal(dpi_positions_next(&p, "a", 0), 11);
	assert_int_equal(dpi_positions_next(&p, "a", 1), 0);
	assert_int_equal(dp_positions_count(&p), 1);
	dpi_positions_fini(&p);
}

static void merged_places_are_the_larger_of_both(void **state)
{
	dp_positions a;
	dp_positions b;

	(void)state;
	dpi_positions_init(&a, &heap.alloc);
	dpi_positions_init(&b, &heap.alloc);
	set(&a, "t", 0, 5);
	set(&a, "t", 1, 9);
	set(&b, "t", 0, 7);
	set(&b, "t", 1, 2);
	set(&b, "u", 0, 1);
	assert_false(dpi_positions_cover(&a, &b));
	assert_int_equal(dpi_positions_merge(&a, &b), DP_OK);
	assert_true(dpi_positions_cover(&a, &b));
	assert_false(dpi_positions_cover(&b, &a));
	assert_place(&a, 0, "t", 0, 7);
	assert_place(&a, 1, "t", 1, 9);
	assert_place(&a, 2, "u", 0, 1);
	dpi_positions_fini(&a);
	dpi_positions_fini(&b);
}

/* Sets 100 places, in an order that inserts at both ends and between. */
static dp_status set_many(dp_positions *p)
{
	char topic[16];
	dp_status st = DP_OK;

	for (unsigned i = 0; i < 100 && st == DP_OK; i++) {
		(void)snprintf(topic, sizeof(topic), "t%u", i * 37 % 100 / 10);
		st = dp_positions_set(p, topic, i * 37 % 10, i);
	}
	return st;
}

static void without_memory_the_places_stay_as_they_were(void **state)
{
	dp_positions p;
	dp_status st = DP_ENOMEM;

	(void)state;
	for (long k = 0; st != DP_OK; k++) {
		test_heap_init(&heap);
		heap.fail_at = k;
		dpi_positions_init(&p, &heap.alloc);
		st = set_many(&p);
		if (st != DP_OK) {
			size_t before = dp_positions_count(&p);

			assert_int_equal(st, DP_ENOMEM);
			/* The next try goes on from there. */
			assert_int_equal(set_many(&p), DP_OK);
			assert_true(before < 100);
		}
		assert_int_equal(dp_positions_count(&p), 100);
		dpi_positions_fini(&p);
		assert_int_equal(heap.live_bytes, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places_come_back_by_topic_then_partition),
		cmocka_unit_test(a_place_only_moves_forward),
		cmocka_unit_test(merged_places_are_the_larger_of_both),
		cmocka_unit_test(without_memory_the_places_stay_as_they_were),
	};

	return cmocka_run_group_tests_name("positions", tests, setup, teardown);
}
