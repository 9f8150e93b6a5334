/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_SCHEMA_REGISTRY_INDEX_H
#define DPI_SCHEMA_REGISTRY_INDEX_H

#include <stddef.h>
#include <stdint.h>

#include <datapipe/compat.h>

#include "base/arena.h"
#include "base/buf.h"
#include "schema/canonical.h"

/*
 * What a registry knows, in memory and as bytes (the form is described in
 * proto/datapipe/registry/v1/index.proto). Replaced as a whole, never edited.
 */

#define DPI_INDEX_HEAD_BYTES 24
#define DPI_INDEX_MAX_BYTES (256u << 20)

typedef struct dpi_registry_version {
	char fingerprint[DPI_FINGERPRINT_TEXT + 1];
	uint32_t size;
	uint32_t crc;
} dpi_registry_version;

typedef struct dpi_registry_type {
	const char *name;
	dpi_registry_version *versions; /* version 1 is the first */
	uint32_t version_count;
	dp_compat_mode mode; /* which changes are refused */
} dpi_registry_type;

typedef struct dpi_registry_index {
	dpi_arena arena;
	uint64_t generation;
	dpi_registry_type *types; /* names ascend */
	size_t type_count;
} dpi_registry_index;

/* One that knows nothing: generation 0. */
void dpi_registry_index_init(
	dpi_registry_index *index, const dp_allocator *alloc);
void dpi_registry_index_fini(dpi_registry_index *index);

/* The generation in a head. Errors: DP_ECORRUPT, without a message. */
DP_NODISCARD dp_status dpi_registry_index_peek(
	const uint8_t *head, uint64_t *ret_generation);

/* Errors: DP_ECORRUPT, DP_ENOMEM. */
DP_NODISCARD dp_status dpi_registry_index_decode(dpi_registry_index *ret,
	const dp_allocator *alloc, dp_bytes bytes, dp_error **err);

/* The type of a name, or NULL. */
const dpi_registry_type *dpi_registry_index_find(
	const dpi_registry_index *index, const char *name);

/* The version, 1 and up, with a fingerprint; 0 if none has it. */
uint32_t dpi_registry_type_find(
	const dpi_registry_type *type, const char *fingerprint);

/* A version to be added to those of a type, or a mode that it gets. */
typedef struct dpi_registry_addition {
	const char *name;
	dpi_registry_version version;
	const dp_compat_mode *mode; /* NULL: it is a version */
} dpi_registry_addition;

/*
 * Appends the bytes of the next generation: index with additions, which are
 * sorted by name here. Errors: DP_ENOMEM, DP_ETOOBIG.
 */
DP_NODISCARD dp_status dpi_registry_index_encode(
	const dpi_registry_index *index, dpi_registry_addition *additions,
	size_t count, dpi_buf *out, dp_error **err);

#endif /* DPI_SCHEMA_REGISTRY_INDEX_H */
