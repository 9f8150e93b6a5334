/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_HUB_LOG_MISPLACED_H
#define DPI_HUB_LOG_MISPLACED_H

#include "hub/log/log_hub.h"

/*
 * Lists the segments of a partition, as dpi_segment_list_init() does, after
 * looking for files under the name of a segment that are none: of another log
 * or partition, copies under a second name, files in which nothing is. Each
 * would hide the records of the segment that its name falls into, or end the
 * log too far on. They are renamed to NAME.misplaced-MILLISECONDS and stay; a
 * segment of this partition whose own name is free gets that back.
 *
 * With the partition's lock.
 *
 * Errors: DP_EIO, DP_EDENIED, DP_ENOMEM
 */
DP_NODISCARD dp_status dpi_log_list_own(dpi_log_hub *hub,
	const dpi_log_partition *partition, dpi_segment_list *ret,
	dp_error **err);

#endif /* DPI_HUB_LOG_MISPLACED_H */
