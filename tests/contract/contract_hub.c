/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/thread.h"
#include "hub/hub.h"
#include "test_dir.h"
#include "test_feed.h"
#include "test_heap.h"
#include "virtual_clock.h"

/*
 * The rules of hub/hub.h and datapipe/hub.h, which every hub with partitions
 * keeps. The first argument is the kind: "memory" or "log".
 */

static const char *kind;

struct fixture {
	struct test_heap heap;
	struct virtual_clock clock;
	dp_runtime *rt;
	dp_hub *hub;
	void *dir;
	char address[4096];
};

static dp_hub *open_hub(struct fixture *f)
{
	dp_error *err = NULL;
	dp_hub *hub = NULL;
	dp_status st = dp_hub_open(&hub, f->rt, f->address, NULL, &err);

	if (st != DP_OK) {
		fail_msg("%s", dp_error_message(err));
	}
	return hub;
}

static void start(struct fixture *f)
{
	dp_runtime_options opts = DP_RUNTIME_OPTIONS_INIT;

	opts.allocator = &f->heap.alloc;
	assert_int_equal(
		dpi_runtime_new(&f->rt, &opts, &f->clock.os, NULL), DP_OK);
	f->hub = open_hub(f);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	test_heap_init(&f->heap);
	virtual_clock_init(&f->clock, dpi_os_real());
	assert_int_equal(test_dir_setup(&f->dir), 0);
	if (strcmp(kind, "log") == 0) {
		snprintf(f->address, sizeof(f->address), "log:%s/log",
			(const char *)f->dir);
	} else {
		snprintf(f->address, sizeof(f->address), "memory:test");
	}
	start(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	dp_hub_close(f->hub);
	dp_runtime_free(f->rt);
	assert_int_equal(f->heap.live_blocks, 0);
	assert_int_equal(f->heap.live_bytes, 0);
	virtual_clock_fini(&f->clock);
	test_dir_teardown(&f->dir);
	free(f);
	return 0;
}

static dpi_writer *writer_of(dp_hub *hub, const char *topic)
{
	dpi_writer *writer = NULL;

	assert_int_equal(hub->ops->writer(hub, topic, &writer, NULL), DP_OK);
	return writer;
}

static void append(
	dp_hub *hub, const char *topic, const char *prefix, size_t count)
{
	dpi_writer *writer = writer_of(hub, topic);

	test_feed_append(writer, prefix, count);
	writer->ops->release(writer);
}

static dp_subscription *subscribe_with(
	dp_hub *hub, const char *name, dp_subscription_options opts)
{
	dp_subscription *sub = NULL;
	dp_error *err = NULL;

	if (dp_subscription_open(&sub, hub, name, &opts, &err) != DP_OK) {
		fail_msg("%s", dp_error_message(err));
	}
	return sub;
}

static dp_subscription *subscribe(
	dp_hub *hub, const char *name, const char *topics)
{
	dp_subscription_options opts = DP_SUBSCRIPTION_OPTIONS_INIT;

	opts.topics = topics;
	return subscribe_with(hub, name, opts);
}

static dp_batch *pull(dp_subscription *sub, size_t max)
{
	dp_error *err = NULL;
	dp_batch *batch = NULL;

	if (dp_subscription_pull(sub, &batch, max, 0, &err) != DP_OK) {
		fail_msg("%s", dp_error_message(err));
	}
	return batch;
}

static void assert_no_more(dp_subscription *sub)
{
	dp_batch *batch = NULL;

	assert_int_equal(
		dp_subscription_pull(sub, &batch, 100, 0, NULL), DP_ETIMEDOUT);
	assert_null(batch);
}

/* The message is `prefix` and a number, as test_feed_append() makes them. */
static void assert_event(
	const dp_message *msg, const char *prefix, size_t number)
{
	dp_bytes payload = dp_message_payload(msg);
	char wanted[64];
	int size = snprintf(wanted, sizeof(wanted), "%s%zu", prefix, number);

	assert_int_equal(payload.size, size);
	assert_memory_equal(payload.data, wanted, payload.size);
}

static void assert_batch(const dp_batch *batch, const char *prefix,
	size_t first, size_t count, uint32_t attempt)
{
	assert_int_equal(dp_batch_count(batch), count);
	for (size_t i = 0; i < count; i++) {
		const dp_message *msg = dp_batch_message(batch, i);

		assert_event(msg, prefix, first + i);
		assert_int_equal(dp_message_attempt(msg), attempt);
	}
}

static void expect(dp_subscription *sub, const char *prefix, size_t first,
	size_t count, uint32_t attempt)
{
	dp_batch *batch = pull(sub, count);

	assert_batch(batch, prefix, first, count, attempt);
	dp_batch_unref(batch);
}

static void expect_and_ack(dp_subscription *sub, const char *prefix,
	size_t first, size_t count, uint32_t attempt)
{
	dp_batch *batch = pull(sub, count);

	assert_batch(batch, prefix, first, count, attempt);
	assert_int_equal(dp_subscription_ack_batch(sub, batch, NULL), DP_OK);
	dp_batch_unref(batch);
}

static void events_come_in_order_with_all_their_parts(void **state)
{
	struct fixture *f = *state;
	dp_time_ns now = f->clock.wall;
	dp_subscription *sub = subscribe(f->hub, "s", "t");
	dp_offset before = 0;
	dp_batch *batch;

	append(f->hub, "t", "a", 10);
	batch = pull(sub, 100);
	assert_batch(batch, "a", 0, 10, 1);
	for (size_t i = 0; i < 10; i++) {
		const dp_message *msg = dp_batch_message(batch, i);

		assert_string_equal(dp_message_topic(msg), "t");
		assert_int_equal(dp_message_partition(msg), 0);
		assert_int_equal(dp_message_seq(msg), i);
		assert_true(i == 0 || dp_message_offset(msg) > before);
		before = dp_message_offset(msg);
		assert_true(dp_message_append_time(msg) <= now);
		assert_true(dp_message_append_time(msg) > now - DP_MILLISECOND);
		assert_memory_equal(
			dp_message_attribute(msg, DP_ATTR_TYPE).data,
			"test.Event", 10);
	}
	dp_batch_unref(batch);
	dp_subscription_close(sub);
}

static void a_batch_outlives_its_subscription_and_its_hub(void **state)
{
	struct fixture *f = *state;
	dp_subscription *sub = subscribe(f->hub, "s", "t");
	dp_batch *batch;

	append(f->hub, "t", "a", 3);
	batch = dp_batch_ref(pull(sub, 3));
	dp_batch_unref(batch);
	dp_subscription_close(sub);
	dp_hub_close(f->hub);
	assert_batch(batch, "a", 0, 3, 1);
	dp_batch_unref(batch);
	f->hub = open_hub(f);
}

static void what_is_acked_does_not_come_again(void **state)
{
	struct fixture *f = *state;
	dp_subscription *sub = subscribe(f->hub, "s", "t");

	append(f->hub, "t", "a", 5);
	expect_and_ack(sub, "a", 0, 3, 1);
	dp_subscription_close(sub);
	dp_hub_close(f->hub);

	f->hub = open_hub(f);
	sub = subscribe(f->hub, "s", "t");
	expect_and_ack(sub, "a", 3, 2, 1);
	assert_no_more(sub);
	dp_subscription_close(sub);
}

static void what_is_not_acked_comes_again_to_the_next_opening(void **state)
{
	struct fixture *f = *state;
	dp_subscription *sub = subscribe(f->hub, "s", "t");

	append(f->hub, "t", "a", 4);
	expect(sub, "a", 0, 4, 1);
	dp_subscription_close(sub);
	sub = subscribe(f->hub, "s", "t");
	expect_and_ack(sub, "a", 0, 4, 2);
	dp_subscription_close(sub);
}

static void the_place_moves_over_the_longest_finished_run(void **state)
{
	struct fixture *f = *state;
	dp_subscription *sub = subscribe(f->hub, "s", "t");
	dp_batch *batch;

	append(f->hub, "t", "a", 4);
	batch = pull(sub, 4);
	assert_int_equal(
		dp_subscription_ack(sub, dp_batch_message(batch, 0), NULL),
		DP_OK);
	assert_int_equal(
		dp_subscription_ack(sub, dp_batch_message(batch, 2), NULL),
		DP_OK);
	dp_batch_unref(batch);
	dp_subscription_close(sub);
	sub = subscribe(f->hub, "s", "t");
	expect(sub, "a", 1, 3, 2);
	dp_subscription_close(sub);
}

static void an_event_comes_again_after_its_deadline(void **state)
{
	struct fixture *f = *state;
	dp_subscription *sub = subscribe(f->hub, "s", "t");
	dp_batch *batch;

	append(f->hub, "t", "a", 3);
	batch = pull(sub, 3);
	assert_int_equal(
		dp_subscription_ack(sub, dp_batch_message(batch, 1), NULL),
		DP_OK);
	virtual_clock_advance(&f->clock, 60 * DP_SECOND - 1);
	assert_no_more(sub);
	virtual_clock_advance(&f->clock, 1);
	assert_int_equal(
		dp_subscription_ack(sub, dp_batch_message(batch, 0), NULL),
		DP_ENOTFOUND);
	dp_batch_unref(batch);
	expect(sub, "a", 0, 1, 2);
	expect(sub, "a", 2, 1, 2);
	assert_no_more(sub);
	dp_subscription_close(sub);
}

static void an_extended_event_is_left_alone_for_longer(void **state)
{
	struct fixture *f = *state;
	dp_subscription *sub = subscribe(f->hub, "s", "t");
	dp_batch *batch;

	append(f->hub, "t", "a", 1);
	batch = pull(sub, 1);
	assert_int_equal(dp_subscription_extend(sub, dp_batch_message(batch, 0),
				 90 * DP_SECOND, NULL),
		DP_OK);
	virtual_clock_advance(&f->clock, 89 * DP_SECOND);
	assert_no_more(sub);
	virtual_clock_advance(&f->clock, DP_SECOND);
	assert_int_equal(dp_subscription_extend(sub, dp_batch_message(batch, 0),
				 DP_SECOND, NULL),
		DP_ENOTFOUND);
	expect(sub, "a", 0, 1, 2);
	dp_batch_unref(batch);
	dp_subscription_close(sub);
}

static void a_nacked_event_comes_again_not_before_its_delay(void **state)
{
	struct fixture *f = *state;
	dp_subscription *sub = subscribe(f->hub, "s", "t");
	dp_batch *batch;

	append(f->hub, "t", "a", 3);
	batch = pull(sub, 2);
	assert_int_equal(dp_subscription_nack(sub, dp_batch_message(batch, 0),
				 5 * DP_SECOND, NULL),
		DP_OK);
	assert_int_equal(dp_subscription_nack(sub, dp_batch_message(batch, 0),
				 5 * DP_SECOND, NULL),
		DP_ENOTFOUND);
	assert_int_equal(
		dp_subscription_ack(sub, dp_batch_message(batch, 1), NULL),
		DP_OK);
	dp_batch_unref(batch);
	expect_and_ack(sub, "a", 2, 1, 1);
	assert_no_more(sub);
	virtual_clock_advance(&f->clock, 5 * DP_SECOND);
	expect_and_ack(sub, "a", 0, 1, 2);
	assert_no_more(sub);
	dp_subscription_close(sub);
}

/* Who has acked all cannot ack more: the pull waits, and asks for nothing. */
static void a_delayed_event_that_holds_up_others_is_waited_for(void **state)
{
	struct fixture *f = *state;
	dp_subscription_options opts = DP_SUBSCRIPTION_OPTIONS_INIT;
	dp_subscription *sub;
	dp_batch *batch;

	opts.topics = "t";
	opts.outstanding_events = 1;
	sub = subscribe_with(f->hub, "s", opts);
	append(f->hub, "t", "a", 20);
	batch = pull(sub, 1);
	assert_int_equal(dp_subscription_nack(sub, dp_batch_message(batch, 0),
				 5 * DP_SECOND, NULL),
		DP_OK);
	dp_batch_unref(batch);
	for (size_t i = 1; i < 8; i++) {
		expect_and_ack(sub, "a", i, 1, 1);
	}
	assert_no_more(sub);
	virtual_clock_advance(&f->clock, 5 * DP_SECOND);
	expect_and_ack(sub, "a", 0, 1, 2);
	expect_and_ack(sub, "a", 8, 1, 1);
	dp_subscription_close(sub);
}

static void an_event_is_acked_once(void **state)
{
	struct fixture *f = *state;
	dp_subscription *sub = subscribe(f->hub, "s", "t");
	dp_batch *batch;

	append(f->hub, "t", "a", 2);
	batch = pull(sub, 2);
	for (dp_status st = DP_OK; st != DP_ENOTFOUND;) {
		st = dp_subscription_ack(sub, dp_batch_message(batch, 1), NULL);
		assert_true(st == DP_OK || st == DP_ENOTFOUND);
	}
	assert_int_equal(dp_subscription_ack_batch(sub, batch, NULL), DP_OK);
	assert_int_equal(
		dp_subscription_ack(sub, dp_batch_message(batch, 0), NULL),
		DP_ENOTFOUND);
	dp_batch_unref(batch);
	dp_subscription_close(sub);
}

static void too_many_outstanding_events_are_refused(void **state)
{
	struct fixture *f = *state;
	dp_subscription_options opts = DP_SUBSCRIPTION_OPTIONS_INIT;
	dp_subscription *sub;
	dp_batch *batch;
	dp_batch *more = NULL;

	opts.topics = "t";
	opts.outstanding_events = 4;
	sub = subscribe_with(f->hub, "s", opts);
	append(f->hub, "t", "a", 10);
	batch = pull(sub, 100);
	assert_batch(batch, "a", 0, 4, 1);
	assert_int_equal(dp_subscription_pull(sub, &more, 1, DP_FOREVER, NULL),
		DP_EAGAIN);
	assert_int_equal(
		dp_subscription_ack(sub, dp_batch_message(batch, 3), NULL),
		DP_OK);
	expect(sub, "a", 4, 1, 1);
	assert_int_equal(
		dp_subscription_pull(sub, &more, 1, 0, NULL), DP_EAGAIN);
	dp_batch_unref(batch);
	dp_subscription_close(sub);
}

static void too_many_outstanding_bytes_are_refused(void **state)
{
	struct fixture *f = *state;
	dp_subscription_options opts = DP_SUBSCRIPTION_OPTIONS_INIT;
	dp_subscription *sub;
	dp_batch *more = NULL;

	opts.topics = "t";
	opts.outstanding_bytes = 1;
	sub = subscribe_with(f->hub, "s", opts);
	append(f->hub, "t", "a", 3);
	expect(sub, "a", 0, 1, 1);
	assert_int_equal(
		dp_subscription_pull(sub, &more, 1, 0, NULL), DP_EAGAIN);
	dp_subscription_close(sub);
}

static void an_interrupt_ends_the_next_pull(void **state)
{
	struct fixture *f = *state;
	dp_subscription *sub = subscribe(f->hub, "s", "t");
	dp_batch *batch = NULL;

	dp_subscription_interrupt(sub);
	assert_int_equal(dp_subscription_pull(sub, &batch, 1, DP_FOREVER, NULL),
		DP_ECANCELED);
	assert_no_more(sub);
	dp_subscription_close(sub);
}

struct puller {
	dp_subscription *sub;
	dp_status status;
	dp_batch *batch;
};

static void *pull_for_ever(void *arg)
{
	struct puller *p = arg;

	p->status =
		dp_subscription_pull(p->sub, &p->batch, 10, DP_FOREVER, NULL);
	return NULL;
}

static void a_sleeping_pull_wakes_for_an_event_and_an_interrupt(void **state)
{
	struct fixture *f = *state;
	struct puller p = {.sub = subscribe(f->hub, "s", "t")};
	dpi_writer *writer = writer_of(f->hub, "t");
	pthread_t thread;

	/* The hub's own thread sleeps, too. */
	pthread_create(&thread, NULL, pull_for_ever, &p);
	virtual_clock_await_sleepers(&f->clock, 2);
	test_feed_append(writer, "a", 1);
	dpi_thread_join(thread);
	assert_int_equal(p.status, DP_OK);
	assert_int_equal(
		dp_subscription_ack_batch(p.sub, p.batch, NULL), DP_OK);
	dp_batch_unref(p.batch);

	pthread_create(&thread, NULL, pull_for_ever, &p);
	virtual_clock_await_sleepers(&f->clock, 2);
	dp_subscription_interrupt(p.sub);
	dpi_thread_join(thread);
	assert_int_equal(p.status, DP_ECANCELED);
	writer->ops->release(writer);
	dp_subscription_close(p.sub);
}

static void a_sleeping_pull_wakes_for_a_deadline(void **state)
{
	struct fixture *f = *state;
	struct puller p = {.sub = subscribe(f->hub, "s", "t")};
	pthread_t thread;

	append(f->hub, "t", "a", 1);
	expect(p.sub, "a", 0, 1, 1);
	pthread_create(&thread, NULL, pull_for_ever, &p);
	virtual_clock_await_sleepers(&f->clock, 2);
	virtual_clock_advance(&f->clock, 60 * DP_SECOND);
	dpi_thread_join(thread);
	assert_int_equal(p.status, DP_OK);
	assert_batch(p.batch, "a", 0, 1, 2);
	dp_batch_unref(p.batch);
	dp_subscription_close(p.sub);
}

static void each_subscription_gets_everything(void **state)
{
	struct fixture *f = *state;
	dp_subscription *one = subscribe(f->hub, "one", "t");
	dp_subscription *two = subscribe(f->hub, "two", "t");

	append(f->hub, "t", "a", 4);
	expect_and_ack(one, "a", 0, 4, 1);
	expect_and_ack(two, "a", 0, 4, 1);
	dp_subscription_close(one);
	dp_subscription_close(two);
}

static void topics_that_match_join_by_themselves(void **state)
{
	struct fixture *f = *state;
	dp_subscription *sub = subscribe(f->hub, "s", "ramp.*");

	append(f->hub, "ramp.a", "a", 1);
	append(f->hub, "other", "o", 1);
	expect_and_ack(sub, "a", 0, 1, 1);
	append(f->hub, "ramp.b", "b", 1);
	expect_and_ack(sub, "b", 0, 1, 1);
	assert_no_more(sub);
	dp_subscription_close(sub);
}

static void partitions_take_turns(void **state)
{
	struct fixture *f = *state;
	dp_subscription *sub = subscribe(f->hub, "s", "*");
	size_t served[2] = {0, 0};

	append(f->hub, "a", "x", 10);
	append(f->hub, "b", "x", 10);
	for (int i = 0; i < 10; i++) {
		dp_batch *batch = pull(sub, 1);
		const dp_message *msg = dp_batch_message(batch, 0);

		served[dp_message_topic(msg)[0] - 'a']++;
		dp_batch_unref(batch);
	}
	assert_int_equal(served[0], 5);
	assert_int_equal(served[1], 5);
	dp_subscription_close(sub);
}

static void a_subscription_begins_at_the_oldest_event_or_the_next(void **state)
{
	struct fixture *f = *state;
	dp_subscription_options opts = DP_SUBSCRIPTION_OPTIONS_INIT;
	dp_subscription *earliest;
	dp_subscription *latest;

	append(f->hub, "t", "a", 3);
	opts.topics = "*";
	earliest = subscribe_with(f->hub, "earliest", opts);
	opts.start = DP_START_LATEST;
	latest = subscribe_with(f->hub, "latest", opts);
	append(f->hub, "t", "b", 2);
	append(f->hub, "new", "c", 1);
	expect_and_ack(earliest, "a", 0, 3, 1);
	for (int i = 0; i < 2; i++) {
		dp_batch *batch = pull(latest, 10);
		bool is_new =
			strcmp(dp_message_topic(dp_batch_message(batch, 0)),
				"new") == 0;

		assert_batch(batch, is_new ? "c" : "b", 0, is_new ? 1 : 2, 1);
		dp_batch_unref(batch);
	}
	dp_subscription_close(earliest);
	dp_subscription_close(latest);
}

/* Pulls until there is no more; returns how many events came. */
static size_t drain(dp_subscription *sub)
{
	dp_batch *batch;
	size_t count = 0;

	while (dp_subscription_pull(sub, &batch, 100, 0, NULL) == DP_OK) {
		count += dp_batch_count(batch);
		assert_int_equal(
			dp_subscription_ack_batch(sub, batch, NULL), DP_OK);
		dp_batch_unref(batch);
	}
	return count;
}

static void openers_of_a_subscription_share_its_partitions(void **state)
{
	struct fixture *f = *state;
	dp_hub *other = open_hub(f);
	dp_subscription *one = subscribe(f->hub, "s", "t");
	dp_subscription *two;

	append(f->hub, "t", "a", 3);
	append(other, "t", "b", 3);
	assert_int_equal(drain(one), 6);
	two = subscribe(other, "s", "t");
	assert_int_equal(drain(two), 0);
	assert_int_equal(drain(one), 0); /* lets go of what is too much */
	append(f->hub, "t", "a", 3);
	append(other, "t", "b", 3);
	assert_int_equal(drain(two), 3);
	assert_int_equal(drain(one), 3);
	dp_subscription_close(one);
	append(f->hub, "t", "a", 3);
	append(other, "t", "b", 3);
	assert_int_equal(drain(two), 6);
	dp_subscription_close(two);
	dp_hub_close(other);
}

static void a_hub_appends_to_a_partition_that_no_other_has(void **state)
{
	struct fixture *f = *state;
	dp_hub *other = open_hub(f);
	dpi_writer *mine = writer_of(f->hub, "t");
	dpi_writer *theirs = writer_of(other, "t");
	dpi_writer *again = writer_of(f->hub, "t");

	assert_ptr_equal(mine, again);
	assert_int_not_equal(mine->name.partition, theirs->name.partition);
	again->ops->release(again);
	mine->ops->release(mine);
	theirs->ops->release(theirs);
	dp_hub_close(other);
	other = open_hub(f);
	theirs = writer_of(other, "t");
	assert_int_equal(theirs->name.partition, 1);
	theirs->ops->release(theirs);
	dp_hub_close(other);
}

static void a_name_stands_for_one_pattern(void **state)
{
	struct fixture *f = *state;
	dp_subscription_options opts = DP_SUBSCRIPTION_OPTIONS_INIT;
	dp_subscription *sub = subscribe(f->hub, "s", "t");
	dp_subscription *other = NULL;
	dp_error *err = NULL;

	opts.topics = "u";
	assert_int_equal(dp_subscription_open(&other, f->hub, "s", &opts, &err),
		DP_EEXIST);
	assert_null(other);
	assert_non_null(strstr(dp_error_message(err), "reads t, not u"));
	dp_error_free(err);
	dp_subscription_close(sub);
}

static void a_deleted_subscription_begins_anew(void **state)
{
	struct fixture *f = *state;
	dp_subscription *sub = subscribe(f->hub, "s", "t");

	assert_int_equal(dp_subscription_delete(f->hub, "s", NULL), DP_ELOCKED);
	append(f->hub, "t", "a", 2);
	append(f->hub, "t", "b", 1);
	expect_and_ack(sub, "a", 0, 1, 1);
	dp_subscription_close(sub);
	assert_int_equal(dp_subscription_delete(f->hub, "s", NULL), DP_OK);
	assert_int_equal(
		dp_subscription_delete(f->hub, "s", NULL), DP_ENOTFOUND);
	sub = subscribe(f->hub, "s", "*");
	expect_and_ack(sub, "a", 0, 2, 1);
	dp_subscription_close(sub);
}

static dp_subscription_stats stats_of(dp_subscription *sub)
{
	dp_subscription_stats stats = {.struct_size = sizeof(stats)};

	assert_int_equal(dp_subscription_get_stats(sub, &stats, NULL), DP_OK);
	return stats;
}

static void statistics_say_how_far_it_is(void **state)
{
	struct fixture *f = *state;
	dp_subscription *sub = subscribe(f->hub, "s", "t");
	dp_subscription_stats stats = stats_of(sub);
	dp_batch *batch;

	assert_int_equal(stats.backlog_events, 0);
	assert_int_equal(stats.system_lag_ns, 0);
	append(f->hub, "t", "a", 5);
	virtual_clock_advance(&f->clock, 10 * DP_SECOND);
	append(f->hub, "t", "b", 5);
	stats = stats_of(sub);
	assert_int_equal(stats.backlog_events, 10);
	assert_true(stats.system_lag_ns >= 10 * DP_SECOND);
	assert_true(stats.system_lag_ns < 11 * DP_SECOND);
	batch = pull(sub, 5);
	stats = stats_of(sub);
	assert_int_equal(stats.delivered_events, 5);
	assert_int_equal(stats.outstanding_events, 5);
	assert_int_equal(stats.backlog_events, 10);
	assert_int_equal(dp_subscription_ack_batch(sub, batch, NULL), DP_OK);
	dp_batch_unref(batch);
	stats = stats_of(sub);
	assert_int_equal(stats.acked_events, 5);
	assert_int_equal(stats.outstanding_events, 0);
	assert_int_equal(stats.backlog_events, 5);
	assert_true(stats.system_lag_ns < DP_SECOND);
	expect(sub, "b", 0, 5, 1);
	virtual_clock_advance(&f->clock, 60 * DP_SECOND);
	expect_and_ack(sub, "b", 0, 5, 2);
	stats = stats_of(sub);
	assert_int_equal(stats.delivered_events, 15);
	assert_int_equal(stats.redelivered_events, 5);
	assert_int_equal(stats.backlog_events, 0);
	assert_int_equal(stats.system_lag_ns, 0);
	dp_subscription_close(sub);
}

static void a_hub_counts_what_was_appended(void **state)
{
	struct fixture *f = *state;
	dp_hub_stats stats = {.struct_size = sizeof(stats)};

	append(f->hub, "t", "a", 5);
	append(f->hub, "u", "a", 2);
	assert_int_equal(dp_hub_get_stats(f->hub, &stats, NULL), DP_OK);
	assert_int_equal(stats.appended_events, 7);
	assert_true(stats.appended_bytes > 7 * DPI_RECORD_HEAD);
	assert_int_equal(stats.topics, 2);
	assert_int_equal(stats.dropped_events, 0);
	assert_int_equal(stats.corrupt_events, 0);
}

static void place(dp_hub *hub, uint64_t key, uint64_t next)
{
	const dpi_source_place place = {key, next};
	dpi_writer *writer = writer_of(hub, "t");
	dp_event ev = DP_EVENT_INIT;
	struct test_feed feed;

	test_feed_init(&feed, DP_ACK_DURABLE);
	writer->ops->attach(writer, &feed.feed);
	test_feed_add(&feed, &ev, place);
	writer->ops->commit(writer);
	test_feed_wait(&feed);
	writer->ops->detach(writer, &feed.feed);
	writer->ops->release(writer);
	assert_int_equal(feed.ok, 1);
	test_feed_fini(&feed);
}

static uint64_t source_next(dp_hub *hub, uint64_t key)
{
	uint64_t next = 99999;

	assert_int_equal(
		hub->ops->source_next(hub, "t", key, &next, NULL), DP_OK);
	return next;
}

static void a_topic_knows_how_far_its_sources_are(void **state)
{
	struct fixture *f = *state;
	dp_hub *other = open_hub(f);

	assert_int_equal(source_next(f->hub, 7), 0);
	place(f->hub, 7, 10);
	place(f->hub, 8, 500);
	place(other, 7, 30);
	place(other, 7, 20);
	assert_int_equal(source_next(f->hub, 7), 30);
	assert_int_equal(source_next(other, 8), 500);
	assert_int_equal(source_next(f->hub, 9), 0);
	dp_hub_close(other);
	dp_hub_close(f->hub);
	f->hub = open_hub(f);
	assert_int_equal(source_next(f->hub, 7), 30);
}

/* Places of one chunk count for their sources, however many those are, and
 * however its commit was asked for. */
static void the_places_of_a_chunk_are_those_of_all_its_sources(void **state)
{
	struct fixture *f = *state;
	dpi_writer *writer = writer_of(f->hub, "t");
	dpi_source_place places[18];
	struct test_feed feed;

	for (uint64_t keys = 2; keys <= 9; keys++) {
		for (uint64_t i = 0; i < 18; i++) {
			places[i] = (dpi_source_place){
				keys * 100 + i % keys, i < 14 ? i + 1 : 3};
		}
		test_feed_init(&feed, DP_ACK_DURABLE);
		writer->ops->attach(writer, &feed.feed);
		test_feed_add_places(&feed, places, 18);
		writer->ops->push(writer);
		test_feed_wait(&feed);
		writer->ops->detach(writer, &feed.feed);
		assert_int_equal(feed.ok, 18);
		test_feed_fini(&feed);
		for (uint64_t i = 14 - keys; i < 14; i++) {
			assert_int_equal(
				source_next(f->hub, keys * 100 + i % keys),
				i + 1);
		}
	}
	writer->ops->release(writer);
}

static void a_job_finishes_what_it_did_not_pull(void **state)
{
	struct fixture *f = *state;
	dp_subscription *sub = subscribe(f->hub, "s", "t");
	dpi_partition_name name = {"t", 0};
	dp_batch *batch;
	dp_offset next;

	append(f->hub, "t", "a", 6);
	batch = pull(sub, 6);
	next = dp_message_offset(dp_batch_message(batch, 4));
	dp_batch_unref(batch);
	dp_subscription_close(sub);
	sub = subscribe(f->hub, "s", "t");
	batch = pull(sub, 2);
	assert_true(batch->is_first);
	dp_batch_unref(batch);
	assert_int_equal(sub->ops->finish(sub, &name, next, true, NULL), DP_OK);
	assert_int_equal(stats_of(sub).outstanding_events, 0);
	batch = pull(sub, 6);
	assert_batch(batch, "a", 4, 2, 2);
	assert_false(batch->is_first);
	dp_batch_unref(batch);
	assert_int_equal(sub->ops->finish(sub, &name, 0, false, NULL), DP_OK);
	assert_int_equal(stats_of(sub).outstanding_events, 2);
	name.partition = 5;
	assert_int_equal(
		sub->ops->finish(sub, &name, 9, false, NULL), DP_ENOTFOUND);
	dp_subscription_close(sub);
}

static void a_subscription_has_more_until_all_is_finished(void **state)
{
	struct fixture *f = *state;
	dp_subscription *sub = subscribe(f->hub, "s", "t");

	assert_false(sub->ops->has_more(sub));
	append(f->hub, "t", "a", 2);
	assert_true(sub->ops->has_more(sub));
	expect_and_ack(sub, "a", 0, 1, 1);
	assert_true(sub->ops->has_more(sub));
	expect(sub, "a", 1, 1, 1);
	assert_true(sub->ops->has_more(sub));
	sub->ops->rewind(sub);
	assert_true(sub->ops->has_more(sub));
	expect_and_ack(sub, "a", 1, 1, 1);
	assert_false(sub->ops->has_more(sub));
	dp_subscription_close(sub);
}

static void a_rewind_gives_all_back_and_counts_no_attempt(void **state)
{
	struct fixture *f = *state;
	dp_subscription *sub = subscribe(f->hub, "s", "t");

	append(f->hub, "t", "a", 6);
	expect_and_ack(sub, "a", 0, 1, 1);
	expect(sub, "a", 1, 2, 1);
	expect(sub, "a", 3, 2, 1);
	sub->ops->rewind(sub);
	assert_int_equal(stats_of(sub).outstanding_events, 0);
	assert_int_equal(stats_of(sub).backlog_events, 5);
	expect_and_ack(sub, "a", 1, 5, 1);
	sub->ops->rewind(sub);
	assert_no_more(sub);
	dp_subscription_close(sub);
}

/* Opens, pulls up to 1000 and goes without an ack; returns how many came. */
static size_t try_once(struct fixture *f, uint32_t *ret_attempt)
{
	dp_subscription *sub = subscribe(f->hub, "s", "t");
	dp_batch *batch = pull(sub, 1000);
	size_t count = dp_batch_count(batch);

	assert_event(dp_batch_message(batch, 0), "a", 0);
	*ret_attempt = dp_message_attempt(dp_batch_message(batch, 0));
	dp_batch_unref(batch);
	dp_subscription_close(sub);
	return count;
}

static void an_event_that_was_tried_often_comes_alone(void **state)
{
	struct fixture *f = *state;
	size_t before = 1000;
	uint32_t attempt = 0;
	dp_subscription *sub;
	dp_batch *batch;

	append(f->hub, "t", "a", 1000);
	for (uint32_t i = 1; i <= 10; i++) {
		size_t count = try_once(f, &attempt);

		assert_int_equal(attempt, i);
		assert_true(count <= before);
		before = count;
	}
	assert_int_equal(before, 1);
	sub = subscribe(f->hub, "s", "t");
	batch = pull(sub, 1000);
	assert_batch(batch, "a", 0, 1, 11);
	assert_int_equal(dp_subscription_ack_batch(sub, batch, NULL), DP_OK);
	dp_batch_unref(batch);
	/* Those that came alone are not suspected of what it did. */
	expect_and_ack(sub, "a", 1, 999, 1);
	dp_subscription_close(sub);
}

static void a_suspect_is_finished_before_more_is_handed_over(void **state)
{
	struct fixture *f = *state;
	dp_subscription *sub;
	uint32_t attempt;
	dp_batch *batch;
	dp_batch *more = NULL;

	append(f->hub, "t", "a", 100);
	for (int i = 0; i < 4; i++) {
		(void)try_once(f, &attempt);
	}
	sub = subscribe(f->hub, "s", "t");
	batch = pull(sub, 1000);
	assert_true(dp_batch_count(batch) < 100);
	assert_int_equal(
		dp_subscription_pull(sub, &more, 1000, DP_FOREVER, NULL),
		DP_EAGAIN);
	assert_int_equal(dp_subscription_ack_batch(sub, batch, NULL), DP_OK);
	dp_batch_unref(batch);
	more = pull(sub, 1000);
	dp_batch_unref(more);
	dp_subscription_close(sub);
}

/* Pulls once; returns the first letter of what came, and its attempt. */
static char pull_letter(dp_subscription *sub, uint32_t *ret_attempt)
{
	dp_batch *batch = pull(sub, 1000);
	const dp_message *msg = dp_batch_message(batch, 0);
	const char *payload = dp_message_payload(msg).data;
	char letter = payload[0];

	*ret_attempt = dp_message_attempt(msg);
	dp_batch_unref(batch);
	return letter;
}

static void nothing_is_in_hand_beside_a_suspect(void **state)
{
	struct fixture *f = *state;
	dp_batch *more = NULL;
	uint32_t attempt[3];
	char letter[2];

	append(f->hub, "t1", "a", 1);
	append(f->hub, "t2", "b", 1);
	for (int i = 0; i < 3; i++) {
		dp_subscription *sub = subscribe(f->hub, "s", "t*");

		(void)pull_letter(sub, &attempt[0]);
		(void)pull_letter(sub, &attempt[0]);
		assert_int_equal(attempt[0], i + 1);
		dp_subscription_close(sub);
	}
	/* One of them alone, which is the one that is blamed. */
	for (int i = 0; i < 2; i++) {
		dp_subscription *sub = subscribe(f->hub, "s", "t*");

		letter[i] = pull_letter(sub, &attempt[i]);
		assert_int_equal(dp_subscription_pull(
					 sub, &more, 1000, DP_FOREVER, NULL),
			DP_EAGAIN);
		dp_subscription_close(sub);
	}
	assert_int_equal(attempt[0], 4);
	assert_int_equal(attempt[1], letter[0] == letter[1] ? 5 : 4);
}

static void an_alarm_commits_without_a_flush(void **state)
{
	struct fixture *f = *state;
	dp_subscription *sub = subscribe(f->hub, "s", "t");
	dpi_writer *writer = writer_of(f->hub, "t");
	struct test_feed feed;

	test_feed_init(&feed, DP_ACK_DURABLE);
	writer->ops->attach(writer, &feed.feed);
	test_feed_add_many(&feed, "a", 3);
	writer->ops->arm(writer, f->clock.monotonic + DP_MILLISECOND);
	assert_no_more(sub);
	virtual_clock_await_sleepers(&f->clock, 1);
	virtual_clock_advance(&f->clock, DP_MILLISECOND);
	test_feed_wait(&feed);
	assert_int_equal(feed.ok, 3);
	expect_and_ack(sub, "a", 0, 3, 1);
	writer->ops->detach(writer, &feed.feed);
	writer->ops->release(writer);
	test_feed_fini(&feed);
	dp_subscription_close(sub);
}

static void a_detached_feed_is_not_called(void **state)
{
	struct fixture *f = *state;
	dpi_writer *writer = writer_of(f->hub, "t");
	struct test_feed gone;
	struct test_feed stays;

	test_feed_init(&gone, DP_ACK_DURABLE);
	test_feed_init(&stays, DP_ACK_WRITTEN);
	writer->ops->attach(writer, &gone.feed);
	writer->ops->attach(writer, &stays.feed);
	writer->ops->detach(writer, &gone.feed);
	test_feed_add_text(&gone, "x");
	test_feed_add_text(&stays, "y");
	writer->ops->commit(writer);
	assert_int_equal(gone.ok + gone.failed, 0);
	assert_int_equal(stays.ok, 1);
	writer->ops->detach(writer, &stays.feed);
	writer->ops->release(writer);
	test_feed_fini(&gone);
	test_feed_fini(&stays);
}

static void bad_arguments_are_refused(void **state)
{
	struct fixture *f = *state;
	dp_subscription_options opts = DP_SUBSCRIPTION_OPTIONS_INIT;
	dp_subscription *sub = subscribe(f->hub, "s", "t");
	dp_subscription *none = NULL;
	dp_batch *batch = NULL;

	assert_int_equal(
		dp_subscription_pull(sub, &batch, 0, 0, NULL), DP_EINVAL);
	assert_int_equal(
		dp_subscription_pull(sub, &batch, 1, -1, NULL), DP_EINVAL);
	assert_int_equal(
		dp_subscription_pull(NULL, &batch, 1, 0, NULL), DP_EINVAL);
	assert_int_equal(dp_subscription_ack(sub, NULL, NULL), DP_EINVAL);
	assert_int_equal(dp_subscription_ack_batch(sub, NULL, NULL), DP_EINVAL);
	opts.topics = "t";
	assert_int_equal(
		dp_subscription_open(&none, f->hub, "a/b", &opts, NULL),
		DP_EINVAL);
	assert_int_equal(
		dp_subscription_open(&none, NULL, "a", &opts, NULL), DP_EINVAL);
	opts.topics = "";
	assert_int_equal(dp_subscription_open(&none, f->hub, "a", &opts, NULL),
		DP_EINVAL);
	opts.topics = "t";
	opts.read_level = DP_ACK_ACCEPTED;
	assert_int_equal(dp_subscription_open(&none, f->hub, "a", &opts, NULL),
		DP_EINVAL);
	assert_int_equal(dp_subscription_delete(f->hub, "..", NULL), DP_EINVAL);
	dp_subscription_close(sub);
	dp_subscription_close(NULL);
}

struct acker {
	dp_subscription *sub;
	dp_batch *batches[64]; /* from the one who pulls; NULL: the end */
	size_t count;          /* atomic */
};

static void *ack_all(void *arg)
{
	struct acker *a = arg;
	dp_batch *batch;
	size_t i = 0;

	do {
		while (i == __atomic_load_n(&a->count, __ATOMIC_ACQUIRE)) {
			sched_yield();
		}
		batch = a->batches[i++];
		for (size_t k = 0; batch != NULL && k < batch->count; k++) {
			assert_int_equal(
				dp_subscription_ack(a->sub,
					dp_batch_message(batch, k), NULL),
				DP_OK);
		}
		dp_batch_unref(batch);
	} while (batch != NULL);
	return NULL;
}

static void hand_to(struct acker *a, dp_batch *batch)
{
	a->batches[a->count] = batch;
	__atomic_store_n(&a->count, a->count + 1, __ATOMIC_RELEASE);
}

static void threads_ack_while_one_pulls(void **state)
{
	struct fixture *f = *state;
	struct acker ackers[2] = {{.count = 0}, {.count = 0}};
	dp_subscription *sub = subscribe(f->hub, "s", "t");
	pthread_t threads[2];

	append(f->hub, "t", "a", 1000);
	for (size_t i = 0; i < 2; i++) {
		ackers[i].sub = sub;
		pthread_create(&threads[i], NULL, ack_all, &ackers[i]);
	}
	for (size_t i = 0; i < 100; i++) {
		hand_to(&ackers[i % 2], pull(sub, 10));
	}
	for (size_t i = 0; i < 2; i++) {
		hand_to(&ackers[i], NULL);
		dpi_thread_join(threads[i]);
	}
	assert_int_equal(stats_of(sub).acked_events, 1000);
	dp_subscription_close(sub);
	sub = subscribe(f->hub, "s", "t");
	assert_no_more(sub);
	dp_subscription_close(sub);
}

/* What a child does after fork(): returns whether all calls were refused. */
static bool live_as_child(struct fixture *f, dp_subscription *sub)
{
	dp_hub_stats stats = {.struct_size = sizeof(stats)};
	dp_subscription_options opts = DP_SUBSCRIPTION_OPTIONS_INIT;
	dp_subscription *other = NULL;
	dp_batch *batch = NULL;
	bool is_refused;

	opts.topics = "t";
	is_refused =
		dp_subscription_pull(sub, &batch, 1, 0, NULL) == DP_EFORKED &&
		dp_hub_get_stats(f->hub, &stats, NULL) == DP_EFORKED &&
		dp_subscription_open(&other, f->hub, "o", &opts, NULL) ==
			DP_EFORKED &&
		dp_subscription_delete(f->hub, "s", NULL) == DP_EFORKED;
	dp_subscription_close(sub);
	dp_hub_close(f->hub);
	dp_runtime_free(f->rt);
	return is_refused;
}

static void a_child_is_refused_and_does_no_harm(void **state)
{
	struct fixture *f = *state;
	dp_subscription *sub = subscribe(f->hub, "s", "t");
	dp_batch *batch;
	int status = 0;
	pid_t pid;

	append(f->hub, "t", "a", 4);
	batch = pull(sub, 2);
	pid = fork();
	if (pid == 0) {
		_exit(live_as_child(f, sub) ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	/* The parent still holds what it held. */
	assert_int_equal(dp_subscription_ack_batch(sub, batch, NULL), DP_OK);
	dp_batch_unref(batch);
	append(f->hub, "t", "b", 1);
	assert_int_equal(dp_subscription_delete(f->hub, "s", NULL), DP_ELOCKED);
	expect_and_ack(sub, "a", 2, 2, 1);
	dp_subscription_close(sub);
	sub = subscribe(f->hub, "s", "t");
	expect_and_ack(sub, "b", 0, 1, 1);
	dp_subscription_close(sub);
}

/* Everything once, as far as memory allows. Returns whether all succeeded. */
static bool live(struct fixture *f)
{
	dp_subscription_options opts = DP_SUBSCRIPTION_OPTIONS_INIT;
	dp_subscription_stats stats = {.struct_size = sizeof(stats)};
	dp_hub_stats hub_stats = {.struct_size = sizeof(hub_stats)};
	dp_subscription *sub = NULL;
	dpi_writer *writer = NULL;
	dp_batch *batch = NULL;
	struct test_feed feed;
	dp_hub *hub = NULL;
	bool is_ok;

	test_feed_init(&feed, DP_ACK_DURABLE);
	opts.topics = "*";
	is_ok = dp_hub_open(&hub, f->rt, f->address, NULL, NULL) == DP_OK;
	is_ok = is_ok &&
		dp_subscription_open(&sub, hub, "s", &opts, NULL) == DP_OK;
	is_ok = is_ok && hub->ops->writer(hub, "t", &writer, NULL) == DP_OK;
	if (is_ok) {
		writer->ops->attach(writer, &feed.feed);
		test_feed_add_text(&feed, "x");
		writer->ops->commit(writer);
		assert_int_equal(feed.ok + feed.failed, 1);
		is_ok = feed.ok == 1;
		writer->ops->detach(writer, &feed.feed);
		writer->ops->release(writer);
	}
	is_ok = is_ok && dp_subscription_pull(sub, &batch, 1, 0, NULL) == DP_OK;
	dp_batch_unref(batch);
	is_ok = is_ok &&
		dp_subscription_get_stats(sub, &stats, NULL) == DP_OK &&
		dp_hub_get_stats(hub, &hub_stats, NULL) == DP_OK;
	dp_subscription_close(sub);
	is_ok = is_ok && dp_subscription_delete(hub, "s", NULL) == DP_OK;
	dp_hub_close(hub);
	test_feed_fini(&feed);
	return is_ok;
}

static void want_of_memory_leaves_nothing_behind(void **state)
{
	struct fixture *f = *state;

	for (int for_ever = 0; for_ever < 2; for_ever++) {
		bool is_ok = false;

		f->heap.for_ever = for_ever != 0;
		for (long n = 0; !is_ok; n++) {
			dp_hub_close(f->hub);
			dp_runtime_free(f->rt);
			test_dir_teardown(&f->dir);
			assert_int_equal(f->heap.live_blocks, 0);
			assert_int_equal(test_dir_setup(&f->dir), 0);
			if (strcmp(kind, "log") == 0) {
				snprintf(f->address, sizeof(f->address),
					"log:%s/log", (const char *)f->dir);
			}
			start(f);
			f->heap.fail_at = f->heap.made + n;
			is_ok = live(f);
			f->heap.fail_at = -1;
			assert_true(live(f));
			assert_true(n < 500);
		}
	}
}

int main(int argc, char **argv)
{
#define CONTRACT(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CONTRACT(events_come_in_order_with_all_their_parts),
		CONTRACT(a_batch_outlives_its_subscription_and_its_hub),
		CONTRACT(what_is_acked_does_not_come_again),
		CONTRACT(what_is_not_acked_comes_again_to_the_next_opening),
		CONTRACT(the_place_moves_over_the_longest_finished_run),
		CONTRACT(an_event_comes_again_after_its_deadline),
		CONTRACT(an_extended_event_is_left_alone_for_longer),
		CONTRACT(a_nacked_event_comes_again_not_before_its_delay),
		CONTRACT(a_delayed_event_that_holds_up_others_is_waited_for),
		CONTRACT(an_event_is_acked_once),
		CONTRACT(too_many_outstanding_events_are_refused),
		CONTRACT(too_many_outstanding_bytes_are_refused),
		CONTRACT(an_interrupt_ends_the_next_pull),
		CONTRACT(a_sleeping_pull_wakes_for_an_event_and_an_interrupt),
		CONTRACT(a_sleeping_pull_wakes_for_a_deadline),
		CONTRACT(each_subscription_gets_everything),
		CONTRACT(topics_that_match_join_by_themselves),
		CONTRACT(partitions_take_turns),
		CONTRACT(a_subscription_begins_at_the_oldest_event_or_the_next),
		CONTRACT(openers_of_a_subscription_share_its_partitions),
		CONTRACT(a_hub_appends_to_a_partition_that_no_other_has),
		CONTRACT(a_name_stands_for_one_pattern),
		CONTRACT(a_deleted_subscription_begins_anew),
		CONTRACT(statistics_say_how_far_it_is),
		CONTRACT(a_hub_counts_what_was_appended),
		CONTRACT(a_topic_knows_how_far_its_sources_are),
		CONTRACT(the_places_of_a_chunk_are_those_of_all_its_sources),
		CONTRACT(a_job_finishes_what_it_did_not_pull),
		CONTRACT(a_subscription_has_more_until_all_is_finished),
		CONTRACT(a_rewind_gives_all_back_and_counts_no_attempt),
		CONTRACT(an_event_that_was_tried_often_comes_alone),
		CONTRACT(a_suspect_is_finished_before_more_is_handed_over),
		CONTRACT(nothing_is_in_hand_beside_a_suspect),
		CONTRACT(an_alarm_commits_without_a_flush),
		CONTRACT(a_detached_feed_is_not_called),
		CONTRACT(threads_ack_while_one_pulls),
		CONTRACT(a_child_is_refused_and_does_no_harm),
		CONTRACT(bad_arguments_are_refused),
		CONTRACT(want_of_memory_leaves_nothing_behind),
	};
#undef CONTRACT

	if (argc < 2) {
		fprintf(stderr, "usage: %s memory|log\n", argv[0]);
		return 2;
	}
	kind = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
