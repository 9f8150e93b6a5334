/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_SCHEMA_OBJECTS_H
#define DPI_SCHEMA_OBJECTS_H

#include "base/arena.h"
#include "base/buf.h"
#include "io/runtime.h"

/*
 * Where a registry keeps its objects. It asks for no more than what both a
 * directory and an object store (GCS, S3) give: whole objects that are made
 * under a name if nobody has made it, and that never change. No rename, no
 * append, no lock; a list may not yet have what was put lately, but a get
 * has.
 *
 * A name is a relative path. Any number of threads and machines may use one
 * place at a time; a handle has one owner.
 */

typedef struct dpi_objects dpi_objects;

typedef struct dpi_objects_ops {
	void (*close)(dpi_objects *objects);

	/* Appends the object to out. DP_ENOTFOUND, DP_ETOOBIG (out's limit). */
	dp_status (*get)(dpi_objects *objects, const char *name, dpi_buf *out,
		dp_error **err);
	/*
	 * Makes an object: whole and durable on DP_OK. DP_EEXIST: there is
	 * one of that name, which stays as it is. After any other failure it
	 * may be there, whole, or not.
	 */
	dp_status (*put)(dpi_objects *objects, const char *name, dp_bytes data,
		dp_error **err);
	/*
	 * Names in a folder, sorted, without the folder's; none if it is not
	 * there. What was put lately may be missing.
	 */
	dp_status (*list)(dpi_objects *objects, const char *folder,
		dpi_arena *arena, const char *const **ret_names,
		size_t *ret_count, dp_error **err);
} dpi_objects_ops;

struct dpi_objects {
	const dpi_objects_ops *ops;
	const char *place; /* of all names, for messages */
};

/*
 * A directory; made unless it is only to be read. Where directories have no
 * atomic "make whole, or fail", the file "lock" in it keeps writers apart.
 */
DP_NODISCARD dp_status dpi_objects_local(dpi_objects **ret, const dpi_os *os,
	const dp_allocator *alloc, const char *directory, bool is_read_only,
	dp_error **err);

#endif /* DPI_SCHEMA_OBJECTS_H */
