/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/parquet_schema.h"

#include <string.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/error.h"
#include "codec/plan_tables.h"

#define ARENA_MAX ((size_t)256 << 20)

/* Names from the root to a leaf; a list or a map has two more. */
#define PATH_MAX_PARTS (3 * (DPI_PARQUET_NESTING_MAX + 2))

/* What Parquet's repetition types and former types of columns are. */
enum { REQUIRED, OPTIONAL, REPEATED };
enum {
	CONVERTED_UTF8 = 0,
	CONVERTED_MAP = 1,
	CONVERTED_LIST = 3,
	CONVERTED_TIMESTAMP_MICROS = 10,
	CONVERTED_UINT_64 = 14,
	CONVERTED_JSON = 19
};

typedef struct parquet_builder {
	dpi_arena *arena;
	dpi_buf steps;
	dpi_buf leaves;
	uint32_t step_count, leaf_count, element_count;
	const char *path[PATH_MAX_PARTS];
	size_t path_count;
	unsigned nesting;
	dp_status failed;
} parquet_builder;

/* Where a value stands: levels at which it is there. */
typedef struct parquet_place {
	unsigned def, rep;
} parquet_place;

static bool fail(parquet_builder *b, dp_status code)
{
	if (b->failed == DP_OK) {
		b->failed = code;
	}
	return false;
}

static dpi_parquet_step *step_at(parquet_builder *b, uint32_t i)
{
	return (dpi_parquet_step *)(void *)b->steps.data + i;
}

static bool is_leaf(dpi_step_kind kind)
{
	return kind < DPI_STEP_RECORD;
}

static dpi_parquet_type physical_type(dpi_step_kind kind)
{
	switch (kind) {
	case DPI_STEP_BOOL:
		return DPI_PARQUET_BOOLEAN;
	case DPI_STEP_INT32:
		return DPI_PARQUET_INT32;
	case DPI_STEP_FLOAT:
		return DPI_PARQUET_FLOAT;
	case DPI_STEP_DOUBLE:
		return DPI_PARQUET_DOUBLE;
	case DPI_STEP_BYTES:
		return DPI_PARQUET_BYTES;
	default:
		return DPI_PARQUET_INT64;
	}
}

static dpi_step_kind step_kind(dpi_kind kind)
{
	switch (kind) {
	case DPI_KIND_BOOL:
		return DPI_STEP_BOOL;
	case DPI_KIND_INT32:
	case DPI_KIND_SINT32:
		return DPI_STEP_INT32;
	case DPI_KIND_UINT64:
		return DPI_STEP_DECIMAL;
	case DPI_KIND_FLOAT:
		return DPI_STEP_FLOAT;
	case DPI_KIND_DOUBLE:
		return DPI_STEP_DOUBLE;
	case DPI_KIND_STRING:
	case DPI_KIND_BYTES:
	case DPI_KIND_ENUM:
	case DPI_KIND_JSON:
		return DPI_STEP_BYTES;
	case DPI_KIND_RECORD:
		return DPI_STEP_RECORD;
	default:
		return DPI_STEP_INT64;
	}
}

static dpi_parquet_logical logical_of(dpi_kind kind)
{
	switch (kind) {
	case DPI_KIND_STRING:
	case DPI_KIND_ENUM:
		return DPI_LOGICAL_STRING;
	case DPI_KIND_JSON:
		return DPI_LOGICAL_JSON;
	case DPI_KIND_UINT64:
		return DPI_LOGICAL_UINT64;
	case DPI_KIND_TIMESTAMP:
		return DPI_LOGICAL_TIMESTAMP;
	default:
		return DPI_LOGICAL_NONE;
	}
}

static bool add_leaf(parquet_builder *b, const dpi_parquet_step *step)
{
	const char **path =
		dpi_arena_zalloc(b->arena, b->path_count + 1, sizeof(*path));
	dpi_parquet_leaf leaf = {.type = physical_type(step->kind),
		.max_def = step->def,
		.max_rep = step->rep,
		.path = path,
		.path_count = b->path_count + 1};

	if (b->leaf_count == DPI_PARQUET_COLUMNS_MAX) {
		return fail(b, DP_ETOOBIG);
	}
	if (path == NULL ||
		dpi_buf_append(&b->leaves, &leaf, sizeof(leaf)) != DP_OK) {
		return fail(b, DP_ENOMEM);
	}
	memcpy(path, b->path, b->path_count * sizeof(*path));
	path[b->path_count] = step->name;
	b->leaf_count++;
	return true;
}

