/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/registry_cache.h"

#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "schema/canonical.h"

#define SLOTS_MIN 16

void dpi_registry_cache_init(
	dpi_registry_cache *cache, const dp_allocator *alloc)
{
	*cache = (dpi_registry_cache){.alloc = alloc};
}

static void free_slots(const dpi_registry_cache *cache)
{
	if (cache->slots != NULL) {
		dpi_free(cache->alloc, cache->slots, cache->slot_count,
			sizeof(dp_schema *));
	}
}

void dpi_registry_cache_fini(dpi_registry_cache *cache)
{
	for (size_t i = 0; i < cache->slot_count; i++) {
		dp_schema_unref(cache->slots[i]);
	}
	free_slots(cache);
}

/* The slot of a fingerprint, or the free one where it belongs. */
static dp_schema **slot_of(
	const dpi_registry_cache *cache, const char *fingerprint)
{
	uint64_t hash = dpi_hash64(0, fingerprint, DPI_FINGERPRINT_TEXT);
	size_t mask = cache->slot_count - 1;
	size_t at = (size_t)hash & mask;

	while (cache->slots[at] != NULL &&
		strcmp(dp_schema_fingerprint(cache->slots[at]), fingerprint) !=
			0) {
		at = (at + 1) & mask;
	}
	return &cache->slots[at];
}

dp_schema *dpi_registry_cache_find(
	const dpi_registry_cache *cache, const char *fingerprint)
{
	return cache->slot_count > 0 ? *slot_of(cache, fingerprint) : NULL;
}

static bool grow(dpi_registry_cache *cache)
{
	dpi_registry_cache bigger = *cache;

	bigger.slot_count =
		cache->slot_count > 0 ? 2 * cache->slot_count : SLOTS_MIN;
	bigger.slots = dpi_zalloc(
		cache->alloc, bigger.slot_count, sizeof(dp_schema *));
	if (bigger.slots == NULL) {
		return false;
	}
	for (size_t i = 0; i < cache->slot_count; i++) {
		dp_schema *schema = cache->slots[i];

		if (schema != NULL) {
			*slot_of(&bigger, dp_schema_fingerprint(schema)) =
				schema;
		}
	}
	free_slots(cache);
	*cache = bigger;
	return true;
}

dp_status dpi_registry_cache_add(dpi_registry_cache *cache, dp_schema *schema)
{
	if (2 * (cache->count + 1) > cache->slot_count && !grow(cache)) {
		return DP_ENOMEM;
	}
	*slot_of(cache, dp_schema_fingerprint(schema)) = dp_schema_ref(schema);
	cache->count++;
	return DP_OK;
}
