/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "codec/coder.h"
#include "coder_rig.h"

/*
 * doc/mapping.md, line by line: a message `t.M` with one field `f`, number 1;
 * what is on the wire; the whole Avro datum, which ends with `_unknown`; and
 * the cell of a row.
 */
struct mapping {
	const char *what;
	const char *syntax;
	int label;
	int type;
	const char *type_name;
	dp_bytes wire;
	dp_bytes datum;
	const char *cell;
};

#define SCALAR(what, type, wire, datum, cell) \
	{ \
		what, "proto3", OPTIONAL, type, NULL, BYTES(wire), \
			BYTES(datum), cell \
	}
#define PROTO2(what, label, type, wire, datum, cell) \
	{ \
		what, "proto2", label, type, NULL, BYTES(wire), BYTES(datum), \
			cell \
	}
#define MANY(what, type, wire, datum, cell) \
	{ \
		what, "proto3", REPEATED, type, NULL, BYTES(wire), \
			BYTES(datum), cell \
	}
#define NAMED(what, syntax, label, type, name, wire, datum, cell) \
	{ \
		what, syntax, label, type, name, BYTES(wire), BYTES(datum), \
			cell \
	}
#define KNOWN(what, name, wire, datum, cell) \
	NAMED(what, "proto3", OPTIONAL, DPI_TYPE_MESSAGE, \
		".google.protobuf." name, wire, datum, cell)

