/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_SCHEMA_REGISTRY_STORE_H
#define DPI_SCHEMA_REGISTRY_STORE_H

#include "schema/objects.h"
#include "schema/registry_index.h"

/*
 * The objects of a registry:
 *
 *	generations/<number>       an index: all that is known since then
 *	schemas/<fingerprint>.pb   a FileDescriptorSet
 *	index                      the newest generation of an old registry
 *
 * To add is to put sets that no index names yet, and then the next generation.
 * Generations have no hole, and a put makes only what is not there: of several
 * machines that add at the same time one gets the number, and the others look
 * at what it added and try the number behind it. So there is no lock, and the
 * one put is the moment when all of an add is there. What a broken add leaves
 * is a set that nobody names, and that the next add of the same type uses.
 */

typedef struct dpi_registry_store {
	dpi_objects *objects;
	const dp_allocator *alloc;
	bool is_carried;
} dpi_registry_store;

/*
 * Takes objects, which close frees. With is_carried they are those of file
 * sinks (schema/registry_carried.h), and may only be read.
 */
void dpi_registry_store_init(dpi_registry_store *store, dpi_objects *objects,
	const dp_allocator *alloc, bool is_carried);
void dpi_registry_store_close(dpi_registry_store *store);

/*
 * Reads the newest index into *index unless it has that already. A list is
 * asked only where nothing is known, and then as a hint, since lists may be
 * old. Errors: DP_ECORRUPT, DP_ENOMEM, and what the objects answer.
 */
DP_NODISCARD dp_status dpi_registry_store_refresh(
	dpi_registry_store *store, dpi_registry_index *index, dp_error **err);

/* Appends a set, once its checksum is right. Errors as above. */
DP_NODISCARD dp_status dpi_registry_store_read(dpi_registry_store *store,
	const char *type, const dpi_registry_version *version, dpi_buf *out,
	dp_error **err);

/*
 * Puts a set. Where somebody was quicker, his bytes count, which may differ in
 * the names of files: version is told about those. DP_ECORRUPT if they are no
 * such set.
 */
DP_NODISCARD dp_status dpi_registry_store_write(dpi_registry_store *store,
	const char *type, dp_bytes set, dpi_registry_version *version,
	dp_error **err);

/*
 * Puts generation number `generation`. DP_EEXIST: somebody else has, so that
 * the index is to be refreshed and the add to be tried again.
 */
DP_NODISCARD dp_status dpi_registry_store_commit(dpi_registry_store *store,
	uint64_t generation, dp_bytes index, dp_error **err);

#endif /* DPI_SCHEMA_REGISTRY_STORE_H */
