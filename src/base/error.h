/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_BASE_ERROR_H
#define DPI_BASE_ERROR_H

#include <datapipe/status.h>

/*
 * Stores a new error in *err, if err is not NULL, and returns code, so that
 * the failing line reads `return dpi_error_set(err, DP_EINVAL, "...")`.
 *
 * *err must be NULL on entry: an error is set once, where it happens, and
 * passed up untouched. Never fails; out of memory yields a static error.
 */
DP_PRINTF(3, 4)
dp_status dpi_error_set(dp_error **err, dp_status code, const char *fmt, ...);

/*
 * The same for a failed system call: sys_errno > 0 picks the code (ENOSPC and
 * EDQUOT: DP_ENOSPC, ENOMEM: DP_ENOMEM, EACCES and EPERM: DP_EDENIED, ENOENT:
 * DP_ENOTFOUND, else DP_EIO) and its text is put behind the message.
 */
DP_PRINTF(3, 4)
dp_status dpi_error_sys(dp_error **err, int sys_errno, const char *fmt, ...);

/*
 * The same with DP_EIO whatever the errno: for a failure that more room, say,
 * would not mend.
 */
DP_PRINTF(3, 4)
dp_status dpi_error_io(dp_error **err, int sys_errno, const char *fmt, ...);

/*
 * Puts "prefix: " before the message of *err, if there is one: for a name
 * that only the caller knows. Returns the error's code, or code if there is no
 * error to ask, or if memory ran out when it was to be made.
 */
DP_PRINTF(3, 4)
dp_status dpi_error_prefix(
	dp_error **err, dp_status code, const char *fmt, ...);

/* Forgets *err: a failure that its caller expected and dealt with. */
void dpi_error_clear(dp_error **err);

/* Hands an error that may be NULL over to a caller who may not want it. */
void dpi_error_give(dp_error **err, dp_error *cause);

/* A copy for another owner; NULL for NULL. Never fails, as above. */
dp_error *dpi_error_dup(const dp_error *err);

#endif /* DPI_BASE_ERROR_H */
