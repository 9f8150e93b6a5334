/* SPDX-License-Identifier: Apache-2.0 */
#include "base/uuid.h"

#define WRITER_LOW_BITS 22
#define MASK(bits) ((UINT64_C(1) << (bits)) - 1)

static uint64_t load_be64(const uint8_t *p)
{
	uint64_t v = 0;

	for (int i = 0; i < 8; i++) {
		v = v << 8 | p[i];
	}
	return v;
}

static void store_be64(uint8_t *p, uint64_t v)
{
	for (int i = 7; i >= 0; i--) {
		p[i] = (uint8_t)v;
		v >>= 8;
	}
}

void dpi_uuid_make(
	uint8_t *uuid, int64_t unix_ms, uint64_t writer, uint64_t seq)
{
	uint64_t writer_high = writer >> WRITER_LOW_BITS & MASK(12);
	uint64_t writer_low = writer & MASK(WRITER_LOW_BITS);

	store_be64(uuid,
		(uint64_t)unix_ms << 16 | UINT64_C(7) << 12 | writer_high);
	store_be64(uuid + 8,
		UINT64_C(2) << 62 | writer_low << DPI_SEQ_BITS |
			(seq & MASK(DPI_SEQ_BITS)));
}

int64_t dpi_uuid_ms(const uint8_t *uuid)
{
	return (int64_t)(load_be64(uuid) >> 16);
}

uint64_t dpi_uuid_writer(const uint8_t *uuid)
{
	uint64_t high = load_be64(uuid) & MASK(12);
	uint64_t low = load_be64(uuid + 8) >> DPI_SEQ_BITS;

	return high << WRITER_LOW_BITS | (low & MASK(WRITER_LOW_BITS));
}

uint64_t dpi_uuid_seq(const uint8_t *uuid)
{
	return load_be64(uuid + 8) & MASK(DPI_SEQ_BITS);
}

void dpi_uuid_format(char *text, const uint8_t *uuid)
{
	static const char digits[] = "0123456789abcdef";

	for (int i = 0; i < DPI_UUID_SIZE; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10) {
			*text++ = '-';
		}
		*text++ = digits[uuid[i] >> 4];
		*text++ = digits[uuid[i] & 15];
	}
	*text = '\0';
}
