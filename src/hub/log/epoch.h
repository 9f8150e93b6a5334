/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_HUB_LOG_EPOCH_H
#define DPI_HUB_LOG_EPOCH_H

#include "hub/log/log_hub.h"

/*
 * Where the first epoch after this one begins, or UINT64_MAX. A cursor of this
 * epoch that is beyond it has seen records that were lost.
 *
 * Errors: DP_EIO, DP_ENOMEM
 */
DP_NODISCARD dp_status dpi_log_epoch_after(dpi_log_hub *hub,
	const dpi_log_partition *partition, uint64_t epoch, uint64_t *ret_base,
	dp_error **err);

/*
 * The epoch of the last segment whose header can be read, or 0. That of the
 * page may be greater, and is forgotten with the power.
 *
 * Errors: DP_EIO
 */
DP_NODISCARD dp_status dpi_log_epoch_last(const dpi_log_hub *hub,
	const dpi_segment_owner *owner, const dpi_segment_list *list,
	uint64_t *ret, dp_error **err);

#endif /* DPI_HUB_LOG_EPOCH_H */
