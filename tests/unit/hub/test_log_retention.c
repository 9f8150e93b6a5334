/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "faulty_os.h"
#include "hub/log/cursor.h"
#include "hub/log/log_hub.h"
#include "hub/log/registration.h"
#include "hub/log/retention.h"
#include "log_rig.h"
#include "test_dir.h"
#include "test_feed.h"

/* What retention costs where there are many topics, and what it lets go. */

#define TOPICS 10000
#define SEGMENT_BYTES 4096

struct place {
	struct faulty_os faulty;
	dpi_os os;
	struct log_rig rig;
};

/* Counted all the same; only time is saved. */
static int sync_nothing(void *self, int fd)
{
	(void)self;
	(void)fd;
	return 0;
}

static const char *topic_of(int number)
{
	static char name[32];

	(void)snprintf(name, sizeof(name), "%s.%d",
		number % 2 == 0 ? "read" : "unread", number);
	return name;
}

static void write_segment(
	dpi_log_hub *hub, const dpi_partition_name *name, uint64_t base)
{
	const dpi_segment_owner owner = dpi_log_owner(hub, name);
	const dpi_segment_header header = {
		.base = base,
		.previous_end = base,
		.epoch = 1,
	};
	uint8_t page[DPI_LOG_PAGE];
	char path[DPI_LOG_PATH_MAX];
	int fd;

	dpi_segment_encode(page, &owner, &header);
	dpi_log_segment_path(path, hub->directory, name, base);
	fd = hub->os->open(hub->os->self, path, DPI_OPEN_CREATE);
	assert_true(fd >= 0);
	assert_int_equal(
		dpi_os_write_all(hub->os, fd, page, sizeof(page), 0), 0);
	assert_int_equal(hub->os->close(hub->os->self, fd), 0);
}

/* As owners leave them, who would take longer: two segments each. */
static void make_topics(dpi_log_hub *hub)
{
	char path[DPI_LOG_PATH_MAX];

	for (int i = 0; i < TOPICS; i++) {
		const dpi_partition_name name = {topic_of(i), 0};

		dpi_log_topic_path(path, hub->directory, name.topic);
		assert_int_equal(hub->os->mkdir(hub->os->self, path), 0);
		dpi_log_partition_path(path, hub->directory, &name, NULL);
		assert_int_equal(hub->os->mkdir(hub->os->self, path), 0);
		write_segment(hub, &name, 0);
		write_segment(hub, &name, SEGMENT_BYTES);
	}
	atomic_fetch_add(&hub->news->layout, 1);
}

static void fill_page(dpi_log_hub *hub, dpi_log_partition *partition)
{
	const dpi_segment_owner owner = dpi_log_owner(hub, &partition->name);

	dpi_log_state_reset(partition->state, &owner);
	atomic_store(&partition->state->epoch, 1);
	atomic_store(&partition->state->base, SEGMENT_BYTES);
	atomic_store(&partition->state->written, SEGMENT_BYTES);
	atomic_store(&partition->state->durable, SEGMENT_BYTES);
}

static void subscribe(struct place *p, const char *name, const char *topics)
{
	dp_subscription_options opts = DP_SUBSCRIPTION_OPTIONS_INIT;
	dp_subscription *sub = NULL;

	opts.topics = topics;
	assert_int_equal(
		dp_subscription_open(&sub, p->rig.hub, name, &opts, NULL),
		DP_OK);
	dp_subscription_close(sub);
}

/* As if a reader of each partition had come to its end. */
static void finish(dpi_log_hub *hub, const dpi_log_partition *partition)
{
	char path[DPI_LOG_PATH_MAX];
	dpi_cursor cursor = {.next = atomic_load(&partition->state->durable)};
	dpi_cursor_file file;

	dpi_registration_cursor_path(
		path, hub->directory, "reader", &partition->name);
	assert_int_equal(dpi_cursor_open(&file, hub->os, path, NULL,
				 dpi_registration_cursor_key(
					 hub, "reader", &partition->name),
				 NULL),
		DP_OK);
	assert_int_equal(
		dpi_cursor_save(&file, &cursor,
			atomic_load(&partition->state->epoch), true, NULL),
		DP_OK);
	dpi_cursor_close(&file);
}

static size_t count_segments(
	dpi_log_hub *hub, const dpi_log_partition *partition)
{
	dpi_segment_list list;
	size_t count;

	assert_int_equal(dpi_segment_list_init(&list, hub->alloc, hub->os,
				 hub->directory, &partition->name, NULL),
		DP_OK);
	count = list.count;
	dpi_segment_list_fini(&list, hub->alloc);
	return count;
}

static double cpu_seconds(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Asks for each partition; returns the calls of the system that it took. */
static long retain_all(struct place *p, dpi_log_hub *hub, const char *what)
{
	long calls = faulty_os_count(&p->faulty, FAULTY_ANY);
	double begin = cpu_seconds();

	for (dpi_log_partition *partition = hub->partitions; partition != NULL;
		partition = partition->next) {
		dpi_log_retain(hub, partition);
	}
	calls = faulty_os_count(&p->faulty, FAULTY_ANY) - calls;
	printf("figure: retention of %d topics, %s: %.0f us of CPU and %.1f "
	       "calls a topic\n",
		TOPICS, what, (cpu_seconds() - begin) * 1e6 / TOPICS,
		(double)calls / TOPICS);
	return calls;
}

static void retention_of_a_topic_costs_the_same_beside_many(void **state)
{
	const char *directory = *state;
	struct place p;
	dpi_log_hub *hub;

	p.os = *dpi_os_real();
	p.os.fdatasync = sync_nothing;
	p.os.fsync = sync_nothing;
	faulty_os_init(&p.faulty, &p.os);
	log_rig_init(&p.rig);
	assert_int_equal(log_rig_open(&p.rig, &p.faulty.os, directory), DP_OK);
	hub = (dpi_log_hub *)p.rig.hub;
	subscribe(&p, "reader", "read.*");
	subscribe(&p, "sleeper", "unread.*");
	make_topics(hub);
	assert_int_equal(dpi_log_refresh(hub, NULL), DP_OK);
	for (dpi_log_partition *partition = hub->partitions; partition != NULL;
		partition = partition->next) {
		fill_page(hub, partition);
		if (partition->topic[0] == 'r') {
			finish(hub, partition);
		}
	}
	assert_true(
		retain_all(&p, hub, "half of which let one go") < 25 * TOPICS);
	assert_true(retain_all(&p, hub, "none of which do") < 15 * TOPICS);
	for (dpi_log_partition *partition = hub->partitions; partition != NULL;
		partition = partition->next) {
		assert_int_equal(count_segments(hub, partition),
			partition->topic[0] == 'r' ? 1 : 2);
	}
	assert_int_equal(log_rig_stats(&p.rig).dropped_events, 0);
	assert_int_equal(log_rig_stats(&p.rig).topics, TOPICS);
	log_rig_close(&p.rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			retention_of_a_topic_costs_the_same_beside_many,
			test_dir_setup, test_dir_teardown),
	};

	/* In memory where there is any: the time of a disk is not ours. */
	if (access("/dev/shm", W_OK) == 0) {
		(void)setenv("TMPDIR", "/dev/shm", 0);
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
