/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "faulty_os.h"
#include "hub/log/ahead.h"
#include "hub/log/log_hub.h"
#include "hub/log/writer.h"
#include "log_contents.h"
#include "log_rig.h"
#include "sim_os.h"
#include "test_feed.h"

/* A log on a disk that is full, or fails. */

#define DIRECTORY "/log"
#define TOPIC "shop"

struct place {
	struct sim_disk *disk;
	struct faulty_os faulty;
	struct log_rig rig;
	dpi_writer *writer;
};

static void open_log(struct place *p)
{
	assert_int_equal(
		log_rig_open(&p->rig, &p->faulty.os, DIRECTORY), DP_OK);
	p->writer = log_rig_writer(&p->rig, TOPIC);
	assert_non_null(p->writer);
}

static void init(struct place *p, dp_full_policy policy)
{
	p->disk = sim_disk_new(1);
	faulty_os_init(&p->faulty, sim_disk_start(p->disk));
	log_rig_init(&p->rig);
	p->rig.opts.full_policy = policy;
	open_log(p);
}

static void fini(struct place *p)
{
	log_rig_close(&p->rig);
	sim_disk_free(p->disk);
}

/* Commits count events; returns DP_OK or what became of the first. */
static dp_status commit_events(struct place *p, dp_ack level, size_t count)
{
	struct test_feed feed;
	dp_status st;

	test_feed_init(&feed, level);
	p->writer->ops->attach(p->writer, &feed.feed);
	test_feed_add_many(&feed, "a payload of some length ", count);
	p->writer->ops->commit(p->writer);
	assert_int_equal(feed.ok + feed.failed, count);
	st = feed.failed > 0 ? feed.worst : DP_OK;
	p->writer->ops->detach(p->writer, &feed.feed);
	test_feed_fini(&feed);
	return st;
}

static dp_status commit(struct place *p, size_t count)
{
	return commit_events(p, DP_ACK_DURABLE, count);
}

static size_t count_events(struct place *p)
{
	struct log_contents contents;
	size_t count;

	log_contents_read(&contents, p->faulty.inner, DIRECTORY, TOPIC, 0);
	count = contents.count;
	assert_int_equal(contents.skipped_bytes, 0);
	log_contents_free(&contents);
	return count;
}

/* Commits until the disk is full; returns how many events went in. */
static size_t fill(struct place *p, dp_status wanted)
{
	size_t count = 0;
	dp_status st;

	faulty_os_set_room(&p->faulty, 0);
	while ((st = commit(p, 100)) == DP_OK) {
		count += 100;
	}
	assert_int_equal(st, wanted);
	return count;
}

static void a_full_disk_rejects_and_takes_events_when_there_is_room(
	void **state)
{
	struct place p;
	size_t count;

	(void)state;
	init(&p, DP_FULL_REJECT);
	count = fill(&p, DP_ENOSPC);
	assert_int_equal(commit(&p, 100), DP_ENOSPC);
	assert_int_equal(count_events(&p), count);
	faulty_os_set_room(&p.faulty, -1);
	assert_int_equal(commit(&p, 100), DP_OK);
	assert_int_equal(count_events(&p), count + 100);
	log_rig_close(&p.rig);
	open_log(&p);
	assert_int_equal(commit(&p, 5), DP_OK);
	assert_int_equal(count_events(&p), count + 105);
	fini(&p);
}

static void a_log_on_a_full_disk_opens_when_there_is_room(void **state)
{
	struct place p;
	size_t count;

	(void)state;
	init(&p, DP_FULL_REJECT);
	count = fill(&p, DP_ENOSPC);
	log_rig_close(&p.rig);
	assert_int_equal(log_rig_open(&p.rig, &p.faulty.os, DIRECTORY), DP_OK);
	assert_null(log_rig_writer(&p.rig, TOPIC));
	assert_int_equal(dp_error_code(p.rig.err), DP_ENOSPC);
	assert_int_equal(count_events(&p), count);
	faulty_os_set_room(&p.faulty, -1);
	p.writer = log_rig_writer(&p.rig, TOPIC);
	assert_non_null(p.writer);
	assert_int_equal(commit(&p, 1), DP_OK);
	assert_int_equal(count_events(&p), count + 1);
	fini(&p);
}

