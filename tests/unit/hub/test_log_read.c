/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/thread.h"
#include "faulty_os.h"
#include "hub/log/log_hub.h"
#include "log_contents.h"
#include "log_rig.h"
#include "sim_os.h"
#include "test_feed.h"

/* The reading side of the log, on a simulated machine. */

#define DIRECTORY "/log"
#define TOPIC "shop"

static void open_rig(struct log_rig *rig, const dpi_os *os)
{
	log_rig_init(rig);
	assert_int_equal(log_rig_open(rig, os, DIRECTORY), DP_OK);
}

static void append(struct log_rig *rig, const char *prefix, size_t count)
{
	dpi_writer *writer = log_rig_writer(rig, TOPIC);

	assert_non_null(writer);
	test_feed_append(writer, prefix, count);
}

/* Appends large events, so that few of them fill a segment. */
static void append_large(struct log_rig *rig, size_t count, size_t size)
{
	dpi_writer *writer = log_rig_writer(rig, TOPIC);
	const dpi_source_place none = {0, 0};
	char *payload = calloc(1, size);
	struct test_feed feed;

	assert_non_null(payload);
	test_feed_init(&feed, DP_ACK_DURABLE);
	writer->ops->attach(writer, &feed.feed);
	for (size_t i = 0; i < count; i++) {
		dp_event ev = DP_EVENT_INIT;

		ev.payload = dpi_bytes(payload, size);
		test_feed_add(&feed, &ev, none);
		writer->ops->commit(writer);
	}
	writer->ops->detach(writer, &feed.feed);
	assert_int_equal(feed.ok, count);
	test_feed_fini(&feed);
	free(payload);
}

static dp_subscription *subscribe_at(
	struct log_rig *rig, const char *name, dp_ack read_level)
{
	dp_subscription_options opts = DP_SUBSCRIPTION_OPTIONS_INIT;
	dp_subscription *sub = NULL;
	dp_error *err = NULL;

	opts.topics = TOPIC;
	opts.read_level = read_level;
	if (dp_subscription_open(&sub, rig->hub, name, &opts, &err) != DP_OK) {
		fail_msg("%s", dp_error_message(err));
	}
	return sub;
}

static dp_subscription *subscribe(struct log_rig *rig, const char *name)
{
	return subscribe_at(rig, name, DP_ACK_DURABLE);
}

/* Pulls once; returns how many events came, 0 if none; acks if asked to. */
static size_t pull(dp_subscription *sub, size_t max, bool ack)
{
	dp_batch *batch = NULL;
	dp_status st = dp_subscription_pull(sub, &batch, max, 0, NULL);
	size_t count;

	if (st != DP_OK) {
		assert_int_equal(st, DP_ETIMEDOUT);
		return 0;
	}
	count = dp_batch_count(batch);
	if (ack) {
		assert_int_equal(
			dp_subscription_ack_batch(sub, batch, NULL), DP_OK);
	}
	dp_batch_unref(batch);
	return count;
}

static size_t drain(dp_subscription *sub)
{
	size_t all = 0;
	size_t count;

	while ((count = pull(sub, 1000, true)) > 0) {
		all += count;
	}
	return all;
}

static size_t count_segments(const dpi_os *os)
{
	struct log_contents contents;
	size_t count;

	log_contents_read(&contents, os, DIRECTORY, TOPIC, 0);
	count = contents.segments;
	log_contents_free(&contents);
	return count;
}

static void a_reader_follows_from_segment_to_segment(void **state)
{
	struct sim_disk *disk = sim_disk_new(1);
	struct log_rig rig;
	dp_subscription *sub;
	size_t seen = 0;

	(void)state;
	open_rig(&rig, sim_disk_start(disk));
	sub = subscribe(&rig, "s");
	for (int i = 0; i < 20; i++) {
		append(&rig, "p", 500);
		for (int k = 0; k < 5; k++) {
			seen += pull(sub, 90, true);
		}
	}
	seen += drain(sub);
	assert_int_equal(seen, 10000);
	dp_subscription_close(sub);
	log_rig_close(&rig);
	sim_disk_free(disk);
}

