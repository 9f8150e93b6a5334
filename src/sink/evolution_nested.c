/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "codec/parquet_schema.h"
#include "sink/bigquery_schema.h"
#include "sink/evolution.h"
#include "sink/files_schema.h"
#include "sink/table_merge.h"

/*
 * Two trees of columns, record by record. Files of a version have its columns,
 * so there all depends on readers of both: columns are their names, and types
 * are one, or can be promoted, or nobody reads them by one schema. A table is
 * one for all versions: table_merge.c says where new columns go.
 */

/* Columns that are looked at: records may be in many places. */
#define VISITS_MAX 1000000u
#define PATH_MAX_BYTES (1u << 20)
#define SQL_MAX_BYTES (8u << 20)

typedef struct nested_side {
	dpi_plan *plan;
	dpi_nested_columns columns;
} nested_side;

typedef struct differ {
	dp_evolution *evolution;
	const dpi_evolution_sides *sides;
	nested_side before;
	nested_side after;
	dpi_buf path; /* of the record, with a dot behind it */
	dpi_buf names[2];
	dpi_buf sql;
	size_t visits;
	dp_error **err;
} differ;

static bool is_table(const differ *d)
{
	return d->sides->kind == DP_DESTINATION_BIGQUERY;
}

static dp_status visit(differ *d, size_t count)
{
	d->visits += count;
	return d->visits <= VISITS_MAX
		? DP_OK
		: dpi_error_set(d->err, DP_ETOOBIG,
			  "%s: over a million columns to compare",
			  dp_schema_type(d->sides->after));
}

/* The path of a column of this record; valid until the next of this place. */
static const char *path_of(
	differ *d, int place, const dpi_nested_column *column)
{
	dpi_buf *buf = &d->names[place];

	if (column == NULL) {
		return "";
	}
	dpi_buf_clear(buf);
	(void)dpi_buf_append(buf, d->path.data, d->path.size);
	(void)dpi_buf_append_string(buf, column->name);
	return dpi_buf_text(buf);
}

/* A list is another type than what is in it. */
static const char *type_of(
	differ *d, const dpi_nested_column *column, dpi_buf *buf)
{
	if (column == NULL || !column->is_repeated) {
		return column == NULL ? "" : column->type;
	}
	dpi_buf_clear(buf);
	(void)dpi_buf_append_string(
		buf, is_table(d) ? "REPEATED " : "list of ");
	(void)dpi_buf_append_string(buf, column->type);
	return dpi_buf_text(buf);
}

static dp_status tell(differ *d, dp_evolution_action action,
	const dpi_nested_column *column, const dpi_nested_column *before,
	const char *sql)
{
	dpi_buf types[2];
	dp_evolution_step step = {
		.action = action, .number = column->number, .sql = sql};
	dp_status st = DP_ENOMEM;

	dpi_buf_init(&types[0], d->evolution->alloc, PATH_MAX_BYTES);
	dpi_buf_init(&types[1], d->evolution->alloc, PATH_MAX_BYTES);
	step.column = path_of(d, 0, column);
	step.before = path_of(d, 1, before);
	step.type =
		action == DP_EVOLVE_KEEP ? "" : type_of(d, column, &types[0]);
	step.type_before = type_of(d, before, &types[1]);
	if (step.column != NULL && step.before != NULL && step.type != NULL &&
		step.type_before != NULL && sql != NULL) {
		st = dpi_evolution_add(d->evolution, &step, d->err);
	} else if (sql == NULL && d->sql.failed == DP_ETOOBIG) {
		st = dpi_error_set(d->err, DP_ETOOBIG,
			"column %s has too many columns for a statement",
			column->name);
	} else {
		st = dpi_evolution_no_memory(d->err);
	}
	dpi_buf_fini(&types[0]);
	dpi_buf_fini(&types[1]);
	return st;
}

static const dpi_nested_column *find_number(
	const dpi_nested_columns *columns, uint32_t number)
{
	for (size_t i = 0; number != 0 && i < columns->count; i++) {
		if (columns->items[i].number == number) {
			return &columns->items[i];
		}
	}
	return NULL;
}

