/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include <string.h>

#include "base/bytes.h"

#define PART_MAX 255
#define FINGERPRINT_SIZE 32

static bool is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		(c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

bool dpi_name_valid(const char *text, size_t max)
{
	size_t n = 0;

	while (n <= max && is_name_char(text[n])) {
		n++;
	}
	return n > 0 && n <= max && text[n] == '\0' && strcmp(text, ".") != 0 &&
		strcmp(text, "..") != 0;
}

/*
 * Only the last '*' is ever tried again: an earlier one that took fewer bytes
 * could not help. So it costs at most |pattern| x |text|.
 */
bool dpi_pattern_match(const char *pattern, dp_bytes text)
{
	const char *t = text.data;
	const char *star = NULL; /* behind the last '*' */
	size_t at = 0;
	size_t retry = 0; /* where the text behind that '*' begins */

	while (at < text.size) {
		if (*pattern == '*') {
			star = ++pattern;
			retry = at;
		} else if (*pattern != '\0' && *pattern == t[at]) {
			pattern++;
			at++;
		} else if (star != NULL) {
			pattern = star;
			at = ++retry;
		} else {
			return false;
		}
	}
	while (*pattern == '*') {
		pattern++;
	}
	return *pattern == '\0';
}

/* Writes one byte of a name, plain or as %XX; returns the bytes written. */
static size_t escape(char *to, char c, bool is_first)
{
	static const char digits[] = "0123456789ABCDEF";

	if (is_name_char(c) && !(is_first && c == '.')) {
		*to = c;
		return 1;
	}
	to[0] = '%';
	to[1] = digits[(uint8_t)c >> 4];
	to[2] = digits[(uint8_t)c & 15];
	return 3;
}

static size_t cut_with_fingerprint(char *buf, size_t keep, dp_bytes name)
{
	memcpy(buf + keep, "%~", 2);
	dpi_fingerprint(buf + keep + 2, name.data, name.size);
	return keep + 2 + FINGERPRINT_SIZE;
}

size_t dpi_path_part(char *buf, dp_bytes name)
{
	const char *from = name.data;
	size_t n = 0;
	size_t keep = 0; /* most whole characters that leave room to cut */
	char escaped[3];

	if (name.size == 0) {
		memcpy(buf, "%", 2);
		return 1;
	}
	for (size_t i = 0; i < name.size; i++) {
		size_t m = escape(escaped, from[i], i == 0);

		if (n + m > PART_MAX) {
			return cut_with_fingerprint(buf, keep, name);
		}
		memcpy(buf + n, escaped, m);
		n += m;
		if (n + 2 + FINGERPRINT_SIZE <= PART_MAX) {
			keep = n;
		}
	}
	buf[n] = '\0';
	return n;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Reads one byte of a name at text[at]; returns the bytes read, or 0. */
static size_t unescape(char *ret, const char *text, size_t left)
{
	int high, low;

	if (*text != '%') {
		*ret = *text;
		return 1;
	}
	if (left < 3) {
		return 0;
	}
	high = hex_value(text[1]);
	low = hex_value(text[2]);
	if (high < 0 || low < 0) {
		return 0;
	}
	*ret = (char)(high << 4 | low);
	return 3;
}

/* There is one form for each name: the one that we would write. */
static bool is_our_work(dp_bytes name, dp_bytes text)
{
	char again[PART_MAX + 1];
	size_t size = dpi_path_part(again, name);

	return dpi_bytes_equal(dpi_bytes(again, size), text);
}

bool dpi_path_part_decode(
	char *buf, size_t buf_size, size_t *ret_size, dp_bytes text)
{
	const char *from = text.data;
	char name[PART_MAX];
	size_t n = 0;
	size_t at = 0;

	if (text.size > PART_MAX) {
		return false;
	}
	if (text.size == 1 && *from == '%') {
		at = 1;
	}
	while (at < text.size) {
		size_t m = unescape(name + n, from + at, text.size - at);

		if (m == 0) {
			return false;
		}
		n++;
		at += m;
	}
	if (n > buf_size || !is_our_work(dpi_bytes(name, n), text)) {
		return false;
	}
	memcpy(buf, name, n);
	*ret_size = n;
	return true;
}

/* Six bits of a letter, or -1. */
static int sextet(uint8_t letter)
{
	if (letter >= 'A' && letter <= 'Z') {
		return letter - 'A';
	}
	if (letter >= 'a' && letter <= 'z') {
		return letter - 'a' + 26;
	}
	if (letter >= '0' && letter <= '9') {
		return letter - '0' + 52;
	}
	return letter == '+' || letter == '-'    ? 62
		: letter == '/' || letter == '_' ? 63
						 : -1;
}

bool dpi_base64_decode(uint8_t *buf, size_t *ret_size, dp_bytes text)
{
	const uint8_t *p = text.data;
	size_t size = text.size;
	uint8_t *to = buf;
	uint32_t bits = 0;
	unsigned count = 0;

	for (unsigned i = 0;
		i < 2 && size % 4 == i * 3 && size > 0 && p[size - 1] == '=';
		i++) {
		size--;
	}
	for (size_t i = 0; i < size; i++) {
		int six = sextet(p[i]);

		if (six < 0) {
			return false;
		}
		bits = bits << 6 | (uint32_t)six;
		count += 6;
		if (count >= 8) {
			count -= 8;
			*to++ = (uint8_t)(bits >> count);
		}
	}
	*ret_size = (size_t)(to - buf);
	return size % 4 != 1;
}
