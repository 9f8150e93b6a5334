/* SPDX-License-Identifier: Apache-2.0 */
#include "route/hop.h"

#include <assert.h>
#include <limits.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/thread.h"

/* A batch of a hub, at most 1 MiB, and what a hop adds to each record. */
#define CHUNK_BYTES ((size_t)2 << 20)

typedef struct staged {
	dpi_chunk chunk; /* first: what the hub sees */
	size_t capacity;
	struct staged *next;
} staged;

struct dpi_hop_target {
	dpi_feed feed; /* first: what the hub sees */
	dpi_hop *hop;
	const char *topic;
	dpi_writer *writer; /* NULL: not yet taken */
	bool is_attached;
	staged *head; /* oldest; the others behind it wait */
	staged *tail;
	staged *spare;

	pthread_mutex_t lock; /* guards what follows */
	bool is_offered;      /* head may be collected */
	bool is_away;         /* head was offered and is not done */
	dp_status status;     /* of the last chunk that was done */
	dp_error *cause;
};

static dpi_hop_target *target_of(dpi_feed *feed)
{
	return (dpi_hop_target *)feed;
}

static dpi_chunk *collect(dpi_feed *feed)
{
	dpi_hop_target *target = target_of(feed);
	dpi_chunk *chunk = NULL;

	dpi_lock(&target->lock);
	if (target->is_offered) {
		target->is_offered = false;
		chunk = &target->head->chunk;
	}
	dpi_unlock(&target->lock);
	return chunk;
}

static void done(dpi_feed *feed, dpi_chunk *chunk, dp_status status,
	const dp_error *cause)
{
	dpi_hop_target *target = target_of(feed);
	dpi_hop *hop = target->hop;

	dpi_lock(&target->lock);
	assert(chunk == &target->head->chunk);
	(void)chunk;
	target->is_away = false;
	target->status = status;
	target->cause = dpi_error_dup(cause);
	dpi_unlock(&target->lock);
	dpi_hop_interrupt(hop);
}

static void free_staged(dpi_hop *hop, staged *chunk)
{
	if (chunk != NULL) {
		dpi_free(hop->alloc, chunk->chunk.data, chunk->capacity, 1);
		dpi_free(hop->alloc, chunk, 1, sizeof(*chunk));
	}
}

static staged *make_staged(dpi_hop *hop, size_t size)
{
	staged *made = dpi_zalloc(hop->alloc, 1, sizeof(*made));

	if (made == NULL) {
		return NULL;
	}
	made->capacity = size > CHUNK_BYTES ? size : CHUNK_BYTES;
	made->chunk.data = hop->alloc->alloc(hop->alloc->user, made->capacity);
	if (made->chunk.data == NULL) {
		dpi_free(hop->alloc, made, 1, sizeof(*made));
		return NULL;
	}
	return made;
}

/* Keeps one chunk of the usual size, so that a steady load allocates nothing. */
static void give_back(dpi_hop_target *target, staged *chunk)
{
	if (target->spare != NULL || chunk->capacity != CHUNK_BYTES) {
		free_staged(target->hop, chunk);
		return;
	}
	chunk->chunk.size = 0;
	chunk->chunk.count = 0;
	chunk->next = NULL;
	target->spare = chunk;
}

/* A last chunk with room for size bytes, or NULL if out of memory. */
static staged *get_room(dpi_hop_target *target, size_t size)
{
	staged *chunk = target->tail;

	if (chunk != NULL && size <= chunk->capacity - chunk->chunk.size) {
		return chunk;
	}
	chunk = target->spare;
	if (chunk != NULL && size <= chunk->capacity) {
		target->spare = NULL;
	} else {
		chunk = make_staged(target->hop, size);
	}
	if (chunk == NULL) {
		return NULL;
	}
	if (target->tail != NULL) {
		target->tail->next = chunk;
	} else {
		target->head = chunk;
	}
	target->tail = chunk;
	return chunk;
}

