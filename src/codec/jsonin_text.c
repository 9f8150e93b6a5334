/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/jsonin_reader.h"

#include "base/text.h"

/* Nesting of what is skipped. */
#define SKIP_DEPTH 64

#define ONES UINT64_C(0x0101010101010101)
#define HIGHS UINT64_C(0x8080808080808080)

/* A high bit for each byte that is '"', '\\', a control or no ASCII. */
static uint64_t special_bytes(uint64_t word)
{
	uint64_t quote = word ^ ONES * '"';
	uint64_t slash = word ^ ONES * '\\';

	return (((quote - ONES) & ~quote) | ((slash - ONES) & ~slash) |
		       (word - ONES * 0x20) | word) &
		HIGHS;
}

/* The first byte at or behind p that may be special; it is below end. */
static const uint8_t *plain_end(const uint8_t *p, const uint8_t *end)
{
	while (end - p >= 8) {
		uint64_t found = special_bytes(dpi_load_u64(p));

		if (found != 0) {
			return p + __builtin_ctzll(found) / 8;
		}
		p += 8;
	}
	return p;
}

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Four digits behind "\u", or -1. */
static int32_t hex_unit(const uint8_t *p, const uint8_t *end)
{
	int32_t unit = 0;

	if (end - p < 4) {
		return -1;
	}
	for (int i = 0; i < 4; i++) {
		int digit = hex_digit(p[i]);

		if (digit < 0) {
			return -1;
		}
		unit = unit * 16 + digit;
	}
	return unit;
}

static uint8_t *put_character(uint8_t *to, uint32_t c)
{
	if (c < 0x80) {
		*to++ = (uint8_t)c;
		return to;
	}
	if (c < 0x800) {
		*to++ = (uint8_t)(0xc0 | c >> 6);
	} else {
		if (c < 0x10000) {
			*to++ = (uint8_t)(0xe0 | c >> 12);
		} else {
			*to++ = (uint8_t)(0xf0 | c >> 18);
			*to++ = (uint8_t)(0x80 | (c >> 12 & 0x3f));
		}
		*to++ = (uint8_t)(0x80 | (c >> 6 & 0x3f));
	}
	*to++ = (uint8_t)(0x80 | (c & 0x3f));
	return to;
}

/* What follows "\u" at *p, one or two units; NULL if it is no character. */
static uint8_t *put_units(uint8_t *to, const uint8_t **p, const uint8_t *end)
{
	int32_t unit = hex_unit(*p, end);
	int32_t low;

	if (unit < 0 || (unit >= 0xdc00 && unit < 0xe000)) {
		return NULL;
	}
	*p += 4;
	if (unit < 0xd800 || unit >= 0xe000) {
		return put_character(to, (uint32_t)unit);
	}
	if (end - *p < 6 || (*p)[0] != '\\' || (*p)[1] != 'u') {
		return NULL;
	}
	low = hex_unit(*p + 2, end);
	if (low < 0xdc00 || low >= 0xe000) {
		return NULL;
	}
	*p += 6;
	return put_character(to,
		0x10000 + (uint32_t)(unit - 0xd800) * 0x400 +
			(uint32_t)(low - 0xdc00));
}

/* What the escape c stands for, or 0. */
static uint8_t escaped(uint8_t c)
{
	static const char letters[] = "\"\\/bfnrt";
	static const char meant[] = "\"\\/\b\f\n\r\t";
	const char *found = c != '\0' ? strchr(letters, c) : NULL;

	return found != NULL ? (uint8_t)meant[found - letters] : 0;
}

/* The bytes of [p, end) without escapes; no longer than those. */
static bool unescape(
	dpi_jsonin *r, const uint8_t *p, const uint8_t *end, dp_bytes *ret)
{
	size_t size = (size_t)(end - p);
	uint8_t *to;

	r->text.size = 0;
	if (dpi_buf_reserve(&r->text, size) != DP_OK) {
		return dpi_jsonin_fail(r, DP_ENOMEM, "no memory");
	}
	to = r->text.data;
	while (p < end) {
		if (*p != '\\') {
			*to++ = *p++;
			continue;
		}
		r->p = p++;
		if (*p == 'u') {
			p++;
			to = put_units(to, &p, end);
		} else if ((*to = escaped(*p++)) != 0) {
			to++;
		} else {
			to = NULL;
		}
		if (to == NULL) {
			return dpi_jsonin_fail(
				r, DP_ESCHEMA, "no such escape in a string");
		}
	}
	r->text.size = (size_t)(to - r->text.data);
	*ret = dpi_bytes(r->text.data, r->text.size);
	return true;
}

