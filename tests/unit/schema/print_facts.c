/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "schema/descriptor.h"
#include "test_heap.h"

/*
 * print_facts SET OUT TYPE: writes what is kept of a type to OUT, and prints
 * its fingerprint and one line for each field of all messages in that.
 */

static size_t read_file(const char *path, uint8_t *data, size_t size)
{
	FILE *file = fopen(path, "rb");
	size_t n;

	if (file == NULL) {
		perror(path);
		exit(2);
	}
	n = fread(data, 1, size, file);
	(void)fclose(file);
	return n;
}

static void write_file(const char *path, dp_bytes bytes)
{
	FILE *file = fopen(path, "wb");

	if (file == NULL ||
		fwrite(bytes.data, 1, bytes.size, file) != bytes.size ||
		fclose(file) != 0) {
		perror(path);
		exit(2);
	}
}

static void print_message(const dpi_message_type *type)
{
	for (size_t i = 0; i < type->field_count; i++) {
		const dpi_field *f = &type->fields[i];

		printf("%s %s %u json=%s type=%d of=%s repeated=%d map=%d "
		       "packed=%d required=%d presence=%d extension=%d "
		       "utf8=%d oneof=%s closed=%d recursive=%d\n",
			type->full_name, f->name, f->number, f->json_name,
			f->type,
			f->message != NULL       ? f->message->full_name
				: f->enumeration ? f->enumeration->full_name
						 : "-",
			f->is_repeated, f->is_map, f->is_packed, f->is_required,
			f->has_presence, f->is_extension, f->checks_utf8,
			f->oneof >= 0 ? type->oneofs[f->oneof] : "-",
			f->enumeration != NULL && f->enumeration->is_closed,
			type->is_recursive);
	}
}

int main(int argc, char **argv)
{
	static uint8_t set[1u << 23];
	struct test_heap heap;
	dp_schema *schema = NULL;
	dp_error *err = NULL;
	dpi_types types;
	dp_bytes kept;

	if (argc != 4) {
		return 2;
	}
	test_heap_init(&heap);
	if (dpi_schema_new(&schema, &heap.alloc, set,
		    read_file(argv[1], set, sizeof(set)), argv[3],
		    &err) != DP_OK) {
		fprintf(stderr, "%s\n", dp_error_message(err));
		return 1;
	}
	kept = dp_schema_descriptor_set(schema);
	write_file(argv[2], kept);
	printf("%s\n", dp_schema_fingerprint(schema));
	if (dpi_types_load(&types, &heap.alloc, kept.data, kept.size, &err) !=
		DP_OK) {
		fprintf(stderr, "%s\n", dp_error_message(err));
		return 1;
	}
	for (size_t i = 0; i < types.message_count; i++) {
		print_message(types.messages[i]);
	}
	dpi_types_fini(&types);
	dp_schema_unref(schema);
	return heap.live_bytes == 0 ? 0 : 3;
}
