/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/uuid.h"
#include "publish/ids.h"

static int fixed_random(void *self, void *buf, size_t size)
{
	(void)self;
	memset(buf, 0xff, size);
	return 0;
}

static int no_random(void *self, void *buf, size_t size)
{
	(void)self;
	(void)buf;
	(void)size;
	return -5;
}

static void test_ids_are_dense_for_one_writer(void **state)
{
	dpi_os os = {.random = fixed_random};
	dpi_ids ids;

	(void)state;
	assert_int_equal(dpi_ids_init(&ids, &os), 0);
	for (uint64_t i = 0; i < 1000; i++) {
		dpi_ids id = dpi_ids_next(&ids, 1700000000000);

		assert_int_equal(id.seq, i);
		assert_int_equal(id.writer, (UINT64_C(1) << 34) - 1);
	}
}

static void test_ids_ascend_though_the_clock_goes_back(void **state)
{
	dpi_ids ids = {.writer = 7};

	(void)state;
	assert_int_equal(dpi_ids_next(&ids, 2000).unix_ms, 2000);
	assert_int_equal(dpi_ids_next(&ids, 1000).unix_ms, 2000);
	assert_int_equal(dpi_ids_next(&ids, 2001).unix_ms, 2001);
}

static void test_ids_go_on_as_another_writer_when_numbers_run_out(void **state)
{
	uint64_t max = (UINT64_C(1) << DPI_SEQ_BITS) - 1;
	dpi_ids ids = {.writer = 7, .seq = max};
	dpi_ids last;
	dpi_ids next;

	(void)state;
	last = dpi_ids_next(&ids, 1);
	next = dpi_ids_next(&ids, 1);
	assert_int_equal(last.seq, max);
	assert_int_equal(last.writer, 7);
	assert_int_equal(next.seq, 0);
	assert_int_not_equal(next.writer, 7);
	assert_true(next.writer < UINT64_C(1) << DPI_WRITER_BITS);
}

static void test_ids_need_random_numbers(void **state)
{
	dpi_os os = {.random = no_random};
	dpi_ids ids;

	(void)state;
	assert_int_equal(dpi_ids_init(&ids, &os), -5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ids_are_dense_for_one_writer),
		cmocka_unit_test(test_ids_ascend_though_the_clock_goes_back),
		cmocka_unit_test(
			test_ids_go_on_as_another_writer_when_numbers_run_out),
		cmocka_unit_test(test_ids_need_random_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
