/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/engine.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/thread.h"

#define ACK_SAVE_INTERVAL (10 * DP_MILLISECOND)

static dpi_held *find_held(dpi_engine *engine, const dpi_partition_name *name)
{
	dpi_held *held = engine->first;

	while (held != NULL &&
		(held->reader->name.partition != name->partition ||
			strcmp(held->reader->name.topic, name->topic) != 0)) {
		held = held->next;
	}
	return held;
}

static dpi_lease *find_lease(
	dpi_held *held, const dp_message *msg, dp_time_ns now)
{
	return held != NULL ? dpi_held_lease(held, msg, now) : NULL;
}

static dp_status not_outstanding(const dp_message *msg, dp_error **err)
{
	return dpi_error_set(err, DP_ENOTFOUND,
		"event %s/%u/%llu is not outstanding: it was acked, or its "
		"deadline passed",
		msg->from->topic, (unsigned)msg->from->partition,
		(unsigned long long)msg->offset);
}

/* A cursor that cannot be written now stays to be written by the next pull. */
static void save_soon(dpi_held *held, dp_time_ns now)
{
	if (now - held->saved_at >= ACK_SAVE_INTERVAL) {
		(void)dpi_held_save(held, now, false, NULL);
	}
}

static dp_status engine_ack(
	dp_subscription *sub, const dp_message *msg, dp_error **err)
{
	dpi_engine *engine = dpi_engine_of(sub);
	dp_time_ns now = dpi_engine_now(engine);
	dpi_held *held;
	dpi_lease *lease;

	dpi_lock(&engine->lock);
	held = find_held(engine, msg->from);
	lease = find_lease(held, msg, now);
	if (lease != NULL) {
		dpi_held_finish(held, lease);
		engine->acked++;
		save_soon(held, now);
	}
	dpi_unlock(&engine->lock);
	return lease != NULL ? DP_OK : not_outstanding(msg, err);
}

static dp_status engine_ack_batch(
	dp_subscription *sub, const dp_batch *batch, dp_error **err)
{
	dpi_engine *engine = dpi_engine_of(sub);
	dp_time_ns now = dpi_engine_now(engine);
	dpi_held *held;

	(void)err;
	dpi_lock(&engine->lock);
	held = find_held(engine, &batch->from);
	if (held != NULL) {
		engine->acked += dpi_held_finish_batch(held, batch, now);
		save_soon(held, now);
	}
	dpi_unlock(&engine->lock);
	return DP_OK;
}

/* Has a pull that sleeps look again; the next one looks anyway. */
static void wake(dpi_engine *engine)
{
	if (engine->is_asleep) {
		engine->backend->ops->interrupt(engine->backend);
	}
}

static dp_status engine_nack(dp_subscription *sub, const dp_message *msg,
	dp_time_ns delay_ns, dp_error **err)
{
	dpi_engine *engine = dpi_engine_of(sub);
	dp_time_ns now = dpi_engine_now(engine);
	dpi_held *held;
	dpi_lease *lease;

	dpi_lock(&engine->lock);
	held = find_held(engine, msg->from);
	lease = find_lease(held, msg, now);
	if (lease != NULL) {
		dpi_leases_give_back(
			&held->leases, lease, dpi_time_after(now, delay_ns));
		wake(engine);
	}
	dpi_unlock(&engine->lock);
	return lease != NULL ? DP_OK : not_outstanding(msg, err);
}

static dp_status engine_extend(dp_subscription *sub, const dp_message *msg,
	dp_time_ns from_now_ns, dp_error **err)
{
	dpi_engine *engine = dpi_engine_of(sub);
	dp_time_ns now = dpi_engine_now(engine);
	dpi_held *held;
	dpi_lease *lease;

	dpi_lock(&engine->lock);
	held = find_held(engine, msg->from);
	lease = find_lease(held, msg, now);
	if (lease != NULL) {
		dpi_leases_extend(
			&held->leases, lease, dpi_time_after(now, from_now_ns));
	}
	dpi_unlock(&engine->lock);
	return lease != NULL ? DP_OK : not_outstanding(msg, err);
}

static void engine_interrupt(dp_subscription *sub)
{
	dpi_engine *engine = dpi_engine_of(sub);

	dpi_lock(&engine->lock);
	engine->is_interrupted = true;
	wake(engine);
	dpi_unlock(&engine->lock);
}

/* Events of one partition that are not finished, handed over or not. */
static dp_status unfinished(
	dpi_held *held, uint64_t *ret_events, dp_error **err)
{
	dp_status st = held->reader->ops->backlog(
		held->reader, held->read_next, ret_events, err);

	*ret_events +=
		st == DP_OK ? held->leases.out + held->leases.waiting : 0;
	return st;
}

