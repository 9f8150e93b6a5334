/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "io/os_wait.h"

/* What a new descriptor calls the first file that it watches. */
#define FIRST 1

int dpi_real_watch_open(void *self, const char *path)
{
	int fd = inotify_init1(IN_CLOEXEC);
	int rc = fd >= 0 ? inotify_add_watch(fd, path, IN_CLOSE_WRITE) : -1;
	int error = errno;

	(void)self;
	if (rc >= 0) {
		return fd;
	}
	if (fd >= 0) {
		(void)close(fd);
	}
	return -error;
}

/* Whether the file is still watched, as events of size bytes say. Those of a
 * file have no name behind them, so all are of one size. */
static bool is_watched(const char *events, size_t size)
{
	for (size_t at = 0; at < size; at += sizeof(struct inotify_event)) {
		uint32_t mask;

		memcpy(&mask,
			events + at + offsetof(struct inotify_event, mask),
			sizeof(mask));
		if ((mask & IN_IGNORED) != 0) {
			return false;
		}
	}
	return true;
}

int dpi_real_watch_wait(void *self, int watch)
{
	char events[16 * sizeof(struct inotify_event)];
	ssize_t n;

	(void)self;
	do {
		n = read(watch, events, sizeof(events));
	} while (n < 0 && errno == EINTR);
	if (n < 0) {
		return -errno;
	}
	return is_watched(events, (size_t)n) ? 0 : -ECANCELED;
}

/* That the file is not watched any more is the last event. */
int dpi_real_watch_stop(void *self, int watch)
{
	(void)self;
	return inotify_rm_watch(watch, FIRST) == 0 ? 0 : -errno;
}

int dpi_real_watch_close(void *self, int watch)
{
	(void)self;
	return close(watch) == 0 || errno == EINTR ? 0 : -errno;
}
