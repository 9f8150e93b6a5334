/* SPDX-License-Identifier: Apache-2.0 */
#include <datapipe/recovery.h>

#include <stdio.h>
#include <string.h>

#include "base/adopt.h"
#include "base/alloc.h"
#include "base/error.h"
#include "codec/recover.h"
#include "io/runtime.h"
#include "sink/event_plans.h"
#include "sink/sqlite_columns.h"
#include "sink/sqlite_name.h"
#include "sink/sqlite_table.h"

#define ARENA_MAX_BYTES (64u << 20)
#define SQL_MAX_BYTES (8u << 20)
#define UNKNOWN_MAX_BYTES (1u << 30)
#define ROWS_A_STEP 1000
#define REFUSAL_MAX 512

/* Columns of what is selected: rowid, id, unknown, and which are filled. */
enum { ROWID, ID, UNKNOWN, FILLED };

/*
 * A field's column is its place in the table. The row's number goes by a name
 * that no column of ours has: fields never begin with '_'.
 */
struct dp_sqlite_recovery {
	dp_runtime *rt;
	const dp_allocator *alloc;
	dpi_arena arena;
	dpi_sqlite_db db;
	dpi_plan *plan;
	dpi_coder *coder;
	char table[DPI_SQLITE_NAME_MAX];
	sqlite3_stmt *select, *update;
	dpi_cell *cells; /* of the row in hand; the last is `_unknown` */
	bool *is_filled;
	size_t count; /* of both */
	dpi_buf unknown;
	int64_t last; /* row that was gone through */
	dp_sqlite_recovery_report report;
	char refusal[REFUSAL_MAX];
};

static dp_status no_memory(dp_error **err)
{
	return dpi_error_set(err, DP_ENOMEM, "no memory for a recovery");
}

static dp_status has_file(const dp_sqlite_recovery *r, dp_error **err)
{
	const dpi_os *os = dpi_runtime_os(r->rt);
	int fd = os->open(os->self, r->db.path, 0);

	if (fd < 0) {
		return dpi_error_sys(err, -fd, "open %s", r->db.path);
	}
	(void)os->close(os->self, fd);
	return DP_OK;
}

static void put_select(dpi_buf *sql, const char *table,
	const dpi_sqlite_columns *columns, const size_t *places, size_t count)
{
	const char *unknown = columns->items[places[count - 1]].name;

	(void)dpi_buf_append_string(sql, "SELECT _rowid_, _id, ");
	dpi_sqlite_quote(sql, unknown);
	for (size_t i = 0; i < count - 1; i++) {
		(void)dpi_buf_append_string(sql, ", ");
		dpi_sqlite_quote(sql, columns->items[places[i]].name);
		(void)dpi_buf_append_string(sql, " IS NOT NULL");
	}
	(void)dpi_buf_append_string(sql, " FROM ");
	dpi_sqlite_quote(sql, table);
	(void)dpi_buf_append_string(sql, " WHERE _rowid_ > ?1 AND ");
	dpi_sqlite_quote(sql, unknown);
	(void)dpi_buf_append_string(
		sql, " IS NOT NULL ORDER BY _rowid_ LIMIT ?2");
}

/* A value that is there stays, whatever became of the row meanwhile. */
static void put_update(dpi_buf *sql, const char *table,
	const dpi_sqlite_columns *columns, const size_t *places, size_t count)
{
	(void)dpi_buf_append_string(sql, "UPDATE ");
	dpi_sqlite_quote(sql, table);
	(void)dpi_buf_append_string(sql, " SET ");
	for (size_t i = 0; i < count - 1; i++) {
		const char *name = columns->items[places[i]].name;

		dpi_sqlite_quote(sql, name);
		(void)dpi_buf_append_string(sql, " = coalesce(");
		dpi_sqlite_quote(sql, name);
		(void)dpi_buf_append_string(sql, ", ?), ");
	}
	dpi_sqlite_quote(sql, columns->items[places[count - 1]].name);
	(void)dpi_buf_append_string(sql, " = ? WHERE _rowid_ = ?");
}

