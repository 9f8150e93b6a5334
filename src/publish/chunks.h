/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_PUBLISH_CHUNKS_H
#define DPI_PUBLISH_CHUNKS_H

#include <stdbool.h>
#include <stdint.h>

#include "publish/pool.h"

/*
 * Events of one publisher on their way to the hub: chunks in the order in
 * which they are committed, of which the last takes further records (front.h).
 * Not locked: whoever holds the publisher's gate owns them.
 */
typedef struct dpi_chunks {
	dpi_pool *pool;
	void *owner;
	bool with_report;
	dpi_pub_chunk *head; /* oldest */
	dpi_pub_chunk *tail;
} dpi_chunks;

/* Allocates nothing. owner comes back in each chunk. */
void dpi_chunks_init(
	dpi_chunks *chunks, dpi_pool *pool, void *owner, bool with_report);

/* Frees what was never taken, in a child after fork() even. */
void dpi_chunks_fini(dpi_chunks *chunks);

/*
 * An empty chunk for size bytes, behind all others; NULL: out of memory. The
 * first one is small, as most publishers have few events at a time.
 */
dpi_pub_chunk *dpi_chunks_add(dpi_chunks *chunks, size_t size);

/* Takes the oldest chunks, up to the first that is among busy. */
dpi_chunk *dpi_chunks_take(
	dpi_chunks *chunks, dpi_pub_chunk *const *busy, size_t count);

#endif /* DPI_PUBLISH_CHUNKS_H */