static const struct mapping mappings[] = {
	/* Without presence a field is its zero, never NULL. */
	SCALAR("bool, absent", DPI_TYPE_BOOL, "", "\2\0\0", "INT 0"),
	SCALAR("string, absent", DPI_TYPE_STRING, "", "\2\0\0", "TEXT "),
	SCALAR("bytes, absent", DPI_TYPE_BYTES, "", "\2\0\0", "BLOB "),
	SCALAR("double, absent", DPI_TYPE_DOUBLE, "", "\2\0\0\0\0\0\0\0\0\0",
		"REAL 0"),
	/* With it, absent is NULL, whatever its default is. */
	PROTO2("int32, absent", OPTIONAL, DPI_TYPE_INT32, "", "\0\0", "NULL"),
	PROTO2("int32, zero", OPTIONAL, DPI_TYPE_INT32, "\x08\0", "\2\0\0",
		"INT 0"),
	PROTO2("required", REQUIRED, DPI_TYPE_INT32, "\x08\1", "\2\2\0",
		"INT 1"),

	SCALAR("bool", DPI_TYPE_BOOL, "\x08\1", "\2\1\0", "INT 1"),
	SCALAR("bool, over one", DPI_TYPE_BOOL, "\x08\x80\2", "\2\1\0",
		"INT 1"),
	SCALAR("int32", DPI_TYPE_INT32,
		"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\1", "\2\1\0",
		"INT -1"),
	SCALAR("int32, wider on the wire", DPI_TYPE_INT32,
		"\x08\x82\x80\x80\x80\x10", "\2\4\0", "INT 2"),
	SCALAR("int64", DPI_TYPE_INT64, "\x08\xac\2", "\2\xd8\4\0", "INT 300"),
	SCALAR("sint32", DPI_TYPE_SINT32, "\x08\3", "\2\3\0", "INT -2"),
	SCALAR("sint64", DPI_TYPE_SINT64, "\x08\4", "\2\4\0", "INT 2"),
	SCALAR("sfixed32", DPI_TYPE_SFIXED32, "\x0d\xff\xff\xff\xff", "\2\1\0",
		"INT -1"),
	SCALAR("sfixed64", DPI_TYPE_SFIXED64,
		"\x09\xfe\xff\xff\xff\xff\xff\xff\xff", "\2\3\0", "INT -2"),
	SCALAR("uint32 is not cut to 31 bits", DPI_TYPE_UINT32,
		"\x08\xff\xff\xff\xff\x0f", "\2\xfe\xff\xff\xff\x1f\0",
		"INT 4294967295"),
	SCALAR("fixed32", DPI_TYPE_FIXED32, "\x0d\1\0\0\x80",
		"\2\x82\x80\x80\x80\x10\0", "INT 2147483649"),
	SCALAR("uint64", DPI_TYPE_UINT64, "\x08\x7f", "\2\2\x7f\0", "TEXT 127"),
	SCALAR("uint64 with its sign bit", DPI_TYPE_UINT64, "\x08\x80\1",
		"\2\4\0\x80\0", "TEXT 128"),
	SCALAR("uint64 is exact to its end", DPI_TYPE_UINT64,
		"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\1",
		"\2\x12\0\xff\xff\xff\xff\xff\xff\xff\xff\0",
		"TEXT 18446744073709551615"),
	SCALAR("fixed64", DPI_TYPE_FIXED64, "\x09\0\0\0\0\0\0\0\1",
		"\2\x10\1\0\0\0\0\0\0\0\0", "TEXT 72057594037927936"),
	SCALAR("float", DPI_TYPE_FLOAT, "\x0d\0\0\xc0\x3f", "\2\0\0\xc0\x3f\0",
		"REAL 1.5"),
	SCALAR("double", DPI_TYPE_DOUBLE, "\x09\0\0\0\0\0\0\xf8\xbf",
		"\2\0\0\0\0\0\0\xf8\xbf\0", "REAL -1.5"),
	SCALAR("NaN is not NULL", DPI_TYPE_DOUBLE, "\x09\0\0\0\0\0\0\xf8\x7f",
		"\2\0\0\0\0\0\0\xf8\x7f\0", "TEXT NaN"),
	SCALAR("infinity", DPI_TYPE_FLOAT, "\x0d\0\0\x80\xff",
		"\2\0\0\x80\xff\0", "REAL -inf"),
	SCALAR("string", DPI_TYPE_STRING, "\x0a\3\xe2\x82\xac",
		"\2\6\xe2\x82\xac\0", "TEXT \xe2\x82\xac"),
	SCALAR("bytes", DPI_TYPE_BYTES, "\x0a\2\xff\xfe", "\2\4\xff\xfe\0",
		"BLOB \xff\xfe"),

	SCALAR("the last of single values wins", DPI_TYPE_INT32,
		"\x08\1\x08\2\x08\3", "\2\6\0", "INT 3"),
	SCALAR("another wire type is unknown", DPI_TYPE_INT32, "\x0d\1\0\0\0",
		"\2\0\2\x0a\x0d\1\0\0\0", "INT 0"),
	SCALAR("another number is unknown", DPI_TYPE_INT32, "\x10\5\x08\1",
		"\2\2\2\4\x10\5", "INT 1"),
	SCALAR("groups are unknown whole", DPI_TYPE_INT32,
		"\x13\x08\1\x14\x08\1", "\2\2\2\x08\x13\x08\1\x14", "INT 1"),

	MANY("repeated, none", DPI_TYPE_INT32, "", "\0\0", "TEXT []"),
	MANY("packed", DPI_TYPE_INT32, "\x0a\3\1\2\3", "\6\2\4\6\0\0",
		"TEXT [1,2,3]"),
	MANY("not packed", DPI_TYPE_INT32, "\x08\1\x08\2", "\4\2\4\0\0",
		"TEXT [1,2]"),
	MANY("both, and apart", DPI_TYPE_INT32,
		"\x08\1\x10\7\x0a\2\2\3\x0a\0\x08\4",
		"\x08\2\4\6\x08\0\2\4\x10\7", "TEXT [1,2,3,4]"),
	MANY("packed, and empty", DPI_TYPE_DOUBLE, "\x0a\0", "\0\0", "TEXT []"),
	MANY("packed doubles", DPI_TYPE_DOUBLE, "\x0a\x08\0\0\0\0\0\0\xf0\x3f",
		"\2\0\0\0\0\0\0\xf0\x3f\0\0", "TEXT [1]"),
	MANY("repeated strings", DPI_TYPE_STRING, "\x0a\1a\x0a\0",
		"\4\2a\0\0\0", "TEXT [\"a\",\"\"]"),
	MANY("repeated bytes", DPI_TYPE_BYTES, "\x0a\1\xff", "\2\2\xff\0\0",
		"TEXT [\"/w==\"]"),
	MANY("repeated uint64", DPI_TYPE_UINT64, "\x0a\1\5", "\2\2\5\0\0",
		"TEXT [\"5\"]"),

	NAMED("enum", "proto3", OPTIONAL, DPI_TYPE_ENUM, ".t.E", "\x08\1",
		"\2\6ONE\0", "TEXT ONE"),
	NAMED("the first name of an alias", "proto3", OPTIONAL, DPI_TYPE_ENUM,
		".t.E", "\x08\2", "\2\6TWO\0", "TEXT TWO"),
	NAMED("a number that an open enum has not", "proto3", OPTIONAL,
		DPI_TYPE_ENUM, ".t.E", "\x08\7", "\2\2\x37\0", "TEXT 7"),
	NAMED("a negative one", "proto3", OPTIONAL, DPI_TYPE_ENUM, ".t.E",
		"\x08\x80\x80\x80\x80\xf8\xff\xff\xff\xff\1",
		"\2\x16-2147483648\0", "TEXT -2147483648"),
	NAMED("a number that a closed enum has not", "proto2", OPTIONAL,
		DPI_TYPE_ENUM, ".t.E", "\x08\7", "\0\2\4\x08\7", "NULL"),
	NAMED("the known one before it stays", "proto2", OPTIONAL,
		DPI_TYPE_ENUM, ".t.E", "\x08\1\x08\7", "\2\6ONE\2\4\x08\7",
		"TEXT ONE"),
	NAMED("unknown numbers leave a packed field", "proto2", REPEATED,
		DPI_TYPE_ENUM, ".t.E", "\x0a\3\1\7\2",
		"\4\6ONE\6TWO\0\2\4\x08\7", "TEXT [\"ONE\",\"TWO\"]"),

	NAMED("message, absent", "proto3", OPTIONAL, DPI_TYPE_MESSAGE, ".t.Sub",
		"", "\0\0", "NULL"),
	NAMED("message, empty", "proto3", OPTIONAL, DPI_TYPE_MESSAGE, ".t.Sub",
		"\x0a\0", "\2\2\0\2\0\0\0", "TEXT {}"),
	NAMED("message", "proto3", OPTIONAL, DPI_TYPE_MESSAGE, ".t.Sub",
		"\x0a\5\x08\1\x12\1x", "\2\2\2\2\2x\0\0",
		"TEXT {\"a\":1,\"s\":\"x\"}"),
	NAMED("a message in pieces", "proto3", OPTIONAL, DPI_TYPE_MESSAGE,
		".t.Sub", "\x0a\2\x08\1\x0a\3\x12\1x\x0a\2\x08\2",
		"\2\2\4\2\2x\0\0", "TEXT {\"a\":2,\"s\":\"x\"}"),
	NAMED("unknown fields stay in their message", "proto3", OPTIONAL,
		DPI_TYPE_MESSAGE, ".t.Sub", "\x0a\4\x08\1\x18\1",
		"\2\2\2\2\0\2\4\x18\1\0",
		"TEXT {\"a\":1,\"_unknown\":\"GAE=\"}"),
	NAMED("repeated messages", "proto3", REPEATED, DPI_TYPE_MESSAGE,
		".t.Sub", "\x0a\2\x08\1\x0a\0", "\4\2\2\2\0\0\2\0\2\0\0\0\0",
		"TEXT [{\"a\":1},{}]"),
	NAMED("group", "proto2", OPTIONAL, DPI_TYPE_GROUP, ".t.M.F",
		"\x0b\x08\1\x0c", "\2\2\2\0\0", "TEXT {\"a\":1}"),
	NAMED("a group in pieces", "proto2", OPTIONAL, DPI_TYPE_GROUP, ".t.M.F",
		"\x0b\x08\1\x0c\x0b\x08\2\x0c", "\2\2\4\0\0", "TEXT {\"a\":2}"),

	KNOWN("Timestamp, absent", "Timestamp", "", "\0\0", "NULL"),
	KNOWN("Timestamp", "Timestamp", "\x0a\4\x08\1\x10\7",
		"\2\x80\x89\x7a\0", "TEXT 1970-01-01T00:00:01.000000007Z"),
	KNOWN("nanoseconds go down to micros", "Timestamp",
		"\x0a\x0d\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\1\x10\1",
		"\2\xff\x88\x7a\0", "TEXT 1969-12-31T23:59:59.000000001Z"),
	KNOWN("Duration", "Duration", "\x0a\4\x08\1\x10\1",
		"\2\x82\xa8\xd6\xb9\7\0", "INT 1000000001"),
	KNOWN("a Timestamp with more to it is kept", "Timestamp",
		"\x0a\4\x08\1\x18\1", "\2\x80\x89\x7a\2\x0c\x0a\4\x08\1\x18\1",
		"TEXT 1970-01-01T00:00:01.000000000Z"),
	KNOWN("wrapper, absent", "Int64Value", "", "\0\0", "NULL"),
	KNOWN("wrapper of zero", "Int64Value", "\x0a\0", "\2\0\0", "INT 0"),
	KNOWN("wrapper", "StringValue", "\x0a\3\x0a\1x", "\2\2x\0", "TEXT x"),
	KNOWN("wrapper of uint64", "UInt64Value", "\x0a\2\x08\5", "\2\2\5\0",
		"TEXT 5"),
	KNOWN("wrapper with more to it", "BoolValue", "\x0a\4\x08\1\x10\1",
		"\2\1\2\x0c\x0a\4\x08\1\x10\1", "INT 1"),
	KNOWN("Struct", "Struct", "\x0a\x09\x0a\7\x0a\1k\x12\2\x20\1",
		"\2\x14{\"k\":true}\0", "TEXT {\"k\":true}"),
	KNOWN("Value that is nothing", "Value", "\x0a\0", "\2\x08null\0",
		"TEXT null"),
	KNOWN("Value of a number", "Value", "\x0a\x09\x11\0\0\0\0\0\0\x04\xc0",
		"\2\x08-2.5\0", "TEXT -2.5"),
	KNOWN("ListValue", "ListValue", "\x0a\5\x0a\3\x1a\1x",
		"\2\x0a[\"x\"]\0", "TEXT [\"x\"]"),
	KNOWN("FieldMask", "FieldMask", "\x0a\5\x0a\3\x61_b", "\2\2\6a_b\0\0\0",
		"TEXT \"aB\""),
	KNOWN("Any", "Any", "\x0a\6\x0a\1u\x12\1\xff", "\2\2\2u\2\2\xff\0\0",
		"TEXT {\"typeUrl\":\"u\",\"value\":\"/w==\"}"),
	KNOWN("Empty", "Empty", "\x0a\0", "\2\0\0", "TEXT {}"),

	NAMED("map, none", "proto3", REPEATED, DPI_TYPE_MESSAGE, ".t.M.FEntry",
		"", "\0\0", "TEXT {}"),
	NAMED("map by key", "proto3", REPEATED, DPI_TYPE_MESSAGE, ".t.M.FEntry",
		"\x0a\6\x0a\1y\x12\1b\x0a\6\x0a\1x\x12\1a",
		"\4\2x\2\x61\2y\2\x62\0\0", "TEXT {\"x\":\"a\",\"y\":\"b\"}"),
	NAMED("the last of equal keys wins", "proto3", REPEATED,
		DPI_TYPE_MESSAGE, ".t.M.FEntry",
		"\x0a\6\x0a\1x\x12\1b\x0a\6\x0a\1x\x12\1a", "\2\2x\2\x61\0\0",
		"TEXT {\"x\":\"a\"}"),
	NAMED("an entry without its parts", "proto3", REPEATED,
		DPI_TYPE_MESSAGE, ".t.M.FEntry", "\x0a\0", "\2\0\0\0\0",
		"TEXT {\"\":\"\"}"),
	NAMED("an entry the other way round", "proto3", REPEATED,
		DPI_TYPE_MESSAGE, ".t.M.FEntry", "\x0a\6\x12\1\x61\x0a\1x",
		"\2\2x\2\x61\0\0", "TEXT {\"x\":\"a\"}"),
	NAMED("an entry with more to it is kept", "proto3", REPEATED,
		DPI_TYPE_MESSAGE, ".t.M.FEntry",
		"\x0a\x08\x0a\1x\x12\1\x61\x18\1",
		"\2\2x\2\x61\0\2\x14\x0a\x08\x0a\1x\x12\1\x61\x18\1",
		"TEXT {\"x\":\"a\"}"),
};

