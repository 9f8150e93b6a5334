/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/names.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Of "_2", "_3", … behind a name that was taken. */
#define COUNTER_SIZE 12

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		(c >= '0' && c <= '9') || c == '_';
}

/* Not tolower(): the application's locale may have its own idea of letters. */
static uint8_t fold(char c)
{
	return (uint8_t)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

static size_t hash(const char *name)
{
	uint32_t h = 2166136261u;

	for (; *name != '\0'; name++) {
		h = (h ^ fold(*name)) * 16777619u;
	}
	return h;
}

static bool is_same(const char *a, const char *b)
{
	while (*a != '\0' && fold(*a) == fold(*b)) {
		a++;
		b++;
	}
	return fold(*a) == fold(*b);
}

bool dpi_names_init(
	dpi_names *names, dpi_arena *arena, dpi_arena *scratch, size_t count)
{
	*names = (dpi_names){.arena = arena, .room = 16};
	while (names->room <= 2 * count) {
		names->room *= 2;
	}
	names->table =
		dpi_arena_zalloc(scratch, names->room, sizeof(*names->table));
	return names->table != NULL;
}

/* Where name is, or where it would be. */
static const char **place_of(dpi_names *names, const char *name)
{
	size_t i = hash(name) & (names->room - 1);

	while (names->table[i] != NULL && !is_same(names->table[i], name)) {
		i = (i + 1) & (names->room - 1);
	}
	return &names->table[i];
}

/* The parts in one, with room for a counter. */
static char *join(dpi_arena *arena, const char *prefix, const char *name,
	const char *suffix, bool keeps_dots)
{
	size_t prefix_size = strlen(prefix);
	size_t name_size = strlen(name);
	size_t suffix_size = strlen(suffix);
	char *all = dpi_arena_zalloc(
		arena, prefix_size + name_size + suffix_size + COUNTER_SIZE, 1);

	if (all == NULL) {
		return NULL;
	}
	memcpy(all, prefix, prefix_size);
	memcpy(all + prefix_size, name, name_size);
	memcpy(all + prefix_size + name_size, suffix, suffix_size);
	for (char *c = all; *c != '\0'; c++) {
		if (!is_plain(*c) && !(keeps_dots && *c == '.')) {
			*c = '_';
		}
	}
	return all;
}

const char *dpi_names_add(dpi_names *names, const char *prefix,
	const char *name, const char *suffix, bool keeps_dots)
{
	char *all = join(names->arena, prefix, name, suffix, keeps_dots);
	const char **place;
	size_t size;

	if (all == NULL) {
		return NULL;
	}
	size = strlen(all);
	place = place_of(names, all);
	for (unsigned n = 2; *place != NULL; n++) {
		(void)snprintf(all + size, COUNTER_SIZE, "_%u", n);
		place = place_of(names, all);
	}
	*place = all;
	return all;
}
