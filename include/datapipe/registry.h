/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPIPE_REGISTRY_H
#define DATAPIPE_REGISTRY_H

/**
 * @file
 * Schemas by message type: every version of it, each with a fingerprint of
 * its contents. Nobody needs a registry to publish; the jobs that parse do.
 */

#include <stddef.h>
#include <stdint.h>

#include <datapipe/bytes.h>
#include <datapipe/export.h>
#include <datapipe/runtime.h>
#include <datapipe/status.h>
#include <datapipe/time.h>

DP_BEGIN_DECLS

/** Schemas by message type. */
typedef struct dp_registry dp_registry;

/** One version of one message type. Immutable and counted. */
typedef struct dp_schema dp_schema;

/** Options of dp_registry_open(); 0 means the default. */
typedef struct dp_registry_options {
	/** Set by the INIT macro. */
	size_t struct_size;
	/** How stale a look-up may be after another process added. 0: 1 s. */
	dp_time_ns refresh_ns;
} dp_registry_options;

/** Initializer of #dp_registry_options. */
#define DP_REGISTRY_OPTIONS_INIT \
	{ \
		sizeof(dp_registry_options), 0 \
	}

/** Options of dp_registry_add(); 0 or NULL means the default. */
typedef struct dp_registry_add_options {
	/** Set by the INIT macro. */
	size_t struct_size;
	/** Full names to add. NULL: every top-level message of the set. */
	const char *const *types;
	/** How many there are. */
	size_t type_count;
} dp_registry_add_options;

/** Initializer of #dp_registry_add_options. */
#define DP_REGISTRY_ADD_OPTIONS_INIT \
	{ \
		sizeof(dp_registry_add_options), NULL, 0 \
	}

/**
 * Opens a registry by its address, and makes it if it is not there.
 *
 * @param ret_reg  receives the registry; untouched on failure
 * @param rt       runtime; must outlive the registry
 * @param address  "file:DIRECTORY", shared by any number of processes; or
 *                 "lake:DIRECTORY", of a store that file sinks write to: the
 *                 schemas that it carries, only to be read
 * @param opts     options, or NULL
 * @param err      why, or NULL
 * @errors         DP_ENOTFOUND  the lake carries none
 *                 DP_EINVAL, DP_EABI, DP_ENOMEM, DP_EIO, DP_ECORRUPT
 * @owns           the caller, who calls dp_registry_close()
 * @thread         any
 * @since          0.1
 */
DP_API DP_NODISCARD dp_status dp_registry_open(dp_registry **ret_reg,
	dp_runtime *rt, const char *address, const dp_registry_options *opts,
	dp_error **err);

/**
 * Closes a registry. Schemas that were taken from it stay valid.
 *
 * @param reg  registry, or NULL
 * @thread     any, but only one
 * @since      0.1
 */
DP_API void dp_registry_close(dp_registry *reg);

/**
 * Adds the messages of a serialized FileDescriptorSet, as protoc writes it
 * with --include_imports --descriptor_set_out.
 *
 * A type whose contents are known already is left as it is; a type that
 * differs gets its next version. All of the set is added, or nothing.
 * Google's well-known types need not be in the set.
 *
 * @param reg   registry
 * @param data  serialized FileDescriptorSet
 * @param size  bytes; at most 8 MiB
 * @param opts  options, or NULL
 * @param err   why, with file and element, or NULL
 * @errors      DP_ESCHEMA   not a valid set; an import or a type is missing;
 *                           or the mode of a type, which
 *                           dp_registry_set_mode() gave it, refuses the change
 *              DP_ETOOBIG   over a limit that the message names
 *              DP_ENOTFOUND a type of opts is not in the set
 *              DP_ELOCKED   others add all the time, or another process has
 *                           held the directory's lock for 10 s
 *              DP_EDENIED   the registry is one of a lake
 *              DP_ECORRUPT, DP_EIO, DP_ENOSPC, DP_ENOMEM, DP_EFORKED
 * @owns        data stays the caller's
 * @thread      any
 * @since       0.1
 */
DP_API DP_NODISCARD dp_status dp_registry_add(dp_registry *reg,
	const void *data, size_t size, const dp_registry_add_options *opts,
	dp_error **err);

/**
 * Looks a version of a type up.
 *
 * @param reg         registry
 * @param ret_schema  receives the schema; untouched on failure
 * @param type        full name, without a leading dot
 * @param version     1, 2, …, or 0 for the newest
 * @param err         why, or NULL
 * @errors            DP_ENOTFOUND  no such type or version
 *                    DP_ECORRUPT, DP_EIO, DP_ENOMEM, DP_EFORKED
 * @owns              the caller, who calls dp_schema_unref()
 * @thread            any
 * @since             0.1
 */
DP_API DP_NODISCARD dp_status dp_registry_get(dp_registry *reg,
	dp_schema **ret_schema, const char *type, uint32_t version,
	dp_error **err);

/**
 * Looks a schema up by the fingerprint of its contents.
 *
 * @param reg          registry
 * @param ret_schema   receives the schema; untouched on failure
 * @param type         full name
 * @param fingerprint  32 hexadecimal digits, as dp_schema_fingerprint()
 * @param err          why, or NULL
 * @errors             as dp_registry_get()
 * @owns               the caller, who calls dp_schema_unref()
 * @thread             any
 * @since              0.1
 */
DP_API DP_NODISCARD dp_status dp_registry_find(dp_registry *reg,
	dp_schema **ret_schema, const char *type, const char *fingerprint,
	dp_error **err);

/**
 * Takes another reference.
 *
 * @param schema  schema
 * @return        @p schema
 * @thread        any
 * @since         0.1
 */
DP_API dp_schema *dp_schema_ref(dp_schema *schema);

/**
 * Gives a reference back.
 *
 * @param schema  schema, or NULL
 * @thread        any
 * @since         0.1
 */
DP_API void dp_schema_unref(dp_schema *schema);

/**
 * Returns the full name of the message type.
 *
 * @param schema  schema
 * @owns          nobody: borrowed while the schema lives
 * @thread        any
 * @since         0.1
 */
DP_API const char *dp_schema_type(const dp_schema *schema);

/**
 * Returns the version: 1, 2, ….
 *
 * @param schema  schema
 * @thread        any
 * @since         0.1
 */
DP_API uint32_t dp_schema_version(const dp_schema *schema);

/**
 * Returns the fingerprint: 32 hexadecimal digits that are the same wherever
 * the same definitions are registered.
 *
 * @param schema  schema
 * @owns          nobody: borrowed while the schema lives
 * @thread        any
 * @since         0.1
 */
DP_API const char *dp_schema_fingerprint(const dp_schema *schema);

/**
 * Returns a serialized FileDescriptorSet that has all the type needs.
 *
 * @param schema  schema
 * @owns          nobody: borrowed while the schema lives
 * @thread        any
 * @since         0.1
 */
DP_API dp_bytes dp_schema_descriptor_set(const dp_schema *schema);

DP_END_DECLS

#endif /* DATAPIPE_REGISTRY_H */
