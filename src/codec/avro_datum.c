/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/avro_datum.h"

#include "codec/elements.h"
#include "codec/json.h"
#include "codec/map_order.h"
#include "codec/scan.h"
#include "codec/unknown.h"

/*
 * A record is scanned into the slots of a frame, then its columns are written
 * in their order. Messages inside are skipped by the scan and opened when
 * their column is written, so each byte is looked at once for its record.
 */

/* What is rare stays out of the loop over columns. */
#define NOINLINE __attribute__((noinline))

static bool put_record(dpi_coder *coder, dpi_output *output,
	const dpi_plan_node *node, dpi_run pieces);

/* What an open enum's other numbers are: their digits. */
bool dpi_datum_number(dpi_output *output, int32_t number)
{
	char digits[12];
	size_t at = sizeof(digits);
	uint32_t left = number < 0 ? 0 - (uint32_t)number : (uint32_t)number;

	do {
		digits[--at] = (char)('0' + left % 10);
		left /= 10;
	} while (left != 0);
	if (number < 0) {
		digits[--at] = '-';
	}
	return dpi_datum_text(
		output, dpi_bytes(digits + at, sizeof(digits) - at));
}

/* Microseconds, rounded down. */
static NOINLINE bool put_timestamp(dpi_coder *coder, dpi_output *output,
	const dpi_plan_field *field, const dpi_slot *slot)
{
	dpi_time_value time;

	return dpi_value_time(coder, field->child, dpi_slot_pieces(coder, slot),
		       &time) &&
		dpi_datum_long(
			output, time.seconds * 1000000 + time.nanos / 1000);
}

static NOINLINE bool put_duration(dpi_coder *coder, dpi_output *output,
	const dpi_plan_field *field, const dpi_slot *slot)
{
	dpi_time_value time;
	int64_t nanos;

	return dpi_value_time(coder, field->child, dpi_slot_pieces(coder, slot),
		       &time) &&
		dpi_value_nanos(coder, time, &nanos) &&
		dpi_datum_long(output, nanos);
}

static NOINLINE bool put_json(dpi_coder *coder, dpi_output *output,
	const dpi_plan_field *field, const dpi_slot *slot)
{
	dpi_output text;

	dpi_buf_clear(&coder->text);
	dpi_output_begin(&text, &coder->text, coder->limit);
	if (!dpi_json_message(
		    coder, &text, field->child, dpi_slot_pieces(coder, slot))) {
		return text.failed == DP_OK
			? false
			: dpi_coder_fail_buffer(coder, text.failed);
	}
	(void)dpi_output_finish(&text);
	return dpi_datum_text(
		output, dpi_bytes(coder->text.data, coder->text.size));
}

static NOINLINE bool put_wrapper(dpi_coder *coder, dpi_output *output,
	const dpi_plan_field *field, const dpi_slot *slot)
{
	dpi_frame *frame = dpi_coder_enter(coder, field->child);

	if (frame == NULL ||
		!dpi_scan(coder, frame, dpi_slot_pieces(coder, slot)) ||
		!dpi_datum_value(coder, output, &field->child->fields[0],
			dpi_frame_slot(frame, 0))) {
		return false;
	}
	dpi_coder_leave_text(coder);
	return true;
}

static NOINLINE bool put_shown(dpi_coder *coder, dpi_output *output,
	const dpi_plan_field *field, const dpi_slot *slot)
{
	switch (field->kind) {
	case DPI_KIND_TIMESTAMP:
		return put_timestamp(coder, output, field, slot);
	case DPI_KIND_DURATION:
		return put_duration(coder, output, field, slot);
	case DPI_KIND_WRAPPER:
		return put_wrapper(coder, output, field, slot);
	default:
		return put_json(coder, output, field, slot);
	}
}

/* A message that is one value. What that does not show, its parent keeps. */
static NOINLINE bool put_message(dpi_coder *coder, dpi_output *output,
	const dpi_plan_field *field, const dpi_slot *slot)
{
	return put_shown(coder, output, field, slot) &&
		(coder->lost == 0 || dpi_keep_whole(coder, field, slot));
}

