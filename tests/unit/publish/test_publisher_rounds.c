/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <limits.h>
#include <pthread.h>

#include <datapipe/datapipe.h>

#include "manual_hub.h"
#include "publish/publisher.h"

/*
 * Threads that flush while one of them is at the disk: who is woken, when. The
 * first commit is held up after it has collected, until the others sleep.
 */

enum { FOLLOWERS = 3 };
/* Each takes a chunk of its own. */
enum { PAYLOAD = 40000 };

struct story {
	dpi_os os; /* the real one, but for wake */
	dp_runtime *rt;
	struct manual_hub hub;
	dp_publisher *pub;

	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t changed;
	int collections;
	bool goes_on;
	int called_one; /* calls that woke one thread that flushes */
	int called_all;
};

struct flusher {
	struct story *story;
	dp_time_ns timeout_ns;
	dp_status status;
	pthread_t thread;
};

/* A hook is told of the feed or the word alone. */
static struct story *held;

static void count_wake(void *self, uint32_t *word, int count)
{
	const dpi_os *real = dpi_os_real();
	struct story *s = held;

	(void)self;
	(void)pthread_mutex_lock(&s->lock);
	if (s->pub != NULL &&
		(word == &s->pub->news[0].word ||
			word == &s->pub->news[1].word)) {
		s->called_one += count == 1;
		s->called_all += count == INT_MAX;
	}
	(void)pthread_mutex_unlock(&s->lock);
	real->wake(real->self, word, count);
}

static dpi_chunk *collect_and_wait(dpi_feed *feed)
{
	dpi_chunk *chunks = dpi_publisher_collect(feed);
	struct story *s = held;

	(void)pthread_mutex_lock(&s->lock);
	s->collections++;
	(void)pthread_cond_broadcast(&s->changed);
	while (!s->goes_on) {
		(void)pthread_cond_wait(&s->changed, &s->lock);
	}
	(void)pthread_mutex_unlock(&s->lock);
	return chunks;
}

static void start_story(struct story *s)
{
	dp_publisher_options opts = DP_PUBLISHER_OPTIONS_INIT;

	*s = (struct story){.os = *dpi_os_real()};
	held = s;
	(void)pthread_mutex_init(&s->lock, NULL);
	(void)pthread_cond_init(&s->changed, NULL);
	s->os.wake = count_wake;
	opts.topic = "ramp.test";
	opts.source = "test-service";
	assert_int_equal(dpi_runtime_new(&s->rt, NULL, &s->os, NULL), DP_OK);
	manual_hub_init(&s->hub, s->rt);
	assert_int_equal(
		dp_publisher_new(&s->pub, &s->hub.hub, &opts, NULL), DP_OK);
	s->hub.feed->collect = collect_and_wait;
}

static void end_story(struct story *s)
{
	dp_publisher_free(s->pub);
	s->pub = NULL;
	manual_hub_fini(&s->hub);
	dp_runtime_free(s->rt);
	(void)pthread_cond_destroy(&s->changed);
	(void)pthread_mutex_destroy(&s->lock);
}

static void *publish_and_flush(void *arg)
{
	static const uint8_t payload[PAYLOAD];
	struct flusher *f = arg;
	dp_event ev = DP_EVENT_INIT;

	ev.type = "t";
	ev.payload.data = payload;
	ev.payload.size = sizeof(payload);
	f->status = dp_publisher_publish(f->story->pub, &ev, DP_FOREVER, NULL);
	if (f->status == DP_OK) {
		f->status =
			dp_publisher_flush(f->story->pub, f->timeout_ns, NULL);
	}
	return NULL;
}

static void start_flusher(
	struct story *s, struct flusher *f, dp_time_ns timeout_ns)
{
	*f = (struct flusher){.story = s, .timeout_ns = timeout_ns};
	assert_int_equal(
		pthread_create(&f->thread, NULL, publish_and_flush, f), 0);
}

/* Its commit has collected, and is held up. */
static void start_leader(struct story *s, struct flusher *f)
{
	start_flusher(s, f, DP_FOREVER);
	(void)pthread_mutex_lock(&s->lock);
	while (s->collections == 0) {
		(void)pthread_cond_wait(&s->changed, &s->lock);
	}
	(void)pthread_mutex_unlock(&s->lock);
}

static void await_sleepers(struct story *s, uint32_t count)
{
	uint32_t found;

	do {
		dpi_publisher_lock(s->pub);
		found = s->pub->news[0].waits + s->pub->news[1].waits;
		dpi_publisher_unlock(s->pub);
	} while (found < count);
}

static void go_on(struct story *s)
{
	(void)pthread_mutex_lock(&s->lock);
	s->goes_on = true;
	(void)pthread_cond_broadcast(&s->changed);
	(void)pthread_mutex_unlock(&s->lock);
}

static void assert_flushed(struct flusher *f)
{
	assert_int_equal(pthread_join(f->thread, NULL), 0);
	assert_int_equal(f->status, DP_OK);
}

static void the_end_of_a_commit_wakes_one_thread_of_the_next(void **state)
{
	static struct story s;
	struct flusher leader;
	struct flusher followers[FOLLOWERS];

	(void)state;
	start_story(&s);
	start_leader(&s, &leader);
	for (int i = 0; i < FOLLOWERS; i++) {
		start_flusher(&s, &followers[i], DP_FOREVER);
	}
	await_sleepers(&s, FOLLOWERS);
	go_on(&s);
	assert_flushed(&leader);
	for (int i = 0; i < FOLLOWERS; i++) {
		assert_flushed(&followers[i]);
	}
	assert_int_equal(s.hub.commits, 2);
	assert_int_equal(s.called_one, 1);
	/* At the end of the next, once for all chunks. */
	assert_int_equal(s.called_all, 1);
	end_story(&s);
}

static void a_thread_with_a_deadline_is_not_left_to_lead(void **state)
{
	static struct story s;
	struct flusher leader;
	struct flusher timed;
	struct flusher follower;

	(void)state;
	start_story(&s);
	start_leader(&s, &leader);
	start_flusher(&s, &timed, 20 * DP_SECOND);
	await_sleepers(&s, 1);
	start_flusher(&s, &follower, DP_FOREVER);
	await_sleepers(&s, 2);
	go_on(&s);
	assert_flushed(&leader);
	assert_flushed(&follower);
	assert_flushed(&timed);
	end_story(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			the_end_of_a_commit_wakes_one_thread_of_the_next),
		cmocka_unit_test(a_thread_with_a_deadline_is_not_left_to_lead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
