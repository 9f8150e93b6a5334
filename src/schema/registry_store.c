/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/registry_store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "schema/registry_carried.h"
#include "schema/schema.h"

#define FOLDER "generations"
#define DIGITS 20
#define NAME_MAX_BYTES 64
#define LIST_MAX ((size_t)256 << 20)

void dpi_registry_store_init(dpi_registry_store *store, dpi_objects *objects,
	const dp_allocator *alloc, bool is_carried)
{
	*store = (dpi_registry_store){objects, alloc, is_carried};
}

void dpi_registry_store_close(dpi_registry_store *store)
{
	store->objects->ops->close(store->objects);
}

static void name_of(char *name, uint64_t generation)
{
	(void)snprintf(name, NAME_MAX_BYTES, FOLDER "/%020" PRIu64, generation);
}

static dp_status get(dpi_registry_store *store, const char *name, dpi_buf *out,
	dp_error **err)
{
	return store->objects->ops->get(store->objects, name, out, err);
}

static dp_status decode(const dpi_registry_store *store, const char *name,
	const dpi_buf *bytes, dpi_registry_index *index, dp_error **err)
{
	dpi_registry_index fresh;
	dp_status st = dpi_registry_index_decode(
		&fresh, store->alloc, dpi_bytes(bytes->data, bytes->size), err);

	if (st == DP_ECORRUPT) {
		return dpi_error_prefix(
			err, st, "%s/%s", store->objects->place, name);
	}
	if (st == DP_OK) {
		dpi_registry_index_fini(index);
		*index = fresh;
	}
	return st;
}

/* DP_ENOTFOUND, without an error: it is not there. */
static dp_status read_index(dpi_registry_store *store, const char *name,
	dpi_registry_index *index, dp_error **err)
{
	dpi_buf bytes;
	dp_status st;

	dpi_buf_init(&bytes, store->alloc,
		DPI_INDEX_MAX_BYTES + DPI_INDEX_HEAD_BYTES);
	st = get(store, name, &bytes, err);
	if (st == DP_OK) {
		st = decode(store, name, &bytes, index, err);
	} else if (st == DP_ENOTFOUND) {
		dpi_error_clear(err);
	}
	dpi_buf_fini(&bytes);
	return st;
}

/* Leaves *index alone if it has the number already, or nobody has. */
static dp_status read_generation(dpi_registry_store *store, uint64_t generation,
	dpi_registry_index *index, dp_error **err)
{
	char name[NAME_MAX_BYTES];
	dp_status st;

	name_of(name, generation);
	st = read_index(store, name, index, err);
	if (st == DP_OK && index->generation != generation) {
		return dpi_error_set(err, DP_ECORRUPT,
			"%s/%s: it is generation %" PRIu64
			", which somebody gave another's name",
			store->objects->place, name, index->generation);
	}
	return st;
}

/* The largest number that a list has, which may be an old one; or 0. */
static dp_status guess(dpi_registry_store *store, uint64_t *ret, dp_error **err)
{
	const char *const *names = NULL;
	size_t count = 0;
	dpi_arena arena;
	dp_status st;

	dpi_arena_init(&arena, store->alloc, LIST_MAX);
	st = store->objects->ops->list(
		store->objects, FOLDER, &arena, &names, &count, err);
	*ret = 0;
	for (size_t i = 0; st == DP_OK && i < count; i++) {
		if (strlen(names[i]) == DIGITS &&
			strspn(names[i], "0123456789") == DIGITS) {
			*ret = strtoull(names[i], NULL, 10);
		}
	}
	dpi_arena_fini(&arena);
	return st;
}

/*
 * From a generation that is there on to the newest: by steps that double while
 * there is one, then back to steps of one. Usually one get finds nothing.
 */
static dp_status walk(
	dpi_registry_store *store, dpi_registry_index *index, dp_error **err)
{
	uint64_t step = 1;

	for (;;) {
		dp_status st = read_generation(
			store, index->generation + step, index, err);

		if (st == DP_ENOTFOUND && step == 1) {
			return DP_OK;
		}
		if (st != DP_OK && st != DP_ENOTFOUND) {
			return st;
		}
		step = st == DP_OK ? 2 * step : step / 2;
	}
}

