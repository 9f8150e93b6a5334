/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_SINK_STORE_H
#define DPI_SINK_STORE_H

#include <stddef.h>
#include <stdint.h>

#include <datapipe/sink.h>

#include "base/arena.h"
#include "base/buf.h"
#include "io/runtime.h"

/*
 * Where file sinks put objects. A name is a relative path of parts that are
 * fit for any file system ("shop.v1.Paid/2024-05-01/part-1.avro"); a folder is
 * a name of which others are below.
 *
 * What a store must offer is what both a directory and an object store can:
 * objects that are staged out of sight and become visible whole, by name;
 * small objects that are put durably; a claim that its owner's death returns.
 *
 * Any number of threads may use one store; a staged object has one owner.
 */

/* An object under construction. */
typedef struct dpi_staged {
	dp_store *store;
	uint64_t size; /* bytes so far */
} dpi_staged;

/* A name that this process alone may use. */
typedef struct dpi_claim dpi_claim;

typedef struct dpi_store_ops {
	void (*close)(dp_store *store);

	/* Begins the object `name`, which must not be there: DP_EEXIST. */
	dp_status (*stage)(dp_store *store, const char *name,
		dpi_staged **ret_staged, dp_error **err);
	/* On failure nothing was appended, and it may be tried again. */
	dp_status (*append)(dpi_staged *staged, const void *data, size_t size,
		dp_error **err);
	/*
	 * Makes the bytes durable. A failure is final: what is in the object
	 * is not known any more.
	 */
	dp_status (*finish)(dpi_staged *staged, dp_error **err);
	/* Frees the handle; the object stays as it is. */
	void (*release)(dpi_staged *staged);

	/*
	 * Gives the finished object `from` the name `to`, whatever has that
	 * name now, and makes the folders of it.
	 * DP_ENOTFOUND: there is no `from`; it may have happened before.
	 */
	dp_status (*publish)(dp_store *store, const char *from, const char *to,
		dp_error **err);
	/* What was staged, published or removed in folder becomes durable. */
	dp_status (*sync)(dp_store *store, const char *folder, dp_error **err);
	dp_status (*make_folder)(
		dp_store *store, const char *folder, dp_error **err);
	/* Nothing there is fine. */
	dp_status (*remove)(dp_store *store, const char *name, dp_error **err);
	/* Sorted names, without the folder's; none if it is not there. */
	dp_status (*list)(dp_store *store, const char *folder, dpi_arena *arena,
		const char *const **ret_names, size_t *ret_count,
		dp_error **err);

	/* A small object: DP_ENOTFOUND, DP_ETOOBIG (buf's limit). */
	dp_status (*get)(dp_store *store, const char *name, dpi_buf *buf,
		dp_error **err);
	/*
	 * Durable on return. A crash meanwhile may leave the old contents,
	 * the new, or neither.
	 */
	dp_status (*put)(dp_store *store, const char *name, const void *data,
		size_t size, dp_error **err);

	/*
	 * DP_ELOCKED if somebody else has the claim. Death gives it back.
	 */
	dp_status (*claim)(dp_store *store, const char *name,
		dpi_claim **ret_claim, dp_error **err);
	void (*unclaim)(dp_store *store, dpi_claim *claim);
} dpi_store_ops;

struct dp_store {
	const dpi_store_ops *ops;
	dp_runtime *rt;
};

#endif /* DPI_SINK_STORE_H */
