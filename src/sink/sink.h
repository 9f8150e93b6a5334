/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_SINK_SINK_H
#define DPI_SINK_SINK_H

#include <stdbool.h>

#include <datapipe/ext/sink.h>

#include "sink/positions.h"
#include "sink/refusals.h"

/*
 * A sink as a job sees it: every slot can be called, whatever the author left
 * out and whatever version of the library the author was built against.
 *
 * One thread at a time, in the order of datapipe/ext/sink.h.
 */

/* Whether the destination keeps positions: exactly once. */
bool dpi_sink_keeps_positions(const dp_sink *sink);

/* Name for logs. Lives as long as the sink. */
const char *dpi_sink_name(const dp_sink *sink);

DP_NODISCARD dp_status dpi_sink_open(
	dp_sink *sink, const char *job, dp_error **err);

/* Adds to ret what the destination has; nothing if it keeps no positions. */
DP_NODISCARD dp_status dpi_sink_positions(
	dp_sink *sink, dp_positions *ret, dp_error **err);

/*
 * Offers a batch. On DP_OK refusals has the events that were not taken, by
 * index; on any other status nothing was taken, and refusals->all says what
 * to do: what the sink said, else what its status means.
 */
DP_NODISCARD dp_status dpi_sink_write(dp_sink *sink, const dp_batch *batch,
	dp_refusals *refusals, dp_error **err);

DP_NODISCARD dp_status dpi_sink_flush(
	dp_sink *sink, const dp_positions *upto, dp_error **err);

/*
 * Drops what was taken since the last flush; dpi_sink_open() comes next.
 * False if the sink cannot do that: it is then of no more use.
 */
DP_NODISCARD bool dpi_sink_reset(dp_sink *sink);

#endif /* DPI_SINK_SINK_H */
