/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/wire.h"

dpi_wire_long dpi_wire_varint_long(const uint8_t *p, const uint8_t *end)
{
	dpi_wire_long read = {NULL, 0};

	read.next = dpi_get_varint(p, end, &read.value);
	return read;
}

/*
 * Groups are the only fields whose end is not told in front. They are walked
 * with a stack of numbers, not by recursion, and left at the first thing that
 * cannot be: *ret_fault is where that is, *ret_open how many were open there.
 */
static const uint8_t *walk_group(const uint8_t *p, const uint8_t *end,
	uint32_t number, unsigned depth, const uint8_t **ret_end,
	const uint8_t **ret_fault, unsigned *ret_open)
{
	uint32_t open[DPI_DEPTH_MAX];
	unsigned count = 0;

	open[count++] = number;
	while (depth + count <= DPI_DEPTH_MAX) {
		const uint8_t *field = p;
		dpi_wire_value value;
		uint32_t tag;

		*ret_fault = field;
		*ret_open = count;
		p = dpi_wire_get_tag(p, end, &tag);
		if (p == NULL) {
			return NULL;
		}
		switch (dpi_wire_type_of(tag)) {
		case DPI_WIRE_GROUP:
			open[count++] = dpi_wire_number(tag);
			break;
		case DPI_WIRE_GROUP_END:
			if (open[--count] != dpi_wire_number(tag)) {
				return NULL;
			}
			if (count == 0) {
				*ret_end = field;
				return p;
			}
			break;
		default:
			p = dpi_wire_get_value(p, end, tag, 0, &value);
			if (p == NULL) {
				return NULL;
			}
		}
	}
	*ret_open = count;
	return NULL;
}

const uint8_t *dpi_wire_get_group(const uint8_t *p, const uint8_t *end,
	uint32_t number, unsigned depth, dpi_wire_value *ret)
{
	const uint8_t *group_end = NULL;
	const uint8_t *fault;
	unsigned open = 0;
	const uint8_t *next =
		walk_group(p, end, number, depth, &group_end, &fault, &open);

	if (next != NULL) {
		ret->data = p;
		ret->size = (size_t)(group_end - p);
	}
	return next;
}

static const char *value_fault(
	const uint8_t *p, const uint8_t *end, dpi_wire_type type)
{
	uint64_t n;

	switch (type) {
	case DPI_WIRE_VARINT:
	case DPI_WIRE_BYTES:
		if (dpi_wire_varint(p, end, &n) == NULL) {
			return end - p >= DPI_VARINT_MAX
				? "a varint is longer than 64 bits"
				: "a varint is cut off";
		}
		return "a length reaches behind the end";
	case DPI_WIRE_FIXED64:
	case DPI_WIRE_FIXED32:
		return "a fixed value is cut off";
	case DPI_WIRE_GROUP_END:
		return "an end of group has no start";
	default:
		return "a wire type is 6 or 7";
	}
}

const char *dpi_wire_fault(const uint8_t *p, const uint8_t *end, unsigned depth,
	dp_status *ret_code)
{
	const uint8_t *fault = p;
	const uint8_t *group_end;
	unsigned open = 0;
	uint32_t tag;

	*ret_code = DP_ESCHEMA;
	p = dpi_wire_get_tag(fault, end, &tag);
	if (p != NULL && dpi_wire_type_of(tag) == DPI_WIRE_GROUP) {
		(void)walk_group(p, end, dpi_wire_number(tag), depth,
			&group_end, &fault, &open);
		if (depth + open > DPI_DEPTH_MAX) {
			*ret_code = DP_ETOOBIG;
			return "groups are nested deeper than 64";
		}
		p = dpi_wire_get_tag(fault, end, &tag);
		if (p != NULL && dpi_wire_type_of(tag) == DPI_WIRE_GROUP_END) {
			return "an end of group does not match its start";
		}
	}
	if (p == NULL) {
		return fault == end ? "a group is cut off"
				    : "a tag is cut off or not valid";
	}
	return value_fault(p, end, dpi_wire_type_of(tag));
}
