/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/adopt.h"

/* The struct as this build knows it, and as the next release might. */
struct now {
	size_t struct_size;
	uint64_t a;
	uint64_t b;
};

struct later {
	struct now now;
	uint64_t c;
};

#define LEAST DPI_SIZE_UP_TO(struct now, a)

static dp_status adopt(struct now *to, const void *given)
{
	return dpi_adopt(
		to, sizeof(*to), given, LEAST, "options", "INIT", NULL);
}

static void an_older_struct_is_filled_up_with_zero(void **state)
{
	struct now given = {.struct_size = LEAST, .a = 1, .b = 99};
	struct now to = {.b = 7};

	(void)state;
	assert_int_equal(adopt(&to, &given), DP_OK);
	assert_int_equal(to.struct_size, sizeof(to));
	assert_int_equal(to.a, 1);
	assert_int_equal(to.b, 0);
}

static void no_struct_means_all_defaults(void **state)
{
	struct now to = {.a = 5, .b = 7};

	(void)state;
	assert_int_equal(adopt(&to, NULL), DP_OK);
	assert_int_equal(to.struct_size, sizeof(to));
	assert_int_equal(to.a, 0);
	assert_int_equal(to.b, 0);
}

static void a_newer_struct_is_taken_while_its_surplus_is_zero(void **state)
{
	struct later given = {.now = {sizeof(given), 1, 2}, .c = 0};
	struct now to = {.struct_size = 0};

	(void)state;
	assert_int_equal(adopt(&to, &given), DP_OK);
	assert_int_equal(to.struct_size, sizeof(to));
	assert_int_equal(to.b, 2);
}

static void a_newer_struct_that_uses_its_surplus_is_refused(void **state)
{
	struct later given = {.now = {sizeof(given), 1, 2}, .c = 1};
	struct now to = {.a = 42};

	(void)state;
	assert_int_equal(adopt(&to, &given), DP_EABI);
	assert_int_equal(to.a, 42);
}

static void a_size_that_was_never_set_is_refused(void **state)
{
	struct now given = {.struct_size = LEAST - 1};
	struct now to = {.a = 42};
	dp_error *err = NULL;

	(void)state;
	assert_int_equal(adopt(&to, &given), DP_EABI);
	given.struct_size = SIZE_MAX;
	assert_int_equal(dpi_adopt(&to, sizeof(to), &given, LEAST, "options",
				 "INIT", &err),
		DP_EABI);
	assert_non_null(strstr(dp_error_message(err), "begin with INIT"));
	dp_error_free(err);
	assert_int_equal(to.a, 42);
}

static void statistics_fill_what_there_is_room_for(void **state)
{
	const struct now from = {sizeof(from), 1, 2};
	struct later newer = {.now = {sizeof(newer), 8, 8}, .c = 8};
	struct now older = {.struct_size = LEAST, .b = 8};

	(void)state;
	assert_int_equal(
		dpi_adopt_out(&newer, &from, sizeof(from), LEAST, "x", NULL),
		DP_OK);
	assert_int_equal(newer.now.struct_size, sizeof(newer));
	assert_int_equal(newer.now.b, 2);
	assert_int_equal(newer.c, 0);

	assert_int_equal(
		dpi_adopt_out(&older, &from, sizeof(from), LEAST, "x", NULL),
		DP_OK);
	assert_int_equal(older.struct_size, LEAST);
	assert_int_equal(older.a, 1);
	assert_int_equal(older.b, 8);
}

static void statistics_without_a_size_are_refused(void **state)
{
	const struct now from = {sizeof(from), 1, 2};
	struct now ret = {.struct_size = 0};

	(void)state;
	assert_int_equal(
		dpi_adopt_out(&ret, &from, sizeof(from), LEAST, "x", NULL),
		DP_EINVAL);
	assert_int_equal(ret.a, 0);
	assert_int_equal(
		dpi_adopt_out(NULL, &from, sizeof(from), LEAST, "x", NULL),
		DP_EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_older_struct_is_filled_up_with_zero),
		cmocka_unit_test(no_struct_means_all_defaults),
		cmocka_unit_test(
			a_newer_struct_is_taken_while_its_surplus_is_zero),
		cmocka_unit_test(
			a_newer_struct_that_uses_its_surplus_is_refused),
		cmocka_unit_test(a_size_that_was_never_set_is_refused),
		cmocka_unit_test(statistics_fill_what_there_is_room_for),
		cmocka_unit_test(statistics_without_a_size_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
