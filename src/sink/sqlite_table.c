/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/sqlite_table.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "sink/sqlite_columns.h"

#define ARENA_MAX_BYTES (64u << 20)
#define SQL_MAX_BYTES (8u << 20)
#define TIME_TEXT_SIZE 80

/* SQL made for one table. */
typedef struct maker {
	dpi_sqlite_table *table;
	dpi_sqlite_db *db;
	const char *name;
	dpi_sqlite_columns columns;
	size_t *places; /* columns of the envelope, then of the plan */
	size_t place_count;
	dpi_buf sql;
	dp_error **err;
} maker;

static dp_status no_memory(const maker *m)
{
	return dpi_error_set(m->err, DP_ENOMEM, "no memory for a table");
}

/* Begins a statement: all after `before` is the table's name. */
static void begin_sql(maker *m, const char *before)
{
	dpi_buf_clear(&m->sql);
	(void)dpi_buf_append_string(&m->sql, before);
	dpi_sqlite_quote(&m->sql, m->name);
}

static dp_status run_sql(maker *m)
{
	const char *sql = dpi_buf_text(&m->sql);

	return sql != NULL ? dpi_sqlite_db_run(m->db, sql, m->err)
			   : no_memory(m);
}

static dp_status create(maker *m)
{
	dpi_buf_clear(&m->sql);
	dpi_sqlite_put_create(&m->sql, m->name, &m->columns);
	return run_sql(m);
}

static dp_status prepare_insert(maker *m)
{
	const char *sql;

	begin_sql(m, "INSERT INTO ");
	for (size_t i = 0; i < m->place_count; i++) {
		(void)dpi_buf_append_string(&m->sql, i == 0 ? "(" : ", ");
		dpi_sqlite_quote(&m->sql, m->columns.items[m->places[i]].name);
	}
	(void)dpi_buf_append_string(&m->sql, ") VALUES ");
	for (size_t i = 0; i < m->place_count; i++) {
		(void)dpi_buf_append_string(&m->sql, i == 0 ? "(?" : ",?");
	}
	(void)dpi_buf_append_byte(&m->sql, ')');
	sql = dpi_buf_text(&m->sql);
	return sql != NULL
		? dpi_sqlite_db_prepare(m->db, sql, &m->table->insert, m->err)
		: no_memory(m);
}

static dp_status make(maker *m)
{
	bool is_there;
	dp_status st = dpi_sqlite_columns_read(&m->columns, &m->table->arena,
		m->db, m->name, m->place_count, m->err);

	if (st != DP_OK) {
		return st;
	}
	is_there = m->columns.count > 0;
	st = dpi_sqlite_columns_place(
		&m->columns, m->table->plan, m->places, m->err);
	if (st == DP_OK) {
		st = is_there ? dpi_sqlite_columns_alter(&m->columns, m->db,
					m->name, &m->sql, m->err)
			      : create(m);
	}
	return st == DP_OK ? prepare_insert(m) : st;
}

dp_status dpi_sqlite_table_init(dpi_sqlite_table *table, dpi_sqlite_db *db,
	const dp_allocator *alloc, const char *name, const dpi_plan *plan,
	dp_error **err)
{
	const dpi_column *columns;
	maker m = {.table = table, .db = db, .name = name, .err = err};
	dp_status st;

	*table = (dpi_sqlite_table){.plan = plan};
	dpi_arena_init(&table->arena, alloc, ARENA_MAX_BYTES);
	dpi_buf_init(&m.sql, alloc, SQL_MAX_BYTES);
	table->cell_count = dpi_row_columns(plan, &columns);
	m.place_count = DPI_SQLITE_ENVELOPE + table->cell_count;
	table->cells = dpi_arena_zalloc(
		&table->arena, table->cell_count, sizeof(*table->cells));
	m.places = dpi_arena_zalloc(
		&table->arena, m.place_count, sizeof(*m.places));
	st = table->cells != NULL && m.places != NULL ? make(&m)
						      : no_memory(&m);
	dpi_buf_fini(&m.sql);
	if (st != DP_OK) {
		dpi_sqlite_table_fini(table);
	}
	return st;
}

