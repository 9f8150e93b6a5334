/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_HUB_LOG_RECOVERY_H
#define DPI_HUB_LOG_RECOVERY_H

#include <stdbool.h>
#include <stdint.h>

#include "hub/log/log_hub.h"
#include "hub/log/sources.h"

/* What a partition without an owner was found to hold. */
typedef struct dpi_log_found {
	bool has_segment;
	bool is_empty;         /* the last segment: no event, no damage */
	uint64_t base;         /* of the last segment */
	uint64_t previous_end; /* as in its header */
	uint64_t end;          /* after its last record */
	/*
	 * Where new records may go: end, or more if the page says that more
	 * was durable once and damage has taken it; readers have been there.
	 */
	uint64_t next;
	uint64_t epoch; /* ours: greater than any before */
} dpi_log_found;

/*
 * Finds where a partition ends, makes all of it durable, and says so in its
 * state page. Counts damage. sources, if not NULL, learns the source places.
 *
 * The caller holds the partition's lock. Running it again gives the same.
 *
 * Errors: DP_EIO, DP_ENOMEM
 */
DP_NODISCARD dp_status dpi_log_recover(dpi_log_hub *hub,
	dpi_log_partition *partition, dpi_sources *sources, dpi_log_found *ret,
	dp_error **err);

#endif /* DPI_HUB_LOG_RECOVERY_H */
