/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "base/thread.h"
#include "hub/hub.h"
#include "test_feed.h"
#include "test_heap.h"

/* What is the memory hub's alone; contract_hub.c has the rest. */

#define LIMIT 4096u

struct fixture {
	struct test_heap heap;
	dp_runtime *rt;
	dp_hub *hub;
	dpi_writer *writer;
	struct test_feed feed;
};

static dp_hub *open_hub(struct fixture *f, dp_full_policy policy)
{
	dp_hub_options opts = DP_HUB_OPTIONS_INIT;
	dp_hub *hub = NULL;

	opts.retention_bytes = LIMIT;
	opts.full_policy = policy;
	assert_int_equal(
		dp_hub_open(&hub, f->rt, "memory:m", &opts, NULL), DP_OK);
	return hub;
}

static struct fixture *start(dp_full_policy policy)
{
	dp_runtime_options opts = DP_RUNTIME_OPTIONS_INIT;
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	test_heap_init(&f->heap);
	opts.allocator = &f->heap.alloc;
	assert_int_equal(dp_runtime_new(&f->rt, &opts, NULL), DP_OK);
	f->hub = open_hub(f, policy);
	assert_int_equal(
		f->hub->ops->writer(f->hub, "t", &f->writer, NULL), DP_OK);
	test_feed_init(&f->feed, DP_ACK_DURABLE);
	f->writer->ops->attach(f->writer, &f->feed.feed);
	return f;
}

static void stop(struct fixture *f)
{
	f->writer->ops->detach(f->writer, &f->feed.feed);
	f->writer->ops->release(f->writer);
	test_feed_fini(&f->feed);
	dp_hub_close(f->hub);
	dp_runtime_free(f->rt);
	assert_int_equal(f->heap.live_bytes, 0);
	free(f);
}

static dp_subscription *subscribe(struct fixture *f)
{
	dp_subscription_options opts = DP_SUBSCRIPTION_OPTIONS_INIT;
	dp_subscription *sub = NULL;

	opts.topics = "t";
	assert_int_equal(
		dp_subscription_open(&sub, f->hub, "s", &opts, NULL), DP_OK);
	return sub;
}

/* Adds single events until the hub has seen twice its limit. */
static void overfill(struct fixture *f)
{
	for (unsigned i = 0; i < 2 * LIMIT / 50; i++) {
		test_feed_add_text(&f->feed, "payload");
	}
}

static size_t drain(dp_subscription *sub)
{
	dp_batch *batch = NULL;
	size_t count = 0;

	while (dp_subscription_pull(sub, &batch, 1000, 0, NULL) == DP_OK) {
		count += dp_batch_count(batch);
		assert_int_equal(
			dp_subscription_ack_batch(sub, batch, NULL), DP_OK);
		dp_batch_unref(batch);
	}
	return count;
}

static void a_full_hub_refuses_and_takes_again(void **state)
{
	struct fixture *f = start(DP_FULL_REJECT);
	dp_subscription *sub = subscribe(f);
	size_t accepted;

	(void)state;
	overfill(f);
	f->writer->ops->commit(f->writer);
	assert_true(f->feed.failed > 0);
	assert_int_equal(f->feed.worst, DP_ENOSPC);
	accepted = f->feed.ok;
	assert_int_equal(accepted + f->feed.failed, f->feed.added);
	assert_int_equal(drain(sub), accepted);
	test_feed_add_text(&f->feed, "again");
	/* The place is told with the next pull. */
	assert_int_equal(drain(sub), 0);
	dp_subscription_close(sub);
	f->writer->ops->commit(f->writer);
	assert_int_equal(f->feed.ok, accepted + 1);
	stop(f);
}

static void what_nobody_waits_for_makes_room(void **state)
{
	struct fixture *f = start(DP_FULL_REJECT);

	(void)state;
	overfill(f);
	f->writer->ops->commit(f->writer);
	assert_int_equal(f->feed.failed, 0);
	stop(f);
}

static void the_oldest_are_dropped_and_counted(void **state)
{
	struct fixture *f = start(DP_FULL_DROP_OLDEST);
	dp_subscription *sub = subscribe(f);
	dp_hub_stats stats = {.struct_size = sizeof(stats)};
	size_t left;

	(void)state;
	overfill(f);
	f->writer->ops->commit(f->writer);
	assert_int_equal(f->feed.failed, 0);
	left = drain(sub);
	assert_int_equal(dp_hub_get_stats(f->hub, &stats, NULL), DP_OK);
	assert_true(stats.dropped_events > 0);
	assert_int_equal(left + stats.dropped_events, f->feed.added);
	dp_subscription_close(sub);
	stop(f);
}

static void *commit(void *arg)
{
	struct fixture *f = arg;

	f->writer->ops->commit(f->writer);
	return NULL;
}

