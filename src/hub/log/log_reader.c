/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/log/log_reader.h"

#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "hub/log/damage.h"
#include "hub/log/epoch.h"
#include "hub/log/log_backend.h"
#include "hub/log/registration.h"
#include "hub/log/retention.h"

#define DPI_MSG_CURSOR_SET_BACK 0x4ad8216fu
/* Records of so many bytes are counted; more are guessed from the first. */
#define COUNT_BYTES ((uint64_t)4 << 20)
/* retained_base of a reader that has not asked yet. */
#define RETAINED_NEVER UINT64_MAX

static dpi_log_reader *reader_of(dpi_reader *reader)
{
	return (dpi_log_reader *)reader;
}

static uint64_t load(_Atomic uint64_t *word)
{
	return atomic_load_explicit(word, memory_order_acquire);
}

/* First offset that this subscription may not read yet. */
static uint64_t end_of(const dpi_log_reader *reader)
{
	dpi_log_state *state = reader->partition->state;

	return reader->backend->read_level == DP_ACK_WRITTEN
		? load(&state->written)
		: load(&state->durable);
}

/* Returns false if it has the right checksum and is no record all the same. */
static bool copy_event(
	dp_batch *batch, const dpi_log_events *events, size_t number)
{
	const uint8_t *record = dpi_events_record(events, number);
	uint32_t size = dpi_record_size(record);
	dp_message *msg = &batch->messages[batch->count];
	uint8_t *to = batch->data + batch->bytes;

	memcpy(to, record, size);
	if (!dpi_record_parse(msg, to, size)) {
		return false;
	}
	msg->from = &batch->from;
	msg->offset = dpi_events_offset(events, number);
	msg->append_time = dpi_events_time(events, number);
	batch->bytes += size;
	batch->count++;
	return true;
}

static void tell_unreadable(dpi_log_reader *reader, size_t number)
{
	const dpi_log_events *events = &reader->events;
	dpi_skipped *skipped = &reader->backend->backend.skipped;
	uint64_t at = dpi_events_offset(events, number);
	uint32_t size = dpi_record_size(dpi_events_record(events, number));

	dpi_log_count(&skipped->runs, 1);
	dpi_log_count(&skipped->bytes, size);
	dpi_log_tell_damaged(
		reader->backend->hub, reader->partition, at, at + size);
}

static dp_status make_batch(
	dpi_log_reader *reader, dp_batch **ret_batch, dp_error **err)
{
	const dpi_log_events *events = &reader->events;
	dpi_log_hub *hub = reader->backend->hub;
	dp_batch *batch = dpi_batch_new(hub->alloc, reader->partition->topic,
		reader->partition->name.partition, events->place_count,
		events->bytes);

	if (batch == NULL) {
		return dpi_error_set(err, DP_ENOMEM, "no memory for a batch");
	}
	for (size_t i = 0; i < events->place_count; i++) {
		if (!copy_event(batch, events, i)) {
			tell_unreadable(reader, i);
		}
	}
	*ret_batch = batch;
	return DP_OK;
}

static dp_status log_read(dpi_reader *base, dp_offset from, size_t max_events,
	size_t max_bytes, dp_batch **ret_batch, dp_offset *ret_next,
	dp_error **err)
{
	dpi_log_reader *reader = reader_of(base);
	uint64_t end = end_of(reader);
	dp_batch *batch = NULL;
	dp_status st = DP_OK;

	while (st == DP_OK && (batch == NULL || batch->count == 0)) {
		dp_batch_unref(batch);
		batch = NULL;
		st = dpi_events_find(&reader->events, from, end, max_events,
			max_bytes, &from, err);
		if (st == DP_OK) {
			st = make_batch(reader, &batch, err);
		}
	}
	*ret_next = from;
	if (st == DP_OK) {
		*ret_batch = batch;
	}
	return st;
}

