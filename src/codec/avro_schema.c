/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/plan.h"

#include "base/alloc.h"
#include "base/error.h"
#include "codec/plan_tables.h"

/*
 * Each record is defined where it is met first, and named from then on.
 * Deeper than this readers give up, and so do we; a message in it would be
 * over DPI_DEPTH_MAX in any case.
 */
#define NESTING_MAX 200

typedef struct dpi_avro_schema_text {
	dpi_buf *out;
	bool *is_defined; /* by index of the node */
	unsigned nesting;
	bool is_too_deep;
} dpi_avro_schema_text;

static void put(dpi_avro_schema_text *text, const char *more)
{
	(void)dpi_buf_append_string(text->out, more);
}

static void put_record(dpi_avro_schema_text *text, const dpi_plan_node *node,
	const dpi_column_given *given, size_t given_count);

static const char *scalar_type(dpi_kind kind)
{
	switch (kind) {
	case DPI_KIND_BOOL:
		return "\"boolean\"";
	case DPI_KIND_INT32:
	case DPI_KIND_SINT32:
		return "\"int\"";
	case DPI_KIND_UINT64:
		return "{\"type\":\"bytes\",\"logicalType\":\"decimal\","
		       "\"precision\":20,\"scale\":0}";
	case DPI_KIND_FLOAT:
		return "\"float\"";
	case DPI_KIND_DOUBLE:
		return "\"double\"";
	case DPI_KIND_BYTES:
		return "\"bytes\"";
	case DPI_KIND_STRING:
	case DPI_KIND_ENUM:
		return "\"string\"";
	case DPI_KIND_JSON:
		/* By this, a load of BigQuery makes it a column of JSON. */
		return "{\"type\":\"string\",\"sqlType\":\"JSON\"}";
	case DPI_KIND_TIMESTAMP:
		return "{\"type\":\"long\","
		       "\"logicalType\":\"timestamp-micros\"}";
	default:
		return "\"long\"";
	}
}

/* Of one value. */
static void put_type(dpi_avro_schema_text *text, const dpi_plan_field *field)
{
	if (field->kind == DPI_KIND_WRAPPER) {
		put(text, scalar_type(field->child->fields[0].kind));
	} else if (field->kind == DPI_KIND_RECORD) {
		put_record(text, field->child, NULL, 0);
	} else {
		put(text, scalar_type(field->kind));
	}
}

static void begin_record(dpi_avro_schema_text *text, const char *name)
{
	put(text, "{\"type\":\"record\",\"name\":\"");
	put(text, name);
	put(text, "\",\"fields\":[");
}

/* A record that was defined before is its name; false for the first time. */
static bool put_reference(dpi_avro_schema_text *text, const dpi_plan_node *node)
{
	if (!text->is_defined[node->index]) {
		text->is_defined[node->index] = true;
		return false;
	}
	put(text, "\"");
	put(text, node->name);
	put(text, "\"");
	return true;
}

static void begin_field(
	dpi_avro_schema_text *text, const char *name, bool is_first)
{
	put(text, is_first ? "{\"name\":\"" : ",{\"name\":\"");
	put(text, name);
	put(text, "\",\"type\":");
}

/* Pairs have both, always: a missing one is the type's zero. */
static void put_entry(dpi_avro_schema_text *text, const dpi_plan_node *node)
{
	if (put_reference(text, node)) {
		return;
	}
	begin_record(text, node->name);
	for (size_t i = 0; i < node->field_count; i++) {
		begin_field(text, node->fields[i].name, i == 0);
		put_type(text, &node->fields[i]);
		put(text, "}");
	}
	put(text, "]}");
}

static void put_field(dpi_avro_schema_text *text, const dpi_plan_field *field)
{
	if (!field->is_repeated) {
		put(text, "[\"null\",");
		put_type(text, field);
		put(text, "],\"default\":null}");
		return;
	}
	put(text, "{\"type\":\"array\",\"items\":");
	if (field->is_map) {
		put_entry(text, field->child);
	} else {
		put_type(text, field);
	}
	put(text, "},\"default\":[]}");
}

static void put_nullable(
	dpi_avro_schema_text *text, const char *name, const char *type)
{
	begin_field(text, name, false);
	put(text, "[\"null\",\"");
	put(text, type);
	put(text, "\"],\"default\":null}");
}

static void put_columns(dpi_avro_schema_text *text, const dpi_plan_node *node,
	const dpi_column_given *given, size_t given_count)
{
	bool is_first = true;

	for (size_t i = 0; i < given_count; i++, is_first = false) {
		begin_field(text, given[i].name, is_first);
		put(text, given[i].avro_schema);
		put(text, "}");
	}
	for (size_t i = 0; i < node->field_count; i++, is_first = false) {
		begin_field(text, node->fields[i].name, is_first);
		put_field(text, &node->fields[i]);
	}
	for (size_t i = 0; i < node->type->oneof_count; i++) {
		put_nullable(text, node->oneof_names[i], "string");
	}
	begin_field(text, "_unknown", is_first);
	put(text, "[\"null\",\"bytes\"],\"default\":null}");
}

static void put_record(dpi_avro_schema_text *text, const dpi_plan_node *node,
	const dpi_column_given *given, size_t given_count)
{
	if (put_reference(text, node)) {
		return;
	}
	if (text->nesting == NESTING_MAX) {
		text->is_too_deep = true;
		return;
	}
	text->nesting++;
	begin_record(text, node->name);
	put_columns(text, node, given, given_count);
	put(text, "]}");
	text->nesting--;
}

dp_status dpi_avro_schema(const dpi_plan *plan, const dpi_column_given *given,
	size_t given_count, dpi_buf *out, dp_error **err)
{
	const dp_allocator *alloc = plan->arena.alloc;
	const char *type = plan->nodes[0]->type->full_name;
	dpi_avro_schema_text text = {.out = out};
	size_t start = out->size;
	dp_status st;

	text.is_defined =
		dpi_zalloc(alloc, plan->node_count, sizeof(*text.is_defined));
	if (text.is_defined == NULL) {
		return dpi_error_set(
			err, DP_ENOMEM, "%s: Avro schema: no memory", type);
	}
	put_record(&text, plan->nodes[0], given, given_count);
	dpi_free(alloc, text.is_defined, plan->node_count,
		sizeof(*text.is_defined));

	st = out->failed;
	if (text.is_too_deep) {
		st = DP_ETOOBIG;
	}
	if (st != DP_OK) {
		out->size = start;
		out->failed = DP_OK;
		return dpi_error_set(err, st, "%s: Avro schema: %s", type,
			text.is_too_deep ? "records are nested deeper than 200"
					 : dp_status_name(st));
	}
	return DP_OK;
}
