/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_ROUTE_JOB_REPORT_H
#define DPI_ROUTE_JOB_REPORT_H

#include "route/job.h"

/* Reports of count jobs, each a copy that outlives its job. */
DP_NODISCARD dp_status dpi_report_new(dp_report **ret_report,
	const dp_allocator *alloc, dpi_job *first, size_t count,
	dp_error **err);

#endif /* DPI_ROUTE_JOB_REPORT_H */
