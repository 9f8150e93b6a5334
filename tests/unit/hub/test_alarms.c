/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "faulty_os.h"
#include "hub/hub.h"
#include "sim_os.h"
#include "test_feed.h"
#include "test_heap.h"

/* Hubs whose alarms are refused: threads that nobody wakes. */

#define REFUSALS 20

struct fixture {
	struct sim_disk *disk;
	struct faulty_os faulty;
	struct test_heap heap;
	dp_runtime *rt;
	dp_hub *hub;
	dpi_writer *writer;
	long until; /* number of the call that succeeds */
};

static void heal_in_time(void *user, faulty_call call, long number)
{
	struct fixture *f = user;

	if (call == FAULTY_ALARM_SET && number >= f->until) {
		faulty_os_heal(&f->faulty);
	}
}

static void refuse_alarms(struct fixture *f, long times)
{
	f->until = faulty_os_count(&f->faulty, FAULTY_ALARM_SET) + times;
	faulty_os_fail(&f->faulty, FAULTY_ALARM_SET, 0, EAGAIN, true);
}

static void start(struct fixture *f, const char *address)
{
	dp_runtime_options opts = DP_RUNTIME_OPTIONS_INIT;

	test_heap_init(&f->heap);
	f->disk = sim_disk_new(1);
	faulty_os_init(&f->faulty, sim_disk_start(f->disk));
	f->faulty.hook = heal_in_time;
	f->faulty.hook_user = f;
	opts.allocator = &f->heap.alloc;
	assert_int_equal(
		dpi_runtime_new(&f->rt, &opts, &f->faulty.os, NULL), DP_OK);
	assert_int_equal(
		dp_hub_open(&f->hub, f->rt, address, NULL, NULL), DP_OK);
	assert_int_equal(
		f->hub->ops->writer(f->hub, "t", &f->writer, NULL), DP_OK);
}

static void stop(struct fixture *f)
{
	f->writer->ops->release(f->writer);
	dp_hub_close(f->hub);
	dp_runtime_free(f->rt);
	assert_int_equal(f->heap.live_bytes, 0);
	sim_disk_free(f->disk);
}

static void check_event(const char *address, dp_time_ns linger_ns)
{
	struct test_feed feed;
	struct fixture f;
	dp_time_ns now;

	start(&f, address);
	test_feed_init(&feed, DP_ACK_DURABLE);
	f.writer->ops->attach(f.writer, &feed.feed);
	test_feed_add_text(&feed, "an event");
	refuse_alarms(&f, REFUSALS);
	now = f.faulty.os.monotonic(f.faulty.os.self);
	f.writer->ops->arm(f.writer, now + linger_ns);
	virtual_clock_advance(sim_disk_clock(f.disk), linger_ns);
	test_feed_wait(&feed);
	assert_int_equal(feed.ok, 1);
	assert_int_equal(faulty_os_failed(&f.faulty), REFUSALS);
	f.writer->ops->detach(f.writer, &feed.feed);
	test_feed_fini(&feed);
	stop(&f);
}

static void an_event_is_committed_though_its_alarm_was_refused(void **state)
{
	(void)state;
	check_event("memory:m", 0);
	check_event("memory:m", DP_MILLISECOND);
	check_event("log:/log", 0);
	check_event("log:/log", DP_MILLISECOND);
}

/* The thread sleeps on an alarm that no event could set. */
static void check_closing(const char *address)
{
	struct test_feed feed;
	struct fixture f;

	start(&f, address);
	test_feed_init(&feed, DP_ACK_DURABLE);
	f.writer->ops->attach(f.writer, &feed.feed);
	test_feed_add_text(&feed, "an event");
	refuse_alarms(&f, LONG_MAX - 1000);
	f.writer->ops->arm(f.writer, 0);
	assert_true(faulty_os_failed(&f.faulty) > REFUSALS);
	f.writer->ops->commit(f.writer);
	assert_int_equal(feed.ok, 1);
	f.writer->ops->detach(f.writer, &feed.feed);
	test_feed_fini(&feed);
	stop(&f);
}

static void a_hub_closes_though_its_alarms_are_refused_for_ever(void **state)
{
	(void)state;
	check_closing("memory:m");
	check_closing("log:/log");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			an_event_is_committed_though_its_alarm_was_refused),
		cmocka_unit_test(
			a_hub_closes_though_its_alarms_are_refused_for_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
