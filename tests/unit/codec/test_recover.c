/* SPDX-License-Identifier: Apache-2.0 */
#include "json_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "codec/recover.h"
#include "coder_rig.h"

struct recover_case {
	const char *what;
	const char *type;
	const char *at;
	dp_bytes unknown;
	const char *result; /* JSON, a space, the rest in base 16 */
};

#define CASE(what, type, at, unknown, result) \
	{ \
		what, type, at, BYTES(unknown), result \
	}

static const struct recover_case cases[] = {
	CASE("nothing", "t.M", "", "", "{} "),
	CASE("fields that the schema has", "t.M", NULL, "\x32\1a\x10\2",
		"{\"i\":2,\"someText\":\"a\"} "),
	CASE("what is not known stays", "t.M", "", "\x10\1\xc8\x3e\1",
		"{\"i\":1} c83e01"),
	CASE("another wire type stays", "t.M", "", "\x12\1a\x10\1",
		"{\"i\":1} 120161"),
	CASE("lists and maps", "t.M", "", "\x52\2\1\2\x5a\5\x08\5\x12\1v",
		"{\"intList\":[1,2],\"m\":{\"5\":\"v\"}} "),
	CASE("the last of a oneof", "t.M", "", "\xa8\1\0\xa0\1\0",
		"{\"x\":0} "),
	CASE("what is not known inside is a member there", "t.M", "",
		"\x4a\5\xc8\x3e\1\x10\1",
		"{\"child\":{\"i\":1,\"_unknown\":\"yD4B\"}} "),
	CASE("what a value shows a part of stays whole", "t.M", "",
		"\x62\5\x08\1\xc8\x3e\1",
		"{\"time\":\"1970-01-01T00:00:01Z\"} 62050801c83e01"),
	CASE("an Any of any type has its bytes", "t.M", "",
		"\x82\1\7\x0a\2/x\x12\1b",
		"{\"any\":{\"typeUrl\":\"/x\",\"value\":\"Yg==\"}} "),
	CASE("a message inside", "t.M", "child", "\x10\1\xc8\x3e\1",
		"{\"i\":1} c83e01"),
	CASE("far inside, through a list and a map", "t.M",
		"many.names.value.child", "\x10\1", "{\"i\":1} "),
	CASE("a group", "p.P", "grp", "\x0a\1a\x10\1", "{\"a\":\"a\"} 1001"),
	CASE("what is required may be missing", "p.P", "", "\x10\1",
		"{\"i\":1} "),
	CASE("but not inside", "p.P", "", "\x32\0",
		"DP_ESCHEMA p.P: inside.must: it is required, and missing"),
	CASE("an extension", "p.P", "", "\xa0\6\5", "{\"[p.more]\":5} "),
	CASE("numbers of a closed enum", "p.P", "", "\x20\1\x28\1\x28\7",
		"{\"e\":\"ONE\",\"closed\":[\"ONE\"]} 2807"),
	CASE("what is cut off", "t.M", "child", "\x10\1\x3a\2",
		"DP_ESCHEMA t.M: a length reaches behind the end"),
	CASE("no field", "t.M", "child.none", "",
		"DP_EINVAL no message is at child.none: paths go by the names "
		"of fields, through messages, lists and maps"),
	CASE("no message", "t.M", "i", "",
		"DP_EINVAL no message is at i: paths go by the names of "
		"fields, through messages, lists and maps"),
	CASE("a value", "t.M", "time", "",
		"DP_EINVAL no message is at time: paths go by the names of "
		"fields, through messages, lists and maps"),
	CASE("a dot at the end", "t.M", "child.", "",
		"DP_EINVAL no message is at child.: paths go by the names "
		"of fields, through messages, lists and maps"),
};
#define CASE_COUNT (sizeof(cases) / sizeof(cases[0]))

static const char *recovered(
	struct json_rig *rig, const char *at, dp_bytes unknown)
{
	static char text[1024];
	dp_bytes json = dpi_bytes("untouched", 9);
	dp_bytes rest = dpi_bytes("untouched", 9);
	int n;

	dp_error_free(rig->err);
	rig->err = NULL;
	if (dp_codec_recover(rig->codec, at, unknown, &json, &rest,
		    &rig->err) != DP_OK) {
		assert_string_equal(json.data, "untouched");
		assert_string_equal(rest.data, "untouched");
		snprintf(text, sizeof(text), "%s %s",
			dp_status_name(dp_error_code(rig->err)),
			dp_error_message(rig->err));
		return text;
	}
	n = snprintf(text, sizeof(text), "%.*s ", (int)json.size,
		(const char *)json.data);
	for (size_t i = 0; i < rest.size; i++) {
		n += snprintf(text + n, sizeof(text) - (size_t)n, "%02x",
			((const uint8_t *)rest.data)[i]);
	}
	return text;
}

