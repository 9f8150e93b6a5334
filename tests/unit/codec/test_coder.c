/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "all_kinds.h"
#include "coder_rig.h"

static int set_up(void **state)
{
	static struct coder_rig rig;

	coder_rig_init(&rig);
	*state = &rig;
	return 0;
}

static int tear_down(void **state)
{
	coder_rig_fini(*state);
	return 0;
}

#define ALL \
	"\x0a\1i\x12\4\x08\1\x10\7\x1a\3\1\7\0\x22\x08\x0a\1j\x22\3\x0a\1k" \
	"\x2a\x0d\x0a\4\xf0\x9f\x98\x80\x12\5\x0a\1l\x18\1" \
	"\x32\x0b\x08\3\x11\1\2\3\4\5\6\7\x08\x3a\x0a\x32\x08\x0a\6\x1a\4" \
	"text\x42\4\x0a\2nm\x48\5\x4a\2\6\7\x53\x5b\x5c\x54"

static const dp_bytes all = BYTES(ALL);

static void a_oneof_keeps_its_last_member(void **state)
{
	static const dp_bytes message_then_other =
		BYTES("\x12\2\x08\5\x08\1\x12\2\x10\7");
	struct coder_rig *rig = *state;
	struct set_builder *b = &rig->set;

	begin_file(b, "t.proto", "t", "proto3");
	begin_message(b, "Sub");
	field(b, "x", 1, OPTIONAL, DPI_TYPE_INT32, NULL);
	field(b, "y", 2, OPTIONAL, DPI_TYPE_INT32, NULL);
	end(b);
	begin_message(b, "M");
	begin_field(b, "a", 1, OPTIONAL, DPI_TYPE_INT32, NULL);
	number(b, 9, 0); /* oneof_index */
	end(b);
	begin_field(b, "sub", 2, OPTIONAL, DPI_TYPE_MESSAGE, ".t.Sub");
	number(b, 9, 0);
	end(b);
	begin(b, 8); /* oneof_decl */
	text(b, 1, "kind");
	end(b);
	end(b);
	end(b);
	coder_rig_plan(rig, "t.M");

	assert_int_equal(coder_rig_row(rig, dpi_bytes(NULL, 0)), DP_OK);
	assert_string_equal(coder_rig_cell(rig, "kind_case"), "NULL");
	assert_int_equal(
		coder_rig_row(rig, dpi_bytes("\x12\0\x08\0", 4)), DP_OK);
	assert_string_equal(coder_rig_cell(rig, "kind_case"), "TEXT a");
	assert_string_equal(coder_rig_cell(rig, "a"), "INT 0");
	assert_string_equal(coder_rig_cell(rig, "sub"), "NULL");
	/* What was before another member was set does not come back. */
	assert_int_equal(coder_rig_row(rig, message_then_other), DP_OK);
	assert_string_equal(coder_rig_cell(rig, "sub"), "TEXT {\"y\":7}");
	assert_string_equal(coder_rig_cell(rig, "a"), "NULL");
	assert_int_equal(coder_rig_avro(rig, message_then_other), DP_OK);
	assert_int_equal(rig->out.size, 13);
	assert_memory_equal(rig->out.data, "\0\2\2\0\2\x0e\0\2\6sub\0", 13);
}

static void columns_have_names_of_their_own(void **state)
{
	struct coder_rig *rig = *state;
	struct set_builder *b = &rig->set;
	static const char *const names[] = {"_id", "ID", "id", "kind_case"};
	static const char *const expected[] = {"field_id", "ID", "id_2",
		"kind_case", "kind_case_2", "_unknown"};

	begin_file(b, "t.proto", "t", "proto3");
	begin_message(b, "M");
	for (unsigned i = 0; i < 4; i++) {
		begin_field(b, names[i], i + 1, OPTIONAL, DPI_TYPE_INT32, NULL);
		number(b, 9, 0);
		end(b);
	}
	begin(b, 8); /* oneof_decl */
	text(b, 1, "kind");
	end(b);
	end(b);
	end(b);
	coder_rig_plan(rig, "t.M");

	assert_int_equal(rig->cell_count, 6);
	for (size_t i = 0; i < 6; i++) {
		assert_string_equal(rig->columns[i].name, expected[i]);
		assert_int_equal(rig->columns[i].number, i < 4 ? i + 1 : 0);
	}
}

