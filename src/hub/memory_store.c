/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/memory_store.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "base/thread.h"

#define PARTITION_BYTES_DEFAULT ((uint64_t)256 << 20)

void dpi_memory_tell(dpi_memory_store *store, uint32_t *word)
{
	__atomic_fetch_add(word, 1, __ATOMIC_SEQ_CST);
	store->os->wake(store->os->self, word, INT32_MAX);
}

static void free_block(dpi_memory_store *store, dpi_memory_block *block)
{
	store->alloc->free(
		store->alloc->user, block, sizeof(*block) + block->size);
}

static void free_partition(
	dpi_memory_store *store, dpi_memory_partition *partition)
{
	while (partition->first != NULL) {
		dpi_memory_block *block = partition->first;

		partition->first = block->next;
		free_block(store, block);
	}
	if (partition->places != NULL) {
		dpi_free(store->alloc, partition->places,
			partition->place_capacity, sizeof(*partition->places));
	}
	dpi_free(store->alloc, partition, 1, sizeof(*partition));
}

void dpi_memory_sub_free(dpi_memory_store *store, dpi_memory_sub *sub)
{
	while (sub->cursors != NULL) {
		dpi_memory_cursor *cursor = sub->cursors;

		sub->cursors = cursor->next;
		dpi_free(store->alloc, cursor, 1, sizeof(*cursor));
	}
	dpi_free(store->alloc, sub, 1, sizeof(*sub));
}

static void free_store(dpi_shared *shared)
{
	dpi_memory_store *store = (dpi_memory_store *)shared;

	while (store->subs != NULL) {
		dpi_memory_sub *sub = store->subs;

		store->subs = sub->next;
		dpi_memory_sub_free(store, sub);
	}
	while (store->partitions != NULL) {
		dpi_memory_partition *partition = store->partitions;

		store->partitions = partition->next;
		free_partition(store, partition);
	}
	(void)pthread_mutex_destroy(&store->lock);
	dpi_free(store->alloc, store, 1, sizeof(*store));
}

/* Without chance, what no earlier store can have had: the time. */
static uint64_t draw_identity(const dpi_os *os)
{
	uint64_t identity;

	return os->random(os->self, &identity, sizeof(identity)) < 0
		? (uint64_t)os->wall(os->self)
		: identity;
}

static dpi_memory_store *new_store(dp_runtime *rt, const char *address)
{
	const dp_allocator *alloc = dpi_runtime_alloc(rt);
	dpi_memory_store *store = dpi_zalloc(alloc, 1, sizeof(*store));

	if (store == NULL) {
		return NULL;
	}
	if (pthread_mutex_init(&store->lock, NULL) != 0) {
		dpi_free(alloc, store, 1, sizeof(*store));
		return NULL;
	}
	store->alloc = alloc;
	store->os = dpi_runtime_os(rt);
	store->identity = draw_identity(store->os);
	snprintf(store->address, sizeof(store->address), "%s", address);
	store->shared.name = store->address;
	store->shared.free = free_store;
	return store;
}

dp_status dpi_memory_store_get(dpi_memory_store **ret, dp_runtime *rt,
	const char *name, dp_error **err)
{
	dpi_shared_list *list = dpi_runtime_shared(rt);
	char address[DPI_NAME_MAX + sizeof("memory:")];
	dpi_memory_store *store = NULL;
	dpi_shared *shared;

	snprintf(address, sizeof(address), "memory:%s", name);
	dpi_lock(&list->lock);
	shared = list->first;
	while (shared != NULL && strcmp(shared->name, address) != 0) {
		shared = shared->next;
	}
	if (shared != NULL) {
		store = (dpi_memory_store *)shared;
	} else {
		store = new_store(rt, address);
	}
	if (shared == NULL && store != NULL) {
		store->shared.next = list->first;
		list->first = &store->shared;
	}
	dpi_unlock(&list->lock);
	if (store == NULL) {
		return dpi_error_set(
			err, DP_ENOMEM, "no memory for a memory hub");
	}
	*ret = store;
	return DP_OK;
}

dp_status dpi_memory_sub_watch(dpi_memory_store *store, dpi_memory_sub *sub,
	dpi_memory_partition *partition, dp_offset from)
{
	dpi_memory_cursor *cursor;

	if (!dpi_pattern_match(sub->topics, dpi_bytes_text(partition->topic))) {
		return DP_OK;
	}
	cursor = dpi_zalloc(store->alloc, 1, sizeof(*cursor));
	if (cursor == NULL) {
		return DP_ENOMEM;
	}
	cursor->partition = partition;
	cursor->cursor.next = from;
	cursor->next = sub->cursors;
	sub->cursors = cursor;
	sub->cursor_count++;
	return DP_OK;
}

/* A cursor of a partition that is not to be, if sub has one. */
static void unwatch(dpi_memory_store *store, dpi_memory_sub *sub,
	const dpi_memory_partition *partition)
{
	dpi_memory_cursor *cursor = sub->cursors;

	if (cursor != NULL && cursor->partition == partition) {
		sub->cursors = cursor->next;
		sub->cursor_count--;
		dpi_free(store->alloc, cursor, 1, sizeof(*cursor));
	}
}

