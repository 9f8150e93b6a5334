/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "route/retry.h"

/* Chance that a test decides. */
struct lots {
	dpi_os os;
	uint64_t lot;
	int rc;
};

static int draw(void *self, void *buf, size_t size)
{
	const struct lots *lots = self;

	assert_int_equal(size, sizeof(lots->lot));
	memcpy(buf, &lots->lot, size);
	return lots->rc;
}

static void lots_init(struct lots *lots, uint64_t lot)
{
	*lots = (struct lots){.lot = lot};
	lots->os.self = lots;
	lots->os.random = draw;
}

static void waits_double_up_to_the_longest(void **state)
{
	const dp_time_ns want[] = {100, 200, 400, 500, 500};
	struct lots lots;
	dpi_retry retry;

	(void)state;
	lots_init(&lots, 0);
	dpi_retry_init(&retry, &lots.os, 100, 500);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		assert_int_equal(
			dpi_retry_next(&retry, DP_REFUSAL_RETRYABLE, 0),
			want[i]);
	}
	dpi_retry_reset(&retry);
	assert_int_equal(dpi_retry_next(&retry, DP_REFUSAL_AMBIGUOUS, 0), 100);
}

static void the_lot_takes_less_than_half_of_a_wait(void **state)
{
	struct lots lots;
	dpi_retry retry;

	(void)state;
	for (uint64_t lot = 0; lot < 5000; lot += 7) {
		dp_time_ns wait;

		lots_init(&lots, lot);
		dpi_retry_init(&retry, &lots.os, 1000, 1000);
		wait = dpi_retry_next(&retry, DP_REFUSAL_RETRYABLE, 0);
		assert_in_range(wait, 501, 1000);
		assert_int_equal(wait, 1000 - (dp_time_ns)(lot % 500));
	}
}

static void without_chance_the_whole_is_waited(void **state)
{
	struct lots lots;
	dpi_retry retry;

	(void)state;
	lots_init(&lots, 499);
	lots.rc = -5;
	dpi_retry_init(&retry, &lots.os, 1000, 1000);
	assert_int_equal(dpi_retry_next(&retry, DP_REFUSAL_RETRYABLE, 0), 1000);
}

static void throttled_waits_as_told_but_no_longer_than_five_minutes(
	void **state)
{
	struct lots lots;
	dpi_retry retry;

	(void)state;
	lots_init(&lots, 0);
	dpi_retry_init(&retry, &lots.os, 100, 500);
	assert_int_equal(
		dpi_retry_next(&retry, DP_REFUSAL_THROTTLED, 7 * DP_SECOND),
		7 * DP_SECOND);
	assert_int_equal(
		dpi_retry_next(&retry, DP_REFUSAL_THROTTLED, 3600 * DP_SECOND),
		300 * DP_SECOND);
	assert_int_equal(dpi_retry_next(&retry, DP_REFUSAL_THROTTLED, 0), 100);
}

static void what_a_person_must_put_right_is_asked_each_minute(void **state)
{
	struct lots lots;
	dpi_retry retry;

	(void)state;
	lots_init(&lots, 0);
	dpi_retry_init(&retry, &lots.os, 100, 500);
	assert_int_equal(
		dpi_retry_next(&retry, DP_REFUSAL_STREAM, 0), 60 * DP_SECOND);
	assert_int_equal(
		dpi_retry_next(&retry, DP_REFUSAL_FATAL, 5), 60 * DP_SECOND);
	assert_true(dpi_refusal_pauses(DP_REFUSAL_FATAL));
	assert_false(dpi_refusal_pauses(DP_REFUSAL_RETRYABLE));
}

static void an_endpoint_that_is_busy_spends_no_attempts(void **state)
{
	(void)state;
	assert_true(dpi_refusal_counts(DP_REFUSAL_RETRYABLE));
	assert_true(dpi_refusal_counts(DP_REFUSAL_AMBIGUOUS));
	assert_false(dpi_refusal_counts(DP_REFUSAL_THROTTLED));
	assert_false(dpi_refusal_counts(DP_REFUSAL_STREAM));
	assert_false(dpi_refusal_counts(DP_REFUSAL_FATAL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_double_up_to_the_longest),
		cmocka_unit_test(the_lot_takes_less_than_half_of_a_wait),
		cmocka_unit_test(without_chance_the_whole_is_waited),
		cmocka_unit_test(
			throttled_waits_as_told_but_no_longer_than_five_minutes),
		cmocka_unit_test(
			what_a_person_must_put_right_is_asked_each_minute),
		cmocka_unit_test(an_endpoint_that_is_busy_spends_no_attempts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
