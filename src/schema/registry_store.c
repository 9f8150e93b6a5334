/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/registry_store.h"

#include <errno.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "io/files.h"
#include "schema/sort.h"

#define LOCK_POLL_NS 2000000
#define LOCK_WAIT_NS 10000000000

static dp_status path_of(const dpi_registry_store *store, char *path,
	const char *name, dp_error **err)
{
	return dpi_files_path(path, err, "%s/%s", store->directory, name);
}

static dp_status schema_path(const dpi_registry_store *store, char *path,
	const char *fingerprint, dp_error **err)
{
	return dpi_files_path(
		path, err, "%s/schemas/%s.pb", store->directory, fingerprint);
}

static void free_directory(const dpi_registry_store *store)
{
	dpi_free(store->alloc, store->directory, strlen(store->directory) + 1,
		1);
}

dp_status dpi_registry_store_open(dpi_registry_store *ret, const dpi_os *os,
	const dp_allocator *alloc, const char *directory, dp_error **err)
{
	dpi_registry_store store = {os, alloc, NULL, -1};
	size_t size = strlen(directory) + 1;
	char path[DPI_PATH_MAX];
	dp_status st;

	store.directory = dpi_zalloc(alloc, size, 1);
	if (store.directory == NULL) {
		return dpi_error_set(
			err, DP_ENOMEM, "no memory for a registry");
	}
	memcpy(store.directory, directory, size);
	st = path_of(&store, path, "schemas", err);
	if (st == DP_OK) {
		st = dpi_files_mkdir(os, path, err);
	}
	if (st != DP_OK) {
		free_directory(&store);
		return st;
	}
	*ret = store;
	return DP_OK;
}

void dpi_registry_store_close(dpi_registry_store *store)
{
	if (store->lock_fd >= 0) {
		(void)store->os->close(store->os->self, store->lock_fd);
	}
	free_directory(store);
}

/* 24 bytes tell whether there is something new. */
static dp_status read_generation(const dpi_registry_store *store,
	const char *path, uint64_t *ret, dp_error **err)
{
	const dpi_os *os = store->os;
	uint8_t head[DPI_INDEX_HEAD_BYTES];
	int fd = os->open(os->self, path, DPI_OPEN_READ);
	int64_t n;

	if (fd == -ENOENT) {
		*ret = 0;
		return DP_OK;
	}
	if (fd < 0) {
		return dpi_error_sys(err, -fd, "open %s", path);
	}
	n = dpi_os_read_all(os, fd, head, sizeof(head), 0);
	(void)os->close(os->self, fd);
	if (n < 0) {
		return dpi_error_sys(err, (int)-n, "read %s", path);
	}
	if (n < (int64_t)sizeof(head) ||
		dpi_registry_index_peek(head, ret) != DP_OK) {
		return dpi_error_set(
			err, DP_ECORRUPT, "%s: not an index of schemas", path);
	}
	return DP_OK;
}

static dp_status read_index(const dpi_registry_store *store, const char *path,
	dpi_registry_index *index, dp_error **err)
{
	dpi_registry_index fresh;
	dpi_buf bytes;
	dp_status st;

	dpi_buf_init(&bytes, store->alloc,
		DPI_INDEX_MAX_BYTES + DPI_INDEX_HEAD_BYTES);
	st = dpi_files_read(store->os, path, &bytes, err);
	if (st == DP_OK) {
		st = dpi_registry_index_decode(&fresh, store->alloc,
			dpi_bytes(bytes.data, bytes.size), err);
		if (st == DP_ECORRUPT) {
			(void)dpi_error_prefix(err, st, "%s", path);
		}
	}
	dpi_buf_fini(&bytes);
	if (st == DP_OK) {
		dpi_registry_index_fini(index);
		*index = fresh;
	}
	return st;
}

dp_status dpi_registry_store_refresh(
	dpi_registry_store *store, dpi_registry_index *index, dp_error **err)
{
	char path[DPI_PATH_MAX];
	uint64_t generation;
	dp_status st = path_of(store, path, "index", err);

	if (st == DP_OK) {
		st = read_generation(store, path, &generation, err);
	}
	if (st != DP_OK || generation == index->generation) {
		return st;
	}
	if (generation == 0) {
		dpi_registry_index_fini(index);
		dpi_registry_index_init(index, store->alloc);
		return DP_OK;
	}
	return read_index(store, path, index, err);
}

dp_status dpi_registry_store_read(dpi_registry_store *store,
	const dpi_registry_version *version, dpi_buf *out, dp_error **err)
{
	size_t begin = out->size;
	char path[DPI_PATH_MAX];
	dp_status st = schema_path(store, path, version->fingerprint, err);

	if (st == DP_OK) {
		st = dpi_files_read(store->os, path, out, err);
	}
	if (st == DP_ENOTFOUND || st == DP_ETOOBIG) {
		dp_error_free(err != NULL ? *err : NULL);
		if (err != NULL) {
			*err = NULL;
		}
		return dpi_error_set(err, DP_ECORRUPT,
			"%s: the index names this file, but it is not there "
			"or too big",
			path);
	}
	if (st == DP_OK &&
		(out->size - begin != version->size ||
			dpi_crc32c(0, out->data + begin, version->size) !=
				version->crc)) {
		return dpi_error_set(err, DP_ECORRUPT,
			"%s: its bytes are not those that were added", path);
	}
	return st;
}

