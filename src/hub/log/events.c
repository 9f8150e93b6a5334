/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/log/events.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "hub/log/damage.h"
#include "hub/log/scan.h"

/* Read ahead: a read of this size costs little more than the copy. */
#define READ_BYTES ((size_t)256 << 10)
/* Listings that a segment may vanish from before it is opened. */
#define TRIES 8

void dpi_events_init(dpi_log_events *events, dpi_log_hub *hub,
	dpi_log_partition *partition, const char *subscription,
	dpi_skipped *skipped)
{
	*events = (dpi_log_events){
		.hub = hub,
		.partition = partition,
		.owner = dpi_log_owner(hub, &partition->name),
		.segment = {.fd = -1},
		.subscription = subscription,
		.skipped = skipped,
	};
}

void dpi_events_set_place(dpi_log_events *events, uint64_t epoch)
{
	events->epoch = epoch;
	events->has_place = true;
}

static void free_data(dpi_log_events *events)
{
	const dp_allocator *alloc = events->hub->alloc;

	if (events->data != NULL) {
		dpi_free(alloc, events->data, events->capacity, 1);
	}
	events->data = NULL;
	events->capacity = 0;
	events->size = 0;
}

static void close_segment(dpi_log_events *events)
{
	dpi_segment_close(&events->segment, events->hub->os);
	events->segment.fd = -1;
	events->medium = (dpi_medium){.since = 0};
	events->size = 0;
}

void dpi_events_fini(dpi_log_events *events)
{
	close_segment(events);
	free_data(events);
	if (events->places != NULL) {
		dpi_free(events->hub->alloc, events->places,
			events->place_capacity, sizeof(*events->places));
	}
}

static dp_status open_segment(
	dpi_log_events *events, dpi_segment *ret, uint64_t base, dp_error **err)
{
	const dpi_log_hub *hub = events->hub;

	return dpi_segment_open(
		ret, hub->os, hub->directory, &events->owner, base, false, err);
}

static void count_skipped(const dpi_log_events *events, uint64_t bytes)
{
	dpi_log_count(&events->skipped->runs, 1);
	dpi_log_count(&events->skipped->bytes, bytes);
}

static void tell_damage(dpi_log_events *events)
{
	if (events->damage_from < events->damage_to) {
		count_skipped(events, events->damage_to - events->damage_from);
		dpi_log_tell_damaged(events->hub, events->partition,
			events->damage_from, events->damage_to);
		events->damage_from = events->damage_to;
	}
}

/* One run may be met in pieces, and again after the reader was set back. */
static void note_damage(dpi_log_events *events, uint64_t from, uint64_t to)
{
	if (from < events->damage_to) {
		return;
	}
	if (from > events->damage_to) {
		tell_damage(events);
		events->damage_from = from;
	}
	events->damage_to = to;
}

/* The oldest segment begins after the place to go on at. */
static void note_gone(
	dpi_log_events *events, const dpi_segment *oldest, uint64_t at)
{
	if (events->has_place && at < oldest->header.previous_end) {
		count_skipped(events, oldest->header.previous_end - at);
		dpi_log_tell_gone(events->hub, events->partition,
			events->subscription, at, oldest->header.previous_end);
	}
}

/* Where the records before the segment at base end, as its header says. */
static dp_status read_previous_end(
	dpi_log_events *events, uint64_t base, uint64_t *ret, dp_error **err)
{
	dpi_segment next;
	dp_status st = open_segment(events, &next, base, err);

	if (st == DP_OK) {
		*ret = next.header.previous_end;
		dpi_segment_close(&next, events->hub->os);
	}
	return st;
}

/* Opens the segment that holds *at, or the first after it, and moves *at. */
static dp_status open_from_list(dpi_log_events *events,
	const dpi_segment_list *list, uint64_t *at, dp_error **err)
{
	size_t i = list->count - 1;
	uint64_t records_end = DPI_EVENTS_OPEN;
	uint64_t next_base = DPI_EVENTS_OPEN;
	dpi_segment segment;
	dp_status st = DP_OK;

	while (i > 0 && list->bases[i] > *at) {
		i--;
	}
	if (i + 1 < list->count) {
		next_base = list->bases[i + 1];
		st = read_previous_end(events, next_base, &records_end, err);
	}
	if (st == DP_OK) {
		st = open_segment(events, &segment, list->bases[i], err);
	}
	if (st != DP_OK) {
		return st;
	}
	close_segment(events);
	events->segment = segment;
	events->next_base = next_base;
	events->records_end = records_end;
	if (segment.header.epoch > events->epoch) {
		events->epoch = segment.header.epoch;
	}
	if (*at < list->bases[i]) {
		note_gone(events, &segment, *at);
		*at = list->bases[i];
	}
	events->has_place = true;
	return DP_OK;
}