static dp_status log_backlog(
	dpi_reader *base, dp_offset from, uint64_t *ret_events, dp_error **err)
{
	dpi_log_reader *reader = reader_of(base);
	uint64_t end = end_of(reader);
	uint64_t begin = UINT64_MAX;
	uint64_t events = 0;
	uint64_t at = from;
	dp_status st = DP_OK;

	while (st == DP_OK && at < end &&
		(begin == UINT64_MAX || at - begin < COUNT_BYTES)) {
		st = dpi_events_find(
			&reader->events, at, end, SIZE_MAX, SIZE_MAX, &at, err);
		if (st == DP_OK && begin == UINT64_MAX) {
			begin = dpi_events_offset(&reader->events, 0);
		}
		events += st == DP_OK ? reader->events.place_count : 0;
	}
	if (st != DP_OK && st != DP_EAGAIN) {
		return st;
	}
	if (st == DP_OK && at < end) {
		events = (uint64_t)((double)events * (double)(end - begin) /
			(double)(at - begin));
	}
	*ret_events = events;
	return DP_OK;
}

static dp_status log_time_at(
	dpi_reader *base, dp_offset at, dp_time_ns *ret, dp_error **err)
{
	dpi_log_reader *reader = reader_of(base);
	dp_status st = dpi_events_find(
		&reader->events, at, end_of(reader), 1, SIZE_MAX, &at, err);

	*ret = st == DP_OK ? dpi_events_time(&reader->events, 0) : 0;
	return st == DP_EAGAIN ? DP_OK : st;
}

/* The first time that a cursor is found past the beginning of a segment, what
 * is before it may go. */
static void retain(dpi_log_reader *reader, const dpi_cursor *cursor)
{
	const dpi_log_events *events = &reader->events;

	if (events->segment.fd < 0 ||
		events->segment.header.base == reader->retained_base ||
		cursor->next < events->segment.header.base) {
		return;
	}
	reader->retained_base = events->segment.header.base;
	(void)dpi_log_retain(reader->backend->hub, reader->partition);
}

static dp_status log_save(dpi_reader *base, const dpi_cursor *cursor,
	bool durable, dp_error **err)
{
	dpi_log_reader *reader = reader_of(base);
	dp_status st = dpi_cursor_save(
		&reader->file, cursor, reader->events.epoch, durable, err);

	if (st == DP_OK) {
		retain(reader, cursor);
	}
	return st;
}

/* In a child the locks are the parent's, and stay with it. */
static void log_release(dpi_reader *base)
{
	dpi_log_reader *reader = reader_of(base);
	dpi_log_backend *backend = reader->backend;
	dpi_log_reader **link = &backend->readers;

	while (*link != reader) {
		link = &(*link)->next;
	}
	*link = reader->next;
	backend->count--;
	dpi_events_fini(&reader->events);
	dpi_cursor_close(&reader->file);
	if (dpi_runtime_check(backend->backend.rt, NULL) == DP_OK) {
		dpi_claims_give(&backend->claims, &reader->partition->name);
	}
	dpi_free(backend->hub->alloc, reader, 1, sizeof(*reader));
}

static const dpi_reader_ops reader_ops = {
	.read = log_read,
	.backlog = log_backlog,
	.time_at = log_time_at,
	.save = log_save,
	.release = log_release,
};

static void tell_set_back(const dpi_log_reader *reader, const char *why)
{
	dpi_log_hub *hub = reader->backend->hub;

	dpi_log_count(&hub->counters.cursor_rewinds, 1);
	dpi_log(hub->hub.rt, DP_LOG_WARN, DPI_MSG_CURSOR_SET_BACK, "hub",
		reader->backend->claims.name,
		"place in %s/%u set back to %llu: %s", reader->partition->topic,
		(unsigned)reader->partition->name.partition,
		(unsigned long long)reader->file.cursor.next, why);
}

/*
 * A cursor may be ahead of the log: it was told of records that were written
 * and never synced, and then the power went. Where others have been written in
 * their place since, a later epoch begins below the cursor.
 */
