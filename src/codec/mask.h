/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_CODEC_MASK_H
#define DPI_CODEC_MASK_H

#include <stdbool.h>
#include <stddef.h>

#include <datapipe/status.h>

/*
 * Which fields of a message are wanted: one entry a field of its node. NULL is
 * all that there is.
 */
typedef struct dpi_mask dpi_mask;

struct dpi_mask {
	bool *has;
	dpi_mask **below; /* of those that it has; NULL: whole */
};

static inline bool dpi_mask_has(const dpi_mask *mask, size_t i)
{
	return mask == NULL || mask->has[i];
}

struct dpi_plan;

/*
 * Has plan, which is for DPI_TARGET_JSON, keep only the fields at paths, such
 * as "customer.name": through messages and lists of them. A field that is
 * asked for is kept with all that is in it. Errors: DP_EINVAL for a path that
 * is none, DP_ENOMEM.
 */
DP_NODISCARD dp_status dpi_plan_keep_only(struct dpi_plan *plan,
	const char *const *paths, size_t count, dp_error **err);

#endif /* DPI_CODEC_MASK_H */
