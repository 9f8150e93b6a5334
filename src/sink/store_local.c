/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/store_local.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "io/files.h"

/*
 * Happy path: an object is written where readers do not look, synced, and
 * renamed. Several renames share one sync of their directory, which is why
 * publish leaves it to sync.
 *
 * A directory that exists may still be lost if the process that made it died
 * before it synced the directory above. So the first sync of a folder goes up
 * to the root; `synced` remembers which folders need that no more.
 */

/* Folders that are remembered. A forgotten one costs a few syncs. */
#define SYNCED_MAX 4096u

/* So that every name below fits in a path. */
#define ROOT_MAX 2048

typedef struct store_local {
	dp_store base;
	const dpi_os *os;
	const dp_allocator *alloc;
	char *root;
	size_t root_size;            /* of the block */
	uint64_t synced[SYNCED_MAX]; /* hashes, at their own place; atomic */
} store_local;

typedef struct staged_file {
	dpi_staged base;
	int fd;
} staged_file;

struct dpi_claim {
	int fd;
};

static const store_local *local_of(const dp_store *store)
{
	return (const store_local *)store;
}

static dp_status path_of(
	char *path, const store_local *local, const char *name, dp_error **err)
{
	return dpi_files_path(path, err, "%s/%s", local->root, name);
}

static dp_status local_stage(dp_store *store, const char *name,
	dpi_staged **ret_staged, dp_error **err)
{
	const store_local *local = local_of(store);
	const dpi_os *os = local->os;
	char path[DPI_PATH_MAX];
	staged_file *staged;
	dp_status st = path_of(path, local, name, err);
	int fd;

	if (st != DP_OK) {
		return st;
	}
	staged = dpi_zalloc(local->alloc, 1, sizeof(*staged));
	if (staged == NULL) {
		return dpi_error_set(err, DP_ENOMEM, "no memory for %s", path);
	}
	fd = os->open(os->self, path, DPI_OPEN_CREATE | DPI_OPEN_EXCLUSIVE);
	if (fd < 0) {
		dpi_free(local->alloc, staged, 1, sizeof(*staged));
		return fd == -EEXIST
			? dpi_error_set(err, DP_EEXIST, "%s is there", path)
			: dpi_error_sys(err, -fd, "create %s", path);
	}
	*staged = (staged_file){.base = {.store = store}, .fd = fd};
	*ret_staged = &staged->base;
	return DP_OK;
}

static dp_status local_append(
	dpi_staged *staged, const void *data, size_t size, dp_error **err)
{
	const store_local *local = local_of(staged->store);
	int fd = ((staged_file *)staged)->fd;
	int rc = dpi_os_write_all(local->os, fd, data, size, staged->size);

	if (rc < 0) {
		return dpi_error_sys(err, -rc,
			"write %zu bytes to a staged file in %s", size,
			local->root);
	}
	staged->size += size;
	return DP_OK;
}

static dp_status local_finish(dpi_staged *staged, dp_error **err)
{
	const store_local *local = local_of(staged->store);
	const dpi_os *os = local->os;
	int rc = os->fdatasync(os->self, ((staged_file *)staged)->fd);

	return rc < 0 ? dpi_error_sys(err, -rc, "sync a staged file in %s",
				local->root)
		      : DP_OK;
}

static void local_release(dpi_staged *staged)
{
	const store_local *local = local_of(staged->store);
	const dpi_os *os = local->os;
	staged_file *file = (staged_file *)staged;

	(void)os->close(os->self, file->fd);
	dpi_free(local->alloc, file, 1, sizeof(*file));
}

/* Length of the folder's part of a name, 0 at the top. */
static size_t folder_length(const char *name)
{
	const char *slash = strrchr(name, '/');

	return slash != NULL ? (size_t)(slash - name) : 0;
}

/* Whether rename failed for want of the target's folder, which is made. */
static dp_status make_folder_of(const store_local *local, const char *from,
	const char *to, bool *ret_made, dp_error **err)
{
	char folder[DPI_PATH_MAX];
	dp_status st = dpi_files_exists(local->os, from, ret_made, err);

	if (st != DP_OK || !*ret_made) {
		return st;
	}
	memcpy(folder, to, strlen(to) + 1);
	folder[folder_length(folder)] = '\0';
	return dpi_files_mkdir(local->os, folder, err);
}