static void the_avro_schema_names_each_record_once(void **state)
{
	static const dpi_column_given given[] = {{"_id", "\"string\""}};
	static const char expected[] =
		"{\"type\":\"record\",\"name\":\"unnamed.M\",\"fields\":["
		"{\"name\":\"_id\",\"type\":\"string\"},"
		"{\"name\":\"a\",\"type\":[\"null\",{\"type\":\"record\","
		"\"name\":\"M.Sub\",\"fields\":[{\"name\":\"_unknown\","
		"\"type\":[\"null\",\"bytes\"],\"default\":null}]}],"
		"\"default\":null},"
		"{\"name\":\"b\",\"type\":{\"type\":\"array\",\"items\":"
		"\"M.Sub\"},\"default\":[]},"
		"{\"name\":\"n\",\"type\":[\"null\",{\"type\":\"bytes\","
		"\"logicalType\":\"decimal\",\"precision\":20,\"scale\":0}],"
		"\"default\":null},"
		"{\"name\":\"_unknown\",\"type\":[\"null\",\"bytes\"],"
		"\"default\":null}]}";
	struct coder_rig *rig = *state;
	struct set_builder *b = &rig->set;

	begin_file(b, "t.proto", "", "proto3");
	begin_message(b, "M");
	field(b, "a", 1, OPTIONAL, DPI_TYPE_MESSAGE, ".M.Sub");
	field(b, "b", 2, REPEATED, DPI_TYPE_MESSAGE, ".M.Sub");
	field(b, "n", 3, OPTIONAL, DPI_TYPE_UINT64, NULL);
	begin_nested(b, "Sub");
	end(b);
	end(b);
	end(b);
	coder_rig_plan(rig, "M");
	assert_int_equal(
		dpi_avro_schema(rig->avro, given, 1, &rig->out, NULL), DP_OK);
	assert_string_equal(dpi_buf_text(&rig->out), expected);
}

/* Puts a message of children depth deep at the end of bytes; its size. */
static size_t nest(uint8_t *bytes, size_t room, unsigned depth)
{
	size_t at = room;

	while (depth-- > 0) {
		size_t size = room - at;

		if (size >= 0x80) {
			bytes[--at] = (uint8_t)(size >> 7);
			bytes[--at] = (uint8_t)(size | 0x80);
		} else {
			bytes[--at] = (uint8_t)size;
		}
		bytes[--at] = 0x0a;
	}
	return room - at;
}

static void describe_node(struct set_builder *b)
{
	begin_file(b, "t.proto", "t", "proto3");
	begin_message(b, "Node");
	field(b, "child", 1, OPTIONAL, DPI_TYPE_MESSAGE, ".t.Node");
	field(b, "leaf", 2, OPTIONAL, DPI_TYPE_STRING, NULL);
	end(b);
	end(b);
}

static void recursion_becomes_text_below_five_records(void **state)
{
	struct coder_rig *rig = *state;
	uint8_t bytes[64];
	size_t size = nest(bytes, sizeof(bytes), 6);

	describe_node(&rig->set);
	coder_rig_plan(rig, "t.Node");
	assert_int_equal(coder_rig_avro(rig,
				 dpi_bytes(bytes + sizeof(bytes) - size, size)),
		DP_OK);
	/* Four branches to the fifth record, and a string in that. */
	assert_memory_equal(rig->out.data, "\2\2\2\2\2\x18{\"child\":{}}", 18);
	dpi_buf_clear(&rig->out);
	assert_int_equal(
		dpi_avro_schema(rig->avro, NULL, 0, &rig->out, NULL), DP_OK);
	assert_non_null(strstr(dpi_buf_text(&rig->out), "\"t.Node_5\""));
	assert_null(strstr(dpi_buf_text(&rig->out), "\"t.Node_6\""));
}

