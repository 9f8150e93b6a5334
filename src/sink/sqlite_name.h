/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_SINK_SQLITE_NAME_H
#define DPI_SINK_SQLITE_NAME_H

#include "sink/destination.h"
#include "sink/sqlite_db.h"

#define DPI_SQLITE_NAME_MAX (DPI_DESTINATION_MAX + 16)

/*
 * The table that stands for a wanted name, there or not: SQLite keeps names
 * that begin with "sqlite_" for itself, and takes names that differ in case
 * for one; the one that comes second gets a suffix made from its own.
 */
DP_NODISCARD dp_status dpi_sqlite_name_resolve(
	dpi_sqlite_db *db, const char *wanted, char *ret, dp_error **err);

#endif /* DPI_SINK_SQLITE_NAME_H */