static void what_a_schema_knows_is_recovered(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASE_COUNT; i++) {
		struct json_rig rig;
		const char *text;

		json_rig_init(&rig, cases[i].type, NULL);
		text = recovered(&rig, cases[i].at, cases[i].unknown);
		if (strcmp(text, cases[i].result) != 0) {
			fail_msg("%s: %s instead of %s", cases[i].what, text,
				cases[i].result);
		}
		json_rig_fini(&rig);
	}
}

static void flags_change_names_and_add_no_zeros(void **state)
{
	dp_codec_options opts = DP_CODEC_OPTIONS_INIT;
	struct json_rig rig;

	(void)state;
	opts.json = DP_JSON_FIELD_NAMES | DP_JSON_ZEROS | DP_JSON_ENUM_NUMBERS;
	json_rig_init(&rig, "t.M", &opts);
	assert_string_equal(
		recovered(&rig, "", dpi_bytes("\x32\1a\x40\1\x4a\0", 7)),
		"{\"some_text\":\"a\",\"e\":1,\"child\":{}} ");
	json_rig_fini(&rig);
}

static void a_codec_of_some_fields_recovers_nothing(void **state)
{
	static const char *const fields[] = {"i"};
	dp_codec_options opts = DP_CODEC_OPTIONS_INIT;
	struct json_rig rig;
	dp_bytes json;

	(void)state;
	opts.fields = fields;
	opts.field_count = 1;
	json_rig_init(&rig, "t.M", &opts);
	assert_string_equal(recovered(&rig, "", dpi_bytes("\x10\1", 2)),
		"DP_EINVAL to recover fields takes a codec of all fields, and "
		"a place for what is left");
	assert_int_equal(dp_codec_recover(rig.codec, "", dpi_bytes("", 0),
				 &json, NULL, NULL),
		DP_EINVAL);
	assert_int_equal(dp_codec_recover(NULL, "", dpi_bytes("", 0), &json,
				 &json, NULL),
		DP_EINVAL);
	json_rig_fini(&rig);
}

static void a_limit_and_memory_that_lacks_are_told(void **state)
{
	static const dp_bytes unknown = BYTES("\x52\2\1\2\x32\1a\xc8\x3e\1");
	dp_codec_options opts = DP_CODEC_OPTIONS_INIT;
	struct json_rig rig;
	long n = 0;
	dp_status st;

	(void)state;
	opts.limit_bytes = 31; /* {"someText":"a","intList":[1,2]} is 32 */
	json_rig_init(&rig, "t.M", &opts);
	assert_string_equal(recovered(&rig, "", unknown),
		"DP_ETOOBIG t.M: int_list[1]: its JSON is over the limit");
	do {
		dp_codec *codec = NULL;
		dp_bytes json;
		dp_bytes rest;

		rig.heap.made = 0;
		rig.heap.fail_at = n++;
		st = dp_codec_new(&codec, rig.schema, NULL, NULL);
		if (st == DP_OK) {
			st = dp_codec_recover(
				codec, "", unknown, &json, &rest, NULL);
		}
		assert_true(st == DP_OK || st == DP_ENOMEM);
		dp_codec_free(codec);
	} while (st != DP_OK);
	assert_true(n > 10);
	rig.heap.fail_at = -1;
	json_rig_fini(&rig);
}

/*
 * Columns: 0 must, 1 e, 2 list, 3 x, 4 y, 5 zero, 6 which_case, 7 _unknown.
 */
static void describe_row(struct set_builder *b)
{
	begin_file(b, "r.proto", "r", "proto2");
	begin_enum(b, "E");
	value(b, "ONE", 1);
	end(b);
	begin_message(b, "R");
	field(b, "must", 1, REQUIRED, DPI_TYPE_INT32, NULL);
	field(b, "e", 2, OPTIONAL, DPI_TYPE_ENUM, ".r.E");
	field(b, "list", 3, REPEATED, DPI_TYPE_ENUM, ".r.E");
	begin_field(b, "x", 4, OPTIONAL, DPI_TYPE_INT32, NULL);
	number(b, 9, 0); /* oneof_index */
	end(b);
	begin_field(b, "y", 5, OPTIONAL, DPI_TYPE_STRING, NULL);
	number(b, 9, 0);
	end(b);
	field(b, "text", 6, OPTIONAL, DPI_TYPE_STRING, NULL);
	begin(b, 8); /* oneof_decl */
	text(b, 1, "which");
	end(b);
	end(b);
	end(b);
}

