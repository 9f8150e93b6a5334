/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/thread.h"
#include "hub/memory_hub.h"

/*
 * The writing side of the memory hub. A commit copies each chunk into a block
 * of the partition; that is all there is to durability here, so every level is
 * reached at once.
 *
 * Where a full partition blocks, the chunks of one feed stay with the writer
 * and no feed is collected. Who commits for its own events sleeps on the
 * store's room; the hub's thread does not, and is called again by the alarm.
 */

static dpi_memory_writer *writer_of(dpi_writer *writer)
{
	return (dpi_memory_writer *)writer;
}

static dpi_memory_block *new_block(
	const dpi_memory_hub *hub, const dpi_chunk *chunk)
{
	dpi_memory_block *block = hub->alloc->alloc(
		hub->alloc->user, sizeof(*block) + chunk->size);

	if (block == NULL) {
		return NULL;
	}
	*block = (dpi_memory_block){
		.count = chunk->count,
		.size = chunk->size,
		.time = hub->os->wall(hub->os->self) / DP_MILLISECOND *
			DP_MILLISECOND,
	};
	memcpy(block->data, chunk->data, chunk->size);
	return block;
}

static void free_block(dpi_memory_hub *hub, dpi_memory_block *block)
{
	hub->alloc->free(hub->alloc->user, block, sizeof(*block) + block->size);
}

/* The place of a key, made if it is new, or NULL if out of memory. */
static dpi_source_place *place_of(
	dpi_memory_hub *hub, dpi_memory_partition *partition, uint64_t key)
{
	size_t capacity = partition->place_capacity * 2 + 4;
	dpi_source_place *places;

	for (size_t i = 0; i < partition->place_count; i++) {
		if (partition->places[i].key == key) {
			return &partition->places[i];
		}
	}
	if (partition->place_count == partition->place_capacity) {
		places = dpi_zalloc(hub->alloc, capacity, sizeof(*places));
		if (places == NULL) {
			return NULL;
		}
		if (partition->places != NULL) {
			memcpy(places, partition->places,
				partition->place_count * sizeof(*places));
			dpi_free(hub->alloc, partition->places,
				partition->place_capacity, sizeof(*places));
		}
		partition->places = places;
		partition->place_capacity = capacity;
	}
	places = &partition->places[partition->place_count++];
	places->key = key;
	return places;
}

/*
 * Notes the source places of a block, or (only_room) just makes room for
 * their keys, so that the noting cannot fail.
 */
static dp_status note_places(dpi_memory_hub *hub,
	dpi_memory_partition *partition, const dpi_memory_block *block,
	bool only_room)
{
	const uint8_t *p = block->data;
	const uint8_t *end = p + block->size;

	while (p < end) {
		uint32_t size = dpi_record_size(p);
		dpi_source_place found;
		dpi_source_place *place;

		if (dpi_record_place(&found, p, size)) {
			place = place_of(hub, partition, found.key);
			if (place == NULL) {
				return DP_ENOMEM;
			}
			if (!only_room && found.next > place->next) {
				place->next = found.next;
			}
		}
		p += size;
	}
	return DP_OK;
}

/* DP_EAGAIN: full, and the policy is to wait. */
static dp_status place_block(dpi_memory_writer *writer, dpi_memory_block *block)
{
	dpi_memory_hub *hub = writer->hub;
	dpi_memory_partition *partition = writer->partition;

	if (!dpi_memory_make_room(
		    hub->store, partition, block->size, &hub->opts)) {
		return hub->opts.full_policy == DP_FULL_BLOCK ? DP_EAGAIN
							      : DP_ENOSPC;
	}
	if (note_places(hub, partition, block, true) != DP_OK) {
		return DP_ENOMEM;
	}
	(void)note_places(hub, partition, block, false);
	dpi_memory_append(partition, block);
	return DP_OK;
}

static dp_status append(dpi_memory_writer *writer, const dpi_chunk *chunk)
{
	dpi_memory_hub *hub = writer->hub;
	dpi_memory_store *store = hub->store;
	dpi_memory_block *block = new_block(hub, chunk);
	dp_status st;

	if (block == NULL) {
		return DP_ENOMEM;
	}
	dpi_lock(&store->lock);
	st = place_block(writer, block);
	dpi_unlock(&store->lock);
	if (st != DP_OK) {
		free_block(hub, block);
		return st;
	}
	dpi_memory_tell(store, &store->news);
	dpi_lock(&hub->lock);
	hub->appended_events += chunk->count;
	hub->appended_bytes += chunk->size;
	dpi_unlock(&hub->lock);
	return DP_OK;
}

static void finish(dpi_memory_writer *writer, dpi_feed *feed, dpi_chunk *chunk,
	dp_status status, const char *why)
{
	dp_error *cause = NULL;

	if (status != DP_OK) {
		(void)dpi_error_set(&cause, status, "topic %s: %s",
			writer->partition->topic, why);
	}
	/* What is behind it may have to wait for room. */
	chunk->next = NULL;
	feed->done(feed, chunk, status, cause);
	dp_error_free(cause);
}

