/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "schema/descriptor.h"
#include "schema/field_writer.h"
#include "sqlite_rig.h"

static void a_type_gets_a_table_with_a_column_for_each_field(void **state)
{
	struct sqlite_rig *rig = *state;

	rig_register(rig, 2);
	rig_open_sink(rig, NULL);
	rig_ok(rig, rig_offer(rig, 7, 2, 2));
	assert_int_equal(rig->refusals.count, 0);
	rig_ok(rig, rig_flush_upto(rig, 9));
	assert_string_equal(rig_query(rig,
				    "SELECT name, type FROM "
				    "pragma_table_info('shop.Paid')"),
		"_id|TEXT\n_source|TEXT\n_time|TEXT\n_topic|TEXT\n"
		"_topic_partition|INTEGER\n_offset|INTEGER\nwho|TEXT\n"
		"amount|INTEGER\nlist|JSON TEXT\ninner|JSON TEXT\n"
		"_unknown|BLOB");
	assert_string_equal(rig_query(rig,
				    "SELECT _source, _time, _topic, "
				    "_topic_partition, _offset,"
				    " who, amount, list, inner, _unknown"
				    " FROM \"shop.Paid\""),
		"test-service|2026-01-01T00:00:07.000000000Z|t|0|7|w7|7|[1,2]|"
		"{\"yes\":true}|NULL\n"
		"test-service|2026-01-01T00:00:08.000000000Z|t|0|8|w8|8|[1,2]|"
		"{\"yes\":true}|NULL");
	assert_string_equal(rig_query(rig,
				    "SELECT count(DISTINCT _id),"
				    " min(length(_id)) FROM \"shop.Paid\""),
		"2|36");
}

static void columns_are_added_as_versions_arrive(void **state)
{
	struct sqlite_rig *rig = *state;

	rig_register(rig, 1);
	rig_open_sink(rig, NULL);
	rig_ok(rig, rig_offer(rig, 0, 1, 1));
	rig_ok(rig, rig_flush_upto(rig, 1));
	rig_register(rig, 2);
	rig_ok(rig, rig_offer(rig, 1, 1, 2));
	rig_ok(rig, rig_flush_upto(rig, 2));
	assert_string_equal(
		rig_query(rig, "SELECT who, amount, list FROM \"shop.Paid\""),
		"w0|0|NULL\nw1|1|[1,2]");
}

static void a_field_whose_type_changes_gets_another_column(void **state)
{
	struct sqlite_rig *rig = *state;

	rig_register(rig, 1);
	rig_open_sink(rig, NULL);
	rig_ok(rig, rig_offer(rig, 4, 1, 1));
	rig_register(rig, 3);
	rig_ok(rig, rig_offer(rig, 5, 1, 3));
	rig_ok(rig, rig_flush_upto(rig, 6));
	assert_string_equal(
		rig_query(rig,
			"SELECT amount, typeof(amount), amount__text,"
			" typeof(amount__text) FROM \"shop.Paid\""),
		"4|integer|NULL|null\nNULL|null|a5|text");
}

static void a_fork_goes_to_the_same_column_after_reopening(void **state)
{
	struct sqlite_rig *rig = *state;

	a_field_whose_type_changes_gets_another_column(state);
	dp_sink_free(rig->sink);
	rig_open_sink(rig, NULL);
	rig_ok(rig, rig_offer(rig, 6, 1, 3));
	rig_ok(rig, rig_flush_upto(rig, 7));
	assert_string_equal(rig_query(rig,
				    "SELECT amount__text FROM \"shop.Paid\" "
				    "WHERE _offset=6"),
		"a6");
	assert_string_equal(
		rig_query(rig,
			"SELECT count(*) FROM pragma_table_info('shop.Paid')"),
		"10");
}

/* a.M: _id, and amount as an integer or, with a field like its fork, a text. */
static void register_forks(struct sqlite_rig *rig, bool is_text)
{
	struct set_builder *b = &rig->set;

	dpi_buf_clear(&b->buf);
	begin_file(b, "a.proto", "a", "proto3");
	begin_message(b, "M");
	field(b, "_id", 1, OPTIONAL, DPI_TYPE_INT64, NULL);
	field(b, "amount", 2, OPTIONAL,
		is_text ? DPI_TYPE_STRING : DPI_TYPE_INT64, NULL);
	if (is_text) {
		field(b, "amount__text", 3, OPTIONAL, DPI_TYPE_STRING, NULL);
	}
	end(b);
	end(b);
	rig_ok(rig,
		dp_registry_add(
			rig->reg, b->buf.data, b->buf.size, NULL, &rig->err));
}

