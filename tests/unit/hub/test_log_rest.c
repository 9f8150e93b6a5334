/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>

#include <cmocka.h>

#include "faulty_os.h"
#include "hub/log/log_hub.h"
#include "log_contents.h"
#include "log_rig.h"
#include "sim_os.h"
#include "test_feed.h"

/* What a log gives back that nobody publishes to, and that it goes on. */

#define DIRECTORY "/log"
#define TOPIC "shop"

enum { TOPICS = 3 * DPI_LOG_AWAKE_MAX };

struct fixture {
	struct sim_disk *disk;
	struct virtual_clock *clock;
	struct faulty_os faulty;
	struct log_rig rig;
	long files; /* open before the first topic */
};

static long open_files(struct fixture *f)
{
	return faulty_os_count(&f->faulty, FAULTY_OPEN) -
		faulty_os_count(&f->faulty, FAULTY_CLOSE) - f->files;
}

static int setup(void **state)
{
	static struct fixture f;

	f.disk = sim_disk_new(1);
	faulty_os_init(&f.faulty, sim_disk_start(f.disk));
	f.clock = sim_disk_clock(f.disk);
	log_rig_init(&f.rig);
	assert_int_equal(log_rig_open(&f.rig, &f.faulty.os, DIRECTORY), DP_OK);
	f.files = 0;
	f.files = open_files(&f);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	log_rig_close(&f->rig);
	sim_disk_free(f->disk);
	return 0;
}

static dpi_writer *writer_of(struct fixture *f, const char *topic)
{
	dpi_writer *writer = log_rig_writer(&f->rig, topic);

	assert_non_null(writer);
	return writer;
}

/* Until the committer has done what is due, and sleeps. */
static void pass(struct fixture *f, dp_time_ns time)
{
	virtual_clock_await_sleepers(f->clock, 1);
	virtual_clock_advance(f->clock, time);
	virtual_clock_await_sleepers(f->clock, 1);
}

static void assert_events(struct fixture *f, const char *topic, size_t count)
{
	struct log_contents contents;

	log_contents_read(&contents, f->faulty.inner, DIRECTORY, topic, 0);
	assert_int_equal(contents.count, count);
	assert_int_equal(contents.skipped_bytes, 0);
	log_contents_free(&contents);
}

static void a_topic_at_rest_has_no_file_open_and_goes_on(void **state)
{
	struct fixture *f = *state;
	dpi_writer *writer = writer_of(f, TOPIC);
	size_t live;

	test_feed_append(writer, "p", 300);
	assert_int_equal(open_files(f), 1);
	live = f->rig.heap.live_bytes;
	pass(f, DPI_LOG_REST_NS);
	assert_int_equal(open_files(f), 0);
	assert_true(f->rig.heap.live_bytes <= live);
	test_feed_append(writer, "p", 2);
	assert_int_equal(open_files(f), 1);
	assert_events(f, TOPIC, 302);
}

static void a_topic_that_was_only_opened_rests_too(void **state)
{
	struct fixture *f = *state;

	(void)writer_of(f, TOPIC);
	assert_int_equal(open_files(f), 1);
	pass(f, DPI_LOG_REST_NS);
	assert_int_equal(open_files(f), 0);
}

static void more_topics_than_files_may_be_open_take_events(void **state)
{
	struct fixture *f = *state;
	char topic[32];

	for (int round = 1; round <= 2; round++) {
		for (int i = 0; i < TOPICS; i++) {
			(void)snprintf(topic, sizeof(topic), "t%d", i);
			test_feed_append(writer_of(f, topic), "p", 1);
			assert_in_range(open_files(f), 1, DPI_LOG_AWAKE_MAX);
		}
	}
	for (int i = 0; i < TOPICS; i++) {
		(void)snprintf(topic, sizeof(topic), "t%d", i);
		assert_events(f, topic, 2);
	}
	pass(f, DPI_LOG_REST_NS);
	assert_int_equal(open_files(f), 0);
}

