/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_SCHEMA_TYPES_H
#define DPI_SCHEMA_TYPES_H

#include "schema/descriptor.h"
#include "schema/raw_set.h"

/* From a linked set, which may go afterwards. Errors as dpi_types_load(). */
DP_NODISCARD dp_status dpi_types_build(dpi_types *ret,
	const dp_allocator *alloc, dpi_raw_set *set, dp_error **err);

/* Sets is_recursive of all types of a set; false if out of memory. */
DP_NODISCARD bool dpi_types_mark_recursive(dpi_raw_set *set);

#endif /* DPI_SCHEMA_TYPES_H */