/* Returns its index; the caller ends it, unless it is a leaf. */
static uint32_t add_step(
	parquet_builder *b, dpi_parquet_step step, parquet_place place)
{
	step.def = (uint8_t)place.def;
	step.rep = (uint8_t)place.rep;
	step.first_leaf = b->leaf_count;
	if (is_leaf(step.kind)) {
		(void)add_leaf(b, &step);
	}
	step.end_leaf = b->leaf_count;
	step.end = b->step_count + 1;
	b->element_count++;
	if (dpi_buf_append(&b->steps, &step, sizeof(step)) != DP_OK) {
		(void)fail(b, DP_ENOMEM);
		return 0;
	}
	return b->step_count++;
}

static void end_step(parquet_builder *b, uint32_t i)
{
	if (b->failed == DP_OK) {
		step_at(b, i)->end = b->step_count;
		step_at(b, i)->end_leaf = b->leaf_count;
	}
}

/* The schema outlives the plan, whose arena has the names. */
static const char *own(parquet_builder *b, const char *name)
{
	const char *copy = dpi_arena_dup(b->arena, name, strlen(name));

	if (copy == NULL) {
		(void)fail(b, DP_ENOMEM);
		return "";
	}
	return copy;
}

static void add_columns(
	parquet_builder *b, const dpi_plan_node *node, parquet_place place);

static void add_value(parquet_builder *b, const dpi_plan_field *field,
	const char *name, bool is_nullable, parquet_place place)
{
	dpi_kind kind = field->kind == DPI_KIND_WRAPPER
		? field->child->fields[0].kind
		: field->kind;
	dpi_parquet_step step = {.kind = step_kind(kind),
		.logical = logical_of(kind),
		.is_nullable = is_nullable,
		.is_optional = is_nullable,
		.name = name};
	uint32_t i = add_step(b, step, place);

	if (step.kind != DPI_STEP_RECORD || b->failed != DP_OK) {
		return;
	}
	b->path[b->path_count++] = name;
	add_columns(b, field->child, place);
	b->path_count--;
	end_step(b, i);
}

static void add_entries(
	parquet_builder *b, const dpi_plan_field *field, parquet_place place)
{
	const dpi_plan_node *entry = field->child;

	for (size_t i = 0; i < entry->field_count; i++) {
		const dpi_plan_field *f = &entry->fields[i];

		add_value(
			b, f, f == entry->key ? "key" : "value", false, place);
	}
}

static void add_repeated(parquet_builder *b, const dpi_plan_field *field,
	const char *name, parquet_place place)
{
	parquet_place element = {place.def + 2, place.rep + 1};
	dpi_parquet_step step = {
		.kind = field->is_map ? DPI_STEP_MAP : DPI_STEP_LIST,
		.is_optional = true,
		.name = name};
	uint32_t i;

	place = (parquet_place){place.def + 1, place.rep + 1};
	i = add_step(b, step, place);
	b->element_count++;
	b->path[b->path_count++] = name;
	b->path[b->path_count++] = field->is_map ? "key_value" : "list";
	if (field->is_map) {
		add_entries(b, field, element);
	} else {
		add_value(b, field, "element", false, element);
	}
	b->path_count -= 2;
	end_step(b, i);
}

static void add_ours(parquet_builder *b, const char *name,
	dpi_parquet_logical logical, parquet_place place)
{
	dpi_parquet_step step = {.kind = DPI_STEP_BYTES,
		.logical = logical,
		.is_nullable = true,
		.is_optional = true,
		.name = name};

	place.def++;
	(void)add_step(b, step, place);
}

static void add_columns(
	parquet_builder *b, const dpi_plan_node *node, parquet_place place)
{
	parquet_place inside = {place.def + 1, place.rep};

	if (b->nesting == DPI_PARQUET_NESTING_MAX) {
		(void)fail(b, DP_ETOOBIG);
		return;
	}
	b->nesting++;
	for (size_t i = 0; b->failed == DP_OK && i < node->field_count; i++) {
		const dpi_plan_field *field = &node->fields[i];
		const char *name = own(b, field->name);

		if (field->is_repeated) {
			add_repeated(b, field, name, place);
		} else {
			add_value(b, field, name, true, inside);
		}
	}
	for (size_t i = 0; i < node->type->oneof_count; i++) {
		add_ours(b, own(b, node->oneof_names[i]), DPI_LOGICAL_STRING,
			place);
	}
	add_ours(b, "_unknown", DPI_LOGICAL_NONE, place);
	b->nesting--;
}

