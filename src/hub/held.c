/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/held.h"

#include "base/alloc.h"
#include "base/error.h"

dpi_held *dpi_held_new(const dp_allocator *alloc, dpi_reader *reader)
{
	dpi_held *held = dpi_zalloc(alloc, 1, sizeof(*held));

	if (held == NULL) {
		return NULL;
	}
	held->reader = reader;
	held->read_next = reader->cursor.next;
	held->is_first = true;
	held->tried_end = reader->cursor.tried_end;
	held->tries = reader->cursor.tries;
	held->saved = reader->cursor;
	dpi_leases_init(&held->leases, alloc);
	return held;
}

void dpi_held_free(dpi_held *held)
{
	const dp_allocator *alloc = held->leases.alloc;

	held->reader->ops->release(held->reader);
	dpi_leases_fini(&held->leases);
	dpi_free(alloc, held, 1, sizeof(*held));
}

dp_offset dpi_held_next(dpi_held *held)
{
	return held->leases.count > 0 ? dpi_leases_at(&held->leases, 0)->offset
				      : held->read_next;
}

/* Finds the run anew, from the first lease on. */
static void restart_run(dpi_held *held)
{
	size_t i = 1;

	held->run_attempt = dpi_leases_at(&held->leases, 0)->attempt;
	held->run_end = DPI_HELD_OPEN;
	while (i < held->leases.count && held->run_end == DPI_HELD_OPEN) {
		const dpi_lease *lease = dpi_leases_at(&held->leases, i++);

		if (lease->attempt < held->run_attempt) {
			held->run_end = lease->offset;
		}
	}
}

static void trim(dpi_held *held)
{
	dpi_leases_trim(&held->leases);
	if (held->leases.count > 0 && dpi_held_next(held) >= held->run_end) {
		restart_run(held);
	}
}

static dpi_cursor cursor_now(dpi_held *held)
{
	dpi_cursor cursor = {.next = dpi_held_next(held)};

	if (held->leases.count > 0) {
		cursor.tries = held->run_attempt;
		cursor.tried_end = held->run_end != DPI_HELD_OPEN
			? held->run_end
			: held->read_next;
	} else if (held->tried_end > cursor.next) {
		cursor.tries = held->tries;
		cursor.tried_end = held->tried_end;
	}
	return cursor;
}

static bool is_same(const dpi_cursor *a, const dpi_cursor *b)
{
	return a->next == b->next && a->tries == b->tries &&
		a->tried_end == b->tried_end;
}

bool dpi_held_is_dirty(dpi_held *held)
{
	dpi_cursor cursor = cursor_now(held);

	return !is_same(&cursor, &held->saved);
}

dp_status dpi_held_save(
	dpi_held *held, dp_time_ns now, bool durable, dp_error **err)
{
	dpi_cursor cursor = cursor_now(held);
	dp_status st;

	if (!durable && is_same(&cursor, &held->saved)) {
		return DP_OK;
	}
	st = held->reader->ops->save(held->reader, &cursor, durable, err);
	if (st == DP_OK) {
		held->saved = cursor;
		held->saved_at = now;
	}
	return st;
}

static bool is_suspect(const dpi_held *held)
{
	return held->tries >= DPI_HELD_SUSPECT &&
		held->read_next < held->tried_end;
}

bool dpi_held_is_suspect(dpi_held *held)
{
	return held->tries >= DPI_HELD_SUSPECT &&
		dpi_held_next(held) < held->tried_end &&
		(held->leases.count == 0 || held->leases.out > 0);
}

/* A quarter for each try: 65,536 events are one after eight more. */
static size_t suspect_max(const dpi_held *held, size_t max)
{
	uint32_t shift = 2 * (held->tries - DPI_HELD_SUSPECT + 1);
	size_t fewer = shift < 32 ? max >> shift : 0;

	return fewer > 0 ? fewer : 1;
}

