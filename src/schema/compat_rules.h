/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_SCHEMA_COMPAT_RULES_H
#define DPI_SCHEMA_COMPAT_RULES_H

#include <datapipe/compat.h>

#include "base/buf.h"
#include "schema/raw_set.h"

/*
 * How two versions of a type are compared: pairs of messages that fields of
 * the same number hold, each pair once, beginning with the type itself. The
 * rules are those of doc/compatibility.md.
 */

/* Both forms of the data at once. */
#define DPI_BREAKS_BACKWARD (DP_BREAKS_BACKWARD | DP_BREAKS_JSON_BACKWARD)
#define DPI_BREAKS_FORWARD (DP_BREAKS_FORWARD | DP_BREAKS_JSON_FORWARD)
#define DPI_BREAKS_WIRE (DP_BREAKS_BACKWARD | DP_BREAKS_FORWARD)
#define DPI_BREAKS_JSON (DP_BREAKS_JSON_BACKWARD | DP_BREAKS_JSON_FORWARD)
#define DPI_BREAKS_NOW (DPI_BREAKS_WIRE | DPI_BREAKS_JSON)
#define DPI_BREAKS_LATER (DP_BREAKS_LATER | DP_BREAKS_JSON_LATER)

/* One of the two versions: what a set says, and what it means. */
typedef struct dpi_compat_side {
	dpi_raw_set raw;
	dpi_types types;
} dpi_compat_side;

/* Borrows the set until fini. Errors: as dpi_types_load(). */
DP_NODISCARD dp_status dpi_compat_side_init(dpi_compat_side *ret,
	const dp_allocator *alloc, dp_bytes set, dp_error **err);
void dpi_compat_side_fini(dpi_compat_side *side);

/* As dp_compat_new(), of a type that both sets have. */
DP_NODISCARD dp_status dpi_compat_compare(dp_compat **ret_compat,
	const dp_allocator *alloc, const dpi_compat_side *before,
	const dpi_compat_side *after, const char *type, dp_error **err);

/* Two messages or two enums whose contents are to be compared. */
typedef struct dpi_compat_pair {
	const void *before;
	const void *after;
	bool is_enum;
} dpi_compat_pair;

typedef struct dpi_comparison {
	dp_compat *compat;
	const dpi_compat_side *before;
	const dpi_compat_side *after;
	dpi_buf pairs; /* of dpi_compat_pair: done, and to do */
	dpi_buf text;  /* scratch */
	uint64_t work; /* so far */
	dp_status failed;
} dpi_comparison;

/* Counts work; false once it is too much. */
bool dpi_compat_work(dpi_comparison *c, size_t amount);

/* Adds a finding; texts are copied. member may be "". */
void dpi_compat_found(dpi_comparison *c, const char *rule, const char *owner,
	const char *member, int32_t number, uint32_t breaks, const char *before,
	const char *after);

/* To be compared, once. */
void dpi_compat_pair_add(
	dpi_comparison *c, const void *before, const void *after, bool is_enum);

void dpi_compat_messages(dpi_comparison *c, const dpi_message_type *before,
	const dpi_message_type *after);
void dpi_compat_enums(dpi_comparison *c, const dpi_enum_type *before,
	const dpi_enum_type *after);

/* What two fields of the same number differ in. */
void dpi_compat_fields(dpi_comparison *c, const dpi_message_type *before,
	const dpi_field *old, const dpi_message_type *after,
	const dpi_field *fresh);

/*
 * What a change of type breaks: which values of the one side mean another
 * value, or none, to the other.
 */
uint32_t dpi_compat_type_breaks(const dpi_field *old, const dpi_field *fresh);

/* Ranges and names that a message or an enum reserves: its descriptor. */
typedef struct dpi_reserved {
	dp_bytes source;
	uint32_t ranges; /* number of the field of ranges */
	uint32_t names;
	int32_t past; /* 0 if ends of ranges are not of them, else 1 */
} dpi_reserved;

dpi_reserved dpi_reserved_of_message(
	const dpi_compat_side *side, const char *full_name);
dpi_reserved dpi_reserved_of_enum(
	const dpi_compat_side *side, const char *full_name);
bool dpi_reserved_has(
	dpi_comparison *c, const dpi_reserved *reserved, int32_t number);
bool dpi_reserved_has_name(
	dpi_comparison *c, const dpi_reserved *reserved, const char *name);

/* Finds what old reserves and fresh does not. */
void dpi_compat_reserved(dpi_comparison *c, const char *owner,
	const dpi_reserved *old, const dpi_reserved *fresh);

#endif /* DPI_SCHEMA_COMPAT_RULES_H */
