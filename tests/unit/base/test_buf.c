/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "test_heap.h"

static struct test_heap heap;
static dpi_buf buf;

static int begin(void **state)
{
	(void)state;
	test_heap_init(&heap);
	dpi_buf_init(&buf, &heap.alloc, 1000);
	return 0;
}

static int end(void **state)
{
	(void)state;
	dpi_buf_fini(&buf);
	return heap.live_bytes == 0 && heap.live_blocks == 0 ? 0 : -1;
}

static void all_kinds_of_appends_follow_each_other(void **state)
{
	(void)state;
	assert_string_equal(dpi_buf_text(&buf), "");
	assert_int_equal(dpi_buf_append(&buf, "ab", 2), DP_OK);
	assert_int_equal(dpi_buf_append(&buf, NULL, 0), DP_OK);
	assert_int_equal(dpi_buf_append_byte(&buf, 'c'), DP_OK);
	assert_int_equal(dpi_buf_append_string(&buf, "de"), DP_OK);
	assert_int_equal(dpi_buf_printf(&buf, "-%d-%s", 7, "x"), DP_OK);
	assert_string_equal(dpi_buf_text(&buf), "abcde-7-x");
	assert_int_equal(buf.size, 9);
	dpi_buf_clear(&buf);
	assert_string_equal(dpi_buf_text(&buf), "");
}

static void it_grows_to_its_limit_and_not_by_one_byte_more(void **state)
{
	(void)state;
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(
			dpi_buf_append_byte(&buf, (uint8_t)('a' + i % 26)),
			DP_OK);
	}
	assert_int_equal(strlen(dpi_buf_text(&buf)), 1000);
	assert_int_equal(dpi_buf_append_byte(&buf, 'x'), DP_ETOOBIG);
	assert_int_equal(buf.size, 1000);
	assert_int_equal(heap.live_bytes, 1001);
	for (size_t i = 0; i < 1000; i++) {
		assert_int_equal(buf.data[i], 'a' + i % 26);
	}
}

static void after_a_failure_all_appends_fail_until_it_is_cleared(void **state)
{
	char big[2000] = {0};

	(void)state;
	assert_int_equal(dpi_buf_append_string(&buf, "kept"), DP_OK);
	assert_int_equal(dpi_buf_append(&buf, big, sizeof(big)), DP_ETOOBIG);
	assert_int_equal(dpi_buf_append_byte(&buf, 'x'), DP_ETOOBIG);
	assert_int_equal(dpi_buf_printf(&buf, "x"), DP_ETOOBIG);
	assert_null(dpi_buf_text(&buf));
	assert_int_equal(buf.failed, DP_ETOOBIG);
	assert_memory_equal(buf.data, "kept", 4);
	assert_int_equal(buf.size, 4);
	dpi_buf_clear(&buf);
	assert_int_equal(dpi_buf_append_string(&buf, "new"), DP_OK);
	assert_string_equal(dpi_buf_text(&buf), "new");
}

static void out_of_memory_leaves_the_contents(void **state)
{
	(void)state;
	assert_int_equal(dpi_buf_append_string(&buf, "kept"), DP_OK);
	heap.fail_at = heap.made;
	assert_int_equal(dpi_buf_reserve(&buf, 900), DP_ENOMEM);
	assert_int_equal(buf.failed, DP_ENOMEM);
	assert_memory_equal(buf.data, "kept", 4);
	dpi_buf_clear(&buf);
	assert_int_equal(dpi_buf_reserve(&buf, 900), DP_OK);
}

static void a_reserved_buffer_does_not_move(void **state)
{
	uint8_t *data;

	(void)state;
	assert_int_equal(dpi_buf_reserve(&buf, 700), DP_OK);
	data = buf.data;
	for (int i = 0; i < 700; i++) {
		assert_int_equal(dpi_buf_append_byte(&buf, 'x'), DP_OK);
	}
	assert_ptr_equal(buf.data, data);
	assert_int_equal(heap.made, 1);
}

static void a_text_too_long_for_printf_is_too_big(void **state)
{
	(void)state;
	assert_int_equal(dpi_buf_printf(&buf, "%1001d", 1), DP_ETOOBIG);
	dpi_buf_clear(&buf);
	assert_int_equal(dpi_buf_printf(&buf, "%1000d", 1), DP_OK);
	assert_int_equal(buf.size, 1000);
}

static void a_text_that_cannot_be_printed_fails(void **state)
{
	const wchar_t none[] = {(wchar_t)0x7fffffff, 0};

	(void)state;
	assert_int_equal(dpi_buf_printf(&buf, "%ls", none), DP_EINVAL);
	assert_int_equal(buf.failed, DP_EINVAL);
}

static void no_limit_is_a_limit_that_cannot_wrap(void **state)
{
	(void)state;
	dpi_buf_init(&buf, &heap.alloc, SIZE_MAX);
	assert_int_equal(dpi_buf_append_byte(&buf, 'x'), DP_OK);
	assert_int_equal(dpi_buf_reserve(&buf, SIZE_MAX - 1), DP_ETOOBIG);
}

#define IN_BUF(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_BUF(all_kinds_of_appends_follow_each_other),
		IN_BUF(it_grows_to_its_limit_and_not_by_one_byte_more),
		IN_BUF(after_a_failure_all_appends_fail_until_it_is_cleared),
		IN_BUF(out_of_memory_leaves_the_contents),
		IN_BUF(a_reserved_buffer_does_not_move),
		IN_BUF(a_text_too_long_for_printf_is_too_big),
		IN_BUF(a_text_that_cannot_be_printed_fails),
		IN_BUF(no_limit_is_a_limit_that_cannot_wrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
