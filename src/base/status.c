/* SPDX-License-Identifier: Apache-2.0 */
#include <datapipe/status.h>

#define STATUSES(X) \
	X(DP_OK) \
	X(DP_EINVAL) \
	X(DP_ENOMEM) \
	X(DP_EAGAIN) \
	X(DP_ETOOBIG) \
	X(DP_ECLOSED) \
	X(DP_EABI) \
	X(DP_ESCHEMA) \
	X(DP_EDENIED) \
	X(DP_ENOTFOUND) \
	X(DP_EEXIST) \
	X(DP_EIO) \
	X(DP_ECORRUPT) \
	X(DP_EREMOTE) \
	X(DP_ETIMEDOUT) \
	X(DP_ECANCELED) \
	X(DP_EFORKED) \
	X(DP_ENOSPC) \
	X(DP_ELOCKED)

#define NAME_OF(status) \
	case status: \
		return #status;

const char *dp_status_name(dp_status status)
{
	switch (status) {
		STATUSES(NAME_OF)
	default:
		return "unknown status";
	}
}
