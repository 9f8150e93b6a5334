/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/sqlite_columns.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

/* The last word of a declared type says what it is in names. */
#define SUFFIX_MAX 16

static const struct {
	const char *name;
	const char *type;
} envelope[DPI_SQLITE_ENVELOPE] = {
	{"_id", "TEXT"},
	{"_source", "TEXT"},
	{"_time", "TEXT"},
	{"_topic", "TEXT"},
	{"_topic_partition", "INTEGER"},
	{"_offset", "INTEGER"},
};

static dp_status no_memory(dp_error **err)
{
	return dpi_error_set(err, DP_ENOMEM, "no memory for a table's columns");
}

static dp_status grow(dpi_sqlite_columns *columns, size_t more, dp_error **err)
{
	size_t capacity = columns->count + more;
	dpi_sqlite_column *items;

	if (capacity <= columns->capacity) {
		return DP_OK;
	}
	capacity *= 2;
	items = dpi_arena_zalloc(columns->arena, capacity, sizeof(*items));
	if (items == NULL) {
		return no_memory(err);
	}
	if (columns->count > 0) {
		memcpy(items, columns->items, columns->count * sizeof(*items));
	}
	columns->items = items;
	columns->capacity = capacity;
	return DP_OK;
}

static dp_status add(dpi_sqlite_columns *columns, const char *name,
	const char *type, bool is_new, dp_error **err)
{
	dpi_sqlite_column column = {.is_new = is_new};
	dp_status st = grow(columns, 1, err);

	if (st != DP_OK) {
		return st;
	}
	column.name = dpi_arena_dup(columns->arena, name, strlen(name));
	column.type = dpi_arena_dup(columns->arena, type, strlen(type));
	if (column.name == NULL || column.type == NULL) {
		return no_memory(err);
	}
	columns->items[columns->count++] = column;
	return DP_OK;
}

static const char *text_of(sqlite3_stmt *stmt, int column)
{
	const unsigned char *text = sqlite3_column_text(stmt, column);

	return text != NULL ? (const char *)text : "";
}

static dp_status read_all(dpi_sqlite_columns *columns, dpi_sqlite_db *db,
	sqlite3_stmt *stmt, dp_error **err)
{
	dp_status st = DP_OK;
	int rc = SQLITE_ROW;

	while (st == DP_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		st = add(columns, text_of(stmt, 0), text_of(stmt, 1), false,
			err);
	}
	if (st == DP_OK && rc != SQLITE_DONE) {
		st = dpi_sqlite_db_fail(db, rc, err);
	}
	return st;
}

dp_status dpi_sqlite_columns_read(dpi_sqlite_columns *ret, dpi_arena *arena,
	dpi_sqlite_db *db, const char *table, size_t more, dp_error **err)
{
	sqlite3_stmt *stmt = NULL;
	dp_status st;

	*ret = (dpi_sqlite_columns){.arena = arena};
	st = grow(ret, more, err);
	if (st == DP_OK) {
		st = dpi_sqlite_db_prepare(db,
			"SELECT name, type FROM pragma_table_info(?)", &stmt,
			err);
	}
	if (st == DP_OK) {
		int rc = sqlite3_bind_text(stmt, 1, table, -1, SQLITE_STATIC);

		st = rc == SQLITE_OK ? read_all(ret, db, stmt, err)
				     : dpi_sqlite_db_fail(db, rc, err);
	}
	(void)sqlite3_finalize(stmt);
	return st;
}

/* Names that differ in case only are the same to SQLite. */
static size_t find(const dpi_sqlite_columns *columns, const char *name)
{
	size_t i = 0;

	while (i < columns->count &&
		sqlite3_stricmp(columns->items[i].name, name) != 0) {
		i++;
	}
	return i;
}

/* Takes the column of that very name, unless it means something else. */
static dp_status take_named(dpi_sqlite_columns *columns, const char *name,
	const char *type, size_t *ret_place, bool *ret_has_it, dp_error **err)
{
	size_t place = find(columns, name);
	dp_status st = DP_OK;

	*ret_has_it = false;
	if (place == columns->count) {
		st = add(columns, name, type, true, err);
	}
	if (st == DP_OK && !columns->items[place].is_taken &&
		sqlite3_stricmp(columns->items[place].type, type) == 0) {
		columns->items[place].is_taken = true;
		*ret_place = place;
		*ret_has_it = true;
	}
	return st;
}

/* "JSON TEXT" gives "__json", all others their one word. */
static void suffix_of(char *suffix, const char *type)
{
	size_t n = 0;

	suffix[n++] = '_';
	suffix[n++] = '_';
	while (*type != '\0' && *type != ' ' && n < SUFFIX_MAX - 1) {
		suffix[n++] = (char)tolower((unsigned char)*type++);
	}
	suffix[n] = '\0';
}

