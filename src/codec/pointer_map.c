/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/pointer_map.h"

#define FIRST_ROOM 64

static dpi_pointer_pair *place_of(
	const dpi_pointer_map *map, const void *key, uint32_t variant)
{
	uint64_t h = ((uint64_t)(uintptr_t)key + variant) *
		UINT64_C(0x9e3779b97f4a7c15);
	size_t i = (size_t)(h >> 32) & (map->room - 1);

	while (map->pairs[i].key != NULL &&
		(map->pairs[i].key != key ||
			map->pairs[i].variant != variant)) {
		i = (i + 1) & (map->room - 1);
	}
	return &map->pairs[i];
}

static bool grow(dpi_pointer_map *map)
{
	dpi_pointer_map larger = {.arena = map->arena,
		.count = map->count,
		.room = map->room > 0 ? 2 * map->room : FIRST_ROOM};

	larger.pairs = dpi_arena_zalloc(
		map->arena, larger.room, sizeof(*larger.pairs));
	if (larger.pairs == NULL) {
		return false;
	}
	for (size_t i = 0; i < map->room; i++) {
		const dpi_pointer_pair *pair = &map->pairs[i];

		if (pair->key != NULL) {
			*place_of(&larger, pair->key, pair->variant) = *pair;
		}
	}
	*map = larger;
	return true;
}

void *dpi_pointer_map_get(
	const dpi_pointer_map *map, const void *key, uint32_t variant)
{
	return map->room > 0 ? place_of(map, key, variant)->value : NULL;
}

bool dpi_pointer_map_add(
	dpi_pointer_map *map, const void *key, uint32_t variant, void *value)
{
	if (map->count >= map->room / 2 && !grow(map)) {
		return false;
	}
	*place_of(map, key, variant) = (dpi_pointer_pair){key, variant, value};
	map->count++;
	return true;
}
