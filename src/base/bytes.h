/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_BASE_BYTES_H
#define DPI_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <datapipe/bytes.h>

/* Little-endian loads and stores at any address, and LEB128 varints. */

/* Whether numbers stand in memory the other way round. */
#define DPI_IS_BIG_ENDIAN (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)

static inline uint16_t dpi_load_u16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return DPI_IS_BIG_ENDIAN ? __builtin_bswap16(v) : v;
}

static inline uint32_t dpi_load_u32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return DPI_IS_BIG_ENDIAN ? __builtin_bswap32(v) : v;
}

static inline uint64_t dpi_load_u64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return DPI_IS_BIG_ENDIAN ? __builtin_bswap64(v) : v;
}

static inline void dpi_store_u16(uint8_t *p, uint16_t v)
{
	v = DPI_IS_BIG_ENDIAN ? __builtin_bswap16(v) : v;
	memcpy(p, &v, sizeof(v));
}

static inline void dpi_store_u32(uint8_t *p, uint32_t v)
{
	v = DPI_IS_BIG_ENDIAN ? __builtin_bswap32(v) : v;
	memcpy(p, &v, sizeof(v));
}

static inline void dpi_store_u64(uint8_t *p, uint64_t v)
{
	v = DPI_IS_BIG_ENDIAN ? __builtin_bswap64(v) : v;
	memcpy(p, &v, sizeof(v));
}

/* Most bytes of a varint of 64 bits. */
#define DPI_VARINT_MAX 10

/* Bytes that dpi_put_varint() writes for v. */
static inline size_t dpi_varint_size(uint64_t v)
{
	size_t n = 1;

	while (v >= 0x80) {
		v >>= 7;
		n++;
	}
	return n;
}

/* Writes v at p, which has DPI_VARINT_MAX bytes; returns the place after. */
static inline uint8_t *dpi_put_varint(uint8_t *p, uint64_t v)
{
	while (v >= 0x80) {
		*p++ = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	*p++ = (uint8_t)v;
	return p;
}

/*
 * Reads a varint from [p, end). Returns the place after it, or NULL if it is
 * cut off, longer than ten bytes, or over 64 bits.
 */
static inline const uint8_t *dpi_get_varint(
	const uint8_t *p, const uint8_t *end, uint64_t *ret)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64 && p < end; shift += 7) {
		uint8_t byte = *p++;

		if (shift == 63 && byte > 1) {
			return NULL;
		}
		v |= (uint64_t)(byte & 0x7f) << shift;
		if ((byte & 0x80) == 0) {
			*ret = v;
			return p;
		}
	}
	return NULL;
}

static inline dp_bytes dpi_bytes(const void *data, size_t size)
{
	dp_bytes bytes = {data, size};

	return bytes;
}

static inline dp_bytes dpi_bytes_text(const char *text)
{
	return dpi_bytes(text, text != NULL ? strlen(text) : 0);
}

static inline bool dpi_bytes_equal(dp_bytes a, dp_bytes b)
{
	return a.size == b.size &&
		(a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

#endif /* DPI_BASE_BYTES_H */