/* DP_EAGAIN: there are no segments. */
static dp_status locate_once(
	dpi_log_events *events, uint64_t *at, dp_error **err)
{
	const dpi_log_hub *hub = events->hub;
	dpi_segment_list list;
	dp_status st;

	st = dpi_segment_list_init(&list, hub->alloc, hub->os, hub->directory,
		&events->partition->name, err);
	if (st != DP_OK) {
		return st;
	}
	st = list.count > 0 ? open_from_list(events, &list, at, err)
			    : DP_EAGAIN;
	dpi_segment_list_fini(&list, hub->alloc);
	return st;
}

/* A segment may be gone between the listing and the opening. */
static dp_status locate(dpi_log_events *events, uint64_t *at, dp_error **err)
{
	dp_status st = DP_ENOTFOUND;

	for (int i = 0; i < TRIES && st == DP_ENOTFOUND; i++) {
		dp_error *cause = NULL;

		st = locate_once(events, at, &cause);
		if (err != NULL && st != DP_ENOTFOUND) {
			*err = cause;
		} else {
			dp_error_free(cause);
		}
	}
	return st == DP_ENOTFOUND
		? dpi_error_set(err, DP_EIO,
			  "segments of %s/%u go faster than "
			  "they can be opened",
			  events->partition->topic,
			  (unsigned)events->partition->name.partition)
		: st;
}

static bool is_in_segment(const dpi_log_events *events, uint64_t at)
{
	uint64_t written_base = atomic_load_explicit(
		&events->partition->state->base, memory_order_acquire);

	if (events->segment.fd < 0 || at < events->segment.header.base) {
		return false;
	}
	/* One that was the last when it was opened may have ended since. */
	return events->next_base != DPI_EVENTS_OPEN
		? at < events->next_base
		: written_base <= events->segment.header.base;
}

/* Makes room for n bytes, and for the places of all events in them. */
static dp_status reserve(dpi_log_events *events, size_t n, dp_error **err)
{
	const dp_allocator *alloc = events->hub->alloc;
	size_t places = n / DPI_RECORD_HEAD + 1;

	if (n > events->capacity) {
		uint8_t *data = alloc->alloc(alloc->user, n);

		if (data == NULL) {
			return dpi_error_set(err, DP_ENOMEM,
				"no memory to read %zu bytes", n);
		}
		free_data(events);
		events->data = data;
		events->capacity = n;
	}
	if (places > events->place_capacity) {
		uint32_t *more = dpi_zalloc(alloc, places, sizeof(*more));

		if (more == NULL) {
			return dpi_error_set(err, DP_ENOMEM,
				"no memory for %zu places", places);
		}
		if (events->places != NULL) {
			dpi_free(alloc, events->places, events->place_capacity,
				sizeof(*more));
		}
		events->places = more;
		events->place_capacity = places;
	}
	return DP_OK;
}

/* Reads the segment from at on: at least `least` bytes, if limit allows. */
static dp_status read_at(dpi_log_events *events, uint64_t at, uint64_t limit,
	size_t least, dp_error **err)
{
	size_t wanted = least > READ_BYTES ? least : READ_BYTES;
	const dpi_os *os = events->hub->os;
	dp_status st;
	int64_t n;

	if (wanted > limit - at) {
		wanted = (size_t)(limit - at);
	}
	st = reserve(events, wanted > READ_BYTES ? wanted : READ_BYTES, err);
	if (st != DP_OK) {
		return st;
	}
	n = dpi_medium_read(&events->medium, os, events->segment.fd,
		events->data, wanted, least,
		DPI_LOG_PAGE + (at - events->segment.header.base));
	if (n < 0) {
		events->size = 0;
		return dpi_error_sys(err, (int)-n,
			"topic %s, partition %u: segment %016llx cannot be "
			"read at offset %llu; what fails for %d s is passed "
			"over",
			events->partition->topic,
			(unsigned)events->partition->name.partition,
			(unsigned long long)events->segment.header.base,
			(unsigned long long)at,
			(int)(DPI_MEDIUM_PATIENCE / DP_SECOND));
	}
	events->data_at = at;
	events->size = (size_t)n;
	return DP_OK;
}

/* What a walk of the data in memory came to. */
typedef enum walk_end {
	WALK_FULL,    /* the limits of the caller, or the end of the data */
	WALK_DAMAGED, /* no record stands at *at */
	WALK_CUT      /* a record stands at *at, and not all of it was read */
} walk_end;

