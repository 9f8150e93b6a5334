/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <datapipe/publisher.h>

static void keep_log(void *user, const dp_log_record *record)
{
	struct pipeline_fixture *f = user;
	size_t size = strlen(record->text);

	if (f->log_size + size + 2 < sizeof(f->log)) {
		memcpy(f->log + f->log_size, record->text, size);
		f->log_size += size;
		f->log[f->log_size++] = '\n';
	}
}

static void make_pipeline(struct pipeline_fixture *f)
{
	assert_int_equal(dp_pipeline_new(&f->pipe,
				 dp_test_fixture_runtime(f->fx), "p", NULL),
		DP_OK);
}

int pipeline_setup(void **state)
{
	struct pipeline_fixture *f = calloc(1, sizeof(*f));
	dp_runtime_options opts = DP_RUNTIME_OPTIONS_INIT;

	assert_non_null(f);
	test_heap_init(&f->heap);
	opts.allocator = &f->heap.alloc;
	opts.log = keep_log;
	opts.log_user = f;
	assert_int_equal(dp_test_fixture_new(&f->fx, &opts, NULL), DP_OK);
	make_pipeline(f);
	*state = f;
	return 0;
}

int pipeline_teardown(void **state)
{
	struct pipeline_fixture *f = *state;

	dp_pipeline_free(f->pipe);
	dp_test_fixture_free(f->fx);
	assert_int_equal(f->heap.live_bytes, 0);
	free(f);
	return 0;
}

void pipeline_add_lake(struct pipeline_fixture *f, const dp_job_options *opts)
{
	dp_sink *sink = NULL;

	assert_int_equal(dp_test_sink_new(&sink, f->fx, "lake", NULL), DP_OK);
	assert_int_equal(
		dp_pipeline_add_sink(f->pipe, "lake",
			dp_test_fixture_hub(f->fx), "in", sink, opts, NULL),
		DP_OK);
}

void pipeline_add_route(struct pipeline_fixture *f)
{
	dp_rule noise = DP_RULE_INIT;
	dp_router *router = NULL;

	noise.type = "Noise";
	noise.flags = DP_RULE_DROP;
	assert_int_equal(dp_router_new(&router, dp_test_fixture_runtime(f->fx),
				 "in", NULL),
		DP_OK);
	assert_int_equal(dp_router_add_rule(router, &noise, NULL), DP_OK);
	assert_int_equal(
		dp_pipeline_add_route(f->pipe, "route",
			dp_test_fixture_hub(f->fx), "raw", router, NULL, NULL),
		DP_OK);
}

void pipeline_tell_lake(struct pipeline_fixture *f, dp_test_step step)
{
	assert_int_equal(dp_test_sink_tell(f->fx, "lake", &step, NULL), DP_OK);
}

void pipeline_publish(
	struct pipeline_fixture *f, const char *topic, int first, int count)
{
	dp_publisher_options opts = DP_PUBLISHER_OPTIONS_INIT;
	dp_publisher *pub = NULL;

	opts.topic = topic;
	opts.source = "test";
	assert_int_equal(
		dp_publisher_new(&pub, dp_test_fixture_hub(f->fx), &opts, NULL),
		DP_OK);
	for (int i = first; i < first + count; i++) {
		dp_event ev = DP_EVENT_INIT;
		char text[16];

		ev.type = "T";
		ev.payload.data = text;
		ev.payload.size = (size_t)snprintf(text, sizeof(text), "%d", i);
		assert_int_equal(
			dp_publisher_publish(pub, &ev, DP_FOREVER, NULL),
			DP_OK);
	}
	assert_int_equal(dp_publisher_flush(pub, DP_FOREVER, NULL), DP_OK);
	dp_publisher_free(pub);
}

void pipeline_restart(struct pipeline_fixture *f)
{
	dp_pipeline_free(f->pipe);
	f->pipe = NULL;
	make_pipeline(f);
}

dp_job_report pipeline_report(struct pipeline_fixture *f, size_t index)
{
	dp_report *report = NULL;
	dp_job_report job;

	assert_int_equal(dp_pipeline_get_report(f->pipe, &report, NULL), DP_OK);
	assert_true(index < dp_report_count(report));
	job = *dp_report_job(report, index);
	job.name = "";
	job.last_error = "";
	dp_report_free(report);
	assert_int_equal(job.in_events,
		job.delivered_events + job.dead_events + job.dropped_events +
			job.repeat_events);
	return job;
}
