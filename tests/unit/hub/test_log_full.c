/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "faulty_os.h"
#include "hub/log/ahead.h"
#include "hub/log/log_hub.h"
#include "hub/log/writer.h"
#include "log_contents.h"
#include "log_rig.h"
#include "sim_os.h"
#include "test_feed.h"

/*
 * A disk that gets full in the middle of a write: what was said to be refused
 * is not in the log, and what others wait for is not touched.
 */

#define DIRECTORY "/log"
#define TOPIC "shop"

/* More than zeros are written for: these records extend the file. */
#define BULK 5000

struct place {
	struct sim_disk *disk;
	struct faulty_os faulty;
	struct log_rig rig;
	dpi_writer *writer;
	struct test_feed stays;
	struct test_feed goes;
};

static void open_log(struct place *p)
{
	assert_int_equal(
		log_rig_open(&p->rig, &p->faulty.os, DIRECTORY), DP_OK);
	p->writer = log_rig_writer(&p->rig, TOPIC);
	assert_non_null(p->writer);
}

static void init(struct place *p, dp_full_policy policy, uint64_t segment_bytes)
{
	p->disk = sim_disk_new(1);
	faulty_os_init(&p->faulty, sim_disk_start(p->disk));
	log_rig_init(&p->rig);
	p->rig.opts.full_policy = policy;
	p->rig.opts.segment_bytes = segment_bytes;
	open_log(p);
	test_feed_init(&p->stays, DP_ACK_DURABLE);
	test_feed_init(&p->goes, DP_ACK_DURABLE);
	p->writer->ops->attach(p->writer, &p->stays.feed);
	p->writer->ops->attach(p->writer, &p->goes.feed);
}

