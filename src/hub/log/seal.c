/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/log/seal.h"

#include "base/error.h"

static uint32_t time_now(dpi_log_tail *tail)
{
	const dpi_os *os = tail->hub->os;
	int64_t now = os->wall(os->self) / DP_MILLISECOND -
		tail->segment.header.created_ms;

	/* The wall clock may jump; times in the log do not go back. */
	if (now > (int64_t)tail->time_ms && now <= (int64_t)UINT32_MAX) {
		tail->time_ms = (uint32_t)now;
	}
	return tail->time_ms;
}

/* How far ahead of the record in hand, and how much at a time at most. */
#define AHEAD_BYTES ((size_t)2048)
#define CACHE_LINE 64u

/*
 * Records that another thread has made are in its cache, or in none. Where the
 * next one begins stands in the one before it, so that a processor left to
 * itself waits for each. All bytes are wanted: those of no head are written to
 * the file next.
 */
static void fetch_ahead(
	const uint8_t *data, size_t from, size_t step, size_t size)
{
	size_t at = from + AHEAD_BYTES;
	size_t end = at + (step < AHEAD_BYTES ? step : AHEAD_BYTES);

	for (; at < end && at < size; at += CACHE_LINE) {
		__builtin_prefetch(data + at, 1);
	}
}

/* The places of records that are sealed together: the last one of each of a
 * few keys, mostly one. */
typedef struct few_places {
	dpi_source_place places[4];
	size_t count;
	bool has_more; /* other keys: look at the records again */
} few_places;

static void add_place(few_places *few, dpi_source_place place)
{
	const size_t most = sizeof(few->places) / sizeof(few->places[0]);
	size_t i = 0;

	while (i < few->count && few->places[i].key != place.key) {
		i++;
	}
	if (i == most) {
		few->has_more = true;
		return;
	}
	if (i == few->count) {
		few->places[few->count++] = place;
	} else if (place.next > few->places[i].next) {
		few->places[i] = place;
	}
}

/* Makes room for the keys of all records, so that noting them cannot fail: a
 * place that is noted counts with the next flush, whatever that writes. */
static dp_status make_room_for_places(dpi_log_tail *tail, const uint8_t *data,
	size_t size, few_places *few, dp_error **err)
{
	uint64_t last_key = 0;
	uint32_t record_size;

	for (size_t n = 0; n < size; n += record_size) {
		dpi_source_place place;

		record_size = dpi_record_size(data + n);
		fetch_ahead(data, n, record_size, size);
		if (!dpi_record_place(&place, data + n, record_size)) {
			continue;
		}
		add_place(few, place);
		if (place.key == last_key) {
			continue;
		}
		last_key = place.key;
		place.next = 0;
		if (dpi_sources_note(&tail->sources, &place) != DP_OK) {
			return dpi_error_set(
				err, DP_ENOMEM, "no memory for a source place");
		}
	}
	return DP_OK;
}

static void note_all(dpi_log_tail *tail, const uint8_t *data, size_t size)
{
	uint32_t record_size;

	for (size_t n = 0; n < size; n += record_size) {
		dpi_source_place place;

		record_size = dpi_record_size(data + n);
		if (dpi_record_place(&place, data + n, record_size)) {
			(void)!dpi_sources_note(&tail->sources, &place);
		}
	}
}

static void note_places(dpi_log_tail *tail, const few_places *few,
	const uint8_t *data, size_t size)
{
	if (few->has_more) {
		note_all(tail, data, size);
		return;
	}
	for (size_t i = 0; i < few->count; i++) {
		(void)!dpi_sources_note(&tail->sources, &few->places[i]);
	}
}

/* In two rounds, as a record that was sealed cannot be sealed again. */
dp_status dpi_tail_seal(dpi_log_tail *tail, uint8_t *data, size_t size,
	bool is_placeless, dp_error **err)
{
	uint32_t time_ms = time_now(tail);
	few_places few = {.count = 0};
	uint32_t record_size;
	dp_status st = DP_OK;

	if (!is_placeless) {
		st = make_room_for_places(tail, data, size, &few, err);
	}
	if (st != DP_OK) {
		return st;
	}
	note_places(tail, &few, data, size);
	for (size_t n = 0; n < size; n += record_size) {
		record_size = dpi_record_size(data + n);
		fetch_ahead(data, n, record_size, size);
		dpi_record_seal(data + n, DPI_RECORD_EVENT,
			(uint32_t)(tail->index + n), time_ms,
			tail->segment.salt);
	}
	return DP_OK;
}
