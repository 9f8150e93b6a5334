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

/* Once for all tries: closures of a set are numbered. */
static dp_status prepare(dpi_registry_new *added, dp_error **err)
{
	dpi_arena *arena = &added->set.arena;
	size_t count = added->root_count + 1;

	added->additions =
		dpi_arena_zalloc(arena, count, sizeof(*added->additions));
	added->planned =
		dpi_arena_zalloc(arena, count, sizeof(*added->planned));
	if (added->additions == NULL || added->planned == NULL) {
		return no_memory(err);
	}
	return dpi_canonical_init(
		&added->canonical, &added->set, added->alloc, err);
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
	dpi_buf_init(
		&ret->bytes, alloc, DPI_INDEX_MAX_BYTES + DPI_INDEX_HEAD_BYTES);
	st = check(ret, err);
	if (st == DP_OK) {
		st = pick(ret, types, type_count, err);
	}
	if (st == DP_OK) {
		st = prepare(ret, err);
	}
	if (st != DP_OK) {
		dpi_registry_new_fini(ret);
	}
	return st;
}

void dpi_registry_new_fini(dpi_registry_new *added)
{
	if (added->canonical.set != NULL) {
		dpi_canonical_fini(&added->canonical);
	}
	dpi_buf_fini(&added->bytes);
	dpi_raw_set_fini(&added->set);
}

static dp_status plan_root(dpi_registry_new *added,
	const dpi_registry_index *index, dpi_raw_message *root, dp_error **err)
{
	const dpi_registry_type *known =
		dpi_registry_index_find(index, root->full_name);
	dpi_registry_addition *addition =
		&added->additions[added->planned_count];
	char *fingerprint = addition->version.fingerprint;
	dp_status st =
		dpi_canonical_pick(&added->canonical, root, fingerprint, err);

	if (st == DP_ETOOBIG) {
		return dpi_error_prefix(err, st, "%s", root->full_name);
	}
	if (st != DP_OK ||
		(known != NULL &&
			dpi_registry_type_find(known, fingerprint) > 0)) {
		return st;
	}
	addition->name = root->full_name;
	added->planned[added->planned_count++] = root;
	added->planned_bytes += added->canonical.material.size;
	if (added->planned_bytes > ADD_MAX_BYTES) {
		return dpi_error_set(err, DP_ETOOBIG,
			"all types, each with what it needs, are more than %u "
			"bytes: name the types to add",
			ADD_MAX_BYTES);
	}
	return DP_OK;
}

/* Into added->bytes. */
static dp_status make_set(dpi_registry_new *added, const dpi_raw_message *root,
	char *fingerprint, dp_error **err)
{
	dpi_buf *bytes = &added->bytes;
	dp_status st =
		dpi_canonical_pick(&added->canonical, root, fingerprint, err);

	dpi_buf_clear(bytes);
	if (st == DP_OK) {
		st = dpi_canonical_write(&added->canonical, bytes, err);
	}
	if (st == DP_OK && bytes->size > DPI_SET_MAX_BYTES) {
		st = dpi_error_set(err, DP_ETOOBIG,
			"%s: what the type needs is more than %u bytes",
			root->full_name, DPI_SET_MAX_BYTES);
	}
	return st;
}

static dp_status ask_guard(dpi_registry_new *added,
	const dpi_registry_index *index, const dpi_registry_guard *guard,
	dp_error **err)
{
	dp_status st = DP_OK;

	for (size_t i = 0; st == DP_OK && i < added->planned_count; i++) {
		dpi_raw_message *root = added->planned[i];
		const dpi_registry_type *known =
			dpi_registry_index_find(index, root->full_name);

		if (known == NULL || (known->mode & DP_COMPAT_FULL) == 0) {
			continue;
		}
		st = make_set(added, root,
			added->additions[i].version.fingerprint, err);
		if (st == DP_OK) {
			st = guard->check(guard->user, known,
				dpi_bytes(added->bytes.data, added->bytes.size),
				err);
		}
	}
	return st;
}

static dp_status write_version(dpi_registry_new *added,
	dpi_registry_store *store, const dpi_raw_message *root,
	dpi_registry_version *version, dp_error **err)
{
	dp_status st = make_set(added, root, version->fingerprint, err);

	if (st != DP_OK) {
		return st;
	}
	return dpi_registry_store_write(store, root->full_name,
		dpi_bytes(added->bytes.data, added->bytes.size), version, err);
}

static dp_status write_planned(dpi_registry_new *added,
	dpi_registry_store *store, const dpi_registry_index *index,
	dp_error **err)
{
	dpi_buf *bytes = &added->bytes;
	dp_status st = DP_OK;

	for (size_t i = 0; st == DP_OK && i < added->planned_count; i++) {
		st = write_version(added, store, added->planned[i],
			&added->additions[i].version, err);
	}
	dpi_buf_clear(bytes);
	if (st == DP_OK) {
		st = dpi_registry_index_encode(index, added->additions,
			added->planned_count, bytes, err);
	}
	if (st == DP_OK) {
		st = dpi_registry_store_commit(store, index->generation + 1,
			dpi_bytes(bytes->data, bytes->size), err);
	}
	return st;
}

/* Planned first, so that a set that is too big has written nothing. */
dp_status dpi_registry_new_write(dpi_registry_new *added,
	dpi_registry_store *store, const dpi_registry_index *index,
	const dpi_registry_guard *guard, dp_error **err)
{
	dp_status st = DP_OK;

	added->planned_count = 0;
	added->planned_bytes = 0;
	for (size_t i = 0; st == DP_OK && i < added->root_count; i++) {
		st = plan_root(added, index, added->roots[i], err);
	}
	if (st == DP_OK) {
		st = ask_guard(added, index, guard, err);
	}
	return st == DP_OK && added->planned_count > 0
		? write_planned(added, store, index, err)
		: st;
}
