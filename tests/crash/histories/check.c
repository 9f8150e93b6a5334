/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "hub/log/partition.h"
#include "hub/log/segment.h"

/* Calls and bytes that an opened log may cost before it takes an event. */
#define RECOVERY_CALLS_MAX 1000
#define RECOVERY_BYTES_MAX (2u << 20)

/* Who looks for the segment where an epoch begins does not look at all. */
static void check_epochs(
	service *s, const dpi_log_hub *hub, const dpi_log_partition *partition)
{
	dpi_segment_owner owner = dpi_log_owner(hub, &partition->name);
	dpi_segment_list list = {.count = 0};
	dpi_segment segment;
	uint64_t epoch = 0;

	if (dpi_segment_list_init(&list, hub->alloc, hub->os, hub->directory,
		    &partition->name, NULL) != DP_OK) {
		return;
	}
	for (size_t i = 0; i < list.count && !service_is_dead(s); i++) {
		if (dpi_segment_open(&segment, hub->os, hub->directory, &owner,
			    list.bases[i], false, NULL) != DP_OK) {
			continue;
		}
		if (segment.has_header && segment.header.epoch < epoch) {
			ledger_broken("topic %s: segment %016llx is of epoch "
				      "%llu, one before it of %llu",
				partition->topic,
				(unsigned long long)list.bases[i],
				(unsigned long long)segment.header.epoch,
				(unsigned long long)epoch);
		}
		epoch = segment.has_header ? segment.header.epoch : epoch;
		dpi_segment_close(&segment, hub->os);
	}
	dpi_segment_list_fini(&list, hub->alloc);
}

/* What a subscription that is new gets was handed over to nobody before. */
static void see(service *s, const dp_message *msg)
{
	if (msg->attempt != 1) {
		ledger_broken("a look: %s/%u/%llu comes for the %uth time",
			msg->from->topic, (unsigned)msg->from->partition,
			(unsigned long long)msg->offset,
			(unsigned)msg->attempt);
	}
	ledger_see(s->book, msg);
}

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
			see(s, dp_batch_message(batch, i));
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
	const dpi_log_hub *hub;

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
	hub = (const dpi_log_hub *)s->rig.hub;
	for (const dpi_log_partition *partition = hub->partitions;
		partition != NULL; partition = partition->next) {
		check_epochs(s, hub, partition);
	}
	for (size_t i = 0; alone && i < LEDGER_READERS; i++) {
		if (!drain(s, i)) {
			return false;
		}
		ledger_end_coming(s->book, i);
	}
	return appends_first || service_append(s, topic);
}
