/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_SINK_SQLITE_COLUMNS_H
#define DPI_SINK_SQLITE_COLUMNS_H

#include "base/arena.h"
#include "base/buf.h"
#include "codec/plan.h"
#include "sink/sqlite_db.h"

/* Which columns a table has, and which a plan needs of it. */

/* In front of those of the plan: _id, _source, _time, _topic, ... */
#define DPI_SQLITE_ENVELOPE 6

typedef struct dpi_sqlite_column {
	const char *name;
	const char *type;
	bool is_new; /* not in the table yet */
	bool is_taken;
} dpi_sqlite_column;

typedef struct dpi_sqlite_columns {
	dpi_arena *arena;
	dpi_sqlite_column *items;
	size_t count;
	size_t capacity;
} dpi_sqlite_columns;

/* All columns of a table, with room for `more`; none if there is no table. */
DP_NODISCARD dp_status dpi_sqlite_columns_read(dpi_sqlite_columns *ret,
	dpi_arena *arena, dpi_sqlite_db *db, const char *table, size_t more,
	dp_error **err);

/*
 * Finds or adds a column for each of the envelope and of the plan: places has
 * the index of each. Errors: DP_ENOMEM.
 */
DP_NODISCARD dp_status dpi_sqlite_columns_place(dpi_sqlite_columns *columns,
	const dpi_plan *plan, size_t *places, dp_error **err);

/* Adds those that are new to the table; sql is memory to work in. */
DP_NODISCARD dp_status dpi_sqlite_columns_alter(
	const dpi_sqlite_columns *columns, dpi_sqlite_db *db, const char *table,
	dpi_buf *sql, dp_error **err);

/* A name in double quotes, its own doubled. */
void dpi_sqlite_quote(dpi_buf *out, const char *name);

/* The statement that makes a table with all columns. */
void dpi_sqlite_put_create(
	dpi_buf *out, const char *table, const dpi_sqlite_columns *columns);

/* The statement that adds a column. */
void dpi_sqlite_put_alter(
	dpi_buf *out, const char *table, const dpi_sqlite_column *column);

#endif /* DPI_SINK_SQLITE_COLUMNS_H */
