/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pipeline_fixture.h"

/*
 * A whole small pipeline, with allocation number k failing, once or for a
 * while, for each k: nothing leaks, nothing is lost, nothing comes twice.
 */

#define EVENTS 6

static const dp_test_event given[EVENTS] = {
	DP_TEST_EVENT("raw", "T", "0"),
	DP_TEST_EVENT("raw", "Noise", "1"),
	DP_TEST_EVENT("raw", "T", "2"),
	DP_TEST_EVENT("raw", "T", "bad"),
	DP_TEST_EVENT("raw", "T", "4"),
	DP_TEST_EVENT("raw", "T", "late"),
};

static const dp_test_event want[] = {
	DP_TEST_EVENT("lake", "T", "0"),
	DP_TEST_EVENT("lake", "T", "2"),
	DP_TEST_DEAD("lake", "bad", "DP_EREMOTE"),
	DP_TEST_EVENT("lake", "T", "4"),
	DP_TEST_EVENT("lake", "T", "late"),
};

static void tell(struct pipeline_fixture *f)
{
	dp_test_step step = DP_TEST_STEP_INIT;

	step.act = DP_TEST_REFUSE;
	step.payload = "bad";
	step.refusal = DP_REFUSAL_EVENT;
	step.times = DP_TEST_ALWAYS;
	pipeline_tell_lake(f, step);
	step.payload = "late";
	step.refusal = DP_REFUSAL_RETRYABLE;
	step.times = 2;
	pipeline_tell_lake(f, step);
}

/* Fails allocations from number k from now on, until allow(). */
static void forbid(struct pipeline_fixture *f, long k, bool for_ever)
{
	f->heap.for_ever = for_ever;
	__atomic_store_n(&f->heap.fail_at,
		__atomic_load_n(&f->heap.made, __ATOMIC_SEQ_CST) + k,
		__ATOMIC_SEQ_CST);
}

static void allow(struct pipeline_fixture *f)
{
	__atomic_store_n(&f->heap.fail_at, -1, __ATOMIC_SEQ_CST);
}

/* As far as it gets; DP_OK if it is idle in the end. */
static dp_status start_and_work(struct pipeline_fixture *f)
{
	dp_status st = dp_pipeline_start(f->pipe, NULL);

	return st == DP_OK
		? dp_pipeline_wait_idle(f->pipe, 90 * DP_SECOND, NULL)
		: st;
}

/* Whether allocation k was reached before the pipeline was idle. */
static bool fails_in_service(long k, bool for_ever)
{
	void *inner = NULL;
	struct pipeline_fixture *f;
	const char *message = NULL;
	bool was_reached;
	dp_status st;

	(void)pipeline_setup(&inner);
	f = inner;
	pipeline_add_route(f);
	pipeline_add_lake(f, NULL);
	tell(f);
	assert_int_equal(dp_test_publish(f->fx, given, EVENTS, NULL), DP_OK);
	forbid(f, k, for_ever);
	st = start_and_work(f);
	was_reached = f->heap.made > f->heap.fail_at;
	allow(f);
	assert_true(st == DP_OK || was_reached);
	st = dp_test_yields(f->fx, f->pipe, NULL, 0, want,
		sizeof(want) / sizeof(want[0]), &message);
	if (st != DP_OK) {
		print_error("k %ld: %s", k, message);
	}
	assert_int_equal(st, DP_OK);
	(void)pipeline_report(f, 0);
	(void)pipeline_report(f, 1);
	(void)pipeline_teardown(&inner);
	return was_reached;
}

static void a_pipeline_at_work_without_memory_loses_nothing(void **state)
{
	(void)state;
	for (int for_ever = 0; for_ever < 2; for_ever++) {
		long k = 0;

		while (fails_in_service(k, for_ever != 0)) {
			k++;
		}
		assert_true(k > 20);
	}
}

/* Whether allocation k was reached while the pipeline was made and started. */
static bool fails_at_start(long k, bool for_ever)
{
	void *inner = NULL;
	struct pipeline_fixture *f;
	dp_error *err = NULL;
	bool was_reached;
	dp_status st;

	(void)pipeline_setup(&inner);
	f = inner;
	pipeline_add_route(f);
	pipeline_add_lake(f, NULL);
	forbid(f, k, for_ever);
	st = dp_pipeline_start(f->pipe, &err);
	was_reached = f->heap.made > f->heap.fail_at;
	allow(f);
	if (st != DP_OK) {
		assert_true(was_reached);
		assert_int_equal(st, DP_ENOMEM);
		assert_int_equal(dp_error_code(err), DP_ENOMEM);
		assert_int_equal(pipeline_report(f, 0).state, DP_JOB_NEW);
		assert_int_equal(pipeline_report(f, 1).state, DP_JOB_NEW);
		assert_int_equal(dp_pipeline_start(f->pipe, NULL), DP_OK);
	}
	dp_error_free(err);
	assert_int_equal(dp_test_publish(f->fx, given, 1, NULL), DP_OK);
	st = dp_test_yields(f->fx, f->pipe, NULL, 0, want, 1, NULL);
	assert_int_equal(st, DP_OK);
	(void)pipeline_teardown(&inner);
	return was_reached;
}

static void a_start_without_memory_starts_no_job_and_can_be_repeated(
	void **state)
{
	(void)state;
	for (int for_ever = 0; for_ever < 2; for_ever++) {
		long k = 0;

		while (fails_at_start(k, for_ever != 0)) {
			k++;
		}
		assert_true(k > 4);
	}
}

/* DP_OK once k is beyond the last allocation. */
static dp_status fails_while_made(long k)
{
	void *inner = NULL;
	struct pipeline_fixture *f;
	dp_router *router = NULL;
	dp_report *report = NULL;
	dp_sink *sink = NULL;
	dp_status st;

	(void)pipeline_setup(&inner);
	f = inner;
	forbid(f, k, false);
	st = dp_router_new(&router, dp_test_fixture_runtime(f->fx), "in", NULL);
	if (st == DP_OK) {
		st = dp_pipeline_add_route(f->pipe, "route",
			dp_test_fixture_hub(f->fx), "raw", router, NULL, NULL);
	}
	if (st != DP_OK) {
		dp_router_free(router);
	}
	if (st == DP_OK) {
		st = dp_test_sink_new(&sink, f->fx, "lake", NULL);
	}
	if (st == DP_OK) {
		st = dp_pipeline_add_sink(f->pipe, "lake",
			dp_test_fixture_hub(f->fx), "in", sink, NULL, NULL);
		if (st != DP_OK) {
			dp_sink_free(sink);
		}
	}
	if (st == DP_OK) {
		st = dp_pipeline_get_report(f->pipe, &report, NULL);
		dp_report_free(report);
	}
	allow(f);
	(void)pipeline_teardown(&inner);
	return st;
}

static void a_pipeline_that_cannot_be_made_leaves_its_parts_with_the_caller(
	void **state)
{
	dp_status st = DP_ENOMEM;
	long k;

	(void)state;
	for (k = 0; st != DP_OK; k++) {
		st = fails_while_made(k);
		assert_true(st == DP_OK || st == DP_ENOMEM);
	}
	assert_true(k > 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_pipeline_that_cannot_be_made_leaves_its_parts_with_the_caller),
		cmocka_unit_test(
			a_start_without_memory_starts_no_job_and_can_be_repeated),
		cmocka_unit_test(
			a_pipeline_at_work_without_memory_loses_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