static uint32_t attempt_of_new(const dpi_held *held, dp_offset offset)
{
	return offset < held->tried_end ? held->tries + 1 : 1;
}

static void lease_new(dpi_held *held, dp_batch *batch, dp_time_ns deadline)
{
	bool was_empty = held->leases.count == 0;

	for (size_t i = 0; i < batch->count; i++) {
		dp_message *msg = &batch->messages[i];

		msg->attempt = attempt_of_new(held, msg->offset);
		dpi_leases_push(&held->leases, msg->offset, msg->size,
			msg->attempt, deadline);
		if (msg->attempt < held->run_attempt &&
			held->run_end == DPI_HELD_OPEN) {
			held->run_end = msg->offset;
		}
	}
	if (was_empty) {
		restart_run(held);
	}
}

/* Hands a batch of new events over: the cursor first, then the leases count. */
static dp_status take_new(dpi_held *held, dp_batch *batch, dp_offset next,
	const dpi_held_limits *limits, dp_error **err)
{
	dp_offset before = held->read_next;
	dp_status st;

	if (dpi_leases_reserve(&held->leases, batch->count) != DP_OK) {
		return dpi_error_set(err, DP_ENOMEM, "no memory for %zu leases",
			batch->count);
	}
	lease_new(held, batch, limits->deadline);
	held->read_next = next;
	st = dpi_held_save(held, limits->now, false, err);
	if (st != DP_OK) {
		dpi_leases_unpush(&held->leases, batch->count);
		held->read_next = before;
		if (held->run_end >= before) {
			held->run_end = DPI_HELD_OPEN;
		}
	}
	return st;
}

static dp_status pull_new(dpi_held *held, const dpi_held_limits *limits,
	dp_batch **ret_batch, bool *ret_blocked, dp_error **err)
{
	size_t max = limits->events;
	dp_batch *batch;
	dp_offset next;
	dp_status st;

	if (is_suspect(held)) {
		max = suspect_max(held, max);
	}
	if ((is_suspect(held) && held->leases.count > 0) ||
		held->leases.count + max > limits->window) {
		*ret_blocked |= held->leases.out > 0;
		return DP_EAGAIN;
	}
	st = held->reader->ops->read(held->reader, held->read_next, max,
		limits->bytes, &batch, &next, err);
	if (st == DP_EAGAIN) {
		held->read_next = next;
		return DP_EAGAIN;
	}
	if (st != DP_OK) {
		return st;
	}
	st = take_new(held, batch, next, limits, err);
	if (st != DP_OK) {
		dp_batch_unref(batch);
		return st;
	}
	*ret_batch = batch;
	return DP_OK;
}

/* Finishes the leases [index, end) that lie below next: they are gone. */
static void forget(dpi_held *held, size_t index, size_t end, dp_offset next)
{
	for (; index < end; index++) {
		dpi_lease *lease = dpi_leases_at(&held->leases, index);

		if (lease->offset < next) {
			dpi_leases_finish(&held->leases, lease);
		}
	}
}

/*
 * Pairs the messages of a batch with the leases [index, end) and cuts it where
 * it goes beyond them. What retention or damage took in between is forgotten.
 */
static void take_again(dpi_held *held, dp_batch *batch, size_t index,
	size_t end, dp_time_ns deadline)
{
	size_t n = 0;

	while (n < batch->count && index < end) {
		dpi_lease *lease = dpi_leases_at(&held->leases, index);
		dp_message *msg = &batch->messages[n];

		if (lease->offset > msg->offset) {
			break;
		}
		if (lease->offset < msg->offset) {
			dpi_leases_finish(&held->leases, lease);
		} else {
			dpi_leases_hand_over(&held->leases, lease, deadline);
			msg->attempt = lease->attempt;
			n++;
		}
		index++;
	}
	batch->count = n;
}

