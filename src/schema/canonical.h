/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_SCHEMA_CANONICAL_H
#define DPI_SCHEMA_CANONICAL_H

#include "base/buf.h"
#include "schema/raw_set.h"

/*
 * What one message type needs of a set, written in one way only: top-level
 * messages and enums that it reaches, extensions of all those messages, and
 * what these reach. Without services, comments, options of files (they are
 * for generated code), JSON names that say nothing new, or the order in which
 * files and types stood. Options of messages, fields and enums stay.
 *
 * The fingerprint leaves the names of files out, too, since they depend on
 * where protoc was called.
 */

#define DPI_FINGERPRINT_TEXT 32 /* without the NUL */

typedef struct dpi_canonical {
	dpi_raw_set *set;
	dpi_raw_unit **needed; /* of the closure in hand */
	size_t needed_count;
	size_t closure; /* 1, 2, …: which one it is */
	size_t file;    /* 1, 2, …: of all files written so far */
	dpi_buf material;
	dpi_buf scratch;
} dpi_canonical;

/* Borrows a linked set until fini. Errors: DP_ENOMEM. */
DP_NODISCARD dp_status dpi_canonical_init(dpi_canonical *canonical,
	dpi_raw_set *set, const dp_allocator *alloc, dp_error **err);
void dpi_canonical_fini(dpi_canonical *canonical);

/*
 * Picks a type and makes its fingerprint, 32 digits and a NUL.
 * Errors: DP_ETOOBIG, DP_ENOMEM.
 */
DP_NODISCARD dp_status dpi_canonical_pick(dpi_canonical *canonical,
	const dpi_raw_message *root, char *fingerprint, dp_error **err);

/* Appends the serialized set of the picked type. Errors as above. */
DP_NODISCARD dp_status dpi_canonical_write(
	dpi_canonical *canonical, dpi_buf *out, dp_error **err);

#endif /* DPI_SCHEMA_CANONICAL_H */
