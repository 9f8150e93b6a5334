/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "faulty_os.h"
#include "hub/hub.h"
#include "sim_os.h"
#include "test_feed.h"
#include "test_heap.h"

/*
 * Events that go from the thread that has them to the one that waits for them,
 * with one wake-up and no timer: what is committed on a caller's own thread,
 * and how a pull sleeps.
 */

#define MEMORY "memory:m"
#define LOG "log:/log"

struct fixture {
	struct sim_disk *disk;
	struct faulty_os faulty;
	dpi_os os; /* the same, but for wait */
	struct test_heap heap;
	dp_runtime *rt;
	dp_hub *hub;
	dpi_writer *writer;
	struct test_feed feed; /* attached */
	pthread_t main;
	long syncs; /* by the main thread */

	dp_subscription *sleeper; /* interrupted when it sleeps, or NULL */
	dp_time_ns slept_until;
};

static struct fixture *fixture;

/* The main thread does not sleep: it is told not to. */
static int spy_wait(
	void *self, uint32_t *word, uint32_t expected, dp_time_ns deadline_ns)
{
	struct fixture *f = fixture;

	if (pthread_equal(pthread_self(), f->main) && f->sleeper != NULL) {
		f->slept_until = deadline_ns;
		dp_subscription_interrupt(f->sleeper);
	}
	return f->faulty.os.wait(self, word, expected, deadline_ns);
}

static void count_syncs(void *user, faulty_call call, long number)
{
	struct fixture *f = user;

	(void)number;
	f->syncs += call == FAULTY_FDATASYNC &&
		pthread_equal(pthread_self(), f->main);
}

static void open_hub(struct fixture *f, const char *address)
{
	dp_runtime_options opts = DP_RUNTIME_OPTIONS_INIT;

	faulty_os_init(&f->faulty, sim_disk_start(f->disk));
	f->faulty.hook = count_syncs;
	f->faulty.hook_user = f;
	f->os = f->faulty.os;
	f->os.wait = spy_wait;
	opts.allocator = &f->heap.alloc;
	assert_int_equal(dpi_runtime_new(&f->rt, &opts, &f->os, NULL), DP_OK);
	assert_int_equal(
		dp_hub_open(&f->hub, f->rt, address, NULL, NULL), DP_OK);
}

/* Where nobody can be woken, the hub's thread sleeps all the time. */
static void start_as(
	struct fixture *f, const char *address, dp_ack level, bool wakes)
{
	*f = (struct fixture){.main = pthread_self()};
	fixture = f;
	test_heap_init(&f->heap);
	f->disk = sim_disk_new(1);
	open_hub(f, address);
	if (!wakes) {
		faulty_os_fail(&f->faulty, FAULTY_ALARM_SET, 0, EAGAIN, true);
	}
	assert_int_equal(
		f->hub->ops->writer(f->hub, "t", &f->writer, NULL), DP_OK);
	test_feed_init(&f->feed, level);
	f->writer->ops->attach(f->writer, &f->feed.feed);
}

static void start(struct fixture *f, const char *address, dp_ack level)
{
	start_as(f, address, level, true);
}

static void close_hub(struct fixture *f)
{
	f->writer->ops->detach(f->writer, &f->feed.feed);
	f->writer->ops->release(f->writer);
	dp_hub_close(f->hub);
	dp_runtime_free(f->rt);
}

static void stop(struct fixture *f)
{
	close_hub(f);
	test_feed_fini(&f->feed);
	assert_int_equal(f->heap.live_bytes, 0);
	sim_disk_free(f->disk);
}

static bool offer(struct fixture *f)
{
	test_feed_add_text(&f->feed, "an event");
	return f->writer->ops->try_commit(f->writer);
}

static void check_commits(const char *address)
{
	struct fixture f;

	start(&f, address, DP_ACK_WRITTEN);
	assert_true(offer(&f));
	assert_int_equal(f.feed.ok, 1);
	assert_true(offer(&f));
	assert_int_equal(f.feed.ok, 2);
	stop(&f);
}

static void events_that_wait_for_no_sync_are_committed_by_the_caller(
	void **state)
{
	(void)state;
	check_commits(MEMORY);
	check_commits(LOG);
}

static void a_sync_is_left_to_the_hubs_thread(void **state)
{
	struct test_feed other;
	struct fixture f;

	(void)state;
	start(&f, LOG, DP_ACK_WRITTEN);
	test_feed_init(&other, DP_ACK_DURABLE);
	f.writer->ops->attach(f.writer, &other.feed);
	assert_false(offer(&f));
	assert_int_equal(f.feed.ok, 0);
	f.writer->ops->detach(f.writer, &other.feed);
	assert_true(f.writer->ops->try_commit(f.writer));
	assert_int_equal(f.feed.ok, 1);
	test_feed_fini(&other);
	stop(&f);
}

