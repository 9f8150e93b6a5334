/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/evolution.h"

#include <string.h>

#include "schema/descriptor.h"
#include "sink/sqlite_columns.h"

/*
 * The columns of a table are placed by the code that the sink uses: first
 * those of the old version, as if its first event had come, then those of the
 * new one. What is new then is what the sink would add.
 */

#define SQL_MAX_BYTES (1u << 20)

/* A version, and where its columns are; of none if there is no table yet. */
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
		return dpi_evolution_no_memory(p->err);
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

static const char *type_of(const planning *p, const char *column)
{
	for (size_t i = 0; i < p->columns.count; i++) {
		if (strcmp(p->columns.items[i].name, column) == 0) {
			return p->columns.items[i].type;
		}
	}
	return "";
}

/* The column of a field that had one: by its name or its type. */
static dp_evolution_action action_of(
	const planning *p, const dpi_column *column, const char *before)
{
	const dpi_field *old;
	const dpi_field *fresh;

	if (*before == '\0') {
		return DP_EVOLVE_ADD;
	}
	old = dpi_message_field(p->before.type, column->number);
	fresh = dpi_message_field(p->after.type, column->number);
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
		.type = placed->type,
		.type_before = type_of(p, before),
		.number = column->number,
		.action = action_of(p, column, before),
	};

	if (placed->is_new && p->before.plan != NULL) {
		dpi_buf_clear(&p->sql);
		dpi_sqlite_put_alter(&p->sql, p->table, placed);
		step.sql = dpi_buf_text(&p->sql);
		if (step.sql == NULL) {
			return dpi_evolution_no_memory(p->err);
		}
	}
	return dpi_evolution_add(p->evolution, &step, p->err);
}

/* In the order in which the table has them, which is that of the sink. */
static dp_status plan_new_columns(planning *p)
{
	size_t *owners = dpi_arena_zalloc(
		&p->evolution->arena, p->columns.count, sizeof(*owners));
	dp_status st = DP_OK;

	if (owners == NULL) {
		return dpi_evolution_no_memory(p->err);
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
				.type_before = placed->type,
				.number = column->number,
				.action = DP_EVOLVE_KEEP,
			};

			st = dpi_evolution_add(p->evolution, &step, p->err);
		}
	}
	return st;
}

/* New columns have statements only where there is a table to alter. */
static dp_status plan_table(planning *p, const dpi_evolution_sides *sides)
{
	dp_status st = DP_OK;

	if (sides->before != NULL) {
		st = place(p, &p->before, sides->before);
	}
	if (st == DP_OK) {
		st = place(p, &p->after, sides->after);
	}
	if (st == DP_OK) {
		st = plan_new_columns(p);
	}
	if (st == DP_OK) {
		st = plan_kept_columns(p);
	}
	dpi_sqlite_put_create(&p->evolution->result, sides->table, &p->columns);
	return st;
}

dp_status dpi_evolution_plan_sqlite(dp_evolution *evolution,
	const dpi_evolution_sides *sides, dp_error **err)
{
	planning p = {
		.evolution = evolution, .table = sides->table, .err = err};
	dp_status st;

	p.columns.arena = &evolution->arena;
	dpi_buf_init(&p.sql, evolution->alloc, SQL_MAX_BYTES);
	st = plan_table(&p, sides);
	dpi_plan_free(p.before.plan);
	dpi_plan_free(p.after.plan);
	dpi_buf_fini(&p.sql);
	return st;
}
