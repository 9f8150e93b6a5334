/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/jsonin_reader.h"

/* Members of Any and of Timestamp, Duration, by number. */
enum { TYPE_URL = 1, ANY_VALUE = 2, SECONDS = 1, NANOS = 2 };

/* Fields of Value, by number. */
enum { V_NULL = 1, V_NUMBER, V_TEXT, V_BOOL, V_STRUCT, V_LIST };

static bool read_any_value(dpi_jsonin *r, const dpi_jsonin_node *node)
{
	dpi_jsonin_frame *frame = &r->frames[r->depth - 1];
	uint8_t c = dpi_jsonin_peek(r);
	unsigned kind = c == '{'       ? V_STRUCT
		: c == '['             ? V_LIST
		: c == '"'             ? V_TEXT
		: c == 'n'             ? V_NULL
		: c == 't' || c == 'f' ? V_BOOL
				       : V_NUMBER;

	frame->field = node->numbered[kind];
	if (kind == V_NULL) {
		return dpi_jsonin_word(r, "null") &&
			dpi_jsonin_put_bits(r, frame->field, 0);
	}
	return dpi_jsonin_value(r, frame->field);
}

/* count digits, or -1. */
static int digits(const uint8_t *p, size_t count)
{
	int value = 0;

	for (size_t i = 0; i < count; i++) {
		if (p[i] < '0' || p[i] > '9') {
			return -1;
		}
		value = value * 10 + (p[i] - '0');
	}
	return value;
}

/* ".5" and the like, up to nine digits; p stays where there is no point. */
static const uint8_t *fraction(
	const uint8_t *p, const uint8_t *end, int32_t *ret_nanos)
{
	int32_t scale = 100000000;
	int32_t nanos = 0;

	*ret_nanos = 0;
	if (p == end || *p != '.') {
		return p;
	}
	p++;
	if (p == end || *p < '0' || *p > '9') {
		return NULL;
	}
	for (; p < end && *p >= '0' && *p <= '9'; p++) {
		if (scale == 0) {
			return NULL;
		}
		nanos += (*p - '0') * scale;
		scale /= 10;
	}
	*ret_nanos = nanos;
	return p;
}

