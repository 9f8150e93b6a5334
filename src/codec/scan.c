/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/scan.h"

#include "codec/unknown.h"

/*
 * What is rare stays out of the loop over fields, which so keeps its variables
 * in registers.
 */
#define NOINLINE __attribute__((noinline))

static uint32_t offset_of(const dpi_coder *coder, const uint8_t *p)
{
	return (uint32_t)(p - coder->wire);
}

/* Fields that follow each other share a run. */
static bool extend_runs(
	dpi_coder *coder, dpi_slot *slot, uint32_t start, uint32_t end)
{
	uint32_t i;

	if (dpi_coder_run_at(coder, slot->last)->end == start) {
		dpi_coder_run_at(coder, slot->last)->end = end;
		return true;
	}
	i = dpi_coder_push_run(coder, start, end);
	if (i == 0) {
		return false;
	}
	dpi_coder_run_at(coder, slot->last)->next = i;
	slot->last = i;
	return true;
}

/* A field with count values is at [start, end). */
static bool add_values(dpi_coder *coder, dpi_frame *frame, size_t i,
	uint32_t count, const uint8_t *start, const uint8_t *end)
{
	uint32_t from = offset_of(coder, start);
	uint32_t to = offset_of(coder, end);
	dpi_slot *slot = &frame->slots[i];

	if (dpi_frame_has(frame, i)) {
		slot->count += count;
		return extend_runs(coder, slot, from, to);
	}
	dpi_frame_set(frame, i);
	slot->first = dpi_coder_push_run(coder, from, to);
	slot->last = slot->first;
	slot->count = count;
	return slot->first != 0;
}

/* A message in pieces that lie apart is one message. */
static bool add_piece(dpi_coder *coder, dpi_frame *frame, size_t i,
	const uint8_t *data, size_t size)
{
	uint32_t start = offset_of(coder, data);
	dpi_slot *slot = &frame->slots[i];
	uint32_t last;

	if (!dpi_frame_has(frame, i)) {
		dpi_frame_set(frame, i);
		*slot = (dpi_slot){.start = start, .count = 1};
		slot->size = (uint32_t)size;
		return true;
	}
	if (slot->count == 1) {
		slot->first = dpi_coder_push_run(
			coder, slot->start, slot->start + slot->size);
		slot->last = slot->first;
	}
	slot->count++;
	last = dpi_coder_push_run(coder, start, start + (uint32_t)size);
	if (slot->first == 0 || last == 0) {
		return false;
	}
	dpi_coder_run_at(coder, slot->last)->next = last;
	slot->last = last;
	return true;
}

/* Another member of the same oneof goes, even a message. */
static void choose(dpi_frame *frame, const dpi_plan_field *f)
{
	size_t i = (size_t)(f - frame->node->fields);

	if (dpi_frame_has(frame, f->oneof) &&
		frame->slots[f->oneof].bits != i) {
		dpi_frame_unset(frame, frame->slots[f->oneof].bits);
	}
	dpi_frame_set(frame, f->oneof);
	frame->slots[f->oneof].bits = i;
}

static bool is_known_number(const dpi_plan_field *f, uint64_t bits)
{
	return dpi_plan_enum_find(f->enumeration, (int32_t)bits) != NULL;
}

/* An entry whose value is a number that its closed enum does not have. */
static bool is_known_entry(const dpi_coder *coder, const dpi_plan_field *f,
	const uint8_t *p, const uint8_t *end)
{
	const dpi_plan_field *value = f->child->value;
	bool is_known = true;

	if (value == NULL || value->read != DPI_READ_ENUM) {
		return true;
	}
	while (p != NULL && p < end) {
		dpi_wire_value v = {.bits = 0};
		uint32_t tag;

		p = dpi_wire_get_tag(p, end, &tag);
		if (p == NULL) {
			break;
		}
		p = dpi_wire_get_value(p, end, tag, coder->depth, &v);
		if (p != NULL && tag == value->tag) {
			is_known = is_known_number(value, v.bits);
		}
	}
	return is_known;
}

/* Fixed values have no bad forms; varints are read to see that they are. */
static const uint8_t *count_packed(const dpi_plan_field *f, const uint8_t *p,
	const uint8_t *end, uint32_t *ret)
{
	size_t width = f->element == DPI_READ_FIXED64 ? 8 : 4;
	uint64_t bits;

	*ret = 0;
	if (f->element == DPI_READ_FIXED64 || f->element == DPI_READ_FIXED32) {
		*ret = (uint32_t)((size_t)(end - p) / width);
		return (size_t)(end - p) % width == 0 ? end : NULL;
	}
	while (p != NULL && p < end) {
		p = dpi_wire_varint(p, end, &bits);
		++*ret;
	}
	return p;
}

