/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_CODEC_JSON_WELL_KNOWN_H
#define DPI_CODEC_JSON_WELL_KNOWN_H

#include "codec/coder.h"

/* Well-known messages that have a JSON form of their own. */

/* Struct: an object; ListValue: an array. */
DP_NODISCARD bool dpi_json_struct(dpi_coder *coder, dpi_output *output,
	const dpi_plan_node *node, dpi_run pieces);

/* Value: whatever it holds; null if nothing. */
DP_NODISCARD bool dpi_json_any_value(dpi_coder *coder, dpi_output *output,
	const dpi_plan_node *node, dpi_run pieces);

/* FieldMask: its paths in lower camel case, with commas between. */
DP_NODISCARD bool dpi_json_field_mask(dpi_coder *coder, dpi_output *output,
	const dpi_plan_node *node, dpi_run pieces);

#endif /* DPI_CODEC_JSON_WELL_KNOWN_H */
