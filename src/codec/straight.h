/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_CODEC_STRAIGHT_H
#define DPI_CODEC_STRAIGHT_H

#include "codec/value.h"

/*
 * What straight ways share: those that write a field as soon as it is read,
 * because it comes in the order in which it is written. Whatever is not as
 * nearly all events are, is NULL or false here, and left to the scan, which
 * says what is wrong: a later field may have replaced it.
 */

static inline uint32_t dpi_straight_offset(
	const dpi_coder *coder, const uint8_t *p)
{
	return (uint32_t)(p - coder->wire);
}

static inline const uint8_t *dpi_straight_span(const dpi_coder *coder,
	const uint8_t *p, const uint8_t *end, dpi_slot *ret)
{
	uint64_t size;

	p = dpi_wire_varint(p, end, &size);
	if (p == NULL || size > (uint64_t)(end - p)) {
		return NULL;
	}
	ret->start = dpi_straight_offset(coder, p);
	ret->size = (uint32_t)size;
	return p + size;
}

/* A value as dpi_scan() puts it into a slot. */
static inline const uint8_t *dpi_straight_value(const dpi_coder *coder,
	dpi_read read, const uint8_t *p, const uint8_t *end, dpi_slot *ret)
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
		return dpi_straight_span(coder, p, end, ret);
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

/* Another member of a oneof that has one would replace it. */
static inline bool dpi_straight_choose(
	dpi_frame *frame, const dpi_plan_field *f)
{
	if (dpi_frame_has(frame, f->oneof)) {
		return false;
	}
	dpi_frame_set(frame, f->oneof);
	frame->slots[f->oneof].bits = (uint64_t)(f - frame->node->fields);
	return true;
}

/* A closed enum's other numbers are unknown fields. */
static inline bool dpi_straight_is_known(
	const dpi_plan_field *f, const dpi_slot *slot)
{
	return dpi_plan_enum_find(f->enumeration, (int32_t)slot->bits) != NULL;
}

/* Whether the tag at p is one byte and that of f, as most are. */
static inline bool dpi_straight_is_tag(
	const uint8_t *p, const dpi_plan_field *f)
{
	return *p == f->tag && *p >= 8 && *p < 0x80;
}

/* Entries of a map that are sorted without the scan. */
#define DPI_FEW_ENTRIES 8

typedef struct dpi_entry {
	dpi_slot key;
	dpi_slot value;
} dpi_entry;

/*
 * How many fields with the tag of f, whose first value is at p, follow one
 * another; ret_end is behind the last. 0 if that cannot be said.
 */
uint32_t dpi_straight_count(const dpi_coder *coder, const dpi_plan_field *f,
	const uint8_t *p, const uint8_t *end, const uint8_t **ret_end);

/* Whether a map has texts for keys, and values that are not messages. */
bool dpi_straight_is_simple(const dpi_plan_node *node);

/*
 * Entries of such a map in the order of their keys; p is behind the first
 * tag, end behind the last entry, and there are at most DPI_FEW_ENTRIES.
 * Returns how many keys there are, or 0.
 */
size_t dpi_straight_entries(const dpi_coder *coder, const dpi_plan_node *node,
	const uint8_t *p, const uint8_t *end, dpi_entry *entries);

/* The slot of a repeated field whose count values are at [field, end). */
DP_NODISCARD bool dpi_straight_slot(dpi_coder *coder, uint32_t count,
	const uint8_t *field, const uint8_t *end, dpi_slot *ret);

#endif /* DPI_CODEC_STRAIGHT_H */