static const dpi_nested_column *find_name(
	const dpi_nested_columns *columns, const char *name)
{
	for (size_t i = 0; i < columns->count; i++) {
		if (strcmp(columns->items[i].name, name) == 0) {
			return &columns->items[i];
		}
	}
	return NULL;
}

/* Goes into a record; *ret_end is where its path ends, to leave() it. */
static dp_status enter(
	differ *d, const dpi_nested_column *column, size_t *ret_end)
{
	*ret_end = d->path.size;
	(void)dpi_buf_append_string(&d->path, column->name);
	return dpi_buf_append_byte(&d->path, '.') == DP_OK
		? DP_OK
		: dpi_evolution_no_memory(d->err);
}

static void leave(differ *d, size_t end)
{
	d->path.size = end;
}

/* Files. */

/* Of numbers, each is read as those behind it. */
static int rank_of(const char *type, bool is_avro)
{
	static const char *const avro[] = {"int", "long", "float", "double"};
	static const char *const whole[] = {"INT32", "INT64"};
	static const char *const real[] = {"FLOAT", "DOUBLE"};

	for (int i = 0; i < 4 && is_avro; i++) {
		if (strcmp(type, avro[i]) == 0) {
			return 1 + i;
		}
	}
	for (int i = 0; i < 2 && !is_avro; i++) {
		if (strcmp(type, whole[i]) == 0) {
			return 1;
		}
		if (strcmp(type, real[i]) == 0) {
			return 2;
		}
	}
	return 0;
}

static bool is_text(const char *type, bool is_avro)
{
	return strcmp(type, is_avro ? "string" : "STRING") == 0 ||
		strcmp(type, is_avro ? "bytes" : "JSON") == 0;
}

/* Whether one schema reads both: Avro's rules of resolution; in Parquet, what
 * readers that unify files do. */
static bool is_promoted(const differ *d, const dpi_nested_column *before,
	const dpi_nested_column *after)
{
	bool is_avro = d->sides->kind == DP_DESTINATION_AVRO;
	int old = rank_of(before->type, is_avro);
	int fresh = rank_of(after->type, is_avro);

	if (before->is_repeated != after->is_repeated ||
		before->columns != NULL || after->columns != NULL) {
		return false;
	}
	if (is_text(before->type, is_avro) && is_text(after->type, is_avro)) {
		return true;
	}
	return old != 0 && fresh != 0 && (is_avro || old == fresh);
}

static dp_status compare(differ *d, const dpi_nested_columns *before,
	const dpi_nested_columns *after);

static dp_status compare_column(differ *d, const dpi_nested_columns *before,
	const dpi_nested_column *column)
{
	const dpi_nested_column *old = find_name(before, column->name);
	size_t end;
	dp_status st;

	if (old == NULL) {
		old = find_number(before, column->number);
		return tell(d, old == NULL ? DP_EVOLVE_ADD : DP_EVOLVE_RENAME,
			column, old, "");
	}
	if (strcmp(old->type, column->type) != 0 ||
		old->is_repeated != column->is_repeated) {
		return tell(d,
			is_promoted(d, old, column) ? DP_EVOLVE_WIDEN
						    : DP_EVOLVE_CONFLICT,
			column, old, "");
	}
	if (column->columns == NULL) {
		return DP_OK;
	}
	st = enter(d, column, &end);
	if (st == DP_OK) {
		st = compare(d, old->columns, column->columns);
	}
	leave(d, end);
	return st;
}

static dp_status compare(differ *d, const dpi_nested_columns *before,
	const dpi_nested_columns *after)
{
	dp_status st = visit(d, before->count + after->count);

	for (size_t i = 0; st == DP_OK && i < after->count; i++) {
		st = compare_column(d, before, &after->items[i]);
	}
	for (size_t i = 0; st == DP_OK && i < before->count; i++) {
		const dpi_nested_column *old = &before->items[i];

		if (find_name(after, old->name) == NULL) {
			st = tell(d, DP_EVOLVE_KEEP, old, old, "");
		}
	}
	return st;
}

