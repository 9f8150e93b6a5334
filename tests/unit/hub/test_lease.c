/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hub/lease.h"
#include "test_heap.h"

struct fixture {
	struct test_heap heap;
	dpi_leases leases;
};

static void start(struct fixture *f)
{
	test_heap_init(&f->heap);
	dpi_leases_init(&f->leases, &f->heap.alloc);
}

static void stop(struct fixture *f)
{
	dpi_leases_fini(&f->leases);
	assert_int_equal(f->heap.live_bytes, 0);
}

/* Leases at 10 * first, 10 * (first + 1), ...; each expires at its offset. */
static void push(struct fixture *f, size_t first, size_t count)
{
	assert_int_equal(dpi_leases_reserve(&f->leases, count), DP_OK);
	for (size_t i = first; i < first + count; i++) {
		dpi_leases_push(&f->leases, 10 * i, 5, 1, (dp_time_ns)(10 * i));
	}
}

static dpi_lease *at(struct fixture *f, dp_offset offset)
{
	size_t index = dpi_leases_find(&f->leases, offset);

	assert_true(index < f->leases.count);
	return dpi_leases_at(&f->leases, index);
}

static void a_row_goes_round_and_grows_with_all_in_order(void **state)
{
	struct fixture f;
	size_t first = 0;
	size_t next = 0;

	(void)state;
	start(&f);
	for (size_t round = 1; round < 60; round++) {
		push(&f, next, round);
		next += round;
		for (size_t i = 0; i < round / 2; i++) {
			dpi_leases_finish(&f.leases, at(&f, 10 * first++));
		}
		dpi_leases_trim(&f.leases);
		assert_int_equal(f.leases.count, next - first);
		assert_int_equal(f.leases.out, next - first);
		assert_int_equal(f.leases.out_bytes, 5 * (next - first));
		for (size_t i = first; i < next; i++) {
			assert_int_equal(
				dpi_leases_find(&f.leases, 10 * i), i - first);
		}
		assert_int_equal(
			dpi_leases_find(&f.leases, 10 * next), f.leases.count);
	}
	stop(&f);
}

static void what_is_finished_in_between_stays_until_the_front_is(void **state)
{
	struct fixture f;

	(void)state;
	start(&f);
	push(&f, 1, 3);
	dpi_leases_finish(&f.leases, at(&f, 20));
	dpi_leases_trim(&f.leases);
	assert_int_equal(f.leases.count, 3);
	assert_int_equal(f.leases.out, 2);
	dpi_leases_finish(&f.leases, at(&f, 10));
	dpi_leases_trim(&f.leases);
	assert_int_equal(f.leases.count, 1);
	assert_int_equal(dpi_leases_at(&f.leases, 0)->offset, 30);
	stop(&f);
}

static void leases_expire_at_their_time_and_not_before(void **state)
{
	struct fixture f;
	size_t index;

	(void)state;
	start(&f);
	push(&f, 1, 4);
	dpi_leases_expire(&f.leases, 9);
	assert_int_equal(f.leases.waiting, 0);
	dpi_leases_extend(&f.leases, at(&f, 10), 100);
	dpi_leases_expire(&f.leases, 30);
	assert_int_equal(f.leases.waiting, 2);
	assert_int_equal(f.leases.out, 2);
	assert_int_equal(dpi_leases_due(&f.leases, 30, 9, &index), 2);
	assert_int_equal(index, 1);
	assert_int_equal(f.leases.next_expiry, 40);
	dpi_leases_expire(&f.leases, 100);
	assert_int_equal(f.leases.waiting, 4);
	assert_int_equal(f.leases.next_expiry, DP_FOREVER);
	stop(&f);
}

static void runs_that_are_due_are_found_one_after_the_other(void **state)
{
	struct fixture f;
	size_t index = 0;

	(void)state;
	start(&f);
	push(&f, 1, 5);
	dpi_leases_give_back(&f.leases, at(&f, 20), 7);
	dpi_leases_give_back(&f.leases, at(&f, 30), 7);
	dpi_leases_give_back(&f.leases, at(&f, 50), 9);
	assert_int_equal(dpi_leases_due(&f.leases, 6, 9, &index), 0);
	assert_int_equal(dpi_leases_due(&f.leases, 9, 1, &index), 1);
	assert_int_equal(index, 1);
	assert_int_equal(dpi_leases_due(&f.leases, 9, 9, &index), 2);
	dpi_leases_hand_over(&f.leases, at(&f, 20), 99);
	dpi_leases_hand_over(&f.leases, at(&f, 30), 99);
	assert_int_equal(at(&f, 30)->attempt, 2);
	assert_int_equal(dpi_leases_due(&f.leases, 8, 9, &index), 0);
	assert_int_equal(f.leases.next_due, 9);
	assert_int_equal(dpi_leases_due(&f.leases, 9, 9, &index), 1);
	assert_int_equal(index, 4);
	stop(&f);
}

static void leases_that_were_not_handed_over_are_taken_back(void **state)
{
	struct fixture f;

	(void)state;
	start(&f);
	push(&f, 1, 5);
	dpi_leases_unpush(&f.leases, 2);
	assert_int_equal(f.leases.count, 3);
	assert_int_equal(f.leases.out, 3);
	assert_int_equal(f.leases.out_bytes, 15);
	stop(&f);
}

static void want_of_memory_leaves_a_row_as_it_was(void **state)
{
	struct fixture f;

	(void)state;
	start(&f);
	push(&f, 1, 5);
	f.heap.fail_at = f.heap.made;
	assert_int_equal(dpi_leases_reserve(&f.leases, 1000), DP_ENOMEM);
	assert_int_equal(f.leases.count, 5);
	assert_int_equal(at(&f, 50)->offset, 50);
	stop(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_row_goes_round_and_grows_with_all_in_order),
		cmocka_unit_test(
			what_is_finished_in_between_stays_until_the_front_is),
		cmocka_unit_test(leases_expire_at_their_time_and_not_before),
		cmocka_unit_test(
			runs_that_are_due_are_found_one_after_the_other),
		cmocka_unit_test(
			leases_that_were_not_handed_over_are_taken_back),
		cmocka_unit_test(want_of_memory_leaves_a_row_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
