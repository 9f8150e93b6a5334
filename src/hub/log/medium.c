/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/log/medium.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "hub/log/layout.h"

/* Of size bytes at a place, those that are in its page. */
static size_t in_page(uint64_t at, size_t size)
{
	size_t left = DPI_LOG_PAGE - (size_t)(at % DPI_LOG_PAGE);

	return left < size ? left : size;
}

/* A page that fails joins those before it, or is the first one of others. */
static void note_failure(dpi_medium *medium, const dpi_os *os, uint64_t at)
{
	uint64_t page = at - at % DPI_LOG_PAGE;

	if (medium->to == 0 || page < medium->from || page > medium->to) {
		medium->from = page;
		medium->to = page;
		medium->since = os->monotonic(os->self);
	}
	if (page == medium->to) {
		medium->to += DPI_LOG_PAGE;
	}
}

/* A disk that is not there refuses this, too, though there is nothing to do. */
static bool is_disk_there(const dpi_os *os, int fd)
{
	return os->fdatasync(os->self, fd) == 0;
}

static bool is_damaged(const dpi_medium *medium, const dpi_os *os, int fd)
{
	return os->monotonic(os->self) - medium->since >= DPI_MEDIUM_PATIENCE &&
		is_disk_there(os, fd);
}

static int64_t read_page(dpi_medium *medium, const dpi_os *os, int fd,
	uint8_t *buf, size_t size, uint64_t at)
{
	int64_t n = dpi_os_read_all(os, fd, buf, size, at);

	if (n != -EIO) {
		return n;
	}
	note_failure(medium, os, at);
	if (!is_damaged(medium, os, fd)) {
		return -EIO;
	}
	memset(buf, 0, size);
	return (int64_t)size;
}

int64_t dpi_medium_read(dpi_medium *medium, const dpi_os *os, int fd,
	uint8_t *buf, size_t size, size_t least, uint64_t at)
{
	int64_t n = dpi_os_read_all(os, fd, buf, size, at);
	size_t done = 0;

	if (n != -EIO) {
		return n;
	}
	while (done < size) {
		size_t wanted = in_page(at + done, size - done);

		n = read_page(medium, os, fd, buf + done, wanted, at + done);
		if (n < 0) {
			return done > 0 && done >= least ? (int64_t)done : n;
		}
		done += (size_t)n;
		if ((size_t)n < wanted) {
			break;
		}
	}
	return (int64_t)done;
}
