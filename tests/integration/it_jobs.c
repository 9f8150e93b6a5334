/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <datapipe/datapipe.h>

#include "faulty_os.h"
#include "io/runtime.h"
#include "pipeline_fixture.h"
#include "test_dir.h"

/* What pipelines do when all goes well, and what they refuse to begin with. */

static dp_hub *hub_of(struct pipeline_fixture *f)
{
	return dp_test_fixture_hub(f->fx);
}

static dp_router *router_to(struct pipeline_fixture *f, const char *topic)
{
	dp_router *router = NULL;

	assert_int_equal(dp_router_new(&router, dp_test_fixture_runtime(f->fx),
				 topic, NULL),
		DP_OK);
	return router;
}

static void assert_yields(struct pipeline_fixture *f,
	const dp_test_event *given, size_t given_count,
	const dp_test_event *want, size_t want_count)
{
	const char *message = NULL;
	dp_status st = dp_test_yields(
		f->fx, f->pipe, given, given_count, want, want_count, &message);

	if (st != DP_OK) {
		print_error("%s", message);
	}
	assert_int_equal(st, DP_OK);
}

static void an_event_goes_through_two_jobs_and_keeps_its_attributes(
	void **state)
{
	struct pipeline_fixture *f = *state;
	const dp_test_event given[] = {
		{sizeof(dp_test_event), "raw", "T", "a", "tenant", "acme"},
		DP_TEST_EVENT("raw", "Noise", "b"),
	};
	const dp_test_event want[] = {
		{sizeof(dp_test_event), "lake", "T", "a", "tenant", "acme"},
		{sizeof(dp_test_event), "in", "T", "a", "tenant", "acme"},
	};
	dp_job_report job;

	pipeline_add_route(f);
	pipeline_add_lake(f, NULL);
	assert_yields(f, given, 2, want, 2);
	job = pipeline_report(f, 0);
	assert_int_equal(job.in_events, 2);
	assert_int_equal(job.delivered_events, 1);
	assert_int_equal(job.dropped_events, 1);
	assert_int_equal(pipeline_report(f, 1).delivered_events, 1);
}

static void an_event_that_no_rule_takes_is_a_dead_letter(void **state)
{
	struct pipeline_fixture *f = *state;
	const dp_test_event given[] = {DP_TEST_EVENT("raw", "T", "a")};
	const dp_test_event want[] = {DP_TEST_DEAD("r", "a", "unmatched")};

	assert_int_equal(dp_pipeline_add_route(f->pipe, "r", hub_of(f), "raw",
				 router_to(f, NULL), NULL, NULL),
		DP_OK);
	assert_yields(f, given, 1, want, 1);
	assert_int_equal(pipeline_report(f, 0).dead_events, 1);
}

static dp_bytes attribute(const dp_message *msg, const char *name)
{
	dp_bytes value = dp_message_attribute_by_name(msg, name);

	assert_non_null(value.data);
	return value;
}

static void assert_attribute(
	const dp_message *msg, const char *name, const char *want)
{
	dp_bytes value = attribute(msg, name);

	assert_int_equal(value.size, strlen(want));
	assert_memory_equal(value.data, want, value.size);
}

/* The first message of a topic, which the caller watches since `sub`. */
static dp_batch *first_of(struct pipeline_fixture *f, const char *topic)
{
	dp_subscription_options opts = DP_SUBSCRIPTION_OPTIONS_INIT;
	dp_subscription *sub = NULL;
	dp_batch *batch = NULL;

	opts.topics = topic;
	assert_int_equal(
		dp_subscription_open(&sub, hub_of(f), "first", &opts, NULL),
		DP_OK);
	assert_int_equal(dp_subscription_pull(sub, &batch, 1, 0, NULL), DP_OK);
	dp_subscription_close(sub);
	return batch;
}