static dp_status watch_by_all(
	dpi_memory_store *store, dpi_memory_partition *partition)
{
	for (dpi_memory_sub *sub = store->subs; sub != NULL; sub = sub->next) {
		if (dpi_memory_sub_watch(store, sub, partition, 0) == DP_OK) {
			continue;
		}
		for (sub = store->subs; sub != NULL; sub = sub->next) {
			unwatch(store, sub, partition);
		}
		return DP_ENOMEM;
	}
	return DP_OK;
}

static dpi_memory_partition *new_partition(
	dpi_memory_store *store, const char *topic, uint32_t number)
{
	dpi_memory_partition *partition =
		dpi_zalloc(store->alloc, 1, sizeof(*partition));

	if (partition == NULL) {
		return NULL;
	}
	snprintf(partition->topic, sizeof(partition->topic), "%s", topic);
	partition->name = (dpi_partition_name){partition->topic, number};
	if (watch_by_all(store, partition) != DP_OK) {
		free_partition(store, partition);
		return NULL;
	}
	partition->next = store->partitions;
	store->partitions = partition;
	return partition;
}

dp_status dpi_memory_store_partition(dpi_memory_store *store, const char *topic,
	const void *owner, dpi_memory_partition **ret, dp_error **err)
{
	dpi_memory_partition *partition = store->partitions;
	dpi_memory_partition *unowned = NULL;
	uint32_t number = 0;

	for (; partition != NULL; partition = partition->next) {
		if (strcmp(partition->topic, topic) == 0) {
			number++;
			unowned =
				partition->owner == NULL ? partition : unowned;
		}
	}
	partition =
		unowned != NULL ? unowned : new_partition(store, topic, number);
	if (partition == NULL) {
		return dpi_error_set(
			err, DP_ENOMEM, "no memory for a partition");
	}
	partition->owner = owner;
	*ret = partition;
	return DP_OK;
}

/* Whether any subscription waits for the partition, and from where on. */
static bool slowest(const dpi_memory_store *store,
	const dpi_memory_partition *partition, dp_offset *ret_next)
{
	bool is_watched = false;

	for (const dpi_memory_sub *sub = store->subs; sub != NULL;
		sub = sub->next) {
		const dpi_memory_cursor *cursor = sub->cursors;

		while (cursor != NULL && cursor->partition != partition) {
			cursor = cursor->next;
		}
		if (cursor != NULL &&
			(!is_watched || cursor->cursor.next < *ret_next)) {
			*ret_next = cursor->cursor.next;
			is_watched = true;
		}
	}
	return is_watched;
}

static void drop_first(dpi_memory_store *store, dpi_memory_partition *partition)
{
	dpi_memory_block *block = partition->first;

	partition->first = block->next;
	if (block->next == NULL) {
		partition->last = NULL;
	}
	partition->bytes -= block->size;
	free_block(store, block);
}

void dpi_memory_drop_read(
	dpi_memory_store *store, dpi_memory_partition *partition)
{
	dpi_memory_block *block = partition->first;
	dp_offset next = 0;

	if (block == NULL || !slowest(store, partition, &next) ||
		block->first + block->count > next) {
		return;
	}
	while (partition->first != NULL &&
		partition->first->first + partition->first->count <= next) {
		drop_first(store, partition);
	}
	dpi_memory_tell(store, &store->room);
}

/* Counts what is lost to those who still wait for the first block. */
static void drop_unread(dpi_memory_store *store,
	dpi_memory_partition *partition, dp_offset next)
{
	const dpi_memory_block *block = partition->first;
	dp_offset end = block->first + block->count;

	store->dropped_events +=
		end - (next > block->first ? next : block->first);
	drop_first(store, partition);
}

bool dpi_memory_make_room(dpi_memory_store *store,
	dpi_memory_partition *partition, size_t size,
	const dp_hub_options *opts)
{
	uint64_t limit = opts->retention_bytes != 0 ? opts->retention_bytes
						    : PARTITION_BYTES_DEFAULT;
	bool is_forced = opts->retention_forced != 0 ||
		opts->full_policy == DP_FULL_DROP_OLDEST;
	dp_offset next = 0;
	bool is_watched = slowest(store, partition, &next);

	while (partition->first != NULL && partition->bytes + size > limit) {
		const dpi_memory_block *block = partition->first;

		if (!is_watched || block->first + block->count <= next) {
			drop_first(store, partition);
		} else if (is_forced) {
			drop_unread(store, partition, next);
		} else {
			return false;
		}
	}
	return true;
}

void dpi_memory_append(dpi_memory_partition *partition, dpi_memory_block *block)
{
	block->first = partition->end;
	block->next = NULL;
	if (partition->last != NULL) {
		partition->last->next = block;
	} else {
		partition->first = block;
	}
	partition->last = block;
	partition->end += block->count;
	partition->bytes += block->size;
}
