/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/json_text.h"

#include "base/text.h"

static bool put_unit(dpi_output *output, uint32_t unit)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t text[6] = {'\\', 'u', (uint8_t)digits[unit >> 12 & 15],
		(uint8_t)digits[unit >> 8 & 15],
		(uint8_t)digits[unit >> 4 & 15], (uint8_t)digits[unit & 15]};

	return dpi_output_append(output, text, sizeof(text));
}

static bool put_escaped(dpi_output *output, uint32_t c)
{
	static const char names[] = "btnvfr";
	uint8_t text[2] = {'\\', (uint8_t)c};

	if (c == '"' || c == '\\') {
		return dpi_output_append(output, text, 2);
	}
	if (c >= '\b' && c <= '\r' && c != '\v') {
		text[1] = (uint8_t)names[c - '\b'];
		return dpi_output_append(output, text, 2);
	}
	if (c >= 0x10000) {
		return put_unit(output, 0xd800 + ((c - 0x10000) >> 10)) &&
			put_unit(output, 0xdc00 + (c & 0x3ff));
	}
	return put_unit(output, c);
}

/*
 * Characters that are not seen, or that change how others are seen: text that
 * somebody made up could pass for something else by them.
 */
static bool is_hidden(uint32_t c)
{
	static const uint32_t ranges[][2] = {{0x80, 0x9f}, {0xad, 0xad},
		{0x600, 0x603}, {0x6dd, 0x6dd}, {0x70f, 0x70f},
		{0x17b4, 0x17b5}, {0x200b, 0x200f}, {0x2028, 0x202e},
		{0x2060, 0x2064}, {0x206a, 0x206f}, {0xfeff, 0xfeff},
		{0xfff9, 0xfffb}, {0x1d173, 0x1d17a}, {0xe0001, 0xe0001},
		{0xe0020, 0xe007f}};
	size_t i = 0;

	while (c > ranges[i][1] && i + 1 < sizeof(ranges) / sizeof(*ranges)) {
		i++;
	}
	return c >= ranges[i][0] && c <= ranges[i][1];
}

/* The character at p, of text that is UTF-8; returns its bytes. */
static size_t decode(const uint8_t *p, uint32_t *ret)
{
	size_t size = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

	*ret = size == 1 ? p[0] : p[0] & (0x7fu >> size);
	for (size_t i = 1; i < size; i++) {
		*ret = *ret << 6 | (p[i] & 0x3fu);
	}
	return size;
}

bool dpi_json_rest(dpi_output *output, const uint8_t *p, size_t size)
{
	size_t start = 0;
	size_t next;

	for (size_t i = 0; i < size; i = next) {
		uint32_t c;

		next = i + 1;
		if (dpi_json_is_plain(p[i])) {
			continue;
		}
		next = i + decode(p + i, &c);
		if (c >= 0x80 && !is_hidden(c)) {
			continue;
		}
		if (!dpi_output_append(output, p + start, i - start) ||
			!put_escaped(output, c)) {
			return false;
		}
		start = next;
	}
	return dpi_output_append(output, p + start, size - start);
}

bool dpi_json_string(dpi_output *output, dp_bytes text)
{
	size_t done = 0;

	if (!dpi_output_byte(output, '"')) {
		return false;
	}
	if ((size_t)(output->end - output->p) > text.size) {
		done = dpi_json_copy(output->p, text.data, text.size, 0);
		output->p += done;
	}
	return (done == text.size ||
		       dpi_json_rest(output, (const uint8_t *)text.data + done,
			       text.size - done)) &&
		dpi_output_byte(output, '"');
}

bool dpi_json_base64(dpi_output *output, dp_bytes bytes)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const uint8_t *in = bytes.data;
	size_t left = bytes.size;
	uint8_t *p;

	if (!dpi_output_need(output, 2 + (bytes.size + 2) / 3 * 4)) {
		return false;
	}
	p = output->p;
	*p++ = '"';
	for (; left > 0; left -= left < 3 ? left : 3, in += 3) {
		uint32_t three = (uint32_t)in[0] << 16 |
			(left > 1 ? (uint32_t)in[1] << 8 : 0) |
			(left > 2 ? (uint32_t)in[2] : 0);

		*p++ = (uint8_t)digits[three >> 18];
		*p++ = (uint8_t)digits[three >> 12 & 63];
		*p++ = (uint8_t)(left > 1 ? digits[three >> 6 & 63] : '=');
		*p++ = (uint8_t)(left > 2 ? digits[three & 63] : '=');
	}
	*p++ = '"';
	output->p = p;
	return true;
}

/* ".5" as ".500": by threes, as far as it needs. */
static bool put_fraction(dpi_output *output, uint32_t nanos, bool is_fixed)
{
	uint8_t text[10] = {'.'};
	int digits = is_fixed || nanos % 1000 != 0 ? 9
		: nanos % 1000000 != 0             ? 6
		: nanos != 0                       ? 3
						   : 0;

	if (digits == 0) {
		return true;
	}
	dpi_json_digits(text + 1, 9, nanos);
	return dpi_output_append(output, text, (size_t)digits + 1);
}

bool dpi_json_timestamp(
	dpi_output *output, int64_t seconds, int32_t nanos, bool is_fixed)
{
	dpi_civil t = dpi_civil_from_seconds(seconds);
	uint8_t text[] = "0000-00-00T00:00:00";

	dpi_json_digits(text, 4, (uint64_t)t.year);
	dpi_json_digits(text + 5, 2, (uint64_t)t.month);
	dpi_json_digits(text + 8, 2, (uint64_t)t.day);
	dpi_json_digits(text + 11, 2, (uint64_t)t.hour);
	dpi_json_digits(text + 14, 2, (uint64_t)t.minute);
	dpi_json_digits(text + 17, 2, (uint64_t)t.second);
	return dpi_output_append(output, text, sizeof(text) - 1) &&
		put_fraction(output, (uint32_t)nanos, is_fixed) &&
		dpi_output_byte(output, 'Z');
}

bool dpi_json_duration(dpi_output *output, int64_t seconds, int32_t nanos)
{
	bool is_negative = seconds < 0 || nanos < 0;
	uint64_t whole =
		is_negative ? 0 - (uint64_t)seconds : (uint64_t)seconds;
	uint32_t part = is_negative ? 0 - (uint32_t)nanos : (uint32_t)nanos;

	return (!is_negative || dpi_output_byte(output, '-')) &&
		dpi_json_uint(output, whole) &&
		put_fraction(output, part, false) &&
		dpi_output_byte(output, 's');
}
