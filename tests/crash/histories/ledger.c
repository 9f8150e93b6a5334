/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "sim_disk.h"

const char *const ledger_topics[LEDGER_TOPICS] = {"t0", "t1", "t2"};

void ledger_broken(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vfprintf(stderr, fmt, args);
	va_end(args);
	(void)fputc('\n', stderr);
	abort();
}

void ledger_fini(ledger *book)
{
	free(book->events);
	free(book->next_seq);
}

size_t ledger_give(ledger *book, uint32_t publisher, uint32_t seq,
	uint32_t topic, uint32_t size)
{
	if (book->count == book->capacity) {
		book->events = sim_grow(
			book->events, &book->capacity, sizeof(*book->events));
	}
	book->events[book->count] = (ledger_event){
		.publisher = publisher,
		.seq = seq,
		.topic = topic,
		.size = size < 8 ? 8 : size,
	};
	return book->count++;
}

void ledger_fill(const ledger *book, size_t number, uint8_t *payload)
{
	dpi_store_u64(payload, number);
	for (uint32_t i = 8; i < book->events[number].size; i++) {
		payload[i] = (uint8_t)(number + i * 7);
	}
}

ledger_event *ledger_find(ledger *book, const dp_message *msg)
{
	static uint8_t payload[LEDGER_PAYLOAD_MAX];
	dp_bytes bytes = dp_message_payload(msg);
	ledger_event *event;
	uint64_t number;

	number = bytes.size >= 8 ? dpi_load_u64(bytes.data) : UINT64_MAX;
	if (number >= book->count) {
		ledger_broken("an event came that nobody gave");
	}
	event = &book->events[number];
	if (bytes.size != event->size) {
		ledger_broken("event %zu has %zu bytes and not %u",
			(size_t)number, bytes.size, event->size);
	}
	ledger_fill(book, number, payload);
	if (memcmp(bytes.data, payload, bytes.size) != 0) {
		ledger_broken("event %zu has other bytes", (size_t)number);
	}
	if (strcmp(dp_message_topic(msg), ledger_topics[event->topic]) != 0) {
		ledger_broken("event %zu of %s came from %s", (size_t)number,
			ledger_topics[event->topic], dp_message_topic(msg));
	}
	return event;
}

void ledger_begin_look(ledger *book)
{
	free(book->next_seq);
	book->next_seq =
		sim_alloc(book->publishers + 1u, sizeof(*book->next_seq));
	memset(book->next_offset, 0, sizeof(book->next_offset));
	for (size_t i = 0; i < book->count; i++) {
		book->events[i].is_seen = false;
	}
}

/* Reader 0 has all topics, reader 1 has the first. */
static bool is_processed(const ledger_event *event)
{
	return event->is_processed[0] &&
		(event->topic != 0 || event->is_processed[1]);
}

/* Once it was there for good, it stays where it was; and there it may be
 * again, if its removal was not synced when the power went. */
static void check_place(
	const ledger_event *event, uint32_t partition, uint64_t offset)
{
	if (event->has_place && (event->is_durable || event->is_gone) &&
		(event->partition != partition || event->offset != offset)) {
		ledger_broken("an event moved from %u/%llu to %u/%llu",
			event->partition, (unsigned long long)event->offset,
			partition, (unsigned long long)offset);
	}
}

/* What is known of each event of a publisher, for whoever looks why. */
static void tell_publisher(const ledger *book, uint32_t publisher)
{
	for (size_t i = 0; i < book->count; i++) {
		const ledger_event *e = &book->events[i];

		if (e->publisher == publisher) {
			(void)fprintf(stderr,
				"event %u: %u bytes at %u/%llu%s%s%s%s\n",
				e->seq, e->size, e->partition,
				(unsigned long long)e->offset,
				e->is_gone           ? ", was not there"
					: e->is_seen ? ", there"
						     : ", not there",
				e->is_durable           ? ", durable"
					: e->is_written ? ", written"
							: "",
				e->is_processed[0] ? ", processed by 0" : "",
				e->is_processed[1] ? ", processed by 1" : "");
		}
	}
}

void ledger_see(ledger *book, const dp_message *msg)
{
	ledger_event *event = ledger_find(book, msg);
	uint32_t partition = dp_message_partition(msg);
	uint64_t offset = dp_message_offset(msg);
	uint64_t *next_offset = &book->next_offset[event->topic][partition];
	uint32_t *next_seq = &book->next_seq[event->publisher];

	if (event->is_gone && !book->may_drop && !is_processed(event)) {
		tell_publisher(book, event->publisher);
		ledger_broken("publisher %u: event %u came back",
			event->publisher, event->seq);
	}
	if (event->is_seen) {
		ledger_broken("publisher %u: event %u is there twice",
			event->publisher, event->seq);
	}
	if (offset < *next_offset) {
		ledger_broken(
			"offset %llu came late", (unsigned long long)offset);
	}
	if (event->seq < *next_seq) {
		ledger_broken("publisher %u: event %u is behind a later one",
			event->publisher, event->seq);
	}
	check_place(event, partition, offset);
	*next_offset = offset + 1;
	*next_seq = event->seq + 1;
	event->is_seen = true;
	event->has_place = true;
	event->partition = partition;
	event->offset = offset;
}

/* Where the oldest may go, what has gone is older than what is there. */
static bool has_left_in_order(const ledger *book, const ledger_event *event)
{
	for (const ledger_event *e = book->events; e < event; e++) {
		if (e->publisher == event->publisher && e->is_seen) {
			return false;
		}
	}
	return true;
}

static void check_missing(
	const ledger *book, const ledger_event *event, bool power, bool alone)
{
	bool is_promised = power ? event->is_durable : event->is_written;

	if (!is_promised || is_processed(event) ||
		(book->may_drop &&
			(!alone || has_left_in_order(book, event)))) {
		return;
	}
	tell_publisher(book, event->publisher);
	ledger_broken("event %zu, number %u of publisher %u, is lost",
		(size_t)(event - book->events), event->seq, event->publisher);
}

void ledger_end_look(ledger *book, bool power, bool alone)
{
	book->is_deceived = book->is_deceived && !power;
	for (size_t i = 0; i < book->count; i++) {
		ledger_event *event = &book->events[i];

		event->has_come[0] = event->has_come[1] = false;
		if (!event->is_seen) {
			check_missing(book, event, power, alone);
			event->is_written = event->is_durable = false;
			event->is_gone = alone;
		} else if (alone && !book->is_deceived) {
			event->is_written = event->is_durable = true;
		}
	}
}

void ledger_come(ledger *book, size_t reader, const dp_message *msg)
{
	ledger_event *event = ledger_find(book, msg);

	if (!event->is_seen) {
		ledger_broken("reader %zu has an event that is not in the log",
			reader);
	}
	event->has_come[reader] = true;
}

void ledger_end_coming(ledger *book, size_t reader)
{
	for (size_t i = 0; i < book->count; i++) {
		const ledger_event *event = &book->events[i];

		if (event->is_seen && !event->is_processed[reader] &&
			!event->has_come[reader] &&
			(reader == 0 || event->topic == 0)) {
			ledger_broken("reader %zu: event %zu, number %u of "
				      "publisher %u, does not come, and was "
				      "not processed",
				reader, i, event->seq, event->publisher);
		}
	}
}
