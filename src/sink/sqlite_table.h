/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_SINK_SQLITE_TABLE_H
#define DPI_SINK_SQLITE_TABLE_H

#include "base/arena.h"
#include "codec/plan.h"
#include "sink/sqlite_db.h"

/*
 * One version of one type as it goes into one table: which column each of its
 * cells has, and the statement that inserts a row.
 *
 * A table only ever grows. A column belongs to a name and a declared type;
 * where the table has the name with another type, the column's name is
 * "<name>__<type>", and so on until it is free or fits. So rows of all versions
 * stand in one table, and no value changes its meaning.
 */

typedef struct dpi_sqlite_table {
	dpi_arena arena;
	sqlite3_stmt *insert;
	const dpi_plan *plan; /* borrowed */
	dpi_cell *cells;      /* of the row in hand */
	size_t cell_count;
} dpi_sqlite_table;

/*
 * Makes the table, or adds what it lacks, inside the transaction of db.
 * Errors: those of SQLite.
 */
DP_NODISCARD dp_status dpi_sqlite_table_init(dpi_sqlite_table *table,
	dpi_sqlite_db *db, const dp_allocator *alloc, const char *name,
	const dpi_plan *plan, dp_error **err);
void dpi_sqlite_table_fini(dpi_sqlite_table *table);

/* Inserts table->cells with the envelope of msg. Errors: those of SQLite. */
DP_NODISCARD dp_status dpi_sqlite_table_insert(dpi_sqlite_table *table,
	dpi_sqlite_db *db, const dp_message *msg, dp_error **err);

/*
 * Binds a cell; its bytes must outlive the step. Returns a result of SQLite.
 */
int dpi_sqlite_bind_cell(sqlite3_stmt *stmt, int index, const dpi_cell *cell);

#endif /* DPI_SINK_SQLITE_TABLE_H */
