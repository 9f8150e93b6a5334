/* SPDX-License-Identifier: Apache-2.0 */
#include "out_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench.h"

char out_path[300];

void out_make(char *folder, size_t size, const char *name)
{
	bench_mkdir(folder, size);
	(void)snprintf(out_path, sizeof(out_path), "%s/%s", folder, name);
}

int out_create(void)
{
	int fd = open(out_path, O_CREAT | O_TRUNC | O_WRONLY, 0644);

	if (fd < 0) {
		bench_die(out_path);
	}
	return fd;
}

void out_write(int fd, const void *data, size_t size)
{
	if (write(fd, data, size) != (ssize_t)size) {
		bench_die("write");
	}
}

double out_size(void)
{
	struct stat st;

	if (stat(out_path, &st) != 0) {
		bench_die(out_path);
	}
	return (double)st.st_size;
}
