/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "faulty_os.h"
#include "hub/log/log_hub.h"
#include "log_rig.h"
#include "sim_os.h"
#include "test_feed.h"

/*
 * Random histories of one publisher and one subscription on a simulated
 * machine, whose power is cut, or whose process is killed, at each call that
 * changes the disk. Afterwards every event that was acknowledged to its
 * publisher was acked by the subscriber or comes, in order; and none is handed
 * over that was never given.
 */

#define DIRECTORY "/log"
#define TOPIC "shop"
#define EVENTS_MAX 4096u

struct history {
	uint64_t random;
	size_t given;
	bool is_durable[EVENTS_MAX]; /* acknowledged to the publisher */
	bool is_acked[EVENTS_MAX];   /* by the subscriber */
	bool has_come[EVENTS_MAX];   /* after the crash */
};

static uint32_t draw(struct history *h, uint32_t below)
{
	h->random = h->random * UINT64_C(6364136223846793005) +
		UINT64_C(1442695040888963407);
	return (uint32_t)(h->random >> 33) % below;
}

static void publish(struct history *h, struct log_rig *rig)
{
	dpi_writer *writer = log_rig_writer(rig, TOPIC);
	const dpi_source_place none = {0, 0};
	size_t count = 1 + draw(h, 8);
	struct test_feed feed;
	size_t first = h->given;

	if (writer == NULL) {
		return;
	}
	test_feed_init(&feed, DP_ACK_DURABLE);
	writer->ops->attach(writer, &feed.feed);
	for (size_t i = 0; i < count; i++) {
		static const char filler[3000];
		dp_event ev = DP_EVENT_INIT;

		ev.payload = dpi_bytes(filler, draw(h, sizeof(filler)));
		ev.time = (dp_time_ns)++h->given; /* its number, plus 1 */
		test_feed_add(&feed, &ev, none);
	}
	writer->ops->commit(writer);
	writer->ops->detach(writer, &feed.feed);
	for (size_t i = first; i < h->given; i++) {
		h->is_durable[i] = feed.ok == count;
	}
	test_feed_fini(&feed);
}

static size_t number_of(const struct history *h, const dp_message *msg)
{
	size_t number = (size_t)dp_message_time(msg) - 1;

	assert_true(number < h->given);
	return number;
}

static void consume(struct history *h, dp_subscription *sub)
{
	dp_batch *batch = NULL;

	if (dp_subscription_pull(sub, &batch, 1 + draw(h, 6), 0, NULL) !=
		DP_OK) {
		return;
	}
	for (size_t i = 0; i < dp_batch_count(batch); i++) {
		const dp_message *msg = dp_batch_message(batch, i);

		if (draw(h, 8) != 0 &&
			dp_subscription_ack(sub, msg, NULL) == DP_OK) {
			h->is_acked[number_of(h, msg)] = true;
		}
	}
	dp_batch_unref(batch);
}

static dp_subscription *subscribe(struct log_rig *rig)
{
	dp_subscription_options opts = DP_SUBSCRIPTION_OPTIONS_INIT;
	dp_subscription *sub = NULL;

	opts.topics = "*";
	(void)!dp_subscription_open(&sub, rig->hub, "s", &opts, NULL);
	return sub;
}

/* One process: opens, publishes and consumes in turns, closes. */
static void run_process(struct history *h, const dpi_os *os)
{
	struct log_rig rig;
	dp_subscription *sub;

	log_rig_init(&rig);
	if (log_rig_open(&rig, os, DIRECTORY) == DP_OK) {
		sub = subscribe(&rig);
		for (int i = 0; i < 12; i++) {
			publish(h, &rig);
			if (sub != NULL) {
				consume(h, sub);
			}
		}
		dp_subscription_close(sub);
	}
	log_rig_close(&rig);
}