/* A value without the branch of its union; there is DPI_DATUM_ROOM. */
static inline bool put_value_here(dpi_coder *coder, dpi_output *output,
	const dpi_plan_field *field, const dpi_slot *slot)
{
	switch (field->kind) {
	case DPI_KIND_BOOL:
		*output->p++ = slot->bits != 0;
		return true;
	case DPI_KIND_INT32:
		dpi_datum_long_unchecked(output, (int32_t)slot->bits);
		return true;
	case DPI_KIND_INT64:
		dpi_datum_long_unchecked(output, (int64_t)slot->bits);
		return true;
	case DPI_KIND_UINT32:
		dpi_datum_long_unchecked(output, (uint32_t)slot->bits);
		return true;
	case DPI_KIND_SINT32:
	case DPI_KIND_SINT64:
		dpi_datum_long_unchecked(
			output, dpi_value_int(field->kind, slot->bits));
		return true;
	case DPI_KIND_UINT64:
		return dpi_datum_decimal(output, slot->bits);
	case DPI_KIND_FLOAT:
		return dpi_datum_float(output, slot->bits);
	case DPI_KIND_DOUBLE:
		return dpi_datum_double(output, slot->bits);
	case DPI_KIND_STRING:
		return dpi_datum_string(coder, output, slot);
	case DPI_KIND_BYTES:
		return dpi_datum_span(coder, output, slot);
	case DPI_KIND_ENUM:
		return dpi_datum_enum(
			output, field->enumeration, (int32_t)slot->bits);
	case DPI_KIND_RECORD:
		return put_record(coder, output, field->child,
			dpi_slot_pieces(coder, slot));
	default:
		return put_message(coder, output, field, slot);
	}
}

bool dpi_datum_value(dpi_coder *coder, dpi_output *output,
	const dpi_plan_field *field, const dpi_slot *slot)
{
	return dpi_output_need(output, DPI_DATUM_ROOM) &&
		put_value_here(coder, output, field, slot);
}

static NOINLINE bool put_array(dpi_coder *coder, dpi_output *output,
	dpi_frame *frame, const dpi_slot *slot)
{
	dpi_elements elements = dpi_elements_of(coder, frame->field, slot);
	dpi_slot element;

	if (slot->count > 0 && !dpi_datum_long(output, slot->count)) {
		return false;
	}
	for (uint32_t i = 0; dpi_elements_next(&elements, &element); i++) {
		frame->element = i;
		if (!dpi_datum_value(coder, output, frame->field, &element)) {
			return false;
		}
	}
	return dpi_output_byte(output, 0);
}

static NOINLINE bool put_entry(dpi_coder *coder, dpi_output *output,
	const dpi_plan_field *field, const dpi_slot *slot)
{
	const dpi_plan_node *node = field->child;
	dpi_slot key, value;
	dpi_frame *frame;

	if (node->key == node->fields &&
		dpi_map_entry_split(coder, node, *slot, &key, &value)) {
		return dpi_datum_value(coder, output, node->key, &key) &&
			dpi_datum_value(coder, output, node->value, &value);
	}
	frame = dpi_coder_enter(coder, node);
	if (frame == NULL ||
		!dpi_scan(coder, frame, dpi_slot_pieces(coder, slot))) {
		return false;
	}
	for (size_t i = 0; i < node->field_count; i++) {
		frame->field = &node->fields[i];
		if (!dpi_datum_value(coder, output, frame->field,
			    dpi_frame_slot(frame, i))) {
			return false;
		}
	}
	dpi_coder_leave_text(coder);
	return true;
}

bool dpi_datum_map(dpi_coder *coder, dpi_output *output, dpi_frame *frame,
	const dpi_slot *slot)
{
	dpi_map_order order;

	if (!dpi_map_order_make(coder, frame->field, slot, &order) ||
		(order.count > 0 &&
			!dpi_datum_long(output, (int64_t)order.count))) {
		return false;
	}
	for (size_t i = 0; i < order.count; i++) {
		dpi_slot entry = dpi_map_order_entry(coder, order, i);

		frame->element = (uint32_t)i;
		if (!put_entry(coder, output, frame->field, &entry) ||
			(coder->lost != 0 &&
				!dpi_keep_whole(coder, frame->field, &entry))) {
			return false;
		}
	}
	dpi_map_order_drop(coder, order);
	return dpi_output_byte(output, 0);
}

