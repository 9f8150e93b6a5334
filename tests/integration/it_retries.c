/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pipeline_fixture.h"

/* How jobs meet a destination that does not take what it is offered. */

static dp_test_step refuse(const char *payload, dp_refusal refusal)
{
	dp_test_step step = DP_TEST_STEP_INIT;

	step.act = DP_TEST_REFUSE;
	step.payload = payload;
	step.refusal = refusal;
	return step;
}

static const dp_test_event given[] = {
	DP_TEST_EVENT("in", "T", "a"),
	DP_TEST_EVENT("in", "T", "b"),
	DP_TEST_EVENT("in", "T", "c"),
};

static const dp_test_event all_in_lake[] = {
	DP_TEST_EVENT("lake", "T", "a"),
	DP_TEST_EVENT("lake", "T", "b"),
	DP_TEST_EVENT("lake", "T", "c"),
};

static void assert_yields(
	struct pipeline_fixture *f, const dp_test_event *want, size_t count)
{
	const char *message = NULL;
	dp_status st =
		dp_test_yields(f->fx, f->pipe, given, 3, want, count, &message);

	if (st != DP_OK) {
		print_error("%s", message);
	}
	assert_int_equal(st, DP_OK);
}

static dp_job_report report_of(struct pipeline_fixture *f)
{
	return pipeline_report(f, 0);
}

static void what_a_sink_takes_arrives_once(void **state)
{
	struct pipeline_fixture *f = *state;
	dp_job_report job;

	pipeline_add_lake(f, NULL);
	assert_yields(f, all_in_lake, 3);
	job = report_of(f);
	assert_int_equal(job.in_events, 3);
	assert_int_equal(job.delivered_events, 3);
	assert_int_equal(job.left_events, 0);
	assert_int_equal(job.state, DP_JOB_RUNNING);
}

static void an_event_refused_for_good_is_a_dead_letter_and_others_go_on(
	void **state)
{
	struct pipeline_fixture *f = *state;
	const dp_test_event want[] = {
		DP_TEST_EVENT("lake", "T", "a"),
		DP_TEST_DEAD("lake", "b", "DP_ESCHEMA"),
		DP_TEST_EVENT("lake", "T", "c"),
	};
	dp_test_step step = refuse("b", DP_REFUSAL_EVENT);
	dp_job_report job;

	pipeline_add_lake(f, NULL);
	step.code = DP_ESCHEMA;
	pipeline_tell_lake(f, step);
	assert_yields(f, want, 3);
	job = report_of(f);
	assert_int_equal(job.dead_events, 1);
	assert_int_equal(job.delivered_events, 2);
	assert_int_equal(job.retries, 0);
}

static void a_retryable_refusal_is_offered_again_after_growing_waits(
	void **state)
{
	struct pipeline_fixture *f = *state;
	dp_test_step step = refuse("b", DP_REFUSAL_RETRYABLE);

	pipeline_add_lake(f, NULL);
	step.times = 4;
	pipeline_tell_lake(f, step);
	assert_yields(f, all_in_lake, 3);
	assert_int_equal(report_of(f).retries, 4);
	/* 100 + 200 + 400 + 800 ms, each less up to a half by lot. */
	assert_in_range(dp_test_fixture_elapsed(f->fx), 750 * DP_MILLISECOND,
		1501 * DP_MILLISECOND);
}

/* Of a, b and c, b is refused each time. */
static void assert_b_dies(struct pipeline_fixture *f, dp_refusal refusal)
{
	const dp_test_event want[] = {
		DP_TEST_EVENT("lake", "T", "a"),
		{sizeof(dp_test_event), "lake.dead", "T", "b", "dpattempts",
			"5"},
		DP_TEST_EVENT("lake", "T", "c"),
	};
	dp_job_options opts = DP_JOB_OPTIONS_INIT;
	dp_test_step step = refuse("b", refusal);

	opts.attempts_max = 5;
	pipeline_add_lake(f, &opts);
	step.times = DP_TEST_ALWAYS;
	pipeline_tell_lake(f, step);
	assert_yields(f, want, 3);
	assert_int_equal(report_of(f).retries, 4);
}

static void an_event_refused_too_often_is_a_dead_letter(void **state)
{
	assert_b_dies(*state, DP_REFUSAL_RETRYABLE);
}

static void an_event_in_doubt_too_often_is_a_dead_letter(void **state)
{
	assert_b_dies(*state, DP_REFUSAL_AMBIGUOUS);
}

/* The letter of one stands although the other has everything offered again. */
static void events_in_doubt_side_by_side_all_come_to_an_end(void **state)
{
	struct pipeline_fixture *f = *state;
	const dp_test_event want[] = {
		DP_TEST_DEAD("lake", "a", "DP_EREMOTE"),
		DP_TEST_DEAD("lake", "b", "DP_EREMOTE"),
		DP_TEST_EVENT("lake", "T", "c"),
	};
	dp_job_options opts = DP_JOB_OPTIONS_INIT;
	dp_test_step step = refuse("a", DP_REFUSAL_AMBIGUOUS);

	opts.attempts_max = 3;
	pipeline_add_lake(f, &opts);
	step.times = DP_TEST_ALWAYS;
	pipeline_tell_lake(f, step);
	step.payload = "b";
	pipeline_tell_lake(f, step);
	assert_yields(f, want, 3);
}

