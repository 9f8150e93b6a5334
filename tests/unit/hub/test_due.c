/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hub/log/due.h"
#include "test_heap.h"

enum { MANY = 1000 };

static void join(dpi_dues *dues, const dp_allocator *alloc, dpi_due *due)
{
	*due = (dpi_due){.at_ns = DP_FOREVER};
	assert_int_equal(dpi_dues_join(dues, alloc, NULL), DP_OK);
}

/* Times in disorder, each below MANY, and each once. */
static dp_time_ns time_of(int i)
{
	return (i * 617 + 13) % MANY;
}

static void what_is_due_comes_out_by_time(void **state)
{
	static dpi_due due[MANY];
	struct test_heap heap;
	dpi_dues dues = {0};

	(void)state;
	test_heap_init(&heap);
	for (int i = 0; i < MANY; i++) {
		join(&dues, &heap.alloc, &due[i]);
	}
	heap.fail_at = heap.made; /* from here on, memory is not needed */
	assert_true(dpi_dues_first(&dues) == DP_FOREVER);
	for (int i = 0; i < MANY; i++) {
		dpi_dues_set(&dues, &due[i], MANY + time_of(i));
		dpi_dues_set(&dues, &due[i], time_of(i));
	}
	for (dp_time_ns at = 0; at < MANY; at++) {
		dpi_due *first;

		assert_true(dpi_dues_first(&dues) == at);
		assert_null(dpi_dues_take(&dues, at - 1));
		first = dpi_dues_take(&dues, MANY);
		assert_true(time_of((int)(first - due)) == at);
		assert_true(first->at_ns == DP_FOREVER);
	}
	assert_null(dpi_dues_take(&dues, DP_FOREVER));
	heap.fail_at = -1;
	dpi_dues_fini(&dues, &heap.alloc);
	assert_int_equal(heap.live_bytes, 0);
}

static void what_was_taken_may_come_due_again(void **state)
{
	struct test_heap heap;
	dpi_dues dues = {0};
	dpi_due first;
	dpi_due second;

	(void)state;
	test_heap_init(&heap);
	join(&dues, &heap.alloc, &first);
	join(&dues, &heap.alloc, &second);
	dpi_dues_set(&dues, &first, 10);
	dpi_dues_set(&dues, &second, 20);
	assert_ptr_equal(dpi_dues_take(&dues, 15), &first);
	dpi_dues_set(&dues, &first, 30);
	assert_ptr_equal(dpi_dues_take(&dues, 30), &second);
	assert_ptr_equal(dpi_dues_take(&dues, 30), &first);
	dpi_dues_fini(&dues, &heap.alloc);
}

static void joining_says_when_memory_is_out(void **state)
{
	struct test_heap heap;
	dpi_dues dues = {0};

	(void)state;
	test_heap_init(&heap);
	heap.fail_at = heap.made;
	assert_int_equal(dpi_dues_join(&dues, &heap.alloc, NULL), DP_ENOMEM);
	heap.fail_at = -1;
	assert_int_equal(dpi_dues_join(&dues, &heap.alloc, NULL), DP_OK);
	dpi_dues_fini(&dues, &heap.alloc);
	assert_int_equal(heap.live_bytes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_due_comes_out_by_time),
		cmocka_unit_test(what_was_taken_may_come_due_again),
		cmocka_unit_test(joining_says_when_memory_is_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
