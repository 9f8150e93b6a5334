/* SPDX-License-Identifier: Apache-2.0 */
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "paid.h"
#include "sink_kinds.h"

static void path_of(const struct sink_rig *rig, char *path, size_t size)
{
	(void)snprintf(path, size, "%s/rows.db", rig->folder);
}

static dp_status sqlite_open(
	struct sink_rig *rig, dp_sink **ret, dp_error **err)
{
	char path[4096];

	path_of(rig, path, sizeof(path));
	return dp_sqlite_sink_new(
		ret, rig->rt, path, paid_registry(), NULL, err);
}

static void sqlite_close(struct sink_rig *rig)
{
	(void)rig;
}

static void count_row(sqlite3_stmt *stmt, struct seen *seen)
{
	sqlite3_int64 p = sqlite3_column_int64(stmt, 0);
	sqlite3_int64 offset = sqlite3_column_int64(stmt, 1);
	char wanted[48];

	(void)snprintf(wanted, sizeof(wanted), "%lld:%lld", (long long)p,
		(long long)offset);
	if (p < 0 || p >= RIG_PARTITIONS || offset < 0 ||
		offset >= RIG_EVENTS ||
		strcmp((const char *)sqlite3_column_text(stmt, 2), wanted) !=
			0 ||
		sqlite3_column_int64(stmt, 3) != (offset % 5 == 0)) {
		seen->bad = true;
		return;
	}
	seen->count[p][offset]++;
}

/* A reader of its own; before the first flush there is no table. */
static void sqlite_read(struct sink_rig *rig, struct seen *seen)
{
	sqlite3_stmt *stmt = NULL;
	sqlite3 *db = NULL;
	char path[4096];

	path_of(rig, path, sizeof(path));
	seen->bad |= sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) !=
		SQLITE_OK;
	if (sqlite3_prepare_v2(db,
		    "SELECT _topic_partition, _offset, who, amount "
		    "FROM \"shop.Paid\"",
		    -1, &stmt, NULL) == SQLITE_OK) {
		while (sqlite3_step(stmt) == SQLITE_ROW) {
			count_row(stmt, seen);
		}
	}
	(void)sqlite3_finalize(stmt);
	(void)sqlite3_close(db);
}

const struct sink_kind sqlite_kind = {
	.name = "sqlite",
	.is_parsed = true,
	.type = "shop.Paid",
	.open = sqlite_open,
	.close = sqlite_close,
	.read = sqlite_read,
	.payload = paid_payload,
};
