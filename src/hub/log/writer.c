/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/log/writer.h"

#include <limits.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/thread.h"
#include "hub/log/committer.h"
#include "hub/log/partition.h"
#include "hub/log/round.h"

/* A full disk is looked at again after this. */
#define FULL_RETRY_NS (100 * DP_MILLISECOND)

static dpi_log_writer *of(dpi_writer *writer)
{
	return (dpi_log_writer *)writer;
}

static bool is_forked(const dpi_log_writer *w)
{
	return dpi_runtime_check(w->hub->hub.rt, NULL) != DP_OK;
}

/* Waits until somebody gives the turn back, or the deadline; with the lock,
 * which is given up meanwhile. */
static void wait_for_turn(dpi_log_writer *w, dp_time_ns deadline_ns)
{
	const dpi_os *os = w->hub->os;
	uint32_t seen = __atomic_load_n(&w->turns, __ATOMIC_SEQ_CST);

	w->waiting++;
	dpi_unlock(&w->lock);
	(void)os->wait(os->self, &w->turns, seen, deadline_ns);
	dpi_lock(&w->lock);
	w->waiting--;
}

/* With the lock. */
static void give_turn(dpi_log_writer *w)
{
	const dpi_os *os = w->hub->os;

	w->is_taken = false;
	(void)__atomic_add_fetch(&w->turns, 1, __ATOMIC_SEQ_CST);
	if (w->waiting > 0) {
		os->wake(os->self, &w->turns, INT_MAX);
	}
}

static void begin_change(dpi_log_writer *w)
{
	dpi_lock(&w->lock);
	while (w->is_taken) {
		wait_for_turn(w, DP_FOREVER);
	}
	w->is_taken = true;
	dpi_unlock(&w->lock);
}

static void end_change(dpi_log_writer *w)
{
	dpi_lock(&w->lock);
	give_turn(w);
	dpi_unlock(&w->lock);
}

static void attach(dpi_writer *writer, dpi_feed *feed)
{
	dpi_log_writer *w = of(writer);
	dpi_feed **link = &w->feeds;

	begin_change(w);
	while (*link != NULL) {
		link = &(*link)->next;
	}
	feed->next = NULL;
	*link = feed;
	w->syncing += feed->level >= DP_ACK_DURABLE;
	end_change(w);
}

static void detach(dpi_writer *writer, dpi_feed *feed)
{
	dpi_log_writer *w = of(writer);
	dpi_feed **link = &w->feeds;

	if (is_forked(w)) {
		return;
	}
	begin_change(w);
	while (*link != feed) {
		link = &(*link)->next;
	}
	*link = feed->next;
	w->syncing -= feed->level >= DP_ACK_DURABLE;
	dpi_log_round_forget(w, feed);
	end_change(w);
}

static void arm(dpi_writer *writer, dp_time_ns at_ns)
{
	dpi_log_writer *w = of(writer);

	if (!is_forked(w)) {
		dpi_log_committer_arm(w->hub->committer, w, at_ns);
	}
}

static void use_few_items(dpi_log_writer *w)
{
	if (w->items != w->few_items) {
		dpi_free(w->hub->alloc, w->items, w->capacity,
			sizeof(*w->items));
	}
	w->items = w->few_items;
	w->capacity = DPI_LOG_ROUND_LEAST;
}

bool dpi_log_writer_rest(dpi_log_writer *w)
{
	bool is_resting = false;

	dpi_lock(&w->lock);
	if (w->is_taken) {
		dpi_unlock(&w->lock);
		return false;
	}
	w->is_taken = true;
	dpi_unlock(&w->lock);
	if (w->count == 0 && w->rest == NULL) {
		if (dpi_tail_sync(&w->tail, NULL) == DP_OK && w->sync_at != 0) {
			w->sync_at = 0;
			dpi_log_news_tell(w->hub->news, w->hub->os);
		}
		is_resting = dpi_tail_rest(&w->tail);
		use_few_items(w);
	}
	end_change(w);
	return is_resting;
}

static bool has_ended(const dpi_log_writer *w, uint32_t goal)
{
	return (int32_t)(w->ended - goal) >= 0;
}

/* With the lock. Others that try meanwhile do not end it. */
static void wait_for_room(dpi_log_writer *w, uint32_t goal)
{
	const dpi_os *os = w->hub->os;
	dp_time_ns deadline_ns = os->monotonic(os->self) + FULL_RETRY_NS;

	while (!has_ended(w, goal) && os->monotonic(os->self) < deadline_ns) {
		wait_for_turn(w, deadline_ns);
	}
}

/* Takes the turn for a commit, with the lock; false: the disk is full. */
static bool run_commit(dpi_log_writer *w, bool syncs)
{
	uint32_t number = ++w->begun;
	bool is_complete;

	w->is_taken = true;
	dpi_unlock(&w->lock);
	is_complete = dpi_log_commit_rounds(w, syncs);
	dpi_lock(&w->lock);
	if (is_complete) {
		w->ended = number;
	}
	give_turn(w);
	return is_complete;
}

