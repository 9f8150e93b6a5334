/* SPDX-License-Identifier: Apache-2.0 */
#include "route/job_options.h"

#include "base/adopt.h"
#include "base/error.h"

#define ATTEMPTS_DEFAULT 16u
#define BATCH_EVENTS_DEFAULT 4096u
#define FLUSH_INTERVAL_DEFAULT DP_SECOND
#define FLUSH_BYTES_DEFAULT ((uint64_t)64 << 20)
#define RETRY_FIRST_DEFAULT (100 * DP_MILLISECOND)
#define RETRY_MAX_DEFAULT (30 * DP_SECOND)

uint32_t dpi_job_crash_attempts(const dp_job_options *opts)
{
	uint32_t attempts = 4;

	for (uint32_t left = opts->batch_events / 4; left > 1; left /= 4) {
		attempts++;
	}
	return attempts > opts->attempts_max ? attempts : opts->attempts_max;
}

static void fill_defaults(dp_job_options *opts)
{
	if (opts->attempts_max == 0) {
		opts->attempts_max = ATTEMPTS_DEFAULT;
	}
	if (opts->batch_events == 0) {
		opts->batch_events = BATCH_EVENTS_DEFAULT;
	}
	if (opts->flush_interval_ns == 0) {
		opts->flush_interval_ns = FLUSH_INTERVAL_DEFAULT;
	}
	if (opts->flush_bytes == 0) {
		opts->flush_bytes = FLUSH_BYTES_DEFAULT;
	}
	if (opts->retry_first_ns == 0) {
		opts->retry_first_ns = RETRY_FIRST_DEFAULT;
	}
	if (opts->retry_max_ns == 0) {
		opts->retry_max_ns = RETRY_MAX_DEFAULT;
	}
}

dp_status dpi_job_options_adopt(
	dp_job_options *opts, const dp_job_options *given, dp_error **err)
{
	dp_status st = dpi_adopt(opts, sizeof(*opts), given,
		DPI_SIZE_UP_TO(dp_job_options, retry_max_ns), "job options",
		"DP_JOB_OPTIONS_INIT", err);

	if (st != DP_OK) {
		return st;
	}
	if (opts->flush_interval_ns < 0 || opts->retry_first_ns < 0 ||
		opts->retry_max_ns < 0) {
		return dpi_error_set(
			err, DP_EINVAL, "job options: a time is negative");
	}
	fill_defaults(opts);
	return DP_OK;
}
