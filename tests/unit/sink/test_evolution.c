/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include <datapipe/evolution.h>

#include "base/bytes.h"
#include "schema/descriptor.h"
#include "sqlite_rig.h"

/* What is planned, beside what the sink does to a real table. */

#define ROUNDS 80u
#define TEXT_SIZE 8192

/* Names that clash: with each other, with forks, with columns of ours. */
static const char *const names[] = {"amount", "Amount", "amount__text", "note",
	"note__json", "id", "_id", "kind", "kind_2", "_unknown"};
static const int types[] = {DPI_TYPE_INT64, DPI_TYPE_STRING, DPI_TYPE_DOUBLE,
	DPI_TYPE_BYTES, DPI_TYPE_BOOL, DPI_TYPE_UINT64};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static uint32_t draw(uint32_t *seed, uint32_t below)
{
	*seed = *seed * 1664525u + 1013904223u;
	return (*seed >> 8) % below;
}

/* Some of the names, each with a number and a type of its own. */
static dp_schema *register_random(
	struct sqlite_rig *rig, const char *type, uint32_t *seed)
{
	struct set_builder *b = &rig->set;
	dp_schema *schema = NULL;
	char full_name[32];
	uint32_t taken = 0;

	dpi_buf_clear(&b->buf);
	begin_file(b, "random.proto", "shop", "proto3");
	begin_message(b, type);
	for (uint32_t i = 0; i < COUNT(names); i++) {
		uint32_t number = 1 + draw(seed, COUNT(names));

		if (draw(seed, 2) == 0 || (taken & 1u << number) != 0) {
			continue;
		}
		taken |= 1u << number;
		field(b, names[i], number,
			draw(seed, 5) == 0 ? REPEATED : OPTIONAL,
			types[draw(seed, COUNT(types))], NULL);
	}
	end(b);
	end(b);
	rig_ok(rig,
		dp_registry_add(
			rig->reg, b->buf.data, b->buf.size, NULL, &rig->err));
	(void)snprintf(full_name, sizeof(full_name), "shop.%s", type);
	rig_ok(rig,
		dp_registry_get(rig->reg, &schema, full_name, 0, &rig->err));
	return schema;
}

static void offer_one(
	struct sqlite_rig *rig, uint64_t *offset, const dp_schema *schema)
{
	dp_event event = DP_EVENT_INIT;
	char dataschema[64];

	(void)snprintf(dataschema, sizeof(dataschema), "dp:%s",
		dp_schema_fingerprint(schema));
	event.type = dp_schema_type(schema);
	event.dataschema = dataschema;
	event.payload = dpi_bytes("", 0);
	rig_ok(rig, rig_offer_event(rig, *offset, &event));
	assert_int_equal(rig->refusals.count, 0);
	rig_ok(rig, rig_flush_upto(rig, ++*offset));
}

static int append_row(void *user, int count, char **cells, char **columns)
{
	char *text = user;

	(void)columns;
	for (int i = 0; i < count; i++) {
		size_t size = strlen(text);

		(void)snprintf(text + size, TEXT_SIZE - size, "%s%s", cells[i],
			i + 1 < count ? "|" : "\n");
	}
	return 0;
}

