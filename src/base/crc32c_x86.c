/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crc32c.h"

#include <nmmintrin.h>
#include <string.h>
#include <wmmintrin.h>

/*
 * The crc32 instruction takes three cycles and one may begin in each: three
 * streams side by side cost what one does. Stream a is followed by b and c,
 * so its checksum is moved over their bytes and added to theirs.
 */

#define HARDWARE __attribute__((target("sse4.2,pclmul")))

static inline uint64_t load(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

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
	{64, 0x9e4addf8, 0x0d3b6092},
};

HARDWARE
static inline uint32_t add_block(uint32_t crc, const uint8_t *p, block size)
{
	uint64_t a = crc, b = 0, c = 0;

	for (size_t i = 0; i < size.stream; i += 8) {
		a = _mm_crc32_u64(a, load(p + i));
		b = _mm_crc32_u64(b, load(p + size.stream + i));
		c = _mm_crc32_u64(c, load(p + 2 * size.stream + i));
	}
	return move_over((uint32_t)a, size.by_two) ^
		move_over((uint32_t)b, size.by_one) ^ (uint32_t)c;
}

HARDWARE
static uint32_t by_hardware(uint32_t crc, const uint8_t *p, size_t size)
{
	uint64_t c = ~crc;

	for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
		size_t bytes = 3 * blocks[i].stream;

		for (; size >= bytes; size -= bytes, p += bytes) {
			c = add_block((uint32_t)c, p, blocks[i]);
		}
	}
	for (; size >= 8; size -= 8, p += 8) {
		c = _mm_crc32_u64(c, load(p));
	}
	for (; size > 0; size--, p++) {
		c = _mm_crc32_u8((uint32_t)c, *p);
	}
	return ~(uint32_t)c;
}

uint32_t dpi_crc32c(uint32_t crc, const void *data, size_t size)
{
	if (__builtin_cpu_supports("sse4.2") &&
		__builtin_cpu_supports("pclmul")) {
		return by_hardware(crc, data, size);
	}
	return dpi_crc32c_table(crc, data, size);
}