static const char *reason(dp_status status)
{
	return status == DP_ENOSPC ? "the memory hub is full: subscriptions "
				     "are behind, or raise retention_bytes"
				   : "no memory";
}

/* Appends chunk after chunk. Returns those that have to wait for room. */
static dpi_chunk *append_all(
	dpi_memory_writer *writer, dpi_feed *feed, dpi_chunk *chunk)
{
	while (chunk != NULL) {
		dpi_chunk *next = chunk->next;
		dp_status st = append(writer, chunk);

		if (st == DP_EAGAIN) {
			return chunk;
		}
		finish(writer, feed, chunk, st, reason(st));
		chunk = next;
	}
	return NULL;
}

/* Returns false if something waits for room. The writer is locked. */
static bool commit_now(dpi_memory_writer *writer)
{
	if (writer->blocked != NULL) {
		writer->blocked = append_all(
			writer, writer->blocked_feed, writer->blocked);
	}
	for (dpi_feed *feed = writer->feeds;
		feed != NULL && writer->blocked == NULL; feed = feed->next) {
		writer->blocked_feed = feed;
		writer->blocked = append_all(writer, feed, feed->collect(feed));
	}
	return writer->blocked == NULL;
}

static void memory_commit(dpi_writer *base)
{
	dpi_memory_writer *writer = writer_of(base);
	dpi_memory_store *store = writer->hub->store;
	bool is_done = false;

	while (!is_done) {
		uint32_t room = __atomic_load_n(&store->room, __ATOMIC_SEQ_CST);

		dpi_lock(&writer->lock);
		is_done = commit_now(writer);
		dpi_unlock(&writer->lock);
		if (!is_done) {
			(void)store->os->wait(store->os->self, &store->room,
				room, DP_FOREVER);
		}
	}
}

/* What has to wait for room is committed by the hub's thread, when the alarm
 * tells of room. */
static bool memory_try_commit(dpi_writer *base)
{
	dpi_memory_writer *writer = writer_of(base);

	if (pthread_mutex_trylock(&writer->lock) != 0) {
		return false;
	}
	(void)commit_now(writer);
	dpi_unlock(&writer->lock);
	return true;
}

static void memory_attach(dpi_writer *base, dpi_feed *feed)
{
	dpi_memory_writer *writer = writer_of(base);

	dpi_lock(&writer->lock);
	feed->next = writer->feeds;
	writer->feeds = feed;
	dpi_unlock(&writer->lock);
}

static void cancel_blocked(dpi_memory_writer *writer)
{
	while (writer->blocked != NULL) {
		dpi_chunk *chunk = writer->blocked;

		writer->blocked = chunk->next;
		finish(writer, writer->blocked_feed, chunk, DP_ECANCELED,
			"the publisher closed while the hub was full");
	}
}

static void memory_detach(dpi_writer *base, dpi_feed *feed)
{
	dpi_memory_writer *writer = writer_of(base);
	dpi_feed **link = &writer->feeds;

	dpi_lock(&writer->lock);
	if (writer->blocked_feed == feed) {
		cancel_blocked(writer);
	}
	while (*link != feed) {
		link = &(*link)->next;
	}
	*link = feed->next;
	dpi_unlock(&writer->lock);
	dpi_memory_tell(writer->hub->store, &writer->hub->store->room);
}

/* With the lock of the hub. Whether the thread has to wake up now. */
static bool set_alarm(dpi_memory_hub *hub, dp_time_ns at_ns)
{
	const dpi_os *os = hub->os;

	if (at_ns >= hub->armed_at) {
		return false;
	}
	hub->armed_at = at_ns;
	if (at_ns <= os->monotonic(os->self)) {
		return true;
	}
	dpi_os_ring(os, hub->alarm, at_ns);
	return false;
}

/* Rings without the lock, which the thread takes as soon as it wakes up. */
static void memory_arm(dpi_writer *base, dp_time_ns at_ns)
{
	dpi_memory_hub *hub = writer_of(base)->hub;
	bool is_now;

	dpi_lock(&hub->lock);
	is_now = set_alarm(hub, at_ns);
	dpi_unlock(&hub->lock);
	if (is_now) {
		dpi_os_ring(hub->os, hub->alarm, 0);
	}
}

static void memory_push(dpi_writer *base)
{
	const dpi_os *os = writer_of(base)->hub->os;

	memory_arm(base, os->monotonic(os->self));
}

/* The partition is the hub's until it closes, and so is the writer. */
static void memory_release(dpi_writer *writer)
{
	(void)writer;
}

static const dpi_writer_ops writer_ops = {
	.attach = memory_attach,
	.detach = memory_detach,
	.arm = memory_arm,
	.commit = memory_commit,
	.push = memory_push,
	.try_commit = memory_try_commit,
	.release = memory_release,
};

