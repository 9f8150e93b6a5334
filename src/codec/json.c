/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/json.h"

#include <math.h>

#include "codec/json_text.h"
#include "codec/json_well_known.h"
#include "codec/map_order.h"
#include "codec/elements.h"
#include "codec/scan.h"
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

static bool put_enum(
	dpi_output *output, const dpi_plan_enum *enumeration, int32_t number)
{
	const dpi_plan_label *label = dpi_plan_enum_find(enumeration, number);

	if (strcmp(enumeration->type->full_name, "google.protobuf.NullValue") ==
		0) {
		return dpi_output_text(output, "null");
	}
	return label != NULL ? dpi_json_string(output, label->name)
			     : dpi_json_int(output, number);
}

static bool put_time(dpi_coder *coder, dpi_output *output,
	const dpi_plan_field *field, const dpi_slot *slot)
{
	dpi_time_value time;

	return dpi_value_time(coder, field, slot, &time) &&
		dpi_output_byte(output, '"') &&
		(field->kind == DPI_KIND_TIMESTAMP
				? dpi_json_timestamp(output, time.seconds,
					  time.nanos, false)
				: dpi_json_duration(
					  output, time.seconds, time.nanos)) &&
		dpi_output_byte(output, '"');
}

static bool put_wrapper(dpi_coder *coder, dpi_output *output,
	const dpi_plan_field *field, const dpi_slot *slot)
{
	dpi_frame *frame = dpi_coder_enter(coder, field->child);

	if (frame == NULL ||
		!dpi_scan(coder, frame, dpi_slot_pieces(coder, slot)) ||
		!dpi_json_value(coder, output, &field->child->fields[0],
			dpi_frame_slot(frame, 0))) {
		return false;
	}
	dpi_coder_leave_text(coder);
	return true;
}

bool dpi_json_value(dpi_coder *coder, dpi_output *output,
	const dpi_plan_field *field, const dpi_slot *slot)
{
	dp_bytes text;

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
		return dpi_json_float(output, dpi_value_float(slot->bits));
	case DPI_KIND_DOUBLE:
		return dpi_json_double(output, dpi_value_double(slot->bits));
	case DPI_KIND_STRING:
		return dpi_value_text(coder, slot, &text) &&
			dpi_json_string(output, text);
	case DPI_KIND_BYTES:
		return dpi_json_base64(output, dpi_value_bytes(coder, slot));
	case DPI_KIND_ENUM:
		return put_enum(
			output, field->enumeration, (int32_t)slot->bits);
	case DPI_KIND_TIMESTAMP:
	case DPI_KIND_DURATION:
		return put_time(coder, output, field, slot);
	case DPI_KIND_WRAPPER:
		return put_wrapper(coder, output, field, slot);
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

/* A field without presence is there only if it is not zero. */
static bool is_shown(const dpi_plan_field *field, const dpi_slot *slot)
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

static bool put_member(dpi_coder *coder, dpi_output *output,
	const dpi_plan_field *field, const dpi_slot *slot)
{
	if (!dpi_json_string(output, dpi_bytes_text(field->field->json_name)) ||
		!dpi_output_byte(output, ':')) {
		return false;
	}
	if (field->is_repeated) {
		return dpi_json_repeated(coder, output, field, slot);
	}
	return dpi_json_value(coder, output, field, slot) &&
		keep_lost(coder, field, slot);
}

static bool put_members(dpi_coder *coder, dpi_output *output, dpi_frame *frame)
{
	const dpi_plan_node *node = frame->node;
	bool is_first = true;

	for (size_t word = 0; word * 64 < node->field_count; word++) {
		uint64_t left = frame->has[word];

		for (; left != 0; left &= left - 1) {
			size_t i = word * 64 + (size_t)__builtin_ctzll(left);

			if (i >= node->field_count ||
				!is_shown(&node->fields[i], &frame->slots[i])) {
				continue;
			}
			frame->field = &node->fields[i];
			if ((!is_first && !dpi_output_byte(output, ',')) ||
				!put_member(coder, output, frame->field,
					&frame->slots[i])) {
				return false;
			}
			is_first = false;
		}
	}
	return coder->unknown.size == frame->unknown_mark || is_first ||
		dpi_output_byte(output, ',');
}

static bool put_object(dpi_coder *coder, dpi_output *output,
	const dpi_plan_node *node, dpi_run pieces)
{
	dpi_frame *frame = dpi_coder_enter(coder, node);
	dp_bytes unknown;

	if (frame == NULL || !dpi_scan(coder, frame, pieces) ||
		!dpi_output_byte(output, '{') ||
		!put_members(coder, output, frame)) {
		return false;
	}
	unknown = dpi_bytes(coder->unknown.data + frame->unknown_mark,
		coder->unknown.size - frame->unknown_mark);
	if (unknown.size > 0 &&
		(!dpi_output_text(output, "\"_unknown\":") ||
			!dpi_json_base64(output, unknown))) {
		return false;
	}
	dpi_coder_leave(coder);
	return dpi_output_byte(output, '}');
}

bool dpi_json_message(dpi_coder *coder, dpi_output *output,
	const dpi_plan_node *node, dpi_run pieces)
{
	switch (node->shape) {
	case DPI_WKT_STRUCT:
	case DPI_WKT_LIST_VALUE:
		return dpi_json_struct(coder, output, node, pieces);
	case DPI_WKT_VALUE:
		return dpi_json_any_value(coder, output, node, pieces);
	case DPI_WKT_FIELD_MASK:
		return dpi_json_field_mask(coder, output, node, pieces);
	default:
		return put_object(coder, output, node, pieces);
	}
}
