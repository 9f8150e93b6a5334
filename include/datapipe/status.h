/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPIPE_STATUS_H
#define DATAPIPE_STATUS_H

/**
 * @file
 * Status codes, and the error object that explains them.
 *
 * The code tells the program what to do next; the object tells a person why.
 * Both come from the call that failed: nothing is kept per thread, so an
 * error may be read on any thread, at any later time.
 */

#include <stdint.h>

#include <datapipe/export.h>

DP_BEGIN_DECLS

/** Result of a call: #DP_OK, or one of the negative codes below. */
typedef int32_t dp_status;

/* Codes are part of the ABI: never renumber one, never reuse a retired one. */
enum {
	DP_OK = 0,
	DP_EINVAL = -1,  /**< Fix the call: an argument breaks its contract. */
	DP_ENOMEM = -2,  /**< Memory ran out. */
	DP_EAGAIN = -3,  /**< Not now; the same call may succeed later. */
	DP_ETOOBIG = -4, /**< Over a limit that waiting will not change. */
	DP_ECLOSED = -5, /**< Stop: closed, closing, or failed for good. */
	DP_EABI = -6,    /**< A struct this build of the library cannot read. */
	DP_ESCHEMA = -7, /**< Fix the data: it does not fit its schema. */
	DP_EDENIED = -8, /**< Fix the rights. */
	DP_ENOTFOUND = -9, /**< No such thing. */
	DP_EEXIST = -10,   /**< It is there already, and it differs. */
	DP_EIO = -11, /**< The operating system refused a file or device. */
	DP_ECORRUPT = -12,  /**< Stored bytes are not what was written. */
	DP_EREMOTE = -13,   /**< The other side answered with an error. */
	DP_ETIMEDOUT = -14, /**< The deadline passed. */
	DP_ECANCELED = -15, /**< Given up because somebody asked for it. */
	DP_EFORKED = -16,   /**< Made before fork(); unusable in the child. */
	DP_ENOSPC = -17,    /**< The disk is full; free space and go on. */
	DP_ELOCKED = -18    /**< Another process holds it. */
};

/** Why one call failed. Immutable, so any number of threads may read it. */
typedef struct dp_error dp_error;

/**
 * Returns the name of @p status, such as "DP_EAGAIN", or "unknown status".
 *
 * @param status  any value
 * @owns          nobody: a constant
 * @thread        any
 * @since         0.1
 */
DP_API const char *dp_status_name(dp_status status);

/**
 * Returns the code that the failed call returned, or #DP_OK for NULL.
 *
 * An error that could not be allocated reads as #DP_ENOMEM instead.
 *
 * @param err  error, or NULL
 * @thread     any
 * @since      0.1
 */
DP_API dp_status dp_error_code(const dp_error *err);

/**
 * Returns one line of English without a final full stop or newline.
 *
 * @param err  error, or NULL, which reads as ""
 * @owns       nobody: borrowed until dp_error_free()
 * @thread     any
 * @since      0.1
 */
DP_API const char *dp_error_message(const dp_error *err);

/**
 * Returns the errno value of the system call that failed, or 0 if none did.
 *
 * @param err  error, or NULL, which reads as 0
 * @thread     any
 * @since      0.1
 */
DP_API int dp_error_sys_errno(const dp_error *err);

/**
 * Returns 1 if the same call may succeed later without any change, else 0.
 *
 * Those are #DP_EAGAIN, #DP_ENOMEM, #DP_ENOSPC, #DP_ELOCKED and #DP_ETIMEDOUT.
 *
 * @param err  error, or NULL, which reads as 0
 * @thread     any
 * @since      0.1
 */
DP_API int dp_error_is_retriable(const dp_error *err);

/**
 * Frees @p err. NULL is a no-op.
 *
 * @param err  error, or NULL
 * @thread     any, but only one
 * @since      0.1
 */
DP_API void dp_error_free(dp_error *err);

DP_END_DECLS

#endif /* DATAPIPE_STATUS_H */
