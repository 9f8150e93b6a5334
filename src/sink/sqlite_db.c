/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/sqlite_db.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "io/files.h"
#include "io/runtime.h"

#define WAIT_NS 2000000000
#define POLL_NS 2000000
#define PRAGMAS \
	"PRAGMA synchronous=FULL;" \
	"PRAGMA cache_size=-16384;" \
	"PRAGMA wal_autocheckpoint=4000;"

/* A queue of 31 and one that writes; more jobs wait for its end to be free. */
enum { WRITER_BYTE = 0, LAST_BYTE = 31 };

dp_status dpi_sqlite_db_init(
	dpi_sqlite_db *db, dp_runtime *rt, const char *path, dp_error **err)
{
	size_t size = strlen(path) + 1;

	*db = (dpi_sqlite_db){
		.rt = rt, .os = dpi_runtime_os(rt), .turn_fd = -1};
	db->path = dpi_zalloc(dpi_runtime_alloc(rt), size, 1);
	if (db->path == NULL) {
		return dpi_error_set(
			err, DP_ENOMEM, "no memory for an SQLite sink");
	}
	memcpy(db->path, path, size);
	return DP_OK;
}

void dpi_sqlite_db_fini(dpi_sqlite_db *db)
{
	if (db->path != NULL) {
		dpi_free(dpi_runtime_alloc(db->rt), db->path,
			strlen(db->path) + 1, 1);
	}
}

/* A file that cannot be opened may be a matter of rights. */
static dp_status status_of_open(int sys_errno)
{
	switch (sys_errno) {
	case EACCES:
	case EPERM:
	case EROFS:
		return DP_EDENIED;
	case ENOSPC:
	case EDQUOT:
		return DP_ENOSPC;
	default:
		return DP_EIO;
	}
}

static dp_status status_of(int rc, int sys_errno)
{
	if (rc == SQLITE_IOERR_NOMEM) {
		return DP_ENOMEM;
	}
	switch (rc & 0xff) {
	case SQLITE_FULL:
		return DP_ENOSPC;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return DP_EAGAIN;
	case SQLITE_NOMEM:
		return DP_ENOMEM;
	case SQLITE_IOERR:
	case SQLITE_PROTOCOL:
		return DP_EIO;
	case SQLITE_CANTOPEN:
		return status_of_open(sys_errno);
	case SQLITE_PERM:
	case SQLITE_AUTH:
	case SQLITE_READONLY:
		return DP_EDENIED;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return DP_ECORRUPT;
	case SQLITE_TOOBIG:
		return DP_ETOOBIG;
	case SQLITE_CONSTRAINT:
	case SQLITE_MISMATCH:
		return DP_ESCHEMA;
	default:
		return DP_EINVAL;
	}
}

dp_status dpi_sqlite_db_fail(const dpi_sqlite_db *db, int rc, dp_error **err)
{
	dp_status st = status_of(rc, sqlite3_system_errno(db->handle));

	return dpi_error_set(err, st, "%s: %s (SQLite %d)", db->path,
		sqlite3_errmsg(db->handle), rc);
}

static void pause_briefly(const dpi_os *os)
{
	uint32_t word = 0;

	(void)os->wait(os->self, &word, 0, os->monotonic(os->self) + POLL_NS);
}

/* Whoever has the file locked now is no job of ours: those queue. */
static int on_busy(void *user, int tries)
{
	const dpi_sqlite_db *db = user;

	if (tries >= WAIT_NS / POLL_NS) {
		return 0;
	}
	pause_briefly(db->os);
	return 1;
}

static dp_status open_turn(dpi_sqlite_db *db, dp_error **err)
{
	char path[DPI_PATH_MAX];
	dp_status st = dpi_files_path(path, err, "%s-turn", db->path);

	if (st != DP_OK) {
		return st;
	}
	db->turn_fd = db->os->open(db->os->self, path, DPI_OPEN_CREATE);
	if (db->turn_fd < 0) {
		int rc = db->turn_fd;

		db->turn_fd = -1;
		return dpi_error_sys(err, -rc, "open %s", path);
	}
	return DP_OK;
}

static int try_turn(const dpi_sqlite_db *db, uint64_t byte)
{
	return db->os->lock(
		db->os->self, db->turn_fd, byte, DPI_LOCK_EXCLUSIVE);
}

static void give_back(const dpi_sqlite_db *db, uint64_t byte)
{
	(void)db->os->lock(db->os->self, db->turn_fd, byte, DPI_LOCK_NONE);
}

static int wait_for_byte(
	const dpi_sqlite_db *db, uint64_t byte, dp_time_ns give_up)
{
	int rc = try_turn(db, byte);

	while (rc == -EAGAIN && db->os->monotonic(db->os->self) < give_up) {
		pause_briefly(db->os);
		rc = try_turn(db, byte);
	}
	return rc;
}

