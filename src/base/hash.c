/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/bytes.h"
#include "base/sha256.h"
#include "base/text.h"

/* Odd, with about half of the bits set: from the fraction of the golden ratio,
 * and of the square root of 2. */
#define FACTOR_A UINT64_C(0x9e3779b97f4a7c15)
#define FACTOR_B UINT64_C(0x6a09e667f3bcc909)

/* Each step is a bijection of h, so different words never meet by it alone. */
static uint64_t stir(uint64_t h)
{
	h ^= h >> 32;
	h *= FACTOR_A;
	h ^= h >> 29;
	h *= FACTOR_B;
	return h ^ h >> 32;
}

uint64_t dpi_hash64(uint64_t seed, const void *data, size_t size)
{
	const uint8_t *p = data;
	uint64_t h = stir(seed ^ (uint64_t)size * FACTOR_B);
	uint8_t last[8] = {0};

	for (; size >= 8; size -= 8, p += 8) {
		h = stir(h ^ dpi_load_u64(p));
	}
	if (size > 0) {
		memcpy(last, p, size);
		h = stir(h ^ dpi_load_u64(last));
	}
	return stir(h + FACTOR_A);
}

void dpi_fingerprint(char *buf_33, const void *data, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t digest[DPI_SHA256_SIZE];

	dpi_sha256(digest, data, size);
	for (int i = 0; i < 16; i++) {
		*buf_33++ = digits[digest[i] >> 4];
		*buf_33++ = digits[digest[i] & 15];
	}
	*buf_33 = '\0';
}
