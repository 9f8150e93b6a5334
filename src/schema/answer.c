/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/answer.h"

#include "base/text.h"

#define NUMBER_MAX (UINT64_C(1) << 53)

dpi_answer dpi_answer_of(dpi_arena *arena, const void *data, size_t size)
{
	const char *text = size > 0 ? data : "";

	return (dpi_answer){arena, text, text + size, false};
}

static bool fail(dpi_answer *answer)
{
	answer->at = NULL;
	return false;
}

/* The next byte that is no space, not taken; or 0. */
static char peek(dpi_answer *answer)
{
	while (answer->at != NULL && answer->at < answer->end) {
		char c = *answer->at;

		if (c != ' ' && c != '\n' && c != '\r' && c != '\t') {
			return c;
		}
		answer->at++;
	}
	return '\0';
}

static bool take(dpi_answer *answer, char c)
{
	if (peek(answer) != c) {
		return fail(answer);
	}
	answer->at++;
	return true;
}

bool dpi_answer_open(dpi_answer *answer, char bracket)
{
	answer->is_first = true;
	return take(answer, bracket);
}

bool dpi_answer_next(dpi_answer *answer, char bracket)
{
	bool is_first = answer->is_first;

	answer->is_first = false;
	if (peek(answer) == bracket) {
		answer->at++;
		return false;
	}
	return is_first ? answer->at != NULL : take(answer, ',');
}

static bool take_word(dpi_answer *answer, const char *word)
{
	size_t size = strlen(word);

	if ((size_t)(answer->end - answer->at) < size ||
		memcmp(answer->at, word, size) != 0) {
		return fail(answer);
	}
	answer->at += size;
	return true;
}