static int queue_up(const dpi_sqlite_db *db)
{
	dp_time_ns give_up = db->os->monotonic(db->os->self) + WAIT_NS;
	int rc = wait_for_byte(db, LAST_BYTE, give_up);

	for (uint64_t byte = LAST_BYTE; rc == 0 && byte > WRITER_BYTE; byte--) {
		rc = wait_for_byte(db, byte - 1, give_up);
		give_back(db, byte);
	}
	return rc;
}

static dp_status wait_for_turn(const dpi_sqlite_db *db, dp_error **err)
{
	int rc = queue_up(db);

	if (rc == -EAGAIN) {
		return dpi_error_set(err, DP_EAGAIN,
			"%s: other jobs have been writing for 2 s", db->path);
	}
	return rc == 0 ? DP_OK
		       : dpi_error_sys(err, -rc, "lock %s-turn", db->path);
}

static int see_mode(void *user, int count, char **cells, char **names)
{
	bool *is_log = user;

	(void)count;
	(void)names;
	*is_log = sqlite3_stricmp(cells[0], "wal") == 0;
	return 0;
}

/*
 * A new file has no write-ahead log yet. Of jobs that give it one at the same
 * time, SQLite lets none wait: it fails all but the first.
 */
static dp_status use_log(dpi_sqlite_db *db, dp_error **err)
{
	bool is_log = false;
	int rc = sqlite3_exec(
		db->handle, "PRAGMA journal_mode", see_mode, &is_log, NULL);
	dp_status st;

	if (rc != SQLITE_OK) {
		return dpi_sqlite_db_fail(db, rc, err);
	}
	if (is_log) {
		return DP_OK;
	}
	st = wait_for_turn(db, err);
	if (st == DP_OK) {
		st = dpi_sqlite_db_run(db, "PRAGMA journal_mode=WAL", err);
		give_back(db, WRITER_BYTE);
	}
	return st;
}

static dp_status open_handle(dpi_sqlite_db *db, dp_error **err)
{
	int rc = sqlite3_open_v2(db->path, &db->handle,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
			SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
		NULL);
	dp_status st;

	if (db->handle == NULL) {
		return dpi_error_set(
			err, DP_ENOMEM, "%s: no memory to open it", db->path);
	}
	if (rc != SQLITE_OK) {
		return dpi_sqlite_db_fail(db, rc, err);
	}
	(void)sqlite3_busy_handler(db->handle, on_busy, db);
	st = use_log(db, err);
	return st == DP_OK ? dpi_sqlite_db_run(db, PRAGMAS, err) : st;
}

dp_status dpi_sqlite_db_open(dpi_sqlite_db *db, dp_error **err)
{
	dp_status st = open_turn(db, err);

	if (st == DP_OK) {
		st = open_handle(db, err);
	}
	if (st != DP_OK) {
		dpi_sqlite_db_close(db);
	}
	return st;
}

void dpi_sqlite_db_close(dpi_sqlite_db *db)
{
	bool has_turn = false;

	if (db->handle != NULL) {
		dpi_sqlite_db_rollback(db);
		/* The last one to close moves the write-ahead log. */
		has_turn = wait_for_turn(db, NULL) == DP_OK;
		(void)sqlite3_close(db->handle);
		db->handle = NULL;
	}
	if (has_turn) {
		give_back(db, WRITER_BYTE);
	}
	if (db->turn_fd >= 0) {
		(void)db->os->close(db->os->self, db->turn_fd);
		db->turn_fd = -1;
	}
}

dp_status dpi_sqlite_db_begin(dpi_sqlite_db *db, dp_error **err)
{
	dp_status st = wait_for_turn(db, err);

	if (st != DP_OK) {
		return st;
	}
	st = dpi_sqlite_db_run(db, "BEGIN IMMEDIATE", err);
	if (st != DP_OK) {
		give_back(db, WRITER_BYTE);
		return st;
	}
	db->is_writing = true;
	return DP_OK;
}

dp_status dpi_sqlite_db_commit(dpi_sqlite_db *db, dp_error **err)
{
	dp_status st = dpi_sqlite_db_run(db, "COMMIT", err);

	if (st == DP_OK) {
		db->is_writing = false;
		give_back(db, WRITER_BYTE);
	}
	return st;
}

void dpi_sqlite_db_rollback(dpi_sqlite_db *db)
{
	if (db->is_writing) {
		(void)sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
		db->is_writing = false;
		give_back(db, WRITER_BYTE);
	}
}

bool dpi_sqlite_db_has_lost(const dpi_sqlite_db *db)
{
	return db->is_writing && sqlite3_get_autocommit(db->handle) != 0;
}

dp_status dpi_sqlite_db_run(dpi_sqlite_db *db, const char *sql, dp_error **err)
{
	int rc = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? DP_OK : dpi_sqlite_db_fail(db, rc, err);
}

dp_status dpi_sqlite_db_prepare(
	dpi_sqlite_db *db, const char *sql, sqlite3_stmt **ret, dp_error **err)
{
	int rc = sqlite3_prepare_v3(
		db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL);

	return rc == SQLITE_OK ? DP_OK : dpi_sqlite_db_fail(db, rc, err);
}
