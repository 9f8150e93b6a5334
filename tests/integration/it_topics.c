/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <stdio.h>

#include <cmocka.h>

#include <datapipe/datapipe.h>

#include "faulty_os.h"
#include "hub/log/rest.h"
#include "io/runtime.h"
#include "log_contents.h"
#include "sim_os.h"
#include "test_dir.h"

/* What a process with many topics, or with nothing to do, asks of the system. */

enum { TOPICS = 1200, EVENTS = 2000 };

/* Its files are real; that they survive a loss of power is not the question. */
static int no_sync(void *self, int fd)
{
	(void)self;
	(void)fd;
	return 0;
}

static int count_entries(const char *path)
{
	DIR *stream = opendir(path);
	int count = -2; /* "." and ".." */

	assert_non_null(stream);
	while (readdir(stream) != NULL) {
		count++;
	}
	(void)closedir(stream);
	return count;
}

static dp_publisher *open_publisher(dp_hub *hub, const char *topic)
{
	dp_publisher_options opts = DP_PUBLISHER_OPTIONS_INIT;
	dp_publisher *pub = NULL;

	opts.topic = topic;
	opts.source = "test";
	assert_int_equal(dp_publisher_new(&pub, hub, &opts, NULL), DP_OK);
	return pub;
}

static void publish(dp_publisher *pub)
{
	dp_event ev = DP_EVENT_INIT;

	ev.type = "shop.v1.Paid";
	ev.payload.data = "paid";
	ev.payload.size = 4;
	assert_int_equal(
		dp_publisher_publish(pub, &ev, DP_FOREVER, NULL), DP_OK);
}

static void publish_durably(dp_publisher *pub)
{
	publish(pub);
	assert_int_equal(dp_publisher_flush(pub, DP_FOREVER, NULL), DP_OK);
}

static const char *name_of(int topic)
{
	static char name[32];

	(void)snprintf(name, sizeof(name), "topic-%d", topic);
	return name;
}

static void more_topics_than_files_need_few_files_and_threads(void **state)
{
	static dp_publisher *publishers[TOPICS];
	const char *directory = *state;
	dp_hub_options opts = DP_HUB_OPTIONS_INIT;
	dpi_os os = *dpi_os_real();
	struct log_contents contents;
	char address[512];
	dp_runtime *rt;
	dp_hub *hub;
	int files;

	os.fdatasync = no_sync;
	os.fsync = no_sync;
	opts.segment_bytes = 64u << 10;
	(void)snprintf(address, sizeof(address), "log:%s/log", directory);
	assert_int_equal(dpi_runtime_new(&rt, NULL, &os, NULL), DP_OK);
	assert_int_equal(dp_hub_open(&hub, rt, address, &opts, NULL), DP_OK);
	files = count_entries("/proc/self/fd");
	for (int i = 0; i < TOPICS; i++) {
		publishers[i] = open_publisher(hub, name_of(i));
		publish_durably(publishers[i]);
	}
	for (int i = 0; i < TOPICS; i++) {
		publish(publishers[i]);
	}
	assert_in_range(count_entries("/proc/self/fd"), 0,
		files + (int)DPI_LOG_AWAKE_MAX + 8);
	assert_in_range(count_entries("/proc/self/task"), 1, 3);
	for (int i = 0; i < TOPICS; i++) {
		dp_publisher_free(publishers[i]);
	}
	dp_hub_close(hub);
	for (int i = 0; i < TOPICS; i++) {
		log_contents_read(&contents, &os, address + 4, name_of(i), 0);
		assert_int_equal(contents.count, 2);
		assert_int_equal(contents.skipped_bytes, 0);
		log_contents_free(&contents);
	}
	dp_runtime_free(rt);
}

struct machine {
	struct sim_disk *disk;
	struct virtual_clock *clock;
	struct faulty_os faulty;
	dp_runtime *rt;
	dp_hub *hub;
	dp_publisher *pub;
};

static void start(struct machine *m)
{
	m->disk = sim_disk_new(1);
	m->clock = sim_disk_clock(m->disk);
	faulty_os_init(&m->faulty, sim_disk_start(m->disk));
	assert_int_equal(
		dpi_runtime_new(&m->rt, NULL, &m->faulty.os, NULL), DP_OK);
	assert_int_equal(
		dp_hub_open(&m->hub, m->rt, "log:/log", NULL, NULL), DP_OK);
	m->pub = open_publisher(m->hub, "shop");
	publish_durably(m->pub);
	virtual_clock_await_sleepers(m->clock, 1);
}

static void stop(struct machine *m)
{
	dp_publisher_free(m->pub);
	dp_hub_close(m->hub);
	dp_runtime_free(m->rt);
	sim_disk_free(m->disk);
}

static long count_wakeups(struct machine *m)
{
	return faulty_os_count(&m->faulty, FAULTY_WAKE) +
		faulty_os_count(&m->faulty, FAULTY_ALARM_SET);
}

static long count_sleeps(struct machine *m)
{
	return faulty_os_count(&m->faulty, FAULTY_WAIT) +
		faulty_os_count(&m->faulty, FAULTY_ALARM_WAIT);
}

static uint64_t count_completed(struct machine *m)
{
	dp_publisher_stats stats = {.struct_size = sizeof(stats)};

	assert_int_equal(dp_publisher_get_stats(m->pub, &stats, NULL), DP_OK);
	return stats.succeeded;
}

static void a_linger_period_has_one_wakeup_whatever_is_published(void **state)
{
	struct machine m;

	(void)state;
	start(&m);
	for (int period = 1; period <= 5; period++) {
		long before = count_wakeups(&m);

		for (int i = 0; i < EVENTS; i++) {
			publish(m.pub);
		}
		assert_in_range(count_wakeups(&m) - before, 0, 1);
		virtual_clock_advance(m.clock, DP_MILLISECOND);
		virtual_clock_await_sleepers(m.clock, 1);
		assert_int_equal(count_completed(&m), 1 + period * EVENTS);
	}
	stop(&m);
}

static void nobody_wakes_up_for_an_idle_publisher(void **state)
{
	struct machine m;
	long sleeps;

	(void)state;
	start(&m);
	/* What the publisher armed comes first, and finds nothing to commit. */
	for (int second = 0; second < 2; second++) {
		virtual_clock_advance(m.clock, DPI_LOG_REST_NS);
		virtual_clock_await_sleepers(m.clock, 1);
	}
	sleeps = count_sleeps(&m);
	for (int hour = 0; hour < 24; hour++) {
		virtual_clock_advance(m.clock, 3600 * DP_SECOND);
		virtual_clock_await_sleepers(m.clock, 1);
	}
	assert_int_equal(count_sleeps(&m), sleeps);
	assert_true(virtual_clock_next(m.clock) == DP_FOREVER);
	stop(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			more_topics_than_files_need_few_files_and_threads,
			test_dir_setup, test_dir_teardown),
		cmocka_unit_test(
			a_linger_period_has_one_wakeup_whatever_is_published),
		cmocka_unit_test(nobody_wakes_up_for_an_idle_publisher),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
