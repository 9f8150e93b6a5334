/* SPDX-License-Identifier: Apache-2.0 */
#include "json_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct json_case {
	const char *what;
	dp_bytes wire;
	const char *json;
};

#define CASE(what, wire, json) \
	{ \
		what, BYTES(wire), json \
	}

static const struct json_case cases[] = {
	CASE("nothing", "", "{}"),
	CASE("by number, not as declared", "\x52\1\5\x32\1a\x08\1",
		"{\"b\":true,\"someText\":\"a\",\"intList\":[5]}"),
	CASE("zero is left out", "\x08\0\x10\0\x18\0\x25\0\0\0\0\x32\0\x40\0",
		"{}"),
	CASE("64 bits are in quotes",
		"\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\1\xb0\1\3",
		"{\"u\":\"18446744073709551615\",\"l\":\"-2\"}"),
	CASE("32 bits are not", "\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\1",
		"{\"i\":-1}"),
	CASE("a field that is not known is left out",
		"\xc8\x3e\1\x08\1\xd3\x3e\x08\1\xd4\x3e", "{\"b\":true}"),
	CASE("a large number is found", "\x80\xea\x30\1", "{\"far\":true}"),
	CASE("the last one counts", "\x10\1\x10\2\x10\3", "{\"i\":3}"),

	CASE("float", "\x25\0\0\xc0\x3f", "{\"f\":1.5}"),
	CASE("float, shortest", "\x25\xcd\xcc\xcc\x3d", "{\"f\":0.1}"),
	CASE("float, negative zero", "\x25\0\0\0\x80", "{\"f\":-0}"),
	CASE("float, NaN", "\x25\0\0\xc0\x7f", "{\"f\":\"NaN\"}"),
	CASE("float, a million", "\x25\0\x24\x74\x49", "{\"f\":1e+06}"),
	CASE("double, a third", "\x29\x55\x55\x55\x55\x55\x55\xd5\x3f",
		"{\"d\":0.33333333333333331}"),
	CASE("double, negative zero", "\x29\0\0\0\0\0\0\0\x80", "{\"d\":-0}"),
	CASE("double, infinity", "\x29\0\0\0\0\0\0\xf0\x7f",
		"{\"d\":\"Infinity\"}"),
	CASE("double, negative infinity", "\x29\0\0\0\0\0\0\xf0\xff",
		"{\"d\":\"-Infinity\"}"),
	CASE("double, smallest", "\x29\1\0\0\0\0\0\0\0",
		"{\"d\":4.94065645841247e-324}"),
	CASE("double, largest", "\x29\xff\xff\xff\xff\xff\xff\xef\x7f",
		"{\"d\":1.7976931348623157e+308}"),

	CASE("text is escaped as in JSON", "\x32\x0b\"\\\b\f\n\r\t\0\x1f/a",
		"{\"someText\":\"\\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001f/a\"}"),
	CASE("and so that HTML may have it",
		"\x32\x0a<a>\x7f\xc2\x85\xe2\x80\xa8x",
		"{\"someText\":\"\\u003ca\\u003e\\u007f\\u0085\\u2028x\"}"),
	CASE("other text is itself",
		"\x32\x09gr\xc3\xbc\xc3\x9f"
		"e z",
		"{\"someText\":\"gr\xc3\xbc\xc3\x9f"
		"e z\"}"),
	CASE("above 16 bits", "\x32\x08\xf0\x9f\x98\x80\xf0\x9d\x85\xb3",
		"{\"someText\":\"\xf0\x9f\x98\x80\\ud834\\udd73\"}"),
	CASE("bytes", "\x3a\4\xff\xfe\xfd\0", "{\"y\":\"//79AA==\"}"),

	CASE("enum", "\x40\1", "{\"e\":\"ONE\"}"),
	CASE("enum, a number without a name", "\x40\7", "{\"e\":7}"),
	CASE("NullValue in a oneof", "\xa8\1\0", "{\"z\":null}"),
	CASE("a oneof keeps its last", "\xa8\1\0\xa0\1\0", "{\"x\":0}"),
	CASE("messages are put together", "\x4a\2\x10\1\x08\1\x4a\2\x08\1",
		"{\"b\":true,\"child\":{\"b\":true,\"i\":1}}"),
	CASE("an empty message is there", "\x4a\0", "{\"child\":{}}"),
	CASE("repeated, packed or not", "\x52\2\1\2\x08\1\x50\3",
		"{\"b\":true,\"intList\":[1,2,3]}"),
	CASE("packed, and none", "\x08\1\x52\0", "{\"b\":true}"),
	CASE("packed, in two runs", "\x52\1\1\x52\2\2\3",
		"{\"intList\":[1,2,3]}"),
	CASE("not packed", "\x50\1\x50\2\x98\1\0", "{\"intList\":[1,2]}"),
	CASE("text of every length",
		"\x32\x0b"
		"1234567890<\xc2\1\0\xc2\1\7"
		"1234567\xc2\1\x08"
		"12345678\xc2\1\x09"
		"123456789\xc2\1\x11"
		"12345678901234567",
		"{\"someText\":\"1234567890\\u003c\",\"words\":[\"\","
		"\"1234567\",\"12345678\",\"123456789\","
		"\"12345678901234567\"]}"),
	CASE("a map of one, and of many", "\x5a\2\x08\1\xca\1\5\x0a\1k\x12\0",
		"{\"m\":{\"1\":\"\"},\"names\":{\"k\":{}}}"),
	CASE("a wire type that the field has not", "\x08\1\x15\1\2\3\4",
		"{\"b\":true}"),
	CASE("repeated messages", "\xba\1\2\x10\1\xba\1\0",
		"{\"many\":[{\"i\":1},{}]}"),
	CASE("repeated strings", "\xc2\1\1a\xc2\1\0",
		"{\"words\":[\"a\",\"\"]}"),
	CASE("repeated enums", "\xd2\1\3\0\1\2",
		"{\"es\":[\"ZERO\",\"ONE\",2]}"),
	CASE("a map by its keys",
		"\x5a\5\x08\5\x12\1v\x5a\4\x08\2\x12\0\x5a\x0e\x08\xfe\xff\xff"
		"\xff\xff\xff\xff\xff\xff\1\x12\1n\x5a\5\x08\5\x12\1w",
		"{\"m\":{\"-2\":\"n\",\"2\":\"\",\"5\":\"w\"}}"),
	CASE("a map of messages", "\xca\1\7\x0a\1k\x12\2\x10\1\xca\1\0",
		"{\"names\":{\"\":{},\"k\":{\"i\":1}}}"),

	CASE("time", "\x62\x0a\x08\x80\xc5\xd0\xa1\6\x10\x80\x89\x7a",
		"{\"time\":\"2023-04-10T14:51:44.002Z\"}"),
	CASE("time, empty", "\x62\0", "{\"time\":\"1970-01-01T00:00:00Z\"}"),
	CASE("span",
		"\x6a\x16\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\1"
		"\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\1",
		"{\"span\":\"-1.000000001s\"}"),
	CASE("mask",
		"\x72\x0d\x0a\7"
		"a_b.c_d\x0a\2ok",
		"{\"mask\":\"aB.cD,ok\"}"),
	CASE("Struct",
		"\x7a\x2c\x0a\7\x0a\1n\x12\2\x08\0\x0a\x0e\x0a\1d\x12\x09\x11"
		"\0\0\0\0\0\0\xf8\x3f\x0a\x11\x0a\1l\x12\x0c\x32\x0a\x0a\2\x20"
		"\1"
		"\x0a\4\x1a\2<>",
		"{\"st\":{\"d\":1.5,\"l\":[true,\"\\u003c\\u003e\"],\"n\":null}"
		"}"),
	CASE("wrapper of zero", "\x8a\1\0", "{\"w\":\"0\"}"),
	CASE("Value of nothing", "\x92\1\0", "{\"v\":null}"),
	CASE("Empty", "\xda\1\0", "{\"em\":{}}"),

	CASE("Any, empty", "\x82\1\0", "{\"any\":{}}"),
	CASE("Any of a message", "\x82\1\x0a\x0a\4/t.M\x12\2\x10\1",
		"{\"any\":{\"@type\":\"/t.M\",\"i\":1}}"),
	CASE("Any of a message without fields", "\x82\1\6\x0a\4/t.M",
		"{\"any\":{\"@type\":\"/t.M\"}}"),
	CASE("Any of a value",
		"\x82\1\x22\x0a\x1cx.y/google.protobuf.Duration\x12\2\x08\1",
		"{\"any\":{\"@type\":\"x.y/google.protobuf.Duration\","
		"\"value\":\"1s\"}}"),
	CASE("Any in an Any",
		"\x82\1\x22\x0a\x14/google.protobuf.Any\x12\x0a\x0a\4/t.M\x12\2"
		"\x10\1",
		"{\"any\":{\"@type\":\"/google.protobuf.Any\",\"value\":"
		"{\"@type\":\"/t.M\",\"i\":1}}}"),
};

