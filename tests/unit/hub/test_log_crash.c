/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "faulty_os.h"
#include "hub/log/log_hub.h"
#include "log_contents.h"
#include "log_rig.h"
#include "sim_os.h"
#include "test_feed.h"

/*
 * Random histories of a log on a simulated machine, whose power is cut, or
 * whose process is killed, at each call that changes the disk. Afterwards:
 *
 * - every event that was acknowledged is there, as far as its level promises
 * - no event is there that was never given, none is there twice, and those of
 *   one publisher are in their order
 * - the source places are those of the events that are there
 * - the log takes events again, and they are behind all others
 */

#define DIRECTORY "/log"
#define TOPIC "shop"
#define PAYLOAD_MAX 3000u
#define BULK_PAYLOAD 9000u
#define KEY 77u
/* Events of one publisher; each commit has its own. */
#define EVENTS_MAX 64u
#define COMMITS_MAX 64u

struct publisher {
	dp_ack level;
	size_t given;
	size_t acked; /* all or none of them */
};

struct history {
	uint64_t random;
	uint64_t retention_bytes;
	bool is_bulk;   /* commits for which no zeros are written */
	uint64_t place; /* last one given */
	size_t count;
	struct publisher publishers[COMMITS_MAX];
};

static uint32_t draw(struct history *h, uint32_t below)
{
	h->random = h->random * UINT64_C(6364136223846793005) +
		UINT64_C(1442695040888963407);
	return (uint32_t)(h->random >> 33) % below;
}

static void give_event(struct history *h, struct test_feed *feed)
{
	static const char payload[BULK_PAYLOAD];
	dp_event ev = DP_EVENT_INIT;
	dpi_source_place place = {0, 0};

	ev.type = "test.Event";
	ev.payload.data = payload;
	ev.payload.size = h->is_bulk ? BULK_PAYLOAD
		: draw(h, 4) == 0    ? draw(h, PAYLOAD_MAX)
				     : draw(h, 90);
	if (draw(h, 2) == 0) {
		place = (dpi_source_place){KEY, ++h->place};
	}
	test_feed_add(feed, &ev, place);
}

/* One publisher's whole life; its number is the writer in its ids. */
static void commit_some(struct history *h, dpi_writer *writer)
{
	struct publisher *p = &h->publishers[h->count];
	size_t events = 1 + draw(h, EVENTS_MAX / 2);
	struct test_feed feed;

	p->level = draw(h, 3) == 0 ? DP_ACK_WRITTEN : DP_ACK_DURABLE;
	test_feed_init(&feed, p->level);
	feed.writer = h->count + 1;
	writer->ops->attach(writer, &feed.feed);
	for (size_t i = 0; i < events; i++) {
		give_event(h, &feed);
	}
	writer->ops->commit(writer);
	assert_int_equal(feed.ok + feed.failed, events);
	writer->ops->detach(writer, &feed.feed);
	p->given = events;
	p->acked = feed.ok;
	h->count++;
	test_feed_fini(&feed);
}

/* Opens, commits some times, closes; returns false if it could not begin. */
static bool run_process(struct history *h, const dpi_os *os, size_t commits)
{
	struct log_rig rig;
	dpi_writer *writer = NULL;

	log_rig_init(&rig);
	rig.opts.retention_bytes = h->retention_bytes;
	if (h->is_bulk) {
		rig.opts.segment_bytes = 1u << 20;
	}
	if (log_rig_open(&rig, os, DIRECTORY) == DP_OK) {
		writer = log_rig_writer(&rig, TOPIC);
	}
	for (size_t i = 0; i < commits && writer != NULL; i++) {
		commit_some(h, writer);
	}
	log_rig_close(&rig);
	return writer != NULL;
}

static void run_history(struct history *h, uint64_t seed, const dpi_os *os)
{
	*h = (struct history){.random = seed};
	for (int i = 0; i < 3; i++) {
		(void)run_process(h, os, 3 + draw(h, 6));
	}
}

