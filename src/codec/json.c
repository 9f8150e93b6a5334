/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/json.h"

#include <math.h>

#include "codec/json_straight.h"
#include "codec/json_text.h"
#include "codec/json_well_known.h"
#include "codec/map_order.h"
#include "codec/elements.h"
#include "codec/scan.h"
#include "codec/unknown.h"
#include "codec/value.h"

/* JSON has integers of 53 bits; longer ones are strings. */
static bool put_quoted_int(dpi_output *output, int64_t value)
{
	return dpi_output_byte(output, '"') && dpi_json_int(output, value) &&
		dpi_output_byte(output, '"');
}

static bool put_quoted_uint(dpi_output *output, uint64_t value)
{
	return dpi_output_byte(output, '"') && dpi_json_uint(output, value) &&
		dpi_output_byte(output, '"');
}

static bool put_enum(dpi_output *output, uint32_t json,
	const dpi_plan_enum *enumeration, int32_t number)
{
	const dpi_plan_label *label = dpi_plan_enum_find(enumeration, number);

	if (enumeration->is_null) {
		return dpi_output_text(output, "null");
	}
	return label != NULL && (json & DPI_JSON_ENUM_NUMBERS) == 0
		? dpi_json_string(output, label->name)
		: dpi_json_int(output, number);
}

static bool put_time(dpi_coder *coder, dpi_output *output,
	const dpi_plan_node *node, dpi_run pieces)
{
	dpi_time_value time;

	return dpi_value_time(coder, node, pieces, &time) &&
		dpi_output_byte(output, '"') &&
		(node->shape == DPI_WKT_TIMESTAMP
				? dpi_json_timestamp(output, time.seconds,
					  time.nanos, false)
				: dpi_json_duration(
					  output, time.seconds, time.nanos)) &&
		dpi_output_byte(output, '"');
}

static bool put_wrapper(dpi_coder *coder, dpi_output *output,
	const dpi_plan_node *node, dpi_run pieces)
{
	dpi_frame *frame = dpi_coder_enter(coder, node);

	if (frame == NULL || !dpi_scan(coder, frame, pieces) ||
		!dpi_json_value(coder, output, &node->fields[0],
			dpi_frame_slot(frame, 0))) {
		return false;
	}
	dpi_coder_leave_text(coder);
	return true;
}

/* In a column it must read back as a double, which -0 does not everywhere. */
static bool put_double(const dpi_coder *coder, dpi_output *output, double value)
{
	return dpi_json_double(output, value) &&
		(value != 0 || !signbit(value) ||
			(coder->json & DPI_JSON_COLUMN) == 0 ||
			dpi_output_text(output, ".0"));
}

static bool put_float(const dpi_coder *coder, dpi_output *output, float value)
{
	return value == 0 ? put_double(coder, output, (double)value)
			  : dpi_json_float(output, value);
}

static bool put_string(
	dpi_coder *coder, dpi_output *output, const dpi_slot *slot)
{
	dp_bytes text;

	return dpi_value_text(coder, slot, &text) &&
		dpi_json_string(output, text);
}

bool dpi_json_value(dpi_coder *coder, dpi_output *output,
	const dpi_plan_field *field, const dpi_slot *slot)
{
	switch (field->kind) {
	case DPI_KIND_BOOL:
		return dpi_output_text(
			output, slot->bits != 0 ? "true" : "false");
	case DPI_KIND_INT32:
	case DPI_KIND_SINT32:
	case DPI_KIND_UINT32:
		return dpi_json_int(
			output, dpi_value_int(field->kind, slot->bits));
	case DPI_KIND_INT64:
	case DPI_KIND_SINT64:
		return put_quoted_int(
			output, dpi_value_int(field->kind, slot->bits));
	case DPI_KIND_UINT64:
		return put_quoted_uint(output, slot->bits);
	case DPI_KIND_FLOAT:
		return put_float(coder, output, dpi_value_float(slot->bits));
	case DPI_KIND_DOUBLE:
		return put_double(coder, output, dpi_value_double(slot->bits));
	case DPI_KIND_STRING:
		return put_string(coder, output, slot);
	case DPI_KIND_BYTES:
		return dpi_json_base64(output, dpi_value_bytes(coder, slot));
	case DPI_KIND_ENUM:
		return put_enum(output, coder->json, field->enumeration,
			(int32_t)slot->bits);
	default:
		return dpi_json_message(coder, output, field->child,
			dpi_slot_pieces(coder, slot));
	}
}