static dp_status local_publish(
	dp_store *store, const char *from, const char *to, dp_error **err)
{
	const store_local *local = local_of(store);
	const dpi_os *os = local->os;
	char from_path[DPI_PATH_MAX];
	char to_path[DPI_PATH_MAX];
	bool again = false;
	dp_status st = path_of(from_path, local, from, err);
	int rc;

	st = st == DP_OK ? path_of(to_path, local, to, err) : st;
	if (st != DP_OK) {
		return st;
	}
	rc = os->rename(os->self, from_path, to_path);
	if (rc == -ENOENT) {
		st = make_folder_of(local, from_path, to_path, &again, err);
	}
	if (st != DP_OK) {
		return st;
	}
	if (again) {
		rc = os->rename(os->self, from_path, to_path);
	}
	return rc < 0
		? dpi_error_sys(err, -rc, "rename %s to %s", from_path, to_path)
		: DP_OK;
}

/* Whether the name of an object or a folder is known to be on disk. */
static bool is_synced(store_local *local, uint64_t hash)
{
	return __atomic_load_n(&local->synced[hash % SYNCED_MAX],
		       __ATOMIC_RELAXED) == hash;
}

static void set_synced(store_local *local, uint64_t hash)
{
	__atomic_store_n(
		&local->synced[hash % SYNCED_MAX], hash, __ATOMIC_RELAXED);
}

static dp_status local_sync(dp_store *store, const char *folder, dp_error **err)
{
	store_local *local = (store_local *)store;
	uint64_t hash = dpi_hash64(1, folder, strlen(folder));
	char path[DPI_PATH_MAX];
	dp_status st = path_of(path, local, folder, err);

	if (st == DP_OK) {
		st = dpi_files_sync_dir(local->os, path, err);
	}
	if (st != DP_OK || is_synced(local, hash)) {
		return st;
	}
	while (st == DP_OK && strlen(path) > strlen(local->root)) {
		path[folder_length(path)] = '\0';
		st = dpi_files_sync_dir(local->os, path, err);
	}
	if (st == DP_OK) {
		set_synced(local, hash);
	}
	return st;
}

static dp_status local_make_folder(
	dp_store *store, const char *folder, dp_error **err)
{
	const store_local *local = local_of(store);
	char path[DPI_PATH_MAX];
	dp_status st = path_of(path, local, folder, err);

	if (st == DP_OK) {
		st = dpi_files_mkdir(local->os, path, err);
	}
	return st == DP_OK ? local_sync(store, folder, err) : st;
}

static dp_status local_remove(dp_store *store, const char *name, dp_error **err)
{
	const store_local *local = local_of(store);
	const dpi_os *os = local->os;
	char path[DPI_PATH_MAX];
	dp_status st = path_of(path, local, name, err);
	int rc;

	if (st != DP_OK) {
		return st;
	}
	rc = os->unlink(os->self, path);
	return rc < 0 && rc != -ENOENT
		? dpi_error_sys(err, -rc, "remove %s", path)
		: DP_OK;
}

static dp_status local_list(dp_store *store, const char *folder,
	dpi_arena *arena, const char *const **ret_names, size_t *ret_count,
	dp_error **err)
{
	const store_local *local = local_of(store);
	char path[DPI_PATH_MAX];
	bool is_there;
	dp_status st = path_of(path, local, folder, err);

	if (st == DP_OK) {
		st = dpi_files_exists(local->os, path, &is_there, err);
	}
	if (st != DP_OK) {
		return st;
	}
	if (!is_there) {
		*ret_count = 0;
		return DP_OK;
	}
	return dpi_files_list(
		local->os, path, arena, ret_names, ret_count, err);
}

static dp_status local_get(
	dp_store *store, const char *name, dpi_buf *buf, dp_error **err)
{
	const store_local *local = local_of(store);
	char path[DPI_PATH_MAX];
	dp_status st = path_of(path, local, name, err);

	return st == DP_OK ? dpi_files_read(local->os, path, buf, err) : st;
}

static int write_and_sync(
	const dpi_os *os, int fd, const void *data, size_t size)
{
	int rc = dpi_os_write_all(os, fd, data, size, 0);

	return rc < 0 ? rc : os->fdatasync(os->self, fd);
}

static dp_status local_put(dp_store *store, const char *name, const void *data,
	size_t size, dp_error **err)
{
	store_local *local = (store_local *)store;
	const dpi_os *os = local->os;
	uint64_t hash = dpi_hash64(1, name, strlen(name));
	char path[DPI_PATH_MAX];
	dp_status st = path_of(path, local, name, err);
	int fd;
	int rc;

	if (st != DP_OK) {
		return st;
	}
	fd = os->open(os->self, path, DPI_OPEN_CREATE);
	if (fd < 0) {
		return dpi_error_sys(err, -fd, "open %s", path);
	}
	rc = write_and_sync(os, fd, data, size);
	(void)os->close(os->self, fd);
	if (rc < 0) {
		return dpi_error_sys(err, -rc, "write %s", path);
	}
	if (!is_synced(local, hash)) {
		st = dpi_files_sync_parent(os, path, err);
	}
	if (st == DP_OK) {
		set_synced(local, hash);
	}
	return st;
}

