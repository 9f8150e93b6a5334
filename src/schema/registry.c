/* SPDX-License-Identifier: Apache-2.0 */
#include <datapipe/registry.h>

#include <stdbool.h>
#include <string.h>

#include "base/adopt.h"
#include "base/alloc.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/thread.h"
#include "io/runtime.h"
#include "schema/compat_guard.h"
#include "schema/registry.h"
#include "schema/registry_add.h"
#include "schema/registry_cache.h"
#include "schema/registry_store.h"
#include "schema/schema.h"

#define SCHEME_FILE "file:"
#define SCHEME_LAKE "lake:"
#define REFRESH_DEFAULT_NS 1000000000
#define ADD_TRIES 1000

struct dp_registry {
	dp_runtime *rt;
	const dp_allocator *alloc;
	dp_time_ns refresh_ns;

	pthread_mutex_t lock; /* guards all below */
	dpi_registry_store store;
	dpi_registry_index index;
	dpi_registry_cache cache;
	dp_time_ns refreshed; /* on the monotonic clock */
};

static dp_time_ns now_of(const dp_registry *reg)
{
	const dpi_os *os = dpi_runtime_os(reg->rt);

	return os->monotonic(os->self);
}

static dp_status refresh(dp_registry *reg, dp_error **err)
{
	dp_status st =
		dpi_registry_store_refresh(&reg->store, &reg->index, err);

	if (st == DP_OK) {
		reg->refreshed = now_of(reg);
	}
	return st;
}

/* Takes objects, also on failure. */
static dp_status open_store(
	dp_registry *reg, dpi_objects *objects, bool is_carried, dp_error **err)
{
	dp_status st;

	dpi_registry_store_init(&reg->store, objects, reg->alloc, is_carried);
	dpi_registry_index_init(&reg->index, reg->alloc);
	dpi_registry_cache_init(&reg->cache, reg->alloc);
	st = refresh(reg, err);
	if (st == DP_OK && pthread_mutex_init(&reg->lock, NULL) != 0) {
		st = dpi_error_set(err, DP_ENOMEM, "no memory for a lock");
	}
	if (st != DP_OK) {
		dpi_registry_index_fini(&reg->index);
		dpi_registry_store_close(&reg->store);
	}
	return st;
}

static dp_status adopt_options(dp_registry_options *ret, dp_runtime *rt,
	const dp_registry_options *opts, dp_error **err)
{
	dp_status st = dpi_adopt(ret, sizeof(*ret), opts,
		DPI_SIZE_UP_TO(dp_registry_options, refresh_ns),
		"registry options", "DP_REGISTRY_OPTIONS_INIT", err);

	if (st == DP_OK) {
		st = dpi_runtime_check(rt, err);
	}
	if (st == DP_OK && ret->refresh_ns < 0) {
		st = dpi_error_set(err, DP_EINVAL, "refresh_ns is less than 0");
	}
	return st;
}

dp_status dpi_registry_open_over(dp_registry **ret_reg, dp_runtime *rt,
	dpi_objects *objects, bool is_carried, const dp_registry_options *opts,
	dp_error **err)
{
	dp_registry_options options;
	dp_registry *reg = NULL;
	dp_status st = adopt_options(&options, rt, opts, err);

	if (st == DP_OK) {
		reg = dpi_zalloc(dpi_runtime_alloc(rt), 1, sizeof(*reg));
		st = reg != NULL ? DP_OK
				 : dpi_error_set(err, DP_ENOMEM,
					   "no memory for a registry");
	}
	if (st != DP_OK) {
		objects->ops->close(objects);
		return st;
	}
	reg->rt = rt;
	reg->alloc = dpi_runtime_alloc(rt);
	reg->refresh_ns = options.refresh_ns > 0 ? options.refresh_ns
						 : REFRESH_DEFAULT_NS;
	st = open_store(reg, objects, is_carried, err);
	if (st != DP_OK) {
		dpi_free(reg->alloc, reg, 1, sizeof(*reg));
		return st;
	}
	*ret_reg = reg;
	return DP_OK;
}

