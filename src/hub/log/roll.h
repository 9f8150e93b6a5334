/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_HUB_LOG_ROLL_H
#define DPI_HUB_LOG_ROLL_H

#include <stdint.h>

#include "hub/log/tail.h"

/*
 * Beginning a segment.
 *
 * It comes to be in this order, each step durable before the next: the spare
 * is written full of zeros (or is an old segment); the header and the snapshot
 * of sources are written to it and synced; it gets its name. So a file with
 * the name of a segment has a header, unless it was damaged.
 */

/*
 * Begins a segment at offset base; nothing stands between previous_end and
 * base. The one before is complete on disk. Thread: the one that commits.
 */
DP_NODISCARD dp_status dpi_tail_begin(dpi_log_tail *tail, uint64_t base,
	uint64_t previous_end, dp_error **err);

#endif /* DPI_HUB_LOG_ROLL_H */
