/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "faulty_os.h"
#include "hub/log/log_hub.h"
#include "log_rig.h"
#include "sim_os.h"
#include "test_feed.h"

/*
 * Where a subscription goes on: after it was half made or half deleted, and
 * after a loss of power took what it had read.
 */

#define DIRECTORY "/log"
#define TOPIC "shop"
#define SUB "s"

static void open_rig(struct log_rig *rig, const dpi_os *os)
{
	log_rig_init(rig);
	assert_int_equal(log_rig_open(rig, os, DIRECTORY), DP_OK);
}

static void append(struct log_rig *rig, dp_ack level, size_t count)
{
	dpi_writer *writer = log_rig_writer(rig, TOPIC);
	struct test_feed feed;

	assert_non_null(writer);
	test_feed_init(&feed, level);
	writer->ops->attach(writer, &feed.feed);
	test_feed_add_many(&feed, "p", count);
	writer->ops->commit(writer);
	writer->ops->detach(writer, &feed.feed);
	assert_int_equal(feed.ok, count);
	test_feed_fini(&feed);
}

/* NULL if it cannot be opened. */
static dp_subscription *subscribe(
	struct log_rig *rig, dp_start start, dp_ack read_level)
{
	dp_subscription_options opts = DP_SUBSCRIPTION_OPTIONS_INIT;
	dp_subscription *sub = NULL;

	opts.topics = TOPIC;
	opts.start = start;
	opts.read_level = read_level;
	(void)!dp_subscription_open(&sub, rig->hub, SUB, &opts, NULL);
	return sub;
}

/* Pulls and acks all there is, and returns how many. */
static size_t drain(dp_subscription *sub)
{
	dp_batch *batch = NULL;
	size_t all = 0;

	assert_non_null(sub);
	while (dp_subscription_pull(sub, &batch, 1000, 0, NULL) == DP_OK) {
		all += dp_batch_count(batch);
		assert_int_equal(
			dp_subscription_ack_batch(sub, batch, NULL), DP_OK);
		dp_batch_unref(batch);
	}
	return all;
}

static size_t read_all(struct log_rig *rig, dp_start start, dp_ack read_level)
{
	dp_subscription *sub = subscribe(rig, start, read_level);
	size_t count = drain(sub);

	dp_subscription_close(sub);
	return count;
}

static void publish(const dpi_os *os, size_t count)
{
	struct log_rig rig;

	open_rig(&rig, os);
	append(&rig, DP_ACK_DURABLE, count);
	log_rig_close(&rig);
}

static void assert_begins_anew(const dpi_os *os, size_t count)
{
	struct log_rig rig;
	dp_status st;

	open_rig(&rig, os);
	st = dp_subscription_delete(rig.hub, SUB, NULL);
	assert_true(st == DP_OK || st == DP_ENOTFOUND);
	assert_int_equal(
		read_all(&rig, DP_START_EARLIEST, DP_ACK_DURABLE), count);
	log_rig_close(&rig);
}

/* Returns false if deleting takes less calls. */
static bool dies_deleting(long change)
{
	struct sim_disk *disk = sim_disk_new(1);
	const dpi_os *os = sim_disk_start(disk);
	struct log_rig rig;
	bool is_killed;

	publish(os, 10);
	open_rig(&rig, os);
	assert_int_equal(read_all(&rig, DP_START_EARLIEST, DP_ACK_DURABLE), 10);
	sim_disk_kill_at(os, change);
	(void)dp_subscription_delete(rig.hub, SUB, NULL);
	is_killed = sim_disk_is_dead(os);
	log_rig_close(&rig);
	assert_begins_anew(sim_disk_start(disk), 10);
	sim_disk_free(disk);
	return is_killed;
}

static void a_subscription_that_was_half_deleted_begins_anew(void **state)
{
	long change = 0;

	(void)state;
	while (dies_deleting(change)) {
		change++;
	}
	assert_true(change > 3);
}

/* Returns false if making takes less calls. */
static bool dies_making(long change)
{
	struct sim_disk *disk = sim_disk_new(1);
	const dpi_os *os = sim_disk_start(disk);
	struct log_rig rig;
	bool is_killed;

	publish(os, 10);
	open_rig(&rig, os);
	sim_disk_kill_at(os, change);
	dp_subscription_close(subscribe(&rig, DP_START_LATEST, DP_ACK_DURABLE));
	is_killed = sim_disk_is_dead(os);
	log_rig_close(&rig);
	assert_begins_anew(sim_disk_start(disk), 10);
	sim_disk_free(disk);
	return is_killed;
}