/* Days from 1970 to a day of the Gregorian calendar, years 0 to 9999. */
static int64_t days_of(int year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t of_era = y - era * 400;
	int64_t of_year =
		(153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 +
		of_year - 719468;
}

static int days_in(int year, int month)
{
	static const int days[] = {
		31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return month == 2 && is_leap ? 29 : days[month - 1];
}

/* "2024-02-29T12:00:00", of 19 bytes. */
static bool civil_seconds(const uint8_t *p, int64_t *ret)
{
	int year = digits(p, 4);
	int month = digits(p + 5, 2);
	int day = digits(p + 8, 2);
	int hour = digits(p + 11, 2);
	int minute = digits(p + 14, 2);
	int second = digits(p + 17, 2);

	if (p[4] != '-' || p[7] != '-' || p[10] != 'T' || p[13] != ':' ||
		p[16] != ':' || year < 1 || month < 1 || month > 12 ||
		day < 1 || day > days_in(year, month) || hour < 0 ||
		hour > 23 || minute < 0 || minute > 59 || second < 0 ||
		second > 59) {
		return false;
	}
	*ret = days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 +
		second;
	return true;
}

/* "Z", "+01:00": seconds before UTC. */
static bool zone_seconds(const uint8_t *p, const uint8_t *end, int64_t *ret)
{
	int hours, minutes;

	*ret = 0;
	if (end - p == 1 && *p == 'Z') {
		return true;
	}
	if (end - p != 6 || (p[0] != '+' && p[0] != '-') || p[3] != ':') {
		return false;
	}
	hours = digits(p + 1, 2);
	minutes = digits(p + 4, 2);
	*ret = (p[0] == '+' ? 1 : -1) * (hours * 3600 + minutes * 60);
	return hours >= 0 && hours <= 23 && minutes >= 0 && minutes <= 59;
}

static bool put_time(dpi_jsonin *r, const dpi_jsonin_node *node,
	int64_t seconds, int32_t nanos)
{
	return dpi_jsonin_put_bits(
		       r, node->numbered[SECONDS], (uint64_t)seconds) &&
		dpi_jsonin_put_bits(
			r, node->numbered[NANOS], (uint64_t)(int64_t)nanos);
}

static bool read_timestamp(dpi_jsonin *r, const dpi_jsonin_node *node)
{
	const uint8_t *p;
	const uint8_t *end;
	int64_t seconds, zone;
	int32_t nanos;
	dp_bytes text;

	if (!dpi_jsonin_string(r, &text)) {
		return false;
	}
	p = text.data;
	end = text.size > 0 ? p + text.size : p;
	if (text.size < 20 || !civil_seconds(p, &seconds) ||
		(p = fraction(p + 19, end, &nanos)) == NULL ||
		!zone_seconds(p, end, &zone)) {
		return dpi_jsonin_fail(r, DP_ESCHEMA,
			"expected a time like 2024-02-29T12:00:00.5Z");
	}
	seconds -= zone;
	if (seconds < INT64_C(-62135596800) ||
		seconds > INT64_C(253402300799)) {
		return dpi_jsonin_fail(r, DP_ESCHEMA,
			"a time is of the years 1 to 9999, in UTC");
	}
	return put_time(r, node, seconds, nanos);
}

static bool read_duration(dpi_jsonin *r, const dpi_jsonin_node *node)
{
	const uint8_t *p;
	const uint8_t *end;
	const uint8_t *start;
	int64_t seconds = 0;
	int32_t nanos;
	int sign;
	dp_bytes text;

	if (!dpi_jsonin_string(r, &text)) {
		return false;
	}
	p = text.data;
	end = text.size > 0 ? p + text.size : p;
	sign = text.size > 0 && *p == '-' ? -1 : 1;
	p += sign < 0;
	for (start = p; p < end && *p >= '0' && *p <= '9'; p++) {
		seconds = seconds < INT64_C(1000000000000)
			? seconds * 10 + (*p - '0')
			: seconds;
	}
	if (p == start || (p = fraction(p, end, &nanos)) == NULL ||
		end - p != 1 || *p != 's') {
		return dpi_jsonin_fail(
			r, DP_ESCHEMA, "expected a duration like -1.5s");
	}
	if (seconds > INT64_C(315576000000)) {
		return dpi_jsonin_fail(
			r, DP_ESCHEMA, "a duration is at most 315576000000 s");
	}
	return put_time(r, node, sign * seconds, sign * nanos);
}

/* One path from lower camel case: "fooBar.b" becomes "foo_bar.b". */
static bool put_path(dpi_jsonin *r, const dpi_jsonin_field *field,
	const uint8_t *p, size_t size)
{
	size_t at;

	if (!dpi_jsonin_open(r, field, &at)) {
		return false;
	}
	for (size_t i = 0; i < size; i++) {
		bool is_upper = p[i] >= 'A' && p[i] <= 'Z';

		if (p[i] == '_') {
			return dpi_jsonin_fail(r, DP_ESCHEMA,
				"a path of a FieldMask has no '_' in JSON");
		}
		if (!dpi_output_need(&r->out, 2)) {
			return dpi_jsonin_no_room(r);
		}
		if (is_upper) {
			*r->out.p++ = '_';
		}
		*r->out.p++ = is_upper ? (uint8_t)(p[i] | 0x20) : p[i];
	}
	return dpi_jsonin_close(r, at);
}

static bool read_field_mask(dpi_jsonin *r, const dpi_jsonin_node *node)
{
	const uint8_t *p;
	size_t start = 0;
	dp_bytes text;

	if (!dpi_jsonin_string(r, &text)) {
		return false;
	}
	p = text.data;
	for (size_t i = 0; text.size > 0 && i <= text.size; i++) {
		if (i < text.size && p[i] != ',') {
			continue;
		}
		if (!put_path(r, node->numbered[1], p + start, i - start)) {
			return false;
		}
		start = i + 1;
	}
	return true;
}

/* A wrapper stands for its value; zero is left to the wrapper being there. */
static bool read_wrapper(dpi_jsonin *r, const dpi_jsonin_node *node)
{
	r->frames[r->depth - 1].field = node->numbered[1];
	return dpi_jsonin_value(r, node->numbered[1]);
}

/*
 * Looks ahead for "@type" among the members behind the '{' and writes it; the
 * reader stays where it is. Without members, *ret is NULL.
 */
static bool find_type(dpi_jsonin *r, const dpi_jsonin_field *field,
	const dpi_jsonin_node **ret)
{
	const uint8_t *start = r->p;
	const dpi_jsonin_node *found = NULL;
	uint32_t count = 0;

	while (dpi_jsonin_more(r, '}', &count)) {
		const uint8_t *slash;
		bool is_type;
		uint32_t i = UINT32_MAX;
		dp_bytes text;

		if (!dpi_jsonin_string(r, &text)) {
			return false;
		}
		is_type = dpi_bytes_equal(text, dpi_bytes("@type", 5));
		if (!dpi_jsonin_take(r, ':')) {
			return dpi_jsonin_fail(r, DP_ESCHEMA, "expected ':'");
		}
		if (!is_type) {
			if (!dpi_jsonin_skip(r)) {
				return false;
			}
			continue;
		}
		if (!dpi_jsonin_string(r, &text)) {
			return false;
		}
		slash = text.size > 0 ? memrchr(text.data, '/', text.size)
				      : NULL;
		if (slash != NULL) {
			size_t size = (size_t)((const uint8_t *)text.data +
				text.size - slash - 1);

			i = dpi_jsonin_find(
				&r->tables.by_name, dpi_bytes(slash + 1, size));
		}
		if (found != NULL || i == UINT32_MAX) {
			return dpi_jsonin_fail_name(r,
				found != NULL
					? "\"@type\" is there twice:"
					: "the schema has no type of the name",
				text);
		}
		found = &r->tables.nodes[i];
		if (!dpi_jsonin_put_bytes(r, field, text)) {
			return false;
		}
	}
	if (r->failed == DP_OK && count > 0 && found == NULL) {
		return dpi_jsonin_fail(
			r, DP_ESCHEMA, "an Any has no \"@type\"");
	}
	if (found != NULL) {
		r->p = start;
	}
	*ret = found;
	return r->failed == DP_OK;
}

/* "value" beside "@type", of a type with a form of its own. */
static bool read_special(dpi_jsonin *r, const dpi_jsonin_node *node)
{
	bool has_value = false;
	uint32_t count = 0;

	while (dpi_jsonin_more(r, '}', &count)) {
		bool is_type, is_value;
		dp_bytes name;

		if (!dpi_jsonin_string(r, &name)) {
			return false;
		}
		is_type = dpi_bytes_equal(name, dpi_bytes("@type", 5));
		is_value = dpi_bytes_equal(name, dpi_bytes("value", 5));
		if (!is_type && !r->ignores_unknown &&
			(!is_value || has_value)) {
			return dpi_jsonin_fail_name(r,
				is_value ? "it is there twice:"
					 : "the message has no field",
				name);
		}
		/* Its ':' was seen when "@type" was looked for. */
		(void)dpi_jsonin_take(r, ':');
		if (is_value && !has_value ? !dpi_jsonin_message(r, node)
					   : !dpi_jsonin_skip(r)) {
			return false;
		}
		has_value |= is_value;
	}
	return r->failed == DP_OK &&
		(has_value ||
			dpi_jsonin_fail(r, DP_ESCHEMA,
				"an Any of that type has a \"value\""));
}

static bool read_plain(dpi_jsonin *r, const dpi_jsonin_node *node)
{
	if (dpi_jsonin_enter(r, node) == NULL || !dpi_jsonin_members(r, true)) {
		return false;
	}
	r->depth--;
	return true;
}

static bool read_any(dpi_jsonin *r, const dpi_jsonin_node *node)
{
	dpi_jsonin_frame *frame = &r->frames[r->depth - 1];
	const dpi_jsonin_node *inner = NULL;
	size_t before, at;

	if (!dpi_jsonin_take(r, '{')) {
		return dpi_jsonin_fail(r, DP_ESCHEMA, "expected an object");
	}
	if (!find_type(r, node->numbered[TYPE_URL], &inner)) {
		return false;
	}
	if (inner == NULL) {
		return true;
	}
	frame->field = node->numbered[ANY_VALUE];
	before = dpi_jsonin_at(r);
	if (!dpi_jsonin_open(r, frame->field, &at) ||
		!(inner->shape != DPI_WKT_NONE ? read_special(r, inner)
					       : read_plain(r, inner))) {
		return false;
	}
	if (dpi_jsonin_at(r) == at + 1) {
		dpi_jsonin_back(r, before);
		return true;
	}
	return dpi_jsonin_close(r, at);
}

bool dpi_jsonin_well_known(dpi_jsonin *r, const dpi_jsonin_node *node)
{
	r->frames[r->depth - 1].field = NULL;
	switch (node->shape) {
	case DPI_WKT_ANY:
		return read_any(r, node);
	case DPI_WKT_TIMESTAMP:
		return read_timestamp(r, node);
	case DPI_WKT_DURATION:
		return read_duration(r, node);
	case DPI_WKT_FIELD_MASK:
		return read_field_mask(r, node);
	case DPI_WKT_WRAPPER:
		return read_wrapper(r, node);
	case DPI_WKT_VALUE:
		return read_any_value(r, node);
	case DPI_WKT_STRUCT:
		r->frames[r->depth - 1].field = node->numbered[1];
		return dpi_jsonin_map(r, node->numbered[1]);
	default:
		r->frames[r->depth - 1].field = node->numbered[1];
		return dpi_jsonin_array(r, node->numbered[1]);
	}
}
