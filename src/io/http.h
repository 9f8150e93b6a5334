/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_IO_HTTP_H
#define DPI_IO_HTTP_H

#include <datapipe/status.h>
#include <datapipe/time.h>

#include "base/buf.h"

/*
 * One GET after the other, over one connection as long as the server keeps
 * it: HTTP/1.1, http and https, no redirect, no proxy from the environment.
 * libcurl does it. Not locked: one owner, whose thread waits.
 */

typedef struct dpi_http dpi_http;

typedef struct dpi_http_options {
	const char *accept;        /* value of the header */
	const char *authorization; /* the same, or NULL */
	dp_time_ns timeout_ns;     /* of one request, all of it */
} dpi_http_options;

/* Copies the options. Errors: DP_ENOMEM. */
DP_NODISCARD dp_status dpi_http_new(dpi_http **ret, const dp_allocator *alloc,
	const dpi_http_options *opts, dp_error **err);
void dpi_http_free(dpi_http *http);

/*
 * Appends the body to out, whose limit is that of the answer. Errors:
 * DP_ENOTFOUND  404
 * DP_EDENIED    401 and 403
 * DP_ETIMEDOUT  no whole answer within the time
 * DP_ETOOBIG    the answer is over out's limit
 * DP_EREMOTE    no connection, a cut answer, any other status
 * DP_EINVAL     no such URL; DP_ENOMEM
 */
DP_NODISCARD dp_status dpi_http_get(
	dpi_http *http, const char *url, dpi_buf *out, dp_error **err);

#endif /* DPI_IO_HTTP_H */