static void describe_helpers(struct set_builder *b)
{
	begin_enum(b, "E");
	value(b, "ZERO", 0);
	value(b, "ONE", 1);
	value(b, "TWO", 2);
	value(b, "ZWEI", 2);
	begin(b, 3); /* EnumOptions.allow_alias */
	number(b, 2, 1);
	end(b);
	end(b);
	begin_message(b, "Sub");
	field(b, "a", 1, OPTIONAL, DPI_TYPE_INT32, NULL);
	field(b, "s", 2, OPTIONAL, DPI_TYPE_STRING, NULL);
	end(b);
}

static void describe(struct set_builder *b, const struct mapping *m)
{
	static const char *const imports[] = {"any", "duration", "empty",
		"field_mask", "struct", "timestamp", "wrappers"};
	char path[64];

	begin_file(b, "t.proto", "t", m->syntax);
	for (size_t i = 0; i < sizeof(imports) / sizeof(imports[0]); i++) {
		snprintf(path, sizeof(path), "google/protobuf/%s.proto",
			imports[i]);
		import(b, path);
	}
	describe_helpers(b);
	begin_message(b, "M");
	field(b, "f", 1, m->label, m->type, m->type_name);
	if (m->type_name != NULL && strcmp(m->type_name, ".t.M.FEntry") == 0) {
		begin_nested(b, "FEntry");
		field(b, "key", 1, OPTIONAL, DPI_TYPE_STRING, NULL);
		field(b, "value", 2, OPTIONAL, DPI_TYPE_STRING, NULL);
		begin(b, 7); /* MessageOptions.map_entry */
		number(b, 7, 1);
		end(b);
		end(b);
	} else if (m->type == DPI_TYPE_GROUP) {
		begin_nested(b, "F");
		field(b, "a", 1, OPTIONAL, DPI_TYPE_INT32, NULL);
		end(b);
	}
	end(b);
	end(b);
}

