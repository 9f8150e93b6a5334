/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_HUB_LOG_SOURCES_H
#define DPI_HUB_LOG_SOURCES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <datapipe/alloc.h>
#include <datapipe/status.h>

#include "hub/record.h"

/*
 * How far jobs have come that append to a partition: for each source key the
 * greatest source place among its records. Every segment begins with all of it
 * (a record of kind SOURCES), so that the last segment alone tells it.
 *
 * A place that is noted counts once it is kept: records are looked at before
 * they are written, when there is still a way back if memory runs out.
 *
 * Not locked.
 */
typedef struct dpi_source_entry {
	uint64_t key;
	uint64_t next;
	uint64_t noted; /* >= next */
} dpi_source_entry;

typedef struct dpi_sources {
	const dp_allocator *alloc;
	dpi_source_entry *entries; /* keys ascending */
	size_t count;
	size_t capacity;
	size_t last; /* where the last one noted stands */
	bool has_noted;
} dpi_sources;

void dpi_sources_init(dpi_sources *sources, const dp_allocator *alloc);
void dpi_sources_fini(dpi_sources *sources);

/* Errors: DP_ENOMEM. */
DP_NODISCARD dp_status dpi_sources_note(
	dpi_sources *sources, const dpi_source_place *place);
/* Makes what was noted count. */
void dpi_sources_keep(dpi_sources *sources);
/* Forgets what was noted since. */
void dpi_sources_forget(dpi_sources *sources);

/* The greatest place of a key, or 0. */
uint64_t dpi_sources_next(const dpi_sources *sources, uint64_t key);

/* Bytes of the record that holds all of it, and the record, not yet sealed. */
size_t dpi_sources_size(const dpi_sources *sources);
void dpi_sources_encode(const dpi_sources *sources, uint8_t *record);

/*
 * Takes over what a record says that was found right, of any kind: a whole
 * snapshot, or the place of one event.
 *
 * Errors: DP_ENOMEM
 */
DP_NODISCARD dp_status dpi_sources_learn(
	dpi_sources *sources, const uint8_t *record, size_t size);

#endif /* DPI_HUB_LOG_SOURCES_H */
