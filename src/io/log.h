/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_IO_LOG_H
#define DPI_IO_LOG_H

#include "io/runtime.h"

/* Where log records of a runtime go. Never changes, so it needs no lock. */
typedef struct dpi_log_target {
	dp_log_fn write; /* NULL: nowhere */
	void *user;
	dp_log_level level; /* the least important that is wanted */
} dpi_log_target;

const dpi_log_target *dpi_runtime_log_target(const dp_runtime *rt);

#endif /* DPI_IO_LOG_H */
