/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/thread.h"
#include "faulty_os.h"
#include "hub/log/ahead.h"
#include "hub/log/log_hub.h"
#include "hub/log/writer.h"
#include "log_rig.h"
#include "sim_os.h"
#include "test_feed.h"

/*
 * A process that is stopped, whose files are taken over by hand meanwhile (the
 * file of locks is deleted), and that wakes: it must find out before it does
 * any harm, wherever it slept.
 */

#define DIRECTORY "/log"
#define TOPIC "shop"
#define EVENTS 300 /* of a commit; twelve fill a segment */
/* So large that the next one is made ready ahead. */
#define SEGMENT_BYTES (300u << 10)
#define COMMITS 20

struct fence {
	struct sim_disk *disk;
	struct faulty_os faulty; /* of the process that sleeps */
	struct log_rig old_rig;
	struct log_rig new_rig;
	const dpi_os *new_os;
	long calls_left;      /* until the old one sleeps; atomic */
	bool settles;         /* a reader looks, before a new owner comes */
	dp_ack level;         /* that the old one is told at */
	pthread_mutex_t lock; /* the old one runs, or is done for good */
	bool is_over;
	_Atomic bool is_asleep;
	_Atomic bool is_replaced;
	dp_status new_status;
	int old_begun; /* commits of the old one before it slept */
	bool old_acked[COMMITS];
	int new_acked;
};

static dp_status commit(
	struct log_rig *rig, dp_ack level, const char *who, int number)
{
	dpi_writer *writer = log_rig_writer(rig, TOPIC);
	struct test_feed feed;
	char prefix[64];
	dp_status st;

	if (writer == NULL) {
		return dp_error_code(rig->err);
	}
	(void)snprintf(prefix, sizeof(prefix),
		"%s of the two processes, commit %d, event ", who, number);
	test_feed_init(&feed, level);
	writer->ops->attach(writer, &feed.feed);
	test_feed_add_many(&feed, prefix, EVENTS);
	writer->ops->commit(writer);
	st = feed.failed > 0 ? feed.worst : DP_OK;
	writer->ops->detach(writer, &feed.feed);
	test_feed_fini(&feed);
	return st;
}

static void commit_new(struct fence *f, int count)
{
	for (int i = 0; i < count && f->new_status == DP_OK; i++) {
		f->new_status = commit(
			&f->new_rig, DP_ACK_DURABLE, "new", f->new_acked);
		f->new_acked += f->new_status == DP_OK;
	}
}

/* No test assertion here: it is in the midst of a call of the other one. */
static void replace(struct fence *f)
{
	const dpi_os *os = f->new_os;
	uint64_t next;

	f->is_asleep = true;
	(void)os->unlink(os->self, DIRECTORY "/locks");
	f->new_status = log_rig_open(&f->new_rig, os, DIRECTORY);
	if (f->new_status == DP_OK && f->settles) {
		f->new_status = f->new_rig.hub->ops->source_next(
			f->new_rig.hub, TOPIC, 1, &next, NULL);
	}
	commit_new(f, COMMITS / 2);
	if (f->new_status == DP_OK) {
		/* It has a spare when the other one wakes. */
		dpi_tail_prepare(dpi_log_writer_tail(
			((dpi_log_hub *)f->new_rig.hub)->partitions->writer));
	}
	f->is_replaced = true;
}

static void count_down(void *user, faulty_call call, long number)
{
	struct fence *f = user;

	(void)number;
	if (call < FAULTY_CAN_FAIL &&
		__atomic_sub_fetch(&f->calls_left, 1, __ATOMIC_SEQ_CST) == 0) {
		replace(f);
	}
}

static void run_old(struct fence *f)
{
	for (int i = 0; i < COMMITS; i++) {
		bool is_late = f->is_replaced;
		dp_status st;

		f->old_begun += !is_late;
		st = commit(&f->old_rig, f->level, "old", i);
		f->old_acked[i] = st == DP_OK;
		assert_true(st == DP_OK || f->is_asleep);
		assert_true(st == DP_OK || st == DP_ELOCKED || st == DP_EIO);
		assert_true(st != DP_OK || !is_late);
	}
}

/* Notes an event, which comes once and in its place. */
static void note(const dp_message *msg, int counts[2][COMMITS])
{
	dp_bytes payload = dp_message_payload(msg);
	char text[80] = "";
	int event = -1;
	int number = -1;
	int *count;

	assert_true(payload.size < sizeof(text));
	memcpy(text, payload.data, payload.size);
	assert_int_equal(
		sscanf(text + 3, " of the two processes, commit %d, event %d",
			&number, &event),
		2);
	assert_in_range(number, 0, COMMITS - 1);
	count = &counts[memcmp(text, "new", 3) == 0][number];
	assert_int_equal(event, (*count)++);
}

static void read_all(struct fence *f, int counts[2][COMMITS])
{
	dp_subscription_options opts = DP_SUBSCRIPTION_OPTIONS_INIT;
	dp_subscription *sub = NULL;
	dp_batch *batch = NULL;

	opts.topics = TOPIC;
	assert_int_equal(
		dp_subscription_open(&sub, f->new_rig.hub, "s", &opts, NULL),
		DP_OK);
	while (dp_subscription_pull(sub, &batch, 1000, 0, NULL) == DP_OK) {
		for (size_t i = 0; i < dp_batch_count(batch); i++) {
			note(dp_batch_message(batch, i), counts);
		}
		(void)dp_subscription_ack_batch(sub, batch, NULL);
		dp_batch_unref(batch);
	}
	dp_subscription_close(sub);
}

