/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/json_well_known.h"

#include <math.h>

#include "codec/json.h"
#include "codec/elements.h"
#include "codec/scan.h"
#include "codec/value.h"

bool dpi_json_struct(dpi_coder *coder, dpi_output *output,
	const dpi_plan_node *node, dpi_run pieces)
{
	dpi_frame *frame = dpi_coder_enter(coder, node);

	if (frame == NULL || !dpi_scan(coder, frame, pieces)) {
		return false;
	}
	frame->field = &node->fields[0];
	if (!dpi_json_repeated(
		    coder, output, frame->field, dpi_frame_slot(frame, 0))) {
		return false;
	}
	dpi_coder_leave_text(coder);
	return true;
}

bool dpi_json_any_value(dpi_coder *coder, dpi_output *output,
	const dpi_plan_node *node, dpi_run pieces)
{
	dpi_frame *frame = dpi_coder_enter(coder, node);
	const dpi_plan_field *chosen;
	const dpi_slot *slot;

	if (frame == NULL || !dpi_scan(coder, frame, pieces)) {
		return false;
	}
	chosen = dpi_frame_chosen(frame, 0);
	if (chosen == NULL) {
		dpi_coder_leave_text(coder);
		return dpi_output_text(output, "null");
	}
	frame->field = chosen;
	slot = &frame->slots[chosen - node->fields];
	if (chosen->kind == DPI_KIND_DOUBLE &&
		!isfinite(dpi_value_double(slot->bits))) {
		return dpi_coder_fail(coder, DP_ESCHEMA,
			"a Value has no form for NaN and Infinity");
	}
	if (!dpi_json_value(coder, output, chosen, slot)) {
		return false;
	}
	dpi_coder_leave_text(coder);
	return true;
}

static bool is_lower(uint8_t c)
{
	return c >= 'a' && c <= 'z';
}

/* "a_b.c" becomes "aB.c"; what would not come back so is refused. */
static bool put_path(dpi_coder *coder, dpi_output *output, dp_bytes path)
{
	const uint8_t *p = path.data;

	for (size_t i = 0; i < path.size; i++) {
		uint8_t c = p[i];

		if (c == '_' && i + 1 < path.size && is_lower(p[i + 1])) {
			c = (uint8_t)(p[++i] - 'a' + 'A');
		} else if (c == '_' || (c >= 'A' && c <= 'Z') || c < 0x20 ||
			c == '"' || c == '\\') {
			return dpi_coder_fail(coder, DP_ESCHEMA,
				"a path of a FieldMask has no form in JSON");
		}
		if (!dpi_output_byte(output, c)) {
			return false;
		}
	}
	return true;
}

bool dpi_json_field_mask(dpi_coder *coder, dpi_output *output,
	const dpi_plan_node *node, dpi_run pieces)
{
	dpi_frame *frame = dpi_coder_enter(coder, node);
	dpi_elements elements;
	dpi_slot element;

	if (frame == NULL || !dpi_scan(coder, frame, pieces) ||
		!dpi_output_byte(output, '"')) {
		return false;
	}
	frame->field = &node->fields[0];
	elements =
		dpi_elements_of(coder, frame->field, dpi_frame_slot(frame, 0));
	for (uint32_t i = 0; dpi_elements_next(&elements, &element); i++) {
		dp_bytes path;

		frame->element = i;
		if ((i > 0 && !dpi_output_byte(output, ',')) ||
			!dpi_value_text(coder, &element, &path) ||
			!put_path(coder, output, path)) {
			return false;
		}
	}
	dpi_coder_leave_text(coder);
	return dpi_output_byte(output, '"');
}
