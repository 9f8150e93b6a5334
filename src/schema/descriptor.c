/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/descriptor.h"

#include <string.h>

#include "schema/raw_set.h"
#include "schema/types.h"

dp_status dpi_types_load(dpi_types *ret, const dp_allocator *alloc,
	const void *data, size_t size, dp_error **err)
{
	dpi_raw_set set;
	dp_status st = dpi_raw_set_init(&set, alloc, data, size, err);

	if (st != DP_OK) {
		return st;
	}
	st = dpi_raw_set_link(&set, err);
	if (st == DP_OK) {
		st = dpi_types_build(ret, alloc, &set, err);
	}
	dpi_raw_set_fini(&set);
	return st;
}

void dpi_types_fini(dpi_types *types)
{
	dpi_arena_fini(&types->arena);
}

const dpi_message_type *dpi_types_find(
	const dpi_types *types, const char *full_name)
{
	size_t low = 0;
	size_t high = types->message_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order =
			strcmp(types->messages[middle]->full_name, full_name);

		if (order == 0) {
			return types->messages[middle];
		}
		if (order < 0) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return NULL;
}

const dpi_field *dpi_message_field(
	const dpi_message_type *type, uint32_t number)
{
	size_t low = 0;
	size_t high = type->field_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const dpi_field *field = &type->fields[type->by_number[middle]];

		if (field->number == number) {
			return field;
		}
		if (field->number < number) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return NULL;
}

const dpi_enum_value *dpi_enum_value_of(
	const dpi_enum_type *type, int32_t number)
{
	size_t low = 0;
	size_t high = type->value_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (type->values[type->by_number[middle]].number < number) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low < type->value_count &&
			type->values[type->by_number[low]].number == number
		? &type->values[type->by_number[low]]
		: NULL;
}
