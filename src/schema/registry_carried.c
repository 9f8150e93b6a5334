/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/registry_carried.h"

#include <stdio.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "base/text.h"
#include "schema/sort.h"

#define SUFFIX ".binpb"
#define FILE_SIZE (DPI_FINGERPRINT_TEXT + sizeof(SUFFIX) - 1)
#define LIST_MAX ((size_t)256 << 20)

/* What lists say. */
typedef struct listing {
	dpi_objects *objects;
	dpi_arena arena;
	const char *const *types;
	size_t type_count;
	const char *const **files; /* of each type */
	size_t *file_counts;
	uint64_t hash; /* of all names */
} listing;

void dpi_carried_name(char *name, const char *type, const char *fingerprint)
{
	(void)snprintf(name, DPI_CARRIED_NAME_MAX,
		DPI_CARRIED_FOLDER "/%.*s/%s" SUFFIX, DPI_CARRIED_TYPE_MAX,
		type, fingerprint);
}

static bool is_set(const char *file)
{
	return strlen(file) == FILE_SIZE &&
		strspn(file, "0123456789abcdef") == DPI_FINGERPRINT_TEXT &&
		strcmp(file + DPI_FINGERPRINT_TEXT, SUFFIX) == 0;
}

static dp_status no_memory(dp_error **err)
{
	return dpi_error_set(err, DP_ENOMEM, "no memory for the schemas");
}

static dp_status list_type(listing *list, size_t i, dp_error **err)
{
	dpi_objects *objects = list->objects;
	const char *type = list->types[i];
	char folder[DPI_CARRIED_NAME_MAX];
	dp_status st;

	if (strlen(type) > DPI_CARRIED_TYPE_MAX) {
		return DP_OK;
	}
	(void)snprintf(folder, sizeof(folder), DPI_CARRIED_FOLDER "/%s", type);
	st = objects->ops->list(objects, folder, &list->arena, &list->files[i],
		&list->file_counts[i], err);
	list->hash = dpi_hash64(list->hash, type, strlen(type) + 1);
	for (size_t k = 0; st == DP_OK && k < list->file_counts[i]; k++) {
		list->hash = dpi_hash64(list->hash, list->files[i][k],
			strlen(list->files[i][k]) + 1);
	}
	return st;
}

static dp_status list_all(listing *list, dp_error **err)
{
	dpi_objects *objects = list->objects;
	dp_status st = objects->ops->list(objects, DPI_CARRIED_FOLDER,
		&list->arena, &list->types, &list->type_count, err);

	if (st != DP_OK) {
		return st;
	}
	if (list->type_count == 0) {
		return dpi_error_set(err, DP_ENOTFOUND,
			"%s/" DPI_CARRIED_FOLDER " has no schemas: is it the "
			"directory of a store that file sinks write to?",
			objects->place);
	}
	list->files = dpi_arena_zalloc(
		&list->arena, list->type_count, sizeof(*list->files));
	list->file_counts = dpi_arena_zalloc(
		&list->arena, list->type_count, sizeof(*list->file_counts));
	if (list->files == NULL || list->file_counts == NULL) {
		return no_memory(err);
	}
	for (size_t i = 0; st == DP_OK && i < list->type_count; i++) {
		st = list_type(list, i, err);
	}
	return st;
}

static dp_status read_version(const listing *list, const char *type,
	const char *file, dpi_buf *bytes, dpi_registry_version *version,
	dp_error **err)
{
	dpi_objects *objects = list->objects;
	char name[DPI_CARRIED_NAME_MAX];
	dp_status st;

	memcpy(version->fingerprint, file, DPI_FINGERPRINT_TEXT);
	dpi_carried_name(name, type, version->fingerprint);
	dpi_buf_clear(bytes);
	st = objects->ops->get(objects, name, bytes, err);
	if (st == DP_OK) {
		version->size = (uint32_t)bytes->size;
		version->crc = dpi_crc32c(0, bytes->data, bytes->size);
	}
	return st;
}

static int compare_versions(const void *a, const void *b)
{
	const dpi_registry_version *left = a;
	const dpi_registry_version *right = b;

	if (left->size != right->size) {
		return left->size < right->size ? -1 : 1;
	}
	return strcmp(left->fingerprint, right->fingerprint);
}

static dp_status read_type(const listing *list, size_t i, dpi_buf *bytes,
	dpi_registry_index *index, dp_error **err)
{
	dpi_registry_type *type = &index->types[index->type_count];
	dp_status st = DP_OK;

	type->versions = dpi_arena_zalloc(&index->arena,
		list->file_counts[i] + 1, sizeof(*type->versions));
	type->name = dpi_arena_dup(
		&index->arena, list->types[i], strlen(list->types[i]));
	if (type->versions == NULL || type->name == NULL) {
		return no_memory(err);
	}
	for (size_t k = 0; st == DP_OK && k < list->file_counts[i]; k++) {
		if (is_set(list->files[i][k])) {
			st = read_version(list, type->name, list->files[i][k],
				bytes, &type->versions[type->version_count++],
				err);
		}
	}
	dpi_sort(type->versions, type->version_count, sizeof(*type->versions),
		compare_versions);
	index->type_count += type->version_count > 0;
	return st;
}

static dp_status read_all(const listing *list, const dp_allocator *alloc,
	dpi_registry_index *index, dp_error **err)
{
	dpi_registry_index fresh;
	dp_status st = DP_OK;
	dpi_buf bytes;

	dpi_registry_index_init(&fresh, alloc);
	fresh.generation = list->hash;
	fresh.types = dpi_arena_zalloc(
		&fresh.arena, list->type_count, sizeof(*fresh.types));
	if (fresh.types == NULL) {
		st = no_memory(err);
	}
	dpi_buf_init(&bytes, alloc, DPI_SET_MAX_BYTES);
	for (size_t i = 0; st == DP_OK && i < list->type_count; i++) {
		st = read_type(list, i, &bytes, &fresh, err);
	}
	dpi_buf_fini(&bytes);
	if (st == DP_OK) {
		dpi_registry_index_fini(index);
		*index = fresh;
	} else {
		dpi_registry_index_fini(&fresh);
	}
	return st;
}

dp_status dpi_carried_refresh(dpi_objects *objects, const dp_allocator *alloc,
	dpi_registry_index *index, dp_error **err)
{
	listing list = {.objects = objects};
	dp_status st;

	dpi_arena_init(&list.arena, alloc, LIST_MAX);
	st = list_all(&list, err);
	if (st == DP_OK && list.hash != index->generation) {
		st = read_all(&list, alloc, index, err);
	}
	dpi_arena_fini(&list.arena);
	return st;
}
