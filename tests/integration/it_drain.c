/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "pipeline_fixture.h"

/* A drain returns by its deadline, whatever sinks do, and says what is where. */

static void start(struct pipeline_fixture *f)
{
	assert_int_equal(dp_pipeline_start(f->pipe, NULL), DP_OK);
}

/* Drains and returns the report of the first job. */
static dp_job_report drain(
	struct pipeline_fixture *f, dp_time_ns timeout, dp_status want)
{
	dp_time_ns before = dp_test_fixture_elapsed(f->fx);
	dp_report *report = NULL;
	dp_error *err = NULL;
	dp_job_report job;

	assert_int_equal(
		dp_pipeline_drain(f->pipe, timeout, &report, &err), want);
	assert_int_equal(dp_error_code(err), want);
	dp_error_free(err);
	assert_non_null(report);
	job = *dp_report_job(report, 0);
	job.name = "";
	job.last_error = "";
	dp_report_free(report);
	assert_true(dp_test_fixture_elapsed(f->fx) - before <= timeout);
	return job;
}

static dp_test_step step_of(dp_test_act act, uint32_t times)
{
	dp_test_step step = DP_TEST_STEP_INIT;

	step.act = act;
	step.times = times;
	return step;
}

static void what_was_taken_is_made_durable_at_once(void **state)
{
	struct pipeline_fixture *f = *state;
	dp_job_options opts = DP_JOB_OPTIONS_INIT;
	dp_job_report job;

	opts.flush_interval_ns = 3600 * DP_SECOND;
	pipeline_add_lake(f, &opts);
	start(f);
	pipeline_publish(f, "in", 0, 10);
	pipeline_tell_lake(f, step_of(DP_TEST_BLOCK_FLUSH, 1));
	/* By the hour's flush it has all of them in hand. */
	dp_test_sink_await_blocked(f->fx, "lake");
	dp_test_sink_release(f->fx, "lake");
	job = drain(f, 10 * DP_SECOND, DP_OK);
	assert_int_equal(job.state, DP_JOB_DONE);
	assert_int_equal(job.delivered_events, 10);
	assert_int_equal(job.left_events, 0);
	assert_int_equal(dp_test_sink_count(f->fx, "lake"), 10);
}

static void a_second_drain_reports_again(void **state)
{
	struct pipeline_fixture *f = *state;

	pipeline_add_lake(f, NULL);
	start(f);
	pipeline_publish(f, "in", 0, 3);
	assert_int_equal(
		dp_pipeline_wait_idle(f->pipe, DP_FOREVER, NULL), DP_OK);
	assert_int_equal(drain(f, DP_SECOND, DP_OK).delivered_events, 3);
	assert_int_equal(drain(f, 0, DP_OK).delivered_events, 3);
}

static bool has_thread(const char *name)
{
	const struct dirent *entry;
	bool found = false;
	DIR *dir = opendir("/proc/self/task");

	assert_non_null(dir);
	while (!found && (entry = readdir(dir)) != NULL) {
		char path[300], comm[32] = "";
		FILE *file;

		(void)snprintf(path, sizeof(path), "/proc/self/task/%s/comm",
			entry->d_name);
		file = fopen(path, "r");
		if (file != NULL) {
			found = fgets(comm, sizeof(comm), file) != NULL &&
				strncmp(comm, name, strlen(name)) == 0;
			(void)fclose(file);
		}
	}
	(void)closedir(dir);
	return found;
}

/* The call returns, and its thread ends. */
static void release_stuck(struct pipeline_fixture *f)
{
	dp_test_sink_release(f->fx, "lake");
	while (has_thread("dp-lake")) {
		(void)sched_yield();
	}
}

