/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_ROUTE_JOB_OPTIONS_H
#define DPI_ROUTE_JOB_OPTIONS_H

#include <stdint.h>

#include <datapipe/pipeline.h>

/* Copies what the caller gave, or NULL, with defaults where it said nothing.
 * Errors: DP_EINVAL, DP_EABI */
DP_NODISCARD dp_status dpi_job_options_adopt(
	dp_job_options *opts, const dp_job_options *given, dp_error **err);

/*
 * After how many hand-overs an event must be the one that ends its processes.
 * A hub hands events over in ever smaller batches once they were tried three
 * times: a quarter for each further try (hub/held.h). Before the event was
 * alone, any of its neighbours may be to blame.
 */
uint32_t dpi_job_crash_attempts(const dp_job_options *opts);

#endif /* DPI_ROUTE_JOB_OPTIONS_H */
