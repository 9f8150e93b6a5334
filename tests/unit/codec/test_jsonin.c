/* SPDX-License-Identifier: Apache-2.0 */
#include "json_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

struct example {
	const char *json;
	const char *result; /* read and written again, or a part of the error */
};

static void check(const char *type, uint64_t flags,
	const struct example *examples, size_t count)
{
	dp_codec_options opts = DP_CODEC_OPTIONS_INIT;
	struct json_rig rig;

	opts.json = flags;
	json_rig_init(&rig, type, &opts);
	for (size_t i = 0; i < count; i++) {
		const char *result = json_rig_again(&rig, examples[i].json);
		bool is_error = examples[i].result[0] != '{';

		/* Only what reads JSON tells a line. */
		if (is_error ? strstr(result, "line ") == NULL ||
					strstr(result, examples[i].result) ==
						NULL
			     : strcmp(result, examples[i].result) != 0) {
			fail_msg("%s: %s", examples[i].json, result);
		}
	}
	json_rig_fini(&rig);
}

static void scalars_are_read_in_every_form(void **state)
{
	static const struct example examples[] = {
		{"{}", "{}"},
		{" \t\r\n{ \"b\" : true , \"i\" : -5 } \n",
			"{\"b\":true,\"i\":-5}"},
		{"{\"i\":1e3}", "{\"i\":1000}"},
		{"{\"i\":\"-1.50e1\"}", "{\"i\":-15}"},
		{"{\"i\":-2147483648}", "{\"i\":-2147483648}"},
		{"{\"i\":0,\"b\":false,\"someText\":\"\"}", "{}"},
		{"{\"u\":18446744073709551615}",
			"{\"u\":\"18446744073709551615\"}"},
		{"{\"u\":\"1844674407370955161.5e1\"}",
			"{\"u\":\"18446744073709551615\"}"},
		{"{\"l\":\"-9223372036854775808\"}",
			"{\"l\":\"-9223372036854775808\"}"},
		{"{\"f\":3.4028235e38}", "{\"f\":3.40282347e+38}"},
		{"{\"f\":\"NaN\",\"d\":\"-Infinity\"}",
			"{\"f\":\"NaN\",\"d\":\"-Infinity\"}"},
		{"{\"d\":-0}", "{\"d\":-0}"},
		{"{\"d\":\"1.5\"}", "{\"d\":1.5}"},
		{"{\"someText\":\"a\"}", "{\"someText\":\"a\"}"},
		{"{\"some_text\":\"a\"}", "{\"someText\":\"a\"}"},
		{"{\"\\u0073omeText\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}",
			"{\"someText\":\"\\\"\\\\/\\b\\f\\n\\r\\t\"}"},
		{"{\"someText\":\"\\u00fc\\ud83d\\ude00 \xc3\xbc\"}",
			"{\"someText\":\"\xc3\xbc\xf0\x9f\x98\x80 \xc3\xbc\"}"},
		{"{\"y\":\"+/8=\"}", "{\"y\":\"+/8=\"}"},
		{"{\"y\":\"-_8\"}", "{\"y\":\"+/8=\"}"},
		{"{\"y\":\"\\u002b/8=\"}", "{\"y\":\"+/8=\"}"},
		{"{\"e\":\"UNO\"}", "{\"e\":\"ONE\"}"},
		{"{\"e\":1}", "{\"e\":\"ONE\"}"},
		{"{\"e\":7}", "{\"e\":7}"},
		{"{\"i\":null,\"child\":null,\"intList\":null,\"m\":null}",
			"{}"},
	};

	(void)state;
	check("t.M", 0, examples, COUNT(examples));
}

