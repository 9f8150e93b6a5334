/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"
#include "codec/jsonin_reader.h"

#define NOT_WHOLE "expected a whole number"
#define BEYOND "the number is out of range"

/* A string that is a number, all of it. */
static bool number_in(dpi_jsonin *r, dp_bytes text, dpi_decimal *ret)
{
	const uint8_t *p = text.data;
	const uint8_t *end = text.size > 0 ? p + text.size : p;

	return (text.size > 0 && dpi_decimal_read(p, end, ret) == end) ||
		dpi_jsonin_fail(r, DP_ESCHEMA, "the string is no number");
}

/* The bits that an integer is on the wire. */
static bool whole_bits(dpi_jsonin *r, dpi_field_type type,
	const dpi_decimal *number, uint64_t *ret)
{
	int64_t least = 0;
	uint64_t most = UINT64_MAX;
	uint64_t bits = 0;

	switch (type) {
	case DPI_TYPE_UINT32:
	case DPI_TYPE_FIXED32:
		most = UINT32_MAX;
		break;
	case DPI_TYPE_UINT64:
	case DPI_TYPE_FIXED64:
		break;
	case DPI_TYPE_INT64:
	case DPI_TYPE_SFIXED64:
	case DPI_TYPE_SINT64:
		least = INT64_MIN;
		most = INT64_MAX;
		break;
	default:
		least = INT32_MIN;
		most = INT32_MAX;
	}
	switch (dpi_decimal_whole(number, least, most, &bits)) {
	case DPI_DECIMAL_FITS:
		break;
	case DPI_DECIMAL_BROKEN:
		return dpi_jsonin_fail(r, DP_ESCHEMA, NOT_WHOLE);
	default:
		return dpi_jsonin_fail(r, DP_ESCHEMA, BEYOND);
	}
	if (type == DPI_TYPE_SINT32 || type == DPI_TYPE_SINT64) {
		bits = bits << 1 ^ (uint64_t)((int64_t)bits >> 63);
	}
	*ret = bits;
	return true;
}

static bool read_whole(dpi_jsonin *r, const dpi_jsonin_field *field)
{
	dpi_decimal number;
	dp_bytes text;
	uint64_t bits;
	bool is_read = dpi_jsonin_peek(r) == '"'
		? dpi_jsonin_string(r, &text) && number_in(r, text, &number)
		: dpi_jsonin_number(r, &number);

	return is_read && whole_bits(r, field->type, &number, &bits) &&
		dpi_jsonin_put_bits(r, field, bits);
}

static bool put_double(
	dpi_jsonin *r, const dpi_jsonin_field *field, double value)
{
	float narrow = (float)value;
	uint32_t bits_32;
	uint64_t bits;

	if (field->type == DPI_TYPE_FLOAT) {
		memcpy(&bits_32, &narrow, sizeof(bits_32));
		return dpi_jsonin_put_bits(r, field, bits_32);
	}
	memcpy(&bits, &value, sizeof(bits));
	return dpi_jsonin_put_bits(r, field, bits);
}

static bool put_real(
	dpi_jsonin *r, const dpi_jsonin_field *field, const dpi_decimal *number)
{
	double value;
	float narrow;

	if (field->type == DPI_TYPE_FLOAT) {
		if (!dpi_decimal_float(number, &narrow)) {
			return dpi_jsonin_fail(r, DP_ESCHEMA, BEYOND);
		}
		return put_double(r, field, (double)narrow);
	}
	return dpi_decimal_double(number, &value)
		? put_double(r, field, value)
		: dpi_jsonin_fail(r, DP_ESCHEMA, BEYOND);
}

static bool read_real(dpi_jsonin *r, const dpi_jsonin_field *field)
{
	static const struct {
		const char *name;
		double value;
	} named[] = {{"NaN", __builtin_nan("")}, {"Infinity", __builtin_inf()},
		{"-Infinity", -__builtin_inf()}};
	dpi_decimal number;
	dp_bytes text;

	if (dpi_jsonin_peek(r) != '"') {
		return dpi_jsonin_number(r, &number) &&
			put_real(r, field, &number);
	}
	if (!dpi_jsonin_string(r, &text)) {
		return false;
	}
	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
		if (dpi_bytes_equal(text, dpi_bytes_text(named[i].name))) {
			return put_double(r, field, named[i].value);
		}
	}
	return number_in(r, text, &number) && put_real(r, field, &number);
}