static void a_write_that_found_no_room_leaves_nothing_behind(void **state)
{
	struct place p;

	(void)state;
	init(&p, DP_FULL_REJECT);
	assert_int_equal(commit(&p, 10), DP_OK);
	p.faulty.short_bytes = 700;
	faulty_os_fail(&p.faulty, FAULTY_PWRITEV, 1, ENOSPC, false);
	assert_int_equal(commit(&p, 50), DP_ENOSPC);
	p.faulty.short_bytes = 0;
	faulty_os_heal(&p.faulty);
	/* Shorter than what was given up, and other records in its place. */
	assert_int_equal(commit(&p, 1), DP_OK);
	assert_int_equal(count_events(&p), 11);
	fini(&p);
}

static uint64_t source_next(struct place *p, uint64_t key)
{
	uint64_t next = 0;

	assert_int_equal(p->rig.hub->ops->source_next(
				 p->rig.hub, TOPIC, key, &next, NULL),
		DP_OK);
	return next;
}

/* Else a job would go on behind an event that it has not copied. */
static void a_source_place_that_was_not_written_does_not_count(void **state)
{
	dp_event ev = DP_EVENT_INIT;
	struct test_feed feed;
	struct place p;

	(void)state;
	init(&p, DP_FULL_REJECT);
	ev.type = "test.Event";
	test_feed_init(&feed, DP_ACK_DURABLE);
	p.writer->ops->attach(p.writer, &feed.feed);
	test_feed_add(&feed, &ev, (dpi_source_place){5, 100});
	faulty_os_fail(&p.faulty, FAULTY_PWRITEV, 0, ENOSPC, false);
	p.writer->ops->commit(p.writer);
	assert_int_equal(feed.failed, 1);
	p.writer->ops->detach(p.writer, &feed.feed);
	test_feed_fini(&feed);
	faulty_os_heal(&p.faulty);
	assert_int_equal(commit(&p, 1), DP_OK);
	assert_int_equal(source_next(&p, 5), 0);
	fini(&p);
}

static void short_writes_are_gone_on_with(void **state)
{
	struct place p;

	(void)state;
	init(&p, DP_FULL_REJECT);
	p.faulty.short_bytes = 13;
	assert_int_equal(commit(&p, 20), DP_OK);
	p.faulty.short_bytes = 0;
	assert_int_equal(count_events(&p), 20);
	fini(&p);
}

static void the_oldest_go_when_the_disk_is_full_and_are_counted(void **state)
{
	struct place p;
	dp_hub_stats stats;

	(void)state;
	init(&p, DP_FULL_DROP_OLDEST);
	for (int i = 0; i < 40; i++) {
		assert_int_equal(commit(&p, 100), DP_OK);
	}
	faulty_os_set_room(&p.faulty, 0);
	for (int i = 0; i < 60; i++) {
		assert_int_equal(commit(&p, 100), DP_OK);
	}
	stats = log_rig_stats(&p.rig);
	assert_int_equal(stats.appended_events, 10000);
	assert_true(stats.dropped_events > 0);
	assert_int_equal(count_events(&p) + stats.dropped_events, 10000);
	fini(&p);
}

/* Room for more of the last segment, which an old one made the spare is not. */
static void what_goes_makes_room_on_the_disk(void **state)
{
	struct place p;
	dp_hub_stats stats;
	size_t count = 0;

	(void)state;
	init(&p, DP_FULL_DROP_OLDEST);
	log_rig_close(&p.rig);
	p.rig.opts.segment_bytes = 1u << 20;
	open_log(&p);
	while (log_rig_stats(&p.rig).appended_bytes < 900000) {
		assert_int_equal(commit(&p, 100), DP_OK);
		count += 100;
	}
	log_rig_close(&p.rig);
	open_log(&p);
	faulty_os_set_room(&p.faulty, 0);
	assert_int_equal(commit(&p, 8000), DP_OK);
	stats = log_rig_stats(&p.rig);
	assert_in_range(stats.dropped_events, 1, count);
	assert_int_equal(count_events(&p) + stats.dropped_events, count + 8000);
	fini(&p);
}