static void *run_commits(void *arg)
{
	dpi_memory_hub *hub = arg;
	bool is_closing = false;

	while (!is_closing) {
		dpi_memory_writer *writer;

		(void)hub->os->alarm_wait(hub->os->self, hub->alarm);
		dpi_lock(&hub->lock);
		hub->armed_at = DP_FOREVER;
		is_closing = hub->is_closing;
		writer = hub->writers;
		dpi_unlock(&hub->lock);
		for (; writer != NULL; writer = writer->next) {
			dpi_lock(&writer->lock);
			(void)commit_now(writer);
			dpi_unlock(&writer->lock);
		}
	}
	return NULL;
}

static dp_status start_thread(dpi_memory_hub *hub, dp_error **err)
{
	dp_status st;

	if (hub->has_thread) {
		return DP_OK;
	}
	hub->alarm = hub->os->alarm_open(hub->os->self);
	if (hub->alarm < 0) {
		return dpi_error_sys(err, -hub->alarm, "no alarm for a hub");
	}
	st = dpi_thread_start(&hub->thread, "dp-memory", run_commits, hub, err);
	if (st != DP_OK) {
		(void)hub->os->alarm_close(hub->os->self, hub->alarm);
		return st;
	}
	dpi_lock(&hub->store->lock);
	hub->has_thread = true;
	dpi_unlock(&hub->store->lock);
	return DP_OK;
}

static dp_status new_writer(dpi_memory_hub *hub, const char *topic,
	dpi_memory_writer **ret, dp_error **err)
{
	dpi_memory_writer *writer = dpi_zalloc(hub->alloc, 1, sizeof(*writer));
	dp_status st;

	if (writer == NULL) {
		return dpi_error_set(err, DP_ENOMEM, "no memory for a writer");
	}
	if (pthread_mutex_init(&writer->lock, NULL) != 0) {
		st = dpi_error_set(err, DP_ENOMEM, "no memory for a lock");
		goto err_after_writer;
	}
	dpi_lock(&hub->store->lock);
	st = dpi_memory_store_partition(
		hub->store, topic, hub, &writer->partition, err);
	dpi_unlock(&hub->store->lock);
	if (st != DP_OK) {
		goto err_after_lock;
	}
	writer->hub = hub;
	writer->writer =
		(dpi_writer){&writer_ops, &hub->hub, writer->partition->name};
	*ret = writer;
	return DP_OK;

err_after_lock:
	(void)pthread_mutex_destroy(&writer->lock);
err_after_writer:
	dpi_free(hub->alloc, writer, 1, sizeof(*writer));
	return st;
}

static dp_status find_writer(dpi_memory_hub *hub, const char *topic,
	dpi_memory_writer **ret, dp_error **err)
{
	dpi_memory_writer *writer = hub->writers;
	dp_status st;

	while (writer != NULL && strcmp(writer->partition->topic, topic) != 0) {
		writer = writer->next;
	}
	if (writer != NULL) {
		*ret = writer;
		return DP_OK;
	}
	st = start_thread(hub, err);
	if (st == DP_OK) {
		st = new_writer(hub, topic, ret, err);
	}
	if (st == DP_OK) {
		(*ret)->next = hub->writers;
		hub->writers = *ret;
	}
	return st;
}

dp_status dpi_memory_writer_get(dpi_memory_hub *hub, const char *topic,
	dpi_writer **ret, dp_error **err)
{
	dpi_memory_writer *writer = NULL;
	dp_status st;

	dpi_lock(&hub->lock);
	st = find_writer(hub, topic, &writer, err);
	dpi_unlock(&hub->lock);
	if (st == DP_OK) {
		*ret = &writer->writer;
		/* A new partition is news to subscriptions. */
		dpi_memory_tell(hub->store, &hub->store->news);
	}
	return st;
}

static void stop_thread(dpi_memory_hub *hub)
{
	if (!hub->has_thread) {
		return;
	}
	dpi_lock(&hub->lock);
	hub->is_closing = true;
	hub->os->alarm_stop(hub->os->self, hub->alarm);
	dpi_unlock(&hub->lock);
	dpi_thread_join(hub->thread);
	(void)hub->os->alarm_close(hub->os->self, hub->alarm);
}

/* A child has no thread to end, and locks that nobody will give back. */
void dpi_memory_writers_close(dpi_memory_hub *hub, bool is_child)
{
	if (!is_child) {
		stop_thread(hub);
	}
	while (hub->writers != NULL) {
		dpi_memory_writer *writer = hub->writers;

		assert(is_child || writer->feeds == NULL);
		hub->writers = writer->next;
		if (!is_child) {
			(void)pthread_mutex_destroy(&writer->lock);
		}
		dpi_free(hub->alloc, writer, 1, sizeof(*writer));
	}
}
