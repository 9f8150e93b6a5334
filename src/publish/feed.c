/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>

#include "base/error.h"
#include "base/thread.h"
#include "publish/publisher.h"

static dp_publisher *publisher_of(dpi_feed *feed)
{
	return (dp_publisher *)((char *)feed - offsetof(dp_publisher, feed));
}

/*
 * Takes what is complete. The event that a preempted thread is still writing
 * stays behind, and its thread asks for the next commit; so nobody who commits
 * ever waits for a thread that publishes.
 *
 * `left` is set before the records are looked at, and that thread looks at
 * `left` after it has marked its record; as both do so in one total order, at
 * least one of them sees the other.
 */
dpi_chunk *dpi_publisher_collect(dpi_feed *feed)
{
	dp_publisher *pub = publisher_of(feed);
	dpi_chunk *chunks;

	dpi_lock(&pub->lock);
	__atomic_store_n(&pub->left, 1, __ATOMIC_SEQ_CST);
	chunks = dpi_chunks_take(&pub->chunks);
	for (const dpi_chunk *c = chunks; c != NULL; c = c->next) {
		pub->waiting_bytes -= c->size;
	}
	pub->hurried = false;
	if (pub->chunks.head == NULL) {
		pub->armed = false;
		__atomic_store_n(&pub->left, 0, __ATOMIC_SEQ_CST);
	}
	dpi_unlock(&pub->lock);
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
		tell_of_room(pub);
	}
}

void dpi_publisher_make_room(dp_publisher *pub, dpi_pub_chunk *chunk,
	uint64_t events, uint64_t bytes)
{
	pub->held_events -= events;
	pub->held_bytes -= bytes;
	dpi_chunks_give(&pub->chunks, chunk);
	tell_of_room(pub);
}

static void set_statuses(dpi_pub_chunk *chunk, dp_status status)
{
	for (size_t i = 0; i < chunk->chunk.count; i++) {
		chunk->report.items[i].status = status;
	}
}

void dpi_publisher_done(dpi_feed *feed, dpi_chunk *chunk, dp_status status,
	const dp_error *cause)
{
	dp_publisher *pub = publisher_of(feed);
	dpi_pub_chunk *mine = (dpi_pub_chunk *)chunk;
	bool reports = dpi_publisher_reports(pub);
	bool wake;

	if (reports && status != DP_OK) {
		set_statuses(mine, status);
	}
	dpi_lock(&pub->lock);
	if (status == DP_OK) {
		pub->succeeded += chunk->count;
	} else {
		pub->failed += chunk->count;
		note_failure(pub, status, cause);
	}
	if (reports) {
		pub->refs++;
	} else {
		dpi_publisher_make_room(pub, mine, chunk->count, chunk->size);
	}
	wake = move(&pub->news, &pub->news_waits);
	dpi_unlock(&pub->lock);
	if (wake) {
		pub->os->wake(pub->os->self, &pub->news, INT_MAX);
	}
	if (reports) {
		dpi_publisher_report(pub, mine);
	}
}