static void messages_lists_and_maps_are_read(void **state)
{
	static const struct example examples[] = {
		{"{\"child\":{\"child\":{}},\"many\":[{},{\"i\":1}]}",
			"{\"child\":{\"child\":{}},\"many\":[{},{\"i\":1}]}"},
		{"{\"intList\":[],\"words\":[\"\",\"a\"]}",
			"{\"words\":[\"\",\"a\"]}"},
		{"{\"intList\":[0,1,\"2\",3e0]}", "{\"intList\":[0,1,2,3]}"},
		{"{\"m\":{\"2\":\"b\",\"-1\":\"\"}}",
			"{\"m\":{\"-1\":\"\",\"2\":\"b\"}}"},
		{"{\"names\":{\"\":{},\"x\":{\"i\":2}}}",
			"{\"names\":{\"\":{},\"x\":{\"i\":2}}}"},
		{"{\"x\":null,\"z\":null}", "{\"z\":null}"},
		{"{\"x\":0}", "{\"x\":0}"},
		{"{\"n\":null,\"n\":1}", "there twice"},
	};

	(void)state;
	check("t.M", 0, examples, COUNT(examples));
}

static void well_known_types_have_forms_of_their_own(void **state)
{
	static const struct example examples[] = {
		{"{\"time\":\"2024-02-29T12:00:00.5Z\"}",
			"{\"time\":\"2024-02-29T12:00:00.500Z\"}"},
		{"{\"time\":\"0001-01-01T01:00:00+01:00\"}",
			"{\"time\":\"0001-01-01T00:00:00Z\"}"},
		{"{\"time\":\"9999-12-31T23:59:59.999999999Z\"}",
			"{\"time\":\"9999-12-31T23:59:59.999999999Z\"}"},
		{"{\"time\":\"0001-01-01T00:00:00+01:00\"}", "1 to 9999"},
		{"{\"time\":\"2023-02-29T12:00:00Z\"}", "expected a time"},
		{"{\"time\":\"2024-02-29t12:00:00Z\"}", "expected a time"},
		{"{\"time\":\"2024-02-29T12:00:00\"}", "expected a time"},
		{"{\"time\":\"2024-02-29T12:00:00.Z\"}", "expected a time"},
		{"{\"time\":\"2024-02-29T12:00:00.1234567890Z\"}",
			"expected a time"},
		{"{\"span\":\"-0.5s\"}", "{\"span\":\"-0.500s\"}"},
		{"{\"span\":\"315576000001s\"}", "at most"},
		{"{\"span\":\"1\"}", "expected a duration"},
		{"{\"mask\":\"fooBar,a.b\"}", "{\"mask\":\"fooBar,a.b\"}"},
		{"{\"mask\":\"\"}", "{\"mask\":\"\"}"},
		{"{\"mask\":\"foo_bar\"}", "no '_'"},
		{"{\"w\":\"7\"}", "{\"w\":\"7\"}"},
		{"{\"w\":0}", "{\"w\":\"0\"}"},
		{"{\"w\":null,\"v\":null}", "{\"v\":null}"},
		{"{\"st\":{\"a\":[1,null,\"x\",true,{}]}}",
			"{\"st\":{\"a\":[1,null,\"x\",true,{}]}}"},
		{"{\"v\":{\"b\":[[],-0.5]}}", "{\"v\":{\"b\":[[],-0.5]}}"},
		{"{\"st\":{\"a\":1,\"b\":2,\"a\":3}}", "there twice"},
		{"{\"em\":{}}", "{\"em\":{}}"},
		{"{\"em\":{\"a\":1}}", "no field \"a\""},
	};

	(void)state;
	check("t.M", 0, examples, COUNT(examples));
}

static void an_any_may_say_its_type_late(void **state)
{
	static const struct example examples[] = {
		{"{\"any\":{}}", "{\"any\":{}}"},
		{"{\"any\":{\"i\":1,\"child\":{\"b\":true},\"@type\":\"x/t.M\"}"
		 "}",
			"{\"any\":{\"@type\":\"x/t.M\",\"i\":1,\"child\":{"
			"\"b\":true}}}"},
		{"{\"any\":{\"value\":\"1.5s\",\"@type\":"
		 "\"type.googleapis.com/google.protobuf.Duration\"}}",
			"{\"any\":{\"@type\":\"type.googleapis.com/"
			"google.protobuf.Duration\",\"value\":\"1.500s\"}}"},
		{"{\"any\":{\"@type\":\"x/google.protobuf.Any\",\"value\":{"
		 "\"@type\":\"x/t.M\",\"e\":1}}}",
			"{\"any\":{\"@type\":\"x/google.protobuf.Any\","
			"\"value\":{\"@type\":\"x/t.M\",\"e\":\"ONE\"}}}"},
		{"{\"any\":{\"@type\":\"\",\"value\":\"\"}}", "no type"},
		{"{\"any\":{\"@type\":\"x/no.Type\"}}", "\"x/no.Type\""},
		{"{\"any\":{\"i\":1}}", "no \"@type\""},
		{"{\"any\":{\"@type\":\"x/t.M\",\"@type\":\"x/t.M\"}}",
			"there twice"},
		{"{\"any\":{\"@type\":\"x/google.protobuf.Duration\"}}",
			"has a \"value\""},
		{"{\"any\":{\"@type\":\"x/t.M\",\"nope\":1}}", "no field"},
	};

	(void)state;
	check("t.M", 0, examples, COUNT(examples));
}

