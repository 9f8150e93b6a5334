/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_SCHEMA_REGISTRY_STORE_H
#define DPI_SCHEMA_REGISTRY_STORE_H

#include "io/os.h"
#include "schema/registry_index.h"

/*
 * The directory of a registry:
 *
 *	index               what is known; replaced as a whole
 *	schemas/<fingerprint>.pb   a FileDescriptorSet; never changed
 *	lock                held by the process that adds
 *
 * To add is to write sets that no index names yet, to make them durable, and
 * then to replace the index: the one rename is the moment when all of it is
 * there. A crash before leaves files that nobody sees; the next to add removes
 * them. Readers take no lock, since what an index names is never changed.
 */

typedef struct dpi_registry_store {
	const dpi_os *os;
	const dp_allocator *alloc;
	char *directory;
	int lock_fd; /* -1 unless locked */
} dpi_registry_store;

/* Makes the directory if it is not there. Errors: DP_EIO, DP_ENOMEM, ... */
DP_NODISCARD dp_status dpi_registry_store_open(dpi_registry_store *ret,
	const dpi_os *os, const dp_allocator *alloc, const char *directory,
	dp_error **err);
void dpi_registry_store_close(dpi_registry_store *store);

/*
 * Reads the index into *index unless it has that generation already. No file
 * is an index that knows nothing. Errors: DP_ECORRUPT, DP_EIO, DP_ENOMEM.
 */
DP_NODISCARD dp_status dpi_registry_store_refresh(
	dpi_registry_store *store, dpi_registry_index *index, dp_error **err);

/* Appends a set, once its checksum is right. Errors as above. */
DP_NODISCARD dp_status dpi_registry_store_read(dpi_registry_store *store,
	const dpi_registry_version *version, dpi_buf *out, dp_error **err);

/*
 * Waits for the others that add. Errors: DP_ELOCKED, after 10 s; DP_EIO.
 */
DP_NODISCARD dp_status dpi_registry_store_lock(
	dpi_registry_store *store, dp_error **err);
void dpi_registry_store_unlock(dpi_registry_store *store);

/* All below: while locked. */

/* Removes what adds that did not end have left. */
DP_NODISCARD dp_status dpi_registry_store_sweep(dpi_registry_store *store,
	const dpi_registry_index *index, dp_error **err);

/* Writes a set that no index names yet. */
DP_NODISCARD dp_status dpi_registry_store_write(dpi_registry_store *store,
	const char *fingerprint, dp_bytes set, dp_error **err);

/* Makes the written sets durable and replaces the index. */
DP_NODISCARD dp_status dpi_registry_store_commit(
	dpi_registry_store *store, dp_bytes index, dp_error **err);

#endif /* DPI_SCHEMA_REGISTRY_STORE_H */
