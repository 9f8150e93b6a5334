/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include <datapipe/recovery.h>

#include "base/bytes.h"
#include "sqlite_rig.h"

#define ALL "SELECT * FROM \"shop.Paid\" ORDER BY _offset"
#define RECOVERED \
	"SELECT who, amount, list, inner, hex(_unknown)" \
	" FROM \"shop.Paid\" ORDER BY _offset"

static dp_schema *newest(struct sqlite_rig *rig)
{
	dp_schema *schema = NULL;

	rig_ok(rig,
		dp_registry_get(rig->reg, &schema, "shop.Paid", 0, &rig->err));
	return schema;
}

static dp_status begin_recovery(
	struct sqlite_rig *rig, dp_sqlite_recovery **ret, const char *table)
{
	dp_schema *schema = newest(rig);
	dp_status st;

	dp_error_free(rig->err);
	rig->err = NULL;
	st = dp_sqlite_recovery_new(
		ret, rig->rt, rig->path, schema, table, &rig->err);
	dp_schema_unref(schema);
	return st;
}

/* All steps; the report of the last one. */
static dp_sqlite_recovery_report recover(struct sqlite_rig *rig)
{
	dp_sqlite_recovery_report report = {.struct_size = sizeof(report)};
	dp_sqlite_recovery *recovery = NULL;

	rig_ok(rig, begin_recovery(rig, &recovery, NULL));
	while (report.is_done == 0) {
		rig_ok(rig,
			dp_sqlite_recovery_step(recovery, &report, &rig->err));
	}
	assert_string_equal(report.refusal, "");
	dp_sqlite_recovery_free(recovery);
	return report;
}

/* Events of version 2 that a sink takes which knows version 1. */
static void take_too_early(struct sqlite_rig *rig, size_t count)
{
	rig_register(rig, 1);
	rig_open_sink(rig, NULL);
	rig_ok(rig, rig_offer(rig, 0, count, 2));
	rig_ok(rig, rig_flush_upto(rig, count));
}

static void rows_become_what_the_newer_schema_makes(void **state)
{
	struct sqlite_rig *rig = *state;
	dp_sqlite_recovery_report report;
	char expected[sizeof(rig->answer)];

	take_too_early(rig, 3);
	assert_string_equal(
		rig_query(rig, "SELECT hex(_unknown) FROM \"shop.Paid\""),
		"1801180222020801\n1801180222020801\n1801180222020801");
	rig_register(rig, 2);
	report = recover(rig);
	assert_int_equal(report.rows, 3);
	assert_int_equal(report.filled, 3);
	assert_int_equal(report.left, 0);
	assert_int_equal(report.refused, 0);
	memcpy(expected, rig_query(rig, ALL), sizeof(expected));

	/* What the sink makes of the same events, now that it knows. */
	rig_query(rig, "DELETE FROM \"shop.Paid\"");
	rig_ok(rig, rig_offer(rig, 0, 3, 2));
	rig_ok(rig, rig_flush_upto(rig, 6));
	assert_string_equal(rig_query(rig, ALL), expected);
	assert_string_equal(rig_query(rig,
				    "SELECT list, inner, _unknown"
				    " FROM \"shop.Paid\" LIMIT 1"),
		"[1,2]|{\"yes\":true}|NULL");
}

static void it_goes_in_steps_and_may_begin_anew(void **state)
{
	struct sqlite_rig *rig = *state;
	dp_sqlite_recovery_report report = {.struct_size = sizeof(report)};
	dp_sqlite_recovery *recovery = NULL;

	take_too_early(rig, 2500);
	rig_register(rig, 2);
	rig_ok(rig, begin_recovery(rig, &recovery, NULL));
	rig_ok(rig, dp_sqlite_recovery_step(recovery, &report, &rig->err));
	assert_int_equal(report.filled, 1000);
	assert_int_equal(report.is_done, 0);
	dp_sqlite_recovery_free(recovery);
	assert_string_equal(rig_query(rig,
				    "SELECT count(*), min(_offset)"
				    " FROM \"shop.Paid\" WHERE list IS NULL"),
		"1500|1000");

	report = recover(rig);
	assert_int_equal(report.filled, 1500);
	report = recover(rig);
	assert_int_equal(report.rows, 0);
	assert_string_equal(
		rig_query(rig,
			"SELECT count(*), count(list), count(_unknown)"
			" FROM \"shop.Paid\""),
		"2500|2500|0");
}

