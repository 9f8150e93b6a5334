/* SPDX-License-Identifier: Apache-2.0 */
#include "json_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "schema/descriptor.h"

#define KNOWN(name) ".google.protobuf." name

struct described {
	const char *name;
	unsigned number;
	int label;
	int type;
	const char *type_name;
};

static const struct described fields_of_m[] = {
	{"int_list", 10, REPEATED, DPI_TYPE_INT32, NULL},
	{"some_text", 6, OPTIONAL, DPI_TYPE_STRING, NULL},
	{"b", 1, OPTIONAL, DPI_TYPE_BOOL, NULL},
	{"i", 2, OPTIONAL, DPI_TYPE_INT32, NULL},
	{"u", 3, OPTIONAL, DPI_TYPE_UINT64, NULL},
	{"f", 4, OPTIONAL, DPI_TYPE_FLOAT, NULL},
	{"d", 5, OPTIONAL, DPI_TYPE_DOUBLE, NULL},
	{"y", 7, OPTIONAL, DPI_TYPE_BYTES, NULL},
	{"e", 8, OPTIONAL, DPI_TYPE_ENUM, ".t.E"},
	{"child", 9, OPTIONAL, DPI_TYPE_MESSAGE, ".t.M"},
	{"m", 11, REPEATED, DPI_TYPE_MESSAGE, ".t.M.MEntry"},
	{"time", 12, OPTIONAL, DPI_TYPE_MESSAGE, KNOWN("Timestamp")},
	{"span", 13, OPTIONAL, DPI_TYPE_MESSAGE, KNOWN("Duration")},
	{"mask", 14, OPTIONAL, DPI_TYPE_MESSAGE, KNOWN("FieldMask")},
	{"st", 15, OPTIONAL, DPI_TYPE_MESSAGE, KNOWN("Struct")},
	{"any", 16, OPTIONAL, DPI_TYPE_MESSAGE, KNOWN("Any")},
	{"w", 17, OPTIONAL, DPI_TYPE_MESSAGE, KNOWN("Int64Value")},
	{"v", 18, OPTIONAL, DPI_TYPE_MESSAGE, KNOWN("Value")},
	{"n", 19, OPTIONAL, DPI_TYPE_ENUM, KNOWN("NullValue")},
	{"l", 22, OPTIONAL, DPI_TYPE_SINT64, NULL},
	{"many", 23, REPEATED, DPI_TYPE_MESSAGE, ".t.M"},
	{"words", 24, REPEATED, DPI_TYPE_STRING, NULL},
	{"names", 25, REPEATED, DPI_TYPE_MESSAGE, ".t.M.NamesEntry"},
	{"es", 26, REPEATED, DPI_TYPE_ENUM, ".t.E"},
	{"em", 27, OPTIONAL, DPI_TYPE_MESSAGE, KNOWN("Empty")},
	{"far", 100000, OPTIONAL, DPI_TYPE_BOOL, NULL},
};

static void describe_entry(struct set_builder *b, const char *name, int key,
	int type, const char *type_name)
{
	begin_nested(b, name);
	field(b, "key", 1, OPTIONAL, key, NULL);
	field(b, "value", 2, OPTIONAL, type, type_name);
	begin(b, 7); /* MessageOptions.map_entry */
	number(b, 7, 1);
	end(b);
	end(b);
}

static void describe_m(struct set_builder *b)
{
	begin_message(b, "M");
	for (size_t i = 0; i < sizeof(fields_of_m) / sizeof(fields_of_m[0]);
		i++) {
		const struct described *f = &fields_of_m[i];

		field(b, f->name, f->number, f->label, f->type, f->type_name);
	}
	begin_field(b, "x", 20, OPTIONAL, DPI_TYPE_INT32, NULL);
	number(b, 9, 0); /* oneof_index */
	end(b);
	begin_field(b, "z", 21, OPTIONAL, DPI_TYPE_ENUM, KNOWN("NullValue"));
	number(b, 9, 0);
	end(b);
	begin(b, 8); /* oneof_decl */
	text(b, 1, "which");
	end(b);
	describe_entry(b, "MEntry", DPI_TYPE_INT32, DPI_TYPE_STRING, NULL);
	describe_entry(
		b, "NamesEntry", DPI_TYPE_STRING, DPI_TYPE_MESSAGE, ".t.M");
	end(b);
}

