/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/log/round.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "hub/log/ahead.h"
#include "hub/log/committer.h"
#include "hub/log/partition.h"
#include "hub/log/prepare.h"
#include "hub/log/retention.h"
#include "hub/log/spare.h"

/* On a full disk, how soon old segments are looked for again. */
#define RETAIN_INTERVAL (100 * DP_MILLISECOND)
/* Records that are sealed and then written at once. */
#define HOT_BYTES (512u << 10)

/* Without memory, rounds stay small. */
static void grow(dpi_log_writer *w)
{
	dpi_log_item *items;

	items = dpi_zalloc(w->hub->alloc, DPI_LOG_ROUND, sizeof(*items));
	if (items != NULL) {
		memcpy(items, w->items, w->count * sizeof(*items));
		w->items = items;
		w->capacity = DPI_LOG_ROUND;
	}
}

static bool has_place(dpi_log_writer *w)
{
	if (w->count == w->capacity && w->items == w->few_items) {
		grow(w);
	}
	return w->count < w->capacity;
}

/* Puts chunks of one feed into the round; keeps the rest for the next. */
static void put(dpi_log_writer *w, dpi_feed *feed, dpi_chunk *chunk)
{
	while (chunk != NULL && has_place(w)) {
		w->items[w->count++] = (dpi_log_item){feed, chunk, 0};
		chunk = chunk->next;
	}
	w->rest = chunk;
	w->rest_feed = feed;
}

static void gather(dpi_log_writer *w)
{
	if (w->rest != NULL) {
		put(w, w->rest_feed, w->rest);
	}
	while (w->next_feed != NULL && has_place(w)) {
		dpi_feed *feed = w->next_feed;

		w->next_feed = feed->next;
		put(w, feed, feed->collect(feed));
	}
}

/* Wakes the readers for whom there is more than they were told of. */
static void tell_readers(dpi_log_writer *w)
{
	dpi_log_state *state = w->partition->state;
	dpi_log_news *news = w->hub->news;
	uint64_t written = atomic_load(&state->written);
	uint64_t durable = atomic_load(&state->durable);

	if (written != w->told_written) {
		w->told_written = written;
		dpi_log_news_ring(&news->written, w->hub->os);
	}
	if (durable != w->told_durable) {
		w->told_durable = durable;
		dpi_log_news_ring(&news->durable, w->hub->os);
	}
}

/* What was sealed has just been read: a write of more than a cache holds would
 * fetch it from memory once more. */
static dp_status flush_while_hot(dpi_log_writer *w, dp_error **err)
{
	uint64_t lined_up =
		dpi_tail_end(&w->tail) - dpi_tail_flushed_end(&w->tail);

	return lined_up >= HOT_BYTES ? dpi_tail_flush(&w->tail, err) : DP_OK;
}

/* Appends what is left of the round, and flushes. */
static dp_status append_items(dpi_log_writer *w, dp_error **err)
{
	dp_status st = DP_OK;
	dp_status flushed;

	while (st == DP_OK && w->next_item < w->count) {
		dpi_log_item *item = &w->items[w->next_item];

		st = dpi_tail_append(
			&w->tail, item->chunk, &w->chunk_done, err);
		if (st == DP_OK) {
			item->end = dpi_tail_end(&w->tail);
			w->next_item++;
			w->chunk_done = 0;
			st = flush_while_hot(w, err);
		}
	}
	/* What found room before the disk was full shall not wait for more. */
	flushed = dpi_tail_flush(&w->tail, st == DP_OK ? err : NULL);
	return st == DP_OK ? flushed : st;
}

/* Nobody else may be there to see that the last who needed a segment is done
 * with it, or deleted. It asks all subscriptions, so not for each refusal. */
static bool retain(dpi_log_writer *w)
{
	const dpi_os *os = w->hub->os;
	dp_time_ns now = os->monotonic(os->self);

	if (now < w->retain_at) {
		return false;
	}
	w->retain_at = now + RETAIN_INTERVAL;
	return dpi_log_retain(w->hub, w->partition);
}

/* What nobody needs goes first; events only if that is the policy. A spare that
 * was made since is not given up again: it is what finds no room. */
static bool make_room(dpi_log_writer *w, bool *may_drop_spare)
{
	if (dpi_leftovers_free(&w->hub->prepare.leftovers)) {
		return true;
	}
	if (*may_drop_spare && dpi_tail_drop_spare(&w->tail)) {
		*may_drop_spare = false;
		return true;
	}
	if (retain(w)) {
		*may_drop_spare = true;
		return true;
	}
	return w->hub->opts.full_policy == DP_FULL_DROP_OLDEST &&
		dpi_partition_drop_oldest(w->hub, w->partition);
}