/* Asking has the hub forget the tries of both; else the other is given up. */
static void an_event_in_doubt_beside_others_is_asked_about(void **state)
{
	struct pipeline_fixture *f = *state;
	dp_job_options opts = DP_JOB_OPTIONS_INIT;
	dp_test_step step = refuse("a", DP_REFUSAL_RETRYABLE);

	opts.attempts_max = 2;
	pipeline_add_lake(f, &opts);
	step.times = 2;
	pipeline_tell_lake(f, step);
	pipeline_tell_lake(f, refuse("b", DP_REFUSAL_AMBIGUOUS));
	assert_yields(f, all_in_lake, 3);
}

static void an_endpoint_that_is_down_spends_no_attempts(void **state)
{
	struct pipeline_fixture *f = *state;
	dp_job_options opts = DP_JOB_OPTIONS_INIT;
	dp_test_step step = DP_TEST_STEP_INIT;

	opts.attempts_max = 2;
	pipeline_add_lake(f, &opts);
	step.act = DP_TEST_FAIL_WRITE;
	step.times = 50;
	pipeline_tell_lake(f, step);
	assert_yields(f, all_in_lake, 3);
	assert_int_equal(report_of(f).retries, 50);
	assert_int_equal(report_of(f).dead_events, 0);
}

static void throttling_waits_as_told(void **state)
{
	struct pipeline_fixture *f = *state;
	dp_test_step step = refuse("b", DP_REFUSAL_THROTTLED);

	pipeline_add_lake(f, NULL);
	step.retry_after_ns = 42 * DP_SECOND;
	pipeline_tell_lake(f, step);
	assert_yields(f, all_in_lake, 3);
	assert_in_range(
		dp_test_fixture_elapsed(f->fx), 42 * DP_SECOND, 43 * DP_SECOND);
}

static void a_write_throttled_as_a_whole_waits_as_told(void **state)
{
	struct pipeline_fixture *f = *state;
	dp_test_step step = DP_TEST_STEP_INIT;

	pipeline_add_lake(f, NULL);
	step.act = DP_TEST_FAIL_WRITE;
	step.refusal = DP_REFUSAL_THROTTLED;
	step.retry_after_ns = 7 * DP_SECOND;
	pipeline_tell_lake(f, step);
	assert_yields(f, all_in_lake, 3);
	assert_in_range(
		dp_test_fixture_elapsed(f->fx), 7 * DP_SECOND, 8 * DP_SECOND);
}

static void a_destination_that_is_unfit_pauses_the_job_for_a_minute(
	void **state)
{
	struct pipeline_fixture *f = *state;
	dp_test_step step = DP_TEST_STEP_INIT;

	pipeline_add_lake(f, NULL);
	step.act = DP_TEST_FAIL_WRITE;
	step.code = DP_EDENIED;
	step.message = "no right to write";
	step.times = 3;
	pipeline_tell_lake(f, step);
	assert_yields(f, all_in_lake, 3);
	assert_in_range(dp_test_fixture_elapsed(f->fx), 180 * DP_SECOND,
		181 * DP_SECOND);
	assert_non_null(strstr(f->log, "paused"));
	assert_non_null(strstr(f->log, "no right to write"));
}

static void a_batch_refused_for_good_is_all_dead_letters(void **state)
{
	struct pipeline_fixture *f = *state;
	const dp_test_event want[] = {
		DP_TEST_DEAD("lake", "a", "DP_ETOOBIG"),
		DP_TEST_DEAD("lake", "b", "DP_ETOOBIG"),
		DP_TEST_DEAD("lake", "c", "DP_ETOOBIG"),
	};
	dp_test_step step = DP_TEST_STEP_INIT;

	pipeline_add_lake(f, NULL);
	step.act = DP_TEST_FAIL_WRITE;
	step.refusal = DP_REFUSAL_EVENT;
	step.code = DP_ETOOBIG;
	step.times = DP_TEST_ALWAYS;
	pipeline_tell_lake(f, step);
	assert_yields(f, want, 3);
	assert_int_equal(report_of(f).dead_events, 3);
}

static void after_a_failed_flush_everything_is_offered_again(void **state)
{
	struct pipeline_fixture *f = *state;
	dp_test_step step = DP_TEST_STEP_INIT;

	pipeline_add_lake(f, NULL);
	step.act = DP_TEST_FAIL_FLUSH;
	step.times = 3;
	pipeline_tell_lake(f, step);
	assert_yields(f, all_in_lake, 3);
	assert_int_equal(report_of(f).in_events, 3);
	assert_int_equal(dp_test_sink_count(f->fx, "lake"), 3);
}

