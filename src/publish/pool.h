/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_PUBLISH_POOL_H
#define DPI_PUBLISH_POOL_H

#include "hub/hub.h"
#include "io/runtime.h"

/*
 * Memory of events on their way to hubs: what all publishers of a runtime
 * share, so that one that is idle holds none, and what a burst needed serves
 * the next one, whoever has it. What was given back last is taken first, while
 * it is still in a cache.
 *
 * A chunk is one block: itself, room for completions, data. Usual chunks have
 * one of two sizes: small, for the first events that wait, and full.
 */
#define DPI_CHUNK_SMALL_BYTES 4096u
#define DPI_CHUNK_BYTES 65536u

typedef struct dpi_pub_chunk {
	dpi_chunk chunk; /* first: what the hub sees */
	size_t capacity; /* bytes of data */
	size_t events_max;
	uint32_t round;         /* the collection that took it */
	dpi_completions report; /* items is NULL if nobody asks for them */
	void *owner;
} dpi_pub_chunk;

typedef struct dpi_pool dpi_pool;

/* The pool of a runtime, which frees it; NULL: out of memory. */
dpi_pool *dpi_pool_of(dp_runtime *rt);

/*
 * Keeps at least so many bytes in small chunks for the next events: what many
 * publishers need that have a few events each. And a quarter of it in full
 * ones, as a single one with many is slowed down by its hub in any case.
 */
void dpi_pool_keep(dpi_pool *pool, uint64_t bytes);

/* An empty chunk of at least size bytes, or NULL: out of memory. */
dpi_pub_chunk *dpi_pool_take(dpi_pool *pool, size_t size, bool with_report);
void dpi_pool_give(dpi_pool *pool, dpi_pub_chunk *chunk);
/* The same in a child after fork(), where the lock may be held for ever. */
void dpi_pool_abandon(dpi_pool *pool, dpi_pub_chunk *chunk);

#endif /* DPI_PUBLISH_POOL_H */
