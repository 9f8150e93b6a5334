/* SPDX-License-Identifier: Apache-2.0 */
#include "route/retry.h"

#include <stdint.h>

void dpi_retry_init(dpi_retry *retry, const dpi_os *os, dp_time_ns first_ns,
	dp_time_ns max_ns)
{
	*retry = (dpi_retry){
		.os = os,
		.first_ns = first_ns < max_ns ? first_ns : max_ns,
		.max_ns = max_ns,
	};
	dpi_retry_reset(retry);
}

void dpi_retry_reset(dpi_retry *retry)
{
	retry->step_ns = retry->first_ns;
}

/* Without chance (the system has none to give) everybody waits the whole. */
static dp_time_ns with_jitter(const dpi_os *os, dp_time_ns whole)
{
	uint64_t lot;

	if (whole < 2 || os->random(os->self, &lot, sizeof(lot)) < 0) {
		return whole;
	}
	return whole - (dp_time_ns)(lot % (uint64_t)(whole / 2));
}

static dp_time_ns back_off(dpi_retry *retry)
{
	dp_time_ns step = retry->step_ns;

	retry->step_ns = step > retry->max_ns / 2 ? retry->max_ns : 2 * step;
	return with_jitter(retry->os, step);
}

dp_time_ns dpi_retry_next(
	dpi_retry *retry, dp_refusal refusal, dp_time_ns retry_after_ns)
{
	if (dpi_refusal_pauses(refusal)) {
		return DPI_PAUSE_NS;
	}
	if (refusal == DP_REFUSAL_THROTTLED && retry_after_ns > 0) {
		return retry_after_ns < DPI_THROTTLE_MAX_NS
			? retry_after_ns
			: DPI_THROTTLE_MAX_NS;
	}
	return back_off(retry);
}

bool dpi_refusal_pauses(dp_refusal refusal)
{
	return refusal == DP_REFUSAL_STREAM || refusal == DP_REFUSAL_FATAL;
}

bool dpi_refusal_counts(dp_refusal refusal)
{
	return refusal == DP_REFUSAL_RETRYABLE ||
		refusal == DP_REFUSAL_AMBIGUOUS;
}