static const struct json_case refusals[] = {
	CASE("cut off", "\x08", "DP_ESCHEMA t.M: a varint is cut off"),
	CASE("not UTF-8", "\x4a\3\x32\1\xff",
		"DP_ESCHEMA t.M: child.some_text: its text is not UTF-8"),
	CASE("a time after 9999", "\x62\7\x08\x80\x83\xd1\xff\xaf\7",
		"DP_ESCHEMA t.M: time: a Timestamp is from the year 1 to 9999"),
	CASE("a span with two signs",
		"\x6a\x0d\x08\1\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\1",
		"DP_ESCHEMA t.M: span: nanos of a Duration are at most "
		"999999999, with the sign of its seconds"),
	CASE("a mask that does not come back",
		"\x72\5\x0a\3"
		"aBc",
		"DP_ESCHEMA t.M: mask.paths[0]: "
		"a path of a FieldMask has no form in JSON"),
	CASE("NaN in a Value", "\x92\1\x09\x11\0\0\0\0\0\0\xf8\x7f",
		"DP_ESCHEMA t.M: v.number_value: "
		"a Value has no form for NaN and Infinity"),
	CASE("an Any without a type", "\x82\1\4\x12\2\x08\1",
		"DP_ESCHEMA t.M: any.type_url: "
		"the schema does not have the type of an Any"),
	CASE("an Any of another type", "\x82\1\6\x0a\4/t.X",
		"DP_ESCHEMA t.M: any.type_url: "
		"the schema does not have the type of an Any: /t.X"),
	CASE("an Any whose bytes are not its type",
		"\x82\1\x09\x0a\4/t.M\x12\1\x08",
		"DP_ESCHEMA t.M: any.value: a varint is cut off"),
};