/* The second event's key finds no memory after the first one's was noted. */
static void a_place_that_was_not_written_does_not_count(void **state)
{
	const dp_event ev = DP_EVENT_INIT;
	struct test_feed feed;
	struct place p;
	uint64_t next;

	(void)state;
	init(&p, DP_FULL_REJECT);
	test_feed_init(&feed, DP_ACK_DURABLE);
	p.writer->ops->attach(p.writer, &feed.feed);
	/* Eight keys are as many as there is memory for. */
	for (uint64_t key = 1; key <= 8; key++) {
		test_feed_add(&feed, &ev, (dpi_source_place){key, 10});
	}
	p.writer->ops->commit(p.writer);
	assert_int_equal(feed.ok, 8);

	test_feed_add(&feed, &ev, (dpi_source_place){1, 20});
	test_feed_add_places(&feed, (dpi_source_place[]){{2, 20}, {9, 20}}, 2);
	p.rig.heap.fail_at = p.rig.heap.made;
	p.rig.heap.for_ever = true;
	p.writer->ops->commit(p.writer);
	p.rig.heap.fail_at = -1;
	assert_int_equal(feed.ok, 9);
	assert_int_equal(feed.failed, 2);
	assert_int_equal(feed.worst, DP_ENOMEM);
	p.writer->ops->detach(p.writer, &feed.feed);
	test_feed_fini(&feed);
	for (uint64_t key = 1; key <= 9; key++) {
		assert_int_equal(p.rig.hub->ops->source_next(
					 p.rig.hub, TOPIC, key, &next, NULL),
			DP_OK);
		assert_int_equal(next, key == 1 ? 20 : key <= 8 ? 10 : 0);
	}
	fini(&p);
}

static void what_was_written_is_synced_though_others_wait_for_room(void **state)
{
	struct virtual_clock *clock;
	struct test_feed feed;
	struct place p;

	(void)state;
	init(&p, DP_FULL_BLOCK);
	log_rig_close(&p.rig);
	p.rig.opts.segment_bytes = 1u << 20;
	open_log(&p);
	clock = sim_disk_clock(p.disk);
	faulty_os_set_room(&p.faulty, 0);
	test_feed_init(&feed, DP_ACK_WRITTEN);
	p.writer->ops->attach(p.writer, &feed.feed);
	test_feed_add_many(&feed, "goes in", 3);
	test_feed_add_many(&feed, "more than was made ready", 5000);
	p.writer->ops->arm(p.writer, 0);
	virtual_clock_await_sleepers(clock, 1);
	assert_int_equal(feed.ok, 3);
	assert_int_equal(log_rig_stats(&p.rig).syncs, 0);
	virtual_clock_advance(clock, 100 * DP_MILLISECOND);
	virtual_clock_await_sleepers(clock, 1);
	assert_int_equal(feed.ok, 3);
	assert_int_equal(log_rig_stats(&p.rig).syncs, 1);
	faulty_os_set_room(&p.faulty, -1);
	virtual_clock_advance(clock, 100 * DP_MILLISECOND);
	test_feed_wait(&feed);
	assert_int_equal(feed.ok, 5003);
	p.writer->ops->detach(p.writer, &feed.feed);
	test_feed_fini(&feed);
	fini(&p);
}

static void times_that_never_come_are_not_waited_for(void **state)
{
	struct test_feed feed;
	struct place p;

	(void)state;
	init(&p, DP_FULL_REJECT);
	log_rig_close(&p.rig);
	p.rig.opts.sync_interval_ns = DP_FOREVER;
	virtual_clock_advance(sim_disk_clock(p.disk), DP_SECOND);
	open_log(&p);
	assert_int_equal(commit_events(&p, DP_ACK_WRITTEN, 1), DP_OK);
	assert_int_equal(commit_events(&p, DP_ACK_WRITTEN, 1), DP_OK);
	assert_int_equal(log_rig_stats(&p.rig).syncs, 0);
	p.writer->ops->arm(p.writer, DP_FOREVER);
	p.writer->ops->arm(p.writer, DP_FOREVER);
	test_feed_init(&feed, DP_ACK_DURABLE);
	p.writer->ops->attach(p.writer, &feed.feed);
	test_feed_add_text(&feed, "in time");
	p.writer->ops->arm(p.writer, 0);
	test_feed_wait(&feed);
	assert_int_equal(feed.ok, 1);
	p.writer->ops->detach(p.writer, &feed.feed);
	test_feed_fini(&feed);
	fini(&p);
}