static void records_larger_than_what_is_read_ahead_come_whole(void **state)
{
	struct sim_disk *disk = sim_disk_new(1);
	struct log_rig rig;
	dp_subscription *sub;

	(void)state;
	log_rig_init(&rig);
	rig.opts.segment_bytes = 8u << 20;
	assert_int_equal(
		log_rig_open(&rig, sim_disk_start(disk), DIRECTORY), DP_OK);
	sub = subscribe(&rig, "s");
	append(&rig, "p", 3);
	append_large(&rig, 4, 700000);
	append(&rig, "p", 3);
	assert_int_equal(drain(sub), 10);
	dp_subscription_close(sub);
	log_rig_close(&rig);
	sim_disk_free(disk);
}

/* Changes one byte of the first segment, `at` bytes into its records. */
static void damage(const dpi_os *os, uint64_t at)
{
	const dpi_partition_name name = {TOPIC, 0};
	char path[DPI_LOG_PATH_MAX];
	uint8_t byte;
	int fd;

	dpi_log_segment_path(path, DIRECTORY, &name, 0);
	fd = os->open(os->self, path, 0);
	assert_true(fd >= 0);
	assert_int_equal(
		dpi_os_read_all(os, fd, &byte, 1, DPI_LOG_PAGE + at), 1);
	byte ^= 0x20;
	assert_int_equal(
		dpi_os_write_all(os, fd, &byte, 1, DPI_LOG_PAGE + at), 0);
	os->close(os->self, fd);
}

static void damage_costs_the_event_it_touched_and_is_counted_once(void **state)
{
	struct sim_disk *disk = sim_disk_new(1);
	const dpi_os *os = sim_disk_start(disk);
	struct log_contents contents;
	dp_subscription_stats stats = {.struct_size = sizeof(stats)};
	struct log_rig rig;
	dp_subscription *sub;
	uint64_t size;

	(void)state;
	open_rig(&rig, os);
	append(&rig, "p", 20);
	log_contents_read(&contents, os, DIRECTORY, TOPIC, 0);
	size = contents.events[8].offset - contents.events[7].offset;
	damage(os, contents.events[7].offset + 40);
	sub = subscribe(&rig, "s");
	assert_int_equal(pull(sub, 1000, false), 7);
	assert_int_equal(pull(sub, 1000, false), 12);
	sub->ops->rewind(sub);
	assert_int_equal(dp_subscription_get_stats(sub, &stats, NULL), DP_OK);
	assert_int_equal(drain(sub), 19);
	assert_int_equal(log_rig_stats(&rig).corrupt_events, 1);
	assert_int_equal(log_rig_stats(&rig).corrupt_bytes, size);
	assert_int_equal(stats.skipped_runs, 1);
	assert_int_equal(stats.skipped_bytes, size);
	dp_subscription_close(sub);
	log_contents_free(&contents);
	log_rig_close(&rig);
	sim_disk_free(disk);
}

static void a_file_that_was_cut_costs_what_is_missing(void **state)
{
	const dpi_partition_name name = {TOPIC, 0};
	struct sim_disk *disk = sim_disk_new(1);
	const dpi_os *os = sim_disk_start(disk);
	struct log_contents contents;
	char path[DPI_LOG_PATH_MAX];
	struct log_rig rig;
	dp_subscription *sub;
	int fd;

	(void)state;
	open_rig(&rig, os);
	append(&rig, "p", 3000);
	log_contents_read(&contents, os, DIRECTORY, TOPIC, 0);
	dpi_log_segment_path(path, DIRECTORY, &name, 0);
	fd = os->open(os->self, path, 0);
	assert_int_equal(
		os->truncate(os->self, fd,
			DPI_LOG_PAGE + contents.events[100].offset + 10),
		0);
	os->close(os->self, fd);
	log_contents_free(&contents);
	log_contents_read(&contents, os, DIRECTORY, TOPIC, 0);
	assert_true(contents.count < 3000);
	sub = subscribe(&rig, "s");
	assert_int_equal(drain(sub), contents.count);
	assert_true(log_rig_stats(&rig).corrupt_events >= 1);
	dp_subscription_close(sub);
	log_contents_free(&contents);
	log_rig_close(&rig);
	sim_disk_free(disk);
}

