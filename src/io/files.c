/* SPDX-License-Identifier: Apache-2.0 */
#include "io/files.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

dp_status dpi_files_path(char *path, dp_error **err, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(path, DPI_PATH_MAX, fmt, args);
	va_end(args);
	if (n < 0 || n >= DPI_PATH_MAX) {
		return dpi_error_set(err, DP_ETOOBIG,
			"a path is over %d bytes: %.64s...", DPI_PATH_MAX - 1,
			path);
	}
	return DP_OK;
}

/* "/a" for "/a/b", "/" for "/a", "." for "a". */
static dp_status path_parent(char *parent, const char *path, dp_error **err)
{
	size_t n = strlen(path);

	while (n > 1 && path[n - 1] == '/') {
		n--;
	}
	while (n > 0 && path[n - 1] != '/') {
		n--;
	}
	while (n > 1 && path[n - 1] == '/') {
		n--;
	}
	if (n == 0) {
		return dpi_files_path(parent, err, ".");
	}
	return dpi_files_path(parent, err, "%.*s", (int)n, path);
}

dp_status dpi_files_sync_dir(const dpi_os *os, const char *path, dp_error **err)
{
	int fd = os->open(os->self, path, DPI_OPEN_READ | DPI_OPEN_DIRECTORY);
	int rc;

	if (fd < 0) {
		return dpi_error_sys(err, -fd, "open directory %s", path);
	}
	rc = os->fsync(os->self, fd);
	(void)os->close(os->self, fd);
	return rc < 0 ? dpi_error_sys(err, -rc, "sync directory %s", path)
		      : DP_OK;
}

dp_status dpi_files_sync_parent(
	const dpi_os *os, const char *path, dp_error **err)
{
	char parent[DPI_PATH_MAX];
	dp_status st = path_parent(parent, path, err);

	return st == DP_OK ? dpi_files_sync_dir(os, parent, err) : st;
}

dp_status dpi_files_sync_way(
	const dpi_os *os, const char *root, const char *path, dp_error **err)
{
	char level[DPI_PATH_MAX];
	dp_status st = dpi_files_path(level, err, "%s", path);

	for (char *p = level + strlen(root); st == DP_OK && *p != '\0'; p++) {
		if (*p == '/') {
			*p = '\0';
			st = dpi_files_sync_dir(os, level, err);
			*p = '/';
		}
	}
	return st;
}

static dp_status sync_parent_if_possible(
	const dpi_os *os, const char *path, dp_error **err)
{
	dp_error *cause = NULL;
	dp_status st = dpi_files_sync_parent(os, path, &cause);

	/* Those of an automounter cannot be synced, say. */
	if (st == DP_EDENIED || dp_error_sys_errno(cause) == EINVAL) {
		dp_error_free(cause);
		return DP_OK;
	}
	dpi_error_give(err, cause);
	return st;
}

dp_status dpi_files_sync_above(
	const dpi_os *os, const char *path, dp_error **err)
{
	char level[DPI_PATH_MAX];
	dp_status st = dpi_files_path(level, err, "%s", path);

	for (char *p = level + 1; st == DP_OK && *p != '\0'; p++) {
		if (*p == '/') {
			*p = '\0';
			st = sync_parent_if_possible(os, level, err);
			*p = '/';
		}
	}
	return st == DP_OK ? sync_parent_if_possible(os, level, err) : st;
}

/* Makes one directory, or finds it. */
static dp_status make_level(const dpi_os *os, const char *path, dp_error **err)
{
	int rc = os->mkdir(os->self, path);

	if (rc == 0) {
		return dpi_files_sync_parent(os, path, err);
	}
	return rc == -EEXIST
		? DP_OK
		: dpi_error_sys(err, -rc, "make directory %s", path);
}

/*
 * Somebody else may have made the last one and not synced it yet. Where we may
 * not read, they could not have made it either, short of an operator.
 */
static dp_status make_last(const dpi_os *os, const char *path, dp_error **err)
{
	dp_status st = make_level(os, path, err);

	if (st != DP_OK) {
		return st;
	}
	st = dpi_files_sync_parent(os, path, err);
	if (st == DP_EDENIED) {
		dpi_error_clear(err);
		return DP_OK;
	}
	return st;
}