/* Notes the events from *at to limit that are in memory, and moves *at. */
static walk_end walk(dpi_log_events *events, uint64_t *at, uint64_t limit,
	size_t max_events, size_t max_bytes, uint32_t *ret_size)
{
	uint64_t base = events->segment.header.base;
	uint64_t data_end = events->data_at + events->size;
	uint64_t end = data_end < limit ? data_end : limit;

	while (*at < end && events->place_count < max_events) {
		size_t place = (size_t)(*at - events->data_at);
		const uint8_t *record = events->data + place;
		dpi_walk found = dpi_walk_at(record, (size_t)(end - *at),
			*at - base, events->segment.salt, ret_size);

		if (found != DPI_WALK_RECORD) {
			return found == DPI_WALK_MORE &&
					*ret_size <= limit - *at &&
					end == data_end
				? WALK_CUT
				: WALK_DAMAGED;
		}
		if (dpi_walk_kind(record) == DPI_RECORD_EVENT) {
			if (events->place_count > 0 &&
				*ret_size > max_bytes - events->bytes) {
				return WALK_FULL;
			}
			events->places[events->place_count++] = (uint32_t)place;
			events->bytes += *ret_size;
			if (events->bytes >= max_bytes) {
				max_events = events->place_count;
			}
		}
		*at += *ret_size;
	}
	return WALK_FULL;
}

/*
 * Goes over damage at *at to the next record in memory. A segment that was
 * made into another one is no damage: it is gone.
 */
static void skip_damage(dpi_log_events *events, uint64_t *at, uint64_t limit)
{
	uint64_t left = events->data_at + events->size - *at;
	size_t size = (size_t)(left < limit - *at ? left : limit - *at);
	size_t skipped;

	if (!dpi_segment_is_current(
		    &events->segment, events->hub->os, &events->owner)) {
		close_segment(events);
		return;
	}
	skipped = dpi_walk_resync(
		events->data + (size_t)(*at - events->data_at), size,
		*at - events->segment.header.base, events->segment.salt);
	note_damage(events, *at, *at + skipped);
	*at += skipped;
}

/* The file ends before its records should. */
static void skip_missing(dpi_log_events *events, uint64_t *at, uint64_t limit)
{
	if (!dpi_segment_is_current(
		    &events->segment, events->hub->os, &events->owner)) {
		close_segment(events);
		return;
	}
	note_damage(events, *at, limit);
	*at = limit;
}

static bool is_in_memory(const dpi_log_events *events, uint64_t at)
{
	return events->size > 0 && at >= events->data_at &&
		at - events->data_at < events->size;
}

/* Reads all of the record at *at, of which memory has the beginning. */
static dp_status read_rest(dpi_log_events *events, uint64_t *at, uint64_t limit,
	size_t size, dp_error **err)
{
	dp_status st = read_at(events, *at, limit, size, err);

	if (st == DP_OK && events->size < size) {
		skip_damage(events, at, limit);
	}
	return st;
}

/* Looks at the open segment from *at to limit until there is an event. */
static dp_status find_in_segment(dpi_log_events *events, uint64_t *at,
	uint64_t limit, size_t max_events, size_t max_bytes, dp_error **err)
{
	dp_status st = DP_OK;

	while (st == DP_OK && *at < limit && events->place_count == 0 &&
		events->segment.fd >= 0) {
		uint32_t size;
		walk_end end;

		if (!is_in_memory(events, *at)) {
			st = read_at(events, *at, limit, 0, err);
		}
		if (st != DP_OK) {
			return st;
		}
		if (events->size == 0) {
			skip_missing(events, at, limit);
			continue;
		}
		end = walk(events, at, limit, max_events, max_bytes, &size);
		if (end == WALK_DAMAGED && events->place_count == 0) {
			skip_damage(events, at, limit);
		} else if (end == WALK_CUT && events->place_count == 0) {
			st = read_rest(events, at, limit, size, err);
		}
	}
	return st;
}

dp_status dpi_events_find(dpi_log_events *events, uint64_t from, uint64_t end,
	size_t max_events, size_t max_bytes, uint64_t *ret_next, dp_error **err)
{
	dp_status st = DP_OK;
	uint64_t at = from;

	events->place_count = 0;
	events->bytes = 0;
	while (st == DP_OK && at < end && events->place_count == 0) {
		uint64_t limit;

		if (!is_in_segment(events, at)) {
			st = locate(events, &at, err);
		}
		if (st != DP_OK) {
			break;
		}
		limit = events->records_end < end ? events->records_end : end;
		st = find_in_segment(
			events, &at, limit, max_events, max_bytes, err);
		if (st == DP_OK && events->segment.fd >= 0 &&
			at >= events->records_end) {
			at = events->next_base;
		}
	}
	tell_damage(events);
	if (st != DP_OK && st != DP_EAGAIN) {
		return st;
	}
	*ret_next = at;
	return events->place_count > 0 ? DP_OK : DP_EAGAIN;
}

const uint8_t *dpi_events_record(const dpi_log_events *events, size_t number)
{
	assert(number < events->place_count);
	return events->data + events->places[number];
}

uint64_t dpi_events_offset(const dpi_log_events *events, size_t number)
{
	return events->data_at + events->places[number];
}

dp_time_ns dpi_events_time(const dpi_log_events *events, size_t number)
{
	const uint8_t *record = dpi_events_record(events, number);
	int64_t created_ms = events->segment.header.created_ms;

	return events->segment.has_header
		? (created_ms + dpi_walk_time_ms(record)) * DP_MILLISECOND
		: 0;
}