static dp_status set_back(dpi_log_reader *reader, dp_error **err)
{
	dpi_log_hub *hub = reader->backend->hub;
	dpi_cursor *cursor = &reader->file.cursor;
	/* What is written and not yet durable has not been lost. */
	uint64_t end = load(&reader->partition->state->written);
	uint64_t base = UINT64_MAX;
	dp_status st = DP_OK;

	if (!reader->file.is_new && cursor->next > 0 &&
		reader->file.epoch <
			atomic_load(&reader->partition->state->epoch)) {
		st = dpi_log_epoch_after(
			hub, reader->partition, reader->file.epoch, &base, err);
	}
	if (st != DP_OK) {
		return st;
	}
	if (cursor->next > base || cursor->next > end) {
		cursor->next = base < end ? base : end;
		cursor->tried_end = 0;
		cursor->tries = 0;
		tell_set_back(reader, "the log has lost what was read");
	} else if (reader->file.is_damaged) {
		tell_set_back(reader, "its file is damaged");
	}
	return DP_OK;
}

static dp_status open_cursor(dpi_log_reader *reader, dp_error **err)
{
	dpi_log_backend *backend = reader->backend;
	const dpi_partition_name *name = &reader->partition->name;
	const char *sub = backend->claims.name;
	const char *directory = backend->hub->directory;
	char reserved[DPI_LOG_PATH_MAX];
	char path[DPI_LOG_PATH_MAX];
	dp_status st;

	dpi_registration_cursor_path(path, directory, sub, name);
	dpi_registration_reserved_path(
		reserved, directory, sub, backend->claims.seat);
	st = dpi_cursor_open(&reader->file, backend->hub->os, path, reserved,
		dpi_registration_cursor_key(backend->hub, sub, name), err);
	if (st != DP_OK) {
		return st;
	}
	if (reader->file.is_new) {
		dpi_claims_reserve(&backend->claims);
	}
	st = set_back(reader, err);
	if (st != DP_OK) {
		dpi_cursor_close(&reader->file);
	}
	return st;
}

dp_status dpi_log_reader_new(dpi_log_reader **ret, dpi_log_backend *backend,
	dpi_log_partition *partition, dp_error **err)
{
	dpi_log_reader *reader =
		dpi_zalloc(backend->hub->alloc, 1, sizeof(*reader));
	dp_status st;

	if (reader == NULL) {
		st = dpi_error_set(err, DP_ENOMEM, "no memory for a reader");
		goto err_after_claim;
	}
	reader->backend = backend;
	reader->partition = partition;
	reader->retained_base = RETAINED_NEVER;
	st = dpi_log_settle(backend->hub, partition, err);
	if (st == DP_OK) {
		st = open_cursor(reader, err);
	}
	if (st != DP_OK) {
		goto err_after_reader;
	}
	dpi_events_init(&reader->events, backend->hub, partition,
		backend->claims.name, &backend->backend.skipped);
	if (reader->file.sequence > 0) {
		dpi_events_set_place(&reader->events, reader->file.epoch);
	}
	reader->reader = (dpi_reader){
		.ops = &reader_ops,
		.name = partition->name,
		.cursor = reader->file.cursor,
	};
	reader->next = backend->readers;
	backend->readers = reader;
	backend->count++;
	*ret = reader;
	return DP_OK;

err_after_reader:
	dpi_free(backend->hub->alloc, reader, 1, sizeof(*reader));
err_after_claim:
	dpi_claims_give(&backend->claims, &partition->name);
	return st;
}

bool dpi_log_reader_is_behind(const dpi_log_reader *reader)
{
	dpi_log_state *state = reader->partition->state;

	return load(&state->durable) < load(&state->written);
}

bool dpi_log_reader_is_stuck(dpi_log_reader *reader)
{
	uint64_t durable = load(&reader->partition->state->durable);
	bool is_stuck = dpi_log_reader_is_behind(reader) &&
		reader->unsettled_at == durable + 1;

	reader->unsettled_at =
		dpi_log_reader_is_behind(reader) ? durable + 1 : 0;
	return is_stuck;
}