/* What is behind the scheme of an address, or NULL. */
static const char *directory_of(const char *address, const char *scheme)
{
	size_t size = strlen(scheme);

	return strncmp(address, scheme, size) == 0 && address[size] != '\0'
		? address + size
		: NULL;
}

dp_status dp_registry_open(dp_registry **ret_reg, dp_runtime *rt,
	const char *address, const dp_registry_options *opts, dp_error **err)
{
	dp_registry_options options;
	dpi_objects *objects = NULL;
	const char *file = NULL;
	const char *lake = NULL;
	dp_status st;

	if (address != NULL) {
		file = directory_of(address, SCHEME_FILE);
		lake = directory_of(address, SCHEME_LAKE);
	}
	if (ret_reg == NULL || rt == NULL || (file == NULL && lake == NULL)) {
		return dpi_error_set(err, DP_EINVAL,
			"a registry's address is \"file:DIRECTORY\", or "
			"\"lake:DIRECTORY\" for the schemas in a store of "
			"file sinks");
	}
	st = adopt_options(&options, rt, opts, err);
	if (st == DP_OK) {
		st = dpi_objects_local(&objects, dpi_runtime_os(rt),
			dpi_runtime_alloc(rt), lake != NULL ? lake : file,
			lake != NULL, err);
	}
	return st == DP_OK ? dpi_registry_open_over(ret_reg, rt, objects,
				     lake != NULL, opts, err)
			   : st;
}

void dp_registry_close(dp_registry *reg)
{
	if (reg == NULL) {
		return;
	}
	dpi_registry_cache_fini(&reg->cache);
	dpi_registry_index_fini(&reg->index);
	dpi_registry_store_close(&reg->store);
	(void)pthread_mutex_destroy(&reg->lock);
	dpi_free(reg->alloc, reg, 1, sizeof(*reg));
}

static dp_status read_schema(dp_registry *reg, const dpi_registry_type *type,
	uint32_t version, dp_schema **ret, dp_error **err)
{
	const dpi_registry_version *known = &type->versions[version - 1];
	dpi_buf set;
	dp_status st;

	dpi_buf_init(&set, reg->alloc, DPI_SET_MAX_BYTES);
	st = dpi_registry_store_read(&reg->store, type->name, known, &set, err);
	if (st == DP_OK) {
		st = dpi_schema_load(ret, reg->alloc,
			dpi_bytes(set.data, set.size), type->name, version,
			known->fingerprint, err);
		if (st != DP_OK && st != DP_ENOMEM) {
			st = dpi_error_prefix(err, st, "%s: schema %s of %s",
				reg->store.objects->place, known->fingerprint,
				type->name);
		}
	}
	dpi_buf_fini(&set);
	return st;
}

/* Takes a reference for the caller. */
static dp_status take_schema(dp_registry *reg, const dpi_registry_type *type,
	uint32_t version, dp_schema **ret_schema, dp_error **err)
{
	dp_schema *schema = dpi_registry_cache_find(
		&reg->cache, type->versions[version - 1].fingerprint);
	dp_status st;

	if (schema != NULL) {
		*ret_schema = dp_schema_ref(schema);
		return DP_OK;
	}
	st = read_schema(reg, type, version, &schema, err);
	if (st != DP_OK) {
		return st;
	}
	if (dpi_registry_cache_add(&reg->cache, schema) != DP_OK) {
		dp_schema_unref(schema);
		return dpi_error_set(err, DP_ENOMEM, "no memory for a schema");
	}
	*ret_schema = schema;
	return DP_OK;
}

/* With fingerprint NULL the version decides. */
static dp_status find(const dp_registry *reg, const char *name,
	uint32_t version, const char *fingerprint,
	const dpi_registry_type **ret_type, uint32_t *ret_version,
	dp_error **err)
{
	const dpi_registry_type *type =
		dpi_registry_index_find(&reg->index, name);

	if (type == NULL) {
		return dpi_error_set(err, DP_ENOTFOUND,
			"no schema of type %s is registered", name);
	}
	if (fingerprint != NULL) {
		version = dpi_registry_type_find(type, fingerprint);
	} else if (version == 0) {
		version = type->version_count;
	}
	if (version == 0 || version > type->version_count) {
		return dpi_error_set(err, DP_ENOTFOUND,
			"type %s has %u versions, but not the one asked for",
			name, (unsigned)type->version_count);
	}
	*ret_type = type;
	*ret_version = version;
	return DP_OK;
}

