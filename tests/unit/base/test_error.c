/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool is_out_of_memory;

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

void *__wrap_malloc(size_t size)
{
	return is_out_of_memory ? NULL : __real_malloc(size);
}

static void an_error_keeps_its_code_and_message(void **state)
{
	dp_error *err = NULL;

	(void)state;
	assert_int_equal(
		dpi_error_set(&err, DP_EINVAL, "topic %s", "a"), DP_EINVAL);
	assert_int_equal(dp_error_code(err), DP_EINVAL);
	assert_string_equal(dp_error_message(err), "topic a");
	assert_int_equal(dp_error_sys_errno(err), 0);
	dp_error_free(err);
}

static void who_does_not_ask_why_still_gets_the_code(void **state)
{
	(void)state;
	assert_int_equal(dpi_error_set(NULL, DP_EIO, "x"), DP_EIO);
	assert_int_equal(dpi_error_sys(NULL, ENOSPC, "x"), DP_ENOSPC);
	assert_int_equal(dpi_error_prefix(NULL, DP_EIO, "x"), DP_EIO);
}

static void no_error_reads_as_success(void **state)
{
	(void)state;
	assert_int_equal(dp_error_code(NULL), DP_OK);
	assert_string_equal(dp_error_message(NULL), "");
	assert_int_equal(dp_error_sys_errno(NULL), 0);
	assert_int_equal(dp_error_is_retriable(NULL), 0);
	assert_null(dpi_error_dup(NULL));
	dp_error_free(NULL);
}

static void errno_picks_the_code_and_its_text_follows(void **state)
{
	static const struct {
		int sys_errno;
		dp_status code;
	} cases[] = {{ENOSPC, DP_ENOSPC}, {EDQUOT, DP_ENOSPC},
		{ENOMEM, DP_ENOMEM}, {EACCES, DP_EDENIED}, {EPERM, DP_EDENIED},
		{ENOENT, DP_ENOTFOUND}, {EIO, DP_EIO}, {EROFS, DP_EIO}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		dp_error *err = NULL;

		assert_int_equal(
			dpi_error_sys(&err, cases[i].sys_errno, "open %s", "f"),
			cases[i].code);
		assert_int_equal(dp_error_code(err), cases[i].code);
		assert_int_equal(dp_error_sys_errno(err), cases[i].sys_errno);
		assert_non_null(strstr(dp_error_message(err), "open f: "));
		dp_error_free(err);
	}
}

static void what_room_would_not_mend_is_told_from_what_it_would(void **state)
{
	dp_error *err = NULL;

	(void)state;
	assert_int_equal(dpi_error_io(&err, ENOSPC, "sync %s", "f"), DP_EIO);
	assert_int_equal(dp_error_code(err), DP_EIO);
	assert_int_equal(dp_error_sys_errno(err), ENOSPC);
	assert_non_null(strstr(dp_error_message(err), "sync f: "));
	dp_error_free(err);
}

static void an_unknown_errno_is_said_to_be_unknown(void **state)
{
	dp_error *err = NULL;

	(void)state;
	assert_int_equal(dpi_error_sys(&err, 99999, "open"), DP_EIO);
	assert_string_equal(
		dp_error_message(err), "open: unknown error of the system");
	dp_error_free(err);
}

static void a_prefix_goes_before_the_message(void **state)
{
	dp_error *err = NULL;

	(void)state;
	(void)dpi_error_sys(&err, EIO, "read f");
	assert_int_equal(
		dpi_error_prefix(&err, DP_EINVAL, "topic %d", 7), DP_EIO);
	assert_string_equal(
		dp_error_message(err), "topic 7: read f: Input/output error");
	assert_int_equal(dp_error_sys_errno(err), EIO);
	dp_error_free(err);
}

static void a_copy_outlives_the_original(void **state)
{
	dp_error *err = NULL;
	dp_error *copy;

	(void)state;
	(void)dpi_error_sys(&err, EIO, "read f");
	copy = dpi_error_dup(err);
	dp_error_free(err);
	assert_int_equal(dp_error_code(copy), DP_EIO);
	assert_int_equal(dp_error_sys_errno(copy), EIO);
	assert_string_equal(
		dp_error_message(copy), "read f: Input/output error");
	dp_error_free(copy);
}

static void a_message_is_one_printable_line(void **state)
{
	dp_error *err = NULL;

	(void)state;
	(void)dpi_error_set(
		&err, DP_EINVAL, "a\nb\t\x1b[1m %s", "\xff\xc3\xa9");
	assert_string_equal(dp_error_message(err), "a?b??[1m ?\xc3\xa9");
	dp_error_free(err);
}

