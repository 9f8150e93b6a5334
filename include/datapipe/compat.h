/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPIPE_COMPAT_H
#define DATAPIPE_COMPAT_H

/**
 * @file
 * What a change of a message type breaks: whether readers of one version
 * understand what writers of another wrote. doc/compatibility.md has the
 * rules.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <datapipe/export.h>
#include <datapipe/registry.h>
#include <datapipe/status.h>

DP_BEGIN_DECLS

/** Which changes of a type are refused: bits of DP_COMPAT_*. */
typedef uint32_t dp_compat_mode;

enum {
	/** Any change goes. */
	DP_COMPAT_NONE = 0,
	/** New readers read what was written before. */
	DP_COMPAT_BACKWARD = 1,
	/** Old readers read what will be written. */
	DP_COMPAT_FORWARD = 2,
	/** Both. */
	DP_COMPAT_FULL = 3,
	/** With all versions, not with the last one only. */
	DP_COMPAT_TRANSITIVE = 4,
	/** In ProtoJSON, too. */
	DP_COMPAT_JSON = 8
};

/** What two versions of a type differ in. Immutable. */
typedef struct dp_compat dp_compat;

/** Whom a change breaks: bits of dp_compat_finding.breaks. */
enum {
	/** New readers do not understand old bytes of the wire format. */
	DP_BREAKS_BACKWARD = 1,
	/** Old readers do not understand new bytes of the wire format. */
	DP_BREAKS_FORWARD = 2,
	/** New readers do not understand old ProtoJSON. */
	DP_BREAKS_JSON_BACKWARD = 4,
	/** Old readers do not understand new ProtoJSON. */
	DP_BREAKS_JSON_FORWARD = 8,
	/** Nobody yet; a later change that no rule would refuse may. */
	DP_BREAKS_LATER = 16,
	/** The same for ProtoJSON only. */
	DP_BREAKS_JSON_LATER = 32
};

/** One difference. Texts are borrowed while its dp_compat lives. */
typedef struct dp_compat_finding {
	/** Size of this struct in the library that filled it. */
	size_t struct_size;
	/** Name of the rule, "FIELD_TYPE": a row of doc/compatibility.md. */
	const char *rule;
	/** Full name of the old message or enum, and its field or value. */
	const char *path;
	/** What was there; "" if nothing was. */
	const char *before;
	/** What is there now; "" if nothing is. */
	const char *after;
	/** Bits DP_BREAKS_*; 0: nobody, but it is good to know. */
	uint32_t breaks;
	/** Number of the field or value, or 0. */
	int32_t number;
} dp_compat_finding;

/**
 * Compares two versions of a message type, and all types that they reach.
 *
 * @param ret_compat  receives the differences; untouched on failure
 * @param before      old version
 * @param after       new version, of the same type
 * @param err         why, or NULL
 * @errors            DP_EINVAL  the types have different names
 *                    DP_ETOOBIG the comparison does not end in bounded work
 *                    DP_ENOMEM
 * @owns              the caller, who calls dp_compat_free(); the schemas may
 *                    go before it
 * @thread            any
 * @since             0.1
 */
DP_API DP_NODISCARD dp_status dp_compat_new(dp_compat **ret_compat,
	const dp_schema *before, const dp_schema *after, dp_error **err);

/**
 * Frees differences.
 *
 * @param compat  differences, or NULL
 * @thread        any, but only one
 * @since         0.1
 */
DP_API void dp_compat_free(dp_compat *compat);

/**
 * Returns how many differences there are.
 *
 * @param compat  differences
 * @thread        any
 * @since         0.1
 */
DP_API size_t dp_compat_count(const dp_compat *compat);

/**
 * Returns a difference, or NULL. They come in the order in which messages are
 * reached, and of their fields.
 *
 * @param compat  differences
 * @param index   0 to dp_compat_count() - 1
 * @owns          nobody: borrowed while @p compat lives
 * @thread        any
 * @since         0.1
 */
DP_API const dp_compat_finding *dp_compat_get(
	const dp_compat *compat, size_t index);

/**
 * Tells whether a difference is refused by a mode.
 *
 * @param breaks  bits DP_BREAKS_*
 * @param mode    bits DP_COMPAT_*
 * @thread        any
 * @since         0.1
 */
DP_API bool dp_compat_is_refused(uint32_t breaks, dp_compat_mode mode);

/**
 * Sets which changes of a registered type dp_registry_add() refuses, with
 * DP_ESCHEMA and the reasons. Versions that are there stay.
 *
 * @param reg   registry
 * @param type  full name
 * @param mode  bits DP_COMPAT_*; DP_COMPAT_NONE at first
 * @param err   why, or NULL
 * @return      DP_OK: it is durable, and holds for all who add
 * @errors      DP_EINVAL    unknown bits
 *              DP_ENOTFOUND no such type
 *              DP_EDENIED, DP_ELOCKED, DP_ECORRUPT, DP_EIO, DP_ENOSPC,
 *              DP_ENOMEM, DP_EFORKED, as dp_registry_add()
 * @thread      any
 * @since       0.1
 */
DP_API DP_NODISCARD dp_status dp_registry_set_mode(dp_registry *reg,
	const char *type, dp_compat_mode mode, dp_error **err);

/**
 * Returns the mode of a registered type, as it is now.
 *
 * @param reg       registry
 * @param type      full name
 * @param ret_mode  receives the bits; untouched on failure
 * @param err       why, or NULL
 * @errors          as dp_registry_get()
 * @thread          any
 * @since           0.1
 */
DP_API DP_NODISCARD dp_status dp_registry_get_mode(dp_registry *reg,
	const char *type, dp_compat_mode *ret_mode, dp_error **err);

DP_END_DECLS

#endif /* DATAPIPE_COMPAT_H */
