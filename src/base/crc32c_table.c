/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bytes.h"
#include "base/crc32c.h"

/*
 * Slicing by 8: eight bytes at a time, a table for each. The checksum is
 * linear, so a table is the sums of its eight entries for single bits, and
 * those are all that has to be written down.
 */

#define SUM(i, a, b, c, d, e, f, g, h) \
	(((i)&1 ? a : 0u) ^ ((i)&2 ? b : 0u) ^ ((i)&4 ? c : 0u) ^ \
		((i)&8 ? d : 0u) ^ ((i)&16 ? e : 0u) ^ ((i)&32 ? f : 0u) ^ \
		((i)&64 ? g : 0u) ^ ((i)&128 ? h : 0u))
#define SUMS_4(i, ...) \
	SUM(i, __VA_ARGS__), SUM(i + 1, __VA_ARGS__), SUM(i + 2, __VA_ARGS__), \
		SUM(i + 3, __VA_ARGS__)
#define SUMS_16(i, ...) \
	SUMS_4(i, __VA_ARGS__), SUMS_4(i + 4, __VA_ARGS__), \
		SUMS_4(i + 8, __VA_ARGS__), SUMS_4(i + 12, __VA_ARGS__)
#define SUMS_64(i, ...) \
	SUMS_16(i, __VA_ARGS__), SUMS_16(i + 16, __VA_ARGS__), \
		SUMS_16(i + 32, __VA_ARGS__), SUMS_16(i + 48, __VA_ARGS__)
#define SUMS(...) \
	{ \
		SUMS_64(0, __VA_ARGS__), SUMS_64(64, __VA_ARGS__), \
			SUMS_64(128, __VA_ARGS__), SUMS_64(192, __VA_ARGS__) \
	}

/* table[k][b] is the checksum of byte b and k zero bytes behind it. */
static const uint32_t table[8][256] = {
	SUMS(0xf26b8303, 0xe13b70f7, 0xc79a971f, 0x8ad958cf, 0x105ec76f,
		0x20bd8ede, 0x417b1dbc, 0x82f63b78),
	SUMS(0x13a29877, 0x274530ee, 0x4e8a61dc, 0x9d14c3b8, 0x3fc5f181,
		0x7f8be302, 0xff17c604, 0xfbc3faf9),
	SUMS(0xa541927e, 0x4f6f520d, 0x9edea41a, 0x38513ec5, 0x70a27d8a,
		0xe144fb14, 0xc76580d9, 0x8b277743),
	SUMS(0xdd45aab8, 0xbf672381, 0x7b2231f3, 0xf64463e6, 0xe964b13d,
		0xd725148b, 0xaba65fe7, 0x52a0c93f),
	SUMS(0x38116fac, 0x7022df58, 0xe045beb0, 0xc5670b91, 0x8f2261d3,
		0x1ba8b557, 0x37516aae, 0x6ea2d55c),
	SUMS(0xef306b19, 0xdb8ca0c3, 0xb2f53777, 0x6006181f, 0xc00c303e,
		0x85f4168d, 0x0e045beb, 0x1c08b7d6),
	SUMS(0x68032cc8, 0xd0065990, 0xa5e0c5d1, 0x4e2dfd53, 0x9c5bfaa6,
		0x3d5b83bd, 0x7ab7077a, 0xf56e0ef4),
	SUMS(0x493c7d27, 0x9278fa4e, 0x211d826d, 0x423b04da, 0x847609b4,
		0x0d006599, 0x1a00cb32, 0x34019664),
};

static uint32_t add_eight(uint32_t crc, const uint8_t *p)
{
	uint32_t low = dpi_load_u32(p) ^ crc;
	uint32_t high = dpi_load_u32(p + 4);

	return table[7][low & 255] ^ table[6][low >> 8 & 255] ^
		table[5][low >> 16 & 255] ^ table[4][low >> 24] ^
		table[3][high & 255] ^ table[2][high >> 8 & 255] ^
		table[1][high >> 16 & 255] ^ table[0][high >> 24];
}

uint32_t dpi_crc32c_table(uint32_t crc, const void *data, size_t size)
{
	const uint8_t *p = data;

	crc = ~crc;
	for (; size >= 8; size -= 8, p += 8) {
		crc = add_eight(crc, p);
	}
	for (; size > 0; size--, p++) {
		crc = table[0][(crc ^ *p) & 255] ^ crc >> 8;
	}
	return ~crc;
}