/*
 * What is found may be as old as refresh_ns; what is missing is missing now,
 * since whoever added it may have published with it at once.
 */
static dp_status look_up(dp_registry *reg, const char *name, uint32_t version,
	const char *fingerprint, dp_schema **ret_schema, dp_error **err)
{
	bool is_stale = now_of(reg) - reg->refreshed >= reg->refresh_ns;
	const dpi_registry_type *type = NULL;
	uint32_t found = 0;
	dp_status st = DP_ENOTFOUND;

	if (!is_stale) {
		st = find(reg, name, version, fingerprint, &type, &found, NULL);
	}
	if (st != DP_OK) {
		st = refresh(reg, err);
		if (st == DP_OK) {
			st = find(reg, name, version, fingerprint, &type,
				&found, err);
		}
	}
	if (st != DP_OK) {
		return st;
	}
	return take_schema(reg, type, found, ret_schema, err);
}

static dp_status check_and_look_up(dp_registry *reg, const char *type,
	uint32_t version, const char *fingerprint, dp_schema **ret_schema,
	dp_error **err)
{
	dp_status st;

	if (reg == NULL || type == NULL || ret_schema == NULL) {
		return dpi_error_set(err, DP_EINVAL,
			"a look-up needs a registry, a type and a place for "
			"the schema");
	}
	st = dpi_runtime_check(reg->rt, err);
	if (st != DP_OK) {
		return st;
	}
	dpi_lock(&reg->lock);
	st = look_up(reg, type, version, fingerprint, ret_schema, err);
	dpi_unlock(&reg->lock);
	return st;
}

dp_status dp_registry_get(dp_registry *reg, dp_schema **ret_schema,
	const char *type, uint32_t version, dp_error **err)
{
	return check_and_look_up(reg, type, version, NULL, ret_schema, err);
}

dp_status dp_registry_find(dp_registry *reg, dp_schema **ret_schema,
	const char *type, const char *fingerprint, dp_error **err)
{
	if (fingerprint == NULL) {
		return dpi_error_set(err, DP_EINVAL, "fingerprint is NULL");
	}
	return check_and_look_up(reg, type, 0, fingerprint, ret_schema, err);
}

/* A type may have had a thousand versions: each is read and gone again. */
static dp_status check_versions(
	void *user, const dpi_registry_type *type, dp_bytes set, dp_error **err)
{
	dp_registry *reg = user;
	uint32_t version = type->version_count;
	dp_status st = DP_OK;

	for (; st == DP_OK && version > 0; version--) {
		dp_schema *before;

		st = read_schema(reg, type, version, &before, err);
		if (st == DP_OK) {
			st = dpi_compat_guard(before, set, type->mode, err);
			dp_schema_unref(before);
		}
		if ((type->mode & DP_COMPAT_TRANSITIVE) == 0) {
			break;
		}
	}
	return st;
}

static dp_status write_set(dp_registry *reg, void *set, dp_error **err)
{
	dpi_registry_guard guard = {check_versions, reg};

	return dpi_registry_new_write(
		set, &reg->store, &reg->index, &guard, err);
}

static dp_status write_mode(dp_registry *reg, void *addition, dp_error **err)
{
	dpi_registry_addition *mode = addition;
	const dpi_registry_type *type =
		dpi_registry_index_find(&reg->index, mode->name);
	dpi_buf bytes;
	dp_status st;

	if (type == NULL) {
		return dpi_error_set(err, DP_ENOTFOUND,
			"no schema of type %s is registered", mode->name);
	}
	if (type->mode == *mode->mode) {
		return DP_OK;
	}
	dpi_buf_init(
		&bytes, reg->alloc, DPI_INDEX_MAX_BYTES + DPI_INDEX_HEAD_BYTES);
	st = dpi_registry_index_encode(&reg->index, mode, 1, &bytes, err);
	if (st == DP_OK) {
		st = dpi_registry_store_commit(&reg->store,
			reg->index.generation + 1,
			dpi_bytes(bytes.data, bytes.size), err);
	}
	dpi_buf_fini(&bytes);
	return st;
}