static void check_events(
	const struct history *h, const struct log_contents *contents)
{
	uint64_t last[COMMITS_MAX + 1] = {0};

	for (size_t i = 0; i < contents->count; i++) {
		const struct log_event *event = &contents->events[i];
		const struct publisher *p;

		assert_in_range(event->writer, 1, h->count);
		p = &h->publishers[event->writer - 1];
		assert_true(event->seq < p->given);
		assert_true(event->seq >= last[event->writer]);
		last[event->writer] = event->seq + 1;
	}
}

static void check_acked(const struct history *h,
	const struct log_contents *contents, dp_ack least, size_t from,
	size_t to)
{
	for (size_t i = from; i < to; i++) {
		const struct publisher *p = &h->publishers[i];

		for (uint64_t seq = 0; p->level >= least && seq < p->acked;
			seq++) {
			assert_true(log_contents_has(contents, i + 1, seq));
		}
	}
}

static uint64_t greatest_place(const dpi_os *os)
{
	struct log_contents contents;
	uint64_t greatest = 0;

	log_contents_read(&contents, os, DIRECTORY, TOPIC, 0);
	for (size_t i = 0; i < contents.count; i++) {
		if (contents.events[i].place.next > greatest) {
			greatest = contents.events[i].place.next;
		}
	}
	log_contents_free(&contents);
	return greatest;
}

/* What the events say that are in the log, against what the hub says. */
static void check_places(const dpi_os *os)
{
	struct log_rig rig;
	uint64_t next;

	log_rig_init(&rig);
	assert_int_equal(log_rig_open(&rig, os, DIRECTORY), DP_OK);
	assert_int_equal(
		rig.hub->ops->source_next(rig.hub, TOPIC, KEY, &next, NULL),
		DP_OK);
	assert_int_equal(next, greatest_place(os));
	log_rig_close(&rig);
}

/* least: the level that must have survived. */
static void check_log(struct history *h, const dpi_os *os, dp_ack least)
{
	size_t before = h->count;
	struct log_contents contents;

	check_places(os);
	assert_true(run_process(h, os, 2));
	assert_int_equal(
		h->publishers[before].acked, h->publishers[before].given);
	log_contents_read(&contents, os, DIRECTORY, TOPIC, 0);
	assert_int_equal(contents.damaged_headers, 0);
	check_events(h, &contents);
	check_acked(h, &contents, least, 0, before);
	check_acked(h, &contents, DP_ACK_WRITTEN, before, h->count);
	assert_int_equal(contents.events[contents.count - 1].writer, h->count);
	log_contents_free(&contents);
}

static long count_changes(uint64_t seed)
{
	struct sim_disk *disk = sim_disk_new(seed);
	struct history h;
	long changes;

	run_history(&h, seed, sim_disk_start(disk));
	changes = sim_disk_changes(disk);
	sim_disk_free(disk);
	return changes;
}

/* Cuts the power after k changes, and again while the log is recovered. */
static void cut_power(uint64_t seed, long k, uint64_t reboot, long again)
{
	struct sim_disk *disk = sim_disk_new(seed);
	struct history h;

	sim_disk_crash_at(disk, k);
	run_history(&h, seed, sim_disk_start(disk));
	sim_disk_reboot(disk, reboot);
	if (again >= 0) {
		sim_disk_crash_at(disk, again);
		(void)run_process(&h, sim_disk_start(disk), 1);
		sim_disk_reboot(disk, reboot * 31 + 7);
	}
	check_log(&h, sim_disk_start(disk), DP_ACK_DURABLE);
	sim_disk_free(disk);
}

static void a_loss_of_power_takes_nothing_acknowledged(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 3; seed++) {
		long changes = count_changes(seed);

		for (long k = 0; k <= changes; k++) {
			for (uint64_t reboot = 0; reboot < 4; reboot++) {
				cut_power(seed, k, reboot, -1);
			}
		}
	}
}

