/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_HUB_MEMORY_H
#define DPI_HUB_MEMORY_H

#include "hub/hub.h"

/*
 * The hub "memory:NAME", which lives and dies with its runtime: hubs of one
 * runtime that are opened by one name share topics and subscriptions, until
 * the last of them is closed.
 *
 * name and opts were checked. Errors: DP_ENOMEM.
 */
DP_NODISCARD dp_status dpi_memory_hub_open(dp_hub **ret_hub, dp_runtime *rt,
	const char *name, const dp_hub_options *opts, dp_error **err);

#endif /* DPI_HUB_MEMORY_H */
