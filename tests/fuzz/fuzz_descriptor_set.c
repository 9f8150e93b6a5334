/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "schema/descriptor.h"
#include "test_heap.h"

/*
 * Input: a FileDescriptorSet. One that is taken must be sound all through,
 * and what is kept of each of its types must be the same set again.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Schemas made of one input: a set may have thousands of types. */
#define SCHEMAS_MAX 4

static void need(int is_true)
{
	if (!is_true) {
		abort();
	}
}

static void check_field(const dpi_types *types, const dpi_field *field)
{
	need(field->number > 0 && field->number < 1u << 29);
	need(field->name[0] != '\0' && field->json_name != NULL);
	need((field->message != NULL) ==
		(field->type == DPI_TYPE_MESSAGE ||
			field->type == DPI_TYPE_GROUP));
	need((field->enumeration != NULL) == (field->type == DPI_TYPE_ENUM));
	need(!field->is_map || field->message->field_count == 2);
	need(!field->is_packed || field->is_repeated);
	if (field->message != NULL) {
		need(dpi_types_find(types, field->message->full_name) ==
			field->message);
	}
	for (size_t i = 0; field->enumeration != NULL &&
		i < field->enumeration->value_count;
		i++) {
		const dpi_enum_value *value = &field->enumeration->values[i];

		need(dpi_enum_value_of(field->enumeration, value->number)
				->number == value->number);
	}
}

static void check_message(const dpi_types *types, const dpi_message_type *type)
{
	need(dpi_types_find(types, type->full_name) == type);
	need(strcmp(type->full_name + strlen(type->full_name) -
			     strlen(type->name),
		     type->name) == 0);
	for (size_t i = 0; i < type->field_count; i++) {
		const dpi_field *field = &type->fields[i];

		check_field(types, field);
		need(dpi_message_field(type, field->number) == field);
		need(field->oneof < (int32_t)type->oneof_count);
	}
}

static void check_schema(
	const dp_allocator *alloc, dp_bytes set, const char *type)
{
	dp_schema *schema = NULL;
	dp_schema *again = NULL;
	dp_bytes kept;

	if (dpi_schema_new(&schema, alloc, set.data, set.size, type, NULL) !=
		DP_OK) {
		return;
	}
	kept = dp_schema_descriptor_set(schema);
	need(strcmp(dp_schema_type(schema), type) == 0);
	need(dpi_schema_new(&again, alloc, kept.data, kept.size, type, NULL) ==
		DP_OK);
	need(strcmp(dp_schema_fingerprint(schema),
		     dp_schema_fingerprint(again)) == 0);
	need(dp_schema_descriptor_set(again).size == kept.size);
	need(memcmp(dp_schema_descriptor_set(again).data, kept.data,
		     kept.size) == 0);
	dp_schema_unref(again);
	dp_schema_unref(schema);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct test_heap heap;
	dpi_types types;
	dp_error *err = NULL;

	test_heap_init(&heap);
	if (dpi_types_load(&types, &heap.alloc, data, size, &err) != DP_OK) {
		need(dp_error_message(err)[0] != '\0');
		dp_error_free(err);
		need(heap.live_bytes == 0);
		return 0;
	}
	for (size_t i = 0; i < types.message_count; i++) {
		check_message(&types, types.messages[i]);
	}
	for (size_t i = 0; i < types.top_count && i < SCHEMAS_MAX; i++) {
		dp_bytes set = {data, size};

		check_schema(&heap.alloc, set, types.top[i]->full_name);
	}
	dpi_types_fini(&types);
	need(heap.live_bytes == 0);
	return 0;
}
