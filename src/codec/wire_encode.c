/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/wire_encode.h"

#include "codec/elements.h"
#include "codec/json.h"
#include "codec/map_order.h"
#include "codec/mask.h"
#include "codec/scan.h"
#include "codec/value.h"

static bool put_message(dpi_coder *coder, dpi_output *output,
	const dpi_plan_node *node, dpi_run pieces);

static bool put_varint(dpi_output *output, uint64_t value)
{
	if (!dpi_output_need(output, dpi_varint_size(value))) {
		return false;
	}
	output->p = dpi_put_varint(output->p, value);
	return true;
}

static bool put_bits(dpi_output *output, uint64_t bits, size_t width)
{
	uint8_t bytes[8];

	dpi_store_u64(bytes, bits);
	return dpi_output_append(output, bytes, width);
}

/*
 * A length is written before what it counts: room is left for that of what
 * was read, which is right for all that came in this form already.
 */
typedef struct sized {
	size_t at; /* where the length goes */
	size_t width;
} sized;

static bool begin_sized(dpi_output *output, size_t guess, sized *ret)
{
	static const uint8_t room[DPI_VARINT_MAX];

	ret->at = dpi_output_size(output);
	ret->width = dpi_varint_size(guess);
	return dpi_output_append(output, room, ret->width);
}

static bool end_sized(dpi_output *output, sized mark)
{
	size_t size = dpi_output_size(output) - mark.at - mark.width;
	size_t width = dpi_varint_size(size);
	uint8_t *p;

	if (width > mark.width &&
		!dpi_output_need(output, width - mark.width)) {
		return false;
	}
	p = output->buf->data + output->start + mark.at;
	if (width != mark.width) {
		memmove(p + width, p + mark.width, size);
		output->p = p + width + size;
	}
	(void)dpi_put_varint(p, size);
	return true;
}

/* A varint as serializers write it: narrow integers are cut. */
static uint64_t canonical(dpi_kind kind, uint64_t bits)
{
	switch (kind) {
	case DPI_KIND_BOOL:
		return bits != 0;
	case DPI_KIND_UINT32:
	case DPI_KIND_SINT32:
		return (uint32_t)bits;
	case DPI_KIND_INT32:
	case DPI_KIND_ENUM:
		return (uint64_t)(int64_t)(int32_t)bits;
	default:
		return bits;
	}
}

/* Without its tag. */
static bool put_scalar(
	dpi_output *output, const dpi_plan_field *field, uint64_t bits)
{
	switch (field->element) {
	case DPI_READ_FIXED64:
		return put_bits(output, bits, 8);
	case DPI_READ_FIXED32:
		return put_bits(output, bits, 4);
	default:
		return put_varint(output, canonical(field->kind, bits));
	}
}

static bool put_bytes(dpi_coder *coder, dpi_output *output,
	const dpi_plan_field *field, const dpi_slot *slot)
{
	dp_bytes bytes = dpi_value_bytes(coder, slot);

	return (field->kind != DPI_KIND_STRING || !field->field->checks_utf8 ||
		       dpi_value_text(coder, slot, &bytes)) &&
		put_varint(output, bytes.size) &&
		dpi_output_append(output, bytes.data, bytes.size);
}

static bool put_child(dpi_coder *coder, dpi_output *output,
	const dpi_plan_field *field, const dpi_slot *slot)
{
	dpi_run pieces = dpi_slot_pieces(coder, slot);
	sized mark;

	return begin_sized(output, pieces.end - pieces.start, &mark) &&
		put_message(coder, output, field->child, pieces) &&
		end_sized(output, mark);
}

static bool put_group(dpi_coder *coder, dpi_output *output,
	const dpi_plan_field *field, const dpi_slot *slot)
{
	return put_message(coder, output, field->child,
		       dpi_slot_pieces(coder, slot)) &&
		put_varint(output,
			dpi_wire_tag(field->field->number, DPI_WIRE_GROUP_END));
}

/* One value with its tag. */
static bool put_value(dpi_coder *coder, dpi_output *output,
	const dpi_plan_field *field, const dpi_slot *slot)
{
	if (!put_varint(output, field->tag)) {
		return false;
	}
	switch (field->element) {
	case DPI_READ_BYTES:
		return put_bytes(coder, output, field, slot);
	case DPI_READ_MESSAGE:
		return put_child(coder, output, field, slot);
	case DPI_READ_GROUP:
		return put_group(coder, output, field, slot);
	default:
		return put_scalar(output, field, slot->bits);
	}
}

static bool put_packed(dpi_coder *coder, dpi_output *output,
	const dpi_plan_field *field, const dpi_slot *slot)
{
	dpi_elements elements = dpi_elements_of(coder, field, slot);
	size_t guess = field->element == DPI_READ_FIXED64 ? 8
		: field->element == DPI_READ_FIXED32      ? 4
							  : 1;
	dpi_slot element;
	sized mark;

	if (!put_varint(output, field->packed_tag) ||
		!begin_sized(output, guess * slot->count, &mark)) {
		return false;
	}
	while (dpi_elements_next(&elements, &element)) {
		if (!put_scalar(output, field, element.bits)) {
			return false;
		}
	}
	return end_sized(output, mark);
}