static void check(struct json_rig *rig, const struct json_case *c)
{
	const char *json = json_rig_text(rig, c->wire);

	if (strcmp(json, c->json) != 0) {
		fail_msg("%s:\n%s, and not\n%s", c->what, json, c->json);
	}
}

/* Fields that do not come by number: then events are scanned for a while. */
static const dp_bytes misfit = BYTES("\x10\1\x08\1");

/* Straight, if it can be, and scanned. */
static void check_both(
	const char *type, const struct json_case *all, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct json_rig rig;

		json_rig_init(&rig, type, NULL);
		check(&rig, &all[i]);
		(void)json_rig_text(&rig, misfit);
		check(&rig, &all[i]);
		json_rig_fini(&rig);
	}
}

static void each_construct_has_its_form(void **state)
{
	(void)state;
	check_both("t.M", cases, sizeof(cases) / sizeof(cases[0]));
}

static void what_has_no_form_is_refused(void **state)
{
	(void)state;
	check_both("t.M", refusals, sizeof(refusals) / sizeof(refusals[0]));
}

static void proto2_has_its_constructs(void **state)
{
	static const struct json_case proto2[] = {
		CASE("zero with presence", "\x08\0\x10\0",
			"{\"must\":0,\"i\":0}"),
		CASE("required", "\x10\1",
			"DP_ESCHEMA p.P: must: it is required, and missing"),
		CASE("two groups are one",
			"\x08\1\x1b\x0a\1q\x1c\x1b\x0a\1r\x1c",
			"{\"must\":1,\"grp\":{\"a\":\"r\"}}"),
		CASE("group in order", "\x08\1\x1b\x0a\1q\x1c",
			"{\"must\":1,\"grp\":{\"a\":\"q\"}}"),
		CASE("group cut off", "\x08\1\x1b\x0a\1q",
			"DP_ESCHEMA p.P: a group is cut off"),
		CASE("group, and required last", "\x1b\x0a\1q\x1c\x08\1",
			"{\"must\":1,\"grp\":{\"a\":\"q\"}}"),
		CASE("extension", "\x08\1\xa0\6\5",
			"{\"must\":1,\"[p.more]\":5}"),
		CASE("numbers that a closed enum lacks",
			"\x08\1\x20\7\x28\1\x28\7",
			"{\"must\":1,\"closed\":[\"ONE\"]}"),
	};
	(void)state;
	check_both("p.P", proto2, sizeof(proto2) / sizeof(proto2[0]));
}

