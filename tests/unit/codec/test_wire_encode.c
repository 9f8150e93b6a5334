/* SPDX-License-Identifier: Apache-2.0 */
#include "json_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct wire_case {
	const char *what;
	const char *type;
	dp_bytes wire;
	const char *canonical; /* in base 16 */
};

#define CASE(what, type, wire, canonical) \
	{ \
		what, type, BYTES(wire), canonical \
	}

static const struct wire_case cases[] = {
	CASE("nothing", "t.M", "", ""),
	CASE("fields by number", "t.M", "\x32\1a\x10\2\x08\1",
		"08011002320161"),
	CASE("the last one counts", "t.M", "\x10\1\x10\2\x10\3", "1003"),
	CASE("zero is left out", "t.M",
		"\x08\0\x10\0\x18\0\x25\0\0\0\0\x32\0\x40\0", ""),
	CASE("negative zero is there", "t.M", "\x25\0\0\0\x80", "2500000080"),
	CASE("a zero of a oneof is there", "t.M", "\xa0\1\0", "a00100"),
	CASE("a oneof keeps its last", "t.M", "\xa8\1\0\xa0\1\0", "a00100"),
	CASE("a long varint is shortened", "t.M", "\x18\x81\x80\0", "1801"),
	CASE("a bool is 0 or 1", "t.M", "\x08\x05", "0801"),
	CASE("a narrow integer is cut and has its sign", "t.M",
		"\x10\xff\xff\xff\xff\x0f", "10ffffffffffffffffff01"),
	CASE("messages are put together", "t.M",
		"\x4a\2\x10\1\x08\1\x4a\2\x08\1", "08014a0408011001"),
	CASE("an empty message is there", "t.M", "\x4a\0", "4a00"),
	CASE("a list is packed as declared", "t.M", "\x52\2\1\2\x08\1\x50\3",
		"08015203010203"),
	CASE("an empty list is not there", "t.M", "\x52\0", ""),
	CASE("messages and strings of lists", "t.M",
		"\xc2\1\0\xba\1\2\x10\1\xc2\1\1a\xba\1\0",
		"ba01021001ba0100c20100c2010161"),
	CASE("a map by its keys, the last of each", "t.M",
		"\x5a\5\x08\5\x12\1v\x5a\2\x08\2\x5a\5\x08\5\x12\1w",
		"5a04080212005a050805120177"),
	CASE("a map of messages", "t.M", "\xca\1\7\x0a\1k\x12\2\x10\1\xca\1\0",
		"ca01040a001200ca01070a016b12021001"),
	CASE("what is not known comes last, as it came", "t.M",
		"\xc8\x3e\1\xd3\x3e\x08\1\xd4\x3e\x08\1",
		"0801c83e01d33e0801d43e"),
	CASE("text must be UTF-8", "t.M", "\x32\1\xff",
		"DP_ESCHEMA t.M: some_text: its text is not UTF-8"),
	CASE("and so must a key", "t.M", "\xca\1\3\x0a\1\xff",
		"DP_ESCHEMA t.M: names[0].key: its text is not UTF-8"),
	CASE("what is cut off", "t.M", "\x4a\1\x10",
		"DP_ESCHEMA t.M: child: a varint is cut off"),

	CASE("proto2: zero is there", "p.P", "\x08\0\x10\0", "08001000"),
	CASE("proto2: a group", "p.P", "\x08\1\x1b\x0a\1a\x0a\1b\x1c",
		"08011b0a01621c"),
	CASE("proto2: groups are put together", "p.P",
		"\x08\1\x1b\x0a\1a\x1c\x1b\x10\1\x1c", "08011b0a016110011c"),
	CASE("proto2: text need not be UTF-8", "p.P",
		"\x08\1\x1b\x0a\1\xff\x1c", "08011b0a01ff1c"),
	CASE("proto2: a list is not packed", "p.P", "\x08\1\x2a\2\1\1",
		"080128012801"),
	CASE("proto2: numbers that a closed enum lacks", "p.P",
		"\x20\7\x28\1\x28\x08\x08\1", "0801280120072808"),
	CASE("proto2: an extension", "p.P", "\xa0\6\5\x08\1", "0801a00605"),
	CASE("proto2: what is required and missing", "p.P", "\x10\1",
		"DP_ESCHEMA p.P: must: it is required, and missing"),
};

static void test_wire_is_what_a_parser_and_a_serializer_give(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json_rig rig;
		const char *text;

		json_rig_init(&rig, cases[i].type, NULL);
		text = json_rig_wire(&rig, cases[i].wire);
		if (strcmp(text, cases[i].canonical) != 0) {
			fail_msg("%s: %s instead of %s", cases[i].what, text,
				cases[i].canonical);
		}
		json_rig_fini(&rig);
	}
}

