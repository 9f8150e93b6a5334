/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <pthread.h>

#include <datapipe/datapipe.h>

#include "base/bytes.h"
#include "base/uuid.h"
#include "manual_hub.h"

/* Many threads and one publisher: run these under TSan. */

enum { THREADS = 4, EVENTS = 3000 };

struct story {
	dp_runtime *rt;
	struct manual_hub hub;
	dp_publisher *pub;
	uint32_t stopped;
	uint64_t completed; /* by callbacks */
	dp_status flush_status[THREADS];
};

struct thread {
	struct story *story;
	uint32_t number;
	pthread_t id;
};

static void start_story(
	struct story *s, const dp_publisher_options *given, dp_ack ack)
{
	dp_publisher_options opts = *given;

	*s = (struct story){0};
	opts.topic = "ramp.test";
	opts.source = "test-service";
	opts.ack = ack;
	opts.user = s;
	assert_int_equal(dp_runtime_new(&s->rt, NULL, NULL), DP_OK);
	manual_hub_init(&s->hub, s->rt);
	assert_int_equal(
		dp_publisher_new(&s->pub, &s->hub.hub, &opts, NULL), DP_OK);
}

static void end_story(struct story *s)
{
	manual_hub_fini(&s->hub);
	dp_runtime_free(s->rt);
}

static void *commit_again_and_again(void *arg)
{
	struct story *s = arg;

	while (__atomic_load_n(&s->stopped, __ATOMIC_ACQUIRE) == 0) {
		manual_hub_commit(&s->hub);
	}
	return NULL;
}

static void *publish_numbers(void *arg)
{
	struct thread *t = arg;
	uint8_t payload[8];
	dp_event ev = DP_EVENT_INIT;

	ev.type = "t";
	ev.payload.data = payload;
	ev.payload.size = sizeof(payload);
	dpi_store_u32(payload, t->number);
	for (uint32_t i = 0; i < EVENTS; i++) {
		dpi_store_u32(payload + 4, i);
		if (dp_publisher_publish(
			    t->story->pub, &ev, DP_FOREVER, NULL) != DP_OK) {
			return NULL;
		}
	}
	return NULL;
}

static void *publish_and_flush_numbers(void *arg)
{
	struct thread *t = arg;
	dp_event ev = DP_EVENT_INIT;

	ev.type = "t";
	for (uint32_t i = 0; i < EVENTS / 10; i++) {
		dp_status st = dp_publisher_publish(
			t->story->pub, &ev, DP_FOREVER, NULL);

		if (st == DP_OK) {
			st = dp_publisher_flush(
				t->story->pub, DP_FOREVER, NULL);
		}
		if (st != DP_OK) {
			t->story->flush_status[t->number] = st;
		}
	}
	return NULL;
}

static void run_threads(struct story *s, void *(*run)(void *arg))
{
	struct thread threads[THREADS];

	for (uint32_t i = 0; i < THREADS; i++) {
		threads[i] = (struct thread){.story = s, .number = i};
		assert_int_equal(
			pthread_create(&threads[i].id, NULL, run, &threads[i]),
			0);
	}
	for (uint32_t i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i].id, NULL), 0);
	}
}

/* Sequence numbers are dense; each thread's events are all there, in order. */
static void assert_complete_and_in_order(const struct manual_hub *hub)
{
	const uint8_t *record = hub->bytes;
	uint32_t next[THREADS] = {0};

	assert_int_equal(hub->count, THREADS * EVENTS);
	for (size_t i = 0; i < hub->count; i++) {
		uint32_t size = dpi_record_size(record);
		dp_message msg;
		uint32_t thread;

		assert_true(dpi_record_parse(&msg, record, size));
		assert_int_equal(dpi_uuid_seq(record + 16), i);
		thread = dpi_load_u32(msg.payload.data);
		assert_in_range(thread, 0, THREADS - 1);
		assert_int_equal(
			dpi_load_u32((const uint8_t *)msg.payload.data + 4),
			next[thread]);
		next[thread]++;
		record += size;
	}
}

static void test_publisher_threads_lose_nothing_and_keep_order(void **state)
{
	static struct story s;
	dp_publisher_options opts = DP_PUBLISHER_OPTIONS_INIT;
	pthread_t committer;

	(void)state;
	opts.limit_events = 500;
	start_story(&s, &opts, DP_ACK_DURABLE);
	assert_int_equal(
		pthread_create(&committer, NULL, commit_again_and_again, &s),
		0);
	run_threads(&s, publish_numbers);
	assert_int_equal(dp_publisher_flush(s.pub, DP_FOREVER, NULL), DP_OK);
	__atomic_store_n(&s.stopped, 1, __ATOMIC_RELEASE);
	assert_int_equal(pthread_join(committer, NULL), 0);
	dp_publisher_free(s.pub);
	assert_complete_and_in_order(&s.hub);
	end_story(&s);
}

