/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "faulty_os.h"
#include "hub/log/log_hub.h"
#include "log_contents.h"
#include "log_rig.h"
#include "sim_os.h"
#include "test_feed.h"

/*
 * Two processes that do the same at the same time: the second one does all of
 * it in the midst of the first one's, between each two calls of the system.
 */

#define DIRECTORY "/log"
#define TOPIC "shop"
#define EVENTS 100 /* of a commit; eight fill a segment */
#define COMMITS 12

struct midway {
	struct sim_disk *disk;
	struct faulty_os faulty; /* of the first */
	const dpi_os *other;     /* of the second */
	pthread_t thread;        /* of the test; others have no say */
	struct log_rig first;
	struct log_rig second;
	long calls_left; /* until it is the second one's turn */
	void (*turn)(struct midway *m);
	bool is_counting;
	bool had_turn;
	dp_status status; /* of the second one */
	size_t acked;     /* its commits */
};

static void count_down(void *user, faulty_call call, long number)
{
	struct midway *m = user;

	(void)number;
	if (call < FAULTY_CAN_FAIL &&
		pthread_equal(pthread_self(), m->thread) && m->is_counting &&
		!m->had_turn && --m->calls_left == 0) {
		m->had_turn = true;
		m->turn(m);
	}
}

static void begin(struct midway *m, long call, void (*turn)(struct midway *m))
{
	*m = (struct midway){.calls_left = call, .turn = turn};
	m->disk = sim_disk_new(1);
	/* Who waits for the other one gives up at once. */
	virtual_clock_set_auto(sim_disk_clock(m->disk), 1);
	faulty_os_init(&m->faulty, sim_disk_start(m->disk));
	m->faulty.hook = count_down;
	m->faulty.hook_user = m;
	m->thread = pthread_self();
	m->other = sim_disk_start(m->disk);
	log_rig_init(&m->first);
	log_rig_init(&m->second);
}

/* Returns whether the second one had its turn: if not, all were tried. */
static bool end(struct midway *m)
{
	m->is_counting = false;
	log_rig_close(&m->first);
	log_rig_close(&m->second);
	sim_disk_free(m->disk);
	return m->had_turn;
}

static const uint8_t *uuid_of(const struct log_rig *rig)
{
	return ((const dpi_log_hub *)rig->hub)->uuid;
}

static void open_second(struct midway *m)
{
	m->status = log_rig_open(&m->second, m->other, DIRECTORY);
}

static bool makes_a_log(long call)
{
	struct midway m;

	begin(&m, call, open_second);
	m.is_counting = true;
	assert_int_equal(
		log_rig_open(&m.first, &m.faulty.os, DIRECTORY), DP_OK);
	if (m.had_turn && m.status == DP_OK) {
		assert_memory_equal(uuid_of(&m.first), uuid_of(&m.second),
			DPI_LOG_UUID_SIZE);
	} else if (m.had_turn) {
		assert_int_equal(m.status, DP_ETIMEDOUT);
	}
	return end(&m);
}

static void a_log_is_made_once(void **state)
{
	long call = 1;

	(void)state;
	while (makes_a_log(call)) {
		call++;
	}
	assert_true(call > 10);
}

static dp_status subscribe(struct log_rig *rig, const char *topics)
{
	dp_subscription_options opts = DP_SUBSCRIPTION_OPTIONS_INIT;
	dp_subscription *sub;
	dp_status st;

	opts.topics = topics;
	st = dp_subscription_open(&sub, rig->hub, "s", &opts, NULL);
	if (st == DP_OK) {
		dp_subscription_close(sub);
	}
	return st;
}

static void subscribe_second(struct midway *m)
{
	m->status = subscribe(&m->second, "other");
}

static bool subscribes(long call)
{
	struct midway m;
	dp_status st;

	begin(&m, call, subscribe_second);
	assert_int_equal(
		log_rig_open(&m.first, &m.faulty.os, DIRECTORY), DP_OK);
	assert_int_equal(log_rig_open(&m.second, m.other, DIRECTORY), DP_OK);
	m.is_counting = true;
	st = subscribe(&m.first, TOPIC);
	assert_true(st == DP_OK || st == DP_EEXIST);
	assert_true(!m.had_turn || (st == DP_OK) != (m.status == DP_OK));
	return end(&m);
}

static void a_subscription_is_made_for_one_pattern(void **state)
{
	long call = 1;

	(void)state;
	while (subscribes(call)) {
		call++;
	}
	assert_true(call > 10);
}