static bool read_bool(dpi_jsonin *r, const dpi_jsonin_field *field)
{
	uint8_t c = dpi_jsonin_peek(r);

	if (c != 't' && c != 'f') {
		return dpi_jsonin_fail(r, DP_ESCHEMA, "expected true or false");
	}
	return dpi_jsonin_word(r, c == 't' ? "true" : "false") &&
		dpi_jsonin_put_bits(r, field, c == 't');
}

static bool read_text(dpi_jsonin *r, const dpi_jsonin_field *field)
{
	dp_bytes text;

	return dpi_jsonin_string(r, &text) &&
		dpi_jsonin_put_bytes(r, field, text);
}

/* In place, where the text lies in a buffer; else into that. */
static bool decode(dpi_jsonin *r, dp_bytes text, dp_bytes *ret)
{
	size_t size = 0;

	if (text.data != r->text.data || text.size == 0) {
		r->text.size = 0;
		if (dpi_buf_reserve(&r->text, text.size + 1) != DP_OK) {
			return dpi_jsonin_fail(r, DP_ENOMEM, "no memory");
		}
	}
	if (!dpi_base64_decode(r->text.data, &size, text)) {
		return dpi_jsonin_fail(
			r, DP_ESCHEMA, "the string is not Base64");
	}
	*ret = dpi_bytes(r->text.data, size);
	return true;
}

static bool read_bytes(dpi_jsonin *r, const dpi_jsonin_field *field)
{
	dp_bytes text, bytes;

	return dpi_jsonin_string(r, &text) && decode(r, text, &bytes) &&
		dpi_jsonin_put_bytes(r, field, bytes);
}

/* Forgotten, if what is not known is. */
static bool drop_enum(dpi_jsonin *r, const char *fault, dp_bytes name)
{
	r->was_dropped = r->ignores_unknown;
	return r->ignores_unknown || dpi_jsonin_fail_name(r, fault, name);
}

static bool read_enum(dpi_jsonin *r, const dpi_jsonin_field *field)
{
	const dpi_enum_type *type = field->enumeration->type;
	uint8_t c = dpi_jsonin_peek(r);
	dpi_decimal number;
	dp_bytes name;
	uint64_t bits = 0;
	uint32_t i;

	if (c == 'n' && field->takes_null) {
		return dpi_jsonin_word(r, "null") &&
			dpi_jsonin_put_bits(r, field, 0);
	}
	if (c == '"') {
		if (!dpi_jsonin_string(r, &name)) {
			return false;
		}
		i = dpi_jsonin_find(&field->enumeration->by_name, name);
		return i != UINT32_MAX
			? dpi_jsonin_put_bits(r, field,
				  (uint64_t)(int64_t)type->values[i].number)
			: drop_enum(r, "the enum has no value", name);
	}
	if (!dpi_jsonin_number(r, &number) ||
		!whole_bits(r, DPI_TYPE_INT32, &number, &bits)) {
		return false;
	}
	if (type->is_closed && dpi_enum_value_of(type, (int32_t)bits) == NULL) {
		return drop_enum(
			r, "the enum has no such number", dpi_bytes(NULL, 0));
	}
	return dpi_jsonin_put_bits(r, field, bits);
}

bool dpi_jsonin_scalar(dpi_jsonin *r, const dpi_jsonin_field *field)
{
	switch (field->type) {
	case DPI_TYPE_STRING:
		return read_text(r, field);
	case DPI_TYPE_BYTES:
		return read_bytes(r, field);
	case DPI_TYPE_BOOL:
		return read_bool(r, field);
	case DPI_TYPE_ENUM:
		return read_enum(r, field);
	case DPI_TYPE_FLOAT:
	case DPI_TYPE_DOUBLE:
		return read_real(r, field);
	default:
		return read_whole(r, field);
	}
}

bool dpi_jsonin_map_key(dpi_jsonin *r, const dpi_jsonin_field *field)
{
	bool is_true;
	dpi_decimal number;
	dp_bytes text;
	uint64_t bits;

	if (field->type == DPI_TYPE_STRING) {
		return read_text(r, field);
	}
	if (!dpi_jsonin_string(r, &text)) {
		return false;
	}
	if (field->type != DPI_TYPE_BOOL) {
		return number_in(r, text, &number) &&
			whole_bits(r, field->type, &number, &bits) &&
			dpi_jsonin_put_bits(r, field, bits);
	}
	is_true = dpi_bytes_equal(text, dpi_bytes("true", 4));
	if (!is_true && !dpi_bytes_equal(text, dpi_bytes("false", 5))) {
		return dpi_jsonin_fail(
			r, DP_ESCHEMA, "expected \"true\" or \"false\"");
	}
	return dpi_jsonin_put_bits(r, field, is_true);
}
