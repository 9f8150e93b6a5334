/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/files_schema.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"

#define SCHEMAS_MAX 256u
#define JSON_MAX ((size_t)64 << 20)
#define TYPE_MAX 1024u

const dpi_column_given dpi_files_given[] = {
	{"_id", "\"string\""},
	{"_source", "[\"null\",\"string\"]"},
	{"_time", "{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}"},
	{"_topic", "\"string\""},
	{"_topic_partition", "\"long\""},
	{"_offset", "\"long\""},
};

const size_t dpi_files_given_count =
	sizeof(dpi_files_given) / sizeof(dpi_files_given[0]);

void dpi_files_schemas_init(dpi_files_schemas *schemas,
	const dp_allocator *alloc, dp_file_format format)
{
	*schemas = (dpi_files_schemas){.alloc = alloc, .format = format};
}

static void free_schema(const dp_allocator *alloc, dpi_files_schema *schema)
{
	dpi_buf_fini(&schema->json);
	dpi_parquet_schema_unref(schema->parquet);
	dpi_buf_fini(&schema->type);
	dp_error_free(schema->unfit);
	dpi_free(alloc, schema, 1, sizeof(*schema));
}

static void forget(dpi_files_schemas *schemas, dpi_files_schema **link)
{
	dpi_files_schema *schema = *link;

	*link = schema->next;
	schemas->count--;
	free_schema(schemas->alloc, schema);
}

void dpi_files_schemas_fini(dpi_files_schemas *schemas)
{
	for (size_t i = 0; i < DPI_FILES_BUCKETS; i++) {
		while (schemas->buckets[i] != NULL) {
			forget(schemas, &schemas->buckets[i]);
		}
	}
}

static dpi_files_schema **find_idlest(dpi_files_schemas *schemas)
{
	dpi_files_schema **idlest = NULL;

	for (size_t i = 0; i < DPI_FILES_BUCKETS; i++) {
		dpi_files_schema **link = &schemas->buckets[i];

		for (; *link != NULL; link = &(*link)->next) {
			if (idlest == NULL ||
				(*link)->batch < (*idlest)->batch) {
				idlest = link;
			}
		}
	}
	return idlest;
}

void dpi_files_schemas_begin(dpi_files_schemas *schemas)
{
	while (schemas->count > SCHEMAS_MAX) {
		forget(schemas, find_idlest(schemas));
	}
	schemas->batch++;
}

/* A type without the field is known as such, and its events are refused. */
static dp_status resolve_fields(dpi_files_schema *schema,
	const dp_schema *described, const dpi_destination *destination)
{
	const dpi_message_type *type = dpi_schema_root(described);
	dp_status st = DP_OK;

	for (size_t i = 0; st == DP_OK; i++) {
		const char *path = dpi_destination_field(destination, i);

		if (path == NULL) {
			break;
		}
		st = dpi_field_path_resolve(
			&schema->fields[i], type, path, &schema->unfit);
	}
	return st == DP_ESCHEMA ? DP_OK : st;
}

static dp_status describe(dpi_files_schema *schema, const dp_schema *described)
{
	const char *type = dp_schema_type(described);
	uint32_t version = dp_schema_version(described);

	(void)snprintf(schema->version, sizeof(schema->version), "%u",
		(unsigned)version);
	(void)snprintf(schema->fingerprint, sizeof(schema->fingerprint), "%s",
		dp_schema_fingerprint(described));
	(void)dpi_buf_append_string(&schema->type, type);
	schema->kind = (dpi_file_kind){
		.key = dpi_hash64(version, schema->fingerprint,
			       strlen(schema->fingerprint)) ^
			dpi_hash64(1, type, strlen(type)),
		.schema_json = dpi_buf_text(&schema->json),
		.parquet = schema->parquet,
		.meta = schema->meta,
		.meta_count = schema->parquet != NULL ? DPI_FILES_META
						      : DPI_FILES_META - 1,
	};
	schema->meta[0] = (dpi_file_meta){"datapipe.type",
		dpi_bytes(schema->type.data, schema->type.size)};
	schema->meta[1] = (dpi_file_meta){
		"datapipe.version", dpi_bytes_text(schema->version)};
	schema->meta[2] = (dpi_file_meta){
		"datapipe.fingerprint", dpi_bytes_text(schema->fingerprint)};
	schema->meta[3] = (dpi_file_meta){
		"datapipe.recursion", dpi_bytes_text(schema->recursion)};
	return schema->type.failed;
}

static dp_status make_columns(dpi_files_schema *schema,
	const dp_allocator *alloc, const dpi_plan *plan, dp_file_format format,
	dp_error **err)
{
	(void)snprintf(schema->recursion, sizeof(schema->recursion), "%u",
		dpi_plan_recursion(plan));
	return format == DP_FILE_FORMAT_PARQUET
		? dpi_parquet_schema_new(&schema->parquet, alloc, plan,
			  dpi_files_given, dpi_files_given_count, err)
		: dpi_avro_schema(plan, dpi_files_given, dpi_files_given_count,
			  &schema->json, err);
}

static dp_status fill(dpi_files_schemas *schemas, dpi_files_schema *schema,
	const dpi_event_plan *plan, const dpi_destination *destination,
	dp_error **err)
{
	dp_status st = make_columns(
		schema, schemas->alloc, plan->plan, schemas->format, err);

	if (st != DP_OK) {
		return st;
	}
	st = resolve_fields(schema, plan->schema, destination);
	if (st == DP_OK) {
		st = describe(schema, plan->schema);
	}
	return st == DP_OK
		? DP_OK
		: dpi_error_set(err, st, "files of type %s: %s",
			  dp_schema_type(plan->schema), dp_status_name(st));
}

static dp_status make(dpi_files_schemas *schemas, const dpi_event_plan *plan,
	const dpi_destination *destination, dpi_files_schema **ret,
	dp_error **err)
{
	dpi_files_schema *schema =
		dpi_zalloc(schemas->alloc, 1, sizeof(*schema));
	dp_status st;

	if (schema == NULL) {
		return dpi_error_set(err, DP_ENOMEM,
			"no memory for files of type %s",
			dp_schema_type(plan->schema));
	}
	schema->plan = plan->id;
	dpi_buf_init(&schema->json, schemas->alloc, JSON_MAX);
	dpi_buf_init(&schema->type, schemas->alloc, TYPE_MAX);
	st = fill(schemas, schema, plan, destination, err);
	if (st != DP_OK) {
		free_schema(schemas->alloc, schema);
		return st;
	}
	*ret = schema;
	return DP_OK;
}

dp_status dpi_files_schemas_get(dpi_files_schemas *schemas,
	const dpi_event_plan *plan, const dpi_destination *destination,
	const dpi_files_schema **ret, dp_error **err)
{
	dpi_files_schema **link =
		&schemas->buckets[plan->id % DPI_FILES_BUCKETS];
	dp_status st = DP_OK;

	while (*link != NULL && (*link)->plan != plan->id) {
		link = &(*link)->next;
	}
	if (*link == NULL) {
		st = make(schemas, plan, destination, link, err);
		schemas->count += st == DP_OK;
	}
	if (st == DP_OK) {
		(*link)->batch = schemas->batch;
		*ret = *link;
	}
	return st;
}
