/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_SINK_STORE_LOCAL_H
#define DPI_SINK_STORE_LOCAL_H

#include "sink/store.h"

/* A directory as a store. Makes it, and what is missing above it. */
DP_NODISCARD dp_status dpi_store_local_open(
	dp_store **ret_store, dp_runtime *rt, const char *path, dp_error **err);

#endif /* DPI_SINK_STORE_LOCAL_H */