dp_status dpi_files_mkdir(const dpi_os *os, const char *path, dp_error **err)
{
	char level[DPI_PATH_MAX];
	dp_status st = dpi_files_path(level, err, "%s", path);

	for (char *p = level + 1; st == DP_OK && *p != '\0'; p++) {
		if (*p == '/') {
			*p = '\0';
			st = make_level(os, level, err);
			*p = '/';
		}
	}
	return st == DP_OK ? make_last(os, level, err) : st;
}

static int write_and_sync(
	const dpi_os *os, const char *path, const void *data, size_t size)
{
	int fd = os->open(os->self, path, DPI_OPEN_CREATE);
	int rc;

	if (fd < 0) {
		return fd;
	}
	rc = os->truncate(os->self, fd, 0);
	if (rc == 0) {
		rc = dpi_os_write_all(os, fd, data, size, 0);
	}
	if (rc == 0) {
		rc = os->fsync(os->self, fd);
	}
	(void)os->close(os->self, fd);
	return rc;
}

dp_status dpi_files_write(const dpi_os *os, const char *path, const void *data,
	size_t size, dp_error **err)
{
	char tmp[DPI_PATH_MAX];
	dp_status st = dpi_files_path(tmp, err, "%s.tmp", path);
	int rc;

	if (st != DP_OK) {
		return st;
	}
	rc = write_and_sync(os, tmp, data, size);
	if (rc == 0) {
		rc = os->rename(os->self, tmp, path);
	}
	if (rc < 0) {
		(void)os->unlink(os->self, tmp);
		return dpi_error_sys(err, -rc, "write %s", path);
	}
	return dpi_files_sync_parent(os, path, err);
}

static dp_status read_open_file(const dpi_os *os, int fd, const char *path,
	dpi_buf *buf, dp_error **err)
{
	int64_t size = os->size(os->self, fd);
	int64_t n;
	dp_status st;

	if (size < 0) {
		return dpi_error_sys(err, (int)-size, "size of %s", path);
	}
	st = dpi_buf_reserve(buf, (size_t)size);
	if (st != DP_OK) {
		return dpi_error_set(err, st,
			st == DP_ETOOBIG ? "%s has %lld bytes, over the limit"
					 : "no memory for %s of %lld bytes",
			path, (long long)size);
	}
	n = dpi_os_read_all(os, fd, buf->data + buf->size, (size_t)size, 0);
	if (n < 0) {
		return dpi_error_sys(err, (int)-n, "read %s", path);
	}
	buf->size += (size_t)n;
	return DP_OK;
}

dp_status dpi_files_read(
	const dpi_os *os, const char *path, dpi_buf *buf, dp_error **err)
{
	int fd = os->open(os->self, path, DPI_OPEN_READ);
	dp_status st;

	if (fd == -ENOTDIR) {
		return dpi_error_set(err, DP_ENOTFOUND,
			"open %s: what it should be in is no directory", path);
	}
	if (fd < 0) {
		return dpi_error_sys(err, -fd, "open %s", path);
	}
	st = read_open_file(os, fd, path, buf, err);
	(void)os->close(os->self, fd);
	return st;
}

dp_status dpi_files_exists(
	const dpi_os *os, const char *path, bool *ret_exists, dp_error **err)
{
	int64_t mtime = os->mtime_ns(os->self, path);

	/* Before 1970 is negative, too, but errno values are small. */
	if (mtime < 0 && mtime > -4096 && mtime != -ENOENT) {
		return dpi_error_sys(err, (int)-mtime, "look for %s", path);
	}
	*ret_exists = mtime != -ENOENT;
	return DP_OK;
}

dp_status dpi_files_rename(
	const dpi_os *os, const char *from, const char *to, dp_error **err)
{
	char source[DPI_PATH_MAX], target[DPI_PATH_MAX];
	dp_status st = path_parent(source, from, err);
	int rc;

	if (st == DP_OK) {
		st = path_parent(target, to, err);
	}
	if (st != DP_OK) {
		return st;
	}
	rc = os->rename(os->self, from, to);
	if (rc < 0) {
		return dpi_error_sys(err, -rc, "rename %s to %s", from, to);
	}
	/* The new name first: the other order could lose both. */
	st = dpi_files_sync_dir(os, target, err);
	if (st == DP_OK && strcmp(source, target) != 0) {
		st = dpi_files_sync_dir(os, source, err);
	}
	return st;
}