static void a_small_pull_does_not_read_the_file_each_time(void **state)
{
	struct sim_disk *disk = sim_disk_new(1);
	struct faulty_os faulty;
	struct log_rig rig;
	dp_subscription *sub;
	long before;

	(void)state;
	faulty_os_init(&faulty, sim_disk_start(disk));
	open_rig(&rig, &faulty.os);
	append(&rig, "p", 500);
	sub = subscribe(&rig, "s");
	assert_int_equal(pull(sub, 1, true), 1);
	before = faulty_os_count(&faulty, FAULTY_PREAD) +
		faulty_os_count(&faulty, FAULTY_LIST) +
		faulty_os_count(&faulty, FAULTY_LOCK) +
		faulty_os_count(&faulty, FAULTY_OPEN);
	for (int i = 0; i < 400; i++) {
		assert_int_equal(pull(sub, 1, true), 1);
	}
	assert_int_equal(faulty_os_count(&faulty, FAULTY_PREAD) +
			faulty_os_count(&faulty, FAULTY_LIST) +
			faulty_os_count(&faulty, FAULTY_LOCK) +
			faulty_os_count(&faulty, FAULTY_OPEN),
		before);
	dp_subscription_close(sub);
	log_rig_close(&rig);
	sim_disk_free(disk);
}

/* Commits events that are written and not synced. */
/* All but the first that it reads. */
static void whether_there_is_more_is_known_without_looking_at_the_disk(
	void **state)
{
	struct sim_disk *disk = sim_disk_new(1);
	struct faulty_os faulty;
	dp_subscription *sub;
	struct log_rig rig;
	long calls;

	(void)state;
	faulty_os_init(&faulty, sim_disk_start(disk));
	open_rig(&rig, &faulty.os);
	for (int i = 0; i < 10; i++) {
		append(&rig, "p", 800);
	}
	assert_true(count_segments(&faulty.os) > 5);
	sub = subscribe(&rig, "s");
	assert_int_equal(pull(sub, 10, true), 10);
	calls = faulty_os_count(&faulty, FAULTY_ANY);
	for (int i = 0; i < 100; i++) {
		assert_true(sub->ops->has_more(sub));
	}
	assert_int_equal(faulty_os_count(&faulty, FAULTY_ANY), calls);
	dp_subscription_close(sub);
	log_rig_close(&rig);
	sim_disk_free(disk);
}

static void append_written(struct log_rig *rig, size_t count)
{
	dpi_writer *writer = log_rig_writer(rig, TOPIC);
	struct test_feed feed;

	test_feed_init(&feed, DP_ACK_WRITTEN);
	writer->ops->attach(writer, &feed.feed);
	test_feed_add_many(&feed, "w", count);
	writer->ops->commit(writer);
	assert_int_equal(feed.ok, count);
	writer->ops->detach(writer, &feed.feed);
	test_feed_fini(&feed);
}

static void a_backlog_stays_on_disk(void **state)
{
	struct sim_disk *disk = sim_disk_new(1);
	struct log_rig rig;
	dp_subscription *sub;
	size_t held;

	(void)state;
	log_rig_init(&rig);
	rig.opts.segment_bytes = 4 << 20;
	assert_int_equal(
		log_rig_open(&rig, sim_disk_start(disk), DIRECTORY), DP_OK);
	sub = subscribe(&rig, "s");
	append(&rig, "p", 100);
	assert_int_equal(pull(sub, 10, false), 10);
	held = rig.heap.live_bytes;
	for (int i = 0; i < 100; i++) {
		append_large(&rig, 1, 100000);
	}
	assert_int_equal(pull(sub, 10, false), 10);
	/* Ten leases more, what is read ahead, and a spare for the writer. */
	assert_in_range(rig.heap.live_bytes, 0, held + (1 << 20));
	dp_subscription_close(sub);
	log_rig_close(&rig);
	sim_disk_free(disk);
}