static void test_publisher_threads_that_flush_follow_one_leader(void **state)
{
	static struct story s;
	dp_publisher_options opts = DP_PUBLISHER_OPTIONS_INIT;

	(void)state;
	start_story(&s, &opts, DP_ACK_DURABLE);
	s.hub.commits_when_due = true;
	run_threads(&s, publish_and_flush_numbers);
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(s.flush_status[i], DP_OK);
	}
	dp_publisher_free(s.pub);
	assert_int_equal(s.hub.count, THREADS * (EVENTS / 10));
	end_story(&s);
}

static void count_completions(
	void *user, const dp_completion *items, size_t count)
{
	struct story *s = user;

	for (size_t i = 0; i < count; i++) {
		s->completed += items[i].status == DP_OK;
	}
}

static void test_publisher_threads_hear_of_each_event_once(void **state)
{
	static struct story s;
	dp_publisher_options opts = DP_PUBLISHER_OPTIONS_INIT;
	pthread_t committer;

	(void)state;
	opts.on_completion = count_completions;
	opts.limit_events = 700;
	start_story(&s, &opts, DP_ACK_WRITTEN);
	assert_int_equal(
		pthread_create(&committer, NULL, commit_again_and_again, &s),
		0);
	run_threads(&s, publish_numbers);
	assert_int_equal(dp_publisher_flush(s.pub, DP_FOREVER, NULL), DP_OK);
	__atomic_store_n(&s.stopped, 1, __ATOMIC_RELEASE);
	assert_int_equal(pthread_join(committer, NULL), 0);
	dp_publisher_free(s.pub);
	assert_int_equal(s.completed, THREADS * EVENTS);
	end_story(&s);
}

static void *publish_one_more(void *arg)
{
	struct story *s = arg;
	dp_event ev = DP_EVENT_INIT;

	ev.type = "t";
	s->flush_status[0] =
		dp_publisher_publish(s->pub, &ev, DP_FOREVER, NULL);
	return NULL;
}

/* Its completion holds the room, and nobody polls. */
static void test_publisher_threads_without_room_hear_of_the_end(void **state)
{
	static struct story s;
	dp_publisher_options opts = DP_PUBLISHER_OPTIONS_INIT;
	dp_publisher_stats stats = {.struct_size = sizeof(stats)};
	dp_event ev = DP_EVENT_INIT;
	pthread_t waiter;

	(void)state;
	opts.flags = DP_PUBLISHER_POLL;
	opts.limit_events = 1;
	start_story(&s, &opts, DP_ACK_DURABLE);
	ev.type = "t";
	assert_int_equal(dp_publisher_publish(s.pub, &ev, 0, NULL), DP_OK);
	assert_int_equal(
		pthread_create(&waiter, NULL, publish_one_more, &s), 0);
	/* It asks for a commit before it sleeps. */
	while (stats.wakeups < 2) {
		assert_int_equal(
			dp_publisher_get_stats(s.pub, &stats, NULL), DP_OK);
	}
	s.hub.answer = DP_EIO;
	manual_hub_commit(&s.hub);
	assert_int_equal(pthread_join(waiter, NULL), 0);
	assert_int_equal(s.flush_status[0], DP_ECLOSED);
	dp_publisher_free(s.pub);
	end_story(&s);
}

/* Tries again what failed, as an application may. */
static void publish_failed_again(
	void *user, const dp_completion *items, size_t count)
{
	struct story *s = user;
	dp_event ev = DP_EVENT_INIT;

	ev.type = "t";
	for (size_t i = 0; i < count; i++) {
		s->completed++;
		if (items[i].status != DP_OK) {
			s->flush_status[0] =
				dp_publisher_publish(s->pub, &ev, 0, NULL);
		}
	}
}

static void an_event_offered_while_its_publisher_goes_is_refused(void **state)
{
	static struct story s;
	dp_publisher_options opts = DP_PUBLISHER_OPTIONS_INIT;
	dp_event ev = DP_EVENT_INIT;

	(void)state;
	opts.on_completion = publish_failed_again;
	start_story(&s, &opts, DP_ACK_DURABLE);
	s.hub.commits_when_due = true;
	s.hub.answer = DP_ENOSPC;
	ev.type = "t";
	assert_int_equal(dp_publisher_publish(s.pub, &ev, 0, NULL), DP_OK);
	dp_publisher_free(s.pub);
	assert_int_equal(s.flush_status[0], DP_ECLOSED);
	assert_int_equal(s.completed, 1);
	end_story(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_publisher_threads_lose_nothing_and_keep_order),
		cmocka_unit_test(
			test_publisher_threads_that_flush_follow_one_leader),
		cmocka_unit_test(
			test_publisher_threads_hear_of_each_event_once),
		cmocka_unit_test(
			test_publisher_threads_without_room_hear_of_the_end),
		cmocka_unit_test(
			an_event_offered_while_its_publisher_goes_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