static void what_is_wrong_is_told_with_its_place(void **state)
{
	static const struct example examples[] = {
		{"", "t.M: line 1, column 1: expected an object"},
		{"[]", "expected an object"},
		{"{} {}", "line 1, column 4: more follows"},
		{"{\"child\":\n {\"many\":[{},\n  {\"i\":1.5}]}}",
			"t.M: child.many[1].i: line 3, column 11: expected a "
			"whole number"},
		{"{\"nope\\n\":1}",
			"column 2: the message has no field "
			"\"nope?\""},
		{"{\"i\":1,}", "nothing follows"},
		{"{\"i\":1 \"b\":true}", "expected ',' or '}'"},
		{"{\"intList\":[1,]}", "nothing follows"},
		{"{\"intList\":[1 2]}", "expected ',' or ']'"},
		{"{\"intList\":[null]}", "null is no element"},
		{"{\"intList\":1}", "expected an array"},
		{"{\"m\":{\"1\":null}}", "null is no value"},
		{"{\"m\":{\"1\":\"\",\"1.0\":\"\"}}", "key of the map"},
		{"{\"m\":{\"a\":\"\"}}", "the string is no number"},
		{"{\"m\":{1:\"\"}}", "expected a string"},
		{"{i:1}", "a name in quotes"},
		{"{\"i\" 1}", "expected ':'"},
		{"{\"i\":01}", "expected ',' or '}'"},
		{"{\"i\":+1}", "expected a number"},
		{"{\"i\":1.}", "expected a number"},
		{"{\"i\":\" 1\"}", "the string is no number"},
		{"{\"i\":\"\"}", "the string is no number"},
		{"{\"i\":2147483648}", "out of range"},
		{"{\"u\":-1}", "out of range"},
		{"{\"u\":1e20}", "out of range"},
		{"{\"f\":3.5e38}", "out of range"},
		{"{\"d\":1e309}", "out of range"},
		{"{\"d\":NaN}", "expected a number"},
		{"{\"b\":\"true\"}", "expected true or false"},
		{"{\"b\":truE}", "expected a value"},
		{"{\"e\":\"TWO\"}", "the enum has no value \"TWO\""},
		{"{\"y\":\"a\"}", "not Base64"},
		{"{\"y\":\"a b=\"}", "not Base64"},
		{"{\"someText\":1}", "expected a string"},
		{"{\"someText\":\"a", "does not end"},
		{"{\"someText\":\"a\\", "does not end"},
		{"{\"someText\":\"\n\"}", "control character"},
		{"{\"someText\":\"\\x\"}", "no such escape"},
		{"{\"someText\":\"\\U0041\"}", "no such escape"},
		{"{\"someText\":\"\\u12\"}", "no such escape"},
		{"{\"someText\":\"\\ud800\"}", "no such escape"},
		{"{\"someText\":\"\\ude00\\ud83d\"}", "no such escape"},
		{"{\"someText\":\"\\ud83d\\u0041\"}", "no such escape"},
		{"{\"someText\":\"\xc0\x80\"}", "not UTF-8"},
		{"{\"someText\":\"\xed\xa0\x80\"}", "not UTF-8"},
		{"{\"i\":1,\"i\":1}", "the field is there twice"},
		{"{\"someText\":\"\",\"some_text\":\"\"}", "there twice"},
		{"{\"x\":1,\"z\":null}", "another field of its oneof"},
	};

	(void)state;
	check("t.M", 0, examples, COUNT(examples));
}