/* Tables. */

/* The statement, where it is no column of a record: those have none. */
static const char *sql_of(differ *d, const dpi_nested_column *column,
	void (*put)(dpi_buf *out, const char *table,
		const dpi_nested_column *column))
{
	if (d->path.size > 0 || d->sides->before == NULL) {
		return "";
	}
	dpi_buf_clear(&d->sql);
	put(&d->sql, d->sides->table, column);
	return dpi_buf_text(&d->sql);
}

static dp_status tell_new(differ *d, const dpi_nested_columns *before,
	const dpi_merged_column *merged)
{
	const dpi_nested_column *planned = merged->planned;
	const dpi_nested_column *old = planned->number != 0
		? find_number(before, planned->number)
		: NULL;
	dp_evolution_action action = DP_EVOLVE_ADD;

	if (old == NULL && strcmp(planned->name, merged->column.name) != 0) {
		old = find_name(before, planned->name);
	}
	if (old != NULL) {
		action = strcasecmp(old->name, planned->name) != 0
			? DP_EVOLVE_RENAME
			: DP_EVOLVE_FORK;
	}
	return tell(d, action, &merged->column, old,
		merged->is_new
			? sql_of(d, &merged->column, dpi_bigquery_put_add)
			: merged->is_wider
			? sql_of(d, &merged->column, dpi_bigquery_put_widen)
			: "");
}

static dp_status merge(differ *d, const dpi_nested_columns *before,
	const dpi_nested_columns *after, dpi_nested_columns *ret);

/* A column that was there before, and takes values of the new version. */
static dp_status merge_taken(
	differ *d, const dpi_nested_columns *before, dpi_merged_column *merged)
{
	const dpi_nested_column *old =
		find_number(before, merged->planned->number);
	dpi_nested_columns *inner;
	size_t end;
	dp_status st = DP_OK;

	if (old != NULL && old != merged->before) {
		st = tell_new(d, before, merged);
	} else if (merged->is_wider) {
		st = tell(d, DP_EVOLVE_WIDEN, &merged->column, merged->before,
			sql_of(d, &merged->column, dpi_bigquery_put_widen));
	}
	if (st != DP_OK || merged->column.columns == NULL) {
		return st;
	}
	inner = dpi_arena_zalloc(&d->evolution->arena, 1, sizeof(*inner));
	if (inner == NULL) {
		return dpi_evolution_no_memory(d->err);
	}
	st = enter(d, &merged->column, &end);
	if (st == DP_OK) {
		st = merge(d, merged->before->columns, merged->planned->columns,
			inner);
	}
	leave(d, end);
	merged->column.columns = inner;
	return st;
}

static dp_status merge_column(
	differ *d, const dpi_nested_columns *before, dpi_merged_column *merged)
{
	if (merged->is_new) {
		return tell_new(d, before, merged);
	}
	return merged->planned != NULL
		? merge_taken(d, before, merged)
		: tell(d, DP_EVOLVE_KEEP, merged->before, merged->before, "");
}

/* First what takes values, then what takes none any more. */
static dp_status merge_columns(differ *d, const dpi_nested_columns *before,
	dpi_merged_column *merged, size_t count)
{
	dp_status st = DP_OK;

	for (size_t i = 0; st == DP_OK && i < count; i++) {
		if (merged[i].planned != NULL) {
			st = merge_column(d, before, &merged[i]);
		}
	}
	for (size_t i = 0; st == DP_OK && i < count; i++) {
		if (merged[i].planned == NULL) {
			st = merge_column(d, before, &merged[i]);
		}
	}
	return st;
}