static dp_status engine_stats(
	dp_subscription *sub, dp_subscription_stats *ret, dp_error **err)
{
	dpi_engine *engine = dpi_engine_of(sub);
	dp_time_ns oldest = DP_FOREVER;
	dp_status st = DP_OK;
	dp_time_ns now;

	dpi_lock(&engine->lock);
	now = engine->os->wall(engine->os->self);
	ret->delivered_events = engine->delivered;
	ret->redelivered_events = engine->redelivered;
	ret->acked_events = engine->acked;
	ret->skipped_runs = atomic_load(&engine->backend->skipped.runs);
	ret->skipped_bytes = atomic_load(&engine->backend->skipped.bytes);
	st = dpi_engine_claim(engine, err);
	for (dpi_held *held = engine->first; st == DP_OK && held != NULL;
		held = held->next) {
		uint64_t events = 0;
		dp_time_ns time = 0;

		ret->outstanding_events += held->leases.out;
		st = unfinished(held, &events, err);
		ret->backlog_events += events;
		if (st == DP_OK && events > 0) {
			st = held->reader->ops->time_at(
				held->reader, dpi_held_next(held), &time, err);
		}
		oldest = time != 0 ? dpi_time_earlier(oldest, time) : oldest;
	}
	dpi_unlock(&engine->lock);
	ret->system_lag_ns = oldest < now ? now - oldest : 0;
	return st;
}

static dp_status engine_finish(dp_subscription *sub,
	const dpi_partition_name *partition, dp_offset next, bool durable,
	dp_error **err)
{
	dpi_engine *engine = dpi_engine_of(sub);
	dp_time_ns now = dpi_engine_now(engine);
	dp_status st = DP_OK;
	dpi_held *held;

	dpi_lock(&engine->lock);
	held = find_held(engine, partition);
	if (held == NULL) {
		st = dpi_error_set(err, DP_ENOTFOUND,
			"partition %s/%u is not held here", partition->topic,
			(unsigned)partition->partition);
	} else {
		size_t before = held->leases.out;

		dpi_held_finish_below(held, next);
		engine->acked += before - held->leases.out;
		if (durable || now - held->saved_at >= ACK_SAVE_INTERVAL) {
			st = dpi_held_save(held, now, durable, err);
		}
	}
	dpi_unlock(&engine->lock);
	return st;
}

static void engine_rewind(dp_subscription *sub)
{
	dpi_engine *engine = dpi_engine_of(sub);

	dpi_lock(&engine->lock);
	for (dpi_held *held = engine->first; held != NULL; held = held->next) {
		dpi_held_rewind(held);
	}
	wake(engine);
	dpi_unlock(&engine->lock);
}

/* One whose append time was lost is found by counting. */
static bool has_unfinished(dpi_held *held)
{
	dpi_reader *reader = held->reader;
	uint64_t events = 0;
	dp_time_ns time = 0;

	if (held->leases.out > 0 || held->leases.waiting > 0) {
		return true;
	}
	if (reader->ops->time_at(reader, held->read_next, &time, NULL) !=
		DP_OK) {
		return false;
	}
	return time != 0 ||
		(reader->ops->backlog(reader, held->read_next, &events, NULL) ==
				DP_OK &&
			events > 0);
}

static bool engine_has_more(dp_subscription *sub)
{
	dpi_engine *engine = dpi_engine_of(sub);
	bool has_more = false;

	dpi_lock(&engine->lock);
	if (dpi_engine_claim(engine, NULL) == DP_OK) {
		for (dpi_held *held = engine->first; held != NULL && !has_more;
			held = held->next) {
			has_more = has_unfinished(held);
		}
	}
	dpi_unlock(&engine->lock);
	return has_more;
}

/* A child must not write to what its parent goes on with. */
static void engine_close(dp_subscription *sub)
{
	dpi_engine *engine = dpi_engine_of(sub);
	bool is_ours = dpi_runtime_check(sub->hub->rt, NULL) == DP_OK;

	while (engine->first != NULL) {
		dpi_held *held = engine->first;

		engine->first = held->next;
		if (is_ours) {
			(void)dpi_held_save(
				held, dpi_engine_now(engine), true, NULL);
		}
		dpi_held_free(held);
	}
	engine->backend->ops->close(engine->backend);
	(void)pthread_mutex_destroy(&engine->lock);
	dpi_free(engine->alloc, engine, 1, sizeof(*engine));
}

static const dpi_subscription_ops engine_ops = {
	.close = engine_close,
	.pull = dpi_engine_pull,
	.ack = engine_ack,
	.ack_batch = engine_ack_batch,
	.nack = engine_nack,
	.extend = engine_extend,
	.interrupt = engine_interrupt,
	.stats = engine_stats,
	.finish = engine_finish,
	.rewind = engine_rewind,
	.has_more = engine_has_more,
};

dp_status dpi_subscription_new(dp_subscription **ret_sub, dpi_backend *backend,
	const dp_subscription_options *opts, dp_error **err)
{
	const dp_allocator *alloc = dpi_runtime_alloc(backend->rt);
	dpi_engine *engine = dpi_zalloc(alloc, 1, sizeof(*engine));

	if (engine == NULL) {
		return dpi_error_set(
			err, DP_ENOMEM, "no memory for a subscription");
	}
	*engine = (dpi_engine){
		.sub = {&engine_ops, backend->hub},
		.alloc = alloc,
		.os = dpi_runtime_os(backend->rt),
		.backend = backend,
		.opts = *opts,
	};
	engine->opts.topics = NULL;
	if (pthread_mutex_init(&engine->lock, NULL) != 0) {
		dpi_free(alloc, engine, 1, sizeof(*engine));
		return dpi_error_set(err, DP_ENOMEM, "no memory for a lock");
	}
	*ret_sub = &engine->sub;
	return DP_OK;
}