static dp_status prepare(
	dp_sqlite_recovery *r, dpi_buf *sql, sqlite3_stmt **ret, dp_error **err)
{
	const char *text = dpi_buf_text(sql);

	return text != NULL ? dpi_sqlite_db_prepare(&r->db, text, ret, err)
			    : no_memory(err);
}

static dp_status prepare_both(dp_sqlite_recovery *r,
	const dpi_sqlite_columns *columns, const size_t *places, dpi_buf *sql,
	dp_error **err)
{
	dp_status st;

	dpi_buf_clear(sql);
	put_select(sql, r->table, columns, places, r->count);
	st = prepare(r, sql, &r->select, err);
	if (st == DP_OK) {
		dpi_buf_clear(sql);
		put_update(sql, r->table, columns, places, r->count);
		st = prepare(r, sql, &r->update, err);
	}
	return st;
}

/* There, and with what a sink puts into each table. */
static dp_status check_table(const dp_sqlite_recovery *r,
	const dpi_sqlite_columns *columns, size_t there, const size_t *places,
	dp_error **err)
{
	if (there == 0) {
		return dpi_error_set(err, DP_ENOTFOUND,
			"%s: there is no table %s", r->db.path, r->table);
	}
	if (columns->items[places[0]].is_new ||
		columns->items[places[DPI_SQLITE_ENVELOPE + r->count - 1]]
			.is_new) {
		return dpi_error_set(err, DP_EINVAL,
			"%s: table %s is none of a sink: it lacks _id or "
			"_unknown",
			r->db.path, r->table);
	}
	return DP_OK;
}

static dp_status begin_table(
	dp_sqlite_recovery *r, const char *wanted, dp_error **err)
{
	dpi_sqlite_columns columns;
	size_t places_count = DPI_SQLITE_ENVELOPE + r->count;
	size_t *places =
		dpi_arena_zalloc(&r->arena, places_count, sizeof(*places));
	dpi_buf sql;
	dp_status st;
	size_t there;

	if (places == NULL) {
		return no_memory(err);
	}
	st = dpi_sqlite_name_resolve(&r->db, wanted, r->table, err);
	if (st == DP_OK) {
		st = dpi_sqlite_columns_read(&columns, &r->arena, &r->db,
			r->table, places_count, err);
	}
	if (st != DP_OK) {
		return st;
	}
	there = columns.count;
	st = dpi_sqlite_columns_place(&columns, r->plan, places, err);
	if (st == DP_OK) {
		st = check_table(r, &columns, there, places, err);
	}
	dpi_buf_init(&sql, r->alloc, SQL_MAX_BYTES);
	if (st == DP_OK) {
		st = dpi_sqlite_columns_alter(
			&columns, &r->db, r->table, &sql, err);
	}
	if (st == DP_OK) {
		st = prepare_both(
			r, &columns, places + DPI_SQLITE_ENVELOPE, &sql, err);
	}
	dpi_buf_fini(&sql);
	return st;
}

static dp_status open_table(
	dp_sqlite_recovery *r, const char *wanted, dp_error **err)
{
	dp_status st = has_file(r, err);

	if (st == DP_OK) {
		st = dpi_sqlite_db_open(&r->db, err);
	}
	if (st == DP_OK) {
		st = dpi_sqlite_db_begin(&r->db, err);
	}
	if (st == DP_OK) {
		st = begin_table(r, wanted, err);
		if (st == DP_OK) {
			st = dpi_sqlite_db_commit(&r->db, err);
		}
	}
	return st;
}

static dp_status init_parts(dp_sqlite_recovery *r, const char *path,
	dp_schema *schema, dp_error **err)
{
	const dpi_column *columns;
	dp_status st = dpi_sqlite_db_init(&r->db, r->rt, path, err);

	if (st == DP_OK) {
		st = dpi_plan_new(
			&r->plan, r->alloc, schema, DPI_TARGET_ROW, err);
	}
	if (st == DP_OK) {
		st = dpi_coder_new(&r->coder, r->alloc, err);
	}
	if (st != DP_OK) {
		return st;
	}
	r->count = dpi_row_columns(r->plan, &columns);
	r->cells = dpi_arena_zalloc(&r->arena, r->count, sizeof(*r->cells));
	r->is_filled =
		dpi_arena_zalloc(&r->arena, r->count, sizeof(*r->is_filled));
	return r->cells != NULL && r->is_filled != NULL ? DP_OK
							: no_memory(err);
}