static void a_loss_of_power_during_recovery_takes_nothing(void **state)
{
	(void)state;
	for (uint64_t seed = 4; seed <= 6; seed++) {
		long changes = count_changes(seed);

		for (long k = 0; k <= changes; k++) {
			cut_power(seed, k, (uint64_t)k, k % 17);
			cut_power(seed, k, 1, k % 13);
		}
	}
}

static void kill_process(uint64_t seed, long k)
{
	struct sim_disk *disk = sim_disk_new(seed);
	const dpi_os *os = sim_disk_start(disk);
	struct history h;

	sim_disk_kill_at(os, k);
	run_history(&h, seed, os);
	check_log(&h, sim_disk_start(disk), DP_ACK_WRITTEN);
	sim_disk_free(disk);
}

static void a_killed_process_takes_nothing_written(void **state)
{
	(void)state;
	for (uint64_t seed = 7; seed <= 12; seed++) {
		long changes = count_changes(seed);

		for (long k = 0; k <= changes; k++) {
			kill_process(seed, k);
		}
	}
}

/* As a reader does, which then hands the events over. */
static void settle(const dpi_os *os)
{
	struct log_rig rig;
	dpi_log_hub *hub;

	log_rig_init(&rig);
	assert_int_equal(log_rig_open(&rig, os, DIRECTORY), DP_OK);
	hub = (dpi_log_hub *)rig.hub;
	assert_int_equal(dpi_log_refresh(hub, NULL), DP_OK);
	if (hub->partitions != NULL) {
		assert_int_equal(
			dpi_log_settle(hub, hub->partitions, NULL), DP_OK);
	}
	log_rig_close(&rig);
}

/* Kills the process, recovers, cuts the power: what was seen in between may
 * have been read and answered. */
static void recover_and_cut_power(uint64_t seed, long k)
{
	struct sim_disk *disk = sim_disk_new(seed);
	const dpi_os *os = sim_disk_start(disk);
	struct log_contents seen;
	struct log_contents left;
	struct history h;

	sim_disk_kill_at(os, k);
	run_history(&h, seed, os);
	os = sim_disk_start(disk);
	settle(os);
	log_contents_read(&seen, os, DIRECTORY, TOPIC, 0);
	sim_disk_reboot(disk, 0);
	os = sim_disk_start(disk);
	log_contents_read(&left, os, DIRECTORY, TOPIC, 0);
	for (size_t i = 0; i < seen.count; i++) {
		assert_true(log_contents_has(
			&left, seen.events[i].writer, seen.events[i].seq));
	}
	log_contents_free(&left);
	log_contents_free(&seen);
	sim_disk_free(disk);
}

static void what_was_recovered_is_durable(void **state)
{
	(void)state;
	for (uint64_t seed = 13; seed <= 18; seed++) {
		long changes = count_changes(seed);

		for (long k = 0; k <= changes; k++) {
			recover_and_cut_power(seed, k);
		}
	}
}

/* Publishers whose events retention has surely left alone. */
static size_t count_old(const struct history *h)
{
	return h->count > 0 ? h->count - 1 : 0;
}

/* All that is left of an older log is a part of it, and the newest is whole. */
static void check_rest(struct history *h, const dpi_os *os)
{
	size_t before = h->count;
	size_t old = count_old(h);
	struct log_contents contents;

	assert_true(run_process(h, os, 1));
	log_contents_read(&contents, os, DIRECTORY, TOPIC, 0);
	check_events(h, &contents);
	check_acked(h, &contents, DP_ACK_DURABLE, old, before);
	check_acked(h, &contents, DP_ACK_WRITTEN, before, h->count);
	log_contents_free(&contents);
}

