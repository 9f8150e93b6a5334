/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_SCHEMA_COMPAT_GUARD_H
#define DPI_SCHEMA_COMPAT_GUARD_H

#include <datapipe/compat.h>

#include "base/buf.h"

/*
 * Whether a set may follow a version of a type. DP_ESCHEMA, with the first
 * reasons and how many there are, if the mode refuses what they differ in.
 * Further errors: as dp_compat_new().
 */
DP_NODISCARD dp_status dpi_compat_guard(const dp_schema *before, dp_bytes after,
	dp_compat_mode mode, dp_error **err);

/* "FULL_TRANSITIVE", or "BACKWARD+JSON"; never NULL. */
const char *dpi_compat_mode_name(dp_compat_mode mode);

#endif /* DPI_SCHEMA_COMPAT_GUARD_H */
