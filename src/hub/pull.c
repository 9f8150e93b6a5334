/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/engine.h"

#include "base/error.h"
#include "base/thread.h"

/* A batch is one block of memory: large ones cost page faults, not less. */
#define BATCH_BYTES ((size_t)1 << 20)
/* Finished leases behind an unfinished one take memory, too. */
#define WINDOW_FACTOR 8

static void put_last(dpi_engine *engine, dpi_held *held)
{
	dpi_held **last = &engine->first;

	while (*last != NULL) {
		last = &(*last)->next;
	}
	held->next = NULL;
	*last = held;
}

static dpi_held *take_first(dpi_engine *engine)
{
	dpi_held *held = engine->first;

	engine->first = held->next;
	return held;
}

/* Makes readers that were claimed ours; those without memory go back. */
static dp_status hold_all(
	dpi_engine *engine, dpi_reader *readers, dp_error **err)
{
	bool is_out_of_memory = false;

	while (readers != NULL) {
		dpi_reader *reader = readers;
		dpi_held *held = dpi_held_new(engine->alloc, reader);

		readers = reader->next;
		if (held != NULL) {
			put_last(engine, held);
		} else {
			reader->ops->release(reader);
			is_out_of_memory = true;
		}
	}
	return is_out_of_memory
		? dpi_error_set(err, DP_ENOMEM, "no memory for a partition")
		: DP_OK;
}

/* Gives partitions back that others want, once nothing of them is out. */
static dp_status share(dpi_engine *engine, dp_error **err)
{
	dpi_held **link = &engine->first;

	while (*link != NULL) {
		dpi_held *held = *link;
		dp_status st;

		if (!held->reader->is_wanted || held->leases.out > 0) {
			link = &held->next;
			continue;
		}
		st = dpi_held_save(held, dpi_engine_now(engine), true, err);
		if (st != DP_OK) {
			return st;
		}
		*link = held->next;
		dpi_held_free(held);
	}
	return DP_OK;
}

dp_status dpi_engine_claim(dpi_engine *engine, dp_error **err)
{
	dpi_reader *readers = NULL;
	dp_status held;
	dp_status st;

	st = engine->backend->ops->claim(engine->backend, &readers, err);
	held = hold_all(engine, readers, st == DP_OK ? err : NULL);
	if (st == DP_OK) {
		st = held;
	}
	return st == DP_OK ? share(engine, err) : st;
}

/* How much may still be handed over. Returns false if nothing. */
static bool room(dpi_engine *engine, dpi_held_limits *limits, size_t max)
{
	uint64_t events = 0;
	uint64_t bytes = 0;

	for (dpi_held *held = engine->first; held != NULL; held = held->next) {
		dpi_leases_expire(&held->leases, limits->now);
		events += held->leases.out;
		bytes += held->leases.out_bytes;
	}
	if (events >= engine->opts.outstanding_events ||
		bytes >= engine->opts.outstanding_bytes) {
		return false;
	}
	limits->events = engine->opts.outstanding_events - events < max
		? (size_t)(engine->opts.outstanding_events - events)
		: max;
	limits->bytes = engine->opts.outstanding_bytes - bytes < BATCH_BYTES
		? (size_t)(engine->opts.outstanding_bytes - bytes)
		: BATCH_BYTES;
	return true;
}

static void count_delivery(dpi_engine *engine, const dp_batch *batch)
{
	engine->delivered += batch->count;
	for (size_t i = 0; i < batch->count; i++) {
		engine->redelivered += batch->messages[i].attempt > 1;
	}
}

/* Gives each partition a turn until one has a batch. */
static dp_status pull_round(dpi_engine *engine, const dpi_held_limits *limits,
	bool suspects_only, dp_batch **ret_batch, bool *ret_blocked,
	dp_error **err)
{
	const dpi_held *begin = engine->first;
	dp_status st = DP_EAGAIN;

	if (begin == NULL) {
		return DP_EAGAIN;
	}
	do {
		dpi_held *held = take_first(engine);

		put_last(engine, held);
		if (!held->reader->is_wanted &&
			(!suspects_only || dpi_held_is_suspect(held))) {
			st = dpi_held_pull(
				held, limits, ret_batch, ret_blocked, err);
		}
	} while (st == DP_EAGAIN && engine->first != begin);
	return st;
}

/*
 * What may have killed processes is alone in hand, whichever partition it is
 * of: should it kill this one, no neighbour counts as tried.
 */
