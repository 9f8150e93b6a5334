/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <datapipe/test/fixture.h>

#include "test_heap.h"

/* How jobs meet a destination that does not take what it is offered. */

struct fixture {
	struct test_heap heap;
	dp_test_fixture *fx;
	dp_pipeline *pipe;
	char log[4096]; /* what was logged, line by line */
	size_t log_size;
};

static void keep_log(void *user, const dp_log_record *record)
{
	struct fixture *f = user;
	size_t size = strlen(record->text);

	if (f->log_size + size + 2 < sizeof(f->log)) {
		memcpy(f->log + f->log_size, record->text, size);
		f->log_size += size;
		f->log[f->log_size++] = '\n';
	}
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	dp_runtime_options opts = DP_RUNTIME_OPTIONS_INIT;

	assert_non_null(f);
	test_heap_init(&f->heap);
	opts.allocator = &f->heap.alloc;
	opts.log = keep_log;
	opts.log_user = f;
	assert_int_equal(dp_test_fixture_new(&f->fx, &opts, NULL), DP_OK);
	assert_int_equal(dp_pipeline_new(&f->pipe,
				 dp_test_fixture_runtime(f->fx), "p", NULL),
		DP_OK);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	dp_pipeline_free(f->pipe);
	dp_test_fixture_free(f->fx);
	assert_int_equal(f->heap.live_bytes, 0);
	free(f);
	return 0;
}

/* A job "lake" from topic "in" into sink "lake". */
static void add_lake(struct fixture *f, const dp_job_options *opts)
{
	dp_sink *sink = NULL;

	assert_int_equal(dp_test_sink_new(&sink, f->fx, "lake", NULL), DP_OK);
	assert_int_equal(
		dp_pipeline_add_sink(f->pipe, "lake",
			dp_test_fixture_hub(f->fx), "in", sink, opts, NULL),
		DP_OK);
}

static void tell(struct fixture *f, dp_test_step step)
{
	assert_int_equal(dp_test_sink_tell(f->fx, "lake", &step, NULL), DP_OK);
}

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
	struct fixture *f, const dp_test_event *want, size_t count)
{
	const char *message = NULL;
	dp_status st =
		dp_test_yields(f->fx, f->pipe, given, 3, want, count, &message);

	if (st != DP_OK) {
		print_error("%s", message);
	}
	assert_int_equal(st, DP_OK);
}

/* The report of job "lake", whose counts must add up. */
static dp_job_report report_of(struct fixture *f)
{
	dp_report *report = NULL;
	dp_job_report job;

	assert_int_equal(dp_pipeline_get_report(f->pipe, &report, NULL), DP_OK);
	job = *dp_report_job(report, 0);
	job.name = "";
	job.last_error = "";
	dp_report_free(report);
	assert_int_equal(job.in_events,
		job.delivered_events + job.dead_events + job.dropped_events +
			job.repeat_events);
	return job;
}

static void what_a_sink_takes_arrives_once(void **state)
{
	struct fixture *f = *state;
	dp_job_report job;

	add_lake(f, NULL);
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
	struct fixture *f = *state;
	const dp_test_event want[] = {
		DP_TEST_EVENT("lake", "T", "a"),
		DP_TEST_DEAD("lake", "b", "DP_ESCHEMA"),
		DP_TEST_EVENT("lake", "T", "c"),
	};
	dp_test_step step = refuse("b", DP_REFUSAL_EVENT);
	dp_job_report job;

	add_lake(f, NULL);
	step.code = DP_ESCHEMA;
	tell(f, step);
	assert_yields(f, want, 3);
	job = report_of(f);
	assert_int_equal(job.dead_events, 1);
	assert_int_equal(job.delivered_events, 2);
	assert_int_equal(job.retries, 0);
}

static void a_retryable_refusal_is_offered_again_after_growing_waits(
	void **state)
{
	struct fixture *f = *state;
	dp_test_step step = refuse("b", DP_REFUSAL_RETRYABLE);

	add_lake(f, NULL);
	step.times = 4;
	tell(f, step);
	assert_yields(f, all_in_lake, 3);
	assert_int_equal(report_of(f).retries, 4);
	/* 100 + 200 + 400 + 800 ms, each less up to a half by lot. */
	assert_in_range(dp_test_fixture_elapsed(f->fx), 750 * DP_MILLISECOND,
		1501 * DP_MILLISECOND);
}

