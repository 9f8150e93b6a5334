/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/avro_datum.h"

/*
 * Columns are written while fields are read. What is absent is written when a
 * later field shows that it is; a repeated field is walked once to be counted.
 * Whatever needs more than that, or is wrong, is left to the scan, which says
 * what is wrong: a later field may have replaced it.
 */

#define NOINLINE __attribute__((noinline))

/* Entries of a map that are sorted here. */
#define ENTRIES_MAX 8

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

static inline uint32_t offset_of(const dpi_coder *coder, const uint8_t *p)
{
	return (uint32_t)(p - coder->wire);
}

static inline const uint8_t *read_span(const dpi_coder *coder, const uint8_t *p,
	const uint8_t *end, dpi_slot *ret)
{
	uint64_t size;

	p = dpi_wire_varint(p, end, &size);
	if (p == NULL || size > (uint64_t)(end - p)) {
		return NULL;
	}
	ret->start = offset_of(coder, p);
	ret->size = (uint32_t)size;
	return p + size;
}

/* A value as dpi_scan() puts it into a slot. */
static inline const uint8_t *read_value(const dpi_coder *coder, dpi_read read,
	const uint8_t *p, const uint8_t *end, dpi_slot *ret)
{
	uint64_t bits;

	ret->count = 1;
	switch (read) {
	case DPI_READ_VARINT:
	case DPI_READ_ENUM:
		p = dpi_wire_varint(p, end, &bits);
		ret->bits = bits;
		return p;
	case DPI_READ_BYTES:
	case DPI_READ_MESSAGE:
		return read_span(coder, p, end, ret);
	case DPI_READ_FIXED64:
		if (end - p < 8) {
			return NULL;
		}
		ret->bits = dpi_load_u64(p);
		return p + 8;
	case DPI_READ_FIXED32:
		if (end - p < 4) {
			return NULL;
		}
		ret->bits = dpi_load_u32(p);
		return p + 4;
	default:
		return NULL;
	}
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
		return dpi_datum_straight(coder, output, f->child,
			(dpi_run){slot->start, slot->start + slot->size, 0});
	default:
		return dpi_datum_value(coder, output, f, slot);
	}
}

/* Another member of a oneof that has one would replace it. */
static bool choose(dpi_frame *frame, const dpi_plan_field *f)
{
	if (dpi_frame_has(frame, f->oneof)) {
		return false;
	}
	dpi_frame_set(frame, f->oneof);
	frame->slots[f->oneof].bits = (uint64_t)(f - frame->node->fields);
	return true;
}

/* A closed enum's other numbers are unknown fields. */
static bool is_known(const dpi_plan_field *f, const dpi_slot *slot)
{
	return dpi_plan_enum_find(f->enumeration, (int32_t)slot->bits) != NULL;
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
		? dpi_datum_straight(coder, output, f->child,
			  (dpi_run){slot->start, slot->start + slot->size, 0})
		: dpi_datum_value(coder, output, f, slot);
}

/* How a field is read says nearly what it is: to branch on that once costs
 * less than once for reading and once for writing. */
static inline const uint8_t *put_single(dpi_coder *coder, dpi_output *output,
	dpi_frame *frame, const dpi_plan_field *f, const uint8_t *p,
	const uint8_t *end)
{
	dpi_slot slot = {.count = 1};

	if ((f->oneof != 0 && !choose(frame, f)) ||
		!dpi_output_need(output, DPI_DATUM_ROOM)) {
		return NULL;
	}
	*output->p++ = 2;
	if (f->read == DPI_READ_BYTES) {
		p = read_span(coder, p, end, &slot);
		return p != NULL && put_span(coder, output, f, &slot) ? p
								      : NULL;
	}
	if (f->read == DPI_READ_MESSAGE) {
		p = read_span(coder, p, end, &slot);
		return p != NULL && put_inner(coder, output, f, &slot) ? p
								       : NULL;
	}
	p = read_value(coder, f->read, p, end, &slot);
	if (p == NULL || (f->read == DPI_READ_ENUM && !is_known(f, &slot))) {
		return NULL;
	}
	return put_value(coder, output, f, &slot) ? p : NULL;
}

/* How many fields with the tag of f, whose first value is at p, follow one
 * another; ret_end is behind the last. 0 if that cannot be said. */
static uint32_t count_fields(const dpi_coder *coder, const dpi_plan_field *f,
	const uint8_t *p, const uint8_t *end, const uint8_t **ret_end)
{
	uint32_t count = 0;
	uint32_t tag;

	do {
		dpi_slot slot;

		p = read_value(coder, f->element, p, end, &slot);
		if (p == NULL) {
			return 0;
		}
		count++;
		*ret_end = p;
		p = p < end ? dpi_wire_get_tag(p, end, &tag) : NULL;
	} while (p != NULL && tag == f->tag);
	return count;
}

