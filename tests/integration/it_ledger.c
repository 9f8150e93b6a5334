/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pipeline_fixture.h"

/*
 * The ledger: whatever a destination refuses, whenever flushes fail and
 * pipelines die, each event that was published ends up in just one of lake,
 * dead letters and drops, just once, and the counts of each job add up.
 */

#define EVENTS 400
#define ROUNDS 12
#define SEEDS 12

/* Xorshift: the same numbers for a seed, everywhere. */
static uint32_t draw(uint32_t *seed, uint32_t below)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed % below;
}

/* A few refusals of random events, of random kinds. */
static void tell_refusals(struct pipeline_fixture *f, uint32_t *seed)
{
	const dp_refusal kinds[] = {DP_REFUSAL_RETRYABLE, DP_REFUSAL_EVENT,
		DP_REFUSAL_THROTTLED, DP_REFUSAL_STREAM, DP_REFUSAL_AMBIGUOUS};

	for (uint32_t i = draw(seed, 12); i > 0; i--) {
		dp_test_step step = DP_TEST_STEP_INIT;
		char payload[16];

		(void)snprintf(
			payload, sizeof(payload), "%u", draw(seed, EVENTS));
		step.act = DP_TEST_REFUSE;
		step.payload = payload;
		step.refusal = kinds[draw(seed, 5)];
		step.times = 1 + draw(seed, 6);
		pipeline_tell_lake(f, step);
	}
}

static void tell_failures(struct pipeline_fixture *f, uint32_t *seed)
{
	const dp_test_act acts[] = {
		DP_TEST_FAIL_WRITE, DP_TEST_FAIL_FLUSH, DP_TEST_LOSE_ANSWER};

	for (uint32_t i = draw(seed, 4); i > 0; i--) {
		dp_test_step step = DP_TEST_STEP_INIT;

		step.act = acts[draw(seed, 3)];
		step.times = 1 + draw(seed, 2);
		pipeline_tell_lake(f, step);
	}
}

static void assert_counts_add_up(struct pipeline_fixture *f)
{
	for (size_t i = 0; i < 2; i++) {
		(void)pipeline_report(f, i);
	}
}

/* Ends the pipeline somehow: idle, drained, cut off or just gone. */
static void end_round(struct pipeline_fixture *f, uint32_t *seed)
{
	dp_time_ns timeout = draw(seed, 2000) * DP_MILLISECOND;
	dp_status st;

	switch (draw(seed, 4)) {
	case 0:
		st = dp_pipeline_wait_idle(f->pipe, DP_FOREVER, NULL);
		assert_int_equal(st, DP_OK);
		assert_counts_add_up(f);
		break;
	case 1:
		st = dp_pipeline_drain(f->pipe, DP_FOREVER, NULL, NULL);
		assert_int_equal(st, DP_OK);
		assert_counts_add_up(f);
		break;
	case 2:
		st = dp_pipeline_drain(f->pipe, timeout, NULL, NULL);
		assert_true(st == DP_OK || st == DP_ETIMEDOUT);
		break;
	default:
		break;
	}
	pipeline_restart(f);
}

static void begin_round(struct pipeline_fixture *f, uint32_t *seed)
{
	dp_job_options opts = DP_JOB_OPTIONS_INIT;

	opts.batch_events = 1 + draw(seed, 50);
	opts.flush_bytes = 1 + draw(seed, 4000);
	opts.flush_interval_ns = (1 + draw(seed, 1000)) * DP_MILLISECOND;
	opts.attempts_max = 1 + draw(seed, 5);
	pipeline_add_route(f);
	pipeline_add_lake(f, &opts);
	tell_refusals(f, seed);
	tell_failures(f, seed);
	assert_int_equal(dp_pipeline_start(f->pipe, NULL), DP_OK);
}

/* Events as they are published, by payload; those of type Noise are dropped. */
static void publish_some(
	struct pipeline_fixture *f, uint32_t *seed, bool *is_noise, int *next)
{
	int count = (int)draw(seed, EVENTS / ROUNDS + 20);