static void unknown_members_may_be_skipped(void **state)
{
	static const struct example examples[] = {
		{"{\"no\":{\"a\":[1,{}],\"b\":null},\"i\":1}", "{\"i\":1}"},
		{"{\"no\":[[],\"x\\n\",true,false,1e5]}", "{}"},
		{"{\"e\":\"TWO\",\"es\":[\"ONE\",\"TWO\",0]}",
			"{\"es\":[\"ONE\",\"ZERO\"]}"},
		{"{\"names\":{\"a\":{\"e\":\"TWO\"},\"b\":{}}}",
			"{\"names\":{\"a\":{},\"b\":{}}}"},
		{"{\"es\":[\"TWO\"],\"names\":{\"a\":{}}}",
			"{\"names\":{\"a\":{}}}"},
		{"{\"no\":[1,]}", "nothing follows"},
		{"{\"no\":{\"a\"}}", "expected ':'"},
		{"{\"no\":tru}", "expected a value"},
	};

	(void)state;
	check("t.M", DP_JSON_IGNORE_UNKNOWN, examples, COUNT(examples));
}

static void proto2_keeps_its_rules(void **state)
{
	static const struct example examples[] = {
		{"{\"must\":1}", "{\"must\":1}"},
		{"{\"must\":0,\"i\":0}", "{\"must\":0,\"i\":0}"},
		{"{}",
			"p.P: must: line 1, column 3: a required field is "
			"missing"},
		{"{\"must\":null}", "a required field is null"},
		{"{\"must\":1,\"grp\":{\"a\":\"x\"}}",
			"{\"must\":1,\"grp\":{\"a\":\"x\"}}"},
		{"{\"must\":1,\"[p.more]\":5}", "{\"must\":1,\"[p.more]\":5}"},
		{"{\"must\":1,\"more\":5}", "no field \"more\""},
		{"{\"must\":1,\"e\":2}", "the enum has no such number"},
		{"{\"must\":1,\"closed\":[1,\"ONE\"]}",
			"{\"must\":1,\"closed\":[\"ONE\",\"ONE\"]}"},
	};

	(void)state;
	check("p.P", 0, examples, COUNT(examples));
}

static void sizes_of_messages_are_filled_in(void **state)
{
	static const char expected[] = "\x4a\x9d\x01\x4a\x9a\x01\x32\x97\x01";
	char json[512] = "{\"child\":{\"child\":{\"someText\":\"";
	size_t size = strlen(json);
	struct json_rig rig;
	dp_bytes wire;

	(void)state;
	memset(json + size, 'x', 151);
	strcpy(json + size + 151, "\"}}}");
	json_rig_init(&rig, "t.M", NULL);
	assert_int_equal(dp_codec_from_json(rig.codec, dpi_bytes_text(json),
				 &wire, &rig.err),
		DP_OK);
	assert_int_equal(wire.size, 9 + 151);
	assert_memory_equal(wire.data, expected, 9);
	json_rig_fini(&rig);
}

static void entries_have_both_fields(void **state)
{
	struct json_rig rig;
	dp_bytes wire;

	(void)state;
	json_rig_init(&rig, "t.M", NULL);
	assert_int_equal(dp_codec_from_json(rig.codec,
				 dpi_bytes_text("{\"m\":{\"0\":\"\"}}"), &wire,
				 &rig.err),
		DP_OK);
	assert_int_equal(wire.size, 6);
	assert_memory_equal(wire.data, "\x5a\4\x08\0\x12\0", 6);
	json_rig_fini(&rig);
}