static dp_status append_round(dpi_log_writer *w, dp_error **err)
{
	bool may_drop_spare = true;
	dp_error *cause = NULL;
	dp_status st;

	st = append_items(w, &cause);
	while (st == DP_ENOSPC && make_room(w, &may_drop_spare)) {
		dp_error_free(cause);
		cause = NULL;
		st = append_items(w, &cause);
	}
	*err = cause;
	return st;
}

static bool is_flushed(const dpi_log_writer *w, const dpi_log_item *item)
{
	return item->end != 0 && item->end <= dpi_tail_flushed_end(&w->tail);
}

static void complete(dpi_log_writer *w, const dpi_log_item *item, bool is_good,
	dp_status st, const dp_error *cause)
{
	dpi_log_counters *counters = &w->hub->counters;

	if (is_good) {
		dpi_log_count(&counters->appended_events, item->chunk->count);
		dpi_log_count(&counters->appended_bytes, item->chunk->size);
	}
	item->feed->done(item->feed, item->chunk, is_good ? DP_OK : st,
		is_good ? NULL : cause);
}

/* Of the first n: what is told to the same feed right after item i. */
static dpi_chunk *next_of_feed(const dpi_log_writer *w, size_t i, size_t n)
{
	const dpi_log_item *item = &w->items[i];

	return i + 1 < n && item[1].feed == item->feed ? item[1].chunk : NULL;
}

/* Tells those of the first n feeds that wait for a sync, or that do not. */
static void complete_first(dpi_log_writer *w, size_t n, bool is_durable,
	dp_status st, const dp_error *cause)
{
	for (size_t i = 0; i < n; i++) {
		const dpi_log_item *item = &w->items[i];

		if ((item->feed->level >= DP_ACK_DURABLE) == is_durable) {
			item->chunk->next = next_of_feed(w, i, n);
			complete(w, item, is_flushed(w, item), st, cause);
		}
	}
}

static bool has_durable(const dpi_log_writer *w, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (w->items[i].feed->level >= DP_ACK_DURABLE &&
			is_flushed(w, &w->items[i])) {
			return true;
		}
	}
	return false;
}

/* A sync that failed takes back what was flushed, as far as is known. */
static void disown(dpi_log_writer *w, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		w->items[i].end = 0;
	}
}

static void sync_later(dpi_log_writer *w)
{
	const dpi_os *os = w->hub->os;

	if (!w->tail.is_unsynced) {
		w->sync_at = 0;
	} else if (w->sync_at == 0) {
		w->sync_at = dpi_os_deadline(os, w->hub->opts.sync_interval_ns);
		dpi_log_committer_arm(w->hub->committer, w, w->sync_at);
	}
}

static bool is_sync_due(const dpi_log_writer *w)
{
	const dpi_os *os = w->hub->os;

	return w->sync_at != 0 && os->monotonic(os->self) >= w->sync_at;
}

/*
 * Tells the feeds about the first n items: those that were not flushed failed,
 * as st and cause say. The others move up.
 */
static void finish(
	dpi_log_writer *w, size_t n, dp_status st, const dp_error *cause)
{
	dp_error *err = NULL;

	tell_readers(w);
	complete_first(w, n, false, st, cause);
	if (has_durable(w, n)) {
		dp_status synced = dpi_tail_sync(&w->tail, &err);

		if (synced != DP_OK) {
			disown(w, n);
			st = synced;
			cause = err;
		}
		tell_readers(w);
	}
	complete_first(w, n, true, st, cause);
	dp_error_free(err);
	w->count -= n;
	memmove(w->items, w->items + n, w->count * sizeof(*w->items));
}

static size_t count_flushed(const dpi_log_writer *w)
{
	size_t n = 0;

	while (n < w->count && is_flushed(w, &w->items[n])) {
		n++;
	}
	return n;
}

/* What was to be refused for want of room is lost track of if it cannot be
 * taken out of the file again. */
static dp_status give_up(dpi_log_writer *w, dp_status st, dp_error **cause)
{
	dp_error *err = NULL;
	dp_status cut = dpi_tail_give_up(&w->tail, &err);

	if (cut == DP_OK || (st != DP_ENOSPC && st != DP_ENOMEM)) {
		dp_error_free(err);
		return st;
	}
	dp_error_free(*cause);
	*cause = err;
	return cut;
}