static void only_durable_events_are_handed_over_unless_asked(void **state)
{
	struct sim_disk *disk = sim_disk_new(1);
	struct log_rig rig;
	dp_subscription *durable;
	dp_subscription *written;

	(void)state;
	open_rig(&rig, sim_disk_start(disk));
	durable = subscribe(&rig, "durable");
	written = subscribe_at(&rig, "written", DP_ACK_WRITTEN);
	append(&rig, "p", 2);
	append_written(&rig, 3);
	assert_int_equal(drain(durable), 2);
	assert_int_equal(drain(written), 5);
	append(&rig, "p", 1);
	assert_int_equal(drain(durable), 4);
	dp_subscription_close(durable);
	dp_subscription_close(written);
	log_rig_close(&rig);
	sim_disk_free(disk);
}

/* The words of the news as they were when a sync began. */
struct overheard {
	const dpi_log_news *news;
	uint32_t written;
	uint32_t durable;
};

static void overhear(void *user, faulty_call call, long number)
{
	struct overheard *o = user;

	(void)number;
	if (call == FAULTY_FDATASYNC && o->news != NULL) {
		o->written = atomic_load(&o->news->written.word);
		o->durable = atomic_load(&o->news->durable.word);
	}
}

static void who_reads_what_is_written_does_not_wait_for_the_sync(void **state)
{
	struct sim_disk *disk = sim_disk_new(1);
	struct overheard during = {0};
	struct faulty_os faulty;
	dpi_log_news *news;
	struct log_rig rig;
	uint32_t written;
	uint32_t durable;

	(void)state;
	faulty_os_init(&faulty, sim_disk_start(disk));
	faulty.hook_user = &during;
	faulty.hook = overhear;
	open_rig(&rig, &faulty.os);
	append(&rig, "p", 1);
	news = ((dpi_log_hub *)rig.hub)->news;
	written = atomic_load(&news->written.word);
	durable = atomic_load(&news->durable.word);

	during.news = news;
	append(&rig, "p", 1);
	assert_int_equal(during.written, written + 1);
	assert_int_equal(during.durable, durable);
	assert_int_equal(atomic_load(&news->written.word), written + 1);
	assert_int_equal(atomic_load(&news->durable.word), durable + 1);
	log_rig_close(&rig);
	sim_disk_free(disk);
}

static void a_cursor_ahead_of_the_log_is_set_back_and_counted(void **state)
{
	struct sim_disk *disk = sim_disk_new(1);
	struct log_rig rig;
	dp_subscription *sub;

	(void)state;
	open_rig(&rig, sim_disk_start(disk));
	sub = subscribe_at(&rig, "s", DP_ACK_WRITTEN);
	append(&rig, "p", 2);
	append_written(&rig, 100);
	assert_int_equal(drain(sub), 102);
	/* Its place is durable, and what it read is not. */
	dp_subscription_close(sub);
	sim_disk_crash(disk);
	log_rig_close(&rig);
	sim_disk_reboot(disk, 0);

	open_rig(&rig, sim_disk_start(disk));
	append(&rig, "q", 10);
	sub = subscribe(&rig, "s");
	assert_int_equal(drain(sub), 10);
	assert_int_equal(log_rig_stats(&rig).cursor_rewinds, 1);
	dp_subscription_close(sub);
	sub = subscribe(&rig, "s");
	assert_int_equal(drain(sub), 0);
	assert_int_equal(log_rig_stats(&rig).cursor_rewinds, 1);
	dp_subscription_close(sub);
	log_rig_close(&rig);
	sim_disk_free(disk);
}

