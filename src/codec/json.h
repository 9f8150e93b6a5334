/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_CODEC_JSON_H
#define DPI_CODEC_JSON_H

#include "codec/value.h"

/*
 * Messages as text, by the rules of ProtoJSON: 64-bit integers, bytes and
 * times are strings, fields without presence are left out when they are zero.
 * Maps are in the order of their keys.
 *
 * In columns (DPI_JSON_COLUMN) nothing is lost: an object whose message has
 * fields that the schema does not know ends with a member `_unknown`, their
 * bytes in Base64, and Any is an object with typeUrl and value.
 *
 * All return false when something is wrong, which coder or output remembers.
 */

/* The message at pieces, by a node of form OBJECT. */
DP_NODISCARD bool dpi_json_message(dpi_coder *coder, dpi_output *output,
	const dpi_plan_node *node, dpi_run pieces);

/*
 * The members of an open message that was scanned: the fields that are there,
 * or that DPI_JSON_ZEROS asks for, and nothing that the schema does not know.
 * is_first: whether nothing stands before the next member.
 */
DP_NODISCARD bool dpi_json_known(
	dpi_coder *coder, dpi_output *output, dpi_frame *frame, bool *is_first);

/* Ends an output that failed: its failure is the coder's. */
void dpi_json_fail(dpi_coder *coder, dpi_output *output);

/* One value of a field of a node of form OBJECT or ROW. */
DP_NODISCARD bool dpi_json_value(dpi_coder *coder, dpi_output *output,
	const dpi_plan_field *field, const dpi_slot *slot);

/* All values of a repeated one: an array; of a map: an object. */
DP_NODISCARD bool dpi_json_repeated(dpi_coder *coder, dpi_output *output,
	const dpi_plan_field *field, const dpi_slot *slot);

/* A field without presence is there only if it is not zero. */
static inline bool dpi_json_is_shown(
	const dpi_plan_field *field, const dpi_slot *slot)
{
	if (field->is_repeated) {
		return slot->count > 0;
	}
	switch (field->has_presence ? DPI_KIND_RECORD : field->kind) {
	case DPI_KIND_STRING:
	case DPI_KIND_BYTES:
		return slot->size > 0;
	case DPI_KIND_UINT64:
	case DPI_KIND_FLOAT:
	case DPI_KIND_DOUBLE:
		return slot->bits != 0;
	case DPI_KIND_RECORD:
	case DPI_KIND_TIMESTAMP:
	case DPI_KIND_DURATION:
	case DPI_KIND_WRAPPER:
	case DPI_KIND_JSON:
		return true;
	default:
		return dpi_value_int(field->kind, slot->bits) != 0;
	}
}

#endif /* DPI_CODEC_JSON_H */
