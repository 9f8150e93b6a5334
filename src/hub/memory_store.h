/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_HUB_MEMORY_STORE_H
#define DPI_HUB_MEMORY_STORE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/hub.h"
#include "hub/reader.h"

/*
 * What the hubs of one memory:NAME share. It belongs to the runtime, and so
 * outlives the hubs.
 *
 * A partition is a row of blocks, each a chunk as a feed gave it, with dense
 * offsets. Blocks go once every subscription is past them; what no
 * subscription waits for stays until its partition is full.
 *
 * The lock of the store guards all of it. Two words tell those who sleep:
 * news when something may be readable or free, room when blocks went.
 */

typedef struct dpi_memory_block {
	struct dpi_memory_block *next;
	dp_offset first;
	size_t count; /* events, with the offsets from first on */
	size_t size;  /* bytes of data */
	dp_time_ns time;
	uint8_t data[];
} dpi_memory_block;

typedef struct dpi_memory_partition {
	struct dpi_memory_partition *next;
	char topic[DPI_NAME_MAX + 1];
	dpi_partition_name name; /* name.topic points to topic */
	const void *owner;       /* the hub that appends, or NULL */
	dpi_memory_block *first;
	dpi_memory_block *last;
	dp_offset end;
	uint64_t bytes;
	dpi_source_place *places; /* the largest next of each key */
	size_t place_count;
	size_t place_capacity;
} dpi_memory_partition;

/* How far a subscription is in a partition, and who reads it. */
typedef struct dpi_memory_cursor {
	struct dpi_memory_cursor *next;
	dpi_memory_partition *partition;
	dpi_cursor cursor;
	const void *holder; /* the backend that reads it, or NULL */
} dpi_memory_cursor;

typedef struct dpi_memory_sub {
	struct dpi_memory_sub *next;
	char name[DPI_NAME_MAX + 1];
	char topics[DPI_NAME_MAX + 1];
	dpi_memory_cursor *cursors; /* one for each partition that matches */
	size_t cursor_count;
	size_t openers;
} dpi_memory_sub;

typedef struct dpi_memory_hub dpi_memory_hub;

typedef struct dpi_memory_store {
	dpi_shared shared; /* first */
	const dp_allocator *alloc;
	const dpi_os *os;
	char address[DPI_NAME_MAX + sizeof("memory:")];
	uint64_t identity;
	uint32_t news; /* atomic */
	uint32_t room; /* atomic */

	pthread_mutex_t lock; /* guards what follows */
	dpi_memory_partition *partitions;
	dpi_memory_sub *subs;
	dpi_memory_hub *hubs;
	uint64_t dropped_events;
} dpi_memory_store;

/* The store of this name, made if it is new. Errors: DP_ENOMEM. */
DP_NODISCARD dp_status dpi_memory_store_get(dpi_memory_store **ret,
	dp_runtime *rt, const char *name, dp_error **err);

/* Changes a word and wakes who sleeps on it. */
void dpi_memory_tell(dpi_memory_store *store, uint32_t *word);

/* From here on the caller holds the lock. */

/* The partition of a topic that owner appends to. Errors: DP_ENOMEM. */
DP_NODISCARD dp_status dpi_memory_store_partition(dpi_memory_store *store,
	const char *topic, const void *owner, dpi_memory_partition **ret,
	dp_error **err);

/* Takes blocks away so that size bytes fit. Returns false if they do not. */
bool dpi_memory_make_room(dpi_memory_store *store,
	dpi_memory_partition *partition, size_t size,
	const dp_hub_options *opts);

/* Takes the block. Call make_room before. */
void dpi_memory_append(
	dpi_memory_partition *partition, dpi_memory_block *block);

/* Takes blocks away that every subscription is past, if there is any. */
void dpi_memory_drop_read(
	dpi_memory_store *store, dpi_memory_partition *partition);

/*
 * Has sub read the partition, from here on, if its topic matches. Errors:
 * DP_ENOMEM.
 */
DP_NODISCARD dp_status dpi_memory_sub_watch(dpi_memory_store *store,
	dpi_memory_sub *sub, dpi_memory_partition *partition, dp_offset from);

/* Frees a subscription that is in no list. */
void dpi_memory_sub_free(dpi_memory_store *store, dpi_memory_sub *sub);

#endif /* DPI_HUB_MEMORY_STORE_H */
