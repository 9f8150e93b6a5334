/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/avro_datum.h"
#include "codec/straight.h"

/*
 * Columns are written while fields are read. What is absent is written when a
 * later field shows that it is; a repeated field is walked once to be counted.
 * Whatever needs more than that, or is wrong, is left to the scan, which says
 * what is wrong: a later field may have replaced it.
 */

#define NOINLINE __attribute__((noinline))

/* An empty value as its column has it. */
static NOINLINE bool put_default(
	dpi_coder *coder, dpi_output *output, const dpi_plan_field *f)
{
	*output->p++ = 2;
	return dpi_datum_value(coder, output, f, &dpi_slot_empty);
}

static inline bool put_absent(
	dpi_coder *coder, dpi_output *output, const dpi_plan_field *f)
{
	if (!dpi_output_need(output, DPI_DATUM_ROOM)) {
		return false;
	}
	if (f->is_repeated || f->has_presence) {
		*output->p++ = 0;
		return !f->field->is_required;
	}
	return put_default(coder, output, f);
}

static inline bool put_piece(dpi_coder *coder, dpi_output *output,
	const dpi_plan_field *f, const dpi_slot *slot)
{
	const uint8_t *p = coder->wire + slot->start;

	return dpi_datum_straight(coder, output, f->child, p, p + slot->size);
}

/* The kinds that most fields are of; there is DPI_DATUM_ROOM. */
static inline bool put_value(dpi_coder *coder, dpi_output *output,
	const dpi_plan_field *f, const dpi_slot *slot)
{
	switch (f->kind) {
	case DPI_KIND_STRING:
		return dpi_datum_string(coder, output, slot);
	case DPI_KIND_INT64:
		dpi_datum_long_unchecked(output, (int64_t)slot->bits);
		return true;
	case DPI_KIND_INT32:
		dpi_datum_long_unchecked(output, (int32_t)slot->bits);
		return true;
	case DPI_KIND_UINT32:
		dpi_datum_long_unchecked(output, (uint32_t)slot->bits);
		return true;
	case DPI_KIND_UINT64:
		return dpi_datum_decimal(output, slot->bits);
	case DPI_KIND_BOOL:
		*output->p++ = slot->bits != 0;
		return true;
	case DPI_KIND_ENUM:
		return dpi_datum_enum(
			output, f->enumeration, (int32_t)slot->bits);
	case DPI_KIND_RECORD:
		return put_piece(coder, output, f, slot);
	default:
		return dpi_datum_value(coder, output, f, slot);
	}
}

static inline bool put_span(dpi_coder *coder, dpi_output *output,
	const dpi_plan_field *f, const dpi_slot *slot)
{
	return f->kind == DPI_KIND_STRING
		? dpi_datum_string(coder, output, slot)
		: dpi_datum_value(coder, output, f, slot);
}

static inline bool put_inner(dpi_coder *coder, dpi_output *output,
	const dpi_plan_field *f, const dpi_slot *slot)
{
	return f->kind == DPI_KIND_RECORD
		? put_piece(coder, output, f, slot)
		: dpi_datum_value(coder, output, f, slot);
}

/* How a field is read says nearly what it is: to branch on that once costs
 * less than once for reading and once for writing. */
static inline const uint8_t *put_single(dpi_coder *coder, dpi_output *output,
	dpi_frame *frame, const dpi_plan_field *f, const uint8_t *p,
	const uint8_t *end)
{
	dpi_slot slot = {.count = 1};

	if ((f->oneof != 0 && !dpi_straight_choose(frame, f)) ||
		!dpi_output_need(output, DPI_DATUM_ROOM)) {
		return NULL;
	}
	*output->p++ = 2;
	if (f->read == DPI_READ_BYTES) {
		p = dpi_straight_span(coder, p, end, &slot);
		return p != NULL && put_span(coder, output, f, &slot) ? p
								      : NULL;
	}
	if (f->read == DPI_READ_MESSAGE) {
		p = dpi_straight_span(coder, p, end, &slot);
		return p != NULL && put_inner(coder, output, f, &slot) ? p
								       : NULL;
	}
	p = dpi_straight_value(coder, f->read, p, end, &slot);
	if (p == NULL ||
		(f->read == DPI_READ_ENUM &&
			!dpi_straight_is_known(f, &slot))) {
		return NULL;
	}
	return put_value(coder, output, f, &slot) ? p : NULL;
}

static NOINLINE const uint8_t *put_array(dpi_coder *coder, dpi_output *output,
	const dpi_plan_field *f, const uint8_t *p, const uint8_t *end)
{
	const uint8_t *last = NULL;
	uint32_t count = dpi_straight_count(coder, f, p, end, &last);
	uint32_t tag;

	if (count == 0 || !dpi_datum_long(output, count)) {
		return NULL;
	}
	for (uint32_t i = 0; i < count; i++) {
		dpi_slot slot;

		p = dpi_straight_value(coder, f->element, p, last, &slot);
		if (!dpi_output_need(output, DPI_DATUM_ROOM) ||
			!put_value(coder, output, f, &slot)) {
			return NULL;
		}
		p = i + 1 < count ? dpi_wire_get_tag(p, last, &tag) : last;
	}
	return dpi_output_byte(output, 0) ? last : NULL;
}

/* Varints that are whole end in a byte below 0x80. */
static int64_t count_packed(
	const dpi_plan_field *f, const uint8_t *p, const uint8_t *end)
{
	int64_t count = 0;

	switch (f->element) {
	case DPI_READ_FIXED64:
		return (end - p) % 8 == 0 ? (end - p) / 8 : -1;
	case DPI_READ_FIXED32:
		return (end - p) % 4 == 0 ? (end - p) / 4 : -1;
	default:
		for (; p < end; p++) {
			count += *p < 0x80;
		}
		return count;
	}
}