static void a_stuck_sink_does_not_hold_the_drain(void **state)
{
	struct pipeline_fixture *f = *state;
	const dp_test_act acts[] = {DP_TEST_BLOCK_WRITE, DP_TEST_BLOCK_FLUSH};

	for (size_t i = 0; i < 2; i++) {
		dp_job_report job;

		pipeline_add_lake(f, NULL);
		pipeline_tell_lake(f, step_of(acts[i], 1));
		pipeline_publish(f, "in", 10 * (int)i, 5);
		start(f);
		dp_test_sink_await_blocked(f->fx, "lake");
		job = drain(f, 5 * DP_SECOND, DP_ETIMEDOUT);
		assert_int_equal(job.state, DP_JOB_DEADLINE);
		assert_in_range(job.ambiguous_events, 1, 5);
		assert_int_equal(job.left_events, 5);
		assert_int_equal(job.delivered_events, 0);
		assert_non_null(strstr(f->log, "left behind"));

		/* As the call returns in time, its job is freed as a whole. */
		dp_test_sink_release(f->fx, "lake");
		pipeline_restart(f);
		pipeline_add_lake(f, NULL);
		start(f);
		assert_int_equal(
			dp_pipeline_wait_idle(f->pipe, DP_FOREVER, NULL),
			DP_OK);
		assert_int_equal(
			dp_test_sink_count(f->fx, "lake"), 5 * (i + 1));
		pipeline_restart(f);
	}
}

static void *free_pipeline(void *arg)
{
	struct pipeline_fixture *f = arg;

	dp_pipeline_free(f->pipe);
	f->pipe = NULL;
	return NULL;
}

static void freeing_without_a_drain_waits_for_a_slow_call(void **state)
{
	struct pipeline_fixture *f = *state;
	pthread_t thread;

	pipeline_add_lake(f, NULL);
	pipeline_tell_lake(f, step_of(DP_TEST_BLOCK_WRITE, 1));
	start(f);
	pipeline_publish(f, "in", 0, 5);
	dp_test_sink_await_blocked(f->fx, "lake");
	assert_int_equal(pthread_create(&thread, NULL, free_pipeline, f), 0);
	dp_test_sink_release(f->fx, "lake");
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_false(has_thread("dp-lake"));
	assert_null(strstr(f->log, "left behind"));
}

