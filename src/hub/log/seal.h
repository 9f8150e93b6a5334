/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_HUB_LOG_SEAL_H
#define DPI_HUB_LOG_SEAL_H

#include "hub/log/tail.h"

/*
 * Seals records for the place at the end of a tail, and notes the source
 * places that they tell of; is_placeless: they tell of none. With an error,
 * none of it is done.
 *
 * Errors: DP_ENOMEM
 */
DP_NODISCARD dp_status dpi_tail_seal(dpi_log_tail *tail, uint8_t *data,
	size_t size, bool is_placeless, dp_error **err);

#endif /* DPI_HUB_LOG_SEAL_H */