/*
 * Two threads sync one file, and the system tells the error to the one that
 * writes zeros ahead; it is slow to say so.
 */
static struct meeting {
	dpi_os os;
	struct place place;
	pthread_t preparing;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int phase; /* 1: one syncs ahead; 2: so does the other; 3: answered */
} meeting;

static void reach(struct meeting *m, int phase)
{
	pthread_mutex_lock(&m->lock);
	m->phase = phase;
	pthread_cond_broadcast(&m->changed);
	pthread_mutex_unlock(&m->lock);
}

static void await_phase(struct meeting *m, int phase, long ms)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += ms * 1000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&m->lock);
	while (m->phase < phase &&
		pthread_cond_timedwait(&m->changed, &m->lock, &until) == 0) {
	}
	pthread_mutex_unlock(&m->lock);
}

static int sync_with_another(void *self, int fd)
{
	struct meeting *m = &meeting;

	(void)self;
	(void)fd;
	if (!pthread_equal(pthread_self(), m->preparing)) {
		reach(m, 2);
		return 0;
	}
	reach(m, 1);
	await_phase(m, 2, 10000);
	await_phase(m, 3, 200);
	return -EIO;
}

static void *prepare_in_thread(void *arg)
{
	meeting.preparing = pthread_self();
	dpi_tail_prepare(arg);
	return NULL;
}

static void an_error_that_another_sync_was_told_of_acknowledges_nothing(
	void **state)
{
	struct meeting *m = &meeting;
	struct place *p = &m->place;
	dpi_log_tail *tail;
	struct test_feed feed;
	pthread_t thread;

	(void)state;
	pthread_mutex_init(&m->lock, NULL);
	pthread_cond_init(&m->changed, NULL);
	init(p, DP_FULL_REJECT);
	log_rig_close(&p->rig);
	p->rig.opts.segment_bytes = 1u << 20;
	m->os = p->faulty.os;
	assert_int_equal(log_rig_open(&p->rig, &m->os, DIRECTORY), DP_OK);
	p->writer = log_rig_writer(&p->rig, TOPIC);
	assert_non_null(p->writer);
	tail = dpi_log_writer_tail((dpi_log_writer *)p->writer);
	atomic_store(&tail->zeroed_goal, tail->limit);
	test_feed_init(&feed, DP_ACK_DURABLE);
	p->writer->ops->attach(p->writer, &feed.feed);
	test_feed_add_text(&feed, "on a bad disk");

	m->os.fdatasync = sync_with_another;
	assert_int_equal(
		pthread_create(&thread, NULL, prepare_in_thread, tail), 0);
	await_phase(m, 1, 10000);
	p->writer->ops->commit(p->writer);
	reach(m, 3);
	pthread_join(thread, NULL);
	assert_int_equal(feed.ok, 0);
	assert_int_equal(feed.failed, 1);
	assert_int_equal(feed.worst, DP_EIO);
	p->writer->ops->detach(p->writer, &feed.feed);
	test_feed_fini(&feed);
	fini(p);
	pthread_cond_destroy(&m->changed);
	pthread_mutex_destroy(&m->lock);
}

static void *commit_in_thread(void *arg)
{
	struct place *p = arg;

	assert_int_equal(commit(p, 100), DP_OK);
	return NULL;
}

