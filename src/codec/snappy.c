/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/snappy.h"

/*
 * Fragments of 64 KiB by themselves, so that places fit into 16 bits. In one, a
 * table tells where four bytes with the same hash stood last; if they are the
 * same, a copy of them is written in place of the bytes. Where nothing repeats,
 * steps become longer, so that bytes that cannot be compressed cost little.
 */

#define FRAGMENT ((size_t)64 << 10)

/* A copy looks at eight bytes at a time, and stays clear of the end. */
#define MARGIN 16

/* Steps become longer after so many that found nothing, as a power of two. */
#define PATIENCE 5

enum { LITERAL = 0, COPY_SHORT = 1, COPY_LONG = 2 };

size_t dpi_snappy_bound(size_t size)
{
	return 32 + size + size / 6;
}

static uint32_t hash(uint32_t four, unsigned bits)
{
	return four * 0x1e35a7bdu >> (32 - bits);
}

static uint8_t *put_literal(uint8_t *dst, const uint8_t *from, size_t size)
{
	size_t n = size - 1;

	if (n < 60) {
		*dst++ = (uint8_t)(n << 2 | LITERAL);
	} else if (n < 256) {
		*dst++ = 60 << 2 | LITERAL;
		*dst++ = (uint8_t)n;
	} else {
		*dst++ = 61 << 2 | LITERAL;
		dpi_store_u16(dst, (uint16_t)n);
		dst += 2;
	}
	memcpy(dst, from, size);
	return dst + size;
}

static uint8_t *put_long_copy(uint8_t *dst, size_t distance, size_t size)
{
	*dst++ = (uint8_t)((size - 1) << 2 | COPY_LONG);
	dpi_store_u16(dst, (uint16_t)distance);
	return dst + 2;
}

static uint8_t *put_copy(uint8_t *dst, size_t distance, size_t size)
{
	while (size >= 68) {
		dst = put_long_copy(dst, distance, 64);
		size -= 64;
	}
	/* What is left has to be four at least. */
	if (size > 64) {
		dst = put_long_copy(dst, distance, 60);
		size -= 60;
	}
	if (size >= 12 || distance >= 2048) {
		return put_long_copy(dst, distance, size);
	}
	*dst++ = (uint8_t)(distance >> 8 << 5 | (size - 4) << 2 | COPY_SHORT);
	*dst++ = (uint8_t)distance;
	return dst;
}

/* How many bytes at p are those at match; p stays below end. */
static size_t same_bytes(
	const uint8_t *match, const uint8_t *p, const uint8_t *end)
{
	const uint8_t *start = p;

	while (end - p >= 8) {
		uint64_t differ = dpi_load_u64(p) ^ dpi_load_u64(match);

		if (differ != 0) {
			return (size_t)(p - start) +
				(size_t)__builtin_ctzll(differ) / 8;
		}
		p += 8;
		match += 8;
	}
	while (p < end && *p == *match) {
		p++;
		match++;
	}
	return (size_t)(p - start);
}

/* The same where sixteen bytes may be read and written. */
static uint8_t *put_short_literal(
	uint8_t *dst, const uint8_t *from, size_t size)
{
	if (size > 16) {
		return put_literal(dst, from, size);
	}
	*dst = (uint8_t)((size - 1) << 2 | LITERAL);
	memcpy(dst + 1, from, 16);
	return dst + 1 + size;
}

/* From p on, the next place whose four bytes stood before; NULL if none does. */
static const uint8_t *find(dpi_snappy *snappy, unsigned bits,
	const uint8_t *base, const uint8_t *p, const uint8_t *limit,
	const uint8_t **ret_match)
{
	uint32_t tries = 1u << PATIENCE;

	while (p < limit) {
		uint32_t four = dpi_load_u32(p);
		uint16_t *place = &snappy->table[hash(four, bits)];
		const uint8_t *match = base + *place;

		*place = (uint16_t)(p - base);
		if (dpi_load_u32(match) == four && match < p) {
			*ret_match = match;
			return p;
		}
		p += tries++ >> PATIENCE;
	}
	return NULL;
}

static uint8_t *put_fragment(dpi_snappy *snappy, unsigned bits,
	const uint8_t *base, size_t size, uint8_t *dst)
{
	const uint8_t *end = base + size;
	const uint8_t *limit = size > MARGIN ? end - MARGIN : base;
	const uint8_t *kept = base; /* what is before was written */
	const uint8_t *match = NULL;
	const uint8_t *p = base;

	memset(snappy->table, 0, sizeof(*snappy->table) << bits);
	while ((p = find(snappy, bits, base, p, limit, &match)) != NULL) {
		size_t same = 4 + same_bytes(match + 4, p + 4, end);

		if (p > kept) {
			dst = put_short_literal(dst, kept, (size_t)(p - kept));
		}
		dst = put_copy(dst, (size_t)(p - match), same);
		p += same;
		kept = p;
		if (p < limit) {
			snappy->table[hash(dpi_load_u32(p - 1), bits)] =
				(uint16_t)(p - 1 - base);
		}
	}
	return kept < end ? put_literal(dst, kept, (size_t)(end - kept)) : dst;
}

/* A table that is much larger than the fragment costs more than it finds. */
static unsigned table_bits(size_t size)
{
	unsigned bits = 8;

	while (bits < DPI_SNAPPY_TABLE_BITS && (size_t)1 << bits < size) {
		bits++;
	}
	return bits;
}

size_t dpi_snappy_compress(dpi_snappy *snappy, dp_bytes plain, uint8_t *dst)
{
	const uint8_t *data = plain.data;
	uint8_t *p = dpi_put_varint(dst, plain.size);

	for (size_t at = 0; at < plain.size; at += FRAGMENT) {
		size_t left = plain.size - at;
		size_t size = left < FRAGMENT ? left : FRAGMENT;

		p = put_fragment(snappy, table_bits(size), data + at, size, p);
	}
	return (size_t)(p - dst);
}