/* Numbers that are not known leave the field one by one. */
static bool keep_unknown_numbers(dpi_coder *coder, const dpi_plan_field *f,
	const uint8_t *p, const uint8_t *end, uint32_t *count)
{
	while (p < end) {
		const uint8_t *start = p;
		uint64_t bits = 0;

		p = dpi_wire_varint(p, end, &bits);
		if (is_known_number(f, bits)) {
			continue;
		}
		--*count;
		if (!dpi_unknown_varint(coder, f->tag) ||
			!dpi_unknown_append(
				coder, start, (size_t)(p - start))) {
			return false;
		}
	}
	return true;
}

static NOINLINE const uint8_t *take_packed(dpi_coder *coder, dpi_frame *frame,
	const dpi_plan_field *f, const uint8_t *field, const uint8_t *p,
	const uint8_t *end)
{
	const uint8_t *data;
	const uint8_t *next;
	size_t size;
	uint32_t count;

	next = dpi_wire_get_bytes(p, end, &data, &size);
	if (next == NULL) {
		return NULL;
	}
	if (count_packed(f, data, next, &count) == NULL) {
		(void)dpi_coder_fail(
			coder, DP_ESCHEMA, "packed values are cut off");
		return NULL;
	}
	if (f->read == DPI_READ_REPEATED_ENUM &&
		!keep_unknown_numbers(coder, f, data, next, &count)) {
		return NULL;
	}
	return add_values(coder, frame, (size_t)(f - frame->node->fields),
		       count, field, next)
		? next
		: NULL;
}

/* A value of a repeated field, which is known and ends at end. */
static inline bool add_value(dpi_coder *coder, dpi_frame *frame, size_t i,
	const uint8_t *start, const uint8_t *end)
{
	dpi_slot *slot = &frame->slots[i];

	if (dpi_frame_has(frame, i)) {
		dpi_run *run = dpi_coder_run_at(coder, slot->last);

		if (run->end == offset_of(coder, start)) {
			run->end = offset_of(coder, end);
			slot->count++;
			return true;
		}
	}
	return add_values(coder, frame, i, 1, start, end);
}

static NOINLINE const uint8_t *take_repeated(dpi_coder *coder, dpi_frame *frame,
	const dpi_plan_field *f, const uint8_t *field, const uint8_t *p,
	const uint8_t *end)
{
	dpi_wire_value value = {.bits = 0};
	bool is_known = true;

	p = dpi_wire_get_value(p, end, f->tag, coder->depth, &value);
	if (p == NULL) {
		return NULL;
	}
	if (f->read == DPI_READ_REPEATED_ENUM) {
		is_known = is_known_number(f, value.bits);
	} else if (f->read == DPI_READ_MAP) {
		is_known = is_known_entry(
			coder, f, value.data, value.data + value.size);
	}
	if (is_known) {
		return add_value(coder, frame,
			       (size_t)(f - frame->node->fields), field, p)
			? p
			: NULL;
	}
	return dpi_unknown_append(coder, field, (size_t)(p - field)) ? p : NULL;
}

static NOINLINE const uint8_t *take_enum(dpi_coder *coder, dpi_frame *frame,
	const dpi_plan_field *f, const uint8_t *field, const uint8_t *p,
	const uint8_t *end)
{
	size_t i = (size_t)(f - frame->node->fields);
	uint64_t bits;

	p = dpi_wire_varint(p, end, &bits);
	if (p == NULL) {
		return NULL;
	}
	if (!is_known_number(f, bits)) {
		return dpi_unknown_append(coder, field, (size_t)(p - field))
			? p
			: NULL;
	}
	if (f->oneof != 0) {
		choose(frame, f);
	}
	dpi_frame_set(frame, i);
	frame->slots[i].bits = bits;
	return p;
}

/* Groups, and pieces of a message that was there already. */
static NOINLINE const uint8_t *take_piece(dpi_coder *coder, dpi_frame *frame,
	const dpi_plan_field *f, const uint8_t *p, const uint8_t *end)
{
	dpi_wire_value value = {.bits = 0};

	p = dpi_wire_get_value(p, end, f->tag, coder->depth, &value);
	return p != NULL &&
			add_piece(coder, frame,
				(size_t)(f - frame->node->fields), value.data,
				value.size)
		? p
		: NULL;
}

/* Scalars, strings and whole messages. */
static inline const uint8_t *take_scalar(const dpi_coder *coder, dpi_slot *slot,
	dpi_read read, const uint8_t *p, const uint8_t *end)
{
	uint64_t bits;

	switch (read) {
	case DPI_READ_VARINT:
		p = dpi_wire_varint(p, end, &bits);
		slot->bits = bits;
		return p;
	case DPI_READ_FIXED64:
		if (end - p < 8) {
			return NULL;
		}
		slot->bits = dpi_load_u64(p);
		return p + 8;
	case DPI_READ_FIXED32:
		if (end - p < 4) {
			return NULL;
		}
		slot->bits = dpi_load_u32(p);
		return p + 4;
	default:
		p = dpi_wire_varint(p, end, &bits);
		if (p == NULL || bits > (uint64_t)(end - p)) {
			return NULL;
		}
		slot->start = offset_of(coder, p);
		slot->size = (uint32_t)bits;
		return p + bits;
	}
}