static void nothing_wakes_up_when_all_topics_rest(void **state)
{
	struct fixture *f = *state;
	long waits;
	long alarms;

	test_feed_append(writer_of(f, TOPIC), "p", 1);
	test_feed_append(writer_of(f, "other"), "p", 1);
	pass(f, DPI_LOG_REST_NS);
	assert_true(virtual_clock_next(f->clock) == DP_FOREVER);
	waits = faulty_os_count(&f->faulty, FAULTY_ALARM_WAIT) +
		faulty_os_count(&f->faulty, FAULTY_WAIT);
	alarms = faulty_os_count(&f->faulty, FAULTY_ALARM_SET);
	for (int hour = 0; hour < 48; hour++) {
		pass(f, 3600 * DP_SECOND);
	}
	assert_int_equal(faulty_os_count(&f->faulty, FAULTY_ALARM_WAIT) +
			faulty_os_count(&f->faulty, FAULTY_WAIT),
		waits);
	assert_int_equal(faulty_os_count(&f->faulty, FAULTY_ALARM_SET), alarms);
}

static void written_events_are_synced_before_their_topic_rests(void **state)
{
	struct fixture *f = *state;
	dpi_writer *writer = writer_of(f, TOPIC);
	struct test_feed feed;

	test_feed_init(&feed, DP_ACK_WRITTEN);
	writer->ops->attach(writer, &feed.feed);
	test_feed_add_many(&feed, "p", 3);
	writer->ops->commit(writer);
	assert_int_equal(feed.ok, 3);
	assert_int_equal(log_rig_stats(&f->rig).syncs, 0);
	pass(f, DPI_LOG_REST_NS);
	assert_int_equal(log_rig_stats(&f->rig).syncs, 1);
	pass(f, DPI_LOG_REST_NS);
	assert_int_equal(open_files(f), 0);
	writer->ops->detach(writer, &feed.feed);
	test_feed_fini(&feed);
}

/* Though their sync is not due for long. */
static void topics_that_are_not_synced_keep_no_files_open(void **state)
{
	static struct test_feed feeds[TOPICS];
	struct fixture *f = *state;
	char topic[32];

	for (int i = 0; i < TOPICS; i++) {
		dpi_writer *writer;

		(void)snprintf(topic, sizeof(topic), "t%d", i);
		writer = writer_of(f, topic);
		test_feed_init(&feeds[i], DP_ACK_WRITTEN);
		writer->ops->attach(writer, &feeds[i].feed);
		test_feed_add_text(&feeds[i], "p");
		writer->ops->commit(writer);
		assert_int_equal(feeds[i].ok, 1);
		assert_in_range(open_files(f), 1, DPI_LOG_AWAKE_MAX);
		writer->ops->detach(writer, &feeds[i].feed);
		test_feed_fini(&feeds[i]);
	}
	assert_true(log_rig_stats(&f->rig).syncs >= TOPICS - DPI_LOG_AWAKE_MAX);
}

/* Commits one event of a topic at rest, whose segment cannot be opened. */
static dp_status commit_without_files(struct fixture *f, int error)
{
	dpi_writer *writer = writer_of(f, TOPIC);
	struct test_feed feed;
	dp_status st;

	test_feed_init(&feed, DP_ACK_DURABLE);
	writer->ops->attach(writer, &feed.feed);
	test_feed_add_text(&feed, "p");
	pass(f, DPI_LOG_REST_NS);
	faulty_os_fail(&f->faulty, FAULTY_OPEN, 0, error, false);
	writer->ops->commit(writer);
	st = feed.worst;
	assert_int_equal(feed.failed, 1);
	writer->ops->detach(writer, &feed.feed);
	test_feed_fini(&feed);
	return st;
}

static void a_topic_without_a_file_to_wake_goes_on_later(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(commit_without_files(f, EMFILE), DP_EAGAIN);
	test_feed_append(writer_of(f, TOPIC), "p", 1);
	assert_events(f, TOPIC, 1);
}

static void a_topic_whose_segment_is_gone_has_failed(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(commit_without_files(f, ENOENT), DP_EIO);
	assert_int_equal(commit_without_files(f, 0), DP_EIO);
}

