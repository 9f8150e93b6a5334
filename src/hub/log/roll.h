/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_HUB_LOG_ROLL_H
#define DPI_HUB_LOG_ROLL_H

#include <stdbool.h>
#include <stdint.h>

#include "hub/log/tail.h"

/*
 * Room for records: zeros ahead of them, and the next segment.
 *
 * A segment comes to be in this order, each step durable before the next: the
 * spare is written full of zeros (or is an old segment); the header and the
 * snapshot of sources are written to it and synced; it gets its name. So a
 * file with the name of a segment has a header, unless it was damaged.
 */

/* Zeros that a segment begins with, header included. */
#define DPI_LOG_FIRST_BYTES (256u << 10)

/*
 * Begins a segment at offset base; nothing stands between previous_end and
 * base. The one before is complete on disk. Thread: the one that commits.
 */
DP_NODISCARD dp_status dpi_tail_begin(dpi_log_tail *tail, uint64_t base,
	uint64_t previous_end, dp_error **err);

/*
 * Makes sure that the file was written up to this index, or that it may grow
 * with what is lined up next. Same thread.
 */
DP_NODISCARD dp_status dpi_tail_reserve(
	dpi_log_tail *tail, uint64_t index, dp_error **err);

/* Cuts the file off behind what was flushed, durably. Same thread. */
DP_NODISCARD int dpi_tail_cut(dpi_log_tail *tail);

/* Whether it is time to write ahead, or a segment was begun. Same thread. */
bool dpi_tail_wants_prepare(dpi_log_tail *tail);

/* Writes ahead what is due. Any thread. Best effort. */
void dpi_tail_prepare(dpi_log_tail *tail);

/*
 * Makes an old segment of this partition the spare, if there is none and the
 * file was begun in our epoch (a former owner might still write to others).
 * Returns false, and has done nothing, otherwise. Any thread.
 */
bool dpi_tail_recycle(dpi_log_tail *tail, uint64_t base);

/* Gives our spare back to the disk, and makes no other before half of a segment
 * was written. Returns whether there was one. Any thread. */
bool dpi_tail_drop_spare(dpi_log_tail *tail);

#endif /* DPI_HUB_LOG_ROLL_H */
