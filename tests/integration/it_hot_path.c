/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <datapipe/datapipe.h>

#include "base/thread.h"
#include "faulty_os.h"
#include "io/runtime.h"
#include "schema/descriptor.h"
#include "set_builder.h"
#include "test_dir.h"
#include "test_heap.h"

/*
 * What jobs do for each event: nothing that allocates, locks or calls the
 * system. They do so for each batch, commit and file, and as they begin; so
 * twice as many events must cost much less than twice as much. Memory, locks
 * and calls of all jobs and of the log below them are counted together.
 */

#define FEW 40000
#define MANY (3 * FEW)

/* One for so many further events: batches, blocks, commits and their waits. */
#define EVENTS_FOR_ONE 20

struct counts {
	long allocations;
	long locks;
	long calls;
};

static long locks; /* atomic */
static long calls; /* atomic */

void __real_dpi_lock(pthread_mutex_t *lock);
void __wrap_dpi_lock(pthread_mutex_t *lock);

void __wrap_dpi_lock(pthread_mutex_t *lock)
{
	__atomic_fetch_add(&locks, 1, __ATOMIC_RELAXED);
	__real_dpi_lock(lock);
}

static void count_call(void *user, faulty_call call, long number)
{
	(void)user;
	(void)call;
	(void)number;
	__atomic_fetch_add(&calls, 1, __ATOMIC_RELAXED);
}

struct way {
	const char *directory;
	struct test_heap heap;
	struct faulty_os faulty;
	dp_runtime *rt;
	dp_hub *hub;
	dp_registry *reg;
	dp_store *store;
	dp_pipeline *pipe;
};

static const char *address(const struct way *w, const char *scheme)
{
	static char text[2][256];
	char *to = text[scheme[0] == 'l'];

	(void)snprintf(to, sizeof(text[0]), "%s%s/%s", scheme, w->directory,
		scheme[0] == 'l' ? "log" : "files");
	return to;
}

static void add_schema(struct way *w)
{
	struct set_builder b;

	set_builder_init(&b, &w->heap.alloc);
	begin_file(&b, "t.proto", "t", "proto3");
	begin_message(&b, "Sale");
	field(&b, "id", 1, OPTIONAL, DPI_TYPE_STRING, NULL);
	field(&b, "amounts", 2, REPEATED, DPI_TYPE_INT64, NULL);
	end(&b);
	end(&b);
	assert_int_equal(
		dp_registry_add(w->reg, b.buf.data, b.buf.size, NULL, NULL),
		DP_OK);
	set_builder_fini(&b);
}

static void add_jobs(struct way *w)
{
	dp_file_sink_options opts = DP_FILE_SINK_OPTIONS_INIT;
	dp_router *router = NULL;
	dp_sink *sink = NULL;

	assert_int_equal(dp_router_new(&router, w->rt, "hub", NULL), DP_OK);
	assert_int_equal(dp_pipeline_add_route(w->pipe, "route", w->hub, "raw",
				 router, NULL, NULL),
		DP_OK);
	opts.destination = "lake/{topic}/{date}/{hour}";
	assert_int_equal(
		dp_lake_sink_new(&sink, w->rt, w->store, &opts, NULL), DP_OK);
	assert_int_equal(dp_pipeline_add_sink(w->pipe, "lake", w->hub, "hub",
				 sink, NULL, NULL),
		DP_OK);
	assert_int_equal(
		dp_files_sink_new(&sink, w->rt, w->store, w->reg, NULL, NULL),
		DP_OK);
	assert_int_equal(dp_pipeline_add_sink(w->pipe, "files", w->hub, "hub",
				 sink, NULL, NULL),
		DP_OK);
}

static void begin_way(struct way *w)
{
	dp_runtime_options opts = DP_RUNTIME_OPTIONS_INIT;

	test_heap_init(&w->heap);
	opts.allocator = &w->heap.alloc;
	faulty_os_init(&w->faulty, dpi_os_real());
	w->faulty.hook = count_call;
	assert_int_equal(
		dpi_runtime_new(&w->rt, &opts, &w->faulty.os, NULL), DP_OK);
	assert_int_equal(
		dp_hub_open(&w->hub, w->rt, address(w, "log:"), NULL, NULL),
		DP_OK);
	assert_int_equal(dp_registry_open(&w->reg, w->rt, address(w, "file:"),
				 NULL, NULL),
		DP_OK);
	assert_int_equal(
		dp_store_open(&w->store, w->rt, address(w, "file:"), NULL),
		DP_OK);
	assert_int_equal(dp_pipeline_new(&w->pipe, w->rt, "p", NULL), DP_OK);
	add_schema(w);
	add_jobs(w);
}

static void end_way(struct way *w)
{
	dp_pipeline_free(w->pipe);
	dp_store_close(w->store);
	dp_registry_close(w->reg);
	dp_hub_close(w->hub);
	dp_runtime_free(w->rt);
	assert_int_equal(w->heap.live_bytes, 0);
}

static void publish(struct way *w, int count)
{
	static const char payload[] = "\x0a\x07sale-17\x12\x04\1\2\3\4";
	dp_publisher_options opts = DP_PUBLISHER_OPTIONS_INIT;
	dp_publisher *pub = NULL;
	dp_event ev = DP_EVENT_INIT;

	opts.topic = "raw";
	opts.source = "test";
	ev.type = "t.Sale";
	ev.payload.data = payload;
	ev.payload.size = sizeof(payload) - 1;
	assert_int_equal(dp_publisher_new(&pub, w->hub, &opts, NULL), DP_OK);
	for (int i = 0; i < count; i++) {
		assert_int_equal(
			dp_publisher_publish(pub, &ev, DP_FOREVER, NULL),
			DP_OK);
	}
	assert_int_equal(dp_publisher_flush(pub, DP_FOREVER, NULL), DP_OK);
	dp_publisher_free(pub);
}

static struct counts count_now(struct way *w)
{
	return (struct counts){
		.allocations = __atomic_load_n(&w->heap.made, __ATOMIC_SEQ_CST),
		.locks = __atomic_load_n(&locks, __ATOMIC_SEQ_CST),
		.calls = __atomic_load_n(&calls, __ATOMIC_SEQ_CST),
	};
}

/* What the jobs need for count events that are there when they begin. */
static struct counts carry(struct way *w, int count)
{
	struct counts before, after;

	begin_way(w);
	publish(w, count);
	before = count_now(w);
	assert_int_equal(dp_pipeline_start(w->pipe, NULL), DP_OK);
	assert_int_equal(
		dp_pipeline_wait_idle(w->pipe, DP_FOREVER, NULL), DP_OK);
	after = count_now(w);
	end_way(w);
	return (struct counts){
		.allocations = after.allocations - before.allocations,
		.locks = after.locks - before.locks,
		.calls = after.calls - before.calls,
	};
}

static void an_event_costs_a_job_no_allocation_lock_or_call(void **state)
{
	const long most = (MANY - FEW) / EVENTS_FOR_ONE;
	struct way way = {.directory = *state};
	struct counts few = carry(&way, FEW);
	struct counts many = carry(&way, MANY);

	assert_true(few.calls > 0 && few.locks > 0 && few.allocations > 0);
	assert_in_range(many.allocations, 0, few.allocations + most);
	assert_in_range(many.locks, 0, few.locks + most);
	assert_in_range(many.calls, 0, few.calls + most);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			an_event_costs_a_job_no_allocation_lock_or_call,
			test_dir_setup, test_dir_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
