/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crc32c.h"

#include <string.h>
#include <sys/auxv.h>

#define HAS_CRC32 (1ul << 7) /* HWCAP_CRC32 of the kernel's asm/hwcap.h */

/*
 * Assembler, since what arm_acle.h declares depends on flags for the whole
 * file, and those would let the compiler use them where they are not.
 */

static inline uint32_t add_eight(uint32_t crc, uint64_t bytes)
{
	__asm__(".arch_extension crc\n\tcrc32cx %w0, %w0, %x1"
		: "+r"(crc)
		: "r"(bytes));
	return crc;
}

static inline uint32_t add_one(uint32_t crc, uint32_t byte)
{
	__asm__(".arch_extension crc\n\tcrc32cb %w0, %w0, %w1"
		: "+r"(crc)
		: "r"(byte));
	return crc;
}

static uint32_t by_hardware(uint32_t crc, const uint8_t *p, size_t size)
{
	uint64_t word;

	crc = ~crc;
	for (; size >= 8; size -= 8, p += 8) {
		memcpy(&word, p, sizeof(word));
		crc = add_eight(crc, word);
	}
	for (; size > 0; size--, p++) {
		crc = add_one(crc, *p);
	}
	return ~crc;
}

uint32_t dpi_crc32c(uint32_t crc, const void *data, size_t size)
{
	if ((getauxval(AT_HWCAP) & HAS_CRC32) != 0) {
		return by_hardware(crc, data, size);
	}
	return dpi_crc32c_table(crc, data, size);
}