static void what_a_dead_writer_left_becomes_readable(void **state)
{
	struct sim_disk *disk = sim_disk_new(1);
	const dpi_os *writing = sim_disk_start(disk);
	struct log_rig writer;
	struct log_rig reader;
	dp_subscription *sub;

	(void)state;
	open_rig(&writer, writing);
	open_rig(&reader, sim_disk_start(disk));
	sub = subscribe(&reader, "s");
	append(&writer, "p", 2);
	append_written(&writer, 3);
	assert_int_equal(drain(sub), 2);
	sim_disk_kill(writing);
	for (int i = 0; i < 3; i++) {
		virtual_clock_advance(sim_disk_clock(disk), DP_SECOND);
		(void)pull(sub, 1, false);
	}
	sub->ops->rewind(sub);
	assert_int_equal(drain(sub), 3);
	dp_subscription_close(sub);
	log_rig_close(&writer);
	log_rig_close(&reader);
	sim_disk_free(disk);
}

struct puller {
	dp_subscription *sub;
	size_t count;
};

static void *pull_for_ever(void *arg)
{
	struct puller *p = arg;
	dp_batch *batch = NULL;

	if (dp_subscription_pull(p->sub, &batch, 100, DP_FOREVER, NULL) ==
		DP_OK) {
		p->count = dp_batch_count(batch);
		dp_batch_unref(batch);
	}
	return NULL;
}

/* One that sleeps when a reader dies takes its partitions over, unasked. */
static void a_dead_readers_partitions_are_taken_over(void **state)
{
	struct sim_disk *disk = sim_disk_new(1);
	const dpi_os *dying = sim_disk_start(disk);
	struct log_rig dead;
	struct log_rig alive;
	struct puller p = {.count = 0};
	dp_subscription *sub;
	pthread_t thread;

	(void)state;
	open_rig(&dead, dying);
	open_rig(&alive, sim_disk_start(disk));
	append(&alive, "p", 5);
	sub = subscribe(&dead, "s");
	assert_int_equal(pull(sub, 2, true), 2);
	assert_int_equal(pull(sub, 2, false), 2);
	p.sub = subscribe(&alive, "s");
	assert_int_equal(drain(p.sub), 0);
	pthread_create(&thread, NULL, pull_for_ever, &p);
	virtual_clock_await_sleepers(sim_disk_clock(disk), 2);
	sim_disk_kill(dying);
	virtual_clock_advance(sim_disk_clock(disk), DP_SECOND);
	dpi_thread_join(thread);
	assert_int_equal(p.count, 3);
	dp_subscription_close(p.sub);
	dp_subscription_close(sub);
	log_rig_close(&dead);
	log_rig_close(&alive);
	sim_disk_free(disk);
}

/* An event that kills who handles it ends up alone, with its tries counted. */
static void an_event_that_kills_comes_alone_at_last(void **state)
{
	struct sim_disk *disk = sim_disk_new(1);
	struct log_rig rig;
	uint32_t attempt = 0;
	size_t count = 0;
	int deaths = 0;

	(void)state;
	open_rig(&rig, sim_disk_start(disk));
	append(&rig, "p", 500);
	log_rig_close(&rig);
	while (attempt < 16 && deaths < 200) {
		const dpi_os *os = sim_disk_start(disk);
		dp_subscription *sub;
		dp_batch *batch;
		bool is_dead = false;

		open_rig(&rig, os);
		sub = subscribe(&rig, "s");
		while (!is_dead) {
			const dp_message *msg;

			assert_int_equal(
				dp_subscription_pull(sub, &batch, 256, 0, NULL),
				DP_OK);
			count = dp_batch_count(batch);
			for (size_t i = 0; i < count; i++) {
				msg = dp_batch_message(batch, i);
				is_dead |= dp_message_seq(msg) == 300;
			}
			msg = dp_batch_message(batch, 0);
			attempt = dp_message_attempt(msg);
			/* Innocent ones are never near being given up. */
			assert_true(is_dead || attempt < 16);
			if (is_dead) {
				sim_disk_kill(os);
			} else {
				assert_int_equal(dp_subscription_ack_batch(
							 sub, batch, NULL),
					DP_OK);
			}
			dp_batch_unref(batch);
		}
		deaths++;
		dp_subscription_close(sub);
		log_rig_close(&rig);
	}
	assert_int_equal(attempt, 16);
	assert_int_equal(count, 1);
	sim_disk_free(disk);
}

