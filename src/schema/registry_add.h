/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_SCHEMA_REGISTRY_ADD_H
#define DPI_SCHEMA_REGISTRY_ADD_H

#include "schema/registry_store.h"

/* A set on its way into a registry: checked first, without a lock. */

/* Says no to a set that is to be the next version of a type. */
typedef struct dpi_registry_guard {
	dp_status (*check)(void *user, const dpi_registry_type *type,
		dp_bytes set, dp_error **err);
	void *user;
} dpi_registry_guard;

typedef struct dpi_registry_new {
	const dp_allocator *alloc;
	dpi_raw_set set;
	dpi_raw_message **roots; /* what is to be added */
	size_t root_count;
	dpi_canonical canonical;
	dpi_buf bytes; /* of the set in hand, then of the index */
	dpi_registry_addition *additions; /* of roots that are new */
	dpi_raw_message **planned;        /* the roots of these */
	size_t planned_count;
	uint64_t planned_bytes;
} dpi_registry_new;

/*
 * Checks the set as a whole and picks types of it: those named, or with NULL
 * all at the top of its files. Borrows bytes until fini.
 *
 * Errors: as dp_registry_add().
 */
DP_NODISCARD dp_status dpi_registry_new_init(dpi_registry_new *ret,
	const dp_allocator *alloc, dp_bytes bytes, const char *const *types,
	size_t type_count, dp_error **err);
void dpi_registry_new_fini(dpi_registry_new *added);

/*
 * Adds the versions that index, the newest one, does not have; nothing is
 * written if it has them all. All of them are there on DP_OK. DP_EEXIST:
 * somebody else added meanwhile, so there is a newer index to try again with.
 * guard is asked, before anything is written, about types that have a mode.
 */
DP_NODISCARD dp_status dpi_registry_new_write(dpi_registry_new *added,
	dpi_registry_store *store, const dpi_registry_index *index,
	const dpi_registry_guard *guard, dp_error **err);

#endif /* DPI_SCHEMA_REGISTRY_ADD_H */
