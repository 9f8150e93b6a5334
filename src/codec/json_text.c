/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/json_text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"

/* Integers up to here are exact in a double, and are written as such. */
#define EXACT_MAX 1e15

#define NUMBER_SIZE 40

static bool is_plain(uint8_t c)
{
	return c >= 0x20 && c != '"' && c != '\\';
}

static bool put_escaped(dpi_output *output, uint8_t c)
{
	static const char digits[] = "0123456789abcdef";
	static const char names[] = "btnvfr";
	uint8_t text[6] = {'\\', c};

	if (c == '"' || c == '\\') {
		return dpi_output_append(output, text, 2);
	}
	if (c >= '\b' && c <= '\r' && c != '\v') {
		text[1] = (uint8_t)names[c - '\b'];
		return dpi_output_append(output, text, 2);
	}
	text[1] = 'u';
	text[2] = '0';
	text[3] = '0';
	text[4] = (uint8_t)digits[c >> 4];
	text[5] = (uint8_t)digits[c & 15];
	return dpi_output_append(output, text, 6);
}

bool dpi_json_string(dpi_output *output, dp_bytes text)
{
	const uint8_t *p = text.data;
	size_t start = 0;

	if (!dpi_output_byte(output, '"')) {
		return false;
	}
	for (size_t i = 0; i < text.size; i++) {
		if (is_plain(p[i])) {
			continue;
		}
		if (!dpi_output_append(output, p + start, i - start) ||
			!put_escaped(output, p[i])) {
			return false;
		}
		start = i + 1;
	}
	return (start == text.size ||
		       dpi_output_append(
			       output, p + start, text.size - start)) &&
		dpi_output_byte(output, '"');
}

/* printf() writes the point of the locale, which may be several bytes. */
static bool put_number(dpi_output *output, const char *text)
{
	bool in_point = false;

	for (; *text != '\0'; text++) {
		bool is_digit = (*text >= '0' && *text <= '9') ||
			strchr("+-e", *text) != NULL;

		if ((is_digit || !in_point) &&
			!dpi_output_byte(output,
				is_digit ? (uint8_t)*text : (uint8_t)'.')) {
			return false;
		}
		in_point = !is_digit;
	}
	return true;
}

/* Returns whether value needs no search for its shortest form. */
static bool put_simple(dpi_output *output, double value, bool *ret_done)
{
	*ret_done = true;
	if (isnan(value)) {
		return dpi_output_text(output, "\"NaN\"");
	}
	if (isinf(value)) {
		return dpi_output_text(
			output, value < 0 ? "\"-Infinity\"" : "\"Infinity\"");
	}
	if (value == 0 && signbit(value)) {
		return dpi_output_text(output, "-0.0");
	}
	if (fabs(value) < EXACT_MAX && value == trunc(value)) {
		return dpi_json_int(output, (int64_t)value);
	}
	*ret_done = false;
	return true;
}

bool dpi_json_double(dpi_output *output, double value)
{
	char text[NUMBER_SIZE];
	bool is_done;

	if (!put_simple(output, value, &is_done) || is_done) {
		return is_done;
	}
	for (int precision = 15; precision <= 17; precision++) {
		(void)snprintf(text, sizeof(text), "%.*g", precision, value);
		if (memcmp(&(double){strtod(text, NULL)}, &value,
			    sizeof(value)) == 0) {
			break;
		}
	}
	return put_number(output, text);
}

bool dpi_json_float(dpi_output *output, float value)
{
	char text[NUMBER_SIZE];
	bool is_done;

	if (!put_simple(output, (double)value, &is_done) || is_done) {
		return is_done;
	}
	for (int precision = 6; precision <= 9; precision++) {
		(void)snprintf(
			text, sizeof(text), "%.*g", precision, (double)value);
		if (memcmp(&(float){strtof(text, NULL)}, &value,
			    sizeof(value)) == 0) {
			break;
		}
	}
	return put_number(output, text);
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

bool dpi_json_uint(dpi_output *output, uint64_t value)
{
	char text[20];
	size_t at = sizeof(text);

	do {
		text[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value != 0);
	return dpi_output_append(output, text + at, sizeof(text) - at);
}

bool dpi_json_int(dpi_output *output, int64_t value)
{
	if (value >= 0) {
		return dpi_json_uint(output, (uint64_t)value);
	}
	return dpi_output_byte(output, '-') &&
		dpi_json_uint(output, 0 - (uint64_t)value);
}

/* ".5" as ".500": by threes, as far as it needs. */
static bool put_fraction(dpi_output *output, uint32_t nanos, bool is_fixed)
{
	char text[12];
	int digits = is_fixed || nanos % 1000 != 0 ? 9
		: nanos % 1000000 != 0             ? 6
		: nanos != 0                       ? 3
						   : 0;

	if (digits == 0) {
		return true;
	}
	(void)snprintf(text, sizeof(text), ".%09u", nanos % 1000000000u);
	return dpi_output_append(output, text, (size_t)digits + 1);
}

bool dpi_json_timestamp(
	dpi_output *output, int64_t seconds, int32_t nanos, bool is_fixed)
{
	dpi_civil t = dpi_civil_from_seconds(seconds);
	char text[80];
	int n = snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d",
		(int)t.year, t.month, t.day, t.hour, t.minute, t.second);

	return dpi_output_append(output, text, (size_t)n) &&
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