static dp_status pull_again(dpi_held *held, const dpi_held_limits *limits,
	dp_batch **ret_batch, dp_error **err)
{
	dp_batch *batch;
	dp_offset next;
	dp_status st;
	size_t index;
	size_t n;

	n = dpi_leases_due(&held->leases, limits->now, limits->events, &index);
	if (n == 0) {
		return DP_EAGAIN;
	}
	st = held->reader->ops->read(held->reader,
		dpi_leases_at(&held->leases, index)->offset, n, limits->bytes,
		&batch, &next, err);
	if (st == DP_EAGAIN) {
		forget(held, index, index + n, next);
		trim(held);
		return DP_EAGAIN;
	}
	if (st == DP_OK) {
		take_again(held, batch, index, index + n, limits->deadline);
		trim(held);
		if (batch->count == 0) {
			dp_batch_unref(batch);
			return DP_EAGAIN;
		}
		*ret_batch = batch;
	}
	return st;
}

dp_status dpi_held_pull(dpi_held *held, const dpi_held_limits *limits,
	dp_batch **ret_batch, bool *ret_blocked, dp_error **err)
{
	dp_status st;

	dpi_leases_expire(&held->leases, limits->now);
	st = pull_again(held, limits, ret_batch, err);
	if (st == DP_EAGAIN) {
		st = pull_new(held, limits, ret_batch, ret_blocked, err);
	}
	if (st == DP_OK) {
		(*ret_batch)->is_first = held->is_first;
		held->is_first = false;
	}
	return st;
}

static bool is_of(const dpi_lease *lease, const dp_message *msg, dp_time_ns now)
{
	return lease->offset == msg->offset && lease->state == DPI_LEASE_OUT &&
		lease->attempt == msg->attempt && lease->at > now;
}

dpi_lease *dpi_held_lease(dpi_held *held, const dp_message *msg, dp_time_ns now)
{
	size_t index = dpi_leases_find(&held->leases, msg->offset);
	dpi_lease *lease;

	if (index == held->leases.count) {
		return NULL;
	}
	lease = dpi_leases_at(&held->leases, index);
	return is_of(lease, msg, now) ? lease : NULL;
}

void dpi_held_finish(dpi_held *held, dpi_lease *lease)
{
	dpi_leases_finish(&held->leases, lease);
	trim(held);
}

/* Leases and messages are both in the order of their offsets. */
size_t dpi_held_finish_batch(
	dpi_held *held, const dp_batch *batch, dp_time_ns now)
{
	dpi_leases *leases = &held->leases;
	size_t finished = 0;
	size_t n = 0;
	size_t index;

	if (batch->count == 0) {
		return 0;
	}
	index = dpi_leases_find(leases, batch->messages[0].offset);
	while (n < batch->count && index < leases->count) {
		dpi_lease *lease = dpi_leases_at(leases, index);
		const dp_message *msg = &batch->messages[n];

		if (is_of(lease, msg, now)) {
			dpi_leases_finish(leases, lease);
			finished++;
		}
		n += lease->offset >= msg->offset;
		index += lease->offset <= msg->offset;
	}
	trim(held);
	return finished;
}

void dpi_held_finish_below(dpi_held *held, dp_offset next)
{
	for (size_t i = 0; i < held->leases.count; i++) {
		dpi_lease *lease = dpi_leases_at(&held->leases, i);

		if (lease->offset >= next) {
			break;
		}
		if (lease->state != DPI_LEASE_FINISHED) {
			dpi_leases_finish(&held->leases, lease);
		}
	}
	if (held->read_next < next) {
		held->read_next = next;
	}
	trim(held);
}

void dpi_held_rewind(dpi_held *held)
{
	dpi_cursor cursor = cursor_now(held);

	if (held->leases.count == 0) {
		return;
	}
	held->tried_end = cursor.tried_end;
	held->tries = cursor.tries - 1;
	held->read_next = cursor.next;
	dpi_leases_unpush(&held->leases, held->leases.count);
}