static void a_dead_letter_has_the_original_and_says_why_and_where(void **state)
{
	struct pipeline_fixture *f = *state;
	dp_job_options opts = DP_JOB_OPTIONS_INIT;
	dp_test_step step = DP_TEST_STEP_INIT;
	dp_event ev = DP_EVENT_INIT;
	dp_publisher_options pub_opts = DP_PUBLISHER_OPTIONS_INIT;
	const dp_message *msg;
	dp_publisher *pub = NULL;
	dp_batch *batch;
	char id[DP_ID_SIZE];

	opts.dead_topic = "graves";
	pipeline_add_lake(f, &opts);
	step.act = DP_TEST_REFUSE;
	step.refusal = DP_REFUSAL_RETRYABLE;
	step.times = DP_TEST_ALWAYS;
	step.code = DP_ESCHEMA;
	step.message = "no such\xc3\xa9 \xff field";
	pipeline_tell_lake(f, step);
	pub_opts.topic = "in";
	pub_opts.source = "shop";
	ev.id = "order-7";
	ev.type = "T";
	ev.subject = "s";
	ev.time = 1234567890 * DP_SECOND;
	ev.payload = (dp_bytes){"\0\1\2", 3};
	assert_int_equal(
		dp_publisher_new(&pub, hub_of(f), &pub_opts, NULL), DP_OK);
	assert_int_equal(
		dp_publisher_publish(pub, &ev, DP_FOREVER, NULL), DP_OK);
	dp_publisher_free(pub);
	assert_int_equal(dp_pipeline_start(f->pipe, NULL), DP_OK);
	assert_int_equal(
		dp_pipeline_wait_idle(f->pipe, DP_FOREVER, NULL), DP_OK);

	batch = first_of(f, "graves");
	msg = dp_batch_message(batch, 0);
	assert_attribute(msg, "dpjob", "lake");
	assert_attribute(msg, "dpcause", "DP_ESCHEMA");
	assert_attribute(msg, "dpmessage", "no such?? ? field");
	assert_attribute(msg, "dpattempts", "16");
	assert_attribute(msg, "dptopic", "in");
	assert_attribute(msg, "dppartition", "0");
	assert_attribute(msg, "dpoffset", "0");
	assert_memory_equal(
		attribute(msg, "dpfirstfail").data, "2026-01-01T00:00:0", 18);
	assert_attribute(msg, "subject", "s");
	assert_attribute(msg, "source", "shop");
	assert_int_equal(dp_message_time(msg), ev.time);
	assert_int_equal(dp_message_id(msg, id), 7);
	assert_string_equal(id, "order-7");
	assert_int_equal(dp_message_payload(msg).size, 3);
	assert_memory_equal(dp_message_payload(msg).data, "\0\1\2", 3);
	dp_batch_unref(batch);
}

static void more_dead_letters_than_slots_are_each_there_once(void **state)
{
	struct pipeline_fixture *f = *state;
	dp_job_options opts = DP_JOB_OPTIONS_INIT;
	dp_test_step step = DP_TEST_STEP_INIT;

	opts.batch_events = 100;
	pipeline_add_lake(f, &opts);
	step.act = DP_TEST_REFUSE;
	step.refusal = DP_REFUSAL_EVENT;
	step.times = DP_TEST_ALWAYS;
	pipeline_tell_lake(f, step);
	step.act = DP_TEST_LOSE_ANSWER;
	step.times = 1;
	pipeline_tell_lake(f, step);
	step.act = DP_TEST_FAIL_FLUSH;
	pipeline_tell_lake(f, step);
	pipeline_publish(f, "in", 0, 1500);
	assert_int_equal(dp_pipeline_start(f->pipe, NULL), DP_OK);
	assert_int_equal(
		dp_pipeline_wait_idle(f->pipe, DP_FOREVER, NULL), DP_OK);
	assert_int_equal(pipeline_report(f, 0).in_events, 1500);
	for (size_t i = 0; i < 2; i++) {
		const char *message = NULL;
		size_t lines = 0;

		/* None is wanted, so that each shows once, and then no more. */
		(void)!dp_test_yields(
			f->fx, f->pipe, NULL, 0, NULL, 0, &message);
		while ((message = strstr(message, "unexpected")) != NULL) {
			message++;
			lines++;
		}
		assert_int_equal(lines, i == 0 ? 1500 : 0);
	}
}