/* The hub's thread, which nobody can wake, leaves the sync that is due. */
static void what_was_written_is_not_synced_by_who_writes_more(void **state)
{
	struct fixture f;
	long before;

	(void)state;
	start_as(&f, LOG, DP_ACK_WRITTEN, false);
	assert_true(offer(&f));
	before = f.syncs;
	virtual_clock_advance(sim_disk_clock(f.disk), 3600 * DP_SECOND);
	assert_true(offer(&f));
	assert_int_equal(f.syncs, before);
	f.writer->ops->commit(f.writer);
	assert_int_equal(f.syncs, before + 1);
	faulty_os_heal(&f.faulty);
	stop(&f);
}

/* A feed that is asked while it commits. */
struct nested {
	dpi_feed feed;
	dpi_writer *writer;
	int asked;
	int refused;
};

static dpi_chunk *try_inside(dpi_feed *feed)
{
	struct nested *n = (struct nested *)feed;

	n->asked++;
	n->refused += !n->writer->ops->try_commit(n->writer);
	return NULL;
}

static void check_one(const char *address)
{
	struct nested n = {
		.feed = {.collect = try_inside, .level = DP_ACK_WRITTEN}};
	struct fixture f;

	start(&f, address, DP_ACK_WRITTEN);
	n.writer = f.writer;
	f.writer->ops->attach(f.writer, &n.feed);
	assert_true(f.writer->ops->try_commit(f.writer));
	f.writer->ops->commit(f.writer);
	assert_int_equal(n.asked, 2);
	assert_int_equal(n.refused, 2);
	f.writer->ops->detach(f.writer, &n.feed);
	stop(&f);
}

static void one_thread_commits_at_a_time(void **state)
{
	(void)state;
	check_one(MEMORY);
	check_one(LOG);
}

static dp_subscription *subscribe(struct fixture *f)
{
	dp_subscription_options opts = DP_SUBSCRIPTION_OPTIONS_INIT;
	dp_subscription *sub = NULL;

	opts.topics = "t";
	opts.read_level = DP_ACK_WRITTEN;
	assert_int_equal(
		dp_subscription_open(&sub, f->hub, "s", &opts, NULL), DP_OK);
	return sub;
}

static void take_one(dp_subscription *sub)
{
	dp_batch *batch = NULL;

	assert_int_equal(dp_subscription_pull(sub, &batch, 10, 0, NULL), DP_OK);
	assert_int_equal(dp_batch_count(batch), 1);
	assert_int_equal(dp_subscription_ack_batch(sub, batch, NULL), DP_OK);
	dp_batch_unref(batch);
}

static void check_sleeps(const char *address)
{
	dp_batch *batch = NULL;
	struct fixture f;

	start(&f, address, DP_ACK_WRITTEN);
	f.sleeper = subscribe(&f);
	for (int i = 0; i < 4; i++) {
		assert_true(offer(&f));
		take_one(f.sleeper);
		f.slept_until = 0;
		assert_int_equal(dp_subscription_pull(f.sleeper, &batch, 10,
					 DP_FOREVER, NULL),
			DP_ECANCELED);
		assert_true(f.slept_until == DP_FOREVER);
	}
	dp_subscription_close(f.sleeper);
	f.sleeper = NULL;
	stop(&f);
}

/* Not for its place either, though the last of it was not saved by the ack. */
static void a_pull_sleeps_without_a_timer_when_all_is_acked(void **state)
{
	(void)state;
	check_sleeps(MEMORY);
	check_sleeps(LOG);
}

static void what_was_acked_before_a_pull_does_not_come_again(void **state)
{
	dp_subscription *sub;
	dp_batch *batch = NULL;
	struct fixture f;

	(void)state;
	start(&f, LOG, DP_ACK_WRITTEN);
	sub = subscribe(&f);
	for (int i = 0; i < 4; i++) {
		assert_true(offer(&f));
		take_one(sub);
	}
	assert_int_equal(
		dp_subscription_pull(sub, &batch, 10, 0, NULL), DP_ETIMEDOUT);
	assert_true(offer(&f));
	sim_disk_kill(f.faulty.inner);
	dp_subscription_close(sub);
	close_hub(&f);

	open_hub(&f, LOG);
	sub = subscribe(&f);
	take_one(sub);
	dp_subscription_close(sub);
	dp_hub_close(f.hub);
	dp_runtime_free(f.rt);
	test_feed_fini(&f.feed);
	sim_disk_free(f.disk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			events_that_wait_for_no_sync_are_committed_by_the_caller),
		cmocka_unit_test(a_sync_is_left_to_the_hubs_thread),
		cmocka_unit_test(
			what_was_written_is_not_synced_by_who_writes_more),
		cmocka_unit_test(one_thread_commits_at_a_time),
		cmocka_unit_test(
			a_pull_sleeps_without_a_timer_when_all_is_acked),
		cmocka_unit_test(
			what_was_acked_before_a_pull_does_not_come_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