static void messages_end_at_depth_64(void **state)
{
	struct coder_rig *rig = *state;
	uint8_t bytes[512];

	describe_node(&rig->set);
	coder_rig_plan(rig, "t.Node");
	for (unsigned depth = 62; depth < 66; depth++) {
		size_t size = nest(bytes, sizeof(bytes), depth);
		dp_bytes wire = dpi_bytes(bytes + sizeof(bytes) - size, size);
		dp_status expected = depth < 64 ? DP_OK : DP_ETOOBIG;

		assert_int_equal(coder_rig_avro(rig, wire), expected);
		assert_int_equal(rig->out.size == 0, depth >= 64);
		assert_int_equal(coder_rig_row(rig, wire), expected);
	}
	assert_non_null(strstr(dp_error_message(rig->err),
		": messages are nested deeper than 64"));
}

static void an_error_says_where_and_what(void **state)
{
	static const struct {
		dp_bytes wire;
		const char *message;
	} cases[] = {
		{BYTES(""), "t.M: id: it is required, and missing"},
		{BYTES("\x0a\1i\x22\2\x0a\0\x22\0"),
			"t.M: children[1].id: it is required, and missing"},
		{BYTES("\x0a\2\xc3\x28"), "t.M: id: its text is not UTF-8"},
		{BYTES("\x0a\1i\x2a\5\x0a\3\xed\xa0\x80"),
			"t.M: by_name[0].key: its text is not UTF-8"},
		{BYTES("\x0a\5i"), "t.M: a length reaches behind the end"},
		{BYTES("\x0a\1i\x22\3\x0a\5j"),
			"t.M: children[0]: a length reaches behind the end"},
		{BYTES("\x0a\1i\x12\2\x08\x80"),
			"t.M: at: a varint is cut off"},
		{BYTES("\x0a\1i\x12\x0b\x08\xff\x91\xb8\xc3\x98\xfe\xff\xff"
		       "\xff\1"),
			"t.M: at: a Timestamp is from the year 1 to 9999"},
		{BYTES("\x0a\1i\x12\6\x10\x80\x94\xeb\xdc\3"),
			"t.M: at: nanos of a Timestamp are 0 to 999999999"},
		{BYTES("\x0a\1i\x4a\2\1\x80"),
			"t.M: packed values are cut off"},
		{BYTES("\x0a\1i\x3a\x09\x11\0\0\0\0\0\0\xf0\x7f"),
			"t.M: any.number_value: a Value has no form for NaN "
			"and Infinity"},
	};
	struct coder_rig *rig = *state;

	describe_all_kinds(&rig->set);
	coder_rig_plan(rig, "t.M");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(
			coder_rig_avro(rig, cases[i].wire), DP_ESCHEMA);
		assert_string_equal(
			dp_error_message(rig->err), cases[i].message);
		assert_int_equal(rig->out.size, 0);
		assert_int_equal(coder_rig_row(rig, cases[i].wire), DP_ESCHEMA);
		assert_string_equal(
			dp_error_message(rig->err), cases[i].message);
	}
}

static void a_failure_leaves_what_was_written_before(void **state)
{
	struct coder_rig *rig = *state;

	describe_all_kinds(&rig->set);
	coder_rig_plan(rig, "t.M");
	(void)dpi_buf_append_string(&rig->out, "before");
	for (size_t size = 0; size < all.size; size++) {
		dp_error *err = NULL;
		size_t start = rig->out.size;
		dp_status st = dpi_avro_encode(
			rig->avro, rig->coder, all.data, size, &rig->out, &err);

		assert_true((st == DP_OK) == (err == NULL));
		assert_true((st == DP_OK) == (rig->out.size > start));
		assert_int_equal(rig->out.failed, DP_OK);
		dp_error_free(err);
	}
	assert_memory_equal(rig->out.data, "before", 6);
}

/* In memory of just their size, for sanitizers to watch. */
static void encode_copy(
	struct coder_rig *rig, const uint8_t *bytes, size_t size)
{
	uint8_t *copy = malloc(size + (size == 0));
	dp_status avro, row;

	assert_non_null(copy);
	memcpy(copy, bytes, size);
	avro = coder_rig_avro(rig, dpi_bytes(copy, size));
	row = coder_rig_row(rig, dpi_bytes(copy, size));
	assert_true((avro == DP_OK) == (row == DP_OK));
	assert_true(avro == DP_OK || avro == DP_ESCHEMA || avro == DP_ETOOBIG);
	free(copy);
}

