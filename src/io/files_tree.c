/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "io/files.h"

typedef struct entry {
	struct entry *next;
	char name[];
} entry;

typedef struct listing {
	dpi_arena *arena;
	entry *first; /* newest first */
	size_t count;
	bool is_out_of_memory;
} listing;

static bool add_entry(void *user, const char *name)
{
	listing *list = user;
	size_t size = strlen(name) + 1;
	entry *e = dpi_arena_alloc(list->arena, sizeof(*e) + size);

	if (e == NULL) {
		list->is_out_of_memory = true;
		return false;
	}
	memcpy(e->name, name, size);
	e->next = list->first;
	list->first = e;
	list->count++;
	return true;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const char **sorted(const listing *list)
{
	const char **names =
		dpi_arena_zalloc(list->arena, list->count + 1, sizeof(*names));
	size_t n = 0;

	if (names != NULL) {
		for (const entry *e = list->first; e != NULL; e = e->next) {
			names[n++] = e->name;
		}
		qsort(names, n, sizeof(*names), compare_names);
	}
	return names;
}

dp_status dpi_files_list(const dpi_os *os, const char *path, dpi_arena *arena,
	const char *const **ret_names, size_t *ret_count, dp_error **err)
{
	listing list = {.arena = arena};
	const char **names = NULL;
	int rc = os->list(os->self, path, add_entry, &list);

	if (rc == -ENOTDIR) {
		return dpi_error_set(
			err, DP_ENOTFOUND, "list %s: it is no directory", path);
	}
	if (rc < 0) {
		return dpi_error_sys(err, -rc, "list %s", path);
	}
	if (!list.is_out_of_memory) {
		names = sorted(&list);
	}
	if (names == NULL) {
		return dpi_error_set(
			err, DP_ENOMEM, "no memory for the names in %s", path);
	}
	*ret_names = names;
	*ret_count = list.count;
	return DP_OK;
}

static dp_status remove_path(
	const dpi_os *os, dpi_arena *arena, char *path, dp_error **err);

/* path has DPI_PATH_MAX bytes; names are put behind it and taken away. */
static dp_status remove_below(
	const dpi_os *os, dpi_arena *arena, char *path, dp_error **err)
{
	size_t size = strlen(path);
	const char *const *names = NULL;
	size_t count = 0;
	dp_status st = dpi_files_list(os, path, arena, &names, &count, err);

	for (size_t i = 0; st == DP_OK && i < count; i++) {
		size_t more = strlen(names[i]);

		if (size + 1 + more >= DPI_PATH_MAX) {
			return dpi_error_set(err, DP_ETOOBIG,
				"a path is too long below %s", path);
		}
		path[size] = '/';
		memcpy(path + size + 1, names[i], more + 1);
		st = remove_path(os, arena, path, err);
		path[size] = '\0';
	}
	return st;
}

static dp_status remove_path(
	const dpi_os *os, dpi_arena *arena, char *path, dp_error **err)
{
	int rc = os->unlink(os->self, path);
	dp_status st;

	if (rc == -EISDIR) {
		st = remove_below(os, arena, path, err);
		if (st != DP_OK) {
			return st;
		}
		rc = os->rmdir(os->self, path);
	}
	return rc == 0 || rc == -ENOENT
		? DP_OK
		: dpi_error_sys(err, -rc, "remove %s", path);
}

dp_status dpi_files_remove(const dpi_os *os, const dp_allocator *alloc,
	const char *path, dp_error **err)
{
	char buf[DPI_PATH_MAX];
	dpi_arena arena;
	bool exists = false;
	dp_status st = dpi_files_path(buf, err, "%s", path);

	if (st == DP_OK) {
		st = dpi_files_exists(os, path, &exists, err);
	}
	if (st != DP_OK || !exists) {
		return st;
	}
	dpi_arena_init(&arena, alloc, SIZE_MAX);
	st = remove_path(os, &arena, buf, err);
	dpi_arena_fini(&arena);
	return st == DP_OK ? dpi_files_sync_parent(os, path, err) : st;
}
