/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_SINK_SQLITE_DB_H
#define DPI_SINK_SQLITE_DB_H

#include <stdbool.h>

#include <sqlite3.h>

#include <datapipe/ext/sink.h>

#include "io/os.h"

/*
 * A connection to a database file that several jobs may write to, in one
 * process or in many.
 *
 * SQLite lets one connection write at a time, and gives the next turn to
 * whoever asks first: a job that commits and begins again at once would keep
 * all others out. So jobs queue by locks on the bytes of a file beside it,
 * "<path>-turn": who holds byte 0 writes; who comes takes the last byte, and
 * then moves up, letting go of a byte when it has the one before. Nobody can
 * overtake, and who dies or gives up leaves a gap that others move into. Byte
 * 0 is held until the commit is over, checkpoint included, since releases of
 * SQLite before 3.51.3 may lose a commit that meets another one's checkpoint.
 *
 * One thread at a time.
 */

typedef struct dpi_sqlite_db {
	const dp_runtime *rt;
	const dpi_os *os;
	char *path;
	sqlite3 *handle; /* NULL: closed */
	int turn_fd;     /* -1: closed */
	bool is_writing; /* in a transaction, with the turn */
} dpi_sqlite_db;

/* Copies path; opens nothing. Errors: DP_ENOMEM. */
DP_NODISCARD dp_status dpi_sqlite_db_init(
	dpi_sqlite_db *db, dp_runtime *rt, const char *path, dp_error **err);
void dpi_sqlite_db_fini(dpi_sqlite_db *db);

/* Makes the file if it is not there. */
DP_NODISCARD dp_status dpi_sqlite_db_open(dpi_sqlite_db *db, dp_error **err);
/* Rolls back what is not committed. Statements must be gone. */
void dpi_sqlite_db_close(dpi_sqlite_db *db);

/* Waits for the turn. Errors: DP_EAGAIN, after 2 s; those of SQLite. */
DP_NODISCARD dp_status dpi_sqlite_db_begin(dpi_sqlite_db *db, dp_error **err);
/* What was written since begin is durable, or the turn is still ours. */
DP_NODISCARD dp_status dpi_sqlite_db_commit(dpi_sqlite_db *db, dp_error **err);
void dpi_sqlite_db_rollback(dpi_sqlite_db *db);

/* Whether SQLite has rolled the transaction back by itself. */
bool dpi_sqlite_db_has_lost(const dpi_sqlite_db *db);

DP_NODISCARD dp_status dpi_sqlite_db_run(
	dpi_sqlite_db *db, const char *sql, dp_error **err);
DP_NODISCARD dp_status dpi_sqlite_db_prepare(
	dpi_sqlite_db *db, const char *sql, sqlite3_stmt **ret, dp_error **err);

/*
 * Sets an error of what SQLite said last, with the path, and returns:
 *
 * DP_ENOSPC, DP_EAGAIN, DP_ENOMEM   the same may succeed later
 * DP_EIO                            the disk
 * DP_EDENIED                        rights
 * DP_ECORRUPT                       no database, or a damaged one
 * DP_ETOOBIG, DP_ESCHEMA            a value does not fit the table
 * DP_EINVAL                         a statement does not fit the database
 */
dp_status dpi_sqlite_db_fail(const dpi_sqlite_db *db, int rc, dp_error **err);

#endif /* DPI_SINK_SQLITE_DB_H */