static bool put_expanded(dpi_coder *coder, dpi_output *output,
	const dpi_plan_field *field, const dpi_slot *slot)
{
	dpi_frame *frame = &coder->frames[coder->depth - 1];
	dpi_elements elements = dpi_elements_of(coder, field, slot);
	dpi_slot element;

	for (uint32_t i = 0; dpi_elements_next(&elements, &element); i++) {
		frame->element = i;
		if (!put_value(coder, output, field, &element)) {
			return false;
		}
	}
	return true;
}

static bool put_unknown(
	const dpi_coder *coder, dpi_output *output, const dpi_frame *frame)
{
	return frame->mask != NULL ||
		dpi_output_append(output,
			coder->unknown.data + frame->unknown_mark,
			coder->unknown.size - frame->unknown_mark);
}

/* Key and value, even if the entry lacked them. */
static bool put_entry(dpi_coder *coder, dpi_output *output,
	const dpi_plan_node *node, dpi_run pieces)
{
	dpi_frame *frame = dpi_coder_enter(coder, node);

	if (frame == NULL || !dpi_scan(coder, frame, pieces)) {
		return false;
	}
	for (size_t i = 0; i < node->field_count; i++) {
		const dpi_plan_field *field = &node->fields[i];
		dpi_slot slot = *dpi_frame_slot(frame, i);

		if (field->enumeration != NULL && !dpi_frame_has(frame, i)) {
			slot.bits = dpi_plan_enum_default(field->enumeration);
		}
		frame->field = field;
		if (!put_value(coder, output, field, &slot)) {
			return false;
		}
	}
	if (!put_unknown(coder, output, frame)) {
		return false;
	}
	dpi_coder_leave(coder);
	return true;
}

static bool put_map(dpi_coder *coder, dpi_output *output,
	const dpi_plan_field *field, const dpi_slot *slot)
{
	dpi_frame *frame = &coder->frames[coder->depth - 1];
	dpi_map_order order;
	sized mark;

	if (!dpi_map_order_make(coder, field, slot, &order)) {
		return false;
	}
	for (size_t i = 0; i < order.count; i++) {
		dpi_slot entry = dpi_map_order_entry(coder, order, i);

		frame->element = (uint32_t)i;
		if (!put_varint(output, field->tag) ||
			!begin_sized(output, entry.size, &mark) ||
			!put_entry(coder, output, field->child,
				dpi_slot_pieces(coder, &entry)) ||
			!end_sized(output, mark)) {
			return false;
		}
	}
	dpi_map_order_drop(coder, order);
	return true;
}

static bool put_field(dpi_coder *coder, dpi_output *output,
	const dpi_plan_field *field, const dpi_slot *slot)
{
	if (!field->is_repeated) {
		return put_value(coder, output, field, slot);
	}
	if (field->is_map) {
		return put_map(coder, output, field, slot);
	}
	return (field->packed_tag != 0 && field->field->is_packed
			? put_packed
			: put_expanded)(coder, output, field, slot);
}

static bool put_message(dpi_coder *coder, dpi_output *output,
	const dpi_plan_node *node, dpi_run pieces)
{
	dpi_frame *frame = dpi_coder_enter(coder, node);

	if (frame == NULL || !dpi_scan(coder, frame, pieces)) {
		return false;
	}
	for (size_t i = 0; i < node->field_count; i++) {
		const dpi_plan_field *field = &node->fields[i];

		if (!dpi_frame_has(frame, i) || !dpi_mask_has(frame->mask, i) ||
			!dpi_json_is_shown(field, &frame->slots[i])) {
			continue;
		}
		frame->field = field;
		if (!put_field(coder, output, field, &frame->slots[i])) {
			return false;
		}
	}
	if (!put_unknown(coder, output, frame)) {
		return false;
	}
	dpi_coder_leave(coder);
	return true;
}

dp_status dpi_wire_encode(const dpi_plan *plan, dpi_coder *coder,
	const void *wire, size_t size, size_t limit, dpi_buf *out,
	dp_error **err)
{
	dpi_run all = {0, (uint32_t)size, 0};
	dpi_output output;

	if (dpi_coder_begin(coder, plan, wire, size) != DP_OK) {
		return dpi_coder_report(coder, plan, err);
	}
	dpi_output_begin(&output, out, limit);
	if (!put_message(coder, &output, plan->nodes[0], all)) {
		if (coder->failed == DP_OK) {
			(void)dpi_coder_fail(coder, output.failed,
				output.failed == DP_ETOOBIG
					? "its bytes are over the limit"
					: "no memory");
		}
		output.failed = coder->failed; /* has it take all back */
	}
	return dpi_output_finish(&output) == DP_OK
		? DP_OK
		: dpi_coder_report(coder, plan, err);
}
