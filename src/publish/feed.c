/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>

#include "base/error.h"
#include "publish/publisher.h"

static dp_publisher *publisher_of(dpi_feed *feed)
{
	return (dp_publisher *)((char *)feed - offsetof(dp_publisher, feed));
}

/* With the gate closed. */
static dpi_chunk *take(
	dp_publisher *pub, dpi_pub_chunk *const *busy, size_t count)
{
	dpi_chunk *chunks = dpi_chunks_take(&pub->chunks, busy, count);

	pub->rounds += chunks != NULL;
	for (dpi_chunk *c = chunks; c != NULL; c = c->next) {
		pub->waiting_bytes -= c->size;
		pub->collected += c->count;
		((dpi_pub_chunk *)c)->round = pub->rounds;
	}
	pub->hurried = false;
	pub->armed = pub->chunks.head != NULL;
	return chunks;
}

/*
 * Takes what is complete. No record joins a chunk that is to leave, and one
 * that is just being written is waited for, as that takes less than a wake-up.
 * But a thread that publishes may have lost its processor meanwhile: what it
 * holds up stays behind, and is looked at again soon.
 */
dpi_chunk *dpi_publisher_collect(dpi_feed *feed)
{
	dp_publisher *pub = publisher_of(feed);
	dpi_pub_chunk *busy[DPI_PENS];
	dpi_chunk *chunks;
	bool leaves_some;
	size_t count;

	dpi_publisher_lock(pub);
	dpi_publisher_end_grant(pub);
	pub->front.chunk = NULL;
	count = dpi_pens_read(pub->pens, busy);
	if (count > 0) {
		dpi_publisher_unlock(pub);
		dpi_pens_await(pub->pens, busy, count);
		dpi_publisher_lock(pub);
		dpi_publisher_end_grant(pub);
		pub->front.chunk = NULL;
		count = dpi_pens_read(pub->pens, busy);
	}
	chunks = take(pub, busy, count);
	leaves_some = pub->armed;
	dpi_publisher_unlock(pub);
	if (leaves_some) {
		dpi_publisher_arm(
			pub, dpi_os_deadline(pub->os, DPI_LOOK_AGAIN_NS));
	}
	return chunks;
}

/* After these the same event may be offered again, and may get through. */
static bool is_final(dp_status status)
{
	return status != DP_ENOSPC && status != DP_EAGAIN &&
		status != DP_ENOMEM && status != DP_ECANCELED &&
		status != DP_ETIMEDOUT;
}

/* Moves a word that threads may sleep on; returns whether any does. */
static bool move(uint32_t *word, uint32_t *waits)
{
	bool anybody = *waits != 0;

	__atomic_fetch_add(word, 1, __ATOMIC_RELEASE);
	*waits = 0;
	return anybody;
}

static void tell_of_room(dp_publisher *pub)
{
	if (move(&pub->room, &pub->room_waits)) {
		pub->os->wake(pub->os->self, &pub->room, INT_MAX);
	}
}

/* Who waits for room after a final failure would wait for nothing. */
static void note_failure(
	dp_publisher *pub, dp_status status, const dp_error *cause)
{
	if (pub->failure == NULL) {
		pub->failure = dpi_error_dup(cause);
	}
	if (pub->fatal == NULL && is_final(status)) {
		pub->fatal = dpi_error_dup(cause);
		dpi_publisher_end_grant(pub);
		tell_of_room(pub);
	}
}

void dpi_publisher_make_room(dp_publisher *pub, dpi_pub_chunk *chunk,
	uint64_t events, uint64_t bytes)
{
	pub->held_events -= events;
	pub->held_bytes -= bytes;
	dpi_pool_give(pub->chunks.pool, chunk);
	tell_of_room(pub);
}

static void set_statuses(dpi_pub_chunk *chunk, dp_status status)
{
	for (size_t i = 0; i < chunk->chunk.count; i++) {
		chunk->report.items[i].status = status;
	}
}

/*
 * Tells who waits for the round that a chunk was of, once it has ended. Others
 * may wait for it by a later number, if more was collected since. Returns which
 * are to be woken.
 */
static unsigned tell(dp_publisher *pub, const dpi_pub_chunk *chunk)
{
	unsigned told = 0;

	if (chunk->chunk.next != NULL) {
		return 0;
	}
	for (uint32_t i = 0; i < 2; i++) {
		bool is_for =
			chunk->round % 2 == i || chunk->round != pub->rounds;

		if (is_for && move(&pub->news[i].word, &pub->news[i].waits)) {
			told |= 1u << i;
		}
	}
	return told;
}

static void wake(dp_publisher *pub, unsigned told)
{
	for (uint32_t i = 0; i < 2; i++) {
		if ((told & 1u << i) != 0) {
			pub->os->wake(
				pub->os->self, &pub->news[i].word, INT_MAX);
		}
	}
}

void dpi_publisher_done(dpi_feed *feed, dpi_chunk *chunk, dp_status status,
	const dp_error *cause)
{
	dp_publisher *pub = publisher_of(feed);
	dpi_pub_chunk *mine = (dpi_pub_chunk *)chunk;
	bool reports = dpi_publisher_reports(pub);
	unsigned told;

	if (reports && status != DP_OK) {
		set_statuses(mine, status);
	}
	dpi_publisher_lock(pub);
	if (status == DP_OK) {
		pub->succeeded += chunk->count;
	} else {
		pub->failed += chunk->count;
		note_failure(pub, status, cause);
	}
	told = tell(pub, mine);
	if (reports) {
		pub->refs++;
	} else {
		dpi_publisher_make_room(pub, mine, chunk->count, chunk->size);
	}
	dpi_publisher_unlock(pub);
	wake(pub, told);
	if (reports) {
		dpi_publisher_report(pub, mine);
	}
}