static dp_status merge(differ *d, const dpi_nested_columns *before,
	const dpi_nested_columns *after, dpi_nested_columns *ret)
{
	dpi_arena *arena = &d->evolution->arena;
	dpi_merged_column *merged = NULL;
	dpi_nested_column *items;
	size_t count = 0;
	dp_status st = visit(d, before->count + after->count);

	if (st != DP_OK) {
		return st;
	}
	st = dpi_table_merge(
		arena, before, after, d->path.size == 0, &merged, &count);
	if (st != DP_OK) {
		return dpi_evolution_no_memory(d->err);
	}
	st = merge_columns(d, before, merged, count);
	items = dpi_arena_zalloc(arena, count, sizeof(*items));
	if (items == NULL && st == DP_OK) {
		st = dpi_evolution_no_memory(d->err);
	}
	for (size_t i = 0; st == DP_OK && i < count; i++) {
		items[i] = merged[i].column;
	}
	*ret = (dpi_nested_columns){items, count};
	return st;
}

/* Both. */

static dp_status open_side(differ *d, nested_side *side, dp_schema *schema)
{
	dp_destination_kind kind = d->sides->kind;
	dpi_dialect dialect = kind == DP_DESTINATION_AVRO ? DPI_DIALECT_AVRO
		: kind == DP_DESTINATION_PARQUET          ? DPI_DIALECT_PARQUET
						 : DPI_DIALECT_BIGQUERY;
	dp_status st = dpi_plan_new(&side->plan, d->evolution->alloc, schema,
		kind == DP_DESTINATION_PARQUET ? DPI_TARGET_PARQUET
					       : DPI_TARGET_AVRO,
		d->err);

	return st == DP_OK
		? dpi_nested_columns_of(&side->columns, &d->evolution->arena,
			  side->plan, dialect, d->err)
		: st;
}

static dp_status put_parquet(differ *d)
{
	dpi_parquet_schema *schema = NULL;
	dp_status st = dpi_parquet_schema_new(&schema, d->evolution->alloc,
		d->after.plan, dpi_files_given, dpi_files_given_count, d->err);

	if (st == DP_OK) {
		dpi_parquet_schema_print(schema, &d->evolution->result);
		dpi_parquet_schema_unref(schema);
	}
	return st;
}

static dp_status plan_all(differ *d)
{
	dpi_buf *result = &d->evolution->result;
	dpi_nested_columns table = {NULL, 0};
	dp_status st = DP_OK;

	if (d->sides->before != NULL) {
		st = open_side(d, &d->before, d->sides->before);
	}
	if (st == DP_OK) {
		st = open_side(d, &d->after, d->sides->after);
	}
	if (st == DP_OK) {
		st = is_table(d)
			? merge(d, &d->before.columns, &d->after.columns,
				  &table)
			: compare(d, &d->before.columns, &d->after.columns);
	}
	if (st != DP_OK) {
		return st;
	}
	switch (d->sides->kind) {
	case DP_DESTINATION_AVRO:
		return dpi_avro_schema(d->after.plan, dpi_files_given,
			dpi_files_given_count, result, d->err);
	case DP_DESTINATION_PARQUET:
		return put_parquet(d);
	default:
		return dpi_bigquery_put_schema(result, &table, d->err);
	}
}

dp_status dpi_evolution_plan_nested(dp_evolution *evolution,
	const dpi_evolution_sides *sides, dp_error **err)
{
	const dp_allocator *alloc = evolution->alloc;
	differ d = {.evolution = evolution, .sides = sides, .err = err};
	dp_status st;

	dpi_buf_init(&d.path, alloc, PATH_MAX_BYTES);
	dpi_buf_init(&d.names[0], alloc, PATH_MAX_BYTES);
	dpi_buf_init(&d.names[1], alloc, PATH_MAX_BYTES);
	dpi_buf_init(&d.sql, alloc, SQL_MAX_BYTES);
	st = plan_all(&d);
	dpi_plan_free(d.before.plan);
	dpi_plan_free(d.after.plan);
	dpi_buf_fini(&d.path);
	dpi_buf_fini(&d.names[0]);
	dpi_buf_fini(&d.names[1]);
	dpi_buf_fini(&d.sql);
	return st;
}
