/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_HUB_LOG_AHEAD_H
#define DPI_HUB_LOG_AHEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "hub/log/tail.h"

/* Room for records: zeros ahead of them, and when to make the spare ready. */

/*
 * Makes sure that the file was written up to this index, or that it may grow
 * with what is lined up next. Thread: the one that commits.
 */
DP_NODISCARD dp_status dpi_tail_reserve(
	dpi_log_tail *tail, uint64_t index, dp_error **err);

/* Cuts the file off behind what was flushed, durably. Same thread. */
DP_NODISCARD int dpi_tail_cut(dpi_log_tail *tail);

/* Whether it is time to write ahead, or a segment was begun. Same thread. */
bool dpi_tail_wants_prepare(dpi_log_tail *tail);

/* Writes ahead what is due. Any thread. Best effort. */
void dpi_tail_prepare(dpi_log_tail *tail);

#endif /* DPI_HUB_LOG_AHEAD_H */
