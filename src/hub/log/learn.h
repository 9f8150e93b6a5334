/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_HUB_LOG_LEARN_H
#define DPI_HUB_LOG_LEARN_H

#include "hub/log/log_hub.h"
#include "hub/log/segment.h"
#include "hub/log/sources.h"

/*
 * Learns the source places of a partition up to offset end, from as few
 * segments as will do. Any process, owner or not.
 *
 * Errors: DP_ENOTFOUND  a segment has gone meanwhile: list them again
 *         DP_EIO, DP_EDENIED, DP_ENOMEM
 */
DP_NODISCARD dp_status dpi_log_learn_sources(dpi_log_hub *hub,
	const dpi_log_partition *partition, const dpi_segment_list *list,
	uint64_t end, dpi_sources *sources, dp_error **err);

#endif /* DPI_HUB_LOG_LEARN_H */