static void a_subscription_that_was_half_made_begins_where_it_is_asked_to(
	void **state)
{
	long change = 0;

	(void)state;
	while (dies_making(change)) {
		change++;
	}
	assert_true(change > 3);
}

/* A machine whose power is cut when a subscription has read, durably, 100
 * events that were not. */
static void lose_what_was_read(struct sim_disk *disk)
{
	struct log_rig rig;
	dp_subscription *sub;

	open_rig(&rig, sim_disk_start(disk));
	append(&rig, DP_ACK_WRITTEN, 100);
	sub = subscribe(&rig, DP_START_EARLIEST, DP_ACK_WRITTEN);
	assert_int_equal(drain(sub), 100);
	dp_subscription_close(sub);
	sim_disk_crash(disk);
	log_rig_close(&rig);
	sim_disk_reboot(disk, 0);
}

/* Epochs that no segment tells of are forgotten with the power. */
static void a_place_at_the_end_is_set_back_like_any_other(void **state)
{
	struct sim_disk *disk = sim_disk_new(1);
	struct log_rig rig;

	(void)state;
	publish(sim_disk_start(disk), 2);
	for (int i = 0; i < 5; i++) {
		open_rig(&rig, sim_disk_start(disk));
		assert_int_equal(
			read_all(&rig, DP_START_LATEST, DP_ACK_DURABLE), 0);
		if (i < 4) {
			assert_int_equal(
				dp_subscription_delete(rig.hub, SUB, NULL),
				DP_OK);
		}
		log_rig_close(&rig);
	}
	sim_disk_crash(disk);
	sim_disk_reboot(disk, 0);
	lose_what_was_read(disk);

	publish(sim_disk_start(disk), 200);
	open_rig(&rig, sim_disk_start(disk));
	assert_int_equal(
		read_all(&rig, DP_START_EARLIEST, DP_ACK_DURABLE), 200);
	log_rig_close(&rig);
	sim_disk_free(disk);
}

/* The subscription is opened while a call fails; then it goes on. */
static bool fails_opening(faulty_call kind, long after)
{
	struct sim_disk *disk = sim_disk_new(1);
	struct faulty_os faulty;
	struct log_rig rig;
	dp_subscription *sub;
	size_t count = 0;
	bool has_failed;

	lose_what_was_read(disk);
	publish(sim_disk_start(disk), 200);
	faulty_os_init(&faulty, sim_disk_start(disk));
	open_rig(&rig, &faulty.os);
	faulty_os_fail(&faulty, kind, after, EMFILE, false);
	sub = subscribe(&rig, DP_START_EARLIEST, DP_ACK_DURABLE);
	for (int i = 0; sub != NULL && i < 2; i++) {
		count += drain(sub);
	}
	dp_subscription_close(sub);
	has_failed = faulty_os_failed(&faulty) > 0;
	faulty_os_heal(&faulty);
	count += read_all(&rig, DP_START_EARLIEST, DP_ACK_DURABLE);
	assert_int_equal(count, 200);
	log_rig_close(&rig);
	sim_disk_free(disk);
	return has_failed;
}

static void a_place_is_not_kept_because_a_segment_cannot_be_opened(void **state)
{
	(void)state;
	for (long after = 0; fails_opening(FAULTY_OPEN, after); after++) {
	}
	for (long after = 0; fails_opening(FAULTY_PREAD, after); after++) {
	}
}

static void a_place_behind_what_is_durable_is_no_loss(void **state)
{
	struct sim_disk *disk = sim_disk_new(1);
	struct log_rig rig;

	(void)state;
	open_rig(&rig, sim_disk_start(disk));
	append(&rig, DP_ACK_WRITTEN, 10);
	assert_int_equal(read_all(&rig, DP_START_EARLIEST, DP_ACK_WRITTEN), 10);
	assert_int_equal(read_all(&rig, DP_START_EARLIEST, DP_ACK_DURABLE), 0);
	append(&rig, DP_ACK_DURABLE, 5);
	assert_int_equal(read_all(&rig, DP_START_EARLIEST, DP_ACK_DURABLE), 5);
	assert_int_equal(log_rig_stats(&rig).cursor_rewinds, 0);
	log_rig_close(&rig);
	sim_disk_free(disk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_subscription_that_was_half_deleted_begins_anew),
		cmocka_unit_test(
			a_subscription_that_was_half_made_begins_where_it_is_asked_to),
		cmocka_unit_test(a_place_at_the_end_is_set_back_like_any_other),
		cmocka_unit_test(
			a_place_is_not_kept_because_a_segment_cannot_be_opened),
		cmocka_unit_test(a_place_behind_what_is_durable_is_no_loss),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