	for (int i = 0; i < count && *next < EVENTS; i++, (*next)++) {
		char payload[16];
		dp_test_event ev = DP_TEST_EVENT("raw", "T", payload);

		is_noise[*next] = draw(seed, 5) == 0;
		ev.type = is_noise[*next] ? "Noise" : "T";
		(void)snprintf(payload, sizeof(payload), "%d", *next);
		assert_int_equal(dp_test_publish(f->fx, &ev, 1, NULL), DP_OK);
	}
}

static dp_subscription *read_dead(struct pipeline_fixture *f)
{
	dp_subscription_options opts = DP_SUBSCRIPTION_OPTIONS_INIT;
	dp_subscription *sub = NULL;

	opts.topics = "lake.dead";
	assert_int_equal(dp_subscription_open(&sub, dp_test_fixture_hub(f->fx),
				 "ledger", &opts, NULL),
		DP_OK);
	return sub;
}

/* How often each payload is a dead letter. */
static void count_dead(dp_subscription *sub, unsigned *counts)
{
	dp_batch *batch = NULL;

	while (dp_subscription_pull(sub, &batch, 1000, 0, NULL) == DP_OK) {
		for (size_t i = 0; i < dp_batch_count(batch); i++) {
			dp_bytes payload =
				dp_message_payload(dp_batch_message(batch, i));
			char text[16] = "";

			assert_true(payload.size < sizeof(text));
			memcpy(text, payload.data, payload.size);
			counts[atoi(text)]++;
		}
		(void)dp_subscription_ack_batch(sub, batch, NULL);
		dp_batch_unref(batch);
	}
}

/* What is in the lake, as the kit has it: exactly the events of want. */
static void assert_lake_has(
	struct pipeline_fixture *f, const bool *is_noise, const unsigned *dead)
{
	static dp_test_event want[2 * EVENTS];
	static char payloads[EVENTS][16];
	const char *message = NULL;
	size_t count = 0;
	dp_status st;

	for (int i = 0; i < EVENTS; i++) {
		dp_test_event ev = DP_TEST_EVENT("lake", "T", payloads[i]);

		(void)snprintf(payloads[i], sizeof(payloads[i]), "%d", i);
		assert_true(dead[i] <= (is_noise[i] ? 0 : 1));
		if (dead[i] > 0) {
			ev.at = "lake.dead";
		}
		if (!is_noise[i]) {
			want[count++] = ev;
		}
	}
	st = dp_test_yields(f->fx, f->pipe, NULL, 0, want, count, &message);
	if (st != DP_OK) {
		print_error("%s", message);
	}
	assert_int_equal(st, DP_OK);
}

static void keep_ledger(struct pipeline_fixture *f, uint32_t seed)
{
	bool is_noise[EVENTS] = {false};
	unsigned dead[EVENTS] = {0};
	dp_subscription *letters = read_dead(f);
	int next = 0;

	for (int round = 0; round < ROUNDS || next < EVENTS; round++) {
		begin_round(f, &seed);
		publish_some(f, &seed, is_noise, &next);
		end_round(f, &seed);
	}
	dp_test_sink_release(f->fx, "lake");
	pipeline_add_route(f);
	pipeline_add_lake(f, NULL);
	assert_int_equal(dp_pipeline_start(f->pipe, NULL), DP_OK);
	assert_int_equal(
		dp_pipeline_wait_idle(f->pipe, DP_FOREVER, NULL), DP_OK);
	count_dead(letters, dead);
	dp_subscription_close(letters);
	assert_lake_has(f, is_noise, dead);
}

static void each_event_ends_up_in_one_place_once(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= SEEDS; seed++) {
		void *inner = NULL;

		(void)pipeline_setup(&inner);
		keep_ledger(inner, seed * 2654435761u);
		(void)pipeline_teardown(&inner);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_event_ends_up_in_one_place_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