static NOINLINE bool put_repeated(dpi_coder *coder, dpi_output *output,
	dpi_frame *frame, const dpi_slot *slot)
{
	return frame->field->is_map ? dpi_datum_map(coder, output, frame, slot)
				    : put_array(coder, output, frame, slot);
}

static inline bool put_column(
	dpi_coder *coder, dpi_output *output, dpi_frame *frame, size_t i)
{
	const dpi_plan_field *field = &frame->node->fields[i];
	bool is_set = dpi_frame_has(frame, i);
	const dpi_slot *slot = is_set ? &frame->slots[i] : &dpi_slot_empty;

	frame->field = field;
	if (field->is_repeated) {
		return put_repeated(coder, output, frame, slot);
	}
	if (!dpi_output_need(output, DPI_DATUM_ROOM)) {
		return false;
	}
	if (field->has_presence && !is_set) {
		*output->p++ = 0;
		return true;
	}
	*output->p++ = 2;
	return put_value_here(coder, output, field, slot);
}

bool dpi_datum_extra(dpi_coder *coder, dpi_output *output, dpi_frame *frame)
{
	size_t unknown;

	frame->field = NULL;
	for (size_t i = 0; i < frame->node->type->oneof_count; i++) {
		const dpi_plan_field *chosen = dpi_frame_chosen(frame, i);

		if (!dpi_output_byte(output, chosen != NULL ? 2 : 0) ||
			(chosen != NULL &&
				!dpi_datum_text(output,
					dpi_bytes_text(chosen->name)))) {
			return false;
		}
	}
	unknown = coder->unknown.size - frame->unknown_mark;
	return dpi_output_byte(output, unknown > 0 ? 2 : 0) &&
		(unknown == 0 ||
			dpi_datum_text(output,
				dpi_bytes(coder->unknown.data +
						frame->unknown_mark,
					unknown)));
}

static bool put_scanned(dpi_coder *coder, dpi_output *output,
	const dpi_plan_node *node, dpi_run pieces)
{
	dpi_frame *frame = dpi_coder_enter(coder, node);

	if (frame == NULL || !dpi_scan(coder, frame, pieces)) {
		return false;
	}
	for (size_t i = 0; i < node->field_count; i++) {
		if (!put_column(coder, output, frame, i)) {
			return false;
		}
	}
	if (!dpi_datum_extra(coder, output, frame)) {
		return false;
	}
	dpi_coder_leave(coder);
	return true;
}

static bool put_record(dpi_coder *coder, dpi_output *output,
	const dpi_plan_node *node, dpi_run pieces)
{
	if (!coder->is_straight) {
		return put_scanned(coder, output, node, pieces);
	}
	return pieces.next == 0 &&
		dpi_datum_straight(coder, output, node,
			coder->wire + pieces.start, coder->wire + pieces.end);
}

static bool encode_once(const dpi_plan *plan, dpi_coder *coder,
	const void *wire, size_t size, dpi_buf *out)
{
	dpi_run all = {0, (uint32_t)size, 0};
	dpi_output output;

	if (dpi_coder_begin(coder, plan, wire, size) != DP_OK) {
		return false;
	}
	dpi_output_begin(&output, out, coder->limit);
	if (!put_record(coder, &output, plan->nodes[0], all)) {
		if (coder->failed == DP_OK && output.failed != DP_OK) {
			(void)dpi_coder_fail_buffer(coder, output.failed);
		}
		output.failed = DP_ESCHEMA; /* has it take all back */
	}
	return dpi_output_finish(&output) == DP_OK;
}

dp_status dpi_avro_encode(const dpi_plan *plan, dpi_coder *coder,
	const void *wire, size_t size, dpi_buf *out, dp_error **err)
{
	bool tries = coder->scans_left == 0;
	bool is_done;

	coder->is_straight = tries;
	is_done = encode_once(plan, coder, wire, size, out);
	if (!tries) {
		coder->scans_left--;
	} else if (!is_done && coder->failed != DP_ENOMEM) {
		coder->is_straight = false;
		is_done = encode_once(plan, coder, wire, size, out);
		coder->scans_left = is_done ? DPI_CODER_SCANS : 0;
	}
	return is_done ? DP_OK : dpi_coder_report(coder, plan, err);
}