/*
 * A commit that begins from now on takes what is here now: that one has to
 * end. Who waits for the turn may find that another one did it.
 */
static bool commit_once(dpi_log_writer *w, bool waits_for_room)
{
	bool is_complete = true;
	uint32_t goal;

	dpi_lock(&w->lock);
	goal = w->begun + 1;
	while (!has_ended(w, goal)) {
		if (w->is_taken) {
			wait_for_turn(w, DP_FOREVER);
			continue;
		}
		is_complete = run_commit(w, true);
		if (is_complete) {
			continue;
		}
		if (!waits_for_room) {
			break;
		}
		wait_for_room(w, goal);
	}
	dpi_unlock(&w->lock);
	return is_complete;
}

static void commit(dpi_writer *writer)
{
	dpi_log_writer *w = of(writer);

	if (!is_forked(w)) {
		(void)commit_once(w, true);
		dpi_log_stay_awake(w);
	}
}

/* The thread that the alarm wakes syncs what this one has written. */
static bool try_commit(dpi_writer *writer)
{
	dpi_log_writer *w = of(writer);
	bool is_complete = false;

	if (is_forked(w)) {
		return false;
	}
	dpi_lock(&w->lock);
	if (!w->is_taken && w->syncing == 0) {
		is_complete = run_commit(w, false);
	}
	dpi_unlock(&w->lock);
	if (is_complete) {
		dpi_log_stay_awake(w);
	}
	return is_complete;
}

bool dpi_log_writer_try(dpi_log_writer *w)
{
	bool is_complete = commit_once(w, false);

	dpi_log_stay_awake(w);
	return is_complete;
}

static void push(dpi_writer *writer)
{
	dpi_log_writer *w = of(writer);

	if (!is_forked(w) && !dpi_log_writer_try(w)) {
		dpi_log_committer_retry(w->hub->committer, w);
	}
}

/* The hub keeps its writers, and their partitions, until it is closed. */
static void release(dpi_writer *writer)
{
	(void)writer;
}

static const dpi_writer_ops OPS = {
	.attach = attach,
	.detach = detach,
	.arm = arm,
	.commit = commit,
	.push = push,
	.try_commit = try_commit,
	.release = release,
};

uint64_t dpi_log_writer_source_next(dpi_log_writer *w, uint64_t key)
{
	uint64_t next;

	begin_change(w);
	next = dpi_sources_next(&w->tail.sources, key);
	end_change(w);
	return next;
}

dpi_log_tail *dpi_log_writer_tail(dpi_log_writer *w)
{
	return &w->tail;
}

dp_status dpi_log_writer_new(dpi_log_writer **ret, dpi_log_hub *hub,
	const char *topic, dp_error **err)
{
	dpi_log_writer *w = dpi_zalloc(hub->alloc, 1, sizeof(*w));
	dp_status st;

	if (w == NULL) {
		return dpi_error_set(
			err, DP_ENOMEM, "no memory to write topic %s", topic);
	}
	w->hub = hub;
	w->due.at_ns = DP_FOREVER;
	w->items = w->few_items;
	w->capacity = DPI_LOG_ROUND_LEAST;
	st = dpi_log_committer_join(hub->committer, err);
	if (st != DP_OK) {
		goto err_after_alloc;
	}
	st = dpi_partitions_claim(hub, topic, &w->partition, err);
	if (st != DP_OK) {
		goto err_after_join;
	}
	st = dpi_tail_open(&w->tail, hub, w->partition, err);
	if (st != DP_OK) {
		goto err_after_claim;
	}
	dpi_partitions_settled(hub, &w->partition->name);
	(void)pthread_mutex_init(&w->lock, NULL);
	w->writer = (dpi_writer){&OPS, &hub->hub, w->partition->name};
	w->partition->writer = w;
	*ret = w;
	return DP_OK;

err_after_claim:
	dpi_partitions_give(hub, w->partition);
	dpi_partitions_settled(hub, &w->partition->name);
err_after_join:
	dpi_log_committer_leave(hub->committer);
err_after_alloc:
	dpi_free(hub->alloc, w, 1, sizeof(*w));
	return st;
}

void dpi_log_writer_free(dpi_log_writer *w)
{
	(void)commit_once(w, false);
	dpi_log_awake_forget(w);
	if (dpi_tail_sync(&w->tail, NULL) == DP_OK) {
		dpi_tail_trim(&w->tail);
	}
	dpi_partitions_give(w->hub, w->partition);
	dpi_log_writer_abandon(w);
}

void dpi_log_writer_abandon(dpi_log_writer *w)
{
	w->partition->writer = NULL;
	use_few_items(w);
	dpi_tail_close(&w->tail);
	(void)pthread_mutex_destroy(&w->lock);
	dpi_free(w->hub->alloc, w, 1, sizeof(*w));
}
