/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>

#include "base/error.h"
#include "publish/publisher.h"

void dpi_publisher_settle(dp_publisher *pub)
{
	const dpi_front *front = &pub->front;
	uint32_t events = pub->events_granted - front->events_left;
	uint32_t bytes = pub->bytes_granted - front->bytes_left;

	pub->events_granted = front->events_left;
	pub->bytes_granted = front->bytes_left;
	pub->accepted += events;
	pub->held_events += events;
	pub->held_bytes += bytes;
	pub->waiting_bytes += bytes;
	if (front->chunk != NULL) {
		front->chunk->chunk.size += bytes;
		front->chunk->chunk.count += events;
	}
}

void dpi_publisher_end_grant(dp_publisher *pub)
{
	dpi_publisher_settle(pub);
	pub->front.events_left = 0;
	pub->front.bytes_left = 0;
	pub->events_granted = 0;
	pub->bytes_granted = 0;
}

static bool has_room(dp_publisher *pub, size_t size)
{
	dpi_publisher_settle(pub);
	return pub->held_events < pub->opts.limit_events &&
		size <= pub->opts.limit_bytes - pub->held_bytes;
}

static dp_status refuse_full(dp_publisher *pub, dp_error **err)
{
	pub->refused++;
	return dpi_error_set(err, DP_EAGAIN,
		"publisher of %s is full: %" PRIu64 " events and %" PRIu64
		" bytes are not completed",
		pub->opts.topic, pub->held_events, pub->held_bytes);
}

static dp_status refuse_for_good(dp_publisher *pub, dp_error **err)
{
	return dpi_error_set(err, DP_ECLOSED,
		"publisher of %s accepts nothing more: %s", pub->opts.topic,
		dp_error_message(pub->fatal));
}

/* Asks for a commit now, once, since only that makes room. With the gate. */
static void hurry(dp_publisher *pub)
{
	if (!pub->hurried && pub->waiting_bytes > 0) {
		pub->hurried = true;
		dpi_publisher_unlock(pub);
		dpi_publisher_call(pub, pub->os->monotonic(pub->os->self));
		dpi_publisher_lock(pub);
	}
}

/* With the gate, and again at the end. */
static dp_status await_room(
	dp_publisher *pub, size_t size, dp_time_ns timeout_ns, dp_error **err)
{
	dp_time_ns deadline;

	if (pub->fatal != NULL) {
		return refuse_for_good(pub, err);
	}
	if (has_room(pub, size)) {
		return DP_OK;
	}
	hurry(pub);
	deadline = timeout_ns > 0 ? dpi_publisher_deadline(pub, timeout_ns) : 0;
	while (pub->fatal == NULL && !has_room(pub, size)) {
		uint32_t seen = pub->room;
		int rc;

		if (timeout_ns <= 0) {
			return refuse_full(pub, err);
		}
		pub->room_waits++;
		dpi_publisher_unlock(pub);
		rc = pub->os->wait(pub->os->self, &pub->room, seen, deadline);
		dpi_publisher_lock(pub);
		if (rc == -ETIMEDOUT) {
			timeout_ns = 0;
		}
		hurry(pub);
	}
	return pub->fatal == NULL ? DP_OK : refuse_for_good(pub, err);
}

static bool fits(const dpi_pub_chunk *chunk, size_t size)
{
	return size <= chunk->capacity - chunk->chunk.size &&
		chunk->chunk.count < chunk->events_max;
}

static dp_status find_chunk(dp_publisher *pub, size_t size, dp_error **err)
{
	dpi_front *front = &pub->front;
	dpi_pub_chunk *chunk = front->chunk;

	if (chunk != NULL && fits(chunk, size)) {
		return DP_OK;
	}
	chunk = dpi_chunks_add(&pub->chunks, size);
	if (chunk == NULL) {
		return dpi_error_set(err, DP_ENOMEM,
			"no memory for an event of %zu bytes", size);
	}
	front->chunk = chunk;
	front->at = chunk->chunk.data;
	front->index = 0;
	return DP_OK;
}

/* What an event of this size has to tell, and to whom. */
static dpi_call_for call_for(dp_publisher *pub, size_t size)
{
	dpi_call_for call = DPI_CALL_NOBODY;

	if (!pub->hurried &&
		pub->waiting_bytes + size >= pub->opts.batch_bytes) {
		pub->hurried = true;
		call = DPI_CALL_NOW;
	} else if (!pub->armed) {
		call = DPI_CALL_LATER;
	}
	pub->armed = true;
	return call;
}

static uint32_t least(uint64_t a, uint64_t b)
{
	uint64_t less = a < b ? a : b;

	return less < UINT32_MAX ? (uint32_t)less : UINT32_MAX;
}

dp_status dpi_publisher_grant(dp_publisher *pub, size_t size,
	dp_time_ns timeout_ns, dpi_call_for *ret_call, dp_error **err)
{
	dpi_front *front = &pub->front;
	const dpi_pub_chunk *chunk;
	uint64_t until_full = UINT64_MAX;
	dp_status st;

	st = await_room(pub, size, timeout_ns, err);
	if (st == DP_OK) {
		st = find_chunk(pub, size, err);
	}
	if (st != DP_OK) {
		return st;
	}
	*ret_call = call_for(pub, size);
	if (!pub->hurried) {
		/* The event that fills the batch shall ask. */
		until_full = pub->opts.batch_bytes - pub->waiting_bytes - 1;
	}
	chunk = front->chunk;
	front->events_left = least(chunk->events_max - chunk->chunk.count,
		pub->opts.limit_events - pub->held_events);
	front->bytes_left = least(chunk->capacity - chunk->chunk.size,
		least(until_full, pub->opts.limit_bytes - pub->held_bytes));
	pub->events_granted = front->events_left;
	pub->bytes_granted = front->bytes_left;
	return DP_OK;
}
