/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_SCHEMA_REGISTRY_H
#define DPI_SCHEMA_REGISTRY_H

#include <datapipe/registry.h>

#include "schema/objects.h"

/*
 * As dp_registry_open(), over objects of any kind, which it takes, also on
 * failure. With is_carried they are those of a store of file sinks.
 */
DP_NODISCARD dp_status dpi_registry_open_over(dp_registry **ret_reg,
	dp_runtime *rt, dpi_objects *objects, bool is_carried,
	const dp_registry_options *opts, dp_error **err);

#endif /* DPI_SCHEMA_REGISTRY_H */
