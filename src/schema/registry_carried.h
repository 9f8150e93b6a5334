/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_SCHEMA_REGISTRY_CARRIED_H
#define DPI_SCHEMA_REGISTRY_CARRIED_H

#include "schema/objects.h"
#include "schema/registry_index.h"

/*
 * The sets that a store of file sinks carries, so that its files can be read
 * without the registry that they were written with:
 *
 *	_schemas/<type>/<fingerprint>.binpb
 *
 * Nothing there tells which version of a type is newer. By agreement it is
 * the larger set, and of two of one size the larger fingerprint.
 */

#define DPI_CARRIED_FOLDER "_schemas"

/* With the NUL. A type whose name no folder can have is not carried. */
#define DPI_CARRIED_NAME_MAX 320
#define DPI_CARRIED_TYPE_MAX 255

void dpi_carried_name(char *name, const char *type, const char *fingerprint);

/*
 * Reads what is carried into *index, unless there is nothing new. Errors:
 * DP_ENOTFOUND (there is none), DP_ENOMEM, and what the objects answer.
 */
DP_NODISCARD dp_status dpi_carried_refresh(dpi_objects *objects,
	const dp_allocator *alloc, dpi_registry_index *index, dp_error **err);

#endif /* DPI_SCHEMA_REGISTRY_CARRIED_H */