/* Each file that is opened on the way to other segments may be one too many. */
static void a_topic_without_a_file_for_a_segment_goes_on_later(void **state)
{
	struct fixture *f = *state;
	dpi_writer *writer = writer_of(f, TOPIC);
	size_t ok = 0;

	for (long after = 0; after < 12; after++) {
		struct test_feed feed;

		test_feed_init(&feed, DP_ACK_DURABLE);
		writer->ops->attach(writer, &feed.feed);
		faulty_os_fail(&f->faulty, FAULTY_OPEN, after, EMFILE, false);
		for (int i = 0; i < 4; i++) {
			test_feed_add_many(&feed, "many to a segment ", 700);
			writer->ops->commit(writer);
		}
		faulty_os_heal(&f->faulty);
		assert_true(feed.failed == 0 || feed.worst == DP_EAGAIN);
		ok += feed.ok;
		writer->ops->detach(writer, &feed.feed);
		test_feed_fini(&feed);
	}
	assert_events(f, TOPIC, ok);
}

static uint64_t oldest_base(struct fixture *f)
{
	const dpi_partition_name name = {TOPIC, 0};
	dpi_segment_list list;
	uint64_t base;

	assert_int_equal(dpi_segment_list_init(&list, &f->rig.heap.alloc,
				 f->faulty.inner, DIRECTORY, &name, NULL),
		DP_OK);
	assert_true(list.count > 1);
	base = list.bases[0];
	dpi_segment_list_fini(&list, &f->rig.heap.alloc);
	return base;
}

static void an_old_segment_is_no_spare_of_a_topic_at_rest(void **state)
{
	struct fixture *f = *state;
	dpi_log_hub *hub = (dpi_log_hub *)f->rig.hub;
	bool is_removed = false;

	test_feed_append(writer_of(f, TOPIC), "many to a segment ", 1500);
	test_feed_append(writer_of(f, TOPIC), "many to a segment ", 1500);
	/* Both threads: that which writes ahead has files open, too. */
	virtual_clock_await_sleepers(f->clock, 2);
	pass(f, DPI_LOG_REST_NS);
	virtual_clock_await_sleepers(f->clock, 2);
	assert_int_equal(open_files(f), 0);
	assert_int_equal(dpi_log_drop(hub, hub->partitions, oldest_base(f),
				 &is_removed, NULL),
		DP_OK);
	assert_true(is_removed);
	assert_int_equal(open_files(f), 0);
}

/* More than a record can tell of, from the time of its segment. */
static void an_event_after_months_of_silence_tells_its_own_time(void **state)
{
	const dp_time_ns months = 60 * 24 * 3600 * DP_SECOND;
	struct fixture *f = *state;
	dpi_writer *writer = writer_of(f, TOPIC);
	struct log_contents contents;
	int64_t now_ms;

	pass(f, months);
	now_ms = f->faulty.os.wall(f->faulty.os.self) / DP_MILLISECOND;
	test_feed_append(writer, "p", 1);
	log_contents_read(&contents, f->faulty.inner, DIRECTORY, TOPIC, 0);
	assert_int_equal(contents.count, 1);
	assert_in_range(contents.events[0].append_ms, now_ms, now_ms + 1000);
	log_contents_free(&contents);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_topic_at_rest_has_no_file_open_and_goes_on),
		TEST(a_topic_that_was_only_opened_rests_too),
		TEST(more_topics_than_files_may_be_open_take_events),
		TEST(nothing_wakes_up_when_all_topics_rest),
		TEST(written_events_are_synced_before_their_topic_rests),
		TEST(topics_that_are_not_synced_keep_no_files_open),
		TEST(a_topic_without_a_file_to_wake_goes_on_later),
		TEST(a_topic_whose_segment_is_gone_has_failed),
		TEST(a_topic_without_a_file_for_a_segment_goes_on_later),
		TEST(an_old_segment_is_no_spare_of_a_topic_at_rest),
		TEST(an_event_after_months_of_silence_tells_its_own_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
