/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/json_text.h"

#include "base/text.h"

/* A byte that stands for itself: ASCII, and harmless in HTML, too. */
static bool is_plain(uint8_t c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\' && c != '<' &&
		c != '>';
}

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/*
 * Whether any of eight bytes is not plain. A borrow may reach from one byte
 * into the next, but only from one that is not plain, either.
 */
static inline bool has_special(uint64_t eight)
{
	uint64_t hits = eight | (eight + EACH(1)) | (eight - EACH(0x20)) |
		((eight ^ EACH('"')) - EACH(1)) |
		((eight ^ EACH('\\')) - EACH(1)) |
		(((eight | EACH(2)) ^ EACH('>')) - EACH(1));

	return (hits & EACH(0x80)) != 0;
}

/* Copies plain bytes; returns how many, all or up to eight before another. */
static inline size_t copy_plain(uint8_t *out, const uint8_t *in, size_t size)
{
	uint64_t eight;
	size_t i = 0;

	if (size < 8) {
		for (; i < size && is_plain(in[i]); i++) {
			out[i] = in[i];
		}
		return i;
	}
	for (; i + 8 < size; i += 8) {
		memcpy(&eight, in + i, 8);
		if (has_special(eight)) {
			return i;
		}
		memcpy(out + i, &eight, 8);
	}
	memcpy(&eight, in + size - 8, 8);
	if (has_special(eight)) {
		return i;
	}
	memcpy(out + size - 8, &eight, 8);
	return size;
}

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

/* What is behind the first character that may not be plain. */
static bool put_text(dpi_output *output, const uint8_t *p, size_t size)
{
	size_t start = 0;
	size_t next;

	for (size_t i = 0; i < size; i = next) {
		uint32_t c;

		next = i + 1;
		if (is_plain(p[i])) {
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
		done = copy_plain(output->p, text.data, text.size);
		output->p += done;
	}
	return (done == text.size ||
		       put_text(output, (const uint8_t *)text.data + done,
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
