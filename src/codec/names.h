/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_CODEC_NAMES_H
#define DPI_CODEC_NAMES_H

#include <stdbool.h>

#include "base/arena.h"

/*
 * Names that are free of clashes: of the columns of one record, and of the
 * records of one Avro schema. Case does not tell two names apart, since it
 * does not in SQL.
 */
typedef struct dpi_names {
	dpi_arena *arena; /* holds the names */
	const char **table;
	size_t room; /* of table; a power of two, less than half of it used */
} dpi_names;

/* Room for count names, the table in scratch; false if out of memory. */
bool dpi_names_init(
	dpi_names *names, dpi_arena *arena, dpi_arena *scratch, size_t count);

/*
 * Adds a name and returns it, with a counter behind it if it was taken, or
 * NULL if out of memory. What Avro allows in names is kept, all else becomes
 * '_'; dots are kept if keeps_dots.
 */
const char *dpi_names_add(dpi_names *names, const char *prefix,
	const char *name, const char *suffix, bool keeps_dots);

#endif /* DPI_CODEC_NAMES_H */