static void finished_segments_go(void **state)
{
	struct sim_disk *disk = sim_disk_new(1);
	const dpi_os *os = sim_disk_start(disk);
	struct log_rig rig;
	dp_subscription *slow;
	dp_subscription *fast;

	(void)state;
	open_rig(&rig, os);
	slow = subscribe(&rig, "slow");
	fast = subscribe(&rig, "fast");
	append_large(&rig, 60, 10000);
	assert_int_equal(drain(fast), 60);
	append_large(&rig, 1, 10000);
	assert_int_equal(drain(fast), 1);
	assert_true(count_segments(os) >= 10);
	assert_int_equal(drain(slow), 61);
	assert_true(count_segments(os) <= 2);
	assert_int_equal(log_rig_stats(&rig).dropped_events, 0);
	dp_subscription_close(slow);
	dp_subscription_close(fast);
	log_rig_close(&rig);
	sim_disk_free(disk);
}

/* Opens a log that keeps 200,000 bytes. */
static void open_small(
	struct log_rig *rig, struct sim_disk *disk, int32_t is_forced)
{
	log_rig_init(rig);
	rig->opts.retention_bytes = 200000;
	rig->opts.retention_forced = is_forced;
	assert_int_equal(
		log_rig_open(rig, sim_disk_start(disk), DIRECTORY), DP_OK);
}

/* The thread that lets segments go has nothing left to do: it sleeps, and so
 * does the one that commits. */
static void await_retention(struct sim_disk *disk)
{
	virtual_clock_await_sleepers(sim_disk_clock(disk), 2);
}

static void retention_by_bytes_waits_for_an_unfinished_subscription(
	void **state)
{
	struct sim_disk *disk = sim_disk_new(1);
	struct log_rig rig;
	dp_subscription *sub;

	(void)state;
	open_small(&rig, disk, 0);
	dp_subscription_close(subscribe(&rig, "s"));
	append_large(&rig, 74, 10000);
	await_retention(disk);
	log_rig_close(&rig);
	assert_true(count_segments(sim_disk_start(disk)) >= 10);

	open_small(&rig, disk, 0);
	sub = subscribe(&rig, "s");
	assert_int_equal(drain(sub), 74);
	assert_int_equal(log_rig_stats(&rig).dropped_events, 0);
	dp_subscription_close(sub);
	log_rig_close(&rig);
	sim_disk_free(disk);
}

static void forced_retention_counts_what_it_drops(void **state)
{
	struct sim_disk *disk = sim_disk_new(1);
	struct log_rig rig;
	dp_subscription *sub;
	uint64_t dropped;

	(void)state;
	open_small(&rig, disk, 1);
	sub = subscribe(&rig, "s");
	append_large(&rig, 60, 10000);
	await_retention(disk);
	dropped = log_rig_stats(&rig).dropped_events;
	assert_true(dropped > 20);
	assert_int_equal(drain(sub) + dropped, 60);
	dp_subscription_close(sub);
	log_rig_close(&rig);
	assert_true(count_segments(sim_disk_start(disk)) <= 5);
	sim_disk_free(disk);
}

static void what_is_gone_is_counted_for_who_had_not_read_it(void **state)
{
	struct sim_disk *disk = sim_disk_new(1);
	dp_subscription_stats stats = {.struct_size = sizeof(stats)};
	struct log_rig rig;
	dp_subscription *sub;
	dp_subscription *newer;

	(void)state;
	open_small(&rig, disk, 1);
	append_large(&rig, 2, 10000);
	sub = subscribe(&rig, "s");
	assert_int_equal(pull(sub, 1, true), 1);
	append_large(&rig, 60, 10000);
	await_retention(disk);
	drain(sub);
	assert_int_equal(dp_subscription_get_stats(sub, &stats, NULL), DP_OK);
	assert_int_equal(stats.skipped_runs, 1);
	assert_true(stats.skipped_bytes > 20 * 10000);
	newer = subscribe(&rig, "newer");
	drain(newer);
	assert_int_equal(dp_subscription_get_stats(newer, &stats, NULL), DP_OK);
	assert_int_equal(stats.skipped_runs, 0);
	dp_subscription_close(newer);
	dp_subscription_close(sub);
	log_rig_close(&rig);
	sim_disk_free(disk);
}