static void a_job_that_would_read_what_it_writes_is_refused(void **state)
{
	struct pipeline_fixture *f = *state;
	dp_router *router = router_to(f, "raw.b");
	dp_error *err = NULL;
	dp_sink *sink = NULL;

	assert_int_equal(dp_pipeline_add_route(f->pipe, "r", hub_of(f), "raw.*",
				 router, NULL, &err),
		DP_EINVAL);
	assert_non_null(strstr(dp_error_message(err), "raw.b"));
	dp_error_free(err);
	err = NULL;
	assert_int_equal(dp_test_sink_new(&sink, f->fx, "lake", NULL), DP_OK);
	assert_int_equal(dp_pipeline_add_sink(f->pipe, "lake", hub_of(f), "*",
				 sink, NULL, &err),
		DP_EINVAL);
	assert_non_null(strstr(dp_error_message(err), "lake.dead"));
	dp_error_free(err);
	dp_sink_free(sink);
	dp_router_free(router);
}

static void a_circle_through_another_opening_of_the_hub_is_refused(void **state)
{
	struct pipeline_fixture *f = *state;
	dp_runtime *rt = dp_test_fixture_runtime(f->fx);
	dp_job_options opts = DP_JOB_OPTIONS_INIT;
	dp_router *router = router_to(f, "raw.b");
	dp_hub *hub = NULL;

	assert_int_equal(
		dp_hub_open(&hub, rt, "memory:circle", NULL, NULL), DP_OK);
	assert_int_equal(
		dp_hub_open(&opts.target, rt, "memory:circle", NULL, NULL),
		DP_OK);
	assert_int_equal(dp_pipeline_add_route(f->pipe, "r", hub, "raw.*",
				 router, &opts, NULL),
		DP_EINVAL);
	dp_router_free(router);
	dp_hub_close(opts.target);
	dp_hub_close(hub);
}

static void a_job_that_makes_no_sense_is_refused(void **state)
{
	struct pipeline_fixture *f = *state;
	const char *names[] = {NULL, "", "a/b", ".", "..", "a b"};
	const char *topics[] = {NULL, "", "a/b", "a b"};
	dp_job_options opts = DP_JOB_OPTIONS_INIT;
	dp_router *router = router_to(f, "out");

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_int_equal(dp_pipeline_add_route(f->pipe, names[i],
					 hub_of(f), "raw", router, NULL, NULL),
			DP_EINVAL);
	}
	for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++) {
		assert_int_equal(dp_pipeline_add_route(f->pipe, "r", hub_of(f),
					 topics[i], router, NULL, NULL),
			DP_EINVAL);
	}
	assert_int_equal(dp_pipeline_add_route(
				 f->pipe, "r", NULL, "raw", router, NULL, NULL),
		DP_EINVAL);
	opts.dead_topic = "a/b";
	assert_int_equal(dp_pipeline_add_route(f->pipe, "r", hub_of(f), "raw",
				 router, &opts, NULL),
		DP_EINVAL);
	opts.dead_topic = NULL;
	opts.retry_first_ns = -1;
	assert_int_equal(dp_pipeline_add_route(f->pipe, "r", hub_of(f), "raw",
				 router, &opts, NULL),
		DP_EINVAL);
	opts.struct_size = 0;
	assert_int_equal(dp_pipeline_add_route(f->pipe, "r", hub_of(f), "raw",
				 router, &opts, NULL),
		DP_EABI);
	assert_int_equal(dp_pipeline_add_route(f->pipe, "r", hub_of(f), "raw",
				 router, NULL, NULL),
		DP_OK);
	router = router_to(f, "out");
	assert_int_equal(dp_pipeline_add_route(f->pipe, "r", hub_of(f), "raw",
				 router, NULL, NULL),
		DP_EEXIST);
	dp_router_free(router);
}

static void calls_out_of_order_are_refused(void **state)
{
	struct pipeline_fixture *f = *state;
	dp_router *router = router_to(f, "out");

	assert_int_equal(dp_pipeline_wait_idle(f->pipe, 0, NULL), DP_EINVAL);
	assert_int_equal(dp_pipeline_drain(f->pipe, 0, NULL, NULL), DP_EINVAL);
	pipeline_add_lake(f, NULL);
	assert_int_equal(pipeline_report(f, 0).state, DP_JOB_NEW);
	assert_int_equal(dp_pipeline_start(f->pipe, NULL), DP_OK);
	assert_int_equal(pipeline_report(f, 0).state, DP_JOB_RUNNING);
	assert_int_equal(dp_pipeline_start(f->pipe, NULL), DP_EINVAL);
	assert_int_equal(dp_pipeline_add_route(f->pipe, "r", hub_of(f), "raw",
				 router, NULL, NULL),
		DP_EINVAL);
	dp_router_free(router);
}