static void fields_called_like_ours_or_like_a_fork_keep_apart(void **state)
{
	struct sqlite_rig *rig = *state;
	dp_event event = DP_EVENT_INIT;

	register_forks(rig, false);
	rig_open_sink(rig, NULL);
	dpi_write_varint(&rig->payload, 1, 5);
	dpi_write_varint(&rig->payload, 2, 6);
	event.type = "a.M";
	event.payload = dpi_bytes(rig->payload.data, rig->payload.size);
	rig_ok(rig, rig_offer_event(rig, 0, &event));

	register_forks(rig, true);
	dpi_buf_clear(&rig->payload);
	dpi_write_varint(&rig->payload, 1, 7);
	dpi_write_text(&rig->payload, 2, "two");
	dpi_write_text(&rig->payload, 3, "three");
	event.payload = dpi_bytes(rig->payload.data, rig->payload.size);
	rig_ok(rig, rig_offer_event(rig, 1, &event));
	rig_ok(rig, rig_flush_upto(rig, 2));
	assert_string_equal(
		rig_query(rig,
			"SELECT length(_id), field_id, amount, amount__text,"
			" amount__text__text FROM \"a.M\""),
		"36|5|6|NULL|NULL\n36|7|NULL|three|two");
}

static void the_schema_that_an_event_names_decides(void **state)
{
	struct sqlite_rig *rig = *state;
	dp_event event = DP_EVENT_INIT;
	dp_schema *schema = NULL;
	char dataschema[64];

	rig_register(rig, 1);
	rig_register(rig, 3);
	rig_open_sink(rig, NULL);
	rig_ok(rig,
		dp_registry_get(rig->reg, &schema, "shop.Paid", 1, &rig->err));
	(void)snprintf(dataschema, sizeof(dataschema), "dp:%s",
		dp_schema_fingerprint(schema));
	dp_schema_unref(schema);
	dpi_write_varint(&rig->payload, 2, 77);
	event.type = "shop.Paid";
	event.dataschema = dataschema;
	event.payload = dpi_bytes(rig->payload.data, rig->payload.size);
	rig_ok(rig, rig_offer_event(rig, 0, &event));
	rig_ok(rig, rig_offer(rig, 1, 1, 3));
	rig_ok(rig, rig_flush_upto(rig, 2));
	assert_string_equal(
		rig_query(rig,
			"SELECT amount, amount__text FROM \"shop.Paid\""
			" ORDER BY _offset"),
		"77|NULL\nNULL|a1");
}

static void refused_once(
	struct sqlite_rig *rig, dp_status code, const char *words)
{
	assert_int_equal(rig->refusals.count, 1);
	assert_int_equal(rig->refusals.items[0].refusal, DP_REFUSAL_EVENT);
	assert_int_equal(rig->refusals.items[0].code, code);
	if (strstr(rig->refusals.items[0].message, words) == NULL) {
		fail_msg("refused with other words than \"%s\"", words);
	}
}

static void what_cannot_be_parsed_is_refused_with_its_cause(void **state)
{
	struct sqlite_rig *rig = *state;
	dp_event event = DP_EVENT_INIT;

	rig_register(rig, 1);
	rig_open_sink(rig, NULL);
	event.type = "shop.Gone";
	rig_ok(rig, rig_offer_event(rig, 0, &event));
	refused_once(rig, DP_ENOTFOUND, "shop.Gone");

	event.type = "shop.Paid";
	event.dataschema = "dp:00112233445566778899aabbccddeeff";
	rig_ok(rig, rig_offer_event(rig, 1, &event));
	refused_once(rig, DP_ENOTFOUND, "shop.Paid");

	event.dataschema = NULL;
	event.payload = dpi_bytes("\x0a\x7f", 2);
	rig_ok(rig, rig_offer_event(rig, 2, &event));
	refused_once(rig, DP_ESCHEMA, "");

	rig_ok(rig, rig_flush_upto(rig, 3));
	assert_int_equal(rig_place(rig), 3);
}