static void fini(struct place *p)
{
	p->writer->ops->detach(p->writer, &p->stays.feed);
	test_feed_fini(&p->stays);
	test_feed_fini(&p->goes);
	log_rig_close(&p->rig);
	sim_disk_free(p->disk);
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

/* Both feeds have a round that waits for room, some of it in the file. */
static void block(struct place *p, int64_t room)
{
	faulty_os_set_room(&p->faulty, room);
	test_feed_add_many(&p->stays, "stays ", BULK);
	test_feed_add_many(&p->goes, "goes ", BULK);
	p->writer->ops->arm(p->writer, 0);
	virtual_clock_await_sleepers(sim_disk_clock(p->disk), 1);
	assert_int_equal(p->stays.ok + p->stays.failed, 0);
	assert_int_equal(p->goes.ok + p->goes.failed, 0);
}

static void make_room(struct place *p)
{
	faulty_os_set_room(&p->faulty, -1);
	virtual_clock_advance(sim_disk_clock(p->disk), 100 * DP_MILLISECOND);
}

/* Whatever was written of both when the disk got full. */
static void one_that_does_not_wait_takes_nothing_from_others(void **state)
{
	struct place p;

	(void)state;
	for (int64_t room = 0; room < 280000; room += 20000) {
		init(&p, DP_FULL_BLOCK, 1u << 20);
		block(&p, room);
		p.writer->ops->detach(p.writer, &p.goes.feed);
		assert_int_equal(p.goes.failed, BULK);
		assert_int_equal(p.goes.worst, DP_ENOSPC);
		assert_int_equal(p.stays.ok + p.stays.failed, 0);
		assert_int_equal(count_events(&p), 0);
		make_room(&p);
		test_feed_wait(&p.stays);
		assert_int_equal(p.stays.ok, BULK);
		assert_int_equal(count_events(&p), BULK);
		fini(&p);
	}
}

static void one_that_waits_goes_on_in_the_middle_of_its_events(void **state)
{
	struct place p;

	(void)state;
	/* One chunk fills several segments, of which some found room. */
	init(&p, DP_FULL_BLOCK, 64u << 10);
	block(&p, 100 << 10);
	p.writer->ops->detach(p.writer, &p.goes.feed);
	assert_int_equal(p.goes.worst, DP_ENOSPC);
	assert_true(count_events(&p) > 0);
	assert_true(count_events(&p) < BULK);
	make_room(&p);
	test_feed_wait(&p.stays);
	assert_int_equal(p.stays.ok, BULK);
	assert_int_equal(count_events(&p), BULK);
	fini(&p);
}

static void what_was_refused_is_not_found_later(void **state)
{
	struct place p;

	(void)state;
	for (int64_t room = 0; room < 280000; room += 20000) {
		init(&p, DP_FULL_REJECT, 1u << 20);
		faulty_os_set_room(&p.faulty, room);
		test_feed_add_many(&p.stays, "stays ", BULK);
		test_feed_add_many(&p.goes, "goes ", BULK);
		p.writer->ops->commit(p.writer);
		assert_int_equal(p.stays.ok + p.stays.failed, BULK);
		assert_int_equal(p.goes.failed, BULK);
		assert_int_equal(p.goes.worst, DP_ENOSPC);
		assert_int_equal(count_events(&p), p.stays.ok);
		make_room(&p);
		test_feed_add_many(&p.stays, "more ", 10);
		p.writer->ops->commit(p.writer);
		assert_int_equal(count_events(&p), p.stays.ok);
		p.writer->ops->detach(p.writer, &p.goes.feed);
		fini(&p);
	}
}

/* It may be found later: nobody is told that it was refused. */
static void what_cannot_be_cut_off_is_not_said_to_be_refused(void **state)
{
	static const faulty_call CALLS[] = {FAULTY_TRUNCATE, FAULTY_FDATASYNC};
	struct place p;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		init(&p, DP_FULL_REJECT, 1u << 20);
		faulty_os_set_room(&p.faulty, 100000);
		test_feed_add_many(&p.stays, "stays ", 2 * BULK);
		faulty_os_fail(&p.faulty, CALLS[i], 0, EIO, false);
		p.writer->ops->commit(p.writer);
		assert_int_equal(p.stays.failed, 2 * BULK);
		assert_int_equal(p.stays.worst, DP_EIO);
		p.writer->ops->detach(p.writer, &p.goes.feed);
		fini(&p);

		init(&p, DP_FULL_BLOCK, 1u << 20);
		block(&p, 100000);
		faulty_os_fail(&p.faulty, CALLS[i], 0, EIO, false);
		p.writer->ops->detach(p.writer, &p.goes.feed);
		assert_int_equal(p.goes.worst, DP_EIO);
		make_room(&p);
		test_feed_wait(&p.stays);
		assert_int_equal(p.stays.worst, DP_EIO);
		fini(&p);
	}
}

/* Who waits for these is not left to wait for the others. */
static void what_found_room_is_told_as_the_last_for_now(void **state)
{
	struct place p;

	(void)state;
	init(&p, DP_FULL_BLOCK, 1u << 20);
	faulty_os_set_room(&p.faulty, 100000);
	test_feed_add_many(&p.stays, "first ", 10);
	test_feed_add_many(&p.stays, "second ", 2 * BULK);
	p.writer->ops->arm(p.writer, 0);
	virtual_clock_await_sleepers(sim_disk_clock(p.disk), 1);
	assert_int_equal(p.stays.ok, 10);
	assert_null(p.stays.announced);
	make_room(&p);
	test_feed_wait(&p.stays);
	p.writer->ops->detach(p.writer, &p.goes.feed);
	fini(&p);
}

static void who_extends_the_file_finds_the_next_one_ready(void **state)
{
	dpi_log_tail *tail;
	struct place p;

	(void)state;
	init(&p, DP_FULL_REJECT, 1u << 20);
	tail = dpi_log_writer_tail((dpi_log_writer *)p.writer);
	test_feed_add_many(&p.stays, "stays ", 2 * BULK);
	p.writer->ops->commit(p.writer);
	assert_int_equal(p.stays.ok, 2 * BULK);
	assert_true(tail->spare_goal > 0);
	dpi_tail_prepare(tail);
	assert_true(tail->spare_fd >= 0);
	assert_true(tail->spare_zeroed < tail->limit);
	p.writer->ops->detach(p.writer, &p.goes.feed);
	fini(&p);
}

