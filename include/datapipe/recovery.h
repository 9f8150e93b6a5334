/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPIPE_RECOVERY_H
#define DATAPIPE_RECOVERY_H

/**
 * @file
 * Fields that a table kept in `_unknown` go into columns, now that their
 * schema is there. For other destinations, see dp_codec_recover().
 */

#include <stddef.h>
#include <stdint.h>

#include <datapipe/export.h>
#include <datapipe/registry.h>
#include <datapipe/runtime.h>
#include <datapipe/status.h>

DP_BEGIN_DECLS

/** A table of dp_sqlite_sink_new() that is being gone through, row by row. */
typedef struct dp_sqlite_recovery dp_sqlite_recovery;

/** How far it is. */
typedef struct dp_sqlite_recovery_report {
	/** Set by the caller to sizeof(dp_sqlite_recovery_report). */
	size_t struct_size;
	/** Rows so far that had something in `_unknown`. */
	uint64_t rows;
	/** Of these, rows that got a value in a column. */
	uint64_t filled;
	/** Rows that still have something in `_unknown`. */
	uint64_t left;
	/** Of these, rows whose bytes the schema refuses. */
	uint64_t refused;
	/** Why the last one was refused, with its `_id`, or "". Borrowed until
	    the next step. */
	const char *refusal;
	/** Whether the end of the table was reached: 1 or 0. */
	int32_t is_done;
} dp_sqlite_recovery_report;

/**
 * Opens a table, and adds the columns that it lacks for a schema, as a sink
 * does when the first event of that version comes. Sinks may go on writing to
 * it, in this process and in others.
 *
 * @param ret_recovery  receives it; untouched on failure
 * @param rt            runtime; must outlive it
 * @param path          database file, which must be there
 * @param schema        version that knows more, of the type that the rows have
 * @param table         name of the table; NULL: that of the type, as the sink
 *                      calls it by default
 * @param err           why, or NULL
 * @errors              DP_ENOTFOUND  no such file, or no such table in it
 *                      DP_EINVAL     also: the table is none of a sink
 *                      DP_EAGAIN     others write and have not let us in for
 *                                    2 s: try again
 *                      DP_EIO, DP_ENOSPC, DP_EDENIED, DP_ECORRUPT, DP_ETOOBIG,
 *                      DP_ENOMEM, DP_EFORKED
 * @owns                the caller, who calls dp_sqlite_recovery_free()
 * @thread              any
 * @since               0.1
 */
DP_API DP_NODISCARD dp_status dp_sqlite_recovery_new(
	dp_sqlite_recovery **ret_recovery, dp_runtime *rt, const char *path,
	dp_schema *schema, const char *table, dp_error **err);

/**
 * Goes through the next rows, at most 1,000 that have something in `_unknown`,
 * in a transaction of its own; so a crash leaves each row as it was or as it
 * shall be, and who begins anew goes on where it ended.
 *
 * A field goes into its column as the sink would have written it, and leaves
 * `_unknown`, which is NULL when nothing is left. No value is ever replaced: a
 * field stays in `_unknown` where its column has a value, as a list may of
 * which some elements were known; and so does a member of a oneof of which
 * another one is set, since nobody knows which came last. A column without
 * presence stays NULL where its field was not sent. What the schema does not
 * know inside of a message is in its column, as a member `_unknown`.
 *
 * @param recovery    it
 * @param ret_report  receives how far it is; also on failure, with what is
 *                    committed
 * @param err         why, or NULL
 * @errors            DP_EAGAIN  others write and have not let us in for 2 s:
 *                               call it again
 *                    DP_EINVAL  also: the table was dropped or changed
 *                    DP_EIO, DP_ENOSPC, DP_EDENIED, DP_ECORRUPT, DP_ETOOBIG,
 *                    DP_ENOMEM, DP_EFORKED: nothing of this step was done
 * @thread            one at a time
 * @since             0.1
 */
DP_API DP_NODISCARD dp_status dp_sqlite_recovery_step(
	dp_sqlite_recovery *recovery, dp_sqlite_recovery_report *ret_report,
	dp_error **err);

/**
 * Ends it, done or not.
 *
 * @param recovery  it, or NULL
 * @thread          any, but only one
 * @since           0.1
 */
DP_API void dp_sqlite_recovery_free(dp_sqlite_recovery *recovery);

DP_END_DECLS

#endif /* DATAPIPE_RECOVERY_H */
