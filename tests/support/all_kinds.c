/* SPDX-License-Identifier: Apache-2.0 */
#include "all_kinds.h"

#include <stdio.h>

#include "schema/descriptor.h"

static void map_field(struct set_builder *b, const char *name,
	const char *entry, unsigned n, int key, int value_type,
	const char *value_name)
{
	char full[64];

	snprintf(full, sizeof(full), ".t.M.%s", entry);
	field(b, name, n, REPEATED, DPI_TYPE_MESSAGE, full);
	begin_nested(b, entry);
	field(b, "key", 1, OPTIONAL, key, NULL);
	field(b, "value", 2, OPTIONAL, value_type, value_name);
	begin(b, 7); /* MessageOptions.map_entry */
	number(b, 7, 1);
	end(b);
	end(b);
}

void describe_all_kinds(struct set_builder *b)
{
	begin_file(b, "t.proto", "t", "proto2");
	import(b, "google/protobuf/timestamp.proto");
	import(b, "google/protobuf/struct.proto");
	import(b, "google/protobuf/wrappers.proto");
	begin_enum(b, "E");
	value(b, "ZERO", 0);
	value(b, "ONE", 1);
	end(b);
	begin_message(b, "M");
	field(b, "id", 1, REQUIRED, DPI_TYPE_STRING, NULL);
	field(b, "at", 2, OPTIONAL, DPI_TYPE_MESSAGE,
		".google.protobuf.Timestamp");
	field(b, "e", 3, REPEATED, DPI_TYPE_ENUM, ".t.E");
	field(b, "children", 4, REPEATED, DPI_TYPE_MESSAGE, ".t.M");
	map_field(b, "by_name", "ByNameEntry", 5, DPI_TYPE_STRING,
		DPI_TYPE_MESSAGE, ".t.M");
	map_field(b, "counts", "CountsEntry", 6, DPI_TYPE_SINT64,
		DPI_TYPE_DOUBLE, NULL);
	field(b, "any", 7, OPTIONAL, DPI_TYPE_MESSAGE,
		".google.protobuf.Value");
	field(b, "name", 8, OPTIONAL, DPI_TYPE_MESSAGE,
		".google.protobuf.StringValue");
	field(b, "numbers", 9, REPEATED, DPI_TYPE_UINT64, NULL);
	end(b);
	end(b);
}