static int digit_of(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Four digits at p, or -1. */
static int32_t hex4(const char *p, const char *end)
{
	int32_t value = 0;

	if (end - p < 4) {
		return -1;
	}
	for (int i = 0; i < 4; i++) {
		int digit = digit_of(p[i]);

		if (digit < 0) {
			return -1;
		}
		value = value * 16 + digit;
	}
	return value;
}

static char *put_utf8(char *out, uint32_t c)
{
	if (c < 0x80) {
		*out++ = (char)c;
		return out;
	}
	if (c < 0x800) {
		*out++ = (char)(0xc0 | c >> 6);
	} else if (c < 0x10000) {
		*out++ = (char)(0xe0 | c >> 12);
		*out++ = (char)(0x80 | (c >> 6 & 0x3f));
	} else {
		*out++ = (char)(0xf0 | c >> 18);
		*out++ = (char)(0x80 | (c >> 12 & 0x3f));
		*out++ = (char)(0x80 | (c >> 6 & 0x3f));
	}
	*out++ = (char)(0x80 | (c & 0x3f));
	return out;
}

/* What is behind "\u"; two of them may be one character. */
static char *take_unicode(const char **p, const char *end, char *out)
{
	int32_t high = hex4(*p, end);
	int32_t low = -1;

	if (high < 0) {
		return NULL;
	}
	*p += 4;
	if (high < 0xd800 || high > 0xdfff) {
		return put_utf8(out, (uint32_t)high);
	}
	if (high < 0xdc00 && end - *p >= 6 && (*p)[0] == '\\' &&
		(*p)[1] == 'u') {
		low = hex4(*p + 2, end);
	}
	if (low < 0xdc00 || low > 0xdfff) {
		return NULL;
	}
	*p += 6;
	return put_utf8(out,
		0x10000 + (((uint32_t)high & 0x3ff) << 10) +
			((uint32_t)low & 0x3ff));
}

/* What is behind a backslash. Returns NULL if nothing of JSON is. */
static char *take_escape(const char **p, const char *end, char *out)
{
	static const char letters[] = "\"\\/bfnrt";
	static const char meant[] = "\"\\/\b\f\n\r\t";
	const char *found;

	if (*p == end) {
		return NULL;
	}
	if (**p == 'u') {
		++*p;
		return take_unicode(p, end, out);
	}
	found = **p != '\0' ? strchr(letters, **p) : NULL;
	if (found == NULL) {
		return NULL;
	}
	++*p;
	*out++ = meant[found - letters];
	return out;
}

/* No escape is shorter than what it stands for. */
static char *unescape(const char **at, const char *end, char *out)
{
	const char *p = *at;

	while (out != NULL && p < end && *p != '"') {
		if ((unsigned char)*p < 0x20) {
			return NULL;
		}
		if (*p != '\\') {
			*out++ = *p++;
			continue;
		}
		p++;
		out = take_escape(&p, end, out);
	}
	*at = p + 1;
	return p < end ? out : NULL;
}

/* Where the string ends, not counting what escapes mean. */
static size_t measure(const char *p, const char *end)
{
	const char *begin = p;

	while (p < end && *p != '"') {
		p += *p == '\\' ? 2 : 1;
	}
	return (size_t)((p < end ? p : end) - begin);
}

bool dpi_answer_null(dpi_answer *answer)
{
	return peek(answer) == 'n' && take_word(answer, "null");
}

bool dpi_answer_text(dpi_answer *answer, dp_bytes *ret)
{
	const char *p;
	char *text;
	char *end;

	if (dpi_answer_null(answer)) {
		*ret = dpi_bytes(NULL, 0);
		return true;
	}
	if (!take(answer, '"')) {
		return false;
	}
	p = answer->at;
	text = dpi_arena_alloc(answer->arena, measure(p, answer->end) + 1);
	end = text != NULL ? unescape(&p, answer->end, text) : NULL;
	if (end == NULL || !dpi_utf8_valid(text, (size_t)(end - text))) {
		return fail(answer);
	}
	*end = '\0';
	answer->at = p;
	*ret = dpi_bytes(text, (size_t)(end - text));
	return true;
}

bool dpi_answer_name(dpi_answer *answer, dp_bytes *ret)
{
	return peek(answer) == '"' && dpi_answer_text(answer, ret)
		? take(answer, ':')
		: fail(answer);
}

bool dpi_answer_number(dpi_answer *answer, uint64_t *ret)
{
	uint64_t value = 0;
	char c = peek(answer);

	if (c < '0' || c > '9') {
		return fail(answer);
	}
	while (answer->at < answer->end && *answer->at >= '0' &&
		*answer->at <= '9') {
		value = 10 * value + (uint64_t)(*answer->at++ - '0');
		if (value > NUMBER_MAX) {
			return fail(answer);
		}
	}
	*ret = value;
	return true;
}

static bool is_of_number(char c)
{
	return (c >= '0' && c <= '9') ||
		(c != '\0' && strchr("+-.eE", c) != NULL);
}

static bool skip_scalar(dpi_answer *answer)
{
	const char *begin;
	dp_bytes text;

	switch (peek(answer)) {
	case '"':
		return dpi_answer_text(answer, &text);
	case 't':
		return take_word(answer, "true");
	case 'f':
		return take_word(answer, "false");
	case 'n':
		return take_word(answer, "null");
	default:
		break;
	}
	begin = answer->at;
	while (begin != NULL && answer->at < answer->end &&
		is_of_number(*answer->at)) {
		answer->at++;
	}
	return answer->at != begin || fail(answer);
}

bool dpi_answer_skip(dpi_answer *answer)
{
	char open[DPI_ANSWER_DEPTH];
	dp_bytes name;
	int depth = 0;

	do {
		char c = peek(answer);

		if (c == '{' || c == '[') {
			if (depth == DPI_ANSWER_DEPTH ||
				!dpi_answer_open(answer, c)) {
				return fail(answer);
			}
			open[depth++] = c == '{' ? '}' : ']';
		} else if (!skip_scalar(answer)) {
			return false;
		}
		while (depth > 0 && answer->at != NULL &&
			!dpi_answer_next(answer, open[depth - 1])) {
			depth--;
		}
		if (depth > 0 && open[depth - 1] == '}' &&
			!dpi_answer_name(answer, &name)) {
			return false;
		}
	} while (depth > 0 && answer->at != NULL);
	return answer->at != NULL;
}

bool dpi_answer_end(dpi_answer *answer)
{
	(void)peek(answer);
	return answer->at != NULL && answer->at == answer->end;
}