static void a_long_message_is_cut_and_stays_text(void **state)
{
	dp_error *err = NULL;
	char text[4001];
	size_t size;

	(void)state;
	for (size_t i = 0; i < 4000; i += 2) {
		memcpy(text + i, "\xc3\xa9", 3);
	}
	(void)dpi_error_set(&err, DP_EINVAL, "%s", text);
	size = strlen(dp_error_message(err));
	assert_int_equal(size, 1023);
	assert_int_equal(dp_error_message(err)[size - 1], '?');
	assert_int_equal(dpi_error_prefix(&err, DP_EINVAL, "p"), DP_EINVAL);
	assert_int_equal(strncmp(dp_error_message(err), "p: \xc3", 4), 0);
	dp_error_free(err);
}

static void a_message_that_cannot_be_printed_is_empty(void **state)
{
	const wchar_t none[] = {(wchar_t)0x7fffffff, 0};
	dp_error *err = NULL;

	(void)state;
	assert_int_equal(
		dpi_error_set(&err, DP_EINVAL, "x%ls", none), DP_EINVAL);
	assert_string_equal(dp_error_message(err), "");
	dp_error_free(err);
}

static void a_cleared_error_can_be_set_again(void **state)
{
	dp_error *err = NULL;

	(void)state;
	(void)dpi_error_set(&err, DP_EINVAL, "first");
	dpi_error_clear(&err);
	assert_null(err);
	dpi_error_clear(&err);
	dpi_error_clear(NULL);
	(void)dpi_error_set(&err, DP_EIO, "second");
	assert_string_equal(dp_error_message(err), "second");
	dp_error_free(err);
}

static void out_of_memory_yields_the_static_error(void **state)
{
	dp_error *err = NULL;
	dp_error *copy;

	(void)state;
	is_out_of_memory = true;
	assert_int_equal(dpi_error_set(&err, DP_EINVAL, "x"), DP_EINVAL);
	assert_int_equal(dp_error_code(err), DP_ENOMEM);
	assert_string_equal(dp_error_message(err), "out of memory");
	assert_int_equal(dpi_error_prefix(&err, DP_EINVAL, "p"), DP_EINVAL);
	copy = dpi_error_dup(err);
	assert_ptr_equal(copy, err);
	is_out_of_memory = false;
	dp_error_free(err);
	dp_error_free(copy);
}

static void a_prefix_that_finds_no_memory_keeps_the_cause(void **state)
{
	dp_error *err = NULL;

	(void)state;
	(void)dpi_error_set(&err, DP_EINVAL, "cause");
	is_out_of_memory = true;
	assert_int_equal(dpi_error_prefix(&err, DP_EINVAL, "p"), DP_EINVAL);
	is_out_of_memory = false;
	assert_string_equal(dp_error_message(err), "cause");
	dp_error_free(err);
}

static void what_may_pass_by_itself_is_retriable(void **state)
{
	(void)state;
	for (dp_status st = -1; st >= DP_ELOCKED; st--) {
		dp_error *err = NULL;
		int want = st == DP_EAGAIN || st == DP_ENOMEM ||
			st == DP_ENOSPC || st == DP_ELOCKED ||
			st == DP_ETIMEDOUT;

		(void)dpi_error_set(&err, st, "x");
		assert_int_equal(dp_error_is_retriable(err), want);
		dp_error_free(err);
	}
}

static void every_status_has_a_name_and_no_other_value(void **state)
{
	(void)state;
	assert_string_equal(dp_status_name(DP_OK), "DP_OK");
	assert_string_equal(dp_status_name(DP_ELOCKED), "DP_ELOCKED");
	for (dp_status st = 0; st >= DP_ELOCKED; st--) {
		assert_int_equal(strncmp(dp_status_name(st), "DP_", 3), 0);
	}
	assert_string_equal(dp_status_name(1), "unknown status");
	assert_string_equal(dp_status_name(DP_ELOCKED - 1), "unknown status");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_error_keeps_its_code_and_message),
		cmocka_unit_test(who_does_not_ask_why_still_gets_the_code),
		cmocka_unit_test(no_error_reads_as_success),
		cmocka_unit_test(errno_picks_the_code_and_its_text_follows),
		cmocka_unit_test(
			what_room_would_not_mend_is_told_from_what_it_would),
		cmocka_unit_test(an_unknown_errno_is_said_to_be_unknown),
		cmocka_unit_test(a_prefix_goes_before_the_message),
		cmocka_unit_test(a_copy_outlives_the_original),
		cmocka_unit_test(a_message_is_one_printable_line),
		cmocka_unit_test(a_long_message_is_cut_and_stays_text),
		cmocka_unit_test(a_message_that_cannot_be_printed_is_empty),
		cmocka_unit_test(a_cleared_error_can_be_set_again),
		cmocka_unit_test(out_of_memory_yields_the_static_error),
		cmocka_unit_test(a_prefix_that_finds_no_memory_keeps_the_cause),
		cmocka_unit_test(what_may_pass_by_itself_is_retriable),
		cmocka_unit_test(every_status_has_a_name_and_no_other_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
