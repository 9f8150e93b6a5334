/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_SINK_SQLITE_POSITIONS_H
#define DPI_SINK_SQLITE_POSITIONS_H

#include "sink/positions.h"
#include "sink/sqlite_db.h"

/*
 * How far each job has come, in the database that holds its rows:
 *
 *	_datapipe_positions(job, topic, partition, next)
 */

/* Makes the table if it is not there. */
DP_NODISCARD dp_status dpi_sqlite_positions_prepare(
	dpi_sqlite_db *db, dp_error **err);

/* Adds to ret what the job has. */
DP_NODISCARD dp_status dpi_sqlite_positions_read(
	dpi_sqlite_db *db, const char *job, dp_positions *ret, dp_error **err);

/* Moves the job's places to upto, in the transaction of db. */
DP_NODISCARD dp_status dpi_sqlite_positions_write(dpi_sqlite_db *db,
	const char *job, const dp_positions *upto, dp_error **err);

#endif /* DPI_SINK_SQLITE_POSITIONS_H */