/* Nothing is known: where to walk from. */
static dp_status begin(
	dpi_registry_store *store, dpi_registry_index *index, dp_error **err)
{
	uint64_t number;
	dp_status st = guess(store, &number, err);

	if (st == DP_OK && number > 0) {
		st = read_generation(store, number, index, err);
	} else if (st == DP_OK) {
		st = read_index(store, "index", index, err);
	}
	return st == DP_ENOTFOUND ? DP_OK : st;
}

dp_status dpi_registry_store_refresh(
	dpi_registry_store *store, dpi_registry_index *index, dp_error **err)
{
	dp_status st = DP_OK;

	if (store->is_carried) {
		return dpi_carried_refresh(
			store->objects, store->alloc, index, err);
	}
	if (index->generation == 0) {
		st = begin(store, index, err);
	}
	return st == DP_OK ? walk(store, index, err) : st;
}

static void schema_name(char *name, const char *fingerprint)
{
	(void)snprintf(name, NAME_MAX_BYTES, "schemas/%s.pb", fingerprint);
}

dp_status dpi_registry_store_read(dpi_registry_store *store, const char *type,
	const dpi_registry_version *version, dpi_buf *out, dp_error **err)
{
	size_t begin_at = out->size;
	char name[DPI_CARRIED_NAME_MAX];
	dp_status st;

	if (store->is_carried) {
		dpi_carried_name(name, type, version->fingerprint);
	} else {
		schema_name(name, version->fingerprint);
	}
	st = get(store, name, out, err);
	if (st == DP_ENOTFOUND || st == DP_ETOOBIG) {
		dpi_error_clear(err);
		return dpi_error_set(err, DP_ECORRUPT,
			"%s/%s: the index names this object, but it is not "
			"there or too big",
			store->objects->place, name);
	}
	if (st == DP_OK &&
		(out->size - begin_at != version->size ||
			dpi_crc32c(0, out->data + begin_at, version->size) !=
				version->crc)) {
		return dpi_error_set(err, DP_ECORRUPT,
			"%s/%s: its bytes are not those that were added",
			store->objects->place, name);
	}
	return st;
}

static void describe(dpi_registry_version *version, dp_bytes set)
{
	version->size = (uint32_t)set.size;
	version->crc = dpi_crc32c(0, set.data, set.size);
}

/* Whose fingerprint is right is as good as ours. */
static dp_status adopt(dpi_registry_store *store, const char *name,
	const char *type, dpi_registry_version *version, dp_error **err)
{
	dp_schema *schema = NULL;
	dpi_buf theirs;
	dp_status st;

	dpi_buf_init(&theirs, store->alloc, DPI_SET_MAX_BYTES);
	st = get(store, name, &theirs, err);
	if (st == DP_OK) {
		dp_bytes set = dpi_bytes(theirs.data, theirs.size);

		describe(version, set);
		st = dpi_schema_load(&schema, store->alloc, set, type, 1,
			version->fingerprint, err);
		dp_schema_unref(schema);
		if (st != DP_OK && st != DP_ENOMEM) {
			dpi_error_clear(err);
			st = dpi_error_set(err, DP_ECORRUPT,
				"%s/%s: no such schema, though it has the "
				"name of one: remove it and add again",
				store->objects->place, name);
		}
	}
	dpi_buf_fini(&theirs);
	return st;
}

dp_status dpi_registry_store_write(dpi_registry_store *store, const char *type,
	dp_bytes set, dpi_registry_version *version, dp_error **err)
{
	char name[NAME_MAX_BYTES];
	dp_status st;

	schema_name(name, version->fingerprint);
	describe(version, set);
	st = store->objects->ops->put(store->objects, name, set, err);
	if (st == DP_EEXIST) {
		dpi_error_clear(err);
		st = adopt(store, name, type, version, err);
	}
	return st;
}

dp_status dpi_registry_store_commit(dpi_registry_store *store,
	uint64_t generation, dp_bytes index, dp_error **err)
{
	char name[NAME_MAX_BYTES];

	name_of(name, generation);
	return store->objects->ops->put(store->objects, name, index, err);
}
