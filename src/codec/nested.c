/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/nested.h"

#include <string.h>

#include "base/error.h"
#include "codec/plan_tables.h"

/* As deep as Avro's schema goes. */
#define NESTING_MAX 200u

/*
 * A node of the plan becomes its columns once, whoever contains it, so that
 * this takes no more memory than the plan, though paths may be many.
 */
typedef struct nested_maker {
	dpi_arena *arena;
	dpi_dialect dialect;
	dpi_nested_columns *made; /* by index of the node */
	unsigned nesting;
	dp_status failed;
} nested_maker;

/* A line of doc/mapping.md. */
typedef struct type_names {
	const char *avro;
	const char *parquet;
	const char *bigquery;
} type_names;

static const type_names types[] = {
	[DPI_KIND_BOOL] = {"boolean", "BOOLEAN", "BOOL"},
	[DPI_KIND_INT32] = {"int", "INT32", "INT64"},
	[DPI_KIND_SINT32] = {"int", "INT32", "INT64"},
	[DPI_KIND_INT64] = {"long", "INT64", "INT64"},
	[DPI_KIND_SINT64] = {"long", "INT64", "INT64"},
	[DPI_KIND_UINT32] = {"long", "INT64", "INT64"},
	[DPI_KIND_UINT64] = {"decimal(20, 0)", "UINT_64", "NUMERIC"},
	[DPI_KIND_FLOAT] = {"float", "FLOAT", "FLOAT64"},
	[DPI_KIND_DOUBLE] = {"double", "DOUBLE", "FLOAT64"},
	[DPI_KIND_STRING] = {"string", "STRING", "STRING"},
	[DPI_KIND_BYTES] = {"bytes", "BYTE_ARRAY", "BYTES"},
	[DPI_KIND_ENUM] = {"string", "STRING", "STRING"},
	[DPI_KIND_RECORD] = {"record", "group", "RECORD"},
	[DPI_KIND_TIMESTAMP] = {"timestamp-micros", "TIMESTAMP", "TIMESTAMP"},
	[DPI_KIND_DURATION] = {"long", "INT64", "INT64"},
	[DPI_KIND_JSON] = {"string", "JSON", "JSON"},
};

static const char *type_of(const nested_maker *m, dpi_kind kind)
{
	switch (m->dialect) {
	case DPI_DIALECT_AVRO:
		return types[kind].avro;
	case DPI_DIALECT_PARQUET:
		return types[kind].parquet;
	default:
		return types[kind].bigquery;
	}
}

/* Readers of Avro compare names of records, but not where they are. */
static const char *record_type(const nested_maker *m, const dpi_plan_node *node)
{
	const char *dot;

	if (m->dialect != DPI_DIALECT_AVRO) {
		return type_of(m, DPI_KIND_RECORD);
	}
	dot = strrchr(node->name, '.');
	return dot != NULL ? dot + 1 : node->name;
}

static const dpi_nested_columns *columns_of(
	nested_maker *m, const dpi_plan_node *node);

/* False if it failed. */
static bool fill_field(
	nested_maker *m, dpi_nested_column *column, const dpi_plan_field *field)
{
	dpi_kind kind = field->kind == DPI_KIND_WRAPPER
		? field->child->fields[0].kind
		: field->kind;

	column->name = field->name;
	column->number = field->field->number;
	column->is_repeated = field->is_repeated;
	if (!field->is_map && kind != DPI_KIND_RECORD) {
		column->type = type_of(m, kind);
		return true;
	}
	column->type = field->is_map ? type_of(m, DPI_KIND_RECORD)
				     : record_type(m, field->child);
	column->columns = columns_of(m, field->child);
	return column->columns != NULL;
}

/* Columns of ours, behind those of the fields; entries of maps have none. */
static void fill_ours(const nested_maker *m, dpi_nested_column *items,
	const dpi_plan_node *node)
{
	size_t oneofs = node->type->oneof_count;

	for (size_t i = 0; i < oneofs; i++) {
		items[i].name = node->oneof_names[i];
		items[i].type = type_of(m, DPI_KIND_STRING);
	}
	items[oneofs].name = "_unknown";
	items[oneofs].type = type_of(m, DPI_KIND_BYTES);
}

static bool fill(
	nested_maker *m, dpi_nested_column *items, const dpi_plan_node *node)
{
	if (m->nesting == NESTING_MAX) {
		m->failed = DP_ETOOBIG;
		return false;
	}
	m->nesting++;
	for (size_t i = 0; i < node->field_count; i++) {
		if (!fill_field(m, &items[i], &node->fields[i])) {
			return false;
		}
	}
	m->nesting--;
	if (node->key == NULL) {
		fill_ours(m, items + node->field_count, node);
	}
	return true;
}

/* NULL if it failed. */
static const dpi_nested_columns *columns_of(
	nested_maker *m, const dpi_plan_node *node)
{
	dpi_nested_columns *made = &m->made[node->index];
	size_t ours = node->key == NULL ? node->type->oneof_count + 1 : 0;
	size_t count = node->field_count + ours;
	dpi_nested_column *items;

	if (made->items != NULL) {
		return made;
	}
	items = dpi_arena_zalloc(m->arena, count, sizeof(*items));
	if (items == NULL) {
		m->failed = DP_ENOMEM;
		return NULL;
	}
	*made = (dpi_nested_columns){items, count};
	return fill(m, items, node) ? made : NULL;
}

dp_status dpi_nested_columns_of(dpi_nested_columns *ret, dpi_arena *arena,
	const dpi_plan *plan, dpi_dialect dialect, dp_error **err)
{
	nested_maker m = {
		.arena = arena, .dialect = dialect, .failed = DP_ENOMEM};
	const dpi_nested_columns *root = NULL;

	m.made = dpi_arena_zalloc(arena, plan->node_count, sizeof(*m.made));
	if (m.made != NULL) {
		root = columns_of(&m, plan->nodes[0]);
	}
	if (root == NULL) {
		return dpi_error_set(err, m.failed, "%s: columns: %s",
			plan->nodes[0]->type->full_name,
			m.failed == DP_ETOOBIG
				? "records are nested deeper than 200"
				: "no memory");
	}
	*ret = *root;
	return DP_OK;
}
