/* SPDX-License-Identifier: Apache-2.0 */
#include "publish/pool.h"

#include <string.h>

#include "base/alloc.h"
#include "base/thread.h"

/* Least bytes of a record that a chunk makes room for a completion of. */
#define RECORD_LEAST 64u
#define SPARES_LEAST 2u

static const char NAME[] = "publish:chunks";

/* Chunks of one size, with or without room for completions. */
typedef struct shelf {
	dpi_pub_chunk *spare;
	size_t count;
} shelf;

struct dpi_pool {
	dpi_shared shared; /* first */
	const dp_allocator *alloc;
	pthread_mutex_t lock; /* guards what follows */
	shelf small[2];       /* by whether there is room for completions */
	shelf full[2];
	size_t small_max;
	size_t full_max;
};

static size_t chunk_bytes(const dpi_pub_chunk *chunk)
{
	size_t items = chunk->report.items != NULL ? chunk->events_max : 0;

	return sizeof(*chunk) + items * sizeof(dp_completion) + chunk->capacity;
}

static void free_chunk(dpi_pool *pool, dpi_pub_chunk *chunk)
{
	dpi_free(pool->alloc, chunk, 1, chunk_bytes(chunk));
}

static dpi_pub_chunk *new_chunk(
	dpi_pool *pool, size_t capacity, bool with_report)
{
	size_t max = capacity / RECORD_LEAST;
	size_t items_bytes = with_report ? max * sizeof(dp_completion) : 0;
	dpi_pub_chunk *chunk = pool->alloc->alloc(
		pool->alloc->user, sizeof(*chunk) + items_bytes + capacity);

	if (chunk == NULL) {
		return NULL;
	}
	*chunk = (dpi_pub_chunk){
		.chunk = {.is_placeless = true},
		.capacity = capacity,
		.events_max = max,
	};
	if (with_report) {
		chunk->report.items = (dp_completion *)(chunk + 1);
	}
	chunk->chunk.data = (uint8_t *)(chunk + 1) + items_bytes;
	return chunk;
}

void dpi_pool_abandon(dpi_pool *pool, dpi_pub_chunk *chunk)
{
	free_chunk(pool, chunk);
}

static void free_shelf(dpi_pool *pool, shelf *shelf)
{
	while (shelf->spare != NULL) {
		dpi_pub_chunk *chunk = shelf->spare;

		shelf->spare = (dpi_pub_chunk *)chunk->chunk.next;
		free_chunk(pool, chunk);
	}
}

static void free_pool(dpi_shared *shared)
{
	dpi_pool *pool = (dpi_pool *)shared;

	for (int i = 0; i < 2; i++) {
		free_shelf(pool, &pool->small[i]);
		free_shelf(pool, &pool->full[i]);
	}
	(void)pthread_mutex_destroy(&pool->lock);
	dpi_free(pool->alloc, pool, 1, sizeof(*pool));
}

static dpi_pool *new_pool(dp_runtime *rt)
{
	const dp_allocator *alloc = dpi_runtime_alloc(rt);
	dpi_pool *pool = dpi_zalloc(alloc, 1, sizeof(*pool));

	if (pool != NULL) {
		pool->shared.name = NAME;
		pool->shared.free = free_pool;
		pool->alloc = alloc;
		pool->small_max = SPARES_LEAST;
		pool->full_max = SPARES_LEAST;
		(void)pthread_mutex_init(&pool->lock, NULL);
	}
	return pool;
}

dpi_pool *dpi_pool_of(dp_runtime *rt)
{
	dpi_shared_list *list = dpi_runtime_shared(rt);
	dpi_shared *shared;

	dpi_lock(&list->lock);
	shared = list->first;
	while (shared != NULL && strcmp(shared->name, NAME) != 0) {
		shared = shared->next;
	}
	if (shared == NULL) {
		dpi_pool *pool = new_pool(rt);

		shared = pool != NULL ? &pool->shared : NULL;
		if (shared != NULL) {
			shared->next = list->first;
			list->first = shared;
		}
	}
	dpi_unlock(&list->lock);
	return (dpi_pool *)shared;
}

void dpi_pool_keep(dpi_pool *pool, uint64_t bytes)
{
	size_t small = (size_t)(bytes / DPI_CHUNK_SMALL_BYTES);
	size_t full = (size_t)(bytes / 4 / DPI_CHUNK_BYTES);

	dpi_lock(&pool->lock);
	pool->small_max = small > pool->small_max ? small : pool->small_max;
	pool->full_max = full > pool->full_max ? full : pool->full_max;
	dpi_unlock(&pool->lock);
}

dpi_pub_chunk *dpi_pool_take(dpi_pool *pool, size_t size, bool with_report)
{
	bool is_small = size <= DPI_CHUNK_SMALL_BYTES;
	shelf *shelf =
		is_small ? &pool->small[with_report] : &pool->full[with_report];
	size_t capacity = is_small ? DPI_CHUNK_SMALL_BYTES : DPI_CHUNK_BYTES;
	dpi_pub_chunk *chunk = NULL;

	if (size > capacity) {
		return new_chunk(pool, size, with_report);
	}
	dpi_lock(&pool->lock);
	if (shelf->spare != NULL) {
		chunk = shelf->spare;
		shelf->spare = (dpi_pub_chunk *)chunk->chunk.next;
		shelf->count--;
	}
	dpi_unlock(&pool->lock);
	if (chunk == NULL) {
		return new_chunk(pool, capacity, with_report);
	}
	chunk->chunk.next = NULL;
	chunk->chunk.size = 0;
	chunk->chunk.count = 0;
	return chunk;
}

static bool keep_spare(shelf *shelf, size_t max, dpi_pub_chunk *chunk)
{
	if (shelf->count >= max) {
		return false;
	}
	chunk->chunk.next = (dpi_chunk *)shelf->spare;
	shelf->spare = chunk;
	shelf->count++;
	return true;
}

void dpi_pool_give(dpi_pool *pool, dpi_pub_chunk *chunk)
{
	bool with_report = chunk->report.items != NULL;
	bool is_kept = false;

	dpi_lock(&pool->lock);
	if (chunk->capacity == DPI_CHUNK_SMALL_BYTES) {
		is_kept = keep_spare(
			&pool->small[with_report], pool->small_max, chunk);
	} else if (chunk->capacity == DPI_CHUNK_BYTES) {
		is_kept = keep_spare(
			&pool->full[with_report], pool->full_max, chunk);
	}
	dpi_unlock(&pool->lock);
	if (!is_kept) {
		free_chunk(pool, chunk);
	}
}
