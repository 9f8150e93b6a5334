/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/schema_shelf.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"
#include "schema/registry_carried.h"

#define WANTED_MIN 16

void dpi_schema_shelf_init(dpi_schema_shelf *shelf, dp_store *store,
	const dp_allocator *alloc, const dpi_job_slot *slot)
{
	memset(shelf, 0, sizeof(*shelf));
	shelf->store = store;
	shelf->alloc = alloc;
	shelf->slot = slot;
}

void dpi_schema_shelf_fini(dpi_schema_shelf *shelf)
{
	dp_schema_unref(shelf->last);
	for (size_t i = 0; i < shelf->wanted_count; i++) {
		dp_schema_unref(shelf->wanted[i]);
	}
	if (shelf->wanted_capacity > 0) {
		dpi_free(shelf->alloc, shelf->wanted, shelf->wanted_capacity,
			sizeof(dp_schema *));
	}
}

/* Types share contents with others, so the type counts, too. */
static uint64_t hash_of(const dp_schema *schema)
{
	const char *type = dp_schema_type(schema);

	return dpi_hash64(dpi_hash64(1, type, strlen(type)),
		dp_schema_fingerprint(schema), 32);
}

static uint64_t *place_of(dpi_schema_shelf *shelf, uint64_t hash)
{
	return &shelf->known[hash % DPI_SHELF_KNOWN];
}

static bool is_wanted(const dpi_schema_shelf *shelf, const dp_schema *schema)
{
	for (size_t i = 0; i < shelf->wanted_count; i++) {
		if (shelf->wanted[i] == schema) {
			return true;
		}
	}
	return false;
}

static dp_status grow(dpi_schema_shelf *shelf, dp_error **err)
{
	size_t capacity = shelf->wanted_capacity > 0
		? 2 * shelf->wanted_capacity
		: WANTED_MIN;
	dp_schema **wanted =
		dpi_zalloc(shelf->alloc, capacity, sizeof(dp_schema *));

	if (wanted == NULL) {
		return dpi_error_set(err, DP_ENOMEM, "no memory for a schema");
	}
	if (shelf->wanted_capacity > 0) {
		memcpy(wanted, shelf->wanted,
			shelf->wanted_count * sizeof(dp_schema *));
		dpi_free(shelf->alloc, shelf->wanted, shelf->wanted_capacity,
			sizeof(dp_schema *));
	}
	shelf->wanted = wanted;
	shelf->wanted_capacity = capacity;
	return DP_OK;
}

dp_status dpi_schema_shelf_want(
	dpi_schema_shelf *shelf, dp_schema *schema, dp_error **err)
{
	uint64_t hash;

	if (schema == shelf->last) {
		return DP_OK;
	}
	hash = hash_of(schema);
	if (*place_of(shelf, hash) != hash && !is_wanted(shelf, schema)) {
		if (shelf->wanted_count == shelf->wanted_capacity &&
			grow(shelf, err) != DP_OK) {
			return DP_ENOMEM;
		}
		shelf->wanted[shelf->wanted_count++] = dp_schema_ref(schema);
	}
	dp_schema_unref(shelf->last);
	shelf->last = dp_schema_ref(schema);
	return DP_OK;
}

/* Another set of the name is one that was torn or damaged, or of a registry
 * where files have other names. */
static dp_status is_there(dpi_schema_shelf *shelf, const char *name,
	dp_bytes set, bool *ret, dp_error **err)
{
	dpi_buf buf;
	dp_status st;

	dpi_buf_init(&buf, shelf->alloc, set.size + 1);
	st = shelf->store->ops->get(shelf->store, name, &buf, err);
	*ret = st == DP_OK &&
		dpi_bytes_equal(dpi_bytes(buf.data, buf.size), set);
	dpi_buf_fini(&buf);
	if (st == DP_ENOTFOUND || st == DP_ETOOBIG) {
		dpi_error_clear(err);
		return DP_OK;
	}
	return st;
}

static dp_status stage(
	dp_store *store, const char *staged_name, dp_bytes set, dp_error **err)
{
	dpi_staged *staged = NULL;
	dp_status st = store->ops->remove(store, staged_name, err);

	if (st == DP_OK) {
		st = store->ops->stage(store, staged_name, &staged, err);
	}
	if (st != DP_OK) {
		return st;
	}
	st = store->ops->append(staged, set.data, set.size, err);
	if (st == DP_OK) {
		st = store->ops->finish(staged, err);
	}
	store->ops->release(staged);
	return st;
}

/* Recovery removes what is staged, whatever comes behind the prefix. */
static dp_status put(
	dpi_schema_shelf *shelf, const char *name, dp_bytes set, dp_error **err)
{
	dp_store *store = shelf->store;
	char staged[DPI_SLOT_NAME_MAX];
	dp_status st;

	dpi_job_slot_staged_name(
		shelf->slot, shelf->slot->sequence + 1, UINT64_MAX, staged);
	st = stage(store, staged, set, err);
	return st == DP_OK ? store->ops->publish(store, staged, name, err) : st;
}

/* What is there already may be seen, and not durable yet: the sync is for
 * that, too. */
static dp_status write_one(
	dpi_schema_shelf *shelf, const dp_schema *schema, dp_error **err)
{
	dp_store *store = shelf->store;
	dp_bytes set = dp_schema_descriptor_set(schema);
	char name[DPI_CARRIED_NAME_MAX];
	bool has = false;
	dp_status st;

	if (strlen(dp_schema_type(schema)) > DPI_CARRIED_TYPE_MAX) {
		return DP_OK;
	}
	dpi_carried_name(
		name, dp_schema_type(schema), dp_schema_fingerprint(schema));
	st = is_there(shelf, name, set, &has, err);
	if (st == DP_OK && !has) {
		st = put(shelf, name, set, err);
	}
	if (st == DP_OK) {
		*strrchr(name, '/') = '\0';
		st = store->ops->sync(store, name, err);
	}
	return st;
}

dp_status dpi_schema_shelf_write(dpi_schema_shelf *shelf, dp_error **err)
{
	while (shelf->wanted_count > 0) {
		dp_schema *schema = shelf->wanted[shelf->wanted_count - 1];
		uint64_t hash = hash_of(schema);
		dp_status st = write_one(shelf, schema, err);

		if (st != DP_OK) {
			return st;
		}
		*place_of(shelf, hash) = hash;
		shelf->wanted_count--;
		dp_schema_unref(schema);
	}
	return DP_OK;
}