static size_t drain(dp_subscription *sub)
{
	dp_batch *batch;
	size_t all = 0;

	while (dp_subscription_pull(sub, &batch, EVENTS, 0, NULL) == DP_OK) {
		all += dp_batch_count(batch);
		dp_batch_unref(batch);
	}
	return all;
}

/* Commits some events as a publisher of its own number. */
static dp_status commit(struct log_rig *rig, uint64_t publisher)
{
	dpi_writer *writer = log_rig_writer(rig, TOPIC);
	struct test_feed feed;
	dp_status st;

	if (writer == NULL) {
		return dp_error_code(rig->err);
	}
	test_feed_init(&feed, DP_ACK_DURABLE);
	feed.writer = publisher;
	writer->ops->attach(writer, &feed.feed);
	test_feed_add_many(&feed,
		"an event that is so long that eight commits fill a segment ",
		EVENTS);
	writer->ops->commit(writer);
	st = feed.failed > 0 ? feed.worst : DP_OK;
	writer->ops->detach(writer, &feed.feed);
	test_feed_fini(&feed);
	return st;
}

static void commit_second(struct midway *m)
{
	m->acked = 0;
	while (m->acked < COMMITS &&
		commit(&m->second, 1 + m->acked) == DP_OK) {
		m->acked++;
	}
}

static void assert_has(const struct log_contents *contents, uint64_t publisher)
{
	for (uint64_t i = 0; i < EVENTS; i++) {
		assert_true(log_contents_has(contents, publisher, i));
	}
}

static void a_partition_is_read_by_one_opening(void **state)
{
	dp_subscription_options opts = DP_SUBSCRIPTION_OPTIONS_INIT;
	dp_subscription *subs[2];
	struct midway m;

	(void)state;
	begin(&m, 0, NULL);
	assert_int_equal(
		log_rig_open(&m.first, &m.faulty.os, DIRECTORY), DP_OK);
	assert_int_equal(log_rig_open(&m.second, m.other, DIRECTORY), DP_OK);
	assert_int_equal(commit(&m.first, 1), DP_OK);
	opts.topics = TOPIC;
	assert_int_equal(
		dp_subscription_open(&subs[0], m.first.hub, "s", &opts, NULL),
		DP_OK);
	assert_int_equal(
		dp_subscription_open(&subs[1], m.second.hub, "s", &opts, NULL),
		DP_OK);
	assert_int_equal(drain(subs[0]) + drain(subs[1]), EVENTS);
	dp_subscription_close(subs[0]);
	dp_subscription_close(subs[1]);
	(void)end(&m);
}

/* The first takes over, by hand, what the second one goes on with. */
static bool takes_over(long call)
{
	struct log_contents contents;
	struct midway m;

	begin(&m, call, commit_second);
	assert_int_equal(log_rig_open(&m.second, m.other, DIRECTORY), DP_OK);
	assert_int_equal(commit(&m.second, COMMITS + 1), DP_OK);
	assert_int_equal(m.other->unlink(m.other->self, DIRECTORY "/locks"), 0);
	assert_int_equal(
		log_rig_open(&m.first, &m.faulty.os, DIRECTORY), DP_OK);
	m.is_counting = true;
	assert_int_equal(commit(&m.first, COMMITS + 2), DP_OK);
	m.is_counting = false;
	assert_int_equal(commit(&m.first, COMMITS + 3), DP_OK);

	log_contents_read(&contents, m.other, DIRECTORY, TOPIC, 0);
	assert_int_equal(contents.damaged_headers, 0);
	assert_int_equal(contents.skipped_bytes, 0);
	for (size_t i = 1; i <= m.acked; i++) {
		assert_has(&contents, i);
	}
	for (size_t i = 1; i <= 3; i++) {
		assert_has(&contents, COMMITS + i);
	}
	log_contents_free(&contents);
	return end(&m);
}

static void an_owner_that_is_replaced_meanwhile_loses_nothing(void **state)
{
	long call = 1;

	(void)state;
	while (takes_over(call)) {
		call++;
	}
	assert_true(call > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_log_is_made_once),
		cmocka_unit_test(a_subscription_is_made_for_one_pattern),
		cmocka_unit_test(a_partition_is_read_by_one_opening),
		cmocka_unit_test(
			an_owner_that_is_replaced_meanwhile_loses_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