/* The table's lock never waits, and its sleep needs a word: nobody wakes it. */
static dp_status wait_for_lock(const dpi_registry_store *store, int fd,
	const char *path, dp_error **err)
{
	const dpi_os *os = store->os;
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

dp_status dpi_registry_store_lock(dpi_registry_store *store, dp_error **err)
{
	const dpi_os *os = store->os;
	char path[DPI_PATH_MAX];
	dp_status st = path_of(store, path, "lock", err);
	int fd;

	if (st != DP_OK) {
		return st;
	}
	fd = os->open(os->self, path, DPI_OPEN_CREATE);
	if (fd < 0) {
		return dpi_error_sys(err, -fd, "open %s", path);
	}
	st = wait_for_lock(store, fd, path, err);
	if (st != DP_OK) {
		(void)os->close(os->self, fd);
		return st;
	}
	store->lock_fd = fd;
	return DP_OK;
}

void dpi_registry_store_unlock(dpi_registry_store *store)
{
	const dpi_os *os = store->os;

	if (store->lock_fd >= 0) {
		/* A child of fork() may have the file, too, and keep it. */
		(void)os->lock(os->self, store->lock_fd, 0, DPI_LOCK_NONE);
		(void)os->close(os->self, store->lock_fd);
		store->lock_fd = -1;
	}
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Fingerprints that the index names, sorted. */
static const char **known_names(
	const dpi_registry_index *index, dpi_arena *arena, size_t *ret_count)
{
	size_t count = 0;
	size_t n = 0;
	const char **names;

	for (size_t i = 0; i < index->type_count; i++) {
		count += index->types[i].version_count;
	}
	names = dpi_arena_zalloc(arena, count + 1, sizeof(*names));
	if (names == NULL) {
		return NULL;
	}
	for (size_t i = 0; i < index->type_count; i++) {
		for (uint32_t k = 0; k < index->types[i].version_count; k++) {
			names[n++] = index->types[i].versions[k].fingerprint;
		}
	}
	dpi_sort(names, n, sizeof(*names), compare_names);
	*ret_count = n;
	return names;
}

static bool is_known(const char *const *names, size_t count, const char *name)
{
	size_t low = 0;
	size_t high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strncmp(names[middle], name, DPI_FINGERPRINT_TEXT);

		if (order == 0) {
			return true;
		}
		if (order < 0) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return false;
}

/* Files of others, if there are any, are left alone. */
static bool is_schema_file(const char *name)
{
	return strlen(name) == DPI_FINGERPRINT_TEXT + 3 &&
		strspn(name, "0123456789abcdef") == DPI_FINGERPRINT_TEXT &&
		strcmp(name + DPI_FINGERPRINT_TEXT, ".pb") == 0;
}

static dp_status remove_unknown(dpi_registry_store *store,
	const dpi_registry_index *index, dpi_arena *arena, dp_error **err)
{
	const dpi_os *os = store->os;
	const char *const *files;
	const char **names;
	size_t file_count;
	size_t name_count;
	char path[DPI_PATH_MAX];
	dp_status st = path_of(store, path, "schemas", err);

	if (st == DP_OK) {
		st = dpi_files_list(os, path, arena, &files, &file_count, err);
	}
	if (st != DP_OK) {
		return st;
	}
	names = known_names(index, arena, &name_count);
	if (names == NULL) {
		return dpi_error_set(err, DP_ENOMEM, "no memory for a listing");
	}
	for (size_t i = 0; st == DP_OK && i < file_count; i++) {
		int rc = 0;

		if (!is_schema_file(files[i]) ||
			is_known(names, name_count, files[i])) {
			continue;
		}
		st = dpi_files_path(
			path, err, "%s/schemas/%s", store->directory, files[i]);
		if (st == DP_OK) {
			rc = os->unlink(os->self, path);
		}
		if (rc < 0 && rc != -ENOENT) {
			st = dpi_error_sys(err, -rc, "remove %s", path);
		}
	}
	return st;
}

dp_status dpi_registry_store_sweep(dpi_registry_store *store,
	const dpi_registry_index *index, dp_error **err)
{
	dpi_arena arena;
	dp_status st;

	dpi_arena_init(&arena, store->alloc, DPI_INDEX_MAX_BYTES);
	st = remove_unknown(store, index, &arena, err);
	dpi_arena_fini(&arena);
	return st;
}

static int write_and_sync(const dpi_os *os, int fd, dp_bytes set)
{
	int rc = dpi_os_write_all(os, fd, set.data, set.size, 0);

	return rc == 0 ? os->fsync(os->self, fd) : rc;
}

dp_status dpi_registry_store_write(dpi_registry_store *store,
	const char *fingerprint, dp_bytes set, dp_error **err)
{
	const dpi_os *os = store->os;
	char path[DPI_PATH_MAX];
	dp_status st = schema_path(store, path, fingerprint, err);
	int fd;
	int rc;

	if (st != DP_OK) {
		return st;
	}
	fd = os->open(os->self, path, DPI_OPEN_CREATE | DPI_OPEN_EXCLUSIVE);
	if (fd < 0) {
		return dpi_error_sys(err, -fd, "make %s", path);
	}
	rc = write_and_sync(os, fd, set);
	(void)os->close(os->self, fd);
	return rc < 0 ? dpi_error_sys(err, -rc, "write %s", path) : DP_OK;
}

dp_status dpi_registry_store_commit(
	dpi_registry_store *store, dp_bytes index, dp_error **err)
{
	char path[DPI_PATH_MAX];
	dp_status st = path_of(store, path, "schemas", err);

	if (st == DP_OK) {
		st = dpi_files_sync_dir(store->os, path, err);
	}
	if (st == DP_OK) {
		st = path_of(store, path, "index", err);
	}
	if (st == DP_OK) {
		st = dpi_files_write(
			store->os, path, index.data, index.size, err);
	}
	return st;
}
