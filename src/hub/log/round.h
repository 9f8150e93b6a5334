/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_HUB_LOG_ROUND_H
#define DPI_HUB_LOG_ROUND_H

#include <stdbool.h>

#include "hub/log/writer.h"

/* What one commit does, by the thread that has the turn. */

/*
 * Asks all feeds and commits what they have. Returns false, with a round kept
 * for the next call, if the disk is full and the policy is to wait. syncs: the
 * sync that written events get in the end, too, if its time has come.
 */
bool dpi_log_commit_rounds(dpi_log_writer *w, bool syncs);

/* Ends what a kept round holds of a feed: it is not called any more. */
void dpi_log_round_forget(dpi_log_writer *w, dpi_feed *feed);

#endif /* DPI_HUB_LOG_ROUND_H */
