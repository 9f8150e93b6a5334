/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/text.h"

#define HIGH_BITS UINT64_C(0x8080808080808080)

/* How many of the next bytes are ASCII for sure: 0, 8, or 16. */
static size_t ascii_run(const uint8_t *p, const uint8_t *end)
{
	uint64_t words[2] = {0, 0};

	if (end - p >= (ptrdiff_t)sizeof(words)) {
		memcpy(words, p, sizeof(words));
		if (((words[0] | words[1]) & HIGH_BITS) == 0) {
			return sizeof(words);
		}
	} else if (end - p >= (ptrdiff_t)sizeof(words[0])) {
		memcpy(words, p, sizeof(words[0]));
		if ((words[0] & HIGH_BITS) == 0) {
			return sizeof(words[0]);
		}
	}
	return 0;
}

/* What most texts are: words up to the last, which may overlap the others. */
static bool is_ascii(const uint8_t *p, size_t size)
{
	uint64_t bits = 0;
	uint64_t word;

	if (size < sizeof(word)) {
		for (size_t i = 0; i < size; i++) {
			bits |= p[i];
		}
		return (bits & 0x80) == 0;
	}
	for (size_t i = 0; i + sizeof(word) < size; i += sizeof(word)) {
		memcpy(&word, p + i, sizeof(word));
		bits |= word;
		if ((bits & HIGH_BITS) != 0) {
			return false;
		}
	}
	memcpy(&word, p + size - sizeof(word), sizeof(word));
	return ((bits | word) & HIGH_BITS) == 0;
}

static bool is_tail(uint8_t byte)
{
	return (byte & 0xc0) == 0x80;
}

/* Bytes of the well-formed character at p (RFC 3629, 4), or 0. */
static size_t character_size(const uint8_t *p, const uint8_t *end)
{
	size_t left = (size_t)(end - p);
	uint8_t lead = p[0];

	if (lead < 0x80) {
		return 1;
	}
	if (lead < 0xc2 || left < 2 || !is_tail(p[1])) {
		return 0;
	}
	if (lead < 0xe0) {
		return 2;
	}
	if (left < 3 || !is_tail(p[2])) {
		return 0;
	}
	if (lead < 0xf0) {
		/* No overlong form, no surrogate. */
		return (lead == 0xe0 && p[1] < 0xa0) ||
				(lead == 0xed && p[1] >= 0xa0)
			? 0
			: 3;
	}
	if (left < 4 || !is_tail(p[3]) || lead > 0xf4) {
		return 0;
	}
	return (lead == 0xf0 && p[1] < 0x90) || (lead == 0xf4 && p[1] >= 0x90)
		? 0
		: 4;
}

bool dpi_utf8_valid(const void *data, size_t size)
{
	const uint8_t *p = data;
	const uint8_t *end = size > 0 ? p + size : p;

	if (is_ascii(p, size)) {
		return true;
	}
	while (p < end) {
		size_t n = ascii_run(p, end);

		if (n == 0) {
			n = character_size(p, end);
		}
		if (n == 0) {
			return false;
		}
		p += n;
	}
	return true;
}

static bool is_control(uint8_t byte)
{
	return byte < 0x20 || byte == 0x7f;
}

void dpi_text_clean(char *text)
{
	uint8_t *p = (uint8_t *)text;
	uint8_t *end = p + strlen(text);

	while (p < end) {
		size_t n = character_size(p, end);

		if (n == 0 || is_control(*p)) {
			*p = '?';
			n = 1;
		}
		p += n;
	}
}