static void an_event_refused_too_often_is_a_dead_letter(void **state)
{
	struct fixture *f = *state;
	const dp_test_event want[] = {
		DP_TEST_EVENT("lake", "T", "a"),
		{sizeof(dp_test_event), "lake.dead", "T", "b", "dpattempts",
			"5"},
		DP_TEST_EVENT("lake", "T", "c"),
	};
	dp_job_options opts = DP_JOB_OPTIONS_INIT;
	dp_test_step step = refuse("b", DP_REFUSAL_RETRYABLE);

	opts.attempts_max = 5;
	add_lake(f, &opts);
	step.times = DP_TEST_ALWAYS;
	tell(f, step);
	assert_yields(f, want, 3);
	assert_int_equal(report_of(f).retries, 4);
}

static void an_endpoint_that_is_down_spends_no_attempts(void **state)
{
	struct fixture *f = *state;
	dp_job_options opts = DP_JOB_OPTIONS_INIT;
	dp_test_step step = DP_TEST_STEP_INIT;

	opts.attempts_max = 2;
	add_lake(f, &opts);
	step.act = DP_TEST_FAIL_WRITE;
	step.times = 50;
	tell(f, step);
	assert_yields(f, all_in_lake, 3);
	assert_int_equal(report_of(f).retries, 50);
	assert_int_equal(report_of(f).dead_events, 0);
}

static void throttling_waits_as_told(void **state)
{
	struct fixture *f = *state;
	dp_test_step step = refuse("b", DP_REFUSAL_THROTTLED);

	add_lake(f, NULL);
	step.retry_after_ns = 42 * DP_SECOND;
	tell(f, step);
	assert_yields(f, all_in_lake, 3);
	assert_in_range(
		dp_test_fixture_elapsed(f->fx), 42 * DP_SECOND, 43 * DP_SECOND);
}

static void a_write_throttled_as_a_whole_waits_as_told(void **state)
{
	struct fixture *f = *state;
	dp_test_step step = DP_TEST_STEP_INIT;

	add_lake(f, NULL);
	step.act = DP_TEST_FAIL_WRITE;
	step.refusal = DP_REFUSAL_THROTTLED;
	step.retry_after_ns = 7 * DP_SECOND;
	tell(f, step);
	assert_yields(f, all_in_lake, 3);
	assert_in_range(
		dp_test_fixture_elapsed(f->fx), 7 * DP_SECOND, 8 * DP_SECOND);
}

static void a_destination_that_is_unfit_pauses_the_job_for_a_minute(
	void **state)
{
	struct fixture *f = *state;
	dp_test_step step = DP_TEST_STEP_INIT;

	add_lake(f, NULL);
	step.act = DP_TEST_FAIL_WRITE;
	step.code = DP_EDENIED;
	step.message = "no right to write";
	step.times = 3;
	tell(f, step);
	assert_yields(f, all_in_lake, 3);
	assert_in_range(dp_test_fixture_elapsed(f->fx), 180 * DP_SECOND,
		181 * DP_SECOND);
	assert_non_null(strstr(f->log, "paused"));
	assert_non_null(strstr(f->log, "no right to write"));
}

static void a_batch_refused_for_good_is_all_dead_letters(void **state)
{
	struct fixture *f = *state;
	const dp_test_event want[] = {
		DP_TEST_DEAD("lake", "a", "DP_ETOOBIG"),
		DP_TEST_DEAD("lake", "b", "DP_ETOOBIG"),
		DP_TEST_DEAD("lake", "c", "DP_ETOOBIG"),
	};
	dp_test_step step = DP_TEST_STEP_INIT;

	add_lake(f, NULL);
	step.act = DP_TEST_FAIL_WRITE;
	step.refusal = DP_REFUSAL_EVENT;
	step.code = DP_ETOOBIG;
	step.times = DP_TEST_ALWAYS;
	tell(f, step);
	assert_yields(f, want, 3);
	assert_int_equal(report_of(f).dead_events, 3);
}