struct row_case {
	const char *what;
	dp_bytes unknown;
	const char *filled; /* columns, one digit each */
	const char *cells;
};

#define ROW(what, unknown, filled, cells) \
	{ \
		what, BYTES(unknown), filled, cells \
	}

static const struct row_case rows[] = {
	ROW("what is not there is not touched", "", "", "- - - - - - - -"),
	ROW("a value", "\x32\1a", "", "- - - - - TEXT:a - -"),
	ROW("an empty one", "\x32\0", "", "- - - - - TEXT: - -"),
	ROW("a list that the row has stays", "\x18\1\x32\1a", "2",
		"- - - - - TEXT:a - BLOB:1801"),
	ROW("a list with numbers that are known now and not", "\x1a\3\1\7\1",
		"",
		"- - TEXT:[\"ONE\",\"ONE\"] - - - - "
		"BLOB:1807"),
	ROW("a member of a oneof", "\x20\5", "", "- - - INT:5 - - TEXT:x -"),
	ROW("the last one of two", "\x20\5\x2a\1b", "",
		"- - - - TEXT:b - TEXT:y -"),
	ROW("a oneof that has a value keeps it", "\x20\5\x32\1a", "46",
		"- - - - - TEXT:a - BLOB:2005"),
	ROW("in pieces, those between stay", "\x32\1a\x20\5\x32\1b\x10\1", "3",
		"- TEXT:ONE - - - TEXT:b - BLOB:2005"),
	ROW("not known, and filled", "\x48\1\x20\5", "3",
		"- - - - - - - BLOB:20054801"),
	ROW("cut off behind what stays", "\x20\5\x32\2", "3",
		"DP_ESCHEMA r.R: a length reaches behind the end"),
	ROW("no tag", "\x07", "",
		"DP_ESCHEMA r.R: a tag is cut off or not valid"),
};

static void put_cell(char *text, size_t size, const dpi_cell *cell)
{
	static const char *const kinds[] = {"-", "INT:", "", "TEXT:", "BLOB:"};
	size_t n = strlen(text);

	n += (size_t)snprintf(text + n, size - n, "%s%s", n > 0 ? " " : "",
		kinds[cell->kind]);
	if (cell->kind == DPI_CELL_INT) {
		snprintf(text + n, size - n, "%d", (int)cell->integer);
	} else if (cell->kind == DPI_CELL_TEXT) {
		snprintf(text + n, size - n, "%.*s", (int)cell->bytes.size,
			(const char *)cell->bytes.data);
	}
	for (size_t i = 0; cell->kind == DPI_CELL_BLOB && i < cell->bytes.size;
		i++) {
		n += (size_t)snprintf(text + n, size - n, "%02x",
			((const uint8_t *)cell->bytes.data)[i]);
	}
}

static const char *recovered_row(
	struct coder_rig *rig, const struct row_case *c)
{
	static char text[1024];
	bool is_filled[8] = {false};

	for (const char *p = c->filled; *p != '\0'; p++) {
		is_filled[*p - '0'] = true;
	}
	dp_error_free(rig->err);
	rig->err = NULL;
	text[0] = '\0';
	if (dpi_row_recover(rig->row, rig->coder, c->unknown.data,
		    c->unknown.size, is_filled, rig->cells,
		    &rig->err) != DP_OK) {
		snprintf(text, sizeof(text), "%s %s",
			dp_status_name(dp_error_code(rig->err)),
			dp_error_message(rig->err));
		return text;
	}
	for (size_t i = 0; i < rig->cell_count; i++) {
		put_cell(text, sizeof(text), &rig->cells[i]);
	}
	return text;
}

static void a_row_gets_what_it_lacks(void **state)
{
	struct coder_rig rig;

	(void)state;
	coder_rig_init(&rig);
	describe_row(&rig.set);
	coder_rig_plan(&rig, "r.R");
	assert_int_equal(rig.cell_count, 8);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *text = recovered_row(&rig, &rows[i]);

		if (strcmp(text, rows[i].cells) != 0) {
			fail_msg("%s: %s instead of %s", rows[i].what, text,
				rows[i].cells);
		}
	}
	coder_rig_fini(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_schema_knows_is_recovered),
		cmocka_unit_test(flags_change_names_and_add_no_zeros),
		cmocka_unit_test(a_codec_of_some_fields_recovers_nothing),
		cmocka_unit_test(a_limit_and_memory_that_lacks_are_told),
		cmocka_unit_test(a_row_gets_what_it_lacks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
