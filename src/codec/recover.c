/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/recover.h"

#include "base/error.h"
#include "codec/json.h"
#include "codec/scan.h"
#include "codec/unknown.h"

/* A map's path goes on by the fields of its entries: "prices.value". */
static const dpi_plan_node *find_node(const dpi_plan *plan, const char *path)
{
	const dpi_plan_node *node = plan->nodes[0];

	while (*path != '\0') {
		const dpi_plan_field *field = dpi_plan_step(node, path, &path);

		if (field == NULL || field->child == NULL ||
			field->child->shape != DPI_WKT_NONE ||
			(path[0] == '\0' && path[-1] == '.')) {
			return NULL;
		}
		node = field->child;
	}
	return node;
}

static bool put_part(dpi_coder *coder, dpi_output *output,
	const dpi_plan_node *node, dpi_run all)
{
	dpi_frame *frame = dpi_coder_enter(coder, node);
	bool is_first = true;

	return frame != NULL && dpi_scan_part(coder, frame, all) &&
		dpi_output_byte(output, '{') &&
		dpi_json_known(coder, output, frame, &is_first) &&
		dpi_output_byte(output, '}');
}

/* The frame stays open: its unknown fields are the rest. */
dp_status dpi_json_recover(const dpi_plan *plan, dpi_coder *coder,
	const char *at, dp_bytes unknown, size_t limit, dpi_buf *out,
	dp_bytes *ret_rest, dp_error **err)
{
	const dpi_plan_node *node = find_node(plan, at);
	const dpi_run all = {0, (uint32_t)unknown.size, 0};
	dpi_output output;

	if (node == NULL) {
		return dpi_error_set(err, DP_EINVAL,
			"no message is at %s: paths go by the names of fields, "
			"through messages, lists and maps",
			at);
	}
	if (dpi_coder_begin(coder, plan, unknown.data, unknown.size) != DP_OK) {
		return dpi_coder_report(coder, plan, err);
	}
	coder->json =
		(plan->json & ~(uint32_t)DPI_JSON_ZEROS) | DPI_JSON_COLUMN;
	dpi_output_begin(&output, out, limit);
	if (!put_part(coder, &output, node, all)) {
		dpi_json_fail(coder, &output);
	}
	if (dpi_output_finish(&output) != DP_OK) {
		return dpi_coder_report(coder, plan, err);
	}
	*ret_rest = dpi_bytes(coder->unknown.data, coder->unknown.size);
	return DP_OK;
}

/* Whether a row has no value of the field of tag yet. */
static bool is_wanted(
	const dpi_plan_node *node, uint32_t tag, const bool *is_filled)
{
	const dpi_plan_field *field = dpi_plan_find(node, dpi_wire_number(tag));

	return field == NULL ||
		(!is_filled[field - node->fields] &&
			(field->oneof == 0 || !is_filled[field->oneof]));
}

/* Behind the pieces so far; the first of them is empty. */
static bool add_piece(dpi_coder *coder, dpi_run *pieces, uint32_t *last,
	uint32_t start, uint32_t end)
{
	uint32_t i;

	if (*last != 0 && dpi_coder_run(coder, *last)->end == start) {
		dpi_coder_run_at(coder, *last)->end = end;
		return true;
	}
	i = dpi_coder_push_run(coder, start, end);
	if (*last == 0) {
		pieces->next = i;
	} else if (i != 0) {
		dpi_coder_run_at(coder, *last)->next = i;
	}
	*last = i;
	return i != 0;
}

bool dpi_recover_pick(dpi_coder *coder, const dpi_frame *frame,
	const bool *is_filled, dpi_run *ret_pieces)
{
	const uint8_t *p = coder->wire;
	uint32_t last = 0;

	*ret_pieces = (dpi_run){0, 0, 0};
	while (p < coder->wire_end) {
		const uint8_t *field = p;
		dpi_wire_value value;
		uint32_t tag;
		bool is_ok;

		p = dpi_wire_get_tag(p, coder->wire_end, &tag);
		p = p == NULL ? NULL
			      : dpi_wire_get_value(p, coder->wire_end, tag,
					coder->depth, &value);
		if (p == NULL) {
			return dpi_scan_fault(coder, field, coder->wire_end);
		}
		is_ok = is_wanted(frame->node, tag, is_filled)
			? add_piece(coder, ret_pieces, &last,
				  (uint32_t)(field - coder->wire),
				  (uint32_t)(p - coder->wire))
			: dpi_unknown_append(coder, field, (size_t)(p - field));
		if (!is_ok) {
			return false;
		}
	}
	return true;
}