static void a_version_that_another_process_adds_is_used(void **state)
{
	struct sqlite_rig *rig = *state;
	dp_registry *ours = rig->reg;
	char address[600];

	rig_register(rig, 1);
	rig_open_sink(rig, NULL);
	rig_ok(rig, rig_offer(rig, 0, 1, 1));
	(void)snprintf(address, sizeof(address), "file:%s/reg", rig->dir);
	rig->reg = NULL;
	rig_ok(rig,
		dp_registry_open(&rig->reg, rig->rt, address, NULL, &rig->err));
	rig_register(rig, 2);
	dp_registry_close(rig->reg);
	rig->reg = ours;
	virtual_clock_advance(&rig->clock, 1000000000);
	rig_ok(rig, rig_offer(rig, 1, 1, 2));
	rig_ok(rig, rig_flush_upto(rig, 2));
	assert_string_equal(
		rig_query(rig, "SELECT list, _unknown FROM \"shop.Paid\""),
		"NULL|NULL\n[1,2]|NULL");
}

static void rows_and_positions_appear_together(void **state)
{
	struct sqlite_rig *rig = *state;

	rig_register(rig, 1);
	rig_open_sink(rig, NULL);
	rig_ok(rig, rig_offer(rig, 0, 10, 1));
	rig_ok(rig, rig_flush_upto(rig, 10));
	rig_ok(rig, rig_offer(rig, 10, 5, 1));
	assert_string_equal(
		rig_query(rig, "SELECT count(*) FROM \"shop.Paid\""), "10");
	assert_true(dpi_sink_reset(rig->sink));
	rig_ok(rig, dpi_sink_open(rig->sink, "job", &rig->err));
	assert_int_equal(rig_place(rig), 10);
	rig_ok(rig, rig_offer(rig, 10, 5, 1));
	rig_ok(rig, rig_flush_upto(rig, 15));
	assert_string_equal(
		rig_query(rig,
			"SELECT count(*), count(DISTINCT _offset), next FROM"
			" \"shop.Paid\", _datapipe_positions WHERE job='job'"),
		"15|15|15");
}

static void positions_never_go_back(void **state)
{
	struct sqlite_rig *rig = *state;

	rig_open_sink(rig, NULL);
	rig_ok(rig, rig_flush_upto(rig, 9));
	rig_ok(rig, rig_flush_upto(rig, 4));
	assert_int_equal(rig_place(rig), 9);
}

static void a_template_names_tables_and_cannot_break_out(void **state)
{
	struct sqlite_rig *rig = *state;
	dp_event event = DP_EVENT_INIT;

	rig_register(rig, 1);
	rig_open_sink(rig, "select-{type}-{source}");
	event.type = "shop.Paid";
	event.source = "\"; DROP TABLE x; --";
	rig_ok(rig, rig_offer_event(rig, 0, &event));
	assert_int_equal(rig->refusals.count, 0);
	rig_ok(rig, rig_flush_upto(rig, 1));
	assert_string_equal(
		rig_query(rig,
			"SELECT name FROM sqlite_master WHERE type = 'table'"
			" AND name <> '_datapipe_positions'"),
		"select-shop.Paid-%22%3B%20DROP%20TABLE%20x%3B%20--");
}

static void a_template_with_a_time_in_it_is_refused(void **state)
{
	struct sqlite_rig *rig = *state;
	dp_sqlite_sink_options opts = DP_SQLITE_SINK_OPTIONS_INIT;

	opts.table = "{type}_{date}";
	assert_int_equal(dp_sqlite_sink_new(&rig->sink, rig->rt, rig->path,
				 rig->reg, &opts, &rig->err),
		DP_EINVAL);
	assert_non_null(strstr(dp_error_message(rig->err), "{type}"));
}

static void register_empty(struct sqlite_rig *rig, const char *name)
{
	struct set_builder *b = &rig->set;

	dpi_buf_clear(&b->buf);
	begin_file(b, "a.proto", "", "proto3");
	begin_message(b, name);
	end(b);
	end(b);
	rig_ok(rig,
		dp_registry_add(
			rig->reg, b->buf.data, b->buf.size, NULL, &rig->err));
}

static void names_that_sqlite_takes_for_one_or_for_its_own_are_kept_apart(
	void **state)
{
	static const char *const types[] = {"paid", "PAID", "sqlite_x"};
	struct sqlite_rig *rig = *state;

	rig_open_sink(rig, NULL);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 3; i++) {
			dp_event event = DP_EVENT_INIT;

			register_empty(rig, types[i]);
			event.type = types[i];
			rig_ok(rig,
				rig_offer_event(rig, (uint64_t)(round * 3 + i),
					&event));
			assert_int_equal(rig->refusals.count, 0);
		}
		rig_ok(rig, rig_flush_upto(rig, (uint64_t)(round * 3 + 3)));
		assert_true(dpi_sink_reset(rig->sink));
		rig_ok(rig, dpi_sink_open(rig->sink, "job", &rig->err));
	}
	assert_string_equal(
		rig_query(rig, "SELECT count(*) FROM \"paid\""), "2");
	assert_string_equal(
		rig_query(rig, "SELECT count(*) FROM \"%73qlite_x\""), "2");
	assert_string_equal(
		rig_query(rig,
			"SELECT count(*) FROM sqlite_master WHERE name"
			" LIKE 'PAID%~________'"),
		"1");
}

