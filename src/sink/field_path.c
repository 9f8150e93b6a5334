/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/field_path.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "codec/wire.h"

static const dpi_field *field_named(
	const dpi_message_type *type, const char *name, size_t size)
{
	for (size_t i = 0; i < type->field_count; i++) {
		const dpi_field *field = &type->fields[i];

		if (strlen(field->name) == size &&
			memcmp(field->name, name, size) == 0) {
			return field;
		}
	}
	return NULL;
}

static bool can_be_name(const dpi_field *field)
{
	return field->message == NULL && field->type != DPI_TYPE_DOUBLE &&
		field->type != DPI_TYPE_FLOAT;
}

static dp_status add_step(dpi_field_path *path, const dpi_message_type *type,
	const char *name, size_t size, dp_error **err)
{
	const dpi_field *field = field_named(type, name, size);

	if (field == NULL) {
		return dpi_error_set(err, DP_ESCHEMA,
			"type %s has no field '%.*s'", type->full_name,
			(int)size, name);
	}
	if (field->is_repeated || path->count == DPI_FIELD_PATH_STEPS) {
		return dpi_error_set(err, DP_ESCHEMA,
			"field %s of type %s repeats, or is over %d deep: it "
			"cannot name a folder",
			field->name, type->full_name, DPI_FIELD_PATH_STEPS);
	}
	path->steps[path->count++] = field;
	return DP_OK;
}

dp_status dpi_field_path_resolve(dpi_field_path *ret,
	const dpi_message_type *type, const char *path, dp_error **err)
{
	*ret = (dpi_field_path){.count = 0};
	for (;;) {
		size_t size = strcspn(path, ".");
		dp_status st = add_step(ret, type, path, size, err);
		const dpi_field *field;

		if (st != DP_OK) {
			return st;
		}
		field = ret->steps[ret->count - 1];
		if (path[size] == '\0' && can_be_name(field)) {
			return DP_OK;
		}
		if (path[size] == '\0' || field->message == NULL) {
			return dpi_error_set(err, DP_ESCHEMA,
				"field %s of type %s is of a kind that cannot "
				"be part of a destination",
				field->name, type->full_name);
		}
		type = field->message;
		path += size + 1;
	}
}

/* Looks on in what is left of the path; the last value found stays. */
static bool find_last(const dpi_field *const *steps, size_t count,
	dp_bytes wire, dpi_wire_value *ret)
{
	const uint8_t *p = wire.data;
	const uint8_t *end = p + wire.size;
	bool found = false;

	while (p != NULL && p < end) {
		dpi_wire_value value = {.bits = 0};
		uint32_t tag = 0;

		p = dpi_wire_get_tag(p, end, &tag);
		if (p != NULL) {
			p = dpi_wire_get_value(p, end, tag, 1, &value);
		}
		if (p == NULL || dpi_wire_number(tag) != steps[0]->number) {
			continue;
		}
		if (count == 1) {
			*ret = value;
			found = true;
		} else if (value.data != NULL) {
			found |= find_last(steps + 1, count - 1,
				dpi_bytes(value.data, value.size), ret);
		}
	}
	return found;
}

static dp_bytes signed_text(char *scratch, int64_t value)
{
	int size = snprintf(scratch, DPI_FIELD_TEXT, "%" PRId64, value);

	return dpi_bytes(scratch, (size_t)size);
}

static dp_bytes unsigned_text(char *scratch, uint64_t value)
{
	int size = snprintf(scratch, DPI_FIELD_TEXT, "%" PRIu64, value);

	return dpi_bytes(scratch, (size_t)size);
}

static dp_bytes enum_text(
	char *scratch, const dpi_enum_type *type, int32_t number)
{
	const dpi_enum_value *value = dpi_enum_value_of(type, number);

	return value != NULL ? dpi_bytes_text(value->name)
			     : signed_text(scratch, number);
}

static int64_t unzigzag(uint64_t bits)
{
	return (int64_t)(bits >> 1) ^ -(int64_t)(bits & 1);
}

static dp_bytes text_of(
	const dpi_field *field, const dpi_wire_value *value, char *scratch)
{
	switch (field->type) {
	case DPI_TYPE_STRING:
	case DPI_TYPE_BYTES:
		return dpi_bytes(value->data, value->size);
	case DPI_TYPE_BOOL:
		return dpi_bytes_text(value->bits != 0 ? "true" : "false");
	case DPI_TYPE_ENUM:
		return enum_text(scratch, field->enumeration,
			(int32_t)(uint32_t)value->bits);
	case DPI_TYPE_INT32:
	case DPI_TYPE_SFIXED32:
		return signed_text(scratch, (int32_t)(uint32_t)value->bits);
	case DPI_TYPE_SINT32:
		return signed_text(scratch, unzigzag((uint32_t)value->bits));
	case DPI_TYPE_SINT64:
		return signed_text(scratch, unzigzag(value->bits));
	case DPI_TYPE_UINT32:
	case DPI_TYPE_FIXED32:
		return unsigned_text(scratch, (uint32_t)value->bits);
	case DPI_TYPE_UINT64:
	case DPI_TYPE_FIXED64:
		return unsigned_text(scratch, value->bits);
	default:
		return signed_text(scratch, (int64_t)value->bits);
	}
}

dp_bytes dpi_field_path_read(
	const dpi_field_path *path, dp_bytes wire, char *scratch)
{
	const dpi_field *field = path->steps[path->count - 1];
	dpi_wire_value value = {.bits = 0};

	if (!find_last(path->steps, path->count, wire, &value) &&
		field->has_presence) {
		return dpi_bytes(NULL, 0);
	}
	return text_of(field, &value, scratch);
}
