/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crc32c.h"

#include <nmmintrin.h>
#include <wmmintrin.h>

#include "base/bytes.h"

/*
 * The crc32 instruction takes three cycles and one may begin in each: three
 * streams side by side cost what one does. Stream a is followed by b and c,
 * so its checksum is moved over their bytes and added to theirs.
 */

#define HARDWARE __attribute__((target("sse4.2,pclmul")))

/*
 * Moves a checksum over n zero bytes: times x^(8n) modulo the polynomial. The
 * product of two reflected numbers has x too many, and the reduction by the
 * crc32 instruction adds x^32: so factor is x^(8n-33).
 */
HARDWARE
static inline uint32_t move_over(uint32_t crc, uint32_t factor)
{
	__m128i product = _mm_clmulepi64_si128(
		_mm_cvtsi32_si128((int)crc), _mm_cvtsi32_si128((int)factor), 0);

	return (uint32_t)_mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(product));
}

typedef struct block {
	size_t stream;   /* bytes of each of three streams */
	uint32_t by_one; /* moves over one stream */
	uint32_t by_two; /* moves over two */
} block;

static const block blocks[] = {
	{1024, 0x170076fa, 0xa51b6135},
	{256, 0xb9e02b86, 0xdd7e3b0c},
};

#define COUNT_OF_BLOCKS (sizeof(blocks) / sizeof(blocks[0]))

/* What is left after those makes three streams of any size: factors[k - 1]
 * moves over 8k bytes. */
#define LEFT_MAX ((size_t)3 * 256)
#define LEFT_MIN ((size_t)48)

static const uint32_t factors[2 * (LEFT_MAX / 24)] = {0x00000001, 0x493c7d27,
	0xf20c0dfe, 0xba4fc28e, 0x3da6d0cb, 0xddc0152b, 0x1c291d04, 0x9e4addf8,
	0x740eef02, 0x39d3b296, 0x083a6eec, 0x0715ce53, 0xc49f4f67, 0x47db8317,
	0x2ad91c30, 0x0d3b6092, 0x6992cea2, 0xc96cfdc0, 0x7e908048, 0x878a92a7,
	0x1b3d8f29, 0xdaece73e, 0xf1d0f55e, 0xab7aff2a, 0xa87ab8a8, 0x2162d385,
	0x8462d800, 0x83348832, 0x71d111a8, 0x299847d5, 0xffd852c6, 0xb9e02b86,
	0xdcb17aa4, 0x18b33a4e, 0xf37c5aee, 0xb6dd949b, 0x6051d5a2, 0x78d9ccb7,
	0x18b0d4ff, 0xbac2fd7b, 0x21f3d99c, 0xa60ce07b, 0x8f158014, 0xce7f39f4,
	0xa00457f7, 0x61d82e56, 0x8d6d2c43, 0xd270f1a2, 0x00ac29cf, 0xc619809d,
	0xe9adf796, 0x2b3cac5d, 0x96638b34, 0x65863b64, 0xe0e9f351, 0x1b03397f,
	0x9af01f2d, 0xebb883bd, 0x2cff42cf, 0xb3e32c28, 0x88f25a3a, 0x064f7f26,
	0x4e36f0b0, 0xdd7e3b0c};

HARDWARE
static inline uint32_t add_block(uint32_t crc, const uint8_t *p, block size)
{
	uint64_t a = crc, b = 0, c = 0;

	for (size_t i = 0; i < size.stream; i += 8) {
		a = _mm_crc32_u64(a, dpi_load_u64(p + i));
		b = _mm_crc32_u64(b, dpi_load_u64(p + size.stream + i));
		c = _mm_crc32_u64(c, dpi_load_u64(p + 2 * size.stream + i));
	}
	return move_over((uint32_t)a, size.by_two) ^
		move_over((uint32_t)b, size.by_one) ^ (uint32_t)c;
}

/* At most 7 bytes. */
HARDWARE
static inline uint32_t add_tail(uint32_t crc, const uint8_t *p, size_t size)
{
	if ((size & 4) != 0) {
		crc = _mm_crc32_u32(crc, dpi_load_u32(p));
		p += 4;
	}
	if ((size & 2) != 0) {
		crc = _mm_crc32_u8(crc, p[0]);
		crc = _mm_crc32_u8(crc, p[1]);
		p += 2;
	}
	return (size & 1) != 0 ? _mm_crc32_u8(crc, *p) : crc;
}

HARDWARE
static uint32_t by_hardware(uint32_t crc, const uint8_t *p, size_t size)
{
	uint64_t c = ~crc;

	for (size_t i = 0; size >= LEFT_MAX && i < COUNT_OF_BLOCKS; i++) {
		size_t bytes = 3 * blocks[i].stream;

		for (; size >= bytes; size -= bytes, p += bytes) {
			c = add_block((uint32_t)c, p, blocks[i]);
		}
	}
	if (size >= LEFT_MIN) {
		size_t words = size / 24;
		block left = {
			8 * words, factors[words - 1], factors[2 * words - 1]};

		c = add_block((uint32_t)c, p, left);
		size -= 24 * words;
		p += 24 * words;
	}
	for (; size >= 8; size -= 8, p += 8) {
		c = _mm_crc32_u64(c, dpi_load_u64(p));
	}
	return ~add_tail((uint32_t)c, p, size);
}

uint32_t dpi_crc32c(uint32_t crc, const void *data, size_t size)
{
	if (__builtin_cpu_supports("sse4.2") &&
		__builtin_cpu_supports("pclmul")) {
		return by_hardware(crc, data, size);
	}
	return dpi_crc32c_table(crc, data, size);
}