static void all_jobs_start_or_none(void **state)
{
	struct pipeline_fixture *f = *state;
	const dp_test_event given[] = {DP_TEST_EVENT("raw", "T", "a")};
	const dp_test_event want[] = {DP_TEST_EVENT("lake", "T", "a")};
	dp_test_step step = DP_TEST_STEP_INIT;
	dp_error *err = NULL;

	pipeline_add_route(f);
	pipeline_add_lake(f, NULL);
	step.act = DP_TEST_FAIL_OPEN;
	step.code = DP_EDENIED;
	step.message = "no right to open";
	pipeline_tell_lake(f, step);
	assert_int_equal(dp_test_publish(f->fx, given, 1, NULL), DP_OK);
	assert_int_equal(dp_pipeline_start(f->pipe, &err), DP_EDENIED);
	assert_string_equal(
		dp_error_message(err), "job lake: no right to open");
	dp_error_free(err);
	assert_int_equal(pipeline_report(f, 0).state, DP_JOB_NEW);
	assert_int_equal(pipeline_report(f, 0).in_events, 0);
	assert_yields(f, NULL, 0, want, 1);
}

static void the_kit_says_what_is_missing_and_what_is_too_much(void **state)
{
	struct pipeline_fixture *f = *state;
	const dp_test_event given[] = {DP_TEST_EVENT("in", "T", "a\n")};
	const dp_test_event want[] = {DP_TEST_EVENT("lake", "U", "b")};
	const char *message = NULL;

	pipeline_add_lake(f, NULL);
	assert_int_equal(
		dp_test_yields(f->fx, f->pipe, given, 1, want, 1, &message),
		DP_ENOTFOUND);
	assert_non_null(strstr(message,
		"missing     lake             U                    \"b\""));
	assert_non_null(strstr(message,
		"unexpected  lake             T                    "
		"\"a\\x0a\""));
	assert_non_null(strstr(message, "job lake is running: in 1 = "));
}

/* Publishes count events to "raw" of a hub in memory and routes them away, at
 * most batch_events at a time. */
static void route_to_log(
	const char *dir, const dpi_os *os, int count, uint32_t batch_events)
{
	dp_publisher_options pub_opts = DP_PUBLISHER_OPTIONS_INIT;
	dp_job_options opts = DP_JOB_OPTIONS_INIT;
	dp_pipeline *pipe = NULL;
	dp_router *router = NULL;
	dp_publisher *pub = NULL;
	dp_runtime *rt = NULL;
	dp_hub *memory = NULL;
	char address[256];

	opts.batch_events = batch_events;
	(void)snprintf(address, sizeof(address), "log:%s/log", dir);
	assert_int_equal(dpi_runtime_new(&rt, NULL, os, NULL), DP_OK);
	assert_int_equal(
		dp_hub_open(&memory, rt, "memory:a", NULL, NULL), DP_OK);
	assert_int_equal(
		dp_hub_open(&opts.target, rt, address, NULL, NULL), DP_OK);
	pub_opts.topic = "raw";
	pub_opts.source = "shop";
	assert_int_equal(
		dp_publisher_new(&pub, memory, &pub_opts, NULL), DP_OK);
	for (int i = 0; i < count; i++) {
		const dp_event ev = DP_EVENT_INIT;

		assert_int_equal(
			dp_publisher_publish(pub, &ev, DP_FOREVER, NULL),
			DP_OK);
	}
	dp_publisher_free(pub);
	assert_int_equal(dp_router_new(&router, rt, "out", NULL), DP_OK);
	assert_int_equal(dp_pipeline_new(&pipe, rt, "p", NULL), DP_OK);
	assert_int_equal(dp_pipeline_add_route(
				 pipe, "r", memory, "raw", router, &opts, NULL),
		DP_OK);
	assert_int_equal(dp_pipeline_start(pipe, NULL), DP_OK);
	assert_int_equal(dp_pipeline_wait_idle(pipe, DP_FOREVER, NULL), DP_OK);
	dp_pipeline_free(pipe);
	dp_hub_close(opts.target);
	dp_hub_close(memory);
	dp_runtime_free(rt);
}