static NOINLINE const uint8_t *put_array(dpi_coder *coder, dpi_output *output,
	const dpi_plan_field *f, const uint8_t *p, const uint8_t *end)
{
	const uint8_t *last = NULL;
	uint32_t count = count_fields(coder, f, p, end, &last);
	uint32_t tag;

	if (count == 0 || !dpi_datum_long(output, count)) {
		return NULL;
	}
	for (uint32_t i = 0; i < count; i++) {
		dpi_slot slot;

		p = read_value(coder, f->element, p, last, &slot);
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

	end = read_span(coder, p, end, &slot);
	if (end == NULL) {
		return NULL;
	}
	p = coder->wire + slot.start;
	count = count_packed(f, p, end);
	if (count < 0 || (count > 0 && !dpi_datum_long(output, count))) {
		return NULL;
	}
	while (p < end) {
		p = read_value(coder, f->element, p, end, &slot);
		if (p == NULL || !dpi_output_need(output, DPI_DATUM_ROOM) ||
			!put_value(coder, output, f, &slot)) {
			return NULL;
		}
	}
	return dpi_output_byte(output, 0) ? p : NULL;
}

typedef struct entry {
	dpi_slot key;
	dpi_slot value;
} entry;

/* An entry as nearly all are: key and value once each, in this order. */
static const uint8_t *read_entry(const dpi_coder *coder,
	const dpi_plan_node *node, const uint8_t *p, const uint8_t *end,
	entry *ret)
{
	dpi_slot whole;
	uint32_t tag;

	end = read_span(coder, p, end, &whole);
	if (end == NULL) {
		return NULL;
	}
	p = coder->wire + whole.start;
	p = p < end ? dpi_wire_get_tag(p, end, &tag) : NULL;
	p = p != NULL && tag == node->key->tag
		? read_value(coder, node->key->element, p, end, &ret->key)
		: NULL;
	p = p != NULL && p < end ? dpi_wire_get_tag(p, end, &tag) : NULL;
	p = p != NULL && tag == node->value->tag
		? read_value(coder, node->value->element, p, end, &ret->value)
		: NULL;
	return p == end ? end : NULL;
}

static int compare_texts(dp_bytes a, dp_bytes b)
{
	size_t size = a.size < b.size ? a.size : b.size;
	int order = size > 0 ? memcmp(a.data, b.data, size) : 0;

	return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

/* Puts an entry where its key belongs, or in place of the one that has it. */
static size_t insert(const dpi_coder *coder, entry *entries, size_t count,
	const entry *added)
{
	dp_bytes key = dpi_value_bytes(coder, &added->key);
	size_t k = count;

	while (k > 0) {
		int order = compare_texts(
			key, dpi_value_bytes(coder, &entries[k - 1].key));

		if (order == 0) {
			entries[k - 1] = *added;
			return count;
		}
		if (order > 0) {
			break;
		}
		k--;
	}
	memmove(entries + k + 1, entries + k, (count - k) * sizeof(*entries));
	entries[k] = *added;
	return count + 1;
}

static bool put_entries(dpi_coder *coder, dpi_output *output,
	const dpi_plan_node *node, const entry *entries, size_t count)
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
	entry entries[ENTRIES_MAX];
	size_t count = 0;
	uint32_t tag;

	while (p != end) {
		entry added;

		p = read_entry(coder, f->child, p, end, &added);
		if (p == NULL) {
			return NULL;
		}
		count = insert(coder, entries, count, &added);
		p = p < end ? dpi_wire_get_tag(p, end, &tag) : p;
	}
	return put_entries(coder, output, f->child, entries, count) ? p : NULL;
}

/* The way of all maps. */
static const uint8_t *put_sorted(dpi_coder *coder, dpi_output *output,
	dpi_frame *frame, uint32_t count, const uint8_t *field,
	const uint8_t *end)
{
	const dpi_run run = {offset_of(coder, field), offset_of(coder, end), 0};
	dpi_slot slot = {.count = count};
	dp_status st;

	slot.first = (uint32_t)(coder->runs.size / sizeof(run));
	slot.last = slot.first;
	st = dpi_buf_append(&coder->runs, &run, sizeof(run));
	if (st != DP_OK) {
		(void)dpi_coder_fail_buffer(coder, st);
		return NULL;
	}
	return dpi_datum_map(coder, output, frame, &slot) ? end : NULL;
}

/* Texts to what is not a message are sorted here, if they are few. */
static bool is_simple(const dpi_plan_node *node)
{
	return node->key == node->fields &&
		node->key->kind == DPI_KIND_STRING && node->value != NULL &&
		node->value->element < DPI_READ_ENUM;
}

static NOINLINE const uint8_t *put_map(dpi_coder *coder, dpi_output *output,
	dpi_frame *frame, const dpi_plan_field *f, const uint8_t *field,
	const uint8_t *p, const uint8_t *end)
{
	const dpi_plan_field *value = f->child->value;
	const uint8_t *last = NULL;
	const uint8_t *done = NULL;
	uint32_t count = count_fields(coder, f, p, end, &last);

	if (count == 0 || (value != NULL && value->read == DPI_READ_ENUM)) {
		return NULL;
	}
	if (count <= ENTRIES_MAX && is_simple(f->child)) {
		done = put_few(coder, output, f, p, last);
	}
	if (done == NULL && coder->failed == DP_OK && output->failed == DP_OK) {
		done = put_sorted(coder, output, frame, count, field, last);
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

/* Whether the tag at p is one byte and that of f, as most are. */
static inline bool is_tag(const uint8_t *p, const dpi_plan_field *f)
{
	return *p == f->tag && *p >= 8 && *p < 0x80;
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

		if (is_tag(p, f)) {
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
	const dpi_plan_node *node, dpi_run piece)
{
	dpi_frame *frame = dpi_coder_enter(coder, node);
	const dpi_plan_field *f;

	if (frame == NULL || piece.next != 0) {
		return false;
	}
	f = put_fields(coder, output, frame, coder->wire + piece.start,
		coder->wire + piece.end);
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