static dp_status take_forked(dpi_sqlite_columns *columns, const char *name,
	const char *type, size_t *ret_place, dp_error **err)
{
	char suffix[SUFFIX_MAX];
	bool has_it = false;
	dp_status st = DP_OK;

	suffix_of(suffix, type);
	while (st == DP_OK && !has_it) {
		size_t size = strlen(name) + strlen(suffix) + 1;
		char *longer = dpi_arena_alloc(columns->arena, size);

		if (longer == NULL) {
			return no_memory(err);
		}
		(void)snprintf(longer, size, "%s%s", name, suffix);
		name = longer;
		st = take_named(columns, name, type, ret_place, &has_it, err);
	}
	return st;
}

/*
 * All take their own names before any takes another, so that a fork never
 * gets in the way of a field that is really called so.
 */
dp_status dpi_sqlite_columns_place(dpi_sqlite_columns *columns,
	const dpi_plan *plan, size_t *places, dp_error **err)
{
	const dpi_column *planned;
	size_t count = dpi_row_columns(plan, &planned);
	bool *has = dpi_arena_zalloc(
		columns->arena, DPI_SQLITE_ENVELOPE + count, sizeof(*has));
	dp_status st = DP_OK;

	if (has == NULL) {
		return no_memory(err);
	}
	for (size_t i = 0; st == DP_OK && i < DPI_SQLITE_ENVELOPE; i++) {
		st = take_named(columns, envelope[i].name, envelope[i].type,
			&places[i], &has[i], err);
	}
	for (size_t i = 0; st == DP_OK && i < count; i++) {
		size_t at = DPI_SQLITE_ENVELOPE + i;

		st = take_named(columns, planned[i].name, planned[i].sql_type,
			&places[at], &has[at], err);
	}
	for (size_t i = 0; st == DP_OK && i < DPI_SQLITE_ENVELOPE; i++) {
		if (!has[i]) {
			st = take_forked(columns, envelope[i].name,
				envelope[i].type, &places[i], err);
		}
	}
	for (size_t i = 0; st == DP_OK && i < count; i++) {
		size_t at = DPI_SQLITE_ENVELOPE + i;

		if (!has[at]) {
			st = take_forked(columns, planned[i].name,
				planned[i].sql_type, &places[at], err);
		}
	}
	return st;
}

void dpi_sqlite_quote(dpi_buf *out, const char *name)
{
	(void)dpi_buf_append_byte(out, '"');
	for (; *name != '\0'; name++) {
		if (*name == '"') {
			(void)dpi_buf_append_byte(out, '"');
		}
		(void)dpi_buf_append_byte(out, (uint8_t)*name);
	}
	(void)dpi_buf_append_byte(out, '"');
}

static void put_definition(dpi_buf *out, const dpi_sqlite_column *column)
{
	dpi_sqlite_quote(out, column->name);
	(void)dpi_buf_append_byte(out, ' ');
	(void)dpi_buf_append_string(out, column->type);
}

void dpi_sqlite_put_create(
	dpi_buf *out, const char *table, const dpi_sqlite_columns *columns)
{
	(void)dpi_buf_append_string(out, "CREATE TABLE ");
	dpi_sqlite_quote(out, table);
	for (size_t i = 0; i < columns->count; i++) {
		(void)dpi_buf_append_string(out, i == 0 ? "(" : ", ");
		put_definition(out, &columns->items[i]);
	}
	(void)dpi_buf_append_byte(out, ')');
}

void dpi_sqlite_put_alter(
	dpi_buf *out, const char *table, const dpi_sqlite_column *column)
{
	(void)dpi_buf_append_string(out, "ALTER TABLE ");
	dpi_sqlite_quote(out, table);
	(void)dpi_buf_append_string(out, " ADD COLUMN ");
	put_definition(out, column);
}

dp_status dpi_sqlite_columns_alter(const dpi_sqlite_columns *columns,
	dpi_sqlite_db *db, const char *table, dpi_buf *sql, dp_error **err)
{
	dp_status st = DP_OK;

	for (size_t i = 0; st == DP_OK && i < columns->count; i++) {
		const char *text;

		if (!columns->items[i].is_new) {
			continue;
		}
		dpi_buf_clear(sql);
		dpi_sqlite_put_alter(sql, table, &columns->items[i]);
		text = dpi_buf_text(sql);
		st = text != NULL ? dpi_sqlite_db_run(db, text, err)
				  : no_memory(err);
	}
	return st;
}