/* All that is left to come has to come, and in order. */
static void check_rest(struct history *h, const dpi_os *os)
{
	struct log_rig rig;
	dp_subscription *sub;
	dp_batch *batch;
	size_t next = 0;

	log_rig_init(&rig);
	assert_int_equal(log_rig_open(&rig, os, DIRECTORY), DP_OK);
	sub = subscribe(&rig);
	assert_non_null(sub);
	while (dp_subscription_pull(sub, &batch, 100, 0, NULL) == DP_OK) {
		for (size_t i = 0; i < dp_batch_count(batch); i++) {
			size_t number =
				number_of(h, dp_batch_message(batch, i));

			assert_true(number >= next);
			next = number + 1;
			h->has_come[number] = true;
		}
		assert_int_equal(
			dp_subscription_ack_batch(sub, batch, NULL), DP_OK);
		dp_batch_unref(batch);
	}
	for (size_t i = 0; i < h->given; i++) {
		assert_true(
			!h->is_durable[i] || h->is_acked[i] || h->has_come[i]);
	}
	dp_subscription_close(sub);
	log_rig_close(&rig);
}

static void cut_the_power_at(long call, uint64_t seed)
{
	struct history *h = calloc(1, sizeof(*h));
	struct sim_disk *disk = sim_disk_new(seed);

	assert_non_null(h);
	h->random = seed;
	run_process(h, sim_disk_start(disk));
	sim_disk_crash_at(disk, call);
	run_process(h, sim_disk_start(disk));
	sim_disk_reboot(disk, seed);
	check_rest(h, sim_disk_start(disk));
	sim_disk_free(disk);
	free(h);
}

static void no_event_is_lost_when_the_power_is_cut(void **state)
{
	(void)state;
	for (long call = 0; call < 120; call++) {
		for (uint64_t seed = 0; seed < 6; seed++) {
			cut_the_power_at(call,
				seed * 1000 + (seed > 1 ? (uint64_t)call : 0));
		}
	}
}

static void no_event_is_lost_when_a_process_is_killed(void **state)
{
	(void)state;
	for (long call = 0; call < 120; call++) {
		struct history *h = calloc(1, sizeof(*h));
		struct sim_disk *disk = sim_disk_new((uint64_t)call);
		const dpi_os *os = sim_disk_start(disk);

		assert_non_null(h);
		h->random = (uint64_t)call;
		sim_disk_kill_at(os, call);
		run_process(h, os);
		run_process(h, sim_disk_start(disk));
		check_rest(h, sim_disk_start(disk));
		sim_disk_free(disk);
		free(h);
	}
}

/* One history in which a call fails; returns whether there was such a call. */
static bool fail_a_call(faulty_call kind, long call, bool for_ever)
{
	struct history *h = calloc(1, sizeof(*h));
	struct sim_disk *disk = sim_disk_new((uint64_t)call);
	struct faulty_os faulty;
	bool has_failed;

	assert_non_null(h);
	h->random = (uint64_t)call;
	faulty_os_init(&faulty, sim_disk_start(disk));
	faulty_os_fail(&faulty, kind, call, 5, for_ever);
	run_process(h, &faulty.os);
	has_failed = faulty_os_failed(&faulty) > 0;
	faulty_os_heal(&faulty);
	check_rest(h, &faulty.os);
	sim_disk_free(disk);
	free(h);
	return has_failed;
}

/* Nothing is lost, leaked or wedged by any call about files that fails. */
static void no_event_is_lost_when_a_call_fails(void **state)
{
	static const faulty_call kinds[] = {FAULTY_OPEN, FAULTY_PREAD,
		FAULTY_PWRITEV, FAULTY_FDATASYNC, FAULTY_FSYNC, FAULTY_TRUNCATE,
		FAULTY_SIZE, FAULTY_RENAME, FAULTY_UNLINK, FAULTY_MKDIR,
		FAULTY_LIST, FAULTY_LOCK, FAULTY_MAP};

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		for (int for_ever = 0; for_ever < 2; for_ever++) {
			long call = 0;

			while (fail_a_call(kinds[i], call, for_ever != 0)) {
				call += 1 + call / 16;
			}
			assert_true(call > 0 || kinds[i] == FAULTY_SIZE);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_event_is_lost_when_the_power_is_cut),
		cmocka_unit_test(no_event_is_lost_when_a_process_is_killed),
		cmocka_unit_test(no_event_is_lost_when_a_call_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