/* Whoever was quicker has added something, so each try is somebody's gain. */
static dp_status change_index(dp_registry *reg,
	dp_status (*write)(dp_registry *reg, void *what, dp_error **err),
	void *what, dp_error **err)
{
	dp_status st = DP_EEXIST;

	for (int tries = 0; st == DP_EEXIST && tries < ADD_TRIES; tries++) {
		dpi_error_clear(err);
		st = refresh(reg, err);
		if (st == DP_OK) {
			st = write(reg, what, err);
		}
	}
	if (st == DP_EEXIST) {
		dpi_error_clear(err);
		return dpi_error_set(err, DP_ELOCKED,
			"%s: others were quicker to add %d times: try again",
			reg->store.objects->place, ADD_TRIES);
	}
	return st == DP_OK ? refresh(reg, err) : st;
}

static dp_status check_writable(const dp_registry *reg, dp_error **err)
{
	dp_status st = dpi_runtime_check(reg->rt, err);

	if (st == DP_OK && reg->store.is_carried) {
		st = dpi_error_set(err, DP_EDENIED,
			"%s: the schemas of a lake are only to be read: add "
			"to the registry of the jobs that write it",
			reg->store.objects->place);
	}
	return st;
}

dp_status dp_registry_set_mode(
	dp_registry *reg, const char *type, dp_compat_mode mode, dp_error **err)
{
	dpi_registry_addition addition = {.name = type, .mode = &mode};
	dp_status st;

	if (reg == NULL || type == NULL ||
		mode > (DP_COMPAT_FULL | DP_COMPAT_TRANSITIVE |
			       DP_COMPAT_JSON)) {
		return dpi_error_set(err, DP_EINVAL,
			"a mode needs a registry, a type, and known bits");
	}
	st = check_writable(reg, err);
	if (st == DP_OK) {
		dpi_lock(&reg->lock);
		st = change_index(reg, write_mode, &addition, err);
		dpi_unlock(&reg->lock);
	}
	return st;
}

dp_status dp_registry_get_mode(dp_registry *reg, const char *type,
	dp_compat_mode *ret_mode, dp_error **err)
{
	const dpi_registry_type *known = NULL;
	uint32_t version;
	dp_status st;

	if (reg == NULL || type == NULL || ret_mode == NULL) {
		return dpi_error_set(err, DP_EINVAL,
			"a look-up needs a registry, a type and a place for "
			"the mode");
	}
	st = dpi_runtime_check(reg->rt, err);
	if (st != DP_OK) {
		return st;
	}
	dpi_lock(&reg->lock);
	st = refresh(reg, err);
	if (st == DP_OK) {
		st = find(reg, type, 0, NULL, &known, &version, err);
	}
	if (st == DP_OK) {
		*ret_mode = known->mode;
	}
	dpi_unlock(&reg->lock);
	return st;
}

dp_status dp_registry_add(dp_registry *reg, const void *data, size_t size,
	const dp_registry_add_options *opts, dp_error **err)
{
	dp_registry_add_options options;
	dpi_registry_new set;
	dp_status st;

	if (reg == NULL || (data == NULL && size > 0)) {
		return dpi_error_set(err, DP_EINVAL,
			"an add needs a registry and a descriptor set");
	}
	st = dpi_adopt(&options, sizeof(options), opts,
		DPI_SIZE_UP_TO(dp_registry_add_options, type_count),
		"options of an add", "DP_REGISTRY_ADD_OPTIONS_INIT", err);
	if (st == DP_OK) {
		st = check_writable(reg, err);
	}
	if (st == DP_OK) {
		st = dpi_registry_new_init(&set, reg->alloc,
			dpi_bytes(data, size), options.types,
			options.type_count, err);
	}
	if (st != DP_OK) {
		return st;
	}
	dpi_lock(&reg->lock);
	st = change_index(reg, write_set, &set, err);
	dpi_unlock(&reg->lock);
	dpi_registry_new_fini(&set);
	return st;
}