dp_status dp_sqlite_recovery_new(dp_sqlite_recovery **ret_recovery,
	dp_runtime *rt, const char *path, dp_schema *schema, const char *table,
	dp_error **err)
{
	dp_sqlite_recovery *r;
	dp_status st;

	if (ret_recovery == NULL || rt == NULL || path == NULL ||
		*path == '\0' || schema == NULL) {
		return dpi_error_set(err, DP_EINVAL,
			"a recovery needs a runtime, a path and a schema");
	}
	if (table == NULL) {
		table = dp_schema_type(schema);
	}
	if (strlen(table) >= DPI_DESTINATION_MAX) {
		return dpi_error_set(err, DP_EINVAL,
			"a table's name is at most %d bytes",
			DPI_DESTINATION_MAX - 1);
	}
	st = dpi_runtime_check(rt, err);
	if (st != DP_OK) {
		return st;
	}
	r = dpi_zalloc(dpi_runtime_alloc(rt), 1, sizeof(*r));
	if (r == NULL) {
		return no_memory(err);
	}
	r->rt = rt;
	r->alloc = dpi_runtime_alloc(rt);
	r->last = INT64_MIN;
	r->report.refusal = r->refusal;
	dpi_arena_init(&r->arena, r->alloc, ARENA_MAX_BYTES);
	dpi_buf_init(&r->unknown, r->alloc, UNKNOWN_MAX_BYTES);
	st = init_parts(r, path, schema, err);
	if (st == DP_OK) {
		st = open_table(r, table, err);
	}
	if (st != DP_OK) {
		dp_sqlite_recovery_free(r);
		return st;
	}
	*ret_recovery = r;
	return DP_OK;
}

void dp_sqlite_recovery_free(dp_sqlite_recovery *r)
{
	if (r == NULL) {
		return;
	}
	/* SQLite's connections must not be touched in a child. */
	if (dpi_runtime_check(r->rt, NULL) == DP_OK) {
		(void)sqlite3_finalize(r->select);
		(void)sqlite3_finalize(r->update);
		dpi_sqlite_db_close(&r->db);
	}
	dpi_sqlite_db_fini(&r->db);
	dpi_coder_free(r->coder);
	dpi_plan_free(r->plan);
	dpi_buf_fini(&r->unknown);
	dpi_arena_fini(&r->arena);
	dpi_free(r->alloc, r, 1, sizeof(*r));
}

/* Copied: what SQLite lends does not outlive a statement that writes. */
static dp_status read_row(dp_sqlite_recovery *r, dp_error **err)
{
	const void *data = sqlite3_column_blob(r->select, UNKNOWN);
	int size = sqlite3_column_bytes(r->select, UNKNOWN);

	dpi_buf_clear(&r->unknown);
	if ((data == NULL && size > 0) ||
		dpi_buf_append(&r->unknown, data, (size_t)size) != DP_OK) {
		return no_memory(err);
	}
	for (size_t i = 0; i < r->count - 1; i++) {
		r->is_filled[i] =
			sqlite3_column_int(r->select, FILLED + (int)i) != 0;
	}
	return DP_OK;
}

static dp_status fail(const dp_sqlite_recovery *r, dp_error **err)
{
	return dpi_sqlite_db_fail(
		&r->db, sqlite3_extended_errcode(r->db.handle), err);
}

static dp_status update_row(
	dp_sqlite_recovery *r, int64_t rowid, dp_error **err)
{
	int rc = sqlite3_bind_int64(r->update, (int)r->count + 1, rowid);
	dp_status st;

	for (size_t i = 0; i < r->count; i++) {
		rc |= dpi_sqlite_bind_cell(r->update, (int)i + 1, &r->cells[i]);
	}
	if (rc == SQLITE_OK) {
		rc = sqlite3_step(r->update);
	}
	st = rc == SQLITE_DONE ? DP_OK : fail(r, err);
	(void)sqlite3_reset(r->update);
	return st;
}

