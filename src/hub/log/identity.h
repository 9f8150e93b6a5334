/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_HUB_LOG_IDENTITY_H
#define DPI_HUB_LOG_IDENTITY_H

#include "hub/log/locks.h"

/*
 * The file that says that a directory is a log, of which format, and which log
 * it is: a uuid that is in every header and salt, so that files of another log
 * are not taken for ours.
 */

/*
 * Reads the identity of directory, or makes the directory a log if nothing is
 * there but what an unfinished attempt has left. Opens the locks, by which
 * several processes that make the same log at once agree; the caller closes
 * them.
 *
 * Errors: DP_ECORRUPT  something else is there, or a format that is not ours
 *         DP_ETIMEDOUT another process is making it and does not get ready
 *         DP_EIO, DP_EDENIED, DP_ENOSPC, DP_ENOMEM
 */
DP_NODISCARD dp_status dpi_identity_open(uint8_t *uuid, dpi_locks *ret_locks,
	const dp_allocator *alloc, const dpi_os *os, const char *directory,
	dp_error **err);

/*
 * Reads the identity of a directory that is a log, and changes nothing.
 *
 * Errors: DP_ENOTFOUND  there is none
 *         DP_ECORRUPT   neither copy is whole, or of a format that is not ours
 *         DP_EIO, DP_EDENIED
 */
DP_NODISCARD dp_status dpi_identity_read(
	uint8_t *uuid, const dpi_os *os, const char *directory, dp_error **err);

#endif /* DPI_HUB_LOG_IDENTITY_H */
