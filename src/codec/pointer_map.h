/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_CODEC_POINTER_MAP_H
#define DPI_CODEC_POINTER_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

/* What was made of a type already: values by a pointer and a variant of it. */
typedef struct dpi_pointer_map {
	dpi_arena *arena;
	struct dpi_pointer_pair *pairs;
	size_t count;
	size_t room; /* a power of two, or 0 */
} dpi_pointer_map;

typedef struct dpi_pointer_pair {
	const void *key;
	uint32_t variant;
	void *value;
} dpi_pointer_pair;

/* NULL if there is none. */
void *dpi_pointer_map_get(
	const dpi_pointer_map *map, const void *key, uint32_t variant);

/* The key must not be there; false if out of memory. */
bool dpi_pointer_map_add(
	dpi_pointer_map *map, const void *key, uint32_t variant, void *value);

#endif /* DPI_CODEC_POINTER_MAP_H */