/* Each entry is long, so that its size takes two bytes and its key moves. */
static void keys_are_told_apart_in_large_maps(void **state)
{
	static char json[32768];
	struct json_rig rig;

	(void)state;
	json_rig_init(&rig, "t.M", NULL);
	for (int twice = 0; twice < 2; twice++) {
		for (int count = 2; count < 40; count += 19) {
			char *p = json + sprintf(json, "{\"m\":{");

			for (int i = 0; i < count; i++) {
				p += sprintf(p, "\"%d\":\"%0*d\",",
					twice && i == count - 1 ? 0 : i * 1000,
					i % 2 ? 200 : 1, i);
			}
			strcpy(p - 1, "}}");
			assert_int_equal(strncmp(json_rig_again(&rig, json),
						 "DP_ESCHEMA", 10) == 0,
				twice);
		}
	}
	json_rig_fini(&rig);
}

/* {"child":{"child":… */
static void nest(char *json, int depth)
{
	json[0] = '\0';
	for (int i = 1; i < depth; i++) {
		strcat(json, "{\"child\":");
	}
	strcat(json, "{");
	for (int i = 0; i < depth; i++) {
		strcat(json, "}");
	}
}

static void depth_and_size_have_limits(void **state)
{
	static char json[2048];
	static char long_list[600000];
	struct json_rig rig;

	(void)state;
	json_rig_init(&rig, "t.M", NULL);
	nest(json, 64);
	assert_string_equal(json_rig_again(&rig, json), json);
	nest(json, 65);
	assert_non_null(strstr(json_rig_again(&rig, json),
		"messages are nested deeper than 64"));

	/* Two bytes each, and twelve as a Value. */
	strcpy(long_list, "{\"v\":[1");
	for (size_t i = 0; i < 250000; i++) {
		memcpy(long_list + 7 + 2 * i, ",1", 2);
	}
	strcpy(long_list + 500007, "]}");
	assert_non_null(
		strstr(json_rig_again(&rig, long_list), "it unfolds into"));
	json_rig_fini(&rig);
}

static void steady_json_allocates_nothing(void **state)
{
	static const char json[] =
		"{\"someText\":\"\\u0041\",\"y\":\"AAAA\",\"st\":{\"a\":1,"
		"\"b\":[{\"c\":null}]},\"m\":{\"1\":\"x\",\"2\":\"y\"}}";
	struct json_rig rig;
	dp_bytes wire;
	long made;

	(void)state;
	json_rig_init(&rig, "t.M", NULL);
	assert_int_equal(dp_codec_from_json(
				 rig.codec, dpi_bytes_text(json), &wire, NULL),
		DP_OK);
	made = rig.heap.made;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(dp_codec_from_json(rig.codec,
					 dpi_bytes_text(json), &wire, NULL),
			DP_OK);
	}
	assert_int_equal(rig.heap.made, made);
	json_rig_fini(&rig);
}

static void each_allocation_may_fail(void **state)
{
	static const char json[] = "{\"someText\":\"\\u0041\",\"m\":{\"1\":"
				   "\"x\"},\"y\":\"AAAA\"}";
	dp_status st = DP_ENOMEM;

	(void)state;
	for (long i = 0; st == DP_ENOMEM; i++) {
		struct json_rig rig;
		dp_bytes wire = {NULL, 77};

		json_rig_init(&rig, "t.M", NULL);
		rig.heap.fail_at = rig.heap.made + i;
		st = dp_codec_from_json(
			rig.codec, dpi_bytes_text(json), &wire, &rig.err);
		rig.heap.fail_at = -1;
		assert_true(
			st == DP_OK || (st == DP_ENOMEM && wire.size == 77));
		json_rig_fini(&rig);
	}
	assert_int_equal(st, DP_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scalars_are_read_in_every_form),
		cmocka_unit_test(messages_lists_and_maps_are_read),
		cmocka_unit_test(well_known_types_have_forms_of_their_own),
		cmocka_unit_test(an_any_may_say_its_type_late),
		cmocka_unit_test(what_is_wrong_is_told_with_its_place),
		cmocka_unit_test(unknown_members_may_be_skipped),
		cmocka_unit_test(proto2_keeps_its_rules),
		cmocka_unit_test(sizes_of_messages_are_filled_in),
		cmocka_unit_test(entries_have_both_fields),
		cmocka_unit_test(keys_are_told_apart_in_large_maps),
		cmocka_unit_test(depth_and_size_have_limits),
		cmocka_unit_test(steady_json_allocates_nothing),
		cmocka_unit_test(each_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
