/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_HUB_LOG_LOG_BACKEND_H
#define DPI_HUB_LOG_LOG_BACKEND_H

#include "hub/log/log_reader.h"

/*
 * The log's side of one open subscription: claims partitions, shares them
 * with the other openings, and sleeps on the log's news.
 *
 * What has changed is told by the layout in news.h, and who has gone by the
 * watch, while partitions are held by others; where there is no watch, or
 * records wait to become durable, it looks once in LOOK_INTERVAL.
 */
struct dpi_log_backend {
	dpi_backend backend; /* first */
	dpi_log_hub *hub;
	dpi_claims claims;
	dp_ack read_level;
	dpi_log_reader *readers;
	size_t count;
	bool others_hold; /* partitions that match */
	bool has_looked;
	uint32_t layout; /* at the last look */
	dp_time_ns looked_at;
	uint32_t closings; /* at the last look */
	dp_time_ns pause;  /* from it to the next, while others hold some */
};

/* As dpi_hub_ops.subscribe. */
DP_NODISCARD dp_status dpi_log_subscribe(dp_hub *hub, const char *name,
	const dp_subscription_options *opts, dp_subscription **ret_sub,
	dp_error **err);

#endif /* DPI_HUB_LOG_LOG_BACKEND_H */