/* Names of members are strings. */
static bool put_key(dpi_coder *coder, dpi_output *output,
	const dpi_plan_field *key, const dpi_slot *slot)
{
	bool is_quoted = key->kind == DPI_KIND_STRING ||
		key->kind == DPI_KIND_INT64 || key->kind == DPI_KIND_SINT64 ||
		key->kind == DPI_KIND_UINT64;

	return (is_quoted || dpi_output_byte(output, '"')) &&
		dpi_json_value(coder, output, key, slot) &&
		(is_quoted || dpi_output_byte(output, '"')) &&
		dpi_output_byte(output, ':');
}

static bool put_entry(dpi_coder *coder, dpi_output *output,
	const dpi_plan_field *field, const dpi_slot *slot)
{
	const dpi_plan_node *node = field->child;
	const dpi_plan_field *key = node->key;
	const dpi_plan_field *value = node->value;
	dpi_frame *frame = dpi_coder_enter(coder, node);

	if (frame == NULL ||
		!dpi_scan(coder, frame, dpi_slot_pieces(coder, slot))) {
		return false;
	}
	frame->field = key;
	if (!put_key(coder, output, key,
		    dpi_frame_slot(frame, (size_t)(key - node->fields)))) {
		return false;
	}
	frame->field = value;
	if (!dpi_json_value(coder, output, value,
		    dpi_frame_slot(frame, (size_t)(value - node->fields)))) {
		return false;
	}
	dpi_coder_leave_text(coder);
	return true;
}

/* What a value could not hold goes to the message around it. */
static bool keep_lost(
	dpi_coder *coder, const dpi_plan_field *field, const dpi_slot *slot)
{
	return coder->lost == 0 ||
		coder->frames[coder->depth - 1].node->shape != DPI_WKT_NONE ||
		dpi_keep_whole(coder, field, slot);
}

static bool put_map(dpi_coder *coder, dpi_output *output,
	const dpi_plan_field *field, const dpi_slot *slot)
{
	dpi_frame *frame = &coder->frames[coder->depth - 1];
	dpi_map_order order;

	if (!dpi_map_order_make(coder, field, slot, &order) ||
		!dpi_output_byte(output, '{')) {
		return false;
	}
	for (size_t i = 0; i < order.count; i++) {
		dpi_slot entry = dpi_map_order_entry(coder, order, i);

		frame->element = (uint32_t)i;
		if ((i > 0 && !dpi_output_byte(output, ',')) ||
			!put_entry(coder, output, field, &entry) ||
			!keep_lost(coder, field, &entry)) {
			return false;
		}
	}
	dpi_map_order_drop(coder, order);
	return dpi_output_byte(output, '}');
}

static bool put_array(dpi_coder *coder, dpi_output *output,
	const dpi_plan_field *field, const dpi_slot *slot)
{
	dpi_frame *frame = &coder->frames[coder->depth - 1];
	dpi_elements elements = dpi_elements_of(coder, field, slot);
	dpi_slot element;

	if (!dpi_output_byte(output, '[')) {
		return false;
	}
	for (uint32_t i = 0; dpi_elements_next(&elements, &element); i++) {
		frame->element = i;
		if ((i > 0 && !dpi_output_byte(output, ',')) ||
			!dpi_json_value(coder, output, field, &element) ||
			!keep_lost(coder, field, &element)) {
			return false;
		}
	}
	return dpi_output_byte(output, ']');
}

bool dpi_json_repeated(dpi_coder *coder, dpi_output *output,
	const dpi_plan_field *field, const dpi_slot *slot)
{
	return field->is_map ? put_map(coder, output, field, slot)
			     : put_array(coder, output, field, slot);
}