static inline const uint8_t *skip_bytes(const uint8_t *p, const uint8_t *end)
{
	uint64_t size;

	p = dpi_wire_varint(p, end, &size);
	return p != NULL && size <= (uint64_t)(end - p) ? p + size : NULL;
}

/* The tag, which is that of f, was at field. */
static inline const uint8_t *take(dpi_coder *coder, dpi_frame *frame,
	const dpi_plan_field *f, const uint8_t *field, const uint8_t *p,
	const uint8_t *end)
{
	size_t i = (size_t)(f - frame->node->fields);

	switch (f->read) {
	case DPI_READ_REPEATED:
		if (dpi_wire_type_of(f->tag) == DPI_WIRE_BYTES) {
			p = skip_bytes(p, end);
			return p != NULL && add_value(coder, frame, i, field, p)
				? p
				: NULL;
		}
		return take_repeated(coder, frame, f, field, p, end);
	case DPI_READ_REPEATED_ENUM:
	case DPI_READ_MAP:
		return take_repeated(coder, frame, f, field, p, end);
	case DPI_READ_ENUM:
		return take_enum(coder, frame, f, field, p, end);
	default:
		break;
	}
	if (f->oneof != 0) {
		choose(frame, f);
	}
	if (f->read == DPI_READ_GROUP ||
		(f->read == DPI_READ_MESSAGE && dpi_frame_has(frame, i))) {
		return take_piece(coder, frame, f, p, end);
	}
	dpi_frame_set(frame, i);
	frame->slots[i].count = 1;
	return take_scalar(coder, &frame->slots[i], f->read, p, end);
}

static NOINLINE const uint8_t *take_unknown(dpi_coder *coder, uint32_t tag,
	const uint8_t *field, const uint8_t *p, const uint8_t *end)
{
	dpi_wire_value value = {.bits = 0};

	p = dpi_wire_get_value(p, end, tag, coder->depth, &value);
	return p != NULL &&
			dpi_unknown_append(coder, field, (size_t)(p - field))
		? p
		: NULL;
}

bool dpi_scan_fault(dpi_coder *coder, const uint8_t *field, const uint8_t *end)
{
	dp_status code = DP_ESCHEMA;
	const char *fault;

	if (coder->failed == DP_OK) {
		fault = dpi_wire_fault(field, end, coder->depth, &code);
		(void)dpi_coder_fail(coder, code, fault);
	}
	return false;
}

static bool scan_piece(dpi_coder *coder, dpi_frame *frame, const uint8_t *p,
	const uint8_t *end)
{
	/* Writers go by number: what comes next is known before it is read. */
	const dpi_plan_field *next = frame->node->fields;

	while (p < end) {
		const uint8_t *field = p;
		const dpi_plan_field *f = next;
		uint32_t tag;

		p = dpi_wire_get_tag(p, end, &tag);
		if (p == NULL) {
			return dpi_scan_fault(coder, field, end);
		}
		if (f->tag != tag) {
			f = dpi_plan_find(frame->node, dpi_wire_number(tag));
		}
		if (f != NULL) {
			next = f->is_repeated ? f : f + 1;
		}
		if (f != NULL && f->tag == tag) {
			p = take(coder, frame, f, field, p, end);
		} else if (f != NULL && f->packed_tag == tag) {
			p = take_packed(coder, frame, f, field, p, end);
		} else {
			p = take_unknown(coder, tag, field, p, end);
		}
		if (p == NULL) {
			return dpi_scan_fault(coder, field, end);
		}
	}
	return true;
}

static bool has_required(dpi_coder *coder, dpi_frame *frame)
{
	const dpi_plan_node *node = frame->node;

	for (size_t i = 0; i < node->required_count; i++) {
		if (!dpi_frame_has(frame, node->required[i])) {
			frame->field = &node->fields[node->required[i]];
			return dpi_coder_fail(coder, DP_ESCHEMA,
				"it is required, and missing");
		}
	}
	return true;
}

bool dpi_scan_part(dpi_coder *coder, dpi_frame *frame, dpi_run pieces)
{
	const uint8_t *wire = coder->wire;
	bool is_ok = pieces.start == pieces.end ||
		scan_piece(
			coder, frame, wire + pieces.start, wire + pieces.end);

	while (is_ok && pieces.next != 0) {
		pieces = *dpi_coder_run(coder, pieces.next);
		is_ok = scan_piece(
			coder, frame, wire + pieces.start, wire + pieces.end);
	}
	return is_ok;
}

bool dpi_scan(dpi_coder *coder, dpi_frame *frame, dpi_run pieces)
{
	return dpi_scan_part(coder, frame, pieces) &&
		has_required(coder, frame);
}
