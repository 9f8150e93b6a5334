/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_SINK_POSITIONS_H
#define DPI_SINK_POSITIONS_H

#include <stdbool.h>

#include <datapipe/ext/sink.h>

/*
 * Places, sorted by topic and partition. They only move forward: setting a
 * place that is behind the one there is a no-op, so that places of several
 * processes merge in any order.
 *
 * Not locked: one owner.
 */

struct dp_positions {
	const dp_allocator *alloc;
	dp_position *items; /* topics are ours */
	size_t count;
	size_t capacity;
};

/* Allocates nothing yet. Borrows alloc until fini. */
void dpi_positions_init(dp_positions *positions, const dp_allocator *alloc);
void dpi_positions_fini(dp_positions *positions);

/* Empty again, room kept. */
void dpi_positions_clear(dp_positions *positions);

/* The place of one partition, or 0 if there is none. */
dp_offset dpi_positions_next(
	const dp_positions *positions, const char *topic, uint32_t partition);

/*
 * Moves positions forward to those of from. On failure some of them may have
 * moved.
 */
DP_NODISCARD dp_status dpi_positions_merge(
	dp_positions *positions, const dp_positions *from);

/* Whether all places of other are reached. */
bool dpi_positions_cover(
	const dp_positions *positions, const dp_positions *other);

#endif /* DPI_SINK_POSITIONS_H */