static void a_loss_counts_once_though_it_took_several_tries(void **state)
{
	struct sim_disk *disk = sim_disk_new(1);
	struct faulty_os faulty;
	dp_subscription *slow;
	dp_subscription *fast;
	struct log_rig rig;
	uint64_t dropped;

	(void)state;
	open_rig(&rig, sim_disk_start(disk));
	dp_subscription_close(subscribe(&rig, "slow"));
	append_large(&rig, 60, 10000);
	log_rig_close(&rig);

	faulty_os_init(&faulty, sim_disk_start(disk));
	log_rig_init(&rig);
	rig.opts.retention_bytes = 200000;
	rig.opts.retention_forced = 1;
	assert_int_equal(log_rig_open(&rig, &faulty.os, DIRECTORY), DP_OK);
	fast = subscribe(&rig, "fast");
	faulty_os_fail(&faulty, FAULTY_UNLINK, 0, EIO, true);
	assert_int_equal(drain(fast), 60);
	assert_true(faulty_os_failed(&faulty) > 1);
	assert_int_equal(log_rig_stats(&rig).dropped_events, 0);
	faulty_os_heal(&faulty);
	append_large(&rig, 14, 10000);
	await_retention(disk);
	dropped = log_rig_stats(&rig).dropped_events;
	assert_true(dropped > 20);
	slow = subscribe(&rig, "slow");
	assert_int_equal(drain(slow) + dropped, 74);
	dp_subscription_close(slow);
	dp_subscription_close(fast);
	log_rig_close(&rig);
	sim_disk_free(disk);
}

static void what_nobody_reads_goes_by_bytes(void **state)
{
	struct sim_disk *disk = sim_disk_new(1);
	struct log_rig rig;

	(void)state;
	open_small(&rig, disk, 0);
	append_large(&rig, 60, 10000);
	await_retention(disk);
	assert_int_equal(log_rig_stats(&rig).dropped_events, 0);
	log_rig_close(&rig);
	assert_true(count_segments(sim_disk_start(disk)) <= 5);
	sim_disk_free(disk);
}

static void what_nobody_reads_stays_without_a_limit(void **state)
{
	struct sim_disk *disk = sim_disk_new(1);
	struct log_rig rig;

	(void)state;
	open_rig(&rig, sim_disk_start(disk));
	append_large(&rig, 60, 10000);
	await_retention(disk);
	log_rig_close(&rig);
	assert_true(count_segments(sim_disk_start(disk)) >= 10);
	sim_disk_free(disk);
}

static void retention_keeps_what_came_in_the_place_of_lost_events(void **state)
{
	struct sim_disk *disk = sim_disk_new(1);
	struct log_rig rig;
	dp_subscription *sub;

	(void)state;
	open_rig(&rig, sim_disk_start(disk));
	sub = subscribe_at(&rig, "s", DP_ACK_WRITTEN);
	append(&rig, "p", 2);
	append_written(&rig, 1000);
	assert_int_equal(drain(sub), 1002);
	dp_subscription_close(sub);
	sim_disk_crash(disk);
	log_rig_close(&rig);
	sim_disk_reboot(disk, 0);

	/* Each owner begins a segment, below the place that was read. */
	for (int i = 0; i < 5; i++) {
		open_rig(&rig, sim_disk_start(disk));
		append(&rig, "q", 10);
		log_rig_close(&rig);
	}
	open_rig(&rig, sim_disk_start(disk));
	append_large(&rig, 14, 10000);
	await_retention(disk);
	sub = subscribe(&rig, "s");
	assert_int_equal(drain(sub), 64);
	dp_subscription_close(sub);
	log_rig_close(&rig);
	sim_disk_free(disk);
}