static size_t events_of_log(const char *dir)
{
	dp_subscription_options opts = DP_SUBSCRIPTION_OPTIONS_INIT;
	dp_subscription *sub = NULL;
	dp_runtime *rt = NULL;
	dp_batch *batch = NULL;
	dp_hub *hub = NULL;
	char address[256];
	size_t count = 0;

	(void)snprintf(address, sizeof(address), "log:%s/log", dir);
	assert_int_equal(dp_runtime_new(&rt, NULL, NULL), DP_OK);
	assert_int_equal(dp_hub_open(&hub, rt, address, NULL, NULL), DP_OK);
	opts.topics = "out";
	assert_int_equal(
		dp_subscription_open(&sub, hub, "count", &opts, NULL), DP_OK);
	while (dp_subscription_pull(sub, &batch, 1000, 0, NULL) == DP_OK) {
		count += dp_batch_count(batch);
		dp_batch_unref(batch);
	}
	dp_subscription_close(sub);
	dp_hub_close(hub);
	dp_runtime_free(rt);
	return count;
}

static void a_hub_that_begins_anew_is_not_taken_for_the_old_one(void **state)
{
	const char *dir = *state;

	assert_int_equal(events_of_log(dir), 0);
	route_to_log(dir, dpi_os_real(), 5, 0);
	assert_int_equal(events_of_log(dir), 5);
	route_to_log(dir, dpi_os_real(), 3, 0);
	assert_int_equal(events_of_log(dir), 8);
}

static long syncs_of(const char *dir, int count, uint32_t batch_events)
{
	struct faulty_os faulty;

	faulty_os_init(&faulty, dpi_os_real());
	route_to_log(dir, &faulty.os, count, batch_events);
	return faulty_os_count(&faulty, FAULTY_FDATASYNC);
}

static void what_is_there_already_is_routed_in_one_commit(void **state)
{
	const char *dir = *state;
	long one = syncs_of(dir, 10, 10);

	assert_int_equal(events_of_log(dir), 10);
	assert_in_range(syncs_of(dir, 1000, 10), 1, one + 5);
	assert_int_equal(events_of_log(dir), 1010);
}

static void states_have_names(void **state)
{
	(void)state;
	assert_string_equal(dp_job_state_name(DP_JOB_NEW), "new");
	assert_string_equal(dp_job_state_name(DP_JOB_FAILED), "failed");
	assert_string_equal(dp_job_state_name(8), "unknown state");
	assert_string_equal(dp_job_state_name(-1), "unknown state");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			an_event_goes_through_two_jobs_and_keeps_its_attributes,
			pipeline_setup, pipeline_teardown),
		cmocka_unit_test_setup_teardown(
			an_event_that_no_rule_takes_is_a_dead_letter,
			pipeline_setup, pipeline_teardown),
		cmocka_unit_test_setup_teardown(
			a_dead_letter_has_the_original_and_says_why_and_where,
			pipeline_setup, pipeline_teardown),
		cmocka_unit_test_setup_teardown(
			more_dead_letters_than_slots_are_each_there_once,
			pipeline_setup, pipeline_teardown),
		cmocka_unit_test_setup_teardown(
			a_job_that_would_read_what_it_writes_is_refused,
			pipeline_setup, pipeline_teardown),
		cmocka_unit_test_setup_teardown(
			a_circle_through_another_opening_of_the_hub_is_refused,
			pipeline_setup, pipeline_teardown),
		cmocka_unit_test_setup_teardown(
			a_job_that_makes_no_sense_is_refused, pipeline_setup,
			pipeline_teardown),
		cmocka_unit_test_setup_teardown(calls_out_of_order_are_refused,
			pipeline_setup, pipeline_teardown),
		cmocka_unit_test_setup_teardown(all_jobs_start_or_none,
			pipeline_setup, pipeline_teardown),
		cmocka_unit_test_setup_teardown(
			the_kit_says_what_is_missing_and_what_is_too_much,
			pipeline_setup, pipeline_teardown),
		cmocka_unit_test_setup_teardown(
			a_hub_that_begins_anew_is_not_taken_for_the_old_one,
			test_dir_setup, test_dir_teardown),
		cmocka_unit_test_setup_teardown(
			what_is_there_already_is_routed_in_one_commit,
			test_dir_setup, test_dir_teardown),
		cmocka_unit_test(states_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
