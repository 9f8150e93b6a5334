/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/objects.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "io/files.h"

/*
 * An object is a file that got its name by a rename, so that nobody ever sees
 * half of it. A rename replaces; the lock makes "look, then rename" one step.
 */

#define LOCK_POLL_NS 2000000
#define LOCK_WAIT_NS 10000000000

typedef struct objects_local {
	dpi_objects base;
	const dpi_os *os;
	const dp_allocator *alloc;
	char *directory;
} objects_local;

static dp_status path_of(const objects_local *local, char *path,
	const char *name, dp_error **err)
{
	return dpi_files_path(path, err, "%s/%s", local->directory, name);
}

static void local_close(dpi_objects *objects)
{
	objects_local *local = (objects_local *)objects;

	dpi_free(local->alloc, local->directory, strlen(local->directory) + 1,
		1);
	dpi_free(local->alloc, local, 1, sizeof(*local));
}

static dp_status local_get(
	dpi_objects *objects, const char *name, dpi_buf *out, dp_error **err)
{
	const objects_local *local = (const objects_local *)objects;
	char path[DPI_PATH_MAX];
	dp_status st = path_of(local, path, name, err);

	return st == DP_OK ? dpi_files_read(local->os, path, out, err) : st;
}

/* The table's lock never waits, and its sleep needs a word: nobody wakes it. */
static dp_status wait_for_lock(
	const dpi_os *os, int fd, const char *path, dp_error **err)
{
	dp_time_ns give_up = os->monotonic(os->self) + LOCK_WAIT_NS;
	uint32_t word = 0;

	for (;;) {
		int rc = os->lock(os->self, fd, 0, DPI_LOCK_EXCLUSIVE);
		dp_time_ns now = os->monotonic(os->self);

		if (rc == 0) {
			return DP_OK;
		}
		if (rc != -EAGAIN) {
			return dpi_error_sys(err, -rc, "lock %s", path);
		}
		if (now >= give_up) {
			return dpi_error_set(err, DP_ELOCKED,
				"%s: another process has been adding for 10 s",
				path);
		}
		(void)os->wait(os->self, &word, 0, now + LOCK_POLL_NS);
	}
}

static dp_status take_lock(
	const objects_local *local, int *ret_fd, dp_error **err)
{
	const dpi_os *os = local->os;
	char path[DPI_PATH_MAX];
	dp_status st = path_of(local, path, "lock", err);
	int fd;

	if (st != DP_OK) {
		return st;
	}
	fd = os->open(os->self, path, DPI_OPEN_CREATE);
	if (fd < 0) {
		return dpi_error_sys(err, -fd, "open %s", path);
	}
	st = wait_for_lock(os, fd, path, err);
	if (st != DP_OK) {
		(void)os->close(os->self, fd);
		return st;
	}
	*ret_fd = fd;
	return DP_OK;
}

static void give_lock(const objects_local *local, int fd)
{
	const dpi_os *os = local->os;

	/* A child of fork() may have the file, too, and keep it. */
	(void)os->lock(os->self, fd, 0, DPI_LOCK_NONE);
	(void)os->close(os->self, fd);
}

static dp_status put_locked(const objects_local *local, const char *path,
	dp_bytes data, dp_error **err)
{
	bool is_there = false;
	dp_status st = dpi_files_exists(local->os, path, &is_there, err);

	if (st != DP_OK) {
		return st;
	}
	if (is_there) {
		return dpi_error_set(err, DP_EEXIST, "%s is there", path);
	}
	return dpi_files_write(local->os, path, data.data, data.size, err);
}

static dp_status local_put(
	dpi_objects *objects, const char *name, dp_bytes data, dp_error **err)
{
	const objects_local *local = (const objects_local *)objects;
	char path[DPI_PATH_MAX];
	int fd = -1;
	dp_status st = path_of(local, path, name, err);

	if (st == DP_OK) {
		st = take_lock(local, &fd, err);
	}
	if (st != DP_OK) {
		return st;
	}
	st = put_locked(local, path, data, err);
	give_lock(local, fd);
	return st;
}

static dp_status local_list(dpi_objects *objects, const char *folder,
	dpi_arena *arena, const char *const **ret_names, size_t *ret_count,
	dp_error **err)
{
	const objects_local *local = (const objects_local *)objects;
	char path[DPI_PATH_MAX];
	bool is_there = false;
	dp_status st = path_of(local, path, folder, err);

	if (st == DP_OK) {
		st = dpi_files_exists(local->os, path, &is_there, err);
	}
	if (st != DP_OK) {
		return st;
	}
	*ret_count = 0;
	return is_there ? dpi_files_list(local->os, path, arena, ret_names,
				  ret_count, err)
			: DP_OK;
}

static const dpi_objects_ops local_ops = {
	.close = local_close,
	.get = local_get,
	.put = local_put,
	.list = local_list,
};

/* The folders that a registry puts objects into. */
static dp_status make_folders(const objects_local *local, dp_error **err)
{
	static const char *const folders[] = {"schemas", "generations"};
	char path[DPI_PATH_MAX];
	dp_status st = DP_OK;

	for (size_t i = 0; st == DP_OK && i < 2; i++) {
		st = path_of(local, path, folders[i], err);
		if (st == DP_OK) {
			st = dpi_files_mkdir(local->os, path, err);
		}
	}
	return st;
}

dp_status dpi_objects_local(dpi_objects **ret, const dpi_os *os,
	const dp_allocator *alloc, const char *directory, bool is_read_only,
	dp_error **err)
{
	size_t size = strlen(directory) + 1;
	objects_local *local = dpi_zalloc(alloc, 1, sizeof(*local));
	dp_status st = DP_OK;

	if (local == NULL) {
		return dpi_error_set(
			err, DP_ENOMEM, "no memory for a registry");
	}
	*local = (objects_local){{&local_ops, NULL}, os, alloc, NULL};
	local->directory = dpi_zalloc(alloc, size, 1);
	if (local->directory == NULL) {
		dpi_free(alloc, local, 1, sizeof(*local));
		return dpi_error_set(
			err, DP_ENOMEM, "no memory for a registry");
	}
	memcpy(local->directory, directory, size);
	local->base.place = local->directory;
	if (!is_read_only) {
		st = make_folders(local, err);
	}
	if (st != DP_OK) {
		local_close(&local->base);
		return st;
	}
	*ret = &local->base;
	return DP_OK;
}