/* In a child, since what a stuck call uses is never freed. */
static void a_pipeline_is_freed_while_its_sink_is_stuck(void **state)
{
	int status;
	pid_t child = fork();

	(void)state;
	if (child == 0) {
		void *inner = NULL;
		struct pipeline_fixture *f;

		(void)pipeline_setup(&inner);
		f = inner;
		pipeline_add_lake(f, NULL);
		pipeline_tell_lake(f, step_of(DP_TEST_BLOCK_WRITE, 1));
		start(f);
		pipeline_publish(f, "in", 0, 5);
		dp_test_sink_await_blocked(f->fx, "lake");
		(void)drain(f, DP_SECOND, DP_ETIMEDOUT);
		dp_pipeline_free(f->pipe);
		/* The hub has no subscription left and can be used and closed;
		 * late returns touch nothing that was freed. */
		pipeline_publish(f, "in", 5, 5);
		release_stuck(f);
		_exit(dp_test_sink_count(f->fx, "lake") == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void an_endpoint_that_is_down_leaves_events_in_the_hub(void **state)
{
	struct pipeline_fixture *f = *state;
	dp_job_report job;

	pipeline_add_lake(f, NULL);
	pipeline_tell_lake(f, step_of(DP_TEST_FAIL_WRITE, DP_TEST_ALWAYS));
	start(f);
	pipeline_publish(f, "in", 0, 7);
	assert_int_equal(dp_pipeline_wait_idle(f->pipe, 120 * DP_SECOND, NULL),
		DP_ETIMEDOUT);
	job = drain(f, 5 * DP_SECOND, DP_OK);
	assert_int_equal(job.state, DP_JOB_DONE);
	assert_int_equal(job.left_events, 7);
	assert_int_equal(job.in_events, 0);
	assert_int_equal(job.last_status, DP_EREMOTE);

	dp_test_sink_release(f->fx, "lake");
	pipeline_restart(f);
	pipeline_add_lake(f, NULL);
	start(f);
	assert_int_equal(
		dp_pipeline_wait_idle(f->pipe, DP_FOREVER, NULL), DP_OK);
	assert_int_equal(dp_test_sink_count(f->fx, "lake"), 7);
}

static void an_event_that_is_never_taken_ends_at_the_deadline(void **state)
{
	struct pipeline_fixture *f = *state;
	dp_job_options opts = DP_JOB_OPTIONS_INIT;
	dp_test_step step = step_of(DP_TEST_REFUSE, DP_TEST_ALWAYS);
	dp_job_report job;

	opts.attempts_max = UINT32_MAX;
	pipeline_add_lake(f, &opts);
	step.payload = "3";
	step.refusal = DP_REFUSAL_RETRYABLE;
	pipeline_tell_lake(f, step);
	start(f);
	pipeline_publish(f, "in", 0, 7);
	assert_int_equal(dp_pipeline_wait_idle(f->pipe, 120 * DP_SECOND, NULL),
		DP_ETIMEDOUT);
	job = drain(f, 5 * DP_SECOND, DP_ETIMEDOUT);
	assert_int_equal(job.state, DP_JOB_DEADLINE);
	assert_int_equal(job.left_events, 7);

	dp_test_sink_release(f->fx, "lake");
	pipeline_restart(f);
	pipeline_add_lake(f, NULL);
	start(f);
	assert_int_equal(
		dp_pipeline_wait_idle(f->pipe, DP_FOREVER, NULL), DP_OK);
	assert_int_equal(dp_test_sink_count(f->fx, "lake"), 7);
}

static void a_paused_job_drains_long_before_its_minute(void **state)
{
	struct pipeline_fixture *f = *state;
	dp_test_step step = step_of(DP_TEST_FAIL_FLUSH, DP_TEST_ALWAYS);
	dp_job_report job;

	step.code = DP_EDENIED;
	pipeline_add_lake(f, NULL);
	pipeline_tell_lake(f, step);
	start(f);
	pipeline_publish(f, "in", 0, 2);
	assert_int_equal(dp_pipeline_wait_idle(f->pipe, 90 * DP_SECOND, NULL),
		DP_ETIMEDOUT);
	job = drain(f, 8 * DP_SECOND, DP_OK);
	assert_int_equal(job.state, DP_JOB_DONE);
	assert_int_equal(job.left_events, 2);
	assert_int_equal(job.last_status, DP_EDENIED);
}

static void freeing_a_pipeline_at_work_loses_nothing(void **state)
{
	struct pipeline_fixture *f = *state;

	for (int round = 0; round < 20; round++) {
		pipeline_add_route(f);
		pipeline_add_lake(f, NULL);
		start(f);
		pipeline_publish(f, "raw", round * 10, 10);
		pipeline_restart(f);
	}
	pipeline_add_route(f);
	pipeline_add_lake(f, NULL);
	start(f);
	assert_int_equal(
		dp_pipeline_wait_idle(f->pipe, DP_FOREVER, NULL), DP_OK);
	assert_int_equal(dp_test_sink_count(f->fx, "lake"), 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pipeline_is_freed_while_its_sink_is_stuck),
		cmocka_unit_test_setup_teardown(
			what_was_taken_is_made_durable_at_once, pipeline_setup,
			pipeline_teardown),
		cmocka_unit_test_setup_teardown(a_second_drain_reports_again,
			pipeline_setup, pipeline_teardown),
		cmocka_unit_test_setup_teardown(
			a_stuck_sink_does_not_hold_the_drain, pipeline_setup,
			pipeline_teardown),
		cmocka_unit_test_setup_teardown(
			freeing_without_a_drain_waits_for_a_slow_call,
			pipeline_setup, pipeline_teardown),
		cmocka_unit_test_setup_teardown(
			an_endpoint_that_is_down_leaves_events_in_the_hub,
			pipeline_setup, pipeline_teardown),
		cmocka_unit_test_setup_teardown(
			an_event_that_is_never_taken_ends_at_the_deadline,
			pipeline_setup, pipeline_teardown),
		cmocka_unit_test_setup_teardown(
			a_paused_job_drains_long_before_its_minute,
			pipeline_setup, pipeline_teardown),
		cmocka_unit_test_setup_teardown(
			freeing_a_pipeline_at_work_loses_nothing,
			pipeline_setup, pipeline_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
