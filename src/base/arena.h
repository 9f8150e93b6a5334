/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_BASE_ARENA_H
#define DPI_BASE_ARENA_H

#include <stddef.h>

#include <datapipe/alloc.h>

/*
 * Memory that is given back all at once: what lives as long as one batch, one
 * schema or one plan. Grows by blocks that double, up to its limit, and keeps
 * its largest block on reset, so that a steady load stops allocating.
 *
 * Not locked: one owner.
 */

typedef struct dpi_arena_block dpi_arena_block;

typedef struct dpi_arena {
	const dp_allocator *alloc;
	size_t limit_bytes;     /* most bytes of all blocks together */
	size_t used_bytes;      /* bytes of all blocks together */
	dpi_arena_block *block; /* newest first */
} dpi_arena;

/* Allocates nothing yet. Borrows alloc until fini. */
void dpi_arena_init(
	dpi_arena *arena, const dp_allocator *alloc, size_t limit_bytes);

/* Frees everything that was taken from it. */
void dpi_arena_fini(dpi_arena *arena);

/* As fini, but keeps the largest block for what comes next. */
void dpi_arena_reset(dpi_arena *arena);

/* size bytes fit for any type, or NULL if out of memory or over the limit. */
void *dpi_arena_alloc(dpi_arena *arena, size_t size);

/* The same for an array, zeroed. */
void *dpi_arena_zalloc(dpi_arena *arena, size_t count, size_t size);

/* A copy of size bytes with a NUL behind them, or NULL. */
char *dpi_arena_dup(dpi_arena *arena, const void *data, size_t size);

#endif /* DPI_BASE_ARENA_H */