static void a_value_is_never_replaced(void **state)
{
	struct sqlite_rig *rig = *state;
	dp_sqlite_recovery_report report;

	take_too_early(rig, 2);
	rig_register(rig, 2);
	rig_query(rig, "ALTER TABLE \"shop.Paid\" ADD COLUMN list JSON TEXT");
	rig_query(rig,
		"UPDATE \"shop.Paid\" SET list = '[9]'"
		" WHERE _offset = 1");
	report = recover(rig);
	assert_int_equal(report.filled, 2);
	assert_int_equal(report.left, 1);
	assert_string_equal(rig_query(rig, RECOVERED),
		"w0|0|[1,2]|{\"yes\":true}|\n"
		"w1|1|[9]|{\"yes\":true}|18011802");
	report = recover(rig);
	assert_int_equal(report.rows, 1);
	assert_int_equal(report.filled, 0);
	assert_int_equal(report.left, 1);
}

static void what_is_no_part_of_a_message_is_told(void **state)
{
	struct sqlite_rig *rig = *state;
	dp_sqlite_recovery_report report = {.struct_size = sizeof(report)};
	dp_sqlite_recovery *recovery = NULL;

	take_too_early(rig, 3);
	rig_register(rig, 2);
	rig_query(rig,
		"UPDATE \"shop.Paid\" SET _unknown = X'18', _id = 'bad'"
		" WHERE _offset = 1");
	rig_ok(rig, begin_recovery(rig, &recovery, "shop.Paid"));
	rig_ok(rig, dp_sqlite_recovery_step(recovery, &report, &rig->err));
	assert_int_equal(report.rows, 3);
	assert_int_equal(report.filled, 2);
	assert_int_equal(report.left, 1);
	assert_int_equal(report.refused, 1);
	assert_string_equal(
		report.refusal, "bad: shop.Paid: a varint is cut off");
	dp_sqlite_recovery_free(recovery);
	assert_string_equal(rig_query(rig, RECOVERED),
		"w0|0|[1,2]|{\"yes\":true}|\nw1|1|NULL|NULL|18\n"
		"w2|2|[1,2]|{\"yes\":true}|");
}

static void a_column_of_another_type_forks_as_in_the_sink(void **state)
{
	struct sqlite_rig *rig = *state;
	dp_sqlite_recovery_report report;

	rig_register(rig, 1);
	rig_open_sink(rig, NULL);
	rig_ok(rig, rig_offer(rig, 0, 1, 3));
	rig_ok(rig, rig_flush_upto(rig, 1));
	rig_register(rig, 3);
	report = recover(rig);
	assert_int_equal(report.filled, 1);
	assert_string_equal(rig_query(rig,
				    "SELECT amount, amount__text,"
				    " _unknown FROM \"shop.Paid\""),
		"0|a0|NULL");
}

static void a_sink_may_write_meanwhile(void **state)
{
	struct sqlite_rig *rig = *state;
	dp_sqlite_recovery_report report = {.struct_size = sizeof(report)};
	dp_sqlite_recovery *recovery = NULL;

	take_too_early(rig, 1200);
	rig_register(rig, 2);
	rig_ok(rig, begin_recovery(rig, &recovery, NULL));
	rig_ok(rig, dp_sqlite_recovery_step(recovery, &report, &rig->err));
	rig_ok(rig, rig_offer(rig, 1200, 5, 2));

	/* The sink's transaction is open: we are asked to come again. */
	virtual_clock_set_auto(&rig->clock, 1);
	assert_int_equal(dp_sqlite_recovery_step(recovery, &report, &rig->err),
		DP_EAGAIN);
	assert_int_equal(report.filled, 1000);
	rig_ok(rig, rig_flush_upto(rig, 1205));
	dp_error_free(rig->err);
	rig->err = NULL;
	rig_ok(rig, dp_sqlite_recovery_step(recovery, &report, &rig->err));
	assert_int_equal(report.filled, 1200);
	assert_int_equal(report.is_done, 1);
	rig_ok(rig, dp_sqlite_recovery_step(recovery, &report, &rig->err));
	assert_int_equal(report.filled, 1200);
	dp_sqlite_recovery_free(recovery);
	assert_string_equal(rig_query(rig,
				    "SELECT count(*), count(list)"
				    " FROM \"shop.Paid\""),
		"1205|1205");
}