static void a_flush_that_worked_without_saying_so_is_not_repeated(void **state)
{
	struct pipeline_fixture *f = *state;
	dp_test_step step = DP_TEST_STEP_INIT;
	dp_job_report job;

	pipeline_add_lake(f, NULL);
	step.act = DP_TEST_LOSE_ANSWER;
	step.times = 2;
	pipeline_tell_lake(f, step);
	assert_yields(f, all_in_lake, 3);
	job = report_of(f);
	assert_int_equal(job.delivered_events, 3);
	assert_int_equal(job.repeat_events, 0);
}

static void an_ambiguous_refusal_is_asked_about_before_it_is_offered_again(
	void **state)
{
	struct pipeline_fixture *f = *state;

	pipeline_add_lake(f, NULL);
	pipeline_tell_lake(f, refuse("b", DP_REFUSAL_AMBIGUOUS));
	assert_yields(f, all_in_lake, 3);
	assert_int_equal(report_of(f).in_events, 3);
}

static void a_sink_that_cannot_open_again_at_once_is_tried_until_it_can(
	void **state)
{
	struct pipeline_fixture *f = *state;
	dp_test_step step = DP_TEST_STEP_INIT;

	pipeline_add_lake(f, NULL);
	assert_int_equal(dp_pipeline_start(f->pipe, NULL), DP_OK);
	step.act = DP_TEST_FAIL_FLUSH;
	pipeline_tell_lake(f, step);
	step.act = DP_TEST_FAIL_OPEN;
	step.times = 5;
	pipeline_tell_lake(f, step);
	assert_yields(f, all_in_lake, 3);
	assert_true(report_of(f).retries >= 6);
}

static void dead_letters_survive_a_failed_flush_exactly_once(void **state)
{
	struct pipeline_fixture *f = *state;
	const dp_test_event want[] = {
		DP_TEST_EVENT("lake", "T", "a"),
		DP_TEST_DEAD("lake", "b", "DP_EREMOTE"),
		DP_TEST_EVENT("lake", "T", "c"),
	};
	dp_test_step step = refuse("b", DP_REFUSAL_EVENT);

	pipeline_add_lake(f, NULL);
	pipeline_tell_lake(f, step);
	step = (dp_test_step)DP_TEST_STEP_INIT;
	step.act = DP_TEST_FAIL_FLUSH;
	pipeline_tell_lake(f, step);
	/* The sink would take "b" the second time, but it has its end. */
	assert_yields(f, want, 3);
	assert_int_equal(report_of(f).repeat_events, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_a_sink_takes_arrives_once,
			pipeline_setup, pipeline_teardown),
		cmocka_unit_test_setup_teardown(
			an_event_refused_for_good_is_a_dead_letter_and_others_go_on,
			pipeline_setup, pipeline_teardown),
		cmocka_unit_test_setup_teardown(
			a_retryable_refusal_is_offered_again_after_growing_waits,
			pipeline_setup, pipeline_teardown),
		cmocka_unit_test_setup_teardown(
			an_event_refused_too_often_is_a_dead_letter,
			pipeline_setup, pipeline_teardown),
		cmocka_unit_test_setup_teardown(
			an_event_in_doubt_too_often_is_a_dead_letter,
			pipeline_setup, pipeline_teardown),
		cmocka_unit_test_setup_teardown(
			events_in_doubt_side_by_side_all_come_to_an_end,
			pipeline_setup, pipeline_teardown),
		cmocka_unit_test_setup_teardown(
			an_event_in_doubt_beside_others_is_asked_about,
			pipeline_setup, pipeline_teardown),
		cmocka_unit_test_setup_teardown(
			an_endpoint_that_is_down_spends_no_attempts,
			pipeline_setup, pipeline_teardown),
		cmocka_unit_test_setup_teardown(throttling_waits_as_told,
			pipeline_setup, pipeline_teardown),
		cmocka_unit_test_setup_teardown(
			a_write_throttled_as_a_whole_waits_as_told,
			pipeline_setup, pipeline_teardown),
		cmocka_unit_test_setup_teardown(
			a_destination_that_is_unfit_pauses_the_job_for_a_minute,
			pipeline_setup, pipeline_teardown),
		cmocka_unit_test_setup_teardown(
			a_batch_refused_for_good_is_all_dead_letters,
			pipeline_setup, pipeline_teardown),
		cmocka_unit_test_setup_teardown(
			after_a_failed_flush_everything_is_offered_again,
			pipeline_setup, pipeline_teardown),
		cmocka_unit_test_setup_teardown(
			a_flush_that_worked_without_saying_so_is_not_repeated,
			pipeline_setup, pipeline_teardown),
		cmocka_unit_test_setup_teardown(
			an_ambiguous_refusal_is_asked_about_before_it_is_offered_again,
			pipeline_setup, pipeline_teardown),
		cmocka_unit_test_setup_teardown(
			a_sink_that_cannot_open_again_at_once_is_tried_until_it_can,
			pipeline_setup, pipeline_teardown),
		cmocka_unit_test_setup_teardown(
			dead_letters_survive_a_failed_flush_exactly_once,
			pipeline_setup, pipeline_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
