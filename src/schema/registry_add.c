/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/registry_add.h"

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "schema/sort.h"
#include "schema/types.h"

/*
 * Each type is kept with all that it needs, so a set whose types all need
 * each other grows by its square.
 */
#define ADD_MAX_BYTES (128u << 20)

static dp_status no_memory(dp_error **err)
{
	return dpi_error_set(err, DP_ENOMEM, "no memory for an add");
}

static dp_status pick_named(dpi_registry_new *added, const char *const *types,
	size_t count, dp_error **err)
{
	for (size_t i = 0; i < count; i++) {
		dpi_raw_message *root = types[i] != NULL
			? dpi_raw_set_find(&added->set, types[i])
			: NULL;

		if (root == NULL) {
			return dpi_error_set(err, DP_ENOTFOUND,
				"message %s is not in the set",
				types[i] != NULL ? types[i] : "NULL");
		}
		added->roots[added->root_count++] = root;
	}
	return DP_OK;
}

static void pick_top(dpi_registry_new *added)
{
	for (size_t i = 0; i < added->set.file_count; i++) {
		const dpi_raw_file *file = &added->set.files[i];

		for (size_t k = 0; !file->is_known && k < file->unit_count;
			k++) {
			if (file->units[k].message != NULL) {
				added->roots[added->root_count++] =
					file->units[k].message;
			}
		}
	}
}

static int compare_roots(const void *a, const void *b)
{
	return strcmp((*(dpi_raw_message *const *)a)->full_name,
		(*(dpi_raw_message *const *)b)->full_name);
}

/* A caller may name a type twice. */
static void drop_repeated(dpi_registry_new *added)
{
	size_t n = 0;

	dpi_sort(added->roots, added->root_count, sizeof(*added->roots),
		compare_roots);
	for (size_t i = 0; i < added->root_count; i++) {
		if (n == 0 || added->roots[n - 1] != added->roots[i]) {
			added->roots[n++] = added->roots[i];
		}
	}
	added->root_count = n;
}

static dp_status pick(dpi_registry_new *added, const char *const *types,
	size_t type_count, dp_error **err)
{
	size_t most = types != NULL ? type_count : added->set.message_count;
	dp_status st = DP_OK;

	if (most > DPI_SET_MAX_MESSAGES) {
		return dpi_error_set(err, DP_ETOOBIG, "more than %u types",
			DPI_SET_MAX_MESSAGES);
	}
	added->roots = dpi_arena_zalloc(
		&added->set.arena, most + 1, sizeof(*added->roots));
	if (added->roots == NULL) {
		return no_memory(err);
	}
	if (types != NULL) {
		st = pick_named(added, types, type_count, err);
	} else {
		pick_top(added);
	}
	drop_repeated(added);
	return st;
}

/* Types are made only to find what is wrong with the set. */
static dp_status check(dpi_registry_new *added, dp_error **err)
{
	dpi_types types;
	dp_status st = dpi_raw_set_link(&added->set, err);

	if (st == DP_OK) {
		st = dpi_types_build(&types, added->alloc, &added->set, err);
	}
	if (st == DP_OK) {
		dpi_types_fini(&types);
	}
	return st;
}

dp_status dpi_registry_new_init(dpi_registry_new *ret,
	const dp_allocator *alloc, dp_bytes bytes, const char *const *types,
	size_t type_count, dp_error **err)
{
	dp_status st;

	*ret = (dpi_registry_new){.alloc = alloc};
	st = dpi_raw_set_init(&ret->set, alloc, bytes.data, bytes.size, err);
	if (st != DP_OK) {
		return st;
	}
	st = check(ret, err);
	if (st == DP_OK) {
		st = pick(ret, types, type_count, err);
	}
	if (st != DP_OK) {
		dpi_registry_new_fini(ret);
	}
	return st;
}

void dpi_registry_new_fini(dpi_registry_new *added)
{
	dpi_raw_set_fini(&added->set);
}

/* What one write of an add goes through, type by type. */
typedef struct writing {
	dpi_registry_store *store;
	const dpi_registry_index *index;
	dpi_canonical canonical;
	dpi_buf bytes; /* of the set in hand, then of the index */
	dpi_registry_addition *additions;
	size_t count;
	uint64_t written_bytes;
} writing;

static dp_status write_version(
	writing *w, dpi_registry_version *version, dp_error **err)
{
	dp_status st;

	dpi_buf_clear(&w->bytes);
	st = dpi_canonical_write(&w->canonical, &w->bytes, err);
	if (st != DP_OK) {
		return st;
	}
	if (w->bytes.size > DPI_SET_MAX_BYTES) {
		return dpi_error_set(err, DP_ETOOBIG,
			"what the type needs is more than %u bytes",
			DPI_SET_MAX_BYTES);
	}
	w->written_bytes += w->bytes.size;
	if (w->written_bytes > ADD_MAX_BYTES) {
		return dpi_error_set(err, DP_ETOOBIG,
			"all types with what they need are more than %u "
			"bytes: name the types to add",
			ADD_MAX_BYTES);
	}
	version->size = (uint32_t)w->bytes.size;
	version->crc = dpi_crc32c(0, w->bytes.data, w->bytes.size);
	return dpi_registry_store_write(w->store, version->fingerprint,
		dpi_bytes(w->bytes.data, w->bytes.size), err);
}

static dp_status write_root(
	writing *w, const dpi_raw_message *root, dp_error **err)
{
	const dpi_registry_type *known =
		dpi_registry_index_find(w->index, root->full_name);
	dpi_registry_addition *addition = &w->additions[w->count];
	dp_status st = dpi_canonical_pick(
		&w->canonical, root, addition->version.fingerprint, err);

	if (st == DP_OK &&
		(known == NULL ||
			dpi_registry_type_find(
				known, addition->version.fingerprint) == 0)) {
		addition->name = root->full_name;
		w->count++;
		st = write_version(w, &addition->version, err);
	}
	if (st == DP_ETOOBIG) {
		st = dpi_error_prefix(err, st, "%s", root->full_name);
	}
	return st;
}

static dp_status write_all(
	writing *w, const dpi_registry_new *added, dp_error **err)
{
	dp_status st = dpi_registry_store_sweep(w->store, w->index, err);

	for (size_t i = 0; st == DP_OK && i < added->root_count; i++) {
		st = write_root(w, added->roots[i], err);
	}
	if (st != DP_OK || w->count == 0) {
		return st;
	}
	dpi_buf_clear(&w->bytes);
	st = dpi_registry_index_encode(
		w->index, w->additions, w->count, &w->bytes, err);
	if (st == DP_OK) {
		st = dpi_registry_store_commit(
			w->store, dpi_bytes(w->bytes.data, w->bytes.size), err);
	}
	return st;
}

dp_status dpi_registry_new_write(dpi_registry_new *added,
	dpi_registry_store *store, const dpi_registry_index *index,
	dp_error **err)
{
	writing w = {.store = store, .index = index};
	dp_status st;

	w.additions = dpi_arena_zalloc(
		&added->set.arena, added->root_count + 1, sizeof(*w.additions));
	if (w.additions == NULL) {
		return no_memory(err);
	}
	dpi_buf_init(&w.bytes, added->alloc,
		DPI_INDEX_MAX_BYTES + DPI_INDEX_HEAD_BYTES);
	st = dpi_canonical_init(&w.canonical, &added->set, added->alloc, err);
	if (st == DP_OK) {
		st = write_all(&w, added, err);
	}
	dpi_canonical_fini(&w.canonical);
	dpi_buf_fini(&w.bytes);
	return st;
}