void dpi_sqlite_table_fini(dpi_sqlite_table *table)
{
	(void)sqlite3_finalize(table->insert);
	dpi_arena_fini(&table->arena);
}

/* As codecs write a Timestamp into a column: it sorts by time. */
static int format_time(char *text, dp_time_ns time)
{
	dp_time_ns seconds = time / 1000000000;
	dp_time_ns nanos = time % 1000000000;
	dpi_civil t;

	if (nanos < 0) {
		nanos += 1000000000;
		seconds--;
	}
	t = dpi_civil_from_seconds(seconds);
	return snprintf(text, TIME_TEXT_SIZE,
		"%04d-%02d-%02dT%02d:%02d:%02d.%09dZ", (int)t.year, t.month,
		t.day, t.hour, t.minute, t.second, (int)nanos);
}

/* Bytes outlive the step, so that nothing is copied. */
static int bind_text(sqlite3_stmt *stmt, int index, dp_bytes text)
{
	if (text.data == NULL) {
		return sqlite3_bind_null(stmt, index);
	}
	return sqlite3_bind_text64(
		stmt, index, text.data, text.size, SQLITE_STATIC, SQLITE_UTF8);
}

int dpi_sqlite_bind_cell(sqlite3_stmt *stmt, int index, const dpi_cell *cell)
{
	switch (cell->kind) {
	case DPI_CELL_INT:
		return sqlite3_bind_int64(stmt, index, cell->integer);
	case DPI_CELL_REAL:
		return sqlite3_bind_double(stmt, index, cell->real);
	case DPI_CELL_TEXT:
		return bind_text(stmt, index, cell->bytes);
	case DPI_CELL_BLOB:
		return sqlite3_bind_blob64(stmt, index, cell->bytes.data,
			cell->bytes.size, SQLITE_STATIC);
	default:
		return sqlite3_bind_null(stmt, index);
	}
}

/* SQLite's results are 0 or more, so their union is 0 if all are. */
static int bind_row(dpi_sqlite_table *table, const dp_message *msg,
	const char *id, size_t id_size, const char *time, int time_size)
{
	sqlite3_stmt *stmt = table->insert;
	const char *topic = dp_message_topic(msg);
	dp_bytes source = dp_message_attribute(msg, DP_ATTR_SOURCE);
	int rc = sqlite3_bind_text(stmt, 1, id, (int)id_size, SQLITE_STATIC);

	rc |= bind_text(stmt, 2, source);
	rc |= sqlite3_bind_text(stmt, 3, time, time_size, SQLITE_STATIC);
	rc |= sqlite3_bind_text(stmt, 4, topic, -1, SQLITE_STATIC);
	rc |= sqlite3_bind_int64(stmt, 5, dp_message_partition(msg));
	rc |= sqlite3_bind_int64(stmt, 6, (int64_t)dp_message_offset(msg));
	for (size_t i = 0; i < table->cell_count; i++) {
		rc |= dpi_sqlite_bind_cell(stmt,
			(int)(DPI_SQLITE_ENVELOPE + 1 + i), &table->cells[i]);
	}
	return rc;
}

dp_status dpi_sqlite_table_insert(dpi_sqlite_table *table, dpi_sqlite_db *db,
	const dp_message *msg, dp_error **err)
{
	char id[DP_ID_SIZE];
	char time[TIME_TEXT_SIZE];
	size_t id_size = dp_message_id(msg, id);
	int time_size = format_time(time, dp_message_time(msg));
	int rc = bind_row(table, msg, id, id_size, time, time_size);
	dp_status st = DP_OK;

	if (rc == SQLITE_OK) {
		rc = sqlite3_step(table->insert);
	}
	if (rc != SQLITE_OK && rc != SQLITE_DONE) {
		st = dpi_sqlite_db_fail(
			db, sqlite3_extended_errcode(db->handle), err);
	}
	(void)sqlite3_reset(table->insert);
	return st;
}
