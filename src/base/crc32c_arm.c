/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crc32c.h"

#include <arm_acle.h>
#include <string.h>
#include <sys/auxv.h>

#define HARDWARE __attribute__((target("+crc")))
#define HAS_CRC32 (1ul << 7) /* HWCAP_CRC32 of the kernel's asm/hwcap.h */

HARDWARE
static uint32_t by_hardware(uint32_t crc, const uint8_t *p, size_t size)
{
	uint64_t word;

	crc = ~crc;
	for (; size >= 8; size -= 8, p += 8) {
		memcpy(&word, p, sizeof(word));
		crc = __crc32cd(crc, word);
	}
	for (; size > 0; size--, p++) {
		crc = __crc32cb(crc, *p);
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
