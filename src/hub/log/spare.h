/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_HUB_LOG_SPARE_H
#define DPI_HUB_LOG_SPARE_H

#include <stdbool.h>
#include <stdint.h>

#include "hub/log/tail.h"

/*
 * The spare: the file that the next segment will be. It is written with zeros
 * ahead of use, or is an old segment, and has our epoch in its name.
 */

/* Zeros that a segment begins with, header included. */
#define DPI_LOG_FIRST_BYTES (256u << 10)

/* Index up to which a new segment is written with zeros at first. */
static inline uint64_t dpi_spare_first_zeroed(const dpi_log_tail *tail)
{
	uint64_t first = DPI_LOG_FIRST_BYTES - DPI_LOG_PAGE;

	return tail->limit < first ? tail->limit : first;
}

/*
 * Makes an old segment of this partition the spare, if there is none, the tail
 * is not at rest, and the file was begun in our epoch (a former owner might
 * still write to others).
 * Returns false, and has done nothing, otherwise. Any thread.
 */
bool dpi_tail_recycle(dpi_log_tail *tail, uint64_t base);

/* Gives our spare back to the disk, and makes no other before half of a segment
 * was written. Returns whether there was one. Any thread. */
bool dpi_tail_drop_spare(dpi_log_tail *tail);

/* What follows is for roll.h and ahead.h, with prepare_lock. */

void dpi_spare_path(const dpi_log_tail *tail, char *buf);

/* Makes a spare of the first zeros. Errors: DP_EIO, DP_ENOSPC */
DP_NODISCARD dp_status dpi_spare_make(dpi_log_tail *tail, dp_error **err);

/* Extends the spare with zeros up to an index, and makes that durable. */
DP_NODISCARD int dpi_spare_grow(dpi_log_tail *tail, uint64_t index);

/* Closes and removes what cannot be finished, or is not to be. */
void dpi_spare_discard(dpi_log_tail *tail);

/* Writes zeros over [from, to) of a file. */
DP_NODISCARD int dpi_log_write_zeros(
	const dpi_os *os, int fd, uint64_t from, uint64_t to);

/* Makes durable which segments the partition has. */
DP_NODISCARD dp_status dpi_tail_sync_names(
	const dpi_log_tail *tail, dp_error **err);

#endif /* DPI_HUB_LOG_SPARE_H */
