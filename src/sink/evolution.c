/* SPDX-License-Identifier: Apache-2.0 */
#include <datapipe/evolution.h>

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "schema/descriptor.h"
#include "sink/sqlite_columns.h"

/*
 * The columns of a table are placed by the code that the sink uses: first
 * those of the old version, as if its first event had come, then those of the
 * new one. What is new then is what the sink would add.
 */

#define ARENA_MAX_BYTES (64u << 20)
#define STEPS_MAX_BYTES (16u << 20)
#define SQL_MAX_BYTES (1u << 20)

struct dp_evolution {
	const dp_allocator *alloc;
	dpi_arena arena;
	dpi_buf steps; /* of dp_evolution_step */
};

/* A version, and where its columns are. */
typedef struct placed_version {
	dpi_plan *plan;
	const dpi_column *columns;
	size_t count;
	size_t *places; /* behind those of the envelope */
	const dpi_message_type *type;
} placed_version;

typedef struct planning {
	dp_evolution *evolution;
	const char *table;
	placed_version before;
	placed_version after;
	dpi_sqlite_columns columns;
	dpi_buf sql;
	dp_error **err;
} planning;

static dp_status no_memory(dp_error **err)
{
	return dpi_error_set(err, DP_ENOMEM, "no memory for an evolution");
}

static dp_status place(planning *p, placed_version *version, dp_schema *schema)
{
	dpi_arena *arena = &p->evolution->arena;
	dp_status st = dpi_plan_new(&version->plan, p->evolution->alloc, schema,
		DPI_TARGET_ROW, p->err);

	if (st != DP_OK) {
		return st;
	}
	version->type = dpi_schema_root(schema);
	version->count = dpi_row_columns(version->plan, &version->columns);
	version->places = dpi_arena_zalloc(
		arena, DPI_SQLITE_ENVELOPE + version->count, sizeof(size_t));
	if (version->places == NULL) {
		return no_memory(p->err);
	}
	for (size_t i = 0; i < p->columns.count; i++) {
		p->columns.items[i].is_new = false;
		p->columns.items[i].is_taken = false;
	}
	st = dpi_sqlite_columns_place(
		&p->columns, version->plan, version->places, p->err);
	version->places += DPI_SQLITE_ENVELOPE;
	return st;
}

/* The old column of the same field, or the one of ours with the same name. */
static const char *find_before(const planning *p, const dpi_column *column)
{
	const placed_version *before = &p->before;

	for (size_t i = 0; i < before->count; i++) {
		const dpi_column *old = &before->columns[i];

		if (column->number != 0 ? old->number == column->number
					: old->number == 0 &&
					strcmp(old->name, column->name) == 0) {
			return p->columns.items[before->places[i]].name;
		}
	}
	return "";
}

static dp_status add_step(planning *p, const dp_evolution_step *wanted)
{
	dpi_arena *arena = &p->evolution->arena;
	dp_evolution_step step = *wanted;

	step.struct_size = sizeof(step);
	step.column = dpi_arena_dup(arena, step.column, strlen(step.column));
	step.before = dpi_arena_dup(arena, step.before, strlen(step.before));
	step.sql = dpi_arena_dup(arena, step.sql, strlen(step.sql));
	if (step.column == NULL || step.before == NULL || step.sql == NULL ||
		dpi_buf_append(&p->evolution->steps, &step, sizeof(step)) !=
			DP_OK) {
		return no_memory(p->err);
	}
	return DP_OK;
}

/* The column of a field that had one: by its name or its type. */
static dp_evolution_action action_of(
	const planning *p, const dpi_column *column, const char *before)
{
	const dpi_field *old =
		dpi_message_field(p->before.type, column->number);
	const dpi_field *fresh =
		dpi_message_field(p->after.type, column->number);

	if (*before == '\0') {
		return DP_EVOLVE_ADD;
	}
	return old != NULL && fresh != NULL &&
			strcmp(old->name, fresh->name) != 0
		? DP_EVOLVE_RENAME
		: DP_EVOLVE_FORK;
}

static dp_status plan_column(planning *p, const dpi_column *column,
	const dpi_sqlite_column *placed, const char *before)
{
	dp_evolution_step step = {
		.column = placed->name,
		.before = before,
		.sql = "",
		.number = column->number,
		.action = action_of(p, column, before),
	};

	if (placed->is_new) {
		dpi_buf_clear(&p->sql);
		dpi_sqlite_put_alter(&p->sql, p->table, placed);
		step.sql = dpi_buf_text(&p->sql);
		if (step.sql == NULL) {
			return no_memory(p->err);
		}
	}
	return add_step(p, &step);
}