/* proto2: a group, a closed enum, an extension, something required. */
static void describe_p(struct set_builder *b)
{
	begin_file(b, "p.proto", "p", "proto2");
	begin_enum(b, "E");
	value(b, "ONE", 1);
	end(b);
	begin_message(b, "P");
	field(b, "must", 1, REQUIRED, DPI_TYPE_INT32, NULL);
	field(b, "i", 2, OPTIONAL, DPI_TYPE_INT32, NULL);
	field(b, "grp", 3, OPTIONAL, DPI_TYPE_GROUP, ".p.P.Grp");
	field(b, "e", 4, OPTIONAL, DPI_TYPE_ENUM, ".p.E");
	field(b, "closed", 5, REPEATED, DPI_TYPE_ENUM, ".p.E");
	field(b, "inside", 6, OPTIONAL, DPI_TYPE_MESSAGE, ".p.P");
	begin_nested(b, "Grp");
	field(b, "a", 1, OPTIONAL, DPI_TYPE_STRING, NULL);
	end(b);
	begin(b, 5); /* extension_range */
	number(b, 1, 100);
	number(b, 2, 200);
	end(b);
	end(b);
	begin(b, 7); /* extension */
	text(b, 1, "more");
	text(b, 2, ".p.P");
	number(b, 3, 100);
	number(b, 4, OPTIONAL);
	number(b, 5, DPI_TYPE_INT32);
	end(b);
	end(b);
}

static void describe(struct set_builder *b)
{
	static const char *const imports[] = {"any", "duration", "empty",
		"field_mask", "struct", "timestamp", "wrappers"};
	char path[64];

	begin_file(b, "t.proto", "t", "proto3");
	for (size_t i = 0; i < sizeof(imports) / sizeof(imports[0]); i++) {
		snprintf(path, sizeof(path), "google/protobuf/%s.proto",
			imports[i]);
		import(b, path);
	}
	begin_enum(b, "E");
	value(b, "ZERO", 0);
	value(b, "ONE", 1);
	value(b, "UNO", 1);
	begin(b, 3); /* EnumOptions.allow_alias */
	number(b, 2, 1);
	end(b);
	end(b);
	describe_m(b);
	end(b);
	describe_p(b);
}

void json_rig_init(
	struct json_rig *rig, const char *type, const dp_codec_options *opts)
{
	struct set_builder set;

	memset(rig, 0, sizeof(*rig));
	test_heap_init(&rig->heap);
	set_builder_init(&set, &rig->heap.alloc);
	describe(&set);
	if (dpi_schema_new(&rig->schema, &rig->heap.alloc, set.buf.data,
		    set.buf.size, type, &rig->err) != DP_OK) {
		fail_msg("%s", dp_error_message(rig->err));
	}
	set_builder_fini(&set);
	assert_int_equal(
		dp_codec_new(&rig->codec, rig->schema, opts, &rig->err), DP_OK);
}

void json_rig_fini(struct json_rig *rig)
{
	dp_codec_free(rig->codec);
	dp_schema_unref(rig->schema);
	dp_error_free(rig->err);
	assert_int_equal(rig->heap.live_bytes, 0);
	assert_int_equal(rig->heap.live_blocks, 0);
}

const char *json_rig_text(struct json_rig *rig, dp_bytes wire)
{
	static char text[8192];
	dp_bytes json;

	dp_error_free(rig->err);
	rig->err = NULL;
	if (dp_codec_to_json(rig->codec, wire, &json, &rig->err) != DP_OK) {
		snprintf(text, sizeof(text), "%s %s",
			dp_status_name(dp_error_code(rig->err)),
			dp_error_message(rig->err));
		return text;
	}
	assert_true(json.size < sizeof(text));
	memcpy(text, json.data, json.size);
	text[json.size] = '\0';
	return text;
}

const char *json_rig_wire(struct json_rig *rig, dp_bytes wire)
{
	static char text[8192];
	const uint8_t *bytes;
	dp_bytes out;

	dp_error_free(rig->err);
	rig->err = NULL;
	if (dp_codec_to_wire(rig->codec, wire, &out, &rig->err) != DP_OK) {
		snprintf(text, sizeof(text), "%s %s",
			dp_status_name(dp_error_code(rig->err)),
			dp_error_message(rig->err));
		return text;
	}
	assert_true(2 * out.size < sizeof(text));
	bytes = out.data;
	for (size_t i = 0; i < out.size; i++) {
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	}
	text[2 * out.size] = '\0';
	return text;
}

const char *json_rig_again(struct json_rig *rig, const char *json)
{
	static char text[8192];
	dp_bytes wire;

	dp_error_free(rig->err);
	rig->err = NULL;
	if (dp_codec_from_json(rig->codec, dpi_bytes_text(json), &wire,
		    &rig->err) != DP_OK) {
		snprintf(text, sizeof(text), "%s %s",
			dp_status_name(dp_error_code(rig->err)),
			dp_error_message(rig->err));
		return text;
	}
	return json_rig_text(rig, wire);
}
