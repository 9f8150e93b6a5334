/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/log/page.h"

#include <errno.h>

#include "base/error.h"
#include "hub/log/layout.h"

/* Fields are in front of it, and are never written but through the mapping. */
#define FIELDS_BYTES 512u

/*
 * Gives the file its blocks. Writes behind the fields alone: another process
 * may have mapped the page already, and stored something in it.
 */
static int fill_up(const dpi_os *os, int fd)
{
	static const uint8_t zeros[DPI_LOG_PAGE - FIELDS_BYTES];
	int64_t size = os->size(os->self, fd);

	if (size < 0) {
		return (int)size;
	}
	if (size >= (int64_t)DPI_LOG_PAGE) {
		return 0;
	}
	return dpi_os_write_all(os, fd, zeros, sizeof(zeros), FIELDS_BYTES);
}

dp_status dpi_log_page_map(
	void **ret, const dpi_os *os, const char *path, dp_error **err)
{
	dp_status st = DP_OK;
	void *page;
	int rc;
	int fd;

	fd = os->open(os->self, path, DPI_OPEN_CREATE);
	if (fd == -ENOTDIR) {
		return dpi_error_set(err, DP_ENOTFOUND,
			"%s cannot be opened: it is not in a directory", path);
	}
	if (fd < 0) {
		return dpi_error_sys(err, -fd, "%s cannot be opened", path);
	}
	rc = fill_up(os, fd);
	if (rc < 0) {
		st = dpi_error_sys(err, -rc, "%s cannot be written", path);
		goto out;
	}
	page = os->map(os->self, fd, DPI_LOG_PAGE);
	if (page == NULL) {
		st = dpi_error_set(err, DP_EIO, "%s cannot be mapped", path);
		goto out;
	}
	*ret = page;
out:
	(void)os->close(os->self, fd);
	return st;
}

void dpi_log_page_unmap(void *page, const dpi_os *os)
{
	os->unmap(os->self, page, DPI_LOG_PAGE);
}