static void what_is_not_there_is_told(void **state)
{
	struct sqlite_rig *rig = *state;
	dp_sqlite_recovery *recovery = NULL;
	char expected[700];

	rig_register(rig, 2);
	assert_int_equal(begin_recovery(rig, &recovery, NULL), DP_ENOTFOUND);
	rig_query(rig, "CREATE TABLE other(_id TEXT, a TEXT)");
	assert_int_equal(begin_recovery(rig, &recovery, NULL), DP_ENOTFOUND);
	(void)snprintf(expected, sizeof(expected),
		"%s: there is no table shop.Paid", rig->path);
	assert_string_equal(dp_error_message(rig->err), expected);
	assert_int_equal(begin_recovery(rig, &recovery, "other"), DP_EINVAL);
	(void)snprintf(expected, sizeof(expected),
		"%s: table other is none of a sink: it lacks _id or _unknown",
		rig->path);
	assert_string_equal(dp_error_message(rig->err), expected);
	assert_string_equal(rig_query(rig, "SELECT sql FROM sqlite_master"),
		"CREATE TABLE other(_id TEXT, a TEXT)");
	assert_null(recovery);
}

static void it_refuses_bad_arguments(void **state)
{
	struct sqlite_rig *rig = *state;
	dp_sqlite_recovery_report report = {.struct_size = 0};
	dp_sqlite_recovery *recovery = NULL;
	dp_schema *schema;
	char name[1100];

	take_too_early(rig, 1);
	schema = newest(rig);
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(begin_recovery(rig, &recovery, name), DP_EINVAL);
	assert_int_equal(dp_sqlite_recovery_new(&recovery, NULL, rig->path,
				 schema, NULL, NULL),
		DP_EINVAL);
	assert_int_equal(dp_sqlite_recovery_new(
				 &recovery, rig->rt, "", schema, NULL, NULL),
		DP_EINVAL);
	assert_int_equal(dp_sqlite_recovery_new(&recovery, rig->rt, rig->path,
				 NULL, NULL, NULL),
		DP_EINVAL);
	rig_ok(rig, begin_recovery(rig, &recovery, NULL));
	assert_int_equal(
		dp_sqlite_recovery_step(recovery, NULL, NULL), DP_EINVAL);
	assert_int_equal(
		dp_sqlite_recovery_step(recovery, &report, NULL), DP_EINVAL);
	dp_sqlite_recovery_free(recovery);
	dp_sqlite_recovery_free(NULL);
	dp_schema_unref(schema);
}

static void without_memory_nothing_is_half_done(void **state)
{
	struct sqlite_rig *rig = *state;
	dp_schema *schema;
	long n = 0;
	dp_status st;

	take_too_early(rig, 2);
	rig_register(rig, 2);
	schema = newest(rig);
	do {
		dp_sqlite_recovery_report report = {
			.struct_size = sizeof(report)};
		dp_sqlite_recovery *recovery = NULL;

		rig->heap.made = 0;
		rig->heap.fail_at = n++;
		st = dp_sqlite_recovery_new(
			&recovery, rig->rt, rig->path, schema, NULL, NULL);
		if (st == DP_OK) {
			st = dp_sqlite_recovery_step(recovery, &report, NULL);
		}
		assert_true(st == DP_OK || st == DP_ENOMEM);
		rig->heap.fail_at = -1;
		dp_sqlite_recovery_free(recovery);
		assert_string_equal(rig_query(rig,
					    "SELECT count(_unknown)"
					    " FROM \"shop.Paid\""),
			st == DP_OK ? "0" : "2");
	} while (st != DP_OK);
	assert_true(n > 10);
	dp_schema_unref(schema);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) \
	cmocka_unit_test_setup_teardown( \
		name, sqlite_rig_setup, sqlite_rig_teardown)
		TEST(rows_become_what_the_newer_schema_makes),
		TEST(it_goes_in_steps_and_may_begin_anew),
		TEST(a_value_is_never_replaced),
		TEST(what_is_no_part_of_a_message_is_told),
		TEST(a_column_of_another_type_forks_as_in_the_sink),
		TEST(a_sink_may_write_meanwhile),
		TEST(what_is_not_there_is_told),
		TEST(it_refuses_bad_arguments),
		TEST(without_memory_nothing_is_half_done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