static void print_bytes(const char *what, const void *data, size_t size)
{
	print_message("%s:", what);
	for (size_t i = 0; i < size; i++) {
		print_message(" %02x", ((const uint8_t *)data)[i]);
	}
	print_message("\n");
}

static void check_datum(struct coder_rig *rig, const struct mapping *m)
{
	if (coder_rig_avro(rig, m->wire) != DP_OK ||
		rig->out.size != m->datum.size ||
		memcmp(rig->out.data, m->datum.data, rig->out.size) != 0) {
		print_bytes("expected", m->datum.data, m->datum.size);
		print_bytes("encoded", rig->out.data, rig->out.size);
		fail_msg("%s: %s", m->what, dp_error_message(rig->err));
	}
}

static void check(const struct mapping *m)
{
	struct coder_rig rig;

	coder_rig_init(&rig);
	describe(&rig.set, m);
	coder_rig_plan(&rig, "t.M");
	check_datum(&rig, m); /* straight, if it can be */
	rig.coder->scans_left = 1;
	check_datum(&rig, m);
	if (coder_rig_row(&rig, m->wire) != DP_OK ||
		strcmp(coder_rig_cell(&rig, "f"), m->cell) != 0) {
		fail_msg("%s: %s: %s", m->what, dp_error_message(rig.err),
			coder_rig_cell(&rig, "f"));
	}
	coder_rig_fini(&rig);
}

static void every_construct_is_what_the_mapping_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(mappings) / sizeof(mappings[0]); i++) {
		check(&mappings[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_construct_is_what_the_mapping_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
