/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/shape.h"

static bool has(const dpi_message_type *type, uint32_t number,
	dpi_field_type field_type, bool is_repeated)
{
	const dpi_field *field = dpi_message_field(type, number);

	return field != NULL && field->type == field_type &&
		field->is_repeated == is_repeated;
}

static bool has_message(const dpi_message_type *type, uint32_t number,
	dpi_well_known well_known, bool is_repeated)
{
	return has(type, number, DPI_TYPE_MESSAGE, is_repeated) &&
		dpi_message_field(type, number)->message->well_known ==
		well_known;
}

/* Seconds and nanos, of Timestamp and Duration. */
static bool is_time(const dpi_message_type *type)
{
	return type->field_count == 2 && has(type, 1, DPI_TYPE_INT64, false) &&
		has(type, 2, DPI_TYPE_INT32, false);
}

static bool is_wrapper(const dpi_message_type *type)
{
	const dpi_field *field = dpi_message_field(type, 1);

	return type->field_count == 1 && field != NULL && !field->is_repeated &&
		field->message == NULL && field->enumeration == NULL &&
		!field->is_required;
}

static bool is_struct(const dpi_message_type *type)
{
	const dpi_field *field = dpi_message_field(type, 1);

	return type->field_count == 1 && field != NULL && field->is_map &&
		has(field->message, 1, DPI_TYPE_STRING, false) &&
		has_message(field->message, 2, DPI_WKT_VALUE, false);
}

static bool is_value(const dpi_message_type *type)
{
	for (size_t i = 0; i < type->field_count; i++) {
		if (type->fields[i].oneof != 0) {
			return false;
		}
	}
	return type->field_count == 6 && has(type, 1, DPI_TYPE_ENUM, false) &&
		has(type, 2, DPI_TYPE_DOUBLE, false) &&
		has(type, 3, DPI_TYPE_STRING, false) &&
		has(type, 4, DPI_TYPE_BOOL, false) &&
		has_message(type, 5, DPI_WKT_STRUCT, false) &&
		has_message(type, 6, DPI_WKT_LIST_VALUE, false);
}

static bool is_list(const dpi_message_type *type)
{
	return type->field_count == 1 &&
		has_message(type, 1, DPI_WKT_VALUE, true);
}

/* The three refer to each other, so one that differs spoils all. */
static bool is_value_family(const dpi_message_type *value)
{
	return is_value(value) &&
		is_struct(dpi_message_field(value, 5)->message) &&
		is_list(dpi_message_field(value, 6)->message);
}

dpi_well_known dpi_shape_of(const dpi_message_type *type)
{
	const dpi_field *first = dpi_message_field(type, 1);
	bool is_that;

	switch (type->well_known) {
	case DPI_WKT_TIMESTAMP:
	case DPI_WKT_DURATION:
		is_that = is_time(type);
		break;
	case DPI_WKT_WRAPPER:
		is_that = is_wrapper(type);
		break;
	case DPI_WKT_STRUCT:
		is_that = is_struct(type) &&
			is_value_family(
				dpi_message_field(first->message, 2)->message);
		break;
	case DPI_WKT_VALUE:
		is_that = is_value_family(type);
		break;
	case DPI_WKT_LIST_VALUE:
		is_that = is_list(type) && is_value_family(first->message);
		break;
	case DPI_WKT_ANY:
		is_that = type->field_count == 2 &&
			has(type, 1, DPI_TYPE_STRING, false) &&
			has(type, 2, DPI_TYPE_BYTES, false);
		break;
	case DPI_WKT_FIELD_MASK:
		is_that = type->field_count == 1 &&
			has(type, 1, DPI_TYPE_STRING, true);
		break;
	default:
		is_that = false;
	}
	return is_that ? type->well_known : DPI_WKT_NONE;
}
