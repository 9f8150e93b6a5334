/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/json_straight.h"

#include "codec/json.h"
#include "codec/json_text.h"
#include "codec/straight.h"

/*
 * Every member and every element begins with a comma; when all are written,
 * the first comma becomes the bracket that opens. So nothing asks which one
 * is the first, and what is empty shows by its size.
 */

#define NOINLINE __attribute__((noinline))

/* What a number, a literal or the quotes of a text may take. */
#define ROOM 32

/* Labels are copied in pieces of this, and their memory has as much behind. */
#define PIECE DPI_LABEL_PIECE

static bool close_list(
	dpi_output *output, size_t start, uint8_t open, uint8_t close)
{
	if (!dpi_output_need(output, 2)) {
		return false;
	}
	if (dpi_output_size(output) == start) {
		*output->p++ = open;
	} else {
		output->buf->data[output->start + start] = open;
	}
	*output->p++ = close;
	return true;
}

/* The label, with room for a short value behind it. */
static inline bool put_label(dpi_output *output, const dpi_plan_field *f)
{
	const uint8_t *label = f->label.data;
	size_t size = f->label.size;

	if (!dpi_output_need(output, size + PIECE + ROOM)) {
		return false;
	}
	memcpy(output->p, label, PIECE);
	for (size_t i = PIECE; i < size; i += PIECE) {
		memcpy(output->p + i, label + i, PIECE);
	}
	output->p += size;
	return true;
}

static inline bool put_string(
	dpi_coder *coder, dpi_output *output, const dpi_slot *slot)
{
	const uint8_t *text = coder->wire + slot->start;
	size_t size = slot->size;
	size_t done;

	if (!dpi_output_need(output, size + ROOM)) {
		return false;
	}
	*output->p++ = '"';
	done = dpi_json_copy(
		output->p, text, size, (size_t)(coder->wire_end - text));
	output->p += done;
	if (done < size &&
		(!dpi_value_check_utf8(coder, dpi_bytes(text, size)) ||
			!dpi_json_rest(output, text + done, size - done) ||
			!dpi_output_need(output, ROOM))) {
		return false;
	}
	*output->p++ = '"';
	return true;
}

static inline void put_int(dpi_output *output, int64_t value)
{
	output->p = dpi_json_write_int(output->p, value);
}

static inline bool put_message(dpi_coder *coder, dpi_output *output,
	const dpi_plan_field *f, const dpi_slot *slot)
{
	const dpi_run piece = {slot->start, slot->start + slot->size, 0};

	return f->child->shape == DPI_WKT_NONE
		? dpi_json_straight(coder, output, f->child, piece)
		: dpi_json_message(coder, output, f->child, piece);
}

/* There is ROOM. */
static inline bool put_value(dpi_coder *coder, dpi_output *output,
	const dpi_plan_field *f, const dpi_slot *slot)
{
	switch (f->kind) {
	case DPI_KIND_STRING:
		return put_string(coder, output, slot);
	case DPI_KIND_BOOL:
		memcpy(output->p, slot->bits != 0 ? "true" : "false", 5);
		output->p += slot->bits != 0 ? 4 : 5;
		return true;
	case DPI_KIND_INT32:
	case DPI_KIND_SINT32:
	case DPI_KIND_UINT32:
		put_int(output, dpi_value_int(f->kind, slot->bits));
		return true;
	case DPI_KIND_INT64:
	case DPI_KIND_SINT64:
		*output->p++ = '"';
		put_int(output, dpi_value_int(f->kind, slot->bits));
		*output->p++ = '"';
		return true;
	case DPI_KIND_UINT64:
		*output->p++ = '"';
		output->p = dpi_json_write_uint(output->p, slot->bits);
		*output->p++ = '"';
		return true;
	case DPI_KIND_JSON:
		return put_message(coder, output, f, slot);
	default:
		return dpi_json_value(coder, output, f, slot);
	}
}

