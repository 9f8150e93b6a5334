/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_CODEC_JSON_TEXT_H
#define DPI_CODEC_JSON_TEXT_H

#include "codec/json_number.h"

/* JSON's scalars, and times. */

/*
 * text in quotes; it is UTF-8. Besides what JSON asks for, < and > and
 * characters that are not seen are escaped, as Google's C++ does.
 */
DP_NODISCARD bool dpi_json_string(dpi_output *output, dp_bytes text);

/* A byte that stands for itself: ASCII, and harmless in HTML, too. */
static inline bool dpi_json_is_plain(uint8_t c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\' && c != '<' &&
		c != '>';
}

/*
 * Whether any of eight bytes is not plain. A borrow may reach from one byte
 * into the next, but only from one that is not plain, either.
 */
static inline bool dpi_json_has_special(uint64_t eight)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	uint64_t hits = eight | (eight + ones) | (eight - 0x20 * ones) |
		((eight ^ '"' * ones) - ones) | ((eight ^ '\\' * ones) - ones) |
		(((eight | 2 * ones) ^ '>' * ones) - ones);

	return (hits & 0x80 * ones) != 0;
}

/*
 * Copies plain bytes; returns how many, all or up to eight before another.
 * At in there may be read `readable` bytes, and written eight past the last.
 */
static inline size_t dpi_json_copy(
	uint8_t *out, const uint8_t *in, size_t size, size_t readable)
{
	uint64_t eight;
	size_t i = 0;

	if (size < 8 && readable >= 8) {
		uint64_t mine = (UINT64_C(1) << size * 8) - 1;

		memcpy(&eight, in, 8);
		memcpy(out, &eight, 8);
		eight = (eight & mine) | (UINT64_C(0x6161616161616161) & ~mine);
		return dpi_json_has_special(eight) ? 0 : size;
	}
	if (size < 8) {
		for (; i < size && dpi_json_is_plain(in[i]); i++) {
			out[i] = in[i];
		}
		return i;
	}
	for (; i + 8 < size; i += 8) {
		memcpy(&eight, in + i, 8);
		if (dpi_json_has_special(eight)) {
			return i;
		}
		memcpy(out + i, &eight, 8);
	}
	memcpy(&eight, in + size - 8, 8);
	if (dpi_json_has_special(eight)) {
		return i;
	}
	memcpy(out + size - 8, &eight, 8);
	return size;
}

/* Text behind the first character that may not be plain. */
DP_NODISCARD bool dpi_json_rest(
	dpi_output *output, const uint8_t *p, size_t size);

/* Base64 with padding, in quotes. */
DP_NODISCARD bool dpi_json_base64(dpi_output *output, dp_bytes bytes);

/*
 * RFC 3339 in UTC, "2024-02-29T12:00:00.5Z" with 0, 3, 6 or 9 digits behind
 * the point, or always 9 if is_fixed; the years 0 to 9999. No quotes.
 */
DP_NODISCARD bool dpi_json_timestamp(
	dpi_output *output, int64_t seconds, int32_t nanos, bool is_fixed);

/* "-1.500s", with as many digits. No quotes. */
DP_NODISCARD bool dpi_json_duration(
	dpi_output *output, int64_t seconds, int32_t nanos);

#endif /* DPI_CODEC_JSON_TEXT_H */