static dp_subscription *subscribe(struct place *p, const char *name)
{
	dp_subscription_options opts = DP_SUBSCRIPTION_OPTIONS_INIT;
	dp_subscription *sub = NULL;

	opts.topics = "*";
	assert_int_equal(
		dp_subscription_open(&sub, p->rig.hub, name, &opts, NULL),
		DP_OK);
	return sub;
}

static size_t read_all(dp_subscription *sub)
{
	dp_batch *batch = NULL;
	size_t count = 0;
	dp_status st;

	while ((st = dp_subscription_pull(sub, &batch, 1000, 0, NULL)) ==
		DP_OK) {
		count += dp_batch_count(batch);
		assert_int_equal(
			dp_subscription_ack_batch(sub, batch, NULL), DP_OK);
		dp_batch_unref(batch);
	}
	assert_int_equal(st, DP_ETIMEDOUT);
	return count;
}

/* Without the thread that prepares segments, one sleeper is the committer. */
static void commit_alone(struct place *p)
{
	((dpi_log_hub *)p->rig.hub)->prepare.must_stop = true;
}

static void retry(struct place *p)
{
	virtual_clock_advance(sim_disk_clock(p->disk), 100 * DP_MILLISECOND);
	virtual_clock_await_sleepers(sim_disk_clock(p->disk), 1);
}

static uint64_t written_of(struct place *p)
{
	const dpi_log_writer *w = (const dpi_log_writer *)p->writer;

	return atomic_load(&w->partition->state->written);
}

/* Who could not save how far it is would never let the oldest go. */
static void a_full_disk_is_read_by_one_who_has_no_place_there(void **state)
{
	dp_subscription *sub;
	struct place p;

	(void)state;
	init(&p, DP_FULL_BLOCK, 64u << 10);
	commit_alone(&p);
	sub = subscribe(&p, "late");
	block(&p, 200 << 10);
	faulty_os_set_room(&p.faulty, 0);
	p.writer->ops->detach(p.writer, &p.goes.feed);
	while (p.stays.ok == 0) {
		assert_true(read_all(sub) > 0);
		retry(&p);
	}
	assert_int_equal(p.stays.ok, BULK);
	dp_subscription_close(sub);
	fini(&p);
}

/* Nobody reads any more who would have it let go. */
static void what_a_deleted_subscription_needed_makes_room(void **state)
{
	dp_subscription *sub;
	uint64_t written;
	struct place p;

	(void)state;
	init(&p, DP_FULL_BLOCK, 64u << 10);
	commit_alone(&p);
	dp_subscription_close(subscribe(&p, "slow"));
	sub = subscribe(&p, "quick");
	block(&p, 200 << 10);
	p.writer->ops->detach(p.writer, &p.goes.feed);
	assert_true(read_all(sub) > 0);
	dp_subscription_close(sub);
	written = written_of(&p);
	retry(&p);
	assert_int_equal(written_of(&p), written);
	assert_int_equal(
		dp_subscription_delete(p.rig.hub, "slow", NULL), DP_OK);
	retry(&p);
	assert_true(written_of(&p) > written);
	make_room(&p);
	test_feed_wait(&p.stays);
	assert_int_equal(p.stays.ok, BULK);
	fini(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			one_that_does_not_wait_takes_nothing_from_others),
		cmocka_unit_test(
			one_that_waits_goes_on_in_the_middle_of_its_events),
		cmocka_unit_test(what_was_refused_is_not_found_later),
		cmocka_unit_test(what_found_room_is_told_as_the_last_for_now),
		cmocka_unit_test(
			what_cannot_be_cut_off_is_not_said_to_be_refused),
		cmocka_unit_test(who_extends_the_file_finds_the_next_one_ready),
		cmocka_unit_test(
			a_full_disk_is_read_by_one_who_has_no_place_there),
		cmocka_unit_test(what_a_deleted_subscription_needed_makes_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