static void judge(struct fence *f)
{
	int counts[2][COMMITS] = {{0}};

	assert_int_equal(f->new_status, DP_OK);
	assert_int_equal(f->new_acked, COMMITS);
	read_all(f, counts);
	assert_int_equal(log_rig_stats(&f->new_rig).corrupt_bytes, 0);
	for (int i = 0; i < COMMITS; i++) {
		assert_int_equal(counts[1][i], EVENTS);
		if (f->old_acked[i]) {
			assert_int_equal(counts[0][i], EVENTS);
		}
		if (i >= f->old_begun) {
			assert_int_equal(counts[0][i], 0);
		}
	}
}

/* hook: of the process that is to be interrupted. */
static void init(struct fence *f, faulty_hook hook)
{
	*f = (struct fence){.disk = sim_disk_new(1), .level = DP_ACK_DURABLE};
	faulty_os_init(&f->faulty, sim_disk_start(f->disk));
	f->faulty.hook = hook;
	f->faulty.hook_user = f;
	log_rig_init(&f->old_rig);
	log_rig_init(&f->new_rig);
	f->old_rig.opts.segment_bytes = SEGMENT_BYTES;
	f->new_rig.opts.segment_bytes = SEGMENT_BYTES;
}

/* Returns false if the old one made fewer calls. */
static bool sleeps_at(long call, bool settles, dp_ack level)
{
	struct fence f;

	init(&f, count_down);
	f.new_os = sim_disk_start(f.disk);
	f.settles = settles;
	f.level = level;
	assert_int_equal(
		log_rig_open(&f.old_rig, &f.faulty.os, DIRECTORY), DP_OK);
	assert_non_null(log_rig_writer(&f.old_rig, TOPIC));
	__atomic_store_n(&f.calls_left, call, __ATOMIC_SEQ_CST);
	run_old(&f);
	log_rig_close(&f.old_rig);
	if (f.is_replaced) {
		commit_new(&f, COMMITS / 2);
		judge(&f);
	}
	log_rig_close(&f.new_rig);
	sim_disk_free(f.disk);
	return f.is_replaced;
}

static void an_owner_that_wakes_after_it_was_replaced_does_no_harm(void **state)
{
	long call = 1;

	(void)state;
	while (sleeps_at(call, false, DP_ACK_DURABLE)) {
		call++;
	}
	printf("figure: %ld calls at which an owner slept while another took "
	       "its partition by hand: each time refused by epoch\n",
		call - 1);
	assert_true(call > 50);
}

static void the_same_if_a_reader_was_the_first_to_look(void **state)
{
	(void)state;
	for (long call = 1; sleeps_at(call, true, DP_ACK_DURABLE); call++) {
	}
}

static void what_was_written_after_it_was_replaced_is_not_acknowledged(
	void **state)
{
	(void)state;
	for (long call = 1; sleeps_at(call, false, DP_ACK_WRITTEN); call++) {
	}
}

/* It begins a segment, too, if nobody keeps it from that. */
static void let_old_run(void *user, faulty_call call, long number)
{
	struct fence *f = user;

	(void)number;
	if (call >= FAULTY_CAN_FAIL ||
		__atomic_sub_fetch(&f->calls_left, 1, __ATOMIC_SEQ_CST) != 0) {
		return;
	}
	dpi_lock(&f->lock);
	for (int i = COMMITS / 2; i < COMMITS && !f->is_over; i++) {
		f->old_acked[i] =
			commit(&f->old_rig, f->level, "old", i) == DP_OK;
	}
	dpi_unlock(&f->lock);
}

/* The new one has a thread that may still call, and so begin the other. */
static void end_old(struct fence *f)
{
	dpi_lock(&f->lock);
	f->is_over = true;
	dpi_unlock(&f->lock);
	log_rig_close(&f->old_rig);
}

static void run_beside(long call)
{
	const dpi_os *os;
	struct fence f;

	init(&f, let_old_run);
	(void)pthread_mutex_init(&f.lock, NULL);
	f.old_begun = COMMITS;
	os = sim_disk_start(f.disk);
	assert_int_equal(log_rig_open(&f.old_rig, os, DIRECTORY), DP_OK);
	for (int i = 0; i < COMMITS / 2; i++) {
		assert_int_equal(commit(&f.old_rig, f.level, "old", i), DP_OK);
		f.old_acked[i] = true;
	}
	(void)os->unlink(os->self, DIRECTORY "/locks");
	f.calls_left = call;
	f.new_status = log_rig_open(&f.new_rig, &f.faulty.os, DIRECTORY);
	commit_new(&f, COMMITS);
	end_old(&f);
	judge(&f);
	log_rig_close(&f.new_rig);
	sim_disk_free(f.disk);
	(void)pthread_mutex_destroy(&f.lock);
}

static void an_owner_that_writes_while_it_is_replaced_does_no_harm(void **state)
{
	(void)state;
	for (long call = 1; call < 80; call++) {
		run_beside(call);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			an_owner_that_wakes_after_it_was_replaced_does_no_harm),
		cmocka_unit_test(the_same_if_a_reader_was_the_first_to_look),
		cmocka_unit_test(
			what_was_written_after_it_was_replaced_is_not_acknowledged),
		cmocka_unit_test(
			an_owner_that_writes_while_it_is_replaced_does_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