static dp_status local_claim(dp_store *store, const char *name,
	dpi_claim **ret_claim, dp_error **err)
{
	const store_local *local = local_of(store);
	const dpi_os *os = local->os;
	char path[DPI_PATH_MAX];
	dpi_claim *claim;
	dp_status st = path_of(path, local, name, err);
	int rc;

	if (st != DP_OK) {
		return st;
	}
	claim = dpi_zalloc(local->alloc, 1, sizeof(*claim));
	if (claim == NULL) {
		return dpi_error_set(err, DP_ENOMEM, "no memory for %s", path);
	}
	claim->fd = os->open(os->self, path, DPI_OPEN_CREATE);
	rc = claim->fd;
	if (claim->fd >= 0) {
		rc = os->lock(os->self, claim->fd, 0, DPI_LOCK_EXCLUSIVE);
	}
	if (rc >= 0) {
		*ret_claim = claim;
		return DP_OK;
	}
	if (claim->fd >= 0) {
		(void)os->close(os->self, claim->fd);
	}
	dpi_free(local->alloc, claim, 1, sizeof(*claim));
	return rc == -EAGAIN
		? dpi_error_set(err, DP_ELOCKED, "%s is in use", path)
		: dpi_error_sys(err, -rc, "lock %s", path);
}

static void local_unclaim(dp_store *store, dpi_claim *claim)
{
	const store_local *local = local_of(store);
	const dpi_os *os = local->os;

	/* Closing is not enough where a child of fork() has the file, too; and
	 * in such a child the lock is the parent's. */
	if (dpi_runtime_check(store->rt, NULL) == DP_OK) {
		(void)os->lock(os->self, claim->fd, 0, DPI_LOCK_NONE);
	}
	(void)os->close(os->self, claim->fd);
	dpi_free(local->alloc, claim, 1, sizeof(*claim));
}

static void local_close(dp_store *store)
{
	store_local *local = (store_local *)store;

	dpi_free(local->alloc, local->root, local->root_size, 1);
	dpi_free(local->alloc, local, 1, sizeof(*local));
}

static const dpi_store_ops local_ops = {
	.close = local_close,
	.stage = local_stage,
	.append = local_append,
	.finish = local_finish,
	.release = local_release,
	.publish = local_publish,
	.sync = local_sync,
	.make_folder = local_make_folder,
	.remove = local_remove,
	.list = local_list,
	.get = local_get,
	.put = local_put,
	.claim = local_claim,
	.unclaim = local_unclaim,
};

static store_local *make_local(dp_runtime *rt, const char *path)
{
	const dp_allocator *alloc = dpi_runtime_alloc(rt);
	store_local *local = dpi_zalloc(alloc, 1, sizeof(*local));

	if (local == NULL) {
		return NULL;
	}
	local->base = (dp_store){.ops = &local_ops, .rt = rt};
	local->os = dpi_runtime_os(rt);
	local->alloc = alloc;
	local->root_size = strlen(path) + 1;
	local->root = dpi_zalloc(alloc, local->root_size, 1);
	if (local->root == NULL) {
		dpi_free(alloc, local, 1, sizeof(*local));
		return NULL;
	}
	memcpy(local->root, path, local->root_size);
	return local;
}

/*
 * The root and what is above it, as far as we may: a directory that we may not
 * read is none that we made.
 */
static dp_status sync_above(const store_local *local, dp_error **err)
{
	char path[DPI_PATH_MAX];
	dp_status st = dpi_files_path(path, err, "%s", local->root);

	while (st == DP_OK && path[0] != '\0' && strcmp(path, "/") != 0) {
		st = dpi_files_sync_parent(local->os, path, err);
		path[folder_length(path)] = '\0';
	}
	if (st == DP_EDENIED) {
		dpi_error_clear(err);
		return DP_OK;
	}
	return st;
}

static dp_status make_root(const store_local *local, dp_error **err)
{
	dp_status st = dpi_files_mkdir(local->os, local->root, err);

	return st == DP_OK ? sync_above(local, err) : st;
}

dp_status dpi_store_local_open(
	dp_store **ret_store, dp_runtime *rt, const char *path, dp_error **err)
{
	store_local *local;
	dp_status st;

	if (strnlen(path, ROOT_MAX + 1) > ROOT_MAX) {
		return dpi_error_set(err, DP_EINVAL,
			"path of a store is over %d bytes", ROOT_MAX);
	}
	local = make_local(rt, path);
	if (local == NULL) {
		return dpi_error_set(
			err, DP_ENOMEM, "no memory for store %s", path);
	}
	st = make_root(local, err);
	if (st != DP_OK) {
		local_close(&local->base);
		return st;
	}
	*ret_store = &local->base;
	return DP_OK;
}
