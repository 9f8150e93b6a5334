/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/sqlite_positions.h"

#include "base/error.h"

#define CREATE \
	"CREATE TABLE IF NOT EXISTS _datapipe_positions(" \
	"job TEXT NOT NULL, topic TEXT NOT NULL," \
	" \"partition\" INTEGER NOT NULL, next INTEGER NOT NULL," \
	" PRIMARY KEY(job, topic, \"partition\")) WITHOUT ROWID"
#define EXISTS "SELECT 1 FROM sqlite_master WHERE name = '_datapipe_positions'"
#define READ \
	"SELECT topic, \"partition\", next FROM _datapipe_positions" \
	" WHERE job = ?"
#define WRITE \
	"INSERT INTO _datapipe_positions VALUES (?, ?, ?, ?)" \
	" ON CONFLICT DO UPDATE SET next = max(next, excluded.next)"

static dp_status is_there(dpi_sqlite_db *db, bool *ret, dp_error **err)
{
	sqlite3_stmt *stmt = NULL;
	dp_status st = dpi_sqlite_db_prepare(db, EXISTS, &stmt, err);
	int rc = st == DP_OK ? sqlite3_step(stmt) : SQLITE_DONE;

	*ret = rc == SQLITE_ROW;
	if (st == DP_OK && rc != SQLITE_ROW && rc != SQLITE_DONE) {
		st = dpi_sqlite_db_fail(db, rc, err);
	}
	(void)sqlite3_finalize(stmt);
	return st;
}

/* Asked first, since to make it takes the turn from jobs that write. */
dp_status dpi_sqlite_positions_prepare(dpi_sqlite_db *db, dp_error **err)
{
	bool exists;
	dp_status st = is_there(db, &exists, err);

	if (st != DP_OK || exists) {
		return st;
	}
	st = dpi_sqlite_db_begin(db, err);
	if (st == DP_OK) {
		st = dpi_sqlite_db_run(db, CREATE, err);
	}
	if (st == DP_OK) {
		st = dpi_sqlite_db_commit(db, err);
	}
	if (st != DP_OK) {
		dpi_sqlite_db_rollback(db);
	}
	return st;
}

static dp_status read_rows(dpi_sqlite_db *db, sqlite3_stmt *stmt,
	dp_positions *ret, dp_error **err)
{
	int rc;

	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		const void *topic = sqlite3_column_text(stmt, 0);

		if (topic == NULL ||
			dp_positions_set(ret, topic,
				(uint32_t)sqlite3_column_int64(stmt, 1),
				(dp_offset)sqlite3_column_int64(stmt, 2)) !=
				DP_OK) {
			return dpi_error_set(
				err, DP_ENOMEM, "no memory for positions");
		}
	}
	return rc == SQLITE_DONE ? DP_OK : dpi_sqlite_db_fail(db, rc, err);
}

dp_status dpi_sqlite_positions_read(
	dpi_sqlite_db *db, const char *job, dp_positions *ret, dp_error **err)
{
	sqlite3_stmt *stmt = NULL;
	dp_status st = dpi_sqlite_db_prepare(db, READ, &stmt, err);

	if (st == DP_OK) {
		int rc = sqlite3_bind_text(stmt, 1, job, -1, SQLITE_STATIC);

		st = rc == SQLITE_OK ? read_rows(db, stmt, ret, err)
				     : dpi_sqlite_db_fail(db, rc, err);
	}
	(void)sqlite3_finalize(stmt);
	return st;
}

static int write_one(sqlite3_stmt *stmt, const char *job, dp_position position)
{
	int rc = sqlite3_bind_text(stmt, 1, job, -1, SQLITE_STATIC);

	rc |= sqlite3_bind_text(stmt, 2, position.topic, -1, SQLITE_STATIC);
	rc |= sqlite3_bind_int64(stmt, 3, position.partition);
	rc |= sqlite3_bind_int64(stmt, 4, (int64_t)position.next);
	if (rc == SQLITE_OK) {
		rc = sqlite3_step(stmt);
	}
	(void)sqlite3_reset(stmt);
	return rc;
}

dp_status dpi_sqlite_positions_write(dpi_sqlite_db *db, const char *job,
	const dp_positions *upto, dp_error **err)
{
	sqlite3_stmt *stmt = NULL;
	dp_status st = dpi_sqlite_db_prepare(db, WRITE, &stmt, err);

	for (size_t i = 0; st == DP_OK && i < dp_positions_count(upto); i++) {
		int rc = write_one(stmt, job, dp_positions_get(upto, i));

		if (rc != SQLITE_DONE) {
			st = dpi_sqlite_db_fail(
				db, sqlite3_extended_errcode(db->handle), err);
		}
	}
	(void)sqlite3_finalize(stmt);
	return st;
}
