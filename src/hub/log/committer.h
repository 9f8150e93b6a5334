/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_HUB_LOG_COMMITTER_H
#define DPI_HUB_LOG_COMMITTER_H

#include <datapipe/status.h>
#include <datapipe/time.h>

#include "hub/log/writer.h"

/*
 * The thread that commits for those who do not wait: it sleeps on one alarm,
 * set to the first time that any writer is due, and commits the writers that
 * are. Nothing wakes it when nothing is due.
 */
typedef struct dpi_log_committer dpi_log_committer;

/* Errors: DP_ENOMEM, DP_EIO, DP_EAGAIN. */
DP_NODISCARD dp_status dpi_log_committer_new(
	dpi_log_committer **ret, dpi_log_hub *hub, dp_error **err);
/* Has dpi_log_rest_idle() called at_ns (monotonic). Any thread. */
void dpi_log_committer_rest_at(dpi_log_committer *committer, dp_time_ns at_ns);

/* Ends the thread. Arming does nothing any more. */
void dpi_log_committer_stop(dpi_log_committer *committer);
/* After that, or in a child after fork(), which has no such thread. */
void dpi_log_committer_free(dpi_log_committer *committer);

/* Makes room for one writer more, before its first arm. Errors: DP_ENOMEM. */
DP_NODISCARD dp_status dpi_log_committer_join(
	dpi_log_committer *committer, dp_error **err);

/* For a writer that joined and was not made after all. */
void dpi_log_committer_leave(dpi_log_committer *committer);

/* Commits w no later than at_ns (monotonic). Any thread. */
void dpi_log_committer_arm(
	dpi_log_committer *committer, dpi_log_writer *w, dp_time_ns at_ns);
/* Tries again, in a while, what has found the disk full. */
void dpi_log_committer_retry(dpi_log_committer *committer, dpi_log_writer *w);

#endif /* DPI_HUB_LOG_COMMITTER_H */
