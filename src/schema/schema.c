/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/schema.h"

#include <stdatomic.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/error.h"
#include "schema/types.h"

struct dp_schema {
	const dp_allocator *alloc;
	_Atomic uint32_t refs;
	uint32_t version;
	dpi_types types; /* its arena holds the set, too */
	dp_bytes set;
	const dpi_message_type *root;
	char fingerprint[DPI_FINGERPRINT_TEXT + 1];
};

static dp_status no_memory(dp_error **err)
{
	return dpi_error_set(err, DP_ENOMEM, "no memory for a schema");
}

static dp_status no_type(const char *type, dp_error **err)
{
	return dpi_error_set(
		err, DP_ENOTFOUND, "message %s is not in the set", type);
}

static dp_status build(
	dp_schema *schema, dpi_raw_set *raw, const char *type, dp_error **err)
{
	dp_status st = dpi_types_build(&schema->types, schema->alloc, raw, err);
	void *copy;

	if (st != DP_OK) {
		return st;
	}
	copy = dpi_arena_dup(
		&schema->types.arena, schema->set.data, schema->set.size);
	if (copy == NULL) {
		dpi_types_fini(&schema->types);
		return no_memory(err);
	}
	schema->set.data = copy;
	schema->root = dpi_types_find(&schema->types, type);
	return DP_OK;
}

static dp_status check_fingerprint(dpi_raw_set *raw, const dp_allocator *alloc,
	const char *type, const char *expected, dp_error **err)
{
	const dpi_raw_message *root = dpi_raw_set_find(raw, type);
	char fingerprint[DPI_FINGERPRINT_TEXT + 1];
	dpi_canonical canonical;
	dp_status st;

	if (root == NULL) {
		return no_type(type, err);
	}
	st = dpi_canonical_init(&canonical, raw, alloc, err);
	if (st == DP_OK) {
		st = dpi_canonical_pick(&canonical, root, fingerprint, err);
	}
	dpi_canonical_fini(&canonical);
	if (st == DP_OK && strcmp(fingerprint, expected) != 0) {
		st = dpi_error_set(err, DP_ECORRUPT,
			"the set of %s has fingerprint %s instead of %s", type,
			fingerprint, expected);
	}
	return st;
}

dp_status dpi_schema_load(dp_schema **ret_schema, const dp_allocator *alloc,
	dp_bytes set, const char *type, uint32_t version,
	const char *fingerprint, dp_error **err)
{
	dp_schema *schema = dpi_zalloc(alloc, 1, sizeof(*schema));
	dpi_raw_set raw;
	dp_status st;

	if (schema == NULL) {
		return no_memory(err);
	}
	schema->alloc = alloc;
	schema->version = version;
	schema->set = set;
	atomic_init(&schema->refs, 1);
	memcpy(schema->fingerprint, fingerprint, DPI_FINGERPRINT_TEXT);
	st = dpi_raw_set_init(&raw, alloc, set.data, set.size, err);
	if (st != DP_OK) {
		goto err_after_schema;
	}
	st = dpi_raw_set_link(&raw, err);
	if (st == DP_OK) {
		st = check_fingerprint(&raw, alloc, type, fingerprint, err);
	}
	if (st == DP_OK) {
		st = build(schema, &raw, type, err);
	}
	dpi_raw_set_fini(&raw);
	if (st != DP_OK) {
		goto err_after_schema;
	}
	*ret_schema = schema;
	return DP_OK;

err_after_schema:
	dpi_free(alloc, schema, 1, sizeof(*schema));
	return st;
}

/* The canonical set of a type, for one schema only. */
static dp_status reduce(dpi_raw_set *raw, const dp_allocator *alloc,
	const char *type, dpi_buf *out, char *fingerprint, dp_error **err)
{
	const dpi_raw_message *root;
	dpi_canonical canonical;
	dp_status st = dpi_raw_set_link(raw, err);

	if (st != DP_OK) {
		return st;
	}
	root = dpi_raw_set_find(raw, type);
	if (root == NULL) {
		return no_type(type, err);
	}
	st = dpi_canonical_init(&canonical, raw, alloc, err);
	if (st == DP_OK) {
		st = dpi_canonical_pick(&canonical, root, fingerprint, err);
	}
	if (st == DP_OK) {
		st = dpi_canonical_write(&canonical, out, err);
	}
	dpi_canonical_fini(&canonical);
	return st;
}

dp_status dpi_schema_new(dp_schema **ret_schema, const dp_allocator *alloc,
	const void *set, size_t size, const char *type, dp_error **err)
{
	char fingerprint[DPI_FINGERPRINT_TEXT + 1];
	dpi_raw_set raw;
	dpi_buf reduced;
	dp_status st = dpi_raw_set_init(&raw, alloc, set, size, err);

	if (st != DP_OK) {
		return st;
	}
	dpi_buf_init(&reduced, alloc, DPI_SET_MAX_BYTES);
	st = reduce(&raw, alloc, type, &reduced, fingerprint, err);
	dpi_raw_set_fini(&raw);
	if (st == DP_OK) {
		st = dpi_schema_load(ret_schema, alloc,
			dpi_bytes(reduced.data, reduced.size), type, 1,
			fingerprint, err);
	}
	dpi_buf_fini(&reduced);
	return st;
}

dp_schema *dp_schema_ref(dp_schema *schema)
{
	atomic_fetch_add_explicit(&schema->refs, 1, memory_order_relaxed);
	return schema;
}

void dp_schema_unref(dp_schema *schema)
{
	if (schema != NULL &&
		atomic_fetch_sub_explicit(
			&schema->refs, 1, memory_order_acq_rel) == 1) {
		dpi_types_fini(&schema->types);
		dpi_free(schema->alloc, schema, 1, sizeof(*schema));
	}
}

const char *dp_schema_type(const dp_schema *schema)
{
	return schema->root->full_name;
}

uint32_t dp_schema_version(const dp_schema *schema)
{
	return schema->version;
}

const char *dp_schema_fingerprint(const dp_schema *schema)
{
	return schema->fingerprint;
}

dp_bytes dp_schema_descriptor_set(const dp_schema *schema)
{
	return schema->set;
}

const dpi_message_type *dpi_schema_root(const dp_schema *schema)
{
	return schema->root;
}

const dpi_types *dpi_schema_types(const dp_schema *schema)
{
	return &schema->types;
}

const dp_allocator *dpi_schema_alloc(const dp_schema *schema)
{
	return schema->alloc;
}
