/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_HUB_LOG_PAGE_H
#define DPI_HUB_LOG_PAGE_H

#include <datapipe/status.h>

#include "io/os.h"

/*
 * A file of one page that all processes map: what state.h and news.h have in
 * common.
 *
 * Maps the page at path, and makes it if it is missing; it is zero then. Its
 * blocks are there before it is mapped, so that no store can meet a full
 * disk. Several processes may make it at the same time.
 *
 * Errors: DP_ENOTFOUND  there is no directory to hold it
 *         DP_EIO, DP_ENOSPC, DP_EDENIED
 */
DP_NODISCARD dp_status dpi_log_page_map(
	void **ret, const dpi_os *os, const char *path, dp_error **err);
void dpi_log_page_unmap(void *page, const dpi_os *os);

#endif /* DPI_HUB_LOG_PAGE_H */