static void a_table_that_somebody_dropped_is_made_again(void **state)
{
	struct sqlite_rig *rig = *state;

	rig_register(rig, 1);
	rig_open_sink(rig, NULL);
	rig_ok(rig, rig_offer(rig, 0, 1, 1));
	rig_ok(rig, rig_flush_upto(rig, 1));
	(void)rig_query(rig, "DROP TABLE \"shop.Paid\"");
	rig_ok(rig, rig_offer(rig, 1, 1, 1));
	assert_int_equal(rig->refusals.count, 0);
	rig_ok(rig, rig_flush_upto(rig, 2));
	assert_string_equal(
		rig_query(rig, "SELECT who FROM \"shop.Paid\""), "w1");
}

static void rows_that_a_table_of_the_users_forbids_are_refused(void **state)
{
	struct sqlite_rig *rig = *state;

	(void)rig_query(rig,
		"CREATE TABLE \"shop.Paid\"(amount INTEGER CHECK(amount < 3))");
	rig_register(rig, 1);
	rig_open_sink(rig, NULL);
	rig_ok(rig, rig_offer(rig, 1, 2, 1));
	assert_int_equal(rig->refusals.count, 0);
	rig_ok(rig, rig_offer(rig, 3, 1, 1));
	refused_once(rig, DP_ESCHEMA, "CHECK");
	rig_ok(rig, rig_flush_upto(rig, 4));
	assert_string_equal(
		rig_query(rig, "SELECT who FROM \"shop.Paid\""), "w1\nw2");
}

static void a_file_that_is_no_database_is_said(void **state)
{
	struct sqlite_rig *rig = *state;
	FILE *file = fopen(rig->path, "w");

	assert_non_null(file);
	for (int i = 0; i < 200; i++) {
		assert_true(fputs("this is not a database\n", file) >= 0);
	}
	assert_int_equal(fclose(file), 0);
	rig_ok(rig,
		dp_sqlite_sink_new(&rig->sink, rig->rt, rig->path, rig->reg,
			NULL, &rig->err));
	assert_int_equal(
		dpi_sink_open(rig->sink, "job", &rig->err), DP_ECORRUPT);
	assert_non_null(strstr(dp_error_message(rig->err), "rows.db"));
}

static void wrong_arguments_are_refused(void **state)
{
	struct sqlite_rig *rig = *state;
	dp_sqlite_sink_options opts = DP_SQLITE_SINK_OPTIONS_INIT;

	opts.struct_size = 0;
	assert_int_equal(dp_sqlite_sink_new(&rig->sink, rig->rt, rig->path,
				 rig->reg, &opts, NULL),
		DP_EABI);
	assert_int_equal(dp_sqlite_sink_new(
				 &rig->sink, rig->rt, "", rig->reg, NULL, NULL),
		DP_EINVAL);
	assert_int_equal(dp_sqlite_sink_new(&rig->sink, rig->rt, rig->path,
				 NULL, NULL, NULL),
		DP_EINVAL);
}

int main(void)
{
#define TEST(name) \
	cmocka_unit_test_setup_teardown( \
		name, sqlite_rig_setup, sqlite_rig_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_type_gets_a_table_with_a_column_for_each_field),
		TEST(columns_are_added_as_versions_arrive),
		TEST(a_field_whose_type_changes_gets_another_column),
		TEST(a_fork_goes_to_the_same_column_after_reopening),
		TEST(fields_called_like_ours_or_like_a_fork_keep_apart),
		TEST(the_schema_that_an_event_names_decides),
		TEST(what_cannot_be_parsed_is_refused_with_its_cause),
		TEST(a_version_that_another_process_adds_is_used),
		TEST(rows_and_positions_appear_together),
		TEST(positions_never_go_back),
		TEST(a_template_names_tables_and_cannot_break_out),
		TEST(a_template_with_a_time_in_it_is_refused),
		TEST(names_that_sqlite_takes_for_one_or_for_its_own_are_kept_apart),
		TEST(a_table_that_somebody_dropped_is_made_again),
		TEST(rows_that_a_table_of_the_users_forbids_are_refused),
		TEST(a_file_that_is_no_database_is_said),
		TEST(wrong_arguments_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
