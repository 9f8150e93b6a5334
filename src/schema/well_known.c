/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/well_known.h"

#include <string.h>

#include "base/bytes.h"
#include "schema/well_known.inc"

_Static_assert(sizeof(files) / sizeof(files[0]) == DPI_KNOWN_FILES,
	"DPI_KNOWN_FILES is how many scripts/well_known.py wrote");

const dpi_known_file *dpi_known_file_find(dp_bytes name)
{
	for (size_t i = 0; i < DPI_KNOWN_FILES; i++) {
		if (dpi_bytes_equal(dpi_bytes_text(files[i].name), name)) {
			return &files[i];
		}
	}
	return NULL;
}

/* Fields 1, 2, … by one letter each; repeated ones are upper case. */
typedef struct shape {
	const char *full_name;
	dpi_well_known kind;
	const char *fields;
} shape;

static const shape shapes[] = {
	{"google.protobuf.Any", DPI_WKT_ANY, "sy"},
	{"google.protobuf.Timestamp", DPI_WKT_TIMESTAMP, "li"},
	{"google.protobuf.Duration", DPI_WKT_DURATION, "li"},
	{"google.protobuf.FieldMask", DPI_WKT_FIELD_MASK, "S"},
	{"google.protobuf.Empty", DPI_WKT_EMPTY, ""},
	{"google.protobuf.Struct", DPI_WKT_STRUCT, "M"},
	{"google.protobuf.Value", DPI_WKT_VALUE, "edsbmm"},
	{"google.protobuf.ListValue", DPI_WKT_LIST_VALUE, "M"},
	{"google.protobuf.DoubleValue", DPI_WKT_WRAPPER, "d"},
	{"google.protobuf.FloatValue", DPI_WKT_WRAPPER, "f"},
	{"google.protobuf.Int64Value", DPI_WKT_WRAPPER, "l"},
	{"google.protobuf.UInt64Value", DPI_WKT_WRAPPER, "v"},
	{"google.protobuf.Int32Value", DPI_WKT_WRAPPER, "i"},
	{"google.protobuf.UInt32Value", DPI_WKT_WRAPPER, "u"},
	{"google.protobuf.BoolValue", DPI_WKT_WRAPPER, "b"},
	{"google.protobuf.StringValue", DPI_WKT_WRAPPER, "s"},
	{"google.protobuf.BytesValue", DPI_WKT_WRAPPER, "y"},
	{"google.type.Date", DPI_WKT_DATE, "iii"},
	{"google.type.DateTime", DPI_WKT_DATE_TIME, "iiiiiiimm"},
	{"google.type.TimeOfDay", DPI_WKT_TIME_OF_DAY, "iiii"},
	{"google.type.LatLng", DPI_WKT_LAT_LNG, "dd"},
};

static char letter_of(const dpi_field *field)
{
	/* By dpi_field_type; '-' is in no well-known type. */
	static const char once[] = "-dflvi--bs-myue----";
	static const char repeated[] = "---------S-M-------";

	return field->is_repeated ? repeated[field->type] : once[field->type];
}

static bool has_shape(const dpi_message_type *type, const char *letters)
{
	if (type->field_count != strlen(letters)) {
		return false;
	}
	for (uint32_t i = 0; i < type->field_count; i++) {
		const dpi_field *field = dpi_message_field(type, i + 1);

		if (field == NULL || letter_of(field) != letters[i]) {
			return false;
		}
	}
	return true;
}

dpi_well_known dpi_well_known_of(const dpi_message_type *type)
{
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		if (strcmp(shapes[i].full_name, type->full_name) == 0) {
			return has_shape(type, shapes[i].fields)
				? shapes[i].kind
				: DPI_WKT_NONE;
		}
	}
	return DPI_WKT_NONE;
}
