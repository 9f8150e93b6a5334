/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_HUB_LOG_LOG_READER_H
#define DPI_HUB_LOG_LOG_READER_H

#include "hub/log/claim.h"
#include "hub/log/cursor.h"
#include "hub/log/events.h"
#include "hub/reader.h"

/* One partition of the log in the hands of a subscription. */

typedef struct dpi_log_backend dpi_log_backend;

typedef struct dpi_log_reader {
	dpi_reader reader; /* first */
	dpi_log_backend *backend;
	dpi_log_partition *partition;
	dpi_log_events events;
	dpi_cursor_file file;
	struct dpi_log_reader *next; /* the backend's */
	uint64_t retained_base; /* retention was asked when this was reached */
	uint64_t unsettled_at;  /* the durable end when it was last behind */
} dpi_log_reader;

/*
 * A reader of a partition that was claimed, which it gives back if it cannot
 * be had. Brings the state page up to date if the owner is dead, and sets the
 * cursor back if the log ends before it or its records were lost.
 *
 * Errors: DP_EIO, DP_EDENIED, DP_ENOSPC, DP_ENOMEM
 */
DP_NODISCARD dp_status dpi_log_reader_new(dpi_log_reader **ret,
	dpi_log_backend *backend, dpi_log_partition *partition, dp_error **err);

/*
 * Whether records were written and are not durable since the last call: their
 * owner may be dead.
 */
bool dpi_log_reader_is_stuck(dpi_log_reader *reader);

/* Whether records were written that are not durable. */
bool dpi_log_reader_is_behind(const dpi_log_reader *reader);

#endif /* DPI_HUB_LOG_LOG_READER_H */
