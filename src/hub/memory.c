/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/memory.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/thread.h"
#include "hub/memory_hub.h"

static dpi_memory_hub *memory_of(dp_hub *hub)
{
	return (dpi_memory_hub *)hub;
}

/* Partitions without an owner are there for the next hub. */
static void leave_store(dpi_memory_hub *hub)
{
	dpi_memory_store *store = hub->store;
	dpi_memory_hub **link = &store->hubs;

	dpi_lock(&store->lock);
	while (*link != hub) {
		link = &(*link)->next;
	}
	*link = hub->next;
	for (dpi_memory_partition *partition = store->partitions;
		partition != NULL; partition = partition->next) {
		if (partition->owner == hub) {
			partition->owner = NULL;
		}
	}
	dpi_unlock(&store->lock);
}

static void memory_close(dp_hub *base)
{
	dpi_memory_hub *hub = memory_of(base);
	bool is_child = dpi_runtime_check(base->rt, NULL) != DP_OK;

	if (!is_child) {
		leave_store(hub);
	}
	dpi_memory_writers_close(hub, is_child);
	if (!is_child) {
		(void)pthread_mutex_destroy(&hub->lock);
	}
	dpi_free(hub->alloc, hub, 1, sizeof(*hub));
}

static bool is_first_of_topic(const dpi_memory_partition *partition)
{
	return partition->name.partition == 0;
}

static dp_status memory_stats(dp_hub *base, dp_hub_stats *ret, dp_error **err)
{
	dpi_memory_hub *hub = memory_of(base);

	(void)err;
	dpi_lock(&hub->lock);
	ret->appended_events = hub->appended_events;
	ret->appended_bytes = hub->appended_bytes;
	dpi_unlock(&hub->lock);
	dpi_lock(&hub->store->lock);
	ret->dropped_events = hub->store->dropped_events;
	for (const dpi_memory_partition *partition = hub->store->partitions;
		partition != NULL; partition = partition->next) {
		ret->topics += is_first_of_topic(partition);
	}
	dpi_unlock(&hub->store->lock);
	return DP_OK;
}

static dp_status memory_writer(dp_hub *base, const char *topic,
	dpi_writer **ret_writer, dp_error **err)
{
	return dpi_memory_writer_get(memory_of(base), topic, ret_writer, err);
}

static uint64_t place_next(const dpi_memory_partition *partition, uint64_t key)
{
	for (size_t i = 0; i < partition->place_count; i++) {
		if (partition->places[i].key == key) {
			return partition->places[i].next;
		}
	}
	return 0;
}

static dp_status memory_source_next(dp_hub *base, const char *topic,
	uint64_t key, uint64_t *ret_next, dp_error **err)
{
	dpi_memory_store *store = memory_of(base)->store;
	uint64_t largest = 0;

	(void)err;
	dpi_lock(&store->lock);
	for (const dpi_memory_partition *partition = store->partitions;
		partition != NULL; partition = partition->next) {
		if (strcmp(partition->topic, topic) == 0) {
			uint64_t next = place_next(partition, key);

			largest = next > largest ? next : largest;
		}
	}
	dpi_unlock(&store->lock);
	*ret_next = largest;
	return DP_OK;
}

static dp_status memory_subscribe(dp_hub *base, const char *name,
	const dp_subscription_options *opts, dp_subscription **ret_sub,
	dp_error **err)
{
	return dpi_memory_subscribe(memory_of(base), name, opts, ret_sub, err);
}

static dp_status forget_sub(
	dpi_memory_store *store, const char *name, dp_error **err)
{
	dpi_memory_sub **link = &store->subs;
	dpi_memory_sub *sub;

	while (*link != NULL && strcmp((*link)->name, name) != 0) {
		link = &(*link)->next;
	}
	sub = *link;
	if (sub == NULL) {
		return dpi_error_set(
			err, DP_ENOTFOUND, "there is no subscription %s", name);
	}
	if (sub->openers > 0) {
		return dpi_error_set(err, DP_ELOCKED,
			"subscription %s is open: close it first", name);
	}
	*link = sub->next;
	for (dpi_memory_cursor *cursor = sub->cursors; cursor != NULL;
		cursor = cursor->next) {
		dpi_memory_drop_read(store, cursor->partition);
	}
	dpi_memory_sub_free(store, sub);
	return DP_OK;
}

static dp_status memory_unsubscribe(
	dp_hub *base, const char *name, dp_error **err)
{
	dpi_memory_store *store = memory_of(base)->store;
	dp_status st;

	dpi_lock(&store->lock);
	st = forget_sub(store, name, err);
	dpi_unlock(&store->lock);
	return st;
}

static const dpi_hub_ops memory_ops = {
	.close = memory_close,
	.stats = memory_stats,
	.writer = memory_writer,
	.source_next = memory_source_next,
	.subscribe = memory_subscribe,
	.unsubscribe = memory_unsubscribe,
};

dp_status dpi_memory_hub_open(dp_hub **ret_hub, dp_runtime *rt,
	const char *name, const dp_hub_options *opts, dp_error **err)
{
	const dp_allocator *alloc = dpi_runtime_alloc(rt);
	dpi_memory_store *store;
	dpi_memory_hub *hub;
	dp_status st;

	st = dpi_memory_store_get(&store, rt, name, err);
	if (st != DP_OK) {
		return st;
	}
	hub = dpi_zalloc(alloc, 1, sizeof(*hub));
	if (hub == NULL) {
		return dpi_error_set(
			err, DP_ENOMEM, "no memory for a memory hub");
	}
	*hub = (dpi_memory_hub){
		.hub = {&memory_ops, rt, store->identity},
		.alloc = alloc,
		.os = dpi_runtime_os(rt),
		.opts = *opts,
		.store = store,
		.armed_at = DP_FOREVER,
	};
	if (pthread_mutex_init(&hub->lock, NULL) != 0) {
		dpi_free(alloc, hub, 1, sizeof(*hub));
		return dpi_error_set(err, DP_ENOMEM, "no memory for a lock");
	}
	dpi_lock(&store->lock);
	hub->next = store->hubs;
	store->hubs = hub;
	dpi_unlock(&store->lock);
	*ret_hub = &hub->hub;
	return DP_OK;
}
