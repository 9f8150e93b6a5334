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
#define ADD_MAX_BYTES (64u << 20)

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
	dpi_raw_message **roots; /* of the additions */
	size_t count;
	uint64_t planned_bytes;
} writing;

static dp_status plan_root(writing *w, dpi_raw_message *root, dp_error **err)
{
	const dpi_registry_type *known =
		dpi_registry_index_find(w->index, root->full_name);
	dpi_registry_addition *addition = &w->additions[w->count];
	char *fingerprint = addition->version.fingerprint;
	dp_status st =
		dpi_canonical_pick(&w->canonical, root, fingerprint, err);

	if (st == DP_ETOOBIG) {
		return dpi_error_prefix(err, st, "%s", root->full_name);
	}
	if (st != DP_OK ||
		(known != NULL &&
			dpi_registry_type_find(known, fingerprint) > 0)) {
		return st;
	}
	addition->name = root->full_name;
	w->roots[w->count++] = root;
	w->planned_bytes += w->canonical.material.size;
	if (w->planned_bytes > ADD_MAX_BYTES) {
		return dpi_error_set(err, DP_ETOOBIG,
			"all types, each with what it needs, are more than %u "
			"bytes: name the types to add",
			ADD_MAX_BYTES);
	}
	return DP_OK;
}

static dp_status write_version(writing *w, const dpi_raw_message *root,
	dpi_registry_version *version, dp_error **err)
{
	dp_status st = dpi_canonical_pick(
		&w->canonical, root, version->fingerprint, err);

	dpi_buf_clear(&w->bytes);
	if (st == DP_OK) {
		st = dpi_canonical_write(&w->canonical, &w->bytes, err);
	}
	if (st == DP_OK && w->bytes.size > DPI_SET_MAX_BYTES) {
		st = dpi_error_set(err, DP_ETOOBIG,
			"%s: what the type needs is more than %u bytes",
			root->full_name, DPI_SET_MAX_BYTES);
	}
	if (st != DP_OK) {
		return st;
	}
	version->size = (uint32_t)w->bytes.size;
	version->crc = dpi_crc32c(0, w->bytes.data, w->bytes.size);
	return dpi_registry_store_write(w->store, version->fingerprint,
		dpi_bytes(w->bytes.data, w->bytes.size), err);
}

static dp_status write_planned(writing *w, dp_error **err)
{
	dp_status st = dpi_registry_store_sweep(w->store, w->index, err);

	for (size_t i = 0; st == DP_OK && i < w->count; i++) {
		st = write_version(
			w, w->roots[i], &w->additions[i].version, err);
	}
	dpi_buf_clear(&w->bytes);
	if (st == DP_OK) {
		st = dpi_registry_index_encode(
			w->index, w->additions, w->count, &w->bytes, err);
	}
	if (st == DP_OK) {
		st = dpi_registry_store_commit(
			w->store, dpi_bytes(w->bytes.data, w->bytes.size), err);
	}
	return st;
}

/* Planned first, so that a set that is too big has written nothing. */
static dp_status write_all(
	writing *w, const dpi_registry_new *added, dp_error **err)
{
	dp_status st = DP_OK;

	for (size_t i = 0; st == DP_OK && i < added->root_count; i++) {
		st = plan_root(w, added->roots[i], err);
	}
	return st == DP_OK && w->count > 0 ? write_planned(w, err) : st;
}

dp_status dpi_registry_new_write(dpi_registry_new *added,
	dpi_registry_store *store, const dpi_registry_index *index,
	dp_error **err)
{
	writing w = {.store = store, .index = index};
	dp_status st;

	w.additions = dpi_arena_zalloc(
		&added->set.arena, added->root_count + 1, sizeof(*w.additions));
	w.roots = dpi_arena_zalloc(
		&added->set.arena, added->root_count + 1, sizeof(*w.roots));
	if (w.additions == NULL || w.roots == NULL) {
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