static void a_commit_waits_until_there_is_room(void **state)
{
	struct fixture *f = start(DP_FULL_BLOCK);
	dp_subscription *sub = subscribe(f);
	pthread_t thread;
	size_t got = 0;

	(void)state;
	overfill(f);
	pthread_create(&thread, NULL, commit, f);
	while (got < f->feed.added) {
		dp_batch *batch = NULL;

		assert_int_equal(dp_subscription_pull(
					 sub, &batch, 10, 10 * DP_SECOND, NULL),
			DP_OK);
		got += dp_batch_count(batch);
		assert_int_equal(
			dp_subscription_ack_batch(sub, batch, NULL), DP_OK);
		dp_batch_unref(batch);
	}
	dpi_thread_join(thread);
	assert_int_equal(f->feed.ok, f->feed.added);
	dp_subscription_close(sub);
	stop(f);
}

/* Nobody flushes: the hub's own thread goes on when there is room. */
static void an_armed_commit_goes_on_when_there_is_room(void **state)
{
	struct fixture *f = start(DP_FULL_BLOCK);
	dp_subscription *sub = subscribe(f);
	size_t got = 0;

	(void)state;
	overfill(f);
	f->writer->ops->arm(f->writer, 0);
	while (got < f->feed.added) {
		dp_batch *batch = NULL;

		assert_int_equal(dp_subscription_pull(
					 sub, &batch, 10, 10 * DP_SECOND, NULL),
			DP_OK);
		got += dp_batch_count(batch);
		assert_int_equal(
			dp_subscription_ack_batch(sub, batch, NULL), DP_OK);
		dp_batch_unref(batch);
	}
	test_feed_wait(&f->feed);
	assert_int_equal(f->feed.ok, f->feed.added);
	dp_subscription_close(sub);
	stop(f);
}

static size_t ok_of(struct test_feed *feed)
{
	size_t ok;

	pthread_mutex_lock(&feed->lock);
	ok = feed->ok;
	pthread_mutex_unlock(&feed->lock);
	return ok;
}

static void a_feed_that_leaves_takes_back_what_waits(void **state)
{
	struct fixture *f = start(DP_FULL_BLOCK);
	dp_subscription *sub = subscribe(f);
	struct test_feed leaving;

	(void)state;
	test_feed_init(&leaving, DP_ACK_DURABLE);
	f->writer->ops->attach(f->writer, &leaving.feed);
	for (unsigned i = 0; i < 2 * LIMIT / 50; i++) {
		test_feed_add_text(&leaving, "payload");
	}
	f->writer->ops->arm(f->writer, 0);
	/* What fits has come: the rest waits. */
	while (ok_of(&leaving) == 0) {
		dp_batch *batch = NULL;

		assert_int_equal(dp_subscription_pull(
					 sub, &batch, 1, 10 * DP_SECOND, NULL),
			DP_OK);
		dp_batch_unref(batch);
	}
	f->writer->ops->detach(f->writer, &leaving.feed);
	assert_true(leaving.failed == 0 || leaving.worst == DP_ECANCELED);
	assert_true(leaving.ok + leaving.failed <= leaving.added);
	test_feed_fini(&leaving);
	dp_subscription_close(sub);
	stop(f);
}

/* Time that goes on by waiting alone; who waits in vain again and again is
 * found out. */
static dp_time_ns now_ns;
static int waits;

static dp_time_ns passed_time(void *self)
{
	(void)self;
	return __atomic_load_n(&now_ns, __ATOMIC_SEQ_CST);
}

static int wait_in_vain(
	void *self, uint32_t *word, uint32_t expected, dp_time_ns deadline_ns)
{
	(void)word;
	(void)expected;
	assert_true(++waits < 100);
	if (deadline_ns > passed_time(self)) {
		__atomic_store_n(&now_ns, deadline_ns, __ATOMIC_SEQ_CST);
	}
	return -ETIMEDOUT;
}

/* Gives the first event of the next batch back, and keeps the second. */
static void hand_one_of_two_back(dp_subscription *sub)
{
	dp_batch *batch = NULL;

	assert_int_equal(dp_subscription_pull(sub, &batch, 2, 0, NULL), DP_OK);
	assert_int_equal(dp_batch_count(batch), 2);
	assert_int_equal(
		dp_subscription_nack(sub, dp_batch_message(batch, 0), 0, NULL),
		DP_OK);
	dp_batch_unref(batch);
}

