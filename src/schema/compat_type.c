/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/compat_rules.h"

/* How a value stands on the wire. */
typedef enum encoding {
	ENCODING_VARINT,
	ENCODING_ZIGZAG,
	ENCODING_FIXED32,
	ENCODING_FIXED64,
	ENCODING_FLOAT,
	ENCODING_DOUBLE,
	ENCODING_TEXT, /* strings and bytes */
	ENCODING_MESSAGE,
	ENCODING_GROUP
} encoding;

static encoding encoding_of(dpi_field_type type)
{
	switch (type) {
	case DPI_TYPE_SINT32:
	case DPI_TYPE_SINT64:
		return ENCODING_ZIGZAG;
	case DPI_TYPE_FIXED32:
	case DPI_TYPE_SFIXED32:
		return ENCODING_FIXED32;
	case DPI_TYPE_FIXED64:
	case DPI_TYPE_SFIXED64:
		return ENCODING_FIXED64;
	case DPI_TYPE_FLOAT:
		return ENCODING_FLOAT;
	case DPI_TYPE_DOUBLE:
		return ENCODING_DOUBLE;
	case DPI_TYPE_STRING:
	case DPI_TYPE_BYTES:
		return ENCODING_TEXT;
	case DPI_TYPE_MESSAGE:
		return ENCODING_MESSAGE;
	case DPI_TYPE_GROUP:
		return ENCODING_GROUP;
	default:
		return ENCODING_VARINT;
	}
}

/* Integers by the bits that they have, below and above zero. */
typedef struct value_range {
	int negative_bits;
	int positive_bits;
} value_range;

static value_range range_of(dpi_field_type type)
{
	switch (type) {
	case DPI_TYPE_BOOL:
		return (value_range){0, 1};
	case DPI_TYPE_UINT32:
	case DPI_TYPE_FIXED32:
		return (value_range){0, 32};
	case DPI_TYPE_UINT64:
	case DPI_TYPE_FIXED64:
		return (value_range){0, 64};
	case DPI_TYPE_INT64:
	case DPI_TYPE_SINT64:
	case DPI_TYPE_SFIXED64:
		return (value_range){63, 63};
	default:
		return (value_range){31, 31};
	}
}

static bool fits(dpi_field_type written, dpi_field_type read)
{
	value_range w = range_of(written);
	value_range r = range_of(read);

	return w.negative_bits <= r.negative_bits &&
		w.positive_bits <= r.positive_bits;
}

/* Both are enums: their values are compared for themselves. */
static bool reads_wire(const dpi_field *writer, const dpi_field *reader)
{
	encoding how = encoding_of(writer->type);

	if (how != encoding_of(reader->type)) {
		return false;
	}
	if (how == ENCODING_TEXT) {
		return reader->type == DPI_TYPE_BYTES ||
			writer->type == DPI_TYPE_STRING;
	}
	if (reader->type == DPI_TYPE_ENUM && reader->enumeration->is_closed) {
		return writer->type == DPI_TYPE_ENUM;
	}
	return how > ENCODING_FIXED64 || fits(writer->type, reader->type);
}

static bool is_integer(dpi_field_type type)
{
	return encoding_of(type) <= ENCODING_FIXED64 && type != DPI_TYPE_BOOL &&
		type != DPI_TYPE_ENUM;
}

static bool is_message(dpi_field_type type)
{
	return type == DPI_TYPE_MESSAGE || type == DPI_TYPE_GROUP;
}

/* Readers of ProtoJSON take numbers with and without quotes. */
static bool reads_json(const dpi_field *writer, const dpi_field *reader)
{
	if (writer->type == reader->type) {
		return true;
	}
	if (is_integer(writer->type)) {
		if (reader->type == DPI_TYPE_ENUM) {
			return !reader->enumeration->is_closed &&
				fits(writer->type, DPI_TYPE_INT32);
		}
		return reader->type == DPI_TYPE_DOUBLE
			? range_of(writer->type).positive_bits <= 32
			: is_integer(reader->type) &&
				fits(writer->type, reader->type);
	}
	return (writer->type == DPI_TYPE_FLOAT &&
		       reader->type == DPI_TYPE_DOUBLE) ||
		(is_message(writer->type) && is_message(reader->type));
}

uint32_t dpi_compat_type_breaks(const dpi_field *old, const dpi_field *fresh)
{
	uint32_t breaks = 0;

	if (old->type == fresh->type) {
		return 0;
	}
	breaks |= reads_wire(old, fresh) ? 0 : DP_BREAKS_BACKWARD;
	breaks |= reads_wire(fresh, old) ? 0 : DP_BREAKS_FORWARD;
	breaks |= reads_json(old, fresh) ? 0 : DP_BREAKS_JSON_BACKWARD;
	breaks |= reads_json(fresh, old) ? 0 : DP_BREAKS_JSON_FORWARD;
	return breaks;
}