/* Numbers that a closed enum does not have are left out. */
static inline bool is_left_out(const dpi_plan_field *f, const dpi_slot *slot)
{
	return (f->read == DPI_READ_ENUM && !dpi_straight_is_known(f, slot)) ||
		(!f->has_presence && !dpi_json_is_shown(f, slot));
}

static inline const uint8_t *read_single(const dpi_coder *coder,
	const dpi_plan_field *f, const uint8_t *p, const uint8_t *end,
	dpi_slot *ret)
{
	dpi_wire_value value = {.bits = 0};

	if (f->read != DPI_READ_GROUP) {
		return dpi_straight_value(coder, f->read, p, end, ret);
	}
	p = dpi_wire_get_value(p, end, f->tag, coder->depth, &value);
	if (p != NULL) {
		ret->start = dpi_straight_offset(coder, value.data);
		ret->size = (uint32_t)value.size;
	}
	return p;
}

static inline const uint8_t *put_single(dpi_coder *coder, dpi_output *output,
	dpi_frame *frame, const dpi_plan_field *f, const uint8_t *p,
	const uint8_t *end)
{
	dpi_slot slot = {.count = 1};

	p = read_single(coder, f, p, end, &slot);
	if (p == NULL || is_left_out(f, &slot)) {
		return p;
	}
	return (f->oneof == 0 || dpi_straight_choose(frame, f)) &&
			put_label(output, f) &&
			put_value(coder, output, f, &slot)
		? p
		: NULL;
}

static inline bool put_element(dpi_coder *coder, dpi_output *output,
	const dpi_plan_field *f, const dpi_slot *slot)
{
	if (!dpi_output_need(output, ROOM)) {
		return false;
	}
	*output->p++ = ',';
	return put_value(coder, output, f, slot);
}

/* All fields with the tag of f that follow one another, value by value. */
static NOINLINE const uint8_t *put_array(dpi_coder *coder, dpi_output *output,
	const dpi_plan_field *f, const uint8_t *p, const uint8_t *end)
{
	size_t start;
	const uint8_t *next = p;
	uint32_t tag = f->tag;

	if (f->element == DPI_READ_GROUP || !put_label(output, f)) {
		return NULL;
	}
	start = dpi_output_size(output);
	while (next != NULL && tag == f->tag) {
		dpi_slot slot;

		p = dpi_straight_value(coder, f->element, next, end, &slot);
		if (p == NULL || !put_element(coder, output, f, &slot)) {
			return NULL;
		}
		next = p < end ? dpi_wire_get_tag(p, end, &tag) : NULL;
	}
	return close_list(output, start, '[', ']') ? p : NULL;
}

static NOINLINE const uint8_t *put_packed(dpi_coder *coder, dpi_output *output,
	const dpi_plan_field *f, const uint8_t *p, const uint8_t *end)
{
	dpi_slot slot;
	size_t start;

	end = dpi_straight_span(coder, p, end, &slot);
	if (end == NULL || slot.size == 0 || !put_label(output, f)) {
		return end != NULL && slot.size == 0 ? end : NULL;
	}
	p = coder->wire + slot.start;
	start = dpi_output_size(output);
	while (p < end) {
		p = dpi_straight_value(coder, f->element, p, end, &slot);
		if (p == NULL || !put_element(coder, output, f, &slot)) {
			return NULL;
		}
	}
	return close_list(output, start, '[', ']') ? end : NULL;
}

static bool put_entries(dpi_coder *coder, dpi_output *output,
	const dpi_plan_field *value, const dpi_entry *entries, size_t count)
{
	size_t start = dpi_output_size(output);

	for (size_t i = 0; i < count; i++) {
		if (!dpi_output_need(output, ROOM)) {
			return false;
		}
		*output->p++ = ',';
		if (!put_string(coder, output, &entries[i].key) ||
			!dpi_output_need(output, ROOM)) {
			return false;
		}
		*output->p++ = ':';
		if (!put_value(coder, output, value, &entries[i].value)) {
			return false;
		}
	}
	return close_list(output, start, '{', '}');
}