static NOINLINE const uint8_t *put_packed(dpi_coder *coder, dpi_output *output,
	const dpi_plan_field *f, const uint8_t *p, const uint8_t *end)
{
	dpi_slot slot;
	int64_t count;

	end = dpi_straight_span(coder, p, end, &slot);
	if (end == NULL) {
		return NULL;
	}
	p = coder->wire + slot.start;
	count = count_packed(f, p, end);
	if (count < 0 || (count > 0 && !dpi_datum_long(output, count))) {
		return NULL;
	}
	while (p < end) {
		p = dpi_straight_value(coder, f->element, p, end, &slot);
		if (p == NULL || !dpi_output_need(output, DPI_DATUM_ROOM) ||
			!put_value(coder, output, f, &slot)) {
			return NULL;
		}
	}
	return dpi_output_byte(output, 0) ? p : NULL;
}

static bool put_entries(dpi_coder *coder, dpi_output *output,
	const dpi_plan_node *node, const dpi_entry *entries, size_t count)
{
	if (!dpi_datum_long(output, (int64_t)count)) {
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		if (!dpi_datum_string(coder, output, &entries[i].key) ||
			!dpi_output_need(output, DPI_DATUM_ROOM) ||
			!put_value(coder, output, node->value,
				&entries[i].value)) {
			return false;
		}
	}
	return dpi_output_byte(output, 0);
}

static const uint8_t *put_few(dpi_coder *coder, dpi_output *output,
	const dpi_plan_field *f, const uint8_t *p, const uint8_t *end)
{
	dpi_entry entries[DPI_FEW_ENTRIES];
	size_t count = dpi_straight_entries(coder, f->child, p, end, entries);

	return count > 0 && put_entries(coder, output, f->child, entries, count)
		? end
		: NULL;
}

static NOINLINE const uint8_t *put_map(dpi_coder *coder, dpi_output *output,
	dpi_frame *frame, const dpi_plan_field *f, const uint8_t *field,
	const uint8_t *p, const uint8_t *end)
{
	const dpi_plan_field *value = f->child->value;
	const uint8_t *last = NULL;
	const uint8_t *done = NULL;
	uint32_t count = dpi_straight_count(coder, f, p, end, &last);
	dpi_slot slot;

	if (count == 0 || (value != NULL && value->read == DPI_READ_ENUM)) {
		return NULL;
	}
	if (count <= DPI_FEW_ENTRIES && dpi_straight_is_simple(f->child)) {
		done = put_few(coder, output, f, p, last);
	}
	if (done == NULL && coder->failed == DP_OK && output->failed == DP_OK &&
		dpi_straight_slot(coder, count, field, last, &slot)) {
		done = dpi_datum_map(coder, output, frame, &slot) ? last : NULL;
	}
	return done;
}

static inline const uint8_t *put_field(dpi_coder *coder, dpi_output *output,
	dpi_frame *frame, const dpi_plan_field *f, uint32_t tag,
	const uint8_t *field, const uint8_t *p, const uint8_t *end)
{
	frame->field = f;
	if (!f->is_repeated) {
		return put_single(coder, output, frame, f, p, end);
	}
	if (f->read == DPI_READ_MAP) {
		return put_map(coder, output, frame, f, field, p, end);
	}
	if (f->read != DPI_READ_REPEATED) {
		return NULL;
	}
	return tag == f->tag ? put_array(coder, output, f, p, end)
			     : put_packed(coder, output, f, p, end);
}

/* All fields, and what is absent between them; returns the column after the
 * last one. */
static inline const dpi_plan_field *put_fields(dpi_coder *coder,
	dpi_output *output, dpi_frame *frame, const uint8_t *p,
	const uint8_t *end)
{
	const dpi_plan_field *f = frame->node->fields;

	while (p < end) {
		const uint8_t *field = p;
		uint32_t tag;

		if (dpi_straight_is_tag(p, f)) {
			tag = *p++;
		} else {
			p = dpi_wire_get_tag(p, end, &tag);
		}
		if (p == NULL) {
			return NULL;
		}
		while (f->tag != tag && f->packed_tag != tag) {
			/* The one behind the last has tag 0. */
			if (f->tag == 0 || !put_absent(coder, output, f)) {
				return NULL;
			}
			f++;
		}
		p = put_field(coder, output, frame, f, tag, field, p, end);
		if (p == NULL) {
			return NULL;
		}
		f++;
	}
	return f;
}

/* The columns that are not fields; mostly one, without unknown fields. */
static inline bool put_end(
	dpi_coder *coder, dpi_output *output, dpi_frame *frame)
{
	if (frame->node->type->oneof_count == 0 &&
		coder->unknown.size == frame->unknown_mark) {
		return dpi_output_byte(output, 0);
	}
	return dpi_datum_extra(coder, output, frame);
}

bool dpi_datum_straight(dpi_coder *coder, dpi_output *output,
	const dpi_plan_node *node, const uint8_t *p, const uint8_t *end)
{
	dpi_frame *frame = dpi_coder_enter(coder, node);
	const dpi_plan_field *f;

	if (frame == NULL) {
		return false;
	}
	f = put_fields(coder, output, frame, p, end);
	if (f == NULL) {
		return false;
	}
	for (; f->tag != 0; f++) {
		if (!put_absent(coder, output, f)) {
			return false;
		}
	}
	if (!put_end(coder, output, frame)) {
		return false;
	}
	dpi_coder_leave(coder);
	return true;
}
