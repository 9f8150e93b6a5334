/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_SCHEMA_REGISTRY_CACHE_H
#define DPI_SCHEMA_REGISTRY_CACHE_H

#include "schema/descriptor.h"

/*
 * Schemas that were loaded once, by fingerprint. Holds a reference to each, so
 * that look-ups after the first neither read nor parse. Not locked.
 */

typedef struct dpi_registry_cache {
	const dp_allocator *alloc;
	dp_schema **slots; /* open addressing; at most half are in use */
	size_t slot_count; /* 0, or a power of two */
	size_t count;
} dpi_registry_cache;

void dpi_registry_cache_init(
	dpi_registry_cache *cache, const dp_allocator *alloc);
void dpi_registry_cache_fini(dpi_registry_cache *cache);

/* Borrowed, or NULL. */
dp_schema *dpi_registry_cache_find(
	const dpi_registry_cache *cache, const char *fingerprint);

/* Takes a reference of its own. Errors: DP_ENOMEM. */
DP_NODISCARD dp_status dpi_registry_cache_add(
	dpi_registry_cache *cache, dp_schema *schema);

#endif /* DPI_SCHEMA_REGISTRY_CACHE_H */