/* The types that given columns have are few: they are told by their text. */
static void add_given(parquet_builder *b, const dpi_column_given *given)
{
	const char *type = given->avro_schema;
	bool is_nullable = strstr(type, "\"null\"") != NULL;
	bool is_time = strstr(type, "timestamp-micros") != NULL;
	bool is_text = strstr(type, "\"string\"") != NULL;
	dpi_parquet_step step = {
		.kind = is_text ? DPI_STEP_BYTES : DPI_STEP_INT64,
		.logical = is_text ? DPI_LOGICAL_STRING
			: is_time  ? DPI_LOGICAL_TIMESTAMP
				   : DPI_LOGICAL_NONE,
		.is_nullable = is_nullable,
		.is_optional = is_nullable,
		.name = own(b, given->name)};

	(void)add_step(b, step, (parquet_place){is_nullable, 0});
}

static void *keep(parquet_builder *b, const dpi_buf *buf)
{
	void *kept = b->failed == DP_OK ? dpi_arena_alloc(b->arena, buf->size)
					: NULL;

	if (kept == NULL) {
		(void)fail(b, DP_ENOMEM);
		return NULL;
	}
	memcpy(kept, buf->data, buf->size);
	return kept;
}

static void keep_all(parquet_builder *b, dpi_parquet_schema *schema)
{
	dpi_parquet_step *steps = keep(b, &b->steps);
	dpi_parquet_leaf *leaves = keep(b, &b->leaves);

	if (b->failed != DP_OK) {
		return;
	}
	for (uint32_t i = 0; i < b->step_count; i++) {
		if (is_leaf(steps[i].kind)) {
			leaves[steps[i].first_leaf].step = &steps[i];
		}
	}
	schema->steps = steps;
	schema->step_count = b->step_count;
	schema->leaves = leaves;
	schema->leaf_count = b->leaf_count;
	schema->element_count = b->element_count;
}

static void build(parquet_builder *b, const dpi_plan *plan,
	const dpi_column_given *given, size_t given_count)
{
	for (size_t i = 0; i < given_count; i++) {
		add_given(b, &given[i]);
	}
	add_columns(b, plan->nodes[0], (parquet_place){0, 0});
}

dp_status dpi_parquet_schema_new(dpi_parquet_schema **ret,
	const dp_allocator *alloc, const dpi_plan *plan,
	const dpi_column_given *given, size_t given_count, dp_error **err)
{
	const char *type = plan->nodes[0]->type->full_name;
	dpi_parquet_schema *schema = dpi_zalloc(alloc, 1, sizeof(*schema));
	parquet_builder b = {.failed = DP_OK};

	if (schema == NULL) {
		return dpi_error_set(
			err, DP_ENOMEM, "%s: Parquet columns: no memory", type);
	}
	schema->refs = 1;
	dpi_arena_init(&schema->arena, alloc, ARENA_MAX);
	b.arena = &schema->arena;
	dpi_buf_init(&b.steps, alloc, ARENA_MAX);
	dpi_buf_init(&b.leaves, alloc, ARENA_MAX);
	build(&b, plan, given, given_count);
	keep_all(&b, schema);
	schema->name = own(&b, type);
	dpi_buf_fini(&b.steps);
	dpi_buf_fini(&b.leaves);
	if (b.failed != DP_OK) {
		dpi_parquet_schema_unref(schema);
		return dpi_error_set(err, b.failed, "%s: Parquet columns: %s",
			type,
			b.failed == DP_ETOOBIG
				? "over 10000, or nested over 100 deep"
				: "no memory");
	}
	*ret = schema;
	return DP_OK;
}

dpi_parquet_schema *dpi_parquet_schema_ref(dpi_parquet_schema *schema)
{
	schema->refs++;
	return schema;
}

void dpi_parquet_schema_unref(dpi_parquet_schema *schema)
{
	const dp_allocator *alloc;

	if (schema == NULL || --schema->refs > 0) {
		return;
	}
	alloc = schema->arena.alloc;
	dpi_arena_fini(&schema->arena);
	dpi_free(alloc, schema, 1, sizeof(*schema));
}