static bool put_member(dpi_coder *coder, dpi_output *output,
	const dpi_plan_field *field, const dpi_slot *slot, bool is_first)
{
	if (!dpi_output_append(output,
		    (const uint8_t *)field->label.data + is_first,
		    field->label.size - is_first)) {
		return false;
	}
	if (field->is_repeated) {
		return dpi_json_repeated(coder, output, field, slot);
	}
	return dpi_json_value(coder, output, field, slot) &&
		keep_lost(coder, field, slot);
}

/* What the schema does not know, in a column. */
static bool put_unknown(
	dpi_coder *coder, dpi_output *output, dpi_frame *frame, bool is_first)
{
	dp_bytes unknown = dpi_bytes(coder->unknown.data + frame->unknown_mark,
		coder->unknown.size - frame->unknown_mark);

	return unknown.size == 0 || (coder->json & DPI_JSON_COLUMN) == 0 ||
		((is_first || dpi_output_byte(output, ',')) &&
			dpi_output_text(output, "\"_unknown\":") &&
			dpi_json_base64(output, unknown));
}

bool dpi_json_known(
	dpi_coder *coder, dpi_output *output, dpi_frame *frame, bool *is_first)
{
	const dpi_plan_node *node = frame->node;
	bool has_zeros = (coder->json & DPI_JSON_ZEROS) != 0;

	for (size_t i = 0; i < node->field_count; i++) {
		const dpi_plan_field *field = &node->fields[i];
		const dpi_slot *slot = dpi_frame_slot(frame, i);
		bool is_there = slot != &dpi_slot_empty &&
			dpi_json_is_shown(field, slot);

		if (!dpi_mask_has(frame->mask, i) ||
			!(is_there ||
				(has_zeros && !field->has_presence &&
					!field->field->is_extension))) {
			continue;
		}
		frame->field = field;
		if (!put_member(coder, output, field, slot, *is_first)) {
			return false;
		}
		*is_first = false;
	}
	return true;
}

static bool put_members(
	dpi_coder *coder, dpi_output *output, dpi_frame *frame, bool is_first)
{
	return dpi_json_known(coder, output, frame, &is_first) &&
		put_unknown(coder, output, frame, is_first);
}

static bool put_object(dpi_coder *coder, dpi_output *output,
	const dpi_plan_node *node, dpi_run pieces)
{
	dpi_frame *frame = dpi_coder_enter(coder, node);

	if (frame == NULL || !dpi_scan(coder, frame, pieces) ||
		!dpi_output_byte(output, '{') ||
		!put_members(coder, output, frame, true)) {
		return false;
	}
	dpi_coder_leave(coder);
	return dpi_output_byte(output, '}');
}

/* The type's name is behind the last slash. */
static const dpi_plan_node *find_type(dpi_coder *coder, dp_bytes url)
{
	const uint8_t *p = url.data;
	const dpi_plan_node *node = NULL;
	size_t at = url.size;

	while (at > 0 && p[at - 1] != '/') {
		at--;
	}
	if (at > 0) {
		node = dpi_plan_find_type(
			coder->plan, dpi_bytes(p + at, url.size - at));
	}
	if (node == NULL) {
		coder->culprit = url;
		(void)dpi_coder_fail(coder, DP_ESCHEMA,
			"the schema does not have the type of an Any");
	}
	return node;
}

/* Types that are not objects in JSON are a member `value`. */
static bool put_opened(dpi_coder *coder, dpi_output *output,
	const dpi_plan_node *node, const dpi_slot *value)
{
	dpi_run piece = dpi_slot_pieces(coder, value);
	dpi_frame *frame;

	if (node->shape != DPI_WKT_NONE) {
		return dpi_output_text(output, ",\"value\":") &&
			dpi_json_message(coder, output, node, piece);
	}
	frame = dpi_coder_enter(coder, node);
	if (frame == NULL || !dpi_scan(coder, frame, piece) ||
		!put_members(coder, output, frame, false)) {
		return false;
	}
	dpi_coder_leave(coder);
	return true;
}

