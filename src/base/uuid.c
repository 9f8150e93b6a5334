/* SPDX-License-Identifier: Apache-2.0 */
#include "base/uuid.h"

#include "base/bytes.h"

#define WRITER_LOW_BITS 22
#define MASK(bits) ((UINT64_C(1) << (bits)) - 1)

static uint64_t load_be64(const uint8_t *p)
{
	return __builtin_bswap64(dpi_load_u64(p));
}

static void store_be64(uint8_t *p, uint64_t v)
{
	dpi_store_u64(p, __builtin_bswap64(v));
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

/* The eight digits of four bytes, the first in the highest byte: each nibble
 * spread to a byte of its own, then '0' or 'a' - 10 added to all at once. */
static uint64_t digits_of(uint64_t four)
{
	uint64_t n = four;
	uint64_t letters;

	n = (n | n << 16) & UINT64_C(0x0000ffff0000ffff);
	n = (n | n << 8) & UINT64_C(0x00ff00ff00ff00ff);
	n = (n | n << 4) & UINT64_C(0x0f0f0f0f0f0f0f0f);
	letters = (n + UINT64_C(0x0606060606060606)) >> 4 &
		UINT64_C(0x0101010101010101);
	return n + UINT64_C(0x3030303030303030) + letters * ('a' - '0' - 10);
}

static void put_eight(char *text, uint64_t digits)
{
	store_be64((uint8_t *)text, digits);
}

static void put_four(char *text, uint64_t digits)
{
	dpi_store_u32((uint8_t *)text, __builtin_bswap32((uint32_t)digits));
}

/* From registers: to read back what was just written waits for the writes. */
void dpi_uuid_format(char *text, const uint8_t *uuid)
{
	uint64_t high = load_be64(uuid);
	uint64_t low = load_be64(uuid + 8);
	uint64_t second = digits_of(high & MASK(32));
	uint64_t third = digits_of(low >> 32);

	put_eight(text, digits_of(high >> 32));
	put_four(text + 9, second >> 32);
	put_four(text + 14, second);
	put_four(text + 19, third >> 32);
	put_four(text + 24, third);
	put_eight(text + 28, digits_of(low & MASK(32)));
	text[8] = text[13] = text[18] = text[23] = '-';
	text[DPI_UUID_TEXT] = '\0';
}