static void remove_head(dpi_hop_target *target)
{
	staged *chunk = target->head;

	target->hop->staged_bytes -= chunk->chunk.size;
	target->head = chunk->next;
	if (target->head == NULL) {
		target->tail = NULL;
	}
	give_back(target, chunk);
}

dp_status dpi_hop_init(dpi_hop *hop, dp_hub *hub, const char *const *topics,
	size_t count, dp_error **err)
{
	const dp_allocator *alloc = dpi_runtime_alloc(hub->rt);

	*hop = (dpi_hop){
		.alloc = alloc,
		.os = dpi_runtime_os(hub->rt),
		.hub = hub,
	};
	if (count == 0) {
		return DP_OK;
	}
	hop->targets = dpi_zalloc(alloc, count, sizeof(*hop->targets));
	if (hop->targets == NULL) {
		return dpi_error_set(err, DP_ENOMEM, "no memory for a hop");
	}
	hop->count = count;
	for (size_t i = 0; i < count; i++) {
		dpi_hop_target *target = &hop->targets[i];

		target->feed = (dpi_feed){
			.collect = collect,
			.done = done,
			.level = DP_ACK_DURABLE,
		};
		target->hop = hop;
		target->topic = topics[i];
		(void)pthread_mutex_init(&target->lock, NULL);
	}
	return DP_OK;
}

static void detach(dpi_hop_target *target)
{
	if (target->is_attached) {
		target->writer->ops->detach(target->writer, &target->feed);
		target->is_attached = false;
	}
}

/*
 * A chunk that was not collected can be taken back; of one that was, only its
 * writer knows when it is done with it.
 */
static void drop_target(dpi_hop_target *target)
{
	bool is_collected;

	dpi_lock(&target->lock);
	is_collected = target->is_away && !target->is_offered;
	target->is_offered = false;
	dpi_unlock(&target->lock);
	if (is_collected) {
		detach(target);
	}
	target->is_away = false;
	dp_error_free(target->cause);
	target->cause = NULL;
	target->status = DP_OK;
	while (target->head != NULL) {
		remove_head(target);
	}
}

void dpi_hop_drop(dpi_hop *hop)
{
	for (size_t i = 0; i < hop->count; i++) {
		drop_target(&hop->targets[i]);
	}
}

void dpi_hop_fini(dpi_hop *hop)
{
	for (size_t i = 0; i < hop->count; i++) {
		dpi_hop_target *target = &hop->targets[i];

		detach(target);
		drop_target(target);
		free_staged(hop, target->spare);
		if (target->writer != NULL) {
			target->writer->ops->release(target->writer);
		}
		(void)pthread_mutex_destroy(&target->lock);
	}
	if (hop->targets != NULL) {
		dpi_free(hop->alloc, hop->targets, hop->count,
			sizeof(*hop->targets));
	}
	hop->targets = NULL;
	hop->count = 0;
}

dp_status dpi_hop_next(dpi_hop *hop, size_t target, uint64_t key,
	uint64_t *ret_next, dp_error **err)
{
	const char *topic = hop->targets[target].topic;
	dp_status st;

	st = hop->hub->ops->source_next(hop->hub, topic, key, ret_next, err);
	if (st == DP_ENOTFOUND) {
		dpi_error_clear(err);
		*ret_next = 0;
		st = DP_OK;
	}
	return st;
}

static dp_status get_ready(dpi_hop_target *target, dp_error **err)
{
	dp_hub *hub = target->hop->hub;
	dp_status st;

	if (target->writer == NULL) {
		st = hub->ops->writer(hub, target->topic, &target->writer, err);
		if (st != DP_OK) {
			return dpi_error_prefix(
				err, st, "topic %s", target->topic);
		}
	}
	if (!target->is_attached) {
		target->writer->ops->attach(target->writer, &target->feed);
		target->is_attached = true;
	}
	return DP_OK;
}