static void refuse(dp_sqlite_recovery *r, dp_sqlite_recovery_report *report,
	const dp_error *why)
{
	const unsigned char *id = sqlite3_column_text(r->select, ID);

	report->left++;
	report->refused++;
	(void)snprintf(r->refusal, sizeof(r->refusal), "%s: %s",
		id != NULL ? (const char *)id : "", dp_error_message(why));
}

static bool has_value(const dp_sqlite_recovery *r)
{
	for (size_t i = 0; i < r->count - 1; i++) {
		if (r->cells[i].kind != DPI_CELL_NULL) {
			return true;
		}
	}
	return false;
}

static dp_status recover_row(dp_sqlite_recovery *r,
	dp_sqlite_recovery_report *report, dp_error **err)
{
	int64_t rowid = sqlite3_column_int64(r->select, ROWID);
	dp_error *why = NULL;
	dp_status st = read_row(r, err);

	if (st != DP_OK) {
		return st;
	}
	report->rows++;
	st = dpi_row_recover(r->plan, r->coder, r->unknown.data,
		r->unknown.size, r->is_filled, r->cells, &why);
	if (dpi_event_plans_refuses(st)) {
		refuse(r, report, why);
		dp_error_free(why);
		return DP_OK;
	}
	if (st != DP_OK) {
		dpi_error_give(err, why);
		return st;
	}
	report->left += r->cells[r->count - 1].kind != DPI_CELL_NULL;
	if (has_value(r)) {
		report->filled++;
		return update_row(r, rowid, err);
	}
	return DP_OK;
}

/* ret_last receives the last row, ret_count how many there were. */
static dp_status recover_rows(dp_sqlite_recovery *r,
	dp_sqlite_recovery_report *report, int64_t *ret_last, int *ret_count,
	dp_error **err)
{
	int rc = sqlite3_bind_int64(r->select, 1, r->last);
	dp_status st = DP_OK;

	rc |= sqlite3_bind_int(r->select, 2, ROWS_A_STEP);
	if (rc == SQLITE_OK) {
		rc = sqlite3_step(r->select);
	}
	while (st == DP_OK && rc == SQLITE_ROW) {
		*ret_last = sqlite3_column_int64(r->select, ROWID);
		++*ret_count;
		st = recover_row(r, report, err);
		rc = st == DP_OK ? sqlite3_step(r->select) : rc;
	}
	if (st == DP_OK && rc != SQLITE_DONE) {
		st = fail(r, err);
	}
	(void)sqlite3_reset(r->select);
	return st;
}

static dp_status step(dp_sqlite_recovery *r, dp_error **err)
{
	dp_sqlite_recovery_report report = r->report;
	int64_t last = r->last;
	int count = 0;
	dp_status st = dpi_sqlite_db_begin(&r->db, err);

	if (st != DP_OK) {
		return st;
	}
	st = recover_rows(r, &report, &last, &count, err);
	if (st == DP_OK) {
		st = dpi_sqlite_db_commit(&r->db, err);
	}
	if (st != DP_OK) {
		dpi_sqlite_db_rollback(&r->db);
		return st;
	}
	report.is_done = count < ROWS_A_STEP;
	r->report = report;
	r->last = last;
	return DP_OK;
}

dp_status dp_sqlite_recovery_step(dp_sqlite_recovery *recovery,
	dp_sqlite_recovery_report *ret_report, dp_error **err)
{
	dp_status st;
	dp_status told;

	if (recovery == NULL || ret_report == NULL) {
		return dpi_error_set(err, DP_EINVAL,
			"a step of a recovery needs one, and a report");
	}
	st = dpi_runtime_check(recovery->rt, err);
	if (st == DP_OK && !recovery->report.is_done) {
		recovery->refusal[0] = '\0';
		st = step(recovery, err);
	}
	told = dpi_adopt_out(ret_report, &recovery->report,
		sizeof(recovery->report),
		DPI_SIZE_UP_TO(dp_sqlite_recovery_report, is_done),
		"report of a recovery", st == DP_OK ? err : NULL);
	return st == DP_OK ? told : st;
}
