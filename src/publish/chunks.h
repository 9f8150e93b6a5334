/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_PUBLISH_CHUNKS_H
#define DPI_PUBLISH_CHUNKS_H

#include <stdbool.h>
#include <stdint.h>

#include "hub/hub.h"

/*
 * Memory of events on their way to the hub: chunks in the order in which
 * they are committed, of which the last takes further records.
 *
 * A publishing thread reserves its place under the publisher's lock, which
 * decides the order, and writes its record there without it. So threads meet
 * for a few instructions only. A chunk leaves when all its records are
 * written.
 *
 * Callers hold the publisher's lock, except where it says otherwise.
 */

/* Usual size of a chunk's data. */
#define DPI_CHUNK_BYTES 65536u

typedef struct dpi_pub_chunk {
	dpi_chunk chunk; /* first: what the hub sees */
	size_t capacity; /* bytes of data */
	size_t events_max;
	uint32_t written;       /* atomic: records that are complete */
	dpi_completions report; /* items is NULL if nobody asks for them */
	void *owner;
} dpi_pub_chunk;

typedef struct dpi_chunks {
	const dp_allocator *alloc;
	void *owner;
	bool with_report;
	dpi_pub_chunk *head; /* oldest */
	dpi_pub_chunk *tail;
	dpi_pub_chunk *spare;
	size_t spare_count;
	size_t spare_max;
} dpi_chunks;

/* Where one record goes. */
typedef struct dpi_place {
	dpi_pub_chunk *chunk;
	uint8_t *out;
	size_t index; /* of its completion */
} dpi_place;

/*
 * Allocates nothing yet. owner comes back in each chunk. Up to spare_max
 * chunks of the usual size are kept for the next events.
 */
void dpi_chunks_init(dpi_chunks *chunks, const dp_allocator *alloc, void *owner,
	bool with_report, size_t spare_max);

/* Frees spare chunks, and those never taken. */
void dpi_chunks_fini(dpi_chunks *chunks);

/* Reserves size bytes behind all others; false if out of memory. */
bool dpi_chunks_reserve(dpi_chunks *chunks, size_t size, dpi_place *ret);

/* The record at place is complete. Thread: any, without the lock. */
void dpi_chunks_written(const dpi_place *place);

/* Takes the oldest chunks up to the first with an incomplete record. */
dpi_chunk *dpi_chunks_take(dpi_chunks *chunks);

/* Takes a chunk back, to be used again or freed. */
void dpi_chunks_give(dpi_chunks *chunks, dpi_pub_chunk *chunk);

#endif /* DPI_PUBLISH_CHUNKS_H */
