/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "publish/publisher.h"

/* Who lingers for less does not: to wake a thread takes longer. */
#define SHORTEST_LINGER DP_MICROSECOND

/* One event on its way through a call. */
typedef struct dpi_offer {
	dpi_draft draft;
	dpi_place place;
	dpi_ids ids;
	dpi_call_for call;
} dpi_offer;

void dpi_publisher_arm(dp_publisher *pub, dp_time_ns at_ns)
{
	pub->writer->ops->arm(pub->writer, at_ns);
}

void dpi_publisher_call(dp_publisher *pub, dp_time_ns at_ns)
{
	(void)__atomic_add_fetch(&pub->wakeups, 1, __ATOMIC_RELAXED);
	dpi_publisher_arm(pub, at_ns);
}

/* Only who waits for ever may be kept by a file. */
static bool commits_itself(const dp_publisher *pub, dp_time_ns timeout_ns)
{
	return timeout_ns == DP_FOREVER &&
		pub->opts.linger_ns <= SHORTEST_LINGER &&
		pub->writer->ops->try_commit(pub->writer);
}

/* The event that was written is the first, or fills a batch. */
static void tell(dp_publisher *pub, dpi_call_for call, dp_time_ns timeout_ns)
{
	dp_time_ns linger_ns = call == DPI_CALL_LATER ? pub->opts.linger_ns : 0;

	if (!commits_itself(pub, timeout_ns)) {
		dpi_publisher_call(pub, dpi_publisher_deadline(pub, linger_ns));
	}
}

static void write_event(const dpi_offer *offer, char *ret_id)
{
	const dp_event *ev = offer->draft.event;
	const dpi_place *place = &offer->place;
	uint8_t *uuid = place->out + DPI_RECORD_UUID;

	dpi_uuid_make(
		uuid, offer->ids.unix_ms, offer->ids.writer, offer->ids.seq);
	dpi_record_encode(place->out, &offer->draft, uuid);
	if (place->chunk->report.items != NULL) {
		place->chunk->report.items[place->index] =
			(dp_completion){.tag = ev->tag};
	}
	if (ret_id != NULL && ev->id == NULL) {
		dpi_uuid_format(ret_id, uuid);
	} else if (ret_id != NULL) {
		memmove(ret_id, ev->id, strlen(ev->id) + 1);
	}
}

/* Takes a place and writes the event there. */
static dp_status accept_event(dp_publisher *pub, dpi_offer *offer, char *ret_id,
	dp_time_ns timeout_ns, dp_error **err)
{
	int64_t unix_ms = pub->os->wall_coarse(pub->os->self) / DP_MILLISECOND;
	dpi_front *front = &pub->front;
	size_t size = offer->draft.size;
	dp_status st = DP_OK;

	offer->call = DPI_CALL_NOBODY;
	dpi_publisher_lock(pub);
	if (size > front->bytes_left || front->events_left == 0) {
		st = dpi_publisher_grant(
			pub, size, timeout_ns, &offer->call, err);
	}
	if (st != DP_OK) {
		dpi_publisher_unlock(pub);
		return st;
	}
	dpi_front_take(front, size, pub->pens, &offer->place);
	offer->ids = dpi_ids_next(&front->ids, unix_ms);
	if (offer->place.pen == NULL) {
		write_event(offer, ret_id);
		dpi_publisher_unlock(pub);
		return DP_OK;
	}
	dpi_publisher_unlock(pub);
	write_event(offer, ret_id);
	/* From here on it may be committed, and the chunk gone. */
	dpi_pen_lift(offer->place.pen);
	return DP_OK;
}

dp_status dp_publisher_publish(dp_publisher *pub, const dp_event *ev,
	dp_time_ns timeout_ns, dp_error **err)
{
	dpi_offer offer;
	dp_status st;

	if (pub == NULL || ev == NULL) {
		return dpi_error_set(err, DP_EINVAL, "publish: %s is NULL",
			pub == NULL ? "pub" : "ev");
	}
	st = dpi_runtime_check(pub->rt, err);
	if (st != DP_OK) {
		return st;
	}
	st = dpi_record_draft(&offer.draft, ev,
		dpi_bytes(pub->source, pub->source_size - 1),
		pub->opts.payload_bytes, err);
	if (st != DP_OK) {
		return st;
	}
	if (offer.draft.size > pub->opts.limit_bytes) {
		return dpi_error_set(err, DP_ETOOBIG,
			"an event of %zu bytes is over limit_bytes, %" PRIu64,
			offer.draft.size, pub->opts.limit_bytes);
	}
	st = accept_event(pub, &offer, ev->ret_id, timeout_ns, err);
	if (st == DP_OK && offer.call != DPI_CALL_NOBODY) {
		tell(pub, offer.call, timeout_ns);
	}
	return st;
}
