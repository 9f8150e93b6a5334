/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_SINK_SCHEMA_SHELF_H
#define DPI_SINK_SCHEMA_SHELF_H

#include <datapipe/registry.h>

#include "sink/slot.h"

/*
 * The schemas that a store carries beside its files, so that these can be read
 * when the registry is long gone (schema/registry_carried.h says where). A
 * sink tells of each schema that an event needs; what is new is written before
 * the commit of the first file with such an event, and so is there whenever
 * the file is. Sets have the names of their contents: written twice, by two
 * jobs or after a crash, they are the same.
 */

/* Schemas that are known to be there. A forgotten one costs a look. */
#define DPI_SHELF_KNOWN 1024u

typedef struct dpi_schema_shelf {
	dp_store *store;
	const dp_allocator *alloc;
	const dpi_job_slot *slot; /* where sets are staged */
	dp_schema *last;          /* asked for last; a reference */
	dp_schema **wanted;       /* references */
	size_t wanted_count;
	size_t wanted_capacity;
	uint64_t known[DPI_SHELF_KNOWN]; /* hashes, at their own place */
} dpi_schema_shelf;

/* Borrows store and slot, which may be recovered later. */
void dpi_schema_shelf_init(dpi_schema_shelf *shelf, dp_store *store,
	const dp_allocator *alloc, const dpi_job_slot *slot);
void dpi_schema_shelf_fini(dpi_schema_shelf *shelf);

/* The next write is to have this schema. Errors: DP_ENOMEM. */
DP_NODISCARD dp_status dpi_schema_shelf_want(
	dpi_schema_shelf *shelf, dp_schema *schema, dp_error **err);

/*
 * All that was wanted is durable on DP_OK. After a failure it may be tried
 * again. Errors: what the store answers.
 */
DP_NODISCARD dp_status dpi_schema_shelf_write(
	dpi_schema_shelf *shelf, dp_error **err);

#endif /* DPI_SINK_SCHEMA_SHELF_H */
