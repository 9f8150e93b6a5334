/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/sqlite_name.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define RESERVED "sqlite_"
#define SUFFIX_DIGITS 8

/* Whether there is a table that SQLite takes for this one, but is not. */
static dp_status is_taken(
	dpi_sqlite_db *db, const char *name, bool *ret, dp_error **err)
{
	sqlite3_stmt *stmt = NULL;
	int rc = SQLITE_OK;
	dp_status st = dpi_sqlite_db_prepare(db,
		"SELECT 1 FROM sqlite_master WHERE type IN ('table', 'view')"
		" AND name <> ?1 AND name = ?1 COLLATE NOCASE",
		&stmt, err);

	if (st == DP_OK) {
		rc = sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
	}
	if (st == DP_OK && rc == SQLITE_OK) {
		rc = sqlite3_step(stmt);
		*ret = rc == SQLITE_ROW;
	}
	if (st == DP_OK && rc != SQLITE_ROW && rc != SQLITE_DONE) {
		st = dpi_sqlite_db_fail(db, rc, err);
	}
	(void)sqlite3_finalize(stmt);
	return st;
}

dp_status dpi_sqlite_name_resolve(
	dpi_sqlite_db *db, const char *wanted, char *ret, dp_error **err)
{
	bool is_reserved =
		sqlite3_strnicmp(wanted, RESERVED, (int)strlen(RESERVED)) == 0;
	bool has_twin = false;
	char hash[33];
	dp_status st;

	if (is_reserved) {
		(void)snprintf(ret, DPI_SQLITE_NAME_MAX, "%%%02X%s",
			(unsigned)(unsigned char)wanted[0], wanted + 1);
	} else {
		(void)snprintf(ret, DPI_SQLITE_NAME_MAX, "%s", wanted);
	}
	st = is_taken(db, ret, &has_twin, err);
	if (st == DP_OK && has_twin) {
		size_t size = strlen(ret);

		dpi_fingerprint(hash, wanted, strlen(wanted));
		(void)snprintf(ret + size, DPI_SQLITE_NAME_MAX - size,
			"%%~%.*s", SUFFIX_DIGITS, hash);
	}
	return st;
}