/* In the order in which the table has them, which is that of the sink. */
static dp_status plan_new_columns(planning *p)
{
	size_t *owners = dpi_arena_zalloc(
		&p->evolution->arena, p->columns.count, sizeof(*owners));
	dp_status st = DP_OK;

	if (owners == NULL) {
		return no_memory(p->err);
	}
	for (size_t i = 0; i < p->after.count; i++) {
		owners[p->after.places[i]] = i + 1;
	}
	for (size_t k = 0; st == DP_OK && k < p->columns.count; k++) {
		const dpi_sqlite_column *placed = &p->columns.items[k];
		const dpi_column *column;
		const char *before;

		if (owners[k] == 0) {
			continue;
		}
		column = &p->after.columns[owners[k] - 1];
		before = find_before(p, column);
		if (strcmp(before, placed->name) != 0) {
			st = plan_column(p, column, placed, before);
		}
	}
	return st;
}

static dp_status plan_kept_columns(planning *p)
{
	dp_status st = DP_OK;

	for (size_t i = 0; st == DP_OK && i < p->before.count; i++) {
		const dpi_column *column = &p->before.columns[i];
		const dpi_sqlite_column *placed =
			&p->columns.items[p->before.places[i]];

		if (!placed->is_taken) {
			dp_evolution_step step = {
				.column = placed->name,
				.before = placed->name,
				.sql = "",
				.number = column->number,
				.action = DP_EVOLVE_KEEP,
			};

			st = add_step(p, &step);
		}
	}
	return st;
}

static dp_status plan(dp_evolution *evolution, dp_schema *before,
	dp_schema *after, const char *table, dp_error **err)
{
	planning p = {.evolution = evolution, .table = table, .err = err};
	dp_status st;

	p.columns.arena = &evolution->arena;
	dpi_buf_init(&p.sql, evolution->alloc, SQL_MAX_BYTES);
	st = place(&p, &p.before, before);
	if (st == DP_OK) {
		st = place(&p, &p.after, after);
	}
	if (st == DP_OK) {
		st = plan_new_columns(&p);
	}
	if (st == DP_OK) {
		st = plan_kept_columns(&p);
	}
	dpi_plan_free(p.before.plan);
	dpi_plan_free(p.after.plan);
	dpi_buf_fini(&p.sql);
	return st;
}

dp_status dp_evolution_new(dp_evolution **ret_evolution, dp_schema *before,
	dp_schema *after, dp_destination_kind kind, const char *table,
	dp_error **err)
{
	dp_evolution *evolution;
	dp_status st;

	if (ret_evolution == NULL || before == NULL || after == NULL ||
		kind != DP_DESTINATION_SQLITE || table == NULL) {
		return dpi_error_set(err, DP_EINVAL,
			"an evolution needs two schemas, a known kind of "
			"destination, and a table");
	}
	if (strcmp(dp_schema_type(before), dp_schema_type(after)) != 0) {
		return dpi_error_set(err, DP_EINVAL,
			"%s and %s are not versions of one type",
			dp_schema_type(before), dp_schema_type(after));
	}
	evolution = dpi_zalloc(dpi_schema_alloc(before), 1, sizeof(*evolution));
	if (evolution == NULL) {
		return no_memory(err);
	}
	evolution->alloc = dpi_schema_alloc(before);
	dpi_arena_init(&evolution->arena, evolution->alloc, ARENA_MAX_BYTES);
	dpi_buf_init(&evolution->steps, evolution->alloc, STEPS_MAX_BYTES);
	st = plan(evolution, before, after, table, err);
	if (st != DP_OK) {
		dp_evolution_free(evolution);
		return st;
	}
	*ret_evolution = evolution;
	return DP_OK;
}

void dp_evolution_free(dp_evolution *evolution)
{
	if (evolution != NULL) {
		dpi_buf_fini(&evolution->steps);
		dpi_arena_fini(&evolution->arena);
		dpi_free(evolution->alloc, evolution, 1, sizeof(*evolution));
	}
}

size_t dp_evolution_count(const dp_evolution *evolution)
{
	return evolution->steps.size / sizeof(dp_evolution_step);
}

const dp_evolution_step *dp_evolution_get(
	const dp_evolution *evolution, size_t index)
{
	if (index >= dp_evolution_count(evolution)) {
		return NULL;
	}
	return (const dp_evolution_step *)(const void *)evolution->steps.data +
		index;
}
