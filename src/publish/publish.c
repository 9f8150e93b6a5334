/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/thread.h"
#include "publish/publisher.h"

/* One event on its way through a call. */
typedef struct dpi_offer {
	dpi_draft draft;
	dpi_place place;
	dpi_ids ids;
	bool first;   /* nothing waited before it */
	bool hurried; /* a full batch waits */
} dpi_offer;

void dpi_publisher_arm(dp_publisher *pub, dp_time_ns at_ns)
{
	pub->writer->ops->arm(pub->writer, at_ns);
}

static dp_time_ns now(const dp_publisher *pub)
{
	return pub->os->monotonic(pub->os->self);
}

static bool has_room(const dp_publisher *pub, size_t size)
{
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
		"publisher of %s accepts nothing more since it failed: %s",
		pub->opts.topic, dp_error_message(pub->fatal));
}

/* Asks for a commit now, once, since only that makes room. Has the lock. */
static void hurry(dp_publisher *pub)
{
	if (!pub->hurried && pub->waiting_bytes > 0) {
		pub->hurried = true;
		pub->wakeups++;
		dpi_unlock(&pub->lock);
		dpi_publisher_arm(pub, now(pub));
		dpi_lock(&pub->lock);
	}
}

/* Has the lock, and again at the end. */
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
		dpi_unlock(&pub->lock);
		rc = pub->os->wait(pub->os->self, &pub->room, seen, deadline);
		dpi_lock(&pub->lock);
		if (rc == -ETIMEDOUT) {
			timeout_ns = 0;
		}
		hurry(pub);
	}
	return pub->fatal == NULL ? DP_OK : refuse_for_good(pub, err);
}

/* Has the lock: the event is accepted. */
static void accept_event(dp_publisher *pub, dpi_offer *offer, int64_t unix_ms)
{
	offer->ids = dpi_ids_next(&pub->ids, unix_ms);
	pub->accepted++;
	pub->held_events++;
	pub->held_bytes += offer->draft.size;
	pub->waiting_bytes += offer->draft.size;

	offer->hurried =
		!pub->hurried && pub->waiting_bytes >= pub->opts.batch_bytes;
	offer->first = !pub->armed && !offer->hurried;
	pub->hurried |= offer->hurried;
	pub->armed = true;
	pub->wakeups += offer->first || offer->hurried;
}

static dp_status take_place(dp_publisher *pub, dpi_offer *offer,
	dp_time_ns timeout_ns, dp_error **err)
{
	int64_t unix_ms = pub->os->wall(pub->os->self) / DP_MILLISECOND;
	dp_status st;

	dpi_lock(&pub->lock);
	st = await_room(pub, offer->draft.size, timeout_ns, err);
	if (st == DP_OK) {
		if (dpi_chunks_reserve(
			    &pub->chunks, offer->draft.size, &offer->place)) {
			accept_event(pub, offer, unix_ms);
		} else {
			st = dpi_error_set(err, DP_ENOMEM,
				"no memory for an event of %zu bytes",
				offer->draft.size);
		}
	}
	dpi_unlock(&pub->lock);
	return st;
}

/* A collect that came too early for this event left it to us to ask again. */
static void ask_again(dp_publisher *pub)
{
	bool left;

	dpi_lock(&pub->lock);
	left = pub->left != 0;
	__atomic_store_n(&pub->left, 0, __ATOMIC_SEQ_CST);
	dpi_unlock(&pub->lock);
	if (left) {
		dpi_publisher_arm(pub, now(pub));
	}
}

/* Once its record is marked, the event may be committed, and the chunk gone. */
static void write_event(dp_publisher *pub, dpi_offer *offer, char *ret_id)
{
	const dp_event *ev = offer->draft.event;
	const dpi_place *place = &offer->place;
	uint8_t uuid[DPI_UUID_SIZE];

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
	dpi_chunks_written(place);
	if (__atomic_load_n(&pub->left, __ATOMIC_SEQ_CST) != 0) {
		ask_again(pub);
	}
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
	st = dpi_record_draft(
		&offer.draft, ev, pub->source, pub->opts.payload_bytes, err);
	if (st != DP_OK) {
		return st;
	}
	if (offer.draft.size > pub->opts.limit_bytes) {
		return dpi_error_set(err, DP_ETOOBIG,
			"an event of %zu bytes is over limit_bytes, %" PRIu64,
			offer.draft.size, pub->opts.limit_bytes);
	}
	st = take_place(pub, &offer, timeout_ns, err);
	if (st != DP_OK) {
		return st;
	}
	write_event(pub, &offer, ev->ret_id);
	if (offer.hurried || offer.first) {
		dpi_publisher_arm(pub,
			dpi_publisher_deadline(
				pub, offer.first ? pub->opts.linger_ns : 0));
	}
	return DP_OK;
}