dp_status dpi_hop_stage(
	dpi_hop *hop, size_t index, const dpi_forward *forward, dp_error **err)
{
	dpi_hop_target *target = &hop->targets[index];
	staged *room;
	dp_status st;

	if (forward->size > DPI_RECORD_MAX) {
		return dpi_error_set(err, DP_ETOOBIG,
			"event of %zu bytes does not fit into a record of "
			"topic %s",
			forward->size, target->topic);
	}
	st = get_ready(target, err);
	if (st != DP_OK) {
		return st;
	}
	room = get_room(target, forward->size);
	if (room == NULL) {
		return dpi_error_set(err, DP_ENOMEM,
			"no memory for events to topic %s", target->topic);
	}
	dpi_forward_encode(room->chunk.data + room->chunk.size, forward);
	room->chunk.size += forward->size;
	room->chunk.count++;
	hop->staged_bytes += forward->size;
	return DP_OK;
}

/* Who has a deadline leaves the disk to the hub's thread. */
static void offer_head(dpi_hop_target *target, dp_time_ns deadline)
{
	const dpi_writer_ops *ops = target->writer->ops;
	const dpi_os *os = target->hop->os;

	dpi_lock(&target->lock);
	target->is_offered = true;
	target->is_away = true;
	dpi_unlock(&target->lock);
	if (deadline == DP_FOREVER) {
		ops->push(target->writer);
	} else {
		ops->arm(target->writer, os->monotonic(os->self));
	}
}

static bool is_away(dpi_hop_target *target)
{
	bool away;

	dpi_lock(&target->lock);
	away = target->is_away;
	dpi_unlock(&target->lock);
	return away;
}

static dp_status refused(dpi_hop_target *target, dp_error **err)
{
	if (err != NULL) {
		*err = dpi_error_dup(target->cause);
	}
	return dpi_error_prefix(err, target->status, "topic %s", target->topic);
}

/* Goes on with the next chunk of each target whose chunk is done. */
static dp_status advance(
	dpi_hop *hop, dp_time_ns deadline, bool *ret_waits, dp_error **err)
{
	*ret_waits = false;
	for (size_t i = 0; i < hop->count; i++) {
		dpi_hop_target *target = &hop->targets[i];

		if (target->head == NULL) {
			continue;
		}
		if (!is_away(target)) {
			if (target->status != DP_OK) {
				return refused(target, err);
			}
			remove_head(target);
			if (target->head == NULL) {
				continue;
			}
			offer_head(target, deadline);
		}
		*ret_waits = true;
	}
	return DP_OK;
}

static void offer_all(dpi_hop *hop, dp_time_ns deadline)
{
	for (size_t i = 0; i < hop->count; i++) {
		if (hop->targets[i].head != NULL) {
			offer_head(&hop->targets[i], deadline);
		}
	}
}

static dp_status wait_for_all(
	dpi_hop *hop, const dp_time_ns *deadline_ns, dp_error **err)
{
	for (;;) {
		uint32_t seen = __atomic_load_n(&hop->news, __ATOMIC_SEQ_CST);
		dp_time_ns deadline =
			__atomic_load_n(deadline_ns, __ATOMIC_SEQ_CST);
		bool waits;
		dp_status st = advance(hop, deadline, &waits, err);

		if (st != DP_OK || !waits) {
			return st;
		}
		if (hop->os->monotonic(hop->os->self) >= deadline) {
			return dpi_error_set(err, DP_ETIMEDOUT,
				"the hub has not committed by the deadline");
		}
		(void)hop->os->wait(hop->os->self, &hop->news, seen, deadline);
	}
}

dp_status dpi_hop_commit(
	dpi_hop *hop, const dp_time_ns *deadline_ns, dp_error **err)
{
	offer_all(hop, __atomic_load_n(deadline_ns, __ATOMIC_SEQ_CST));
	return wait_for_all(hop, deadline_ns, err);
}

void dpi_hop_interrupt(dpi_hop *hop)
{
	__atomic_fetch_add(&hop->news, 1, __ATOMIC_SEQ_CST);
	hop->os->wake(hop->os->self, &hop->news, INT_MAX);
}