static void test_a_length_may_be_shorter_or_longer_than_it_was(void **state)
{
	static const uint8_t cut[] = {0x10, 0xff, 0xff, 0xff, 0xff, 0x0f};
	struct json_rig rig;
	uint8_t wire[256];
	dp_bytes out;

	(void)state;
	json_rig_init(&rig, "t.M", NULL);

	/* Two values of y, of 128 bytes and of one. */
	memset(wire, 'A', sizeof(wire));
	memcpy(wire, "\x4a\x86\1\x3a\x80\1", 6);
	memcpy(wire + 6 + 128, "\x3a\1", 2);
	assert_string_equal(
		json_rig_wire(&rig, dpi_bytes(wire, 3 + 134)), "4a033a0141");

	/* An integer that takes ten bytes; then unknown ones. */
	memcpy(wire, "\x4a\x7d", 2);
	memcpy(wire + 2, cut, sizeof(cut));
	memcpy(wire + 8, "\xfa\x3e\x74", 3);
	assert_int_equal(dp_codec_to_wire(rig.codec, dpi_bytes(wire, 2 + 125),
				 &out, NULL),
		DP_OK);
	assert_int_equal(out.size, 3 + 130);
	assert_memory_equal(out.data, "\x4a\x82\1\x10\xff", 5);
	assert_memory_equal((const uint8_t *)out.data + 3 + 11, wire + 8, 119);
	json_rig_fini(&rig);
}

/* Messages within messages, outermost first. */
static dp_bytes nest(uint8_t *bytes, size_t room, unsigned depth)
{
	uint8_t *end = bytes + room;
	uint8_t *p = end;

	for (unsigned i = 1; i < depth; i++) {
		uint8_t length[DPI_VARINT_MAX];
		size_t size = (size_t)(end - p);
		size_t width = (size_t)(dpi_put_varint(length, size) - length);

		p -= width;
		memcpy(p, length, width);
		*--p = 0x4a;
	}
	return dpi_bytes(p, (size_t)(end - p));
}

static void test_wire_is_64_messages_deep(void **state)
{
	struct json_rig rig;
	uint8_t bytes[512];
	dp_bytes wire = nest(bytes, sizeof(bytes), 64);
	dp_bytes out;

	(void)state;
	json_rig_init(&rig, "t.M", NULL);
	assert_int_equal(
		dp_codec_to_wire(rig.codec, wire, &out, &rig.err), DP_OK);
	assert_int_equal(out.size, wire.size);
	assert_memory_equal(out.data, wire.data, out.size);
	wire = nest(bytes, sizeof(bytes), 65);
	assert_int_equal(
		dp_codec_to_wire(rig.codec, wire, &out, &rig.err), DP_ETOOBIG);
	json_rig_fini(&rig);
}

static void test_wire_over_its_limit_is_refused(void **state)
{
	dp_codec_options opts = DP_CODEC_OPTIONS_INIT;
	struct json_rig rig;
	dp_bytes fits = BYTES("\x4a\2\x10\1\x32\4abcd");
	dp_bytes grows = BYTES("\x10\xff\xff\xff\xff\x0f");

	(void)state;
	opts.limit_bytes = 10;
	json_rig_init(&rig, "t.M", &opts);
	assert_string_equal(json_rig_wire(&rig, fits), "3204616263644a021001");
	assert_string_equal(json_rig_wire(&rig, grows),
		"DP_ETOOBIG t.M: i: its bytes are over the limit");
	assert_string_equal(json_rig_wire(&rig, fits), "3204616263644a021001");
	json_rig_fini(&rig);
}

static void test_wire_allocates_nothing_once_it_is_warm(void **state)
{
	struct json_rig rig;
	long made;

	(void)state;
	json_rig_init(&rig, "t.M", NULL);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		dp_bytes out;

		if (strcmp(cases[i].type, "t.M") != 0 ||
			cases[i].canonical[0] == 'D') {
			continue;
		}
		assert_int_equal(
			dp_codec_to_wire(rig.codec, cases[i].wire, &out, NULL),
			DP_OK);
		made = rig.heap.made;
		assert_int_equal(
			dp_codec_to_wire(rig.codec, cases[i].wire, &out, NULL),
			DP_OK);
		assert_int_equal(rig.heap.made, made);
	}
	json_rig_fini(&rig);
}

static const dp_bytes projected =
	BYTES("\x10\1\x32\1s\x4a\x0b\x08\1\x10\2\x32\1t\x4a\2\x10\3"
	      "\xba\1\4\x08\1\x10\5\xba\1\0\x5a\5\x08\5\x12\1w\xc8\x3e\1");