static void retention_by_age_goes_by_append_time(void **state)
{
	struct sim_disk *disk = sim_disk_new(1);
	const dpi_os *os = sim_disk_start(disk);
	struct log_rig rig;
	dp_subscription *sub;

	(void)state;
	log_rig_init(&rig);
	rig.opts.retention_ns = 3600 * DP_SECOND;
	assert_int_equal(log_rig_open(&rig, os, DIRECTORY), DP_OK);
	sub = subscribe(&rig, "s");
	append_large(&rig, 30, 10000);
	assert_int_equal(drain(sub), 30);
	/* Finished, and young enough to be kept for the next subscription. */
	assert_true(count_segments(os) >= 5);
	virtual_clock_advance(sim_disk_clock(disk), 3601 * DP_SECOND);
	append_large(&rig, 14, 10000);
	assert_int_equal(drain(sub), 14);
	await_retention(disk);
	dp_subscription_close(sub);
	log_rig_close(&rig);
	assert_true(count_segments(os) <= 4);
	sim_disk_free(disk);
}

/* Only whole segments go, and this topic would not fill one for years. */
static void events_of_a_slow_topic_go_by_age(void **state)
{
	struct sim_disk *disk = sim_disk_new(1);
	const dpi_os *os = sim_disk_start(disk);
	struct log_contents contents;
	struct log_rig rig;

	(void)state;
	log_rig_init(&rig);
	rig.opts.retention_ns = 3600 * DP_SECOND;
	assert_int_equal(log_rig_open(&rig, os, DIRECTORY), DP_OK);
	for (int i = 0; i < 10; i++) {
		append(&rig, "p", 1);
		virtual_clock_advance(sim_disk_clock(disk), 1800 * DP_SECOND);
	}
	await_retention(disk);
	log_contents_read(&contents, os, DIRECTORY, TOPIC, 0);
	assert_in_range(contents.count, 2, 6);
	log_contents_free(&contents);
	log_rig_close(&rig);
	sim_disk_free(disk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reader_follows_from_segment_to_segment),
		cmocka_unit_test(
			records_larger_than_what_is_read_ahead_come_whole),
		cmocka_unit_test(
			damage_costs_the_event_it_touched_and_is_counted_once),
		cmocka_unit_test(a_file_that_was_cut_costs_what_is_missing),
		cmocka_unit_test(a_small_pull_does_not_read_the_file_each_time),
		cmocka_unit_test(
			whether_there_is_more_is_known_without_looking_at_the_disk),
		cmocka_unit_test(a_backlog_stays_on_disk),
		cmocka_unit_test(
			only_durable_events_are_handed_over_unless_asked),
		cmocka_unit_test(
			who_reads_what_is_written_does_not_wait_for_the_sync),
		cmocka_unit_test(
			a_cursor_ahead_of_the_log_is_set_back_and_counted),
		cmocka_unit_test(what_a_dead_writer_left_becomes_readable),
		cmocka_unit_test(a_dead_readers_partitions_are_taken_over),
		cmocka_unit_test(an_event_that_kills_comes_alone_at_last),
		cmocka_unit_test(finished_segments_go),
		cmocka_unit_test(
			retention_by_bytes_waits_for_an_unfinished_subscription),
		cmocka_unit_test(forced_retention_counts_what_it_drops),
		cmocka_unit_test(what_nobody_reads_goes_by_bytes),
		cmocka_unit_test(what_nobody_reads_stays_without_a_limit),
		cmocka_unit_test(
			retention_keeps_what_came_in_the_place_of_lost_events),
		cmocka_unit_test(retention_by_age_goes_by_append_time),
		cmocka_unit_test(
			what_is_gone_is_counted_for_who_had_not_read_it),
		cmocka_unit_test(
			a_loss_counts_once_though_it_took_several_tries),
		cmocka_unit_test(events_of_a_slow_topic_go_by_age),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