/* Segments are removed and made into others by a thread that runs beside. */
static void cut_power_of_reuse(uint64_t seed, long k, uint64_t reboot)
{
	struct sim_disk *disk = sim_disk_new(seed);
	struct history h = {.random = seed, .retention_bytes = 200u << 10};

	sim_disk_crash_at(disk, k);
	(void)run_process(&h, sim_disk_start(disk), 40);
	sim_disk_reboot(disk, reboot);
	check_rest(&h, sim_disk_start(disk));
	sim_disk_free(disk);
}

static void a_loss_of_power_while_segments_are_used_again(void **state)
{
	(void)state;
	for (uint64_t seed = 20; seed < 24; seed++) {
		for (long k = 60; k < 300; k += 3) {
			cut_power_of_reuse(seed, k, (uint64_t)k % 7);
		}
	}
}

/* The file grows with its records: its size is what a sync has to save, too. */
static long cut_power_of_bulk(uint64_t seed, long k, uint64_t reboot)
{
	struct sim_disk *disk = sim_disk_new(seed);
	struct history h = {.random = seed, .is_bulk = true};
	long changes;

	sim_disk_crash_at(disk, k);
	(void)run_process(&h, sim_disk_start(disk), 8);
	changes = sim_disk_changes(disk);
	sim_disk_reboot(disk, reboot);
	check_log(&h, sim_disk_start(disk), DP_ACK_DURABLE);
	sim_disk_free(disk);
	return changes;
}

static void a_loss_of_power_while_records_extend_the_file(void **state)
{
	(void)state;
	for (uint64_t seed = 30; seed < 32; seed++) {
		long changes = cut_power_of_bulk(seed, -1, 0);

		for (long k = 0; k <= changes; k++) {
			(void)cut_power_of_bulk(seed, k, (uint64_t)k % 7);
		}
	}
}

/* Kills the process; another one goes on, and the power is cut once it is
 * done: what the first had made and not synced is what the second builds on. */
static void kill_go_on_and_cut_power(uint64_t seed, long k)
{
	struct sim_disk *disk = sim_disk_new(seed);
	const dpi_os *os = sim_disk_start(disk);
	struct history h;

	sim_disk_kill_at(os, k);
	run_history(&h, seed, os);
	(void)run_process(&h, sim_disk_start(disk), 3);
	sim_disk_reboot(disk, 0);
	check_log(&h, sim_disk_start(disk), DP_ACK_DURABLE);
	sim_disk_free(disk);
}

static void what_a_killed_process_made_holds_what_the_next_one_writes(
	void **state)
{
	(void)state;
	for (uint64_t seed = 19; seed <= 21; seed++) {
		long changes = count_changes(seed);

		for (long k = 0; k <= changes; k++) {
			kill_go_on_and_cut_power(seed, k);
		}
	}
}

/* A reader that comes while the next owner recovers, after a loss of power. */
struct early_reader {
	struct sim_disk *disk;
	struct log_rig rig;
	pthread_t thread;
	bool has_begun;
	size_t count;
};

static void *read_early(void *arg)
{
	struct early_reader *r = arg;
	dp_subscription_options opts = DP_SUBSCRIPTION_OPTIONS_INIT;
	dp_subscription *sub = NULL;
	dp_batch *batch = NULL;

	opts.topics = TOPIC;
	if (dp_subscription_open(&sub, r->rig.hub, "s", &opts, NULL) == DP_OK &&
		dp_subscription_pull(sub, &batch, 1000, 10 * DP_SECOND, NULL) ==
			DP_OK) {
		r->count = dp_batch_count(batch);
		(void)dp_subscription_ack_batch(sub, batch, NULL);
	}
	dp_batch_unref(batch);
	dp_subscription_close(sub);
	return NULL;
}

/* In the middle of the recovery: it goes on once the reader waits. */
static void begin_to_read(void *user, faulty_call call, long number)
{
	struct early_reader *r = user;

	(void)number;
	if (call == FAULTY_FDATASYNC && !r->has_begun) {
		r->has_begun = true;
		assert_int_equal(
			pthread_create(&r->thread, NULL, read_early, r), 0);
		virtual_clock_await_sleepers(sim_disk_clock(r->disk), 2);
	}
}