static void test_only_the_fields_that_are_asked_for_are_there(void **state)
{
	static const char *const fields[] = {
		"child.i", "child.child", "many.b", "m", "i"};
	dp_codec_options opts = DP_CODEC_OPTIONS_INIT;
	struct json_rig rig;

	(void)state;
	opts.fields = fields;
	opts.field_count = sizeof(fields) / sizeof(fields[0]);
	json_rig_init(&rig, "t.M", &opts);
	assert_string_equal(json_rig_wire(&rig, projected),
		"10014a0610024a0210035a050805120177ba01020801ba0100");
	assert_string_equal(json_rig_text(&rig, projected),
		"{\"i\":1,\"child\":{\"i\":2,\"child\":{\"i\":3}},"
		"\"m\":{\"5\":\"w\"},\"many\":[{\"b\":true},{}]}");
	json_rig_fini(&rig);
}

static void test_a_whole_field_has_its_parts(void **state)
{
	static const char *const fields[] = {"child", "child.i"};
	static const char *const other[] = {"child.i", "child"};
	dp_codec_options opts = DP_CODEC_OPTIONS_INIT;
	struct json_rig rig;

	(void)state;
	opts.field_count = 2;
	for (int i = 0; i < 2; i++) {
		opts.fields = i == 0 ? fields : other;
		json_rig_init(&rig, "t.M", &opts);
		assert_string_equal(json_rig_wire(&rig, projected),
			"4a0b080110023201744a021003");
		json_rig_fini(&rig);
	}
}

static void test_fields_that_are_not_asked_for_are_not_decoded(void **state)
{
	static const char *const fields[] = {"i"};
	dp_codec_options opts = DP_CODEC_OPTIONS_INIT;
	struct json_rig rig;
	dp_bytes broken_child = BYTES("\x10\1\x4a\1\x10");

	(void)state;
	opts.fields = fields;
	opts.field_count = 1;
	json_rig_init(&rig, "t.M", &opts);
	assert_string_equal(json_rig_wire(&rig, broken_child), "1001");
	json_rig_fini(&rig);
}

static void test_extensions_are_asked_for_by_their_full_names(void **state)
{
	static const char *const fields[] = {"p.more", "grp.a"};
	dp_codec_options opts = DP_CODEC_OPTIONS_INIT;
	struct json_rig rig;
	dp_bytes wire = BYTES("\x08\1\x1b\x0a\1a\x1c\xa0\6\5");

	(void)state;
	opts.fields = fields;
	opts.field_count = 2;
	json_rig_init(&rig, "p.P", &opts);
	assert_string_equal(json_rig_wire(&rig, wire), "1b0a01611ca00605");
	json_rig_fini(&rig);
}

static void test_a_path_to_nothing_is_refused(void **state)
{
	static const char *const bad[] = {"", "x.y", "no", "child.", "child..i",
		"child.no", "i.i", "m.value", "time.seconds", ".i", NULL};
	dp_codec_options opts = DP_CODEC_OPTIONS_INIT;
	struct json_rig rig;
	dp_codec *codec = NULL;

	(void)state;
	json_rig_init(&rig, "t.M", NULL);
	opts.field_count = 1;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		opts.fields = &bad[i];
		assert_int_equal(
			dp_codec_new(&codec, rig.schema, &opts, &rig.err),
			DP_EINVAL);
		assert_null(codec);
		dp_error_free(rig.err);
		rig.err = NULL;
	}
	json_rig_fini(&rig);
}

static void test_wire_survives_any_failing_allocation(void **state)
{
	static const char *const fields[] = {"child.i", "many"};
	dp_codec_options opts = DP_CODEC_OPTIONS_INIT;
	struct json_rig rig;
	bool is_done = false;

	(void)state;
	opts.fields = fields;
	opts.field_count = 2;
	json_rig_init(&rig, "t.M", NULL);
	for (long n = 0; !is_done; n++) {
		dp_codec *codec = NULL;
		dp_bytes out;
		dp_status st;

		rig.heap.made = 0;
		rig.heap.fail_at = n;
		st = dp_codec_new(&codec, rig.schema, &opts, NULL);
		if (st == DP_OK) {
			st = dp_codec_to_wire(codec, projected, &out, NULL);
		}
		is_done = st == DP_OK;
		assert_true(is_done || st == DP_ENOMEM);
		dp_codec_free(codec);
	}
	rig.heap.fail_at = -1;
	json_rig_fini(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_wire_is_what_a_parser_and_a_serializer_give),
		cmocka_unit_test(
			test_a_length_may_be_shorter_or_longer_than_it_was),
		cmocka_unit_test(test_wire_is_64_messages_deep),
		cmocka_unit_test(test_wire_over_its_limit_is_refused),
		cmocka_unit_test(test_wire_allocates_nothing_once_it_is_warm),
		cmocka_unit_test(
			test_only_the_fields_that_are_asked_for_are_there),
		cmocka_unit_test(test_a_whole_field_has_its_parts),
		cmocka_unit_test(
			test_fields_that_are_not_asked_for_are_not_decoded),
		cmocka_unit_test(
			test_extensions_are_asked_for_by_their_full_names),
		cmocka_unit_test(test_a_path_to_nothing_is_refused),
		cmocka_unit_test(test_wire_survives_any_failing_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