static void events_wait_for_room_if_that_is_the_policy(void **state)
{
	struct virtual_clock *clock;
	pthread_t thread;
	struct place p;
	size_t count = 0;

	(void)state;
	init(&p, DP_FULL_BLOCK);
	clock = sim_disk_clock(p.disk);
	faulty_os_set_room(&p.faulty, 0);
	/* 100 events of 78 bytes fit seven times into 64 KiB. */
	for (; count < 700; count += 100) {
		assert_int_equal(commit(&p, 100), DP_OK);
	}
	assert_int_equal(
		pthread_create(&thread, NULL, commit_in_thread, &p), 0);
	virtual_clock_await_sleepers(clock, 2);
	assert_int_equal(count_events(&p), count);
	virtual_clock_advance(clock, 100 * DP_MILLISECOND);
	virtual_clock_await_sleepers(clock, 2);
	assert_int_equal(count_events(&p), count);
	faulty_os_set_room(&p.faulty, -1);
	virtual_clock_advance(clock, 100 * DP_MILLISECOND);
	pthread_join(thread, NULL);
	assert_int_equal(count_events(&p), count + 100);
	fini(&p);
}

static void a_publisher_that_closes_does_not_wait_for_room(void **state)
{
	struct virtual_clock *clock;
	struct test_feed feed;
	struct place p;

	(void)state;
	init(&p, DP_FULL_BLOCK);
	clock = sim_disk_clock(p.disk);
	faulty_os_set_room(&p.faulty, 0);
	for (int i = 0; i < 7; i++) {
		assert_int_equal(commit(&p, 100), DP_OK);
	}
	test_feed_init(&feed, DP_ACK_DURABLE);
	p.writer->ops->attach(p.writer, &feed.feed);
	test_feed_add_many(&feed, "a payload of some length ", 100);
	p.writer->ops->arm(p.writer, 0);
	virtual_clock_await_sleepers(clock, 1);
	assert_int_equal(feed.ok + feed.failed, 0);
	p.writer->ops->detach(p.writer, &feed.feed);
	assert_int_equal(feed.failed, 100);
	assert_int_equal(feed.worst, DP_ENOSPC);
	test_feed_fini(&feed);
	faulty_os_set_room(&p.faulty, -1);
	assert_int_equal(commit(&p, 100), DP_OK);
	assert_int_equal(count_events(&p), 800);
	fini(&p);
}

static void after_a_failed_sync_nothing_is_acknowledged(void **state)
{
	struct place p;

	(void)state;
	init(&p, DP_FULL_REJECT);
	assert_int_equal(commit(&p, 10), DP_OK);
	faulty_os_fail(&p.faulty, FAULTY_FDATASYNC, 0, EIO, false);
	assert_int_equal(commit(&p, 10), DP_EIO);
	assert_int_equal(faulty_os_failed(&p.faulty), 1);
	/* The disk says yes again: too late. */
	assert_int_equal(commit(&p, 10), DP_EIO);
	assert_int_equal(commit_events(&p, DP_ACK_WRITTEN, 10), DP_EIO);
	log_rig_close(&p.rig);
	open_log(&p);
	assert_int_equal(commit(&p, 10), DP_OK);
	fini(&p);
}

static void after_a_failed_write_nothing_is_acknowledged(void **state)
{
	struct place p;

	(void)state;
	init(&p, DP_FULL_REJECT);
	assert_int_equal(commit(&p, 10), DP_OK);
	faulty_os_fail(&p.faulty, FAULTY_PWRITEV, 0, EIO, false);
	assert_int_equal(commit(&p, 10), DP_EIO);
	assert_int_equal(commit(&p, 10), DP_EIO);
	log_rig_close(&p.rig);
	open_log(&p);
	assert_int_equal(commit(&p, 10), DP_OK);
	assert_int_equal(count_events(&p), 20);
	fini(&p);
}

/* As if it had been stopped, thought dead, and was woken. */
static void an_owner_that_was_replaced_is_shut_out(void **state)
{
	dpi_log_partition *partition;
	struct place p;

	(void)state;
	init(&p, DP_FULL_REJECT);
	assert_int_equal(commit(&p, 10), DP_OK);
	partition = ((dpi_log_hub *)p.rig.hub)->partitions;
	atomic_fetch_add(&partition->state->epoch, 1);
	assert_int_equal(commit(&p, 10), DP_ELOCKED);
	assert_int_equal(commit(&p, 10), DP_EIO);
	assert_int_equal(count_events(&p), 10);
	fini(&p);
}