/* The columns that a table has once the statements of the plan have run. */
static void run_plan(const char *create, const dp_evolution *evolution,
	const char *list_columns, char *columns)
{
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, create, NULL, NULL, NULL), SQLITE_OK);
	for (size_t i = 0; i < dp_evolution_count(evolution); i++) {
		const dp_evolution_step *step = dp_evolution_get(evolution, i);

		if (sqlite3_exec(db, step->sql, NULL, NULL, NULL) !=
			SQLITE_OK) {
			fail_msg("%s: %s", step->sql, sqlite3_errmsg(db));
		}
	}
	columns[0] = '\0';
	assert_int_equal(
		sqlite3_exec(db, list_columns, append_row, columns, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void one_round(struct sqlite_rig *rig, uint32_t round, uint64_t *offset)
{
	uint32_t seed = round;
	char type[16];
	char sql[128];
	char create[sizeof(rig->answer)];
	char planned[TEXT_SIZE];
	dp_evolution *evolution;
	dp_schema *before;
	dp_schema *after;

	(void)snprintf(type, sizeof(type), "R%u", (unsigned)round);
	before = register_random(rig, type, &seed);
	offer_one(rig, offset, before);
	(void)snprintf(sql, sizeof(sql),
		"SELECT sql FROM sqlite_master WHERE name = 'shop.%s'", type);
	(void)snprintf(create, sizeof(create), "%s", rig_query(rig, sql));
	after = register_random(rig, type, &seed);
	offer_one(rig, offset, after);

	(void)snprintf(sql, sizeof(sql), "shop.%s", type);
	rig_ok(rig,
		dp_evolution_new(&evolution, before, after,
			DP_DESTINATION_SQLITE, sql, &rig->err));
	(void)snprintf(sql, sizeof(sql),
		"SELECT name, type FROM pragma_table_info('shop.%s')", type);
	run_plan(create, evolution, sql, planned);
	planned[strlen(planned) - 1] = '\0';
	assert_string_equal(planned, rig_query(rig, sql));
	dp_evolution_free(evolution);
	dp_schema_unref(before);
	dp_schema_unref(after);
}

static void a_plan_makes_the_table_that_the_sink_makes(void **state)
{
	struct sqlite_rig *rig = *state;
	uint64_t offset = 0;
	uint32_t round = 0;

	/* The sink is opened once there is a registry to ask. */
	rig_register(rig, 1);
	rig_open_sink(rig, NULL);
	while (round < ROUNDS) {
		one_round(rig, round++, &offset);
	}
	printf("figure: evolution: %u random plans run on SQLite, tables equal "
	       "to the sink's\n",
		round);
}

static dp_evolution *plan(struct sqlite_rig *rig, int from, int to)
{
	dp_evolution *evolution = NULL;
	dp_schema *before = NULL;
	dp_schema *after = NULL;

	rig_register(rig, from);
	rig_ok(rig,
		dp_registry_get(rig->reg, &before, "shop.Paid", 0, &rig->err));
	rig_register(rig, to);
	rig_ok(rig,
		dp_registry_get(rig->reg, &after, "shop.Paid", 0, &rig->err));
	rig_ok(rig,
		dp_evolution_new(&evolution, before, after,
			DP_DESTINATION_SQLITE, "shop.Paid", &rig->err));
	dp_schema_unref(before);
	dp_schema_unref(after);
	return evolution;
}

static void is_step(const dp_evolution *evolution, size_t index,
	dp_evolution_action action, const char *column, const char *before,
	const char *sql)
{
	const dp_evolution_step *step = dp_evolution_get(evolution, index);

	assert_non_null(step);
	assert_int_equal(step->struct_size, sizeof(*step));
	assert_int_equal(step->action, action);
	assert_string_equal(step->column, column);
	assert_string_equal(step->before, before);
	assert_string_equal(step->sql, sql);
}

static void new_fields_are_columns_to_add(void **state)
{
	dp_evolution *evolution = plan(*state, 1, 2);

	assert_int_equal(dp_evolution_count(evolution), 2);
	is_step(evolution, 0, DP_EVOLVE_ADD, "list", "",
		"ALTER TABLE \"shop.Paid\" ADD COLUMN \"list\" JSON TEXT");
	is_step(evolution, 1, DP_EVOLVE_ADD, "inner", "",
		"ALTER TABLE \"shop.Paid\" ADD COLUMN \"inner\" JSON TEXT");
	assert_null(dp_evolution_get(evolution, 2));
	dp_evolution_free(evolution);
	dp_evolution_free(NULL);
}

static void fields_that_change_fork_and_those_that_go_stay(void **state)
{
	dp_evolution *evolution = plan(*state, 2, 3);

	assert_int_equal(dp_evolution_count(evolution), 4);
	is_step(evolution, 0, DP_EVOLVE_FORK, "amount__text", "amount",
		"ALTER TABLE \"shop.Paid\" ADD COLUMN \"amount__text\" TEXT");
	is_step(evolution, 1, DP_EVOLVE_KEEP, "amount", "amount", "");
	is_step(evolution, 2, DP_EVOLVE_KEEP, "list", "list", "");
	is_step(evolution, 3, DP_EVOLVE_KEEP, "inner", "inner", "");
	dp_evolution_free(evolution);
}

/* shop.Paid with one field of that name. */
static dp_schema *named(struct sqlite_rig *rig, const char *name)
{
	struct set_builder *b = &rig->set;
	dp_schema *schema = NULL;

	dpi_buf_clear(&b->buf);
	begin_file(b, "shop.proto", "shop", "proto3");
	begin_message(b, "Paid");
	field(b, name, 1, OPTIONAL, DPI_TYPE_STRING, NULL);
	end(b);
	end(b);
	rig_ok(rig,
		dpi_schema_new(&schema, &rig->heap.alloc, b->buf.data,
			b->buf.size, "shop.Paid", &rig->err));
	return schema;
}

static void a_field_with_another_name_is_told_as_renamed(void **state)
{
	struct sqlite_rig *rig = *state;
	dp_schema *before = named(rig, "who");
	dp_schema *after = named(rig, "payer");
	dp_evolution *evolution = NULL;

	rig_ok(rig,
		dp_evolution_new(&evolution, before, after,
			DP_DESTINATION_SQLITE, "a\"b", &rig->err));
	assert_int_equal(dp_evolution_count(evolution), 2);
	is_step(evolution, 0, DP_EVOLVE_RENAME, "payer", "who",
		"ALTER TABLE \"a\"\"b\" ADD COLUMN \"payer\" TEXT");
	is_step(evolution, 1, DP_EVOLVE_KEEP, "who", "who", "");
	dp_evolution_free(evolution);
	assert_int_equal(
		dp_evolution_new(&evolution, before, after, 9, "t", &rig->err),
		DP_EINVAL);
	dp_schema_unref(before);
	dp_schema_unref(after);
}

static void a_plan_survives_failed_allocations(void **state)
{
	struct sqlite_rig *rig = *state;
	dp_schema *before = named(rig, "who");
	dp_schema *after = named(rig, "payer");
	dp_evolution *evolution = NULL;
	dp_status st = DP_ENOMEM;
	long n = 0;

	while (st == DP_ENOMEM) {
		rig->heap.fail_at = rig->heap.made + n++;
		st = dp_evolution_new(&evolution, before, after,
			DP_DESTINATION_SQLITE, "t", NULL);
	}
	rig->heap.fail_at = -1;
	assert_int_equal(st, DP_OK);
	assert_in_range(n, 5, 500);
	assert_int_equal(dp_evolution_count(evolution), 2);
	dp_evolution_free(evolution);
	dp_schema_unref(before);
	dp_schema_unref(after);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown( \
		name, sqlite_rig_setup, sqlite_rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_plan_makes_the_table_that_the_sink_makes),
		TEST(new_fields_are_columns_to_add),
		TEST(fields_that_change_fork_and_those_that_go_stay),
		TEST(a_field_with_another_name_is_told_as_renamed),
		TEST(a_plan_survives_failed_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
