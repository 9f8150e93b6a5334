/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_CODEC_JSON_H
#define DPI_CODEC_JSON_H

#include "codec/coder.h"

/*
 * Messages as text, by the rules of ProtoJSON: 64-bit integers, bytes and
 * times are strings, fields without presence are left out when they are zero.
 * Three things differ, so that nothing is lost: an object whose message has
 * fields that the schema does not know ends with a member `_unknown`, their
 * bytes in Base64; Any is an object with typeUrl and value; and maps are in
 * the order of their keys.
 *
 * All return false when something is wrong, which coder or output remembers.
 */

/* The message at pieces, by a node of form OBJECT. */
DP_NODISCARD bool dpi_json_message(dpi_coder *coder, dpi_output *output,
	const dpi_plan_node *node, dpi_run pieces);

/* One value of a field of a node of form OBJECT or ROW. */
DP_NODISCARD bool dpi_json_value(dpi_coder *coder, dpi_output *output,
	const dpi_plan_field *field, const dpi_slot *slot);

/* All values of a repeated one: an array; of a map: an object. */
DP_NODISCARD bool dpi_json_repeated(dpi_coder *coder, dpi_output *output,
	const dpi_plan_field *field, const dpi_slot *slot);

#endif /* DPI_CODEC_JSON_H */