/* False if what is left of the round has to be tried again. */
static bool run_round(dpi_log_writer *w)
{
	dp_error *cause = NULL;
	dp_status st = append_round(w, &cause);
	size_t n = w->count;

	if (st == DP_ENOSPC && w->hub->opts.full_policy == DP_FULL_BLOCK) {
		n = count_flushed(w);
		w->next_item -= n;
	} else {
		if (st != DP_OK) {
			st = give_up(w, st, &cause);
		}
		w->next_item = 0;
		w->chunk_done = 0;
	}
	finish(w, n, st, cause);
	dp_error_free(cause);
	return w->count == 0;
}

/* An error is kept by the tail, and meets the next event. */
static void sync_if_due(dpi_log_writer *w)
{
	if (is_sync_due(w) && dpi_tail_sync(&w->tail, NULL) == DP_OK) {
		tell_readers(w);
	}
}

/* False if a round has to be tried again. */
static bool run_rounds(dpi_log_writer *w)
{
	w->next_feed = w->feeds;
	while (w->count > 0 || w->rest != NULL || w->next_feed != NULL) {
		gather(w);
		if (w->count > 0 && !run_round(w)) {
			return false;
		}
	}
	return true;
}

bool dpi_log_commit_rounds(dpi_log_writer *w, bool syncs)
{
	bool is_complete = run_rounds(w);

	/* What was written shall not wait for the room that others want. */
	if (syncs) {
		sync_if_due(w);
	}
	sync_later(w);
	if (!is_complete) {
		return false;
	}
	if (dpi_tail_wants_prepare(&w->tail)) {
		dpi_log_prepare_ask(&w->hub->prepare, &w->tail);
	}
	return true;
}

static bool holds(const dpi_log_writer *w, const dpi_feed *feed)
{
	bool found = w->rest != NULL && w->rest_feed == feed;

	for (size_t i = 0; i < w->count && !found; i++) {
		found = w->items[i].feed == feed;
	}
	return found;
}

/* Bytes of the first item that are in the log for good: it did not fit into
 * one segment. What else was lined up of the round was not flushed. */
static size_t flushed_of_first(const dpi_log_writer *w)
{
	size_t lined_up = w->chunk_done;

	for (size_t i = 0; i < w->next_item; i++) {
		lined_up += w->items[i].chunk->size;
	}
	return lined_up -
		(size_t)(dpi_tail_end(&w->tail) -
			dpi_tail_flushed_end(&w->tail));
}

static void unseal(const dpi_chunk *chunk)
{
	for (size_t n = 0; n < chunk->size;
		n += dpi_record_size(chunk->data + n)) {
		dpi_record_unseal(chunk->data + n);
	}
}

/* What other feeds have in the round begins anew. */
static void refuse_items(dpi_log_writer *w, const dpi_feed *feed,
	size_t flushed, dp_status st, const dp_error *cause)
{
	bool goes_on = w->count > 0 && w->items[0].feed != feed;
	size_t kept = 0;

	for (size_t i = 0; i < w->count; i++) {
		dpi_log_item *item = &w->items[i];

		if (item->feed == feed) {
			item->chunk->next = NULL;
			item->feed->done(item->feed, item->chunk, st, cause);
			continue;
		}
		unseal(item->chunk);
		item->end = 0;
		w->items[kept++] = *item;
	}
	w->count = kept;
	w->next_item = 0;
	w->chunk_done = goes_on ? flushed : 0;
}

static void refuse_rest(dpi_log_writer *w, dp_status st, const dp_error *cause)
{
	while (w->rest != NULL) {
		dpi_chunk *chunk = w->rest;

		w->rest = chunk->next;
		chunk->next = NULL;
		w->rest_feed->done(w->rest_feed, chunk, st, cause);
	}
}

void dpi_log_round_forget(dpi_log_writer *w, dpi_feed *feed)
{
	dp_error *cause = NULL;
	size_t flushed;
	dp_status st;

	if (!holds(w, feed)) {
		return;
	}
	flushed = flushed_of_first(w);
	st = dpi_tail_give_up(&w->tail, &cause);
	if (st == DP_OK) {
		st = dpi_error_set(&cause, DP_ENOSPC,
			"topic %s: the disk is full, and the publisher did "
			"not wait%s",
			w->partition->topic,
			flushed > 0 ? "; some of the events may be there" : "");
	}
	refuse_items(w, feed, flushed, st, cause);
	if (w->rest_feed == feed) {
		refuse_rest(w, st, cause);
	}
	dp_error_free(cause);
}
