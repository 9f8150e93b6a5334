/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_SCHEMA_ANSWER_H
#define DPI_SCHEMA_ANSWER_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/bytes.h"

/*
 * Answers of a server of schemas: JSON, read in one pass. After a failure all
 * calls fail, so that a reader may ask once. Texts live in the arena.
 *
 *	if (dpi_answer_open(&answer, '[')) {
 *		while (dpi_answer_next(&answer, ']')) {
 *			... one value ...
 */

#define DPI_ANSWER_DEPTH 32

typedef struct dpi_answer {
	dpi_arena *arena;
	const char *at; /* NULL once it failed */
	const char *end;
	bool is_first; /* nothing was read since the last open */
} dpi_answer;

dpi_answer dpi_answer_of(dpi_arena *arena, const void *data, size_t size);

/* Begins an array or an object, by its bracket. */
bool dpi_answer_open(dpi_answer *answer, char bracket);
/* Whether there is one more in it; else its end has been read. */
bool dpi_answer_next(dpi_answer *answer, char bracket);
/* A string, with a NUL behind it that does not count; or null: NULL. */
bool dpi_answer_text(dpi_answer *answer, dp_bytes *ret);
/* The name of a member, and the colon. */
bool dpi_answer_name(dpi_answer *answer, dp_bytes *ret);
/* An integer of at most 2^53, 0 or more. */
bool dpi_answer_number(dpi_answer *answer, uint64_t *ret);
/* Whether it is null, which is read then. */
bool dpi_answer_null(dpi_answer *answer);
/* Any value. */
bool dpi_answer_skip(dpi_answer *answer);
/* Whether all of it was read, and well. */
bool dpi_answer_end(dpi_answer *answer);

#endif /* DPI_SCHEMA_ANSWER_H */