static dp_status pull_any(dpi_engine *engine, const dpi_held_limits *limits,
	dp_batch **ret_batch, bool *ret_blocked, dp_error **err)
{
	bool has_suspect = false;
	bool has_out = false;
	dp_status st = DP_EAGAIN;

	for (dpi_held *held = engine->first; held != NULL; held = held->next) {
		has_suspect |= dpi_held_is_suspect(held);
		has_out |= held->leases.out > 0;
	}
	if (has_suspect && has_out) {
		*ret_blocked = true;
		return DP_EAGAIN;
	}
	if (has_suspect) {
		st = pull_round(
			engine, limits, true, ret_batch, ret_blocked, err);
	}
	return st == DP_EAGAIN
		? pull_round(engine, limits, false, ret_batch, ret_blocked, err)
		: st;
}

static dp_status too_much(dp_error **err)
{
	return dpi_error_set(err, DP_EAGAIN,
		"too much is handed over and not acked: ack first");
}

/* One look at everything. DP_ETIMEDOUT without an error: nothing now. */
static dp_status try_pull(
	dpi_engine *engine, dp_batch **ret_batch, size_t max, dp_error **err)
{
	dpi_held_limits limits = {.now = dpi_engine_now(engine)};
	bool is_blocked = false;
	dp_status st;

	st = dpi_engine_claim(engine, err);
	if (st != DP_OK) {
		return st;
	}
	limits.deadline =
		dpi_time_after(limits.now, engine->opts.ack_deadline_ns);
	limits.window =
		engine->opts.outstanding_events < SIZE_MAX / WINDOW_FACTOR
		? (size_t)engine->opts.outstanding_events * WINDOW_FACTOR
		: SIZE_MAX;
	if (!room(engine, &limits, max)) {
		return too_much(err);
	}
	st = pull_any(engine, &limits, ret_batch, &is_blocked, err);
	if (st == DP_OK) {
		count_delivery(engine, *ret_batch);
	} else if (st == DP_EAGAIN) {
		st = is_blocked ? too_much(err) : DP_ETIMEDOUT;
	}
	return st;
}

/*
 * Before it sleeps: saves cursors, and finds out when to look again. A timer
 * for the save would cost more than the save, with each event that comes alone.
 */
static dp_status tend(
	dpi_engine *engine, dp_time_ns *ret_wake_at, dp_error **err)
{
	dp_time_ns now = dpi_engine_now(engine);
	dp_status st = DP_OK;

	for (dpi_held *held = engine->first; st == DP_OK && held != NULL;
		held = held->next) {
		st = dpi_held_save(held, now, false, err);
		if (held->leases.out > 0) {
			*ret_wake_at = dpi_time_earlier(
				*ret_wake_at, held->leases.next_expiry);
		}
		/* What goes to another process is not handed over here. */
		if (held->leases.waiting > 0 && !held->reader->is_wanted) {
			*ret_wake_at = dpi_time_earlier(
				*ret_wake_at, held->leases.next_due);
		}
	}
	return st;
}

static dp_status canceled(dpi_engine *engine, dp_error **err)
{
	engine->is_interrupted = false;
	return dpi_error_set(err, DP_ECANCELED, "the pull was interrupted");
}

static dp_status timed_out(dp_error **err)
{
	return dpi_error_set(err, DP_ETIMEDOUT, "no event within the time");
}

static void sleep_until(dpi_engine *engine, uint32_t news, dp_time_ns wake_at)
{
	engine->is_asleep = true;
	dpi_unlock(&engine->lock);
	engine->backend->ops->wait(engine->backend, news, wake_at);
	dpi_lock(&engine->lock);
	engine->is_asleep = false;
}

static dp_status pull_locked(dpi_engine *engine, dp_batch **ret_batch,
	size_t max, dp_time_ns deadline, dp_error **err)
{
	for (;;) {
		uint32_t news = engine->backend->ops->news(engine->backend);
		dp_time_ns wake_at = deadline;
		dp_status st;

		if (engine->is_interrupted) {
			return canceled(engine, err);
		}
		st = try_pull(engine, ret_batch, max, err);
		if (st != DP_ETIMEDOUT) {
			return st;
		}
		st = tend(engine, &wake_at, err);
		if (st != DP_OK) {
			return st;
		}
		if (dpi_engine_now(engine) >= deadline) {
			return timed_out(err);
		}
		sleep_until(engine, news, wake_at);
	}
}

dp_status dpi_engine_pull(dp_subscription *sub, dp_batch **ret_batch,
	size_t max, dp_time_ns timeout_ns, dp_error **err)
{
	dpi_engine *engine = dpi_engine_of(sub);
	dp_time_ns deadline =
		dpi_time_after(dpi_engine_now(engine), timeout_ns);
	dp_status st;

	dpi_lock(&engine->lock);
	st = pull_locked(engine, ret_batch, max, deadline, err);
	dpi_unlock(&engine->lock);
	return st;
}