static void after_a_failed_flush_everything_is_offered_again(void **state)
{
	struct fixture *f = *state;
	dp_test_step step = DP_TEST_STEP_INIT;

	add_lake(f, NULL);
	step.act = DP_TEST_FAIL_FLUSH;
	step.times = 3;
	tell(f, step);
	assert_yields(f, all_in_lake, 3);
	assert_int_equal(report_of(f).in_events, 3);
	assert_int_equal(dp_test_sink_count(f->fx, "lake"), 3);
}

static void a_flush_that_worked_without_saying_so_is_not_repeated(void **state)
{
	struct fixture *f = *state;
	dp_test_step step = DP_TEST_STEP_INIT;
	dp_job_report job;

	add_lake(f, NULL);
	step.act = DP_TEST_LOSE_ANSWER;
	step.times = 2;
	tell(f, step);
	assert_yields(f, all_in_lake, 3);
	job = report_of(f);
	assert_int_equal(job.delivered_events, 3);
	assert_int_equal(job.repeat_events, 0);
}

static void an_ambiguous_refusal_is_asked_about_before_it_is_offered_again(
	void **state)
{
	struct fixture *f = *state;

	add_lake(f, NULL);
	tell(f, refuse("b", DP_REFUSAL_AMBIGUOUS));
	assert_yields(f, all_in_lake, 3);
	assert_int_equal(report_of(f).in_events, 3);
}

static void a_sink_that_cannot_open_again_at_once_is_tried_until_it_can(
	void **state)
{
	struct fixture *f = *state;
	dp_test_step step = DP_TEST_STEP_INIT;

	add_lake(f, NULL);
	assert_int_equal(dp_pipeline_start(f->pipe, NULL), DP_OK);
	step.act = DP_TEST_FAIL_FLUSH;
	tell(f, step);
	step.act = DP_TEST_FAIL_OPEN;
	step.times = 5;
	tell(f, step);
	assert_yields(f, all_in_lake, 3);
	assert_true(report_of(f).retries >= 6);
}

static void dead_letters_survive_a_failed_flush_exactly_once(void **state)
{
	struct fixture *f = *state;
	const dp_test_event want[] = {
		DP_TEST_EVENT("lake", "T", "a"),
		DP_TEST_DEAD("lake", "b", "DP_EREMOTE"),
		DP_TEST_EVENT("lake", "T", "c"),
	};
	dp_test_step step = refuse("b", DP_REFUSAL_EVENT);

	add_lake(f, NULL);
	tell(f, step);
	step = (dp_test_step)DP_TEST_STEP_INIT;
	step.act = DP_TEST_FAIL_FLUSH;
	tell(f, step);
	/* The sink would take "b" the second time, but it has its end. */
	assert_yields(f, want, 3);
	assert_int_equal(report_of(f).repeat_events, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			what_a_sink_takes_arrives_once, setup, teardown),
		cmocka_unit_test_setup_teardown(
			an_event_refused_for_good_is_a_dead_letter_and_others_go_on,
			setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_retryable_refusal_is_offered_again_after_growing_waits,
			setup, teardown),
		cmocka_unit_test_setup_teardown(
			an_event_refused_too_often_is_a_dead_letter, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			an_endpoint_that_is_down_spends_no_attempts, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			throttling_waits_as_told, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_write_throttled_as_a_whole_waits_as_told, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			a_destination_that_is_unfit_pauses_the_job_for_a_minute,
			setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_batch_refused_for_good_is_all_dead_letters, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			after_a_failed_flush_everything_is_offered_again, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			a_flush_that_worked_without_saying_so_is_not_repeated,
			setup, teardown),
		cmocka_unit_test_setup_teardown(
			an_ambiguous_refusal_is_asked_about_before_it_is_offered_again,
			setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_sink_that_cannot_open_again_at_once_is_tried_until_it_can,
			setup, teardown),
		cmocka_unit_test_setup_teardown(
			dead_letters_survive_a_failed_flush_exactly_once, setup,
			teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
