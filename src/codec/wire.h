/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_CODEC_WIRE_H
#define DPI_CODEC_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <datapipe/status.h>

#include "base/bytes.h"

/*
 * The wire format of Protocol Buffers, one field at a time, every read inside
 * its bounds. Each function returns the place after what it read, or NULL if
 * the bytes are not that; dpi_wire_fault() then says why, so that the way of
 * good bytes carries no texts along.
 */

/* Depth of messages and groups, unknown ones included; the event is 1. */
#define DPI_DEPTH_MAX 64

typedef enum dpi_wire_type {
	DPI_WIRE_VARINT = 0,
	DPI_WIRE_FIXED64 = 1,
	DPI_WIRE_BYTES = 2,
	DPI_WIRE_GROUP = 3,
	DPI_WIRE_GROUP_END = 4,
	DPI_WIRE_FIXED32 = 5
} dpi_wire_type;

/* A field's value; of a group, what is between its two tags. */
typedef struct dpi_wire_value {
	uint64_t bits;       /* VARINT, FIXED64, FIXED32 */
	const uint8_t *data; /* BYTES, GROUP */
	size_t size;
} dpi_wire_value;

static inline uint32_t dpi_wire_number(uint32_t tag)
{
	return tag >> 3;
}

static inline dpi_wire_type dpi_wire_type_of(uint32_t tag)
{
	return (dpi_wire_type)(tag & 7);
}

static inline uint32_t dpi_wire_tag(uint32_t number, dpi_wire_type type)
{
	return number << 3 | (uint32_t)type;
}

/* Returned in registers: a hot loop keeps no variable in memory for it. */
typedef struct dpi_wire_long {
	const uint8_t *next; /* NULL if it is not a varint */
	uint64_t value;
} dpi_wire_long;

/* A varint of three bytes or more, or a bad one. */
dpi_wire_long dpi_wire_varint_long(const uint8_t *p, const uint8_t *end);

static inline const uint8_t *dpi_wire_varint(
	const uint8_t *p, const uint8_t *end, uint64_t *ret)
{
	dpi_wire_long read;

	if (p < end && *p < 0x80) {
		*ret = *p;
		return p + 1;
	}
	if (end - p >= 2 && p[1] < 0x80) {
		*ret = (uint64_t)(p[0] & 0x7f) | (uint64_t)p[1] << 7;
		return p + 2;
	}
	read = dpi_wire_varint_long(p, end);
	*ret = read.value;
	return read.next;
}

/* A tag is at most five bytes and 32 bits, and its number is not 0. */
static inline const uint8_t *dpi_wire_get_tag(
	const uint8_t *p, const uint8_t *end, uint32_t *ret)
{
	uint64_t tag;
	const uint8_t *next = dpi_wire_varint(p, end, &tag);

	if (next == NULL || next - p > 5 || tag > UINT32_MAX || tag < 8) {
		return NULL;
	}
	*ret = (uint32_t)tag;
	return next;
}

static inline const uint8_t *dpi_wire_get_bytes(
	const uint8_t *p, const uint8_t *end, const uint8_t **ret, size_t *size)
{
	uint64_t n;

	p = dpi_wire_varint(p, end, &n);
	if (p == NULL || n > (uint64_t)(end - p)) {
		return NULL;
	}
	*ret = p;
	*size = (size_t)n;
	return p + n;
}

/*
 * Reads what follows the start tag of group number; depth is that of the
 * message around it.
 */
const uint8_t *dpi_wire_get_group(const uint8_t *p, const uint8_t *end,
	uint32_t number, unsigned depth, dpi_wire_value *ret);

/* Reads the value that follows tag, in a message of that depth. */
static inline const uint8_t *dpi_wire_get_value(const uint8_t *p,
	const uint8_t *end, uint32_t tag, unsigned depth, dpi_wire_value *ret)
{
	switch (dpi_wire_type_of(tag)) {
	case DPI_WIRE_VARINT:
		return dpi_wire_varint(p, end, &ret->bits);
	case DPI_WIRE_BYTES:
		return dpi_wire_get_bytes(p, end, &ret->data, &ret->size);
	case DPI_WIRE_FIXED64:
		if (end - p < 8) {
			return NULL;
		}
		ret->bits = dpi_load_u64(p);
		return p + 8;
	case DPI_WIRE_FIXED32:
		if (end - p < 4) {
			return NULL;
		}
		ret->bits = dpi_load_u32(p);
		return p + 4;
	case DPI_WIRE_GROUP:
		return dpi_wire_get_group(
			p, end, dpi_wire_number(tag), depth, ret);
	default:
		return NULL;
	}
}

/*
 * What is wrong with the field at p, which could not be read: a text, and
 * DP_ESCHEMA, or DP_ETOOBIG for groups that are too deep.
 */
const char *dpi_wire_fault(const uint8_t *p, const uint8_t *end, unsigned depth,
	dp_status *ret_code);

#endif /* DPI_CODEC_WIRE_H */