static void read_all(const dpi_os *os)
{
	struct early_reader r = {.count = 0};

	log_rig_init(&r.rig);
	assert_int_equal(log_rig_open(&r.rig, os, DIRECTORY), DP_OK);
	test_feed_append(log_rig_writer(&r.rig, TOPIC), "old", 100);
	(void)read_early(&r);
	assert_int_equal(r.count, 100);
	log_rig_close(&r.rig);
}

static void a_reader_waits_for_who_recovers(void **state)
{
	struct early_reader r = {.disk = sim_disk_new(23)};
	struct faulty_os faulty;
	struct log_rig rig;
	dpi_writer *writer;

	(void)state;
	read_all(sim_disk_start(r.disk));
	sim_disk_reboot(r.disk, 0);
	log_rig_init(&r.rig);
	assert_int_equal(
		log_rig_open(&r.rig, sim_disk_start(r.disk), DIRECTORY), DP_OK);
	faulty_os_init(&faulty, sim_disk_start(r.disk));
	log_rig_init(&rig);
	assert_int_equal(log_rig_open(&rig, &faulty.os, DIRECTORY), DP_OK);
	faulty.hook = begin_to_read;
	faulty.hook_user = &r;
	writer = log_rig_writer(&rig, TOPIC);
	assert_non_null(writer);
	test_feed_append(writer, "new", 1);
	virtual_clock_advance(sim_disk_clock(r.disk), DP_SECOND);
	pthread_join(r.thread, NULL);
	assert_int_equal(r.count, 1);
	assert_int_equal(log_rig_stats(&r.rig).cursor_rewinds, 0);
	log_rig_close(&rig);
	log_rig_close(&r.rig);
	sim_disk_free(r.disk);
}

static dp_status open_subscription(const dpi_os *os, const char *topics)
{
	dp_subscription_options opts = DP_SUBSCRIPTION_OPTIONS_INIT;
	dp_subscription *sub = NULL;
	struct log_rig rig;
	dp_status st;

	opts.topics = topics;
	log_rig_init(&rig);
	st = log_rig_open(&rig, os, DIRECTORY);
	if (st == DP_OK) {
		st = dp_subscription_open(&sub, rig.hub, "s", &opts, NULL);
	}
	dp_subscription_close(sub);
	log_rig_close(&rig);
	return st;
}

static void a_subscription_stays_whoever_died_while_making_it(void **state)
{
	dp_status made = DP_EIO;

	(void)state;
	for (long k = 0; made != DP_OK; k++) {
		struct sim_disk *disk = sim_disk_new(22);
		const dpi_os *os = sim_disk_start(disk);

		sim_disk_kill_at(os, k);
		made = open_subscription(os, TOPIC);
		assert_int_equal(
			open_subscription(sim_disk_start(disk), TOPIC), DP_OK);
		sim_disk_reboot(disk, 0);
		assert_int_equal(
			open_subscription(sim_disk_start(disk), "other"),
			DP_EEXIST);
		sim_disk_free(disk);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_loss_of_power_takes_nothing_acknowledged),
		cmocka_unit_test(a_loss_of_power_during_recovery_takes_nothing),
		cmocka_unit_test(a_killed_process_takes_nothing_written),
		cmocka_unit_test(what_was_recovered_is_durable),
		cmocka_unit_test(a_loss_of_power_while_segments_are_used_again),
		cmocka_unit_test(a_loss_of_power_while_records_extend_the_file),
		cmocka_unit_test(
			what_a_killed_process_made_holds_what_the_next_one_writes),
		cmocka_unit_test(
			a_subscription_stays_whoever_died_while_making_it),
		cmocka_unit_test(a_reader_waits_for_who_recovers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
