/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"

#define FIRST_BLOCK 4096
#define ALIGNMENT alignof(max_align_t)

struct dpi_arena_block {
	dpi_arena_block *next;
	size_t size; /* with this head */
	size_t used; /* with this head */
};

/* Sizes count from the head's start, which the allocator aligned. */
#define HEAD_SIZE \
	((sizeof(dpi_arena_block) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT)

void dpi_arena_init(
	dpi_arena *arena, const dp_allocator *alloc, size_t limit_bytes)
{
	*arena = (dpi_arena){.alloc = alloc, .limit_bytes = limit_bytes};
}

static dpi_arena_block *largest(const dpi_arena *arena)
{
	dpi_arena_block *best = arena->block;

	for (dpi_arena_block *b = best; b != NULL; b = b->next) {
		if (b->size > best->size) {
			best = b;
		}
	}
	return best;
}

static void free_all_but(dpi_arena *arena, dpi_arena_block *kept)
{
	dpi_arena_block *next;

	for (dpi_arena_block *b = arena->block; b != NULL; b = next) {
		next = b->next;
		if (b != kept) {
			arena->used_bytes -= b->size;
			dpi_free(arena->alloc, b, b->size, 1);
		}
	}
	arena->block = kept;
}

void dpi_arena_fini(dpi_arena *arena)
{
	free_all_but(arena, NULL);
}

void dpi_arena_reset(dpi_arena *arena)
{
	free_all_but(arena, largest(arena));
	if (arena->block != NULL) {
		arena->block->next = NULL;
		arena->block->used = HEAD_SIZE;
	}
}

/* Bytes for a new block that holds size, or 0 if the limit forbids it. */
static size_t block_size(const dpi_arena *arena, size_t size)
{
	size_t room = arena->limit_bytes - arena->used_bytes;
	size_t want = arena->block != NULL ? arena->block->size : 0;

	if (room < HEAD_SIZE || size > room - HEAD_SIZE) {
		return 0;
	}
	want = want <= room / 2 ? want * 2 : room;
	if (want < FIRST_BLOCK) {
		want = FIRST_BLOCK;
	}
	if (want < HEAD_SIZE + size) {
		want = HEAD_SIZE + size;
	}
	return want < room ? want : room;
}

static dpi_arena_block *add_block(dpi_arena *arena, size_t size)
{
	size_t bytes = block_size(arena, size);
	dpi_arena_block *block;

	if (bytes == 0) {
		return NULL;
	}
	block = arena->alloc->alloc(arena->alloc->user, bytes);
	if (block == NULL) {
		return NULL;
	}
	*block = (dpi_arena_block){arena->block, bytes, HEAD_SIZE};
	arena->block = block;
	arena->used_bytes += bytes;
	return block;
}

void *dpi_arena_alloc(dpi_arena *arena, size_t size)
{
	dpi_arena_block *block = arena->block;
	void *place;

	if (size > SIZE_MAX - ALIGNMENT) {
		return NULL;
	}
	size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	if (block == NULL || size > block->size - block->used) {
		block = add_block(arena, size);
		if (block == NULL) {
			return NULL;
		}
	}
	place = (char *)block + block->used;
	block->used += size;
	return place;
}

void *dpi_arena_zalloc(dpi_arena *arena, size_t count, size_t size)
{
	void *place;

	if (size != 0 && count > SIZE_MAX / size) {
		return NULL;
	}
	place = dpi_arena_alloc(arena, count * size);
	return place != NULL ? memset(place, 0, count * size) : NULL;
}

char *dpi_arena_dup(dpi_arena *arena, const void *data, size_t size)
{
	char *copy;

	if (size == SIZE_MAX) {
		return NULL;
	}
	copy = dpi_arena_alloc(arena, size + 1);
	if (copy != NULL) {
		if (size > 0) {
			memcpy(copy, data, size);
		}
		copy[size] = '\0';
	}
	return copy;
}