static void a_pull_sleeps_while_another_waits_for_its_partition(void **state)
{
	dpi_os os = *dpi_os_real();
	dp_subscription_options opts = DP_SUBSCRIPTION_OPTIONS_INIT;
	dp_subscription *subs[2] = {NULL, NULL};
	dpi_writer *writer = NULL;
	dp_batch *batch = NULL;
	dp_runtime *rt = NULL;
	dp_hub *hub = NULL;

	(void)state;
	now_ns = DP_SECOND;
	waits = 0;
	os.monotonic = passed_time;
	os.wait = wait_in_vain;
	assert_int_equal(dpi_runtime_new(&rt, NULL, &os, NULL), DP_OK);
	assert_int_equal(dp_hub_open(&hub, rt, "memory:m", NULL, NULL), DP_OK);
	opts.topics = "*";
	assert_int_equal(
		dp_subscription_open(&subs[0], hub, "s", &opts, NULL), DP_OK);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(hub->ops->writer(hub, i == 0 ? "a" : "b",
					 &writer, NULL),
			DP_OK);
		test_feed_append(writer, "x", 2);
		writer->ops->release(writer);
	}
	hand_one_of_two_back(subs[0]);
	hand_one_of_two_back(subs[0]);
	assert_int_equal(
		dp_subscription_open(&subs[1], hub, "s", &opts, NULL), DP_OK);
	assert_int_equal(
		dp_subscription_pull(subs[0], &batch, 1, 0, NULL), DP_OK);
	dp_batch_unref(batch);
	assert_int_equal(
		dp_subscription_pull(subs[0], &batch, 1, 30 * DP_SECOND, NULL),
		DP_ETIMEDOUT);
	dp_subscription_close(subs[0]);
	dp_subscription_close(subs[1]);
	dp_hub_close(hub);
	dp_runtime_free(rt);
}

static void hubs_of_one_name_share_and_others_do_not(void **state)
{
	struct fixture *f = start(DP_FULL_REJECT);
	dp_hub *same = open_hub(f, DP_FULL_REJECT);
	dp_hub *other = NULL;
	dp_hub_stats stats = {.struct_size = sizeof(stats)};

	(void)state;
	assert_int_equal(
		dp_hub_open(&other, f->rt, "memory:n", NULL, NULL), DP_OK);
	assert_int_equal(dp_hub_get_stats(same, &stats, NULL), DP_OK);
	assert_int_equal(stats.topics, 1);
	assert_int_equal(dp_hub_get_stats(other, &stats, NULL), DP_OK);
	assert_int_equal(stats.topics, 0);
	dp_hub_close(same);
	dp_hub_close(other);
	stop(f);
}

static void what_is_in_a_hub_waits_for_its_next_opening(void **state)
{
	struct fixture *f = start(DP_FULL_REJECT);
	dp_hub *before = f->hub;
	dp_subscription *sub;

	(void)state;
	test_feed_add_text(&f->feed, "kept");
	f->writer->ops->commit(f->writer);
	f->writer->ops->detach(f->writer, &f->feed.feed);
	dp_hub_close(before);
	f->hub = open_hub(f, DP_FULL_REJECT);
	sub = subscribe(f);
	assert_int_equal(drain(sub), 1);
	dp_subscription_close(sub);
	assert_int_equal(
		f->hub->ops->writer(f->hub, "t", &f->writer, NULL), DP_OK);
	assert_int_equal(f->writer->name.partition, 0);
	f->writer->ops->attach(f->writer, &f->feed.feed);
	stop(f);
}

static void bad_addresses_and_options_are_refused(void **state)
{
	struct fixture *f = start(DP_FULL_REJECT);
	const char *bad[] = {"", "memory:", "memory:a/b", "log:", "kafka:x"};
	dp_hub_options opts = DP_HUB_OPTIONS_INIT;
	dp_hub *hub = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(dp_hub_open(&hub, f->rt, bad[i], NULL, NULL),
			DP_EINVAL);
	}
	opts.segment_bytes = 1;
	assert_int_equal(
		dp_hub_open(&hub, f->rt, "memory:x", &opts, NULL), DP_EINVAL);
	opts = (dp_hub_options)DP_HUB_OPTIONS_INIT;
	opts.full_policy = 4;
	assert_int_equal(
		dp_hub_open(&hub, f->rt, "memory:x", &opts, NULL), DP_EINVAL);
	opts = (dp_hub_options)DP_HUB_OPTIONS_INIT;
	opts.retention_ns = -1;
	assert_int_equal(
		dp_hub_open(&hub, f->rt, "memory:x", &opts, NULL), DP_EINVAL);
	opts = (dp_hub_options)DP_HUB_OPTIONS_INIT;
	opts.retention_forced = 2;
	assert_int_equal(
		dp_hub_open(&hub, f->rt, "memory:x", &opts, NULL), DP_EINVAL);
	opts.struct_size = 0;
	assert_int_equal(
		dp_hub_open(&hub, f->rt, "memory:x", &opts, NULL), DP_EABI);
	assert_int_equal(
		dp_hub_open(&hub, NULL, "memory:x", NULL, NULL), DP_EINVAL);
	assert_null(hub);
	stop(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_hub_refuses_and_takes_again),
		cmocka_unit_test(what_nobody_waits_for_makes_room),
		cmocka_unit_test(the_oldest_are_dropped_and_counted),
		cmocka_unit_test(a_commit_waits_until_there_is_room),
		cmocka_unit_test(an_armed_commit_goes_on_when_there_is_room),
		cmocka_unit_test(a_feed_that_leaves_takes_back_what_waits),
		cmocka_unit_test(
			a_pull_sleeps_while_another_waits_for_its_partition),
		cmocka_unit_test(hubs_of_one_name_share_and_others_do_not),
		cmocka_unit_test(what_is_in_a_hub_waits_for_its_next_opening),
		cmocka_unit_test(bad_addresses_and_options_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
