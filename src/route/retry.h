/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_ROUTE_RETRY_H
#define DPI_ROUTE_RETRY_H

#include <stdbool.h>

#include <datapipe/ext/sink.h>

#include "io/os.h"

/*
 * How long to wait before a destination is asked again.
 *
 * Waits double from first to max, and half of each is drawn by lot, so that
 * many processes that failed together do not come back together. A job has one
 * try on its way at a time, so these waits bound its load on an endpoint that
 * is ill: no budget of retries beside them is needed.
 */

/* A destination that is unfit, or refuses us, is asked this often. */
#define DPI_PAUSE_NS (60 * DP_SECOND)
/* More than that is not believed of a Retry-After. */
#define DPI_THROTTLE_MAX_NS (300 * DP_SECOND)

typedef struct dpi_retry {
	const dpi_os *os;
	dp_time_ns first_ns;
	dp_time_ns max_ns;
	dp_time_ns step_ns; /* of the next wait, before the lot */
} dpi_retry;

/* Borrows os. */
void dpi_retry_init(dpi_retry *retry, const dpi_os *os, dp_time_ns first_ns,
	dp_time_ns max_ns);

/* It went well: the next wait is the first again. */
void dpi_retry_reset(dpi_retry *retry);

/* How long to wait after this refusal. */
dp_time_ns dpi_retry_next(
	dpi_retry *retry, dp_refusal refusal, dp_time_ns retry_after_ns);

/* Whether it takes a person to put right what was refused so. */
bool dpi_refusal_pauses(dp_refusal refusal);

/*
 * Whether the refusal of one event counts as a try of that event: an endpoint
 * that is busy or down says nothing about the event.
 */
bool dpi_refusal_counts(dp_refusal refusal);

#endif /* DPI_ROUTE_RETRY_H */