bool dpi_jsonin_string(dpi_jsonin *r, dp_bytes *ret)
{
	const uint8_t *start;
	const uint8_t *p;
	bool has_escapes = false;
	bool is_ascii = true;

	if (!dpi_jsonin_take(r, '"')) {
		return dpi_jsonin_fail(r, DP_ESCHEMA, "expected a string");
	}
	start = r->p;
	for (p = plain_end(start, r->end);; p = plain_end(p, r->end)) {
		if (p >= r->end) {
			return dpi_jsonin_fail(
				r, DP_ESCHEMA, "a string does not end");
		}
		if (*p == '"') {
			break;
		}
		if (*p < 0x20) {
			r->p = p;
			return dpi_jsonin_fail(r, DP_ESCHEMA,
				"a control character in a string");
		}
		is_ascii &= *p < 0x80;
		has_escapes |= *p == '\\';
		/* A '\\' at the very end is a string that does not end. */
		p += *p == '\\' ? 2 : 1;
	}
	if (!is_ascii && !dpi_utf8_valid(start, (size_t)(p - start))) {
		return dpi_jsonin_fail(r, DP_ESCHEMA, "a string is not UTF-8");
	}
	*ret = dpi_bytes(start, (size_t)(p - start));
	if (has_escapes && !unescape(r, start, p, ret)) {
		return false;
	}
	r->p = p + 1;
	return true;
}

bool dpi_jsonin_number(dpi_jsonin *r, dpi_decimal *ret)
{
	const uint8_t *next;

	(void)dpi_jsonin_peek(r);
	next = dpi_decimal_read(r->p, r->end, ret);
	if (next == NULL) {
		return dpi_jsonin_fail(r, DP_ESCHEMA, "expected a number");
	}
	r->p = next;
	return true;
}

bool dpi_jsonin_word(dpi_jsonin *r, const char *word)
{
	size_t size = strlen(word);

	(void)dpi_jsonin_peek(r);
	if ((size_t)(r->end - r->p) < size || memcmp(r->p, word, size) != 0) {
		return dpi_jsonin_fail(r, DP_ESCHEMA,
			"expected a value: true, false and null are words");
	}
	r->p += size;
	return true;
}

bool dpi_jsonin_more(dpi_jsonin *r, uint8_t close, uint32_t *count)
{
	uint8_t c = dpi_jsonin_peek(r);

	if (c == close) {
		r->p++;
		return false;
	}
	if ((*count)++ == 0) {
		return true;
	}
	if (c != ',') {
		return dpi_jsonin_fail(r, DP_ESCHEMA,
			close == '}' ? "expected ',' or '}'"
				     : "expected ',' or ']'");
	}
	r->p++;
	if (dpi_jsonin_peek(r) == close) {
		return dpi_jsonin_fail(r, DP_ESCHEMA, "nothing follows a ','");
	}
	return true;
}

/* A value that has none inside. */
static bool skip_scalar(dpi_jsonin *r, uint8_t c)
{
	dpi_decimal number;
	dp_bytes text;

	switch (c) {
	case '"':
		return dpi_jsonin_string(r, &text);
	case 't':
		return dpi_jsonin_word(r, "true");
	case 'f':
		return dpi_jsonin_word(r, "false");
	case 'n':
		return dpi_jsonin_word(r, "null");
	default:
		return dpi_jsonin_number(r, &number);
	}
}

static bool skip_name(dpi_jsonin *r)
{
	dp_bytes name;

	return dpi_jsonin_string(r, &name) &&
		(dpi_jsonin_take(r, ':') ||
			dpi_jsonin_fail(r, DP_ESCHEMA, "expected ':'"));
}

bool dpi_jsonin_skip(dpi_jsonin *r)
{
	uint8_t closes[SKIP_DEPTH];
	uint32_t counts[SKIP_DEPTH];
	size_t depth = 0;

	do {
		uint8_t c = dpi_jsonin_peek(r);

		if (c != '{' && c != '[') {
			if (!skip_scalar(r, c)) {
				return false;
			}
		} else if (depth == SKIP_DEPTH) {
			return dpi_jsonin_fail(r, DP_ETOOBIG,
				"values are nested deeper than 64");
		} else {
			r->p++;
			closes[depth] = c == '{' ? '}' : ']';
			counts[depth++] = 0;
		}
		while (depth > 0 &&
			!dpi_jsonin_more(
				r, closes[depth - 1], &counts[depth - 1])) {
			if (r->failed != DP_OK) {
				return false;
			}
			depth--;
		}
		if (depth > 0 && closes[depth - 1] == '}' && !skip_name(r)) {
			return false;
		}
	} while (depth > 0);
	return true;
}