static NOINLINE const uint8_t *put_map(dpi_coder *coder, dpi_output *output,
	const dpi_plan_field *f, const uint8_t *field, const uint8_t *p,
	const uint8_t *end)
{
	const dpi_plan_field *value = f->child->value;
	dpi_entry entries[DPI_FEW_ENTRIES];
	const uint8_t *last = NULL;
	uint32_t count = dpi_straight_count(coder, f, p, end, &last);
	size_t keys = 0;
	dpi_slot slot;

	if (count == 0 || value == NULL || value->read == DPI_READ_ENUM ||
		!put_label(output, f)) {
		return NULL;
	}
	if (count <= DPI_FEW_ENTRIES && dpi_straight_is_simple(f->child)) {
		keys = dpi_straight_entries(coder, f->child, p, last, entries);
	}
	if (keys > 0) {
		return put_entries(coder, output, value, entries, keys) ? last
									: NULL;
	}
	return dpi_straight_slot(coder, count, field, last, &slot) &&
			dpi_json_repeated(coder, output, f, &slot)
		? last
		: NULL;
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
		return put_map(coder, output, f, field, p, end);
	}
	if (f->read != DPI_READ_REPEATED) {
		return NULL;
	}
	return tag == f->tag ? put_array(coder, output, f, p, end)
			     : put_packed(coder, output, f, p, end);
}

/*
 * The field of tag, which is next or behind it; or NULL, and *ret_end behind
 * the value of one that is not known, or NULL if it comes too late.
 */
static NOINLINE const dpi_plan_field *find_field(const dpi_coder *coder,
	const dpi_frame *frame, const dpi_plan_field *next, uint32_t tag,
	const uint8_t *p, const uint8_t *end, const uint8_t **ret_end)
{
	const dpi_plan_field *f =
		dpi_plan_find(frame->node, dpi_wire_number(tag));
	dpi_wire_value value;

	*ret_end = NULL;
	if (f != NULL && (f->tag == tag || f->packed_tag == tag)) {
		return f >= next ? f : NULL;
	}
	*ret_end = dpi_wire_get_value(p, end, tag, coder->depth, &value);
	return NULL;
}

static inline bool put_fields(dpi_coder *coder, dpi_output *output,
	dpi_frame *frame, const uint8_t *p, const uint8_t *end)
{
	const dpi_plan_field *f = frame->node->fields;
	size_t required = 0;

	while (p < end) {
		const uint8_t *field = p;
		uint32_t tag;

		if (dpi_straight_is_tag(p, f)) {
			tag = *p++;
		} else {
			p = dpi_wire_get_tag(p, end, &tag);
		}
		if (p == NULL) {
			return false;
		}
		if (f->tag != tag && f->packed_tag != tag) {
			const uint8_t *behind;
			const dpi_plan_field *found = find_field(
				coder, frame, f, tag, p, end, &behind);

			if (found == NULL && behind == NULL) {
				return false;
			}
			if (found == NULL) {
				p = behind;
				continue;
			}
			f = found;
		}
		p = put_field(coder, output, frame, f, tag, field, p, end);
		if (p == NULL) {
			return false;
		}
		required += f->field->is_required;
		f++;
	}
	return required == frame->node->required_count;
}

bool dpi_json_straight(dpi_coder *coder, dpi_output *output,
	const dpi_plan_node *node, dpi_run piece)
{
	dpi_frame *frame = dpi_coder_enter(coder, node);
	size_t start = dpi_output_size(output);

	if (frame == NULL || piece.next != 0 ||
		!put_fields(coder, output, frame, coder->wire + piece.start,
			coder->wire + piece.end) ||
		!close_list(output, start, '{', '}')) {
		return false;
	}
	dpi_coder_leave(coder);
	return true;
}