static void raise_epoch(void *user, faulty_call call, long number)
{
	dpi_log_state *page = user;

	(void)number;
	if (call == FAULTY_FDATASYNC) {
		atomic_fetch_add(&page->epoch, 1);
	}
}

static void what_a_new_owner_did_not_see_is_not_acknowledged(void **state)
{
	struct place p;

	(void)state;
	init(&p, DP_FULL_REJECT);
	p.faulty.hook_user = ((dpi_log_hub *)p.rig.hub)->partitions->state;
	p.faulty.hook = raise_epoch;
	assert_int_equal(commit(&p, 10), DP_ELOCKED);
	p.faulty.hook = NULL;
	fini(&p);
}

/* Opens, commits, asks, closes, with call k failing; returns false once no
 * call was made to fail. */
static bool run_with_failure(long k, int error)
{
	struct sim_disk *disk = sim_disk_new(1);
	struct place p = {.disk = disk};
	struct log_contents contents;
	size_t acked = 0;
	bool has_failed;

	faulty_os_init(&p.faulty, sim_disk_start(disk));
	log_rig_init(&p.rig);
	faulty_os_fail(&p.faulty, FAULTY_ANY, k, error, false);
	if (log_rig_open(&p.rig, &p.faulty.os, DIRECTORY) == DP_OK) {
		uint64_t next;

		(void)p.rig.hub->ops->source_next(
			p.rig.hub, TOPIC, 7, &next, NULL);
		p.writer = log_rig_writer(&p.rig, TOPIC);
		for (int i = 0; i < 12 && p.writer != NULL; i++) {
			acked += commit(&p, 100) == DP_OK ? 100 : 0;
		}
	}
	log_rig_close(&p.rig);
	has_failed = faulty_os_failed(&p.faulty) > 0;
	faulty_os_heal(&p.faulty);
	open_log(&p);
	assert_int_equal(commit(&p, 1), DP_OK);
	log_contents_read(&contents, p.faulty.inner, DIRECTORY, TOPIC, 0);
	assert_true(contents.count >= acked + 1);
	log_contents_free(&contents);
	fini(&p);
	return has_failed;
}

static void no_call_that_fails_costs_what_was_acknowledged(void **state)
{
	(void)state;
	for (long k = 0; run_with_failure(k, EIO); k++) {
	}
	for (long k = 0; run_with_failure(k, ENOSPC); k++) {
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_full_disk_rejects_and_takes_events_when_there_is_room),
		cmocka_unit_test(a_log_on_a_full_disk_opens_when_there_is_room),
		cmocka_unit_test(
			a_write_that_found_no_room_leaves_nothing_behind),
		cmocka_unit_test(
			a_source_place_that_was_not_written_does_not_count),
		cmocka_unit_test(short_writes_are_gone_on_with),
		cmocka_unit_test(
			the_oldest_go_when_the_disk_is_full_and_are_counted),
		cmocka_unit_test(what_goes_makes_room_on_the_disk),
		cmocka_unit_test(events_wait_for_room_if_that_is_the_policy),
		cmocka_unit_test(
			a_publisher_that_closes_does_not_wait_for_room),
		cmocka_unit_test(after_a_failed_sync_nothing_is_acknowledged),
		cmocka_unit_test(after_a_failed_write_nothing_is_acknowledged),
		cmocka_unit_test(an_owner_that_was_replaced_is_shut_out),
		cmocka_unit_test(
			what_a_new_owner_did_not_see_is_not_acknowledged),
		cmocka_unit_test(
			no_call_that_fails_costs_what_was_acknowledged),
		cmocka_unit_test(a_place_that_was_not_written_does_not_count),
		cmocka_unit_test(
			what_was_written_is_synced_though_others_wait_for_room),
		cmocka_unit_test(times_that_never_come_are_not_waited_for),
		cmocka_unit_test(
			an_error_that_another_sync_was_told_of_acknowledges_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
