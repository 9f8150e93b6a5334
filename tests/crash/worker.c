/* SPDX-License-Identifier: Apache-2.0 */
#include "worker.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void worker_check(dp_status st, const dp_error *err, const char *what)
{
	if (st != DP_OK) {
		(void)fprintf(stderr, "worker %d: %s: %s: %s\n", (int)getpid(),
			what, dp_status_name(st), dp_error_message(err));
		exit(1);
	}
}

char *worker_path(const char *scheme, const char *directory, const char *name)
{
	static char text[8][4096];
	static unsigned turn;
	char *buf = text[turn++ % 8];

	(void)snprintf(
		buf, sizeof(text[0]), "%s%s/%s", scheme, directory, name);
	return buf;
}

dp_hub *worker_open_hub(dp_runtime *rt, const char *directory)
{
	dp_hub_options opts = DP_HUB_OPTIONS_INIT;
	dp_hub *hub = NULL;
	dp_error *err = NULL;

	opts.segment_bytes = 256u << 10;
	worker_check(
		dp_hub_open(&hub, rt, worker_path("log:", directory, "hub"),
			&opts, &err),
		err, "hub");
	return hub;
}

int worker_open_notes(const char *directory, const char *kind, const char *run)
{
	char name[64];
	int fd;

	(void)snprintf(name, sizeof(name), "%s.%s", kind, run);
	fd = open(worker_path("", directory, name),
		O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
	worker_check(fd >= 0 ? DP_OK : DP_EIO, NULL, name);
	return fd;
}

void worker_note(int fd, const void *data, size_t size)
{
	worker_check(write(fd, data, size) == (ssize_t)size ? DP_OK : DP_EIO,
		NULL, "notes");
}