static bool put_any(dpi_coder *coder, dpi_output *output,
	const dpi_plan_node *any, dpi_run pieces)
{
	dpi_frame *frame = dpi_coder_enter(coder, any);
	const dpi_plan_node *node;
	const dpi_slot *value;
	dp_bytes url;

	if (frame == NULL || !dpi_scan(coder, frame, pieces)) {
		return false;
	}
	frame->field = &any->fields[0];
	value = dpi_frame_slot(frame, 1);
	if (!dpi_value_text(coder, dpi_frame_slot(frame, 0), &url)) {
		return false;
	}
	if (url.size == 0 && value->size == 0) {
		dpi_coder_leave(coder);
		return dpi_output_text(output, "{}");
	}
	node = find_type(coder, url);
	if (node == NULL || !dpi_output_text(output, "{\"@type\":") ||
		!dpi_json_string(output, url)) {
		return false;
	}
	frame->field = &any->fields[1];
	if (!put_opened(coder, output, node, value)) {
		return false;
	}
	dpi_coder_leave(coder);
	return dpi_output_byte(output, '}');
}

/* Not in a column of a datum that goes straight, nor only some fields. */
static bool goes_straight(const dpi_coder *coder)
{
	return coder->is_straight && coder->plan->mask == NULL &&
		(coder->json & (DPI_JSON_COLUMN | DPI_JSON_ZEROS)) == 0;
}

bool dpi_json_message(dpi_coder *coder, dpi_output *output,
	const dpi_plan_node *node, dpi_run pieces)
{
	switch (node->shape) {
	case DPI_WKT_TIMESTAMP:
	case DPI_WKT_DURATION:
		return put_time(coder, output, node, pieces);
	case DPI_WKT_WRAPPER:
		return put_wrapper(coder, output, node, pieces);
	case DPI_WKT_ANY:
		return ((coder->json & DPI_JSON_COLUMN) != 0
				? put_object
				: put_any)(coder, output, node, pieces);
	case DPI_WKT_STRUCT:
	case DPI_WKT_LIST_VALUE:
		return dpi_json_struct(coder, output, node, pieces);
	case DPI_WKT_VALUE:
		return dpi_json_any_value(coder, output, node, pieces);
	case DPI_WKT_FIELD_MASK:
		return dpi_json_field_mask(coder, output, node, pieces);
	default:
		return (goes_straight(coder) ? dpi_json_straight : put_object)(
			coder, output, node, pieces);
	}
}

void dpi_json_fail(dpi_coder *coder, dpi_output *output)
{
	if (coder->failed == DP_OK && output->failed != DP_OK) {
		(void)dpi_coder_fail(coder, output->failed,
			output->failed == DP_ETOOBIG
				? "its JSON is over the limit"
				: "no memory");
	}
	output->failed = DP_ESCHEMA; /* has it take all back */
}

/* Straight, if it goes; output's failure is the coder's. */
static bool encode_once(const dpi_plan *plan, dpi_coder *coder,
	const void *wire, size_t size, size_t limit, dpi_buf *out)
{
	const dpi_run all = {0, (uint32_t)size, 0};
	dpi_output output;

	if (dpi_coder_begin(coder, plan, wire, size) != DP_OK) {
		return false;
	}
	dpi_output_begin(&output, out, limit);
	if (!dpi_json_message(coder, &output, plan->nodes[0], all)) {
		dpi_json_fail(coder, &output);
	}
	return dpi_output_finish(&output) == DP_OK;
}

dp_status dpi_json_encode(const dpi_plan *plan, dpi_coder *coder,
	const void *wire, size_t size, size_t limit, dpi_buf *out,
	dp_error **err)
{
	bool tries = coder->scans_left == 0;
	bool is_done;

	coder->is_straight = tries;
	is_done = encode_once(plan, coder, wire, size, limit, out);
	if (!tries) {
		coder->scans_left--;
	} else if (!is_done && coder->failed != DP_ENOMEM) {
		coder->is_straight = false;
		is_done = encode_once(plan, coder, wire, size, limit, out);
		coder->scans_left = is_done ? DPI_CODER_SCANS : 0;
	}
	coder->is_straight = false;
	return is_done ? DP_OK : dpi_coder_report(coder, plan, err);
}