static int converted_type(dpi_parquet_logical logical)
{
	switch (logical) {
	case DPI_LOGICAL_STRING:
		return CONVERTED_UTF8;
	case DPI_LOGICAL_JSON:
		return CONVERTED_JSON;
	case DPI_LOGICAL_UINT64:
		return CONVERTED_UINT_64;
	default:
		return CONVERTED_TIMESTAMP_MICROS;
	}
}

/* Cases of the union LogicalType, by their numbers. */
static void put_logical(dpi_thrift *thrift, dpi_parquet_logical logical)
{
	dpi_thrift_open(thrift, 10);
	switch (logical) {
	case DPI_LOGICAL_STRING:
		dpi_thrift_empty(thrift, 1);
		break;
	case DPI_LOGICAL_JSON:
		dpi_thrift_empty(thrift, 12);
		break;
	case DPI_LOGICAL_UINT64:
		dpi_thrift_open(thrift, 10);
		dpi_thrift_i8(thrift, 1, 64);
		dpi_thrift_bool(thrift, 2, false);
		dpi_thrift_close(thrift);
		break;
	default:
		dpi_thrift_open(thrift, 8);
		dpi_thrift_bool(thrift, 1, true);
		dpi_thrift_open(thrift, 2);
		dpi_thrift_empty(thrift, 2);
		dpi_thrift_close(thrift);
		dpi_thrift_close(thrift);
		break;
	}
	dpi_thrift_close(thrift);
}

static void put_leaf(dpi_thrift *thrift, const dpi_parquet_step *step)
{
	dpi_thrift_element_open(thrift);
	dpi_thrift_i32(thrift, 1, (int32_t)physical_type(step->kind));
	dpi_thrift_i32(thrift, 3, step->is_optional ? OPTIONAL : REQUIRED);
	dpi_thrift_text(thrift, 4, step->name);
	if (step->logical != DPI_LOGICAL_NONE) {
		dpi_thrift_i32(thrift, 6, converted_type(step->logical));
		put_logical(thrift, step->logical);
	}
	dpi_thrift_close(thrift);
}

static uint32_t count_children(
	const dpi_parquet_schema *schema, uint32_t i, uint32_t end)
{
	uint32_t count = 0;

	for (; i < end; i = schema->steps[i].end) {
		count++;
	}
	return count;
}

/* converted and logical: numbers, 0 for none. */
static void put_group(dpi_thrift *thrift, const char *name, int repetition,
	uint32_t children, int converted, unsigned logical)
{
	dpi_thrift_element_open(thrift);
	dpi_thrift_i32(thrift, 3, repetition);
	dpi_thrift_text(thrift, 4, name);
	dpi_thrift_i32(thrift, 5, (int32_t)children);
	if (logical != 0) {
		dpi_thrift_i32(thrift, 6, converted);
		dpi_thrift_open(thrift, 10);
		dpi_thrift_empty(thrift, logical);
		dpi_thrift_close(thrift);
	}
	dpi_thrift_close(thrift);
}

static void put_step(
	const dpi_parquet_schema *schema, dpi_thrift *thrift, uint32_t i)
{
	const dpi_parquet_step *step = &schema->steps[i];
	uint32_t children = count_children(schema, i + 1, step->end);
	int repetition = step->is_optional ? OPTIONAL : REQUIRED;

	switch (step->kind) {
	case DPI_STEP_LIST:
		put_group(thrift, step->name, repetition, 1, CONVERTED_LIST, 3);
		put_group(thrift, "list", REPEATED, children, 0, 0);
		break;
	case DPI_STEP_MAP:
		put_group(thrift, step->name, repetition, 1, CONVERTED_MAP, 2);
		put_group(thrift, "key_value", REPEATED, children, 0, 0);
		break;
	case DPI_STEP_RECORD:
		put_group(thrift, step->name, repetition, children, 0, 0);
		break;
	default:
		put_leaf(thrift, step);
		break;
	}
}

void dpi_parquet_schema_write(
	const dpi_parquet_schema *schema, dpi_thrift *thrift)
{
	dpi_thrift_list(
		thrift, 2, DPI_THRIFT_STRUCT, schema->element_count + 1u);
	dpi_thrift_element_open(thrift);
	dpi_thrift_text(thrift, 4, schema->name);
	dpi_thrift_i32(thrift, 5,
		(int32_t)count_children(schema, 0, schema->step_count));
	dpi_thrift_close(thrift);
	/* Steps are in the order that elements have: depth first. */
	for (uint32_t i = 0; i < schema->step_count; i++) {
		put_step(schema, thrift, i);
	}
}
