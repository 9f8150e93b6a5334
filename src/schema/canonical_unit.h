/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_SCHEMA_CANONICAL_UNIT_H
#define DPI_SCHEMA_CANONICAL_UNIT_H

#include "base/buf.h"
#include "schema/raw_set.h"

/* One message, enum or extension at the top of a file, written canonically. */

/* Calls each for the unit of every type that unit names. */
void dpi_unit_each_named(const dpi_raw_unit *unit,
	void (*each)(void *user, dpi_raw_unit *unit), void *user);

/* The same, and for those of its extensions. */
void dpi_unit_each_needed(const dpi_raw_unit *unit,
	void (*each)(void *user, dpi_raw_unit *unit), void *user);

/*
 * Appends it as a field of a FileDescriptorProto: 4, 5 or 7. Borrows scratch;
 * failures, also of scratch, stay in out.
 */
void dpi_unit_write(dpi_buf *out, dpi_buf *scratch, const dpi_raw_unit *unit);

#endif /* DPI_SCHEMA_CANONICAL_UNIT_H */
