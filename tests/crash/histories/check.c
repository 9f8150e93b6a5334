/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

/* Calls and bytes that an opened log may cost before it takes an event. */
#define RECOVERY_CALLS_MAX 1000
#define RECOVERY_BYTES_MAX (2u << 20)

/* Reads all that the log has, as a subscription that nobody else has. */
static bool look(service *s, bool power, bool alone)
{
	dp_subscription_options opts = DP_SUBSCRIPTION_OPTIONS_INIT;
	dp_subscription *sub = NULL;
	dp_batch *batch = NULL;
	dp_status st;

	opts.topics = "*";
	opts.read_level = DP_ACK_WRITTEN;
	(void)dp_subscription_delete(s->rig.hub, "look", NULL);
	if (dp_subscription_open(&sub, s->rig.hub, "look", &opts, NULL) !=
		DP_OK) {
		return false;
	}
	ledger_begin_look(s->book);
	while ((st = dp_subscription_pull(sub, &batch, 500, 0, NULL)) ==
		DP_OK) {
		for (size_t i = 0; i < dp_batch_count(batch); i++) {
			ledger_see(s->book, dp_batch_message(batch, i));
		}
		dp_batch_unref(batch);
	}
	dp_subscription_close(sub);
	if (service_is_dead(s)) {
		return false;
	}
	if (st != DP_ETIMEDOUT) {
		ledger_broken("a look: %s", dp_status_name(st));
	}
	ledger_end_look(s->book, power, alone);
	(void)dp_subscription_delete(s->rig.hub, "look", NULL);
	return true;
}

static dp_status pull_all(
	service *s, dp_subscription *sub, size_t reader, bool acks)
{
	dp_batch *batch = NULL;
	dp_status st;

	while ((st = dp_subscription_pull(sub, &batch, 500, 0, NULL)) ==
		DP_OK) {
		for (size_t i = 0; i < dp_batch_count(batch); i++) {
			const dp_message *msg = dp_batch_message(batch, i);

			ledger_come(s->book, reader, msg);
			if (acks) {
				ledger_find(s->book, msg)
					->is_processed[reader] = true;
				(void)dp_subscription_ack(sub, msg, NULL);
			}
		}
		dp_batch_unref(batch);
	}
	return st;
}

/*
 * Each reader gets what it has not processed, and processes it now or lets it
 * be. What was handed over too often comes alone, and has to be acked first.
 */
static bool drain(service *s, size_t reader)
{
	dp_subscription *sub = service_reader(s, reader);
	dp_status st = DP_EAGAIN;

	if (sub != NULL && draw(s->random, 4) == 0) {
		st = pull_all(s, sub, reader, false);
	}
	if (st == DP_EAGAIN) {
		service_close_reader(s, reader);
		sub = service_reader(s, reader);
		st = sub != NULL ? pull_all(s, sub, reader, true) : DP_EIO;
	}
	if (service_is_dead(s)) {
		return false;
	}
	if (st != DP_ETIMEDOUT) {
		ledger_broken("reader %zu: %s", reader, dp_status_name(st));
	}
	return true;
}

static void bound(service *s)
{
	s->recovery_calls = s->turns.calls;
	s->recovery_bytes = s->turns.read_bytes;
	if (s->recovery_calls > RECOVERY_CALLS_MAX ||
		s->recovery_bytes > RECOVERY_BYTES_MAX) {
		ledger_broken("recovery took %llu calls and read %llu bytes",
			(unsigned long long)s->recovery_calls,
			(unsigned long long)s->recovery_bytes);
	}
}

bool check_log(service *s, bool power, bool alone)
{
	bool appends_first = draw(s->random, 2) == 0;
	uint32_t topic = service_draw_topic(s);

	if (!service_open(s)) {
		if (!service_is_dead(s)) {
			ledger_broken("the log does not open: %s",
				dp_error_message(s->rig.err));
		}
		return false;
	}
	if (appends_first) {
		if (!service_append(s, topic)) {
			return false;
		}
		bound(s);
	}
	if (!look(s, power, alone)) {
		return false;
	}
	for (size_t i = 0; alone && i < LEDGER_READERS; i++) {
		if (!drain(s, i)) {
			return false;
		}
		ledger_end_coming(s->book, i);
	}
	return appends_first || service_append(s, topic);
}