static void no_bytes_do_harm(void **state)
{
	struct coder_rig *rig = *state;
	uint8_t bytes[sizeof(ALL) - 1];
	uint64_t random = 88172645463325252u;

	describe_all_kinds(&rig->set);
	coder_rig_plan(rig, "t.M");
	assert_int_equal(coder_rig_avro(rig, all), DP_OK);
	for (size_t size = 0; size <= all.size; size++) {
		encode_copy(rig, all.data, size);
	}
	for (int round = 0; round < 20000; round++) {
		memcpy(bytes, all.data, sizeof(bytes));
		for (int flips = 0; flips < 1 + round % 4; flips++) {
			random ^= random << 13;
			random ^= random >> 7;
			random ^= random << 17;
			bytes[random % sizeof(bytes)] = (uint8_t)(random >> 32);
		}
		encode_copy(rig, bytes, sizeof(bytes));
	}
}

/* 1 MiB: an id, then bytes over and over. */
static dp_bytes million(const char *bytes, size_t size)
{
	static uint8_t room[1 << 20];
	size_t at = 3;

	memcpy(room, "\x0a\1i", at);
	for (; at + size <= sizeof(room); at += size) {
		memcpy(room + at, bytes, size);
	}
	return dpi_bytes(room, at);
}

static void a_hostile_million_costs_at_most_twice_itself(void **state)
{
	static const struct {
		dp_bytes again;
		dp_status status;
	} cases[] = {
		{BYTES("\x22\0"), DP_ESCHEMA}, /* children without an id */
		{BYTES("\x22\3\x0a\1x"), DP_ETOOBIG}, /* small ones */
		{BYTES("\x18\1\x48\1"), DP_ETOOBIG},  /* in turn */
		{BYTES("\x18\0"), DP_ETOOBIG},        /* long names */
		{BYTES("\x12\0"), DP_ETOOBIG},        /* a message in pieces */
		{BYTES("\x0b"), DP_ETOOBIG},          /* groups in groups */
		{BYTES("\x32\0"), DP_OK},             /* the same key */
		{BYTES("\x0a\0"), DP_OK},             /* the last wins */
		{BYTES("\xa0\6\1"), DP_OK},           /* unknown */
	};
	struct coder_rig *rig = *state;
	size_t before;

	describe_all_kinds(&rig->set);
	coder_rig_plan(rig, "t.M");
	before = rig->heap.live_bytes;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		dp_bytes wire =
			million(cases[i].again.data, cases[i].again.size);

		assert_int_equal(coder_rig_avro(rig, wire), cases[i].status);
		assert_true(rig->out.size <= 2 * wire.size);
		assert_int_equal(coder_rig_row(rig, wire), cases[i].status);
		/* The datum, and each of four buffers of the coder. */
		assert_true(rig->heap.live_bytes - before <=
			5 * 2 * (wire.size + 100));
	}
}

static void records_of_a_steady_load_allocate_nothing(void **state)
{
	struct coder_rig *rig = *state;
	long made;

	describe_all_kinds(&rig->set);
	coder_rig_plan(rig, "t.M");
	assert_int_equal(coder_rig_avro(rig, all), DP_OK);
	assert_int_equal(coder_rig_row(rig, all), DP_OK);
	made = rig->heap.made;
	for (int i = 0; i < 100; i++) {
		assert_int_equal(coder_rig_avro(rig, all), DP_OK);
		assert_int_equal(coder_rig_row(rig, all), DP_OK);
	}
	assert_int_equal(rig->heap.made, made);
}

/* All that a plan is good for; DP_ENOMEM at the first that fails. */
static dp_status use_all(
	const dp_allocator *alloc, dp_schema *schema, dpi_cell *cells)
{
	dpi_plan *avro = NULL;
	dpi_plan *row = NULL;
	dpi_coder *coder = NULL;
	dp_error *err = NULL;
	dpi_buf out;
	dp_status st;

	dpi_buf_init(&out, alloc, 1 << 20);
	st = dpi_plan_new(&avro, alloc, schema, DPI_TARGET_AVRO, &err);
	if (st == DP_OK) {
		st = dpi_plan_new(&row, alloc, schema, DPI_TARGET_ROW, &err);
	}
	if (st == DP_OK) {
		st = dpi_coder_new(&coder, alloc, &err);
	}
	if (st == DP_OK) {
		st = dpi_avro_schema(avro, NULL, 0, &out, &err);
		assert_true((st == DP_OK) == (out.size > 0));
	}
	if (st == DP_OK) {
		dpi_buf_clear(&out);
		st = dpi_avro_encode(
			avro, coder, all.data, all.size, &out, &err);
		assert_true((st == DP_OK) == (out.size > 0));
	}
	if (st == DP_OK) {
		st = dpi_row_encode(
			row, coder, all.data, all.size, cells, &err);
	}
	assert_int_equal(dp_error_code(err), st);
	dp_error_free(err);
	dpi_buf_fini(&out);
	dpi_coder_free(coder);
	dpi_plan_free(row);
	dpi_plan_free(avro);
	return st;
}

