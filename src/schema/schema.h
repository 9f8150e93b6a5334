/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_SCHEMA_SCHEMA_H
#define DPI_SCHEMA_SCHEMA_H

#include "schema/canonical.h"
#include "schema/descriptor.h"

/* How the registry makes what it hands out. */

/*
 * From a canonical set, whose fingerprint must be the given one: what is
 * stored is what was written. Errors as dpi_types_load(), DP_ENOTFOUND for
 * the type, and DP_ECORRUPT for another fingerprint.
 */
DP_NODISCARD dp_status dpi_schema_load(dp_schema **ret_schema,
	const dp_allocator *alloc, dp_bytes set, const char *type,
	uint32_t version, const char *fingerprint, dp_error **err);

#endif /* DPI_SCHEMA_SCHEMA_H */