static void options_change_names_zeros_and_enums(void **state)
{
	static const struct json_case named =
		CASE("names", "\x32\1a\x40\1\xa8\1\0",
			"{\"some_text\":\"a\",\"e\":1,\"z\":null}");
	dp_codec_options opts = DP_CODEC_OPTIONS_INIT;
	struct json_rig rig;

	(void)state;
	opts.json = DP_JSON_FIELD_NAMES | DP_JSON_ENUM_NUMBERS;
	json_rig_init(&rig, "t.M", &opts);
	check(&rig, &named);
	json_rig_fini(&rig);

	opts.json = DP_JSON_ZEROS;
	json_rig_init(&rig, "t.M", &opts);
	assert_string_equal(json_rig_text(&rig, dpi_bytes("\x10\1", 2)),
		"{\"b\":false,\"i\":1,\"u\":\"0\",\"f\":0,\"d\":0,"
		"\"someText\":\"\",\"y\":\"\",\"e\":\"ZERO\",\"intList\":[],"
		"\"m\":{},\"n\":null,\"l\":\"0\",\"many\":[],\"words\":[],"
		"\"names\":{},\"es\":[],\"far\":false}");
	json_rig_fini(&rig);
}

static void a_codec_refuses_bad_arguments(void **state)
{
	dp_codec_options opts = DP_CODEC_OPTIONS_INIT;
	dp_codec *codec = NULL;
	struct json_rig rig;
	dp_bytes json;

	(void)state;
	json_rig_init(&rig, "t.M", NULL);
	opts.json = 1u << 30;
	assert_int_equal(
		dp_codec_new(&codec, rig.schema, &opts, NULL), DP_EINVAL);
	assert_int_equal(dp_codec_new(&codec, NULL, NULL, NULL), DP_EINVAL);
	assert_null(codec);
	assert_int_equal(dp_codec_to_json(NULL, dpi_bytes("", 0), &json, NULL),
		DP_EINVAL);
	assert_int_equal(
		dp_codec_to_json(rig.codec, dpi_bytes("", 0), NULL, NULL),
		DP_EINVAL);
	dp_codec_free(NULL);
	json_rig_fini(&rig);
}

static void a_text_over_the_limit_is_refused(void **state)
{
	dp_codec_options opts = DP_CODEC_OPTIONS_INIT;
	struct json_rig rig;

	(void)state;
	opts.limit_bytes = 9;
	json_rig_init(&rig, "t.M", &opts);
	assert_string_equal(
		json_rig_text(&rig, dpi_bytes("\x10\1", 2)), "{\"i\":1}");
	assert_string_equal(json_rig_text(&rig, dpi_bytes("\x10\x90\x4e", 3)),
		"DP_ETOOBIG t.M: i: its JSON is over the limit");
	json_rig_fini(&rig);
}

static void a_warm_codec_allocates_nothing(void **state)
{
	struct json_rig rig;
	long made;

	(void)state;
	json_rig_init(&rig, "t.M", NULL);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		check(&rig, &cases[i]);
	}
	made = rig.heap.made;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		check(&rig, &cases[i]);
	}
	assert_int_equal(rig.heap.made, made);
	json_rig_fini(&rig);
}

static void a_codec_without_memory_says_so(void **state)
{
	static const dp_bytes wire =
		BYTES("\x52\2\1\2\x5a\5\x08\5\x12\1v\x5a\4\x08\2\x12\0");
	struct json_rig rig;
	long n = 0;
	dp_status st;

	(void)state;
	json_rig_init(&rig, "t.M", NULL);
	do {
		dp_codec *codec = NULL;
		dp_bytes json;

		rig.heap.made = 0;
		rig.heap.fail_at = n++;
		st = dp_codec_new(&codec, rig.schema, NULL, NULL);
		if (st == DP_OK) {
			st = dp_codec_to_json(codec, wire, &json, NULL);
		}
		assert_true(st == DP_OK || st == DP_ENOMEM);
		dp_codec_free(codec);
	} while (st != DP_OK);
	assert_true(n > 10);
	rig.heap.fail_at = -1;
	json_rig_fini(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_construct_has_its_form),
		cmocka_unit_test(what_has_no_form_is_refused),
		cmocka_unit_test(proto2_has_its_constructs),
		cmocka_unit_test(options_change_names_zeros_and_enums),
		cmocka_unit_test(a_codec_refuses_bad_arguments),
		cmocka_unit_test(a_text_over_the_limit_is_refused),
		cmocka_unit_test(a_warm_codec_allocates_nothing),
		cmocka_unit_test(a_codec_without_memory_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