static void every_allocation_may_fail(void **state)
{
	struct coder_rig *rig = *state;
	dp_schema *schema = NULL;
	dpi_cell cells[32];
	struct test_heap heap;
	long total;

	describe_all_kinds(&rig->set);
	assert_int_equal(
		dpi_schema_new(&schema, &rig->heap.alloc, rig->set.buf.data,
			rig->set.buf.size, "t.M", NULL),
		DP_OK);
	test_heap_init(&heap);
	assert_int_equal(use_all(&heap.alloc, schema, cells), DP_OK);
	total = heap.made;
	assert_true(total > 10);
	for (long n = 0; n < 2 * total; n++) {
		test_heap_init(&heap);
		heap.fail_at = n / 2;
		heap.for_ever = n % 2 != 0;
		assert_int_equal(
			use_all(&heap.alloc, schema, cells), DP_ENOMEM);
		assert_int_equal(heap.live_bytes, 0);
		assert_int_equal(heap.live_blocks, 0);
	}
	dp_schema_unref(schema);
}

static void a_large_map_is_sorted_and_each_key_is_there_once(void **state)
{
	struct coder_rig *rig = *state;
	dpi_buf wire;
	const char *cell;
	int last = -1;
	int seen = 0;

	describe_all_kinds(&rig->set);
	coder_rig_plan(rig, "t.M");
	dpi_buf_init(&wire, &rig->heap.alloc, 1 << 20);
	(void)dpi_buf_append(&wire, "\x0a\1i", 3);
	for (unsigned i = 0; i < 1000; i++) {
		/* Keys 0 to 60, each many times, in no order. */
		uint8_t entry[] = {0x32, 2, 0x08, (uint8_t)(i * 37 % 61 * 2)};

		(void)dpi_buf_append(&wire, entry, sizeof(entry));
	}
	assert_int_equal(
		coder_rig_row(rig, dpi_bytes(wire.data, wire.size)), DP_OK);
	cell = coder_rig_cell(rig, "counts");
	for (cell = strchr(cell, '{'); *cell == '{' || *cell == ',';) {
		int key;

		assert_int_equal(sscanf(cell + 1, "\"%d\":0", &key), 1);
		assert_int_equal(key, last + 1);
		last = key;
		seen++;
		cell = strpbrk(cell + 1, ",}");
		assert_non_null(cell);
	}
	assert_int_equal(seen, 61);
	dpi_buf_fini(&wire);
}

static void an_event_is_at_most_16_mib(void **state)
{
	struct coder_rig *rig = *state;
	size_t size = (16u << 20) + 1;
	void *bytes = calloc(1, size);

	assert_non_null(bytes);
	describe_all_kinds(&rig->set);
	coder_rig_plan(rig, "t.M");
	assert_int_equal(
		coder_rig_avro(rig, dpi_bytes(bytes, size)), DP_ETOOBIG);
	assert_string_equal(
		dp_error_message(rig->err), "t.M: a message is at most 16 MiB");
	free(bytes);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_oneof_keeps_its_last_member),
		TEST(columns_have_names_of_their_own),
		TEST(the_avro_schema_names_each_record_once),
		TEST(recursion_becomes_text_below_five_records),
		TEST(messages_end_at_depth_64),
		TEST(an_error_says_where_and_what),
		TEST(a_failure_leaves_what_was_written_before),
		TEST(no_bytes_do_harm),
		TEST(a_hostile_million_costs_at_most_twice_itself),
		TEST(records_of_a_steady_load_allocate_nothing),
		TEST(every_allocation_may_fail),
		TEST(a_large_map_is_sorted_and_each_key_is_there_once),
		TEST(an_event_is_at_most_16_mib),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
