/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include <datapipe/evolution.h>

#include "schema/descriptor.h"
#include "set_builder.h"
#include "test_heap.h"

/* Plans for files and for tables of BigQuery: what they say, step by step. */

#define ROUNDS 400u
#define TEXT_SIZE 16384

struct rig {
	struct test_heap heap; /* of the code under test */
	struct test_heap own;
	struct set_builder set;
};

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	assert_non_null(rig);
	test_heap_init(&rig->heap);
	test_heap_init(&rig->own);
	set_builder_init(&rig->set, &rig->own.alloc);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	set_builder_fini(&rig->set);
	assert_int_equal(rig->heap.live_bytes, 0);
	free(rig);
	return 0;
}

struct column {
	const char *name;
	unsigned number;
	int label;
	int type;
	const char *type_name;
};

static void put_message(struct set_builder *b, const char *name,
	const struct column *columns, size_t count)
{
	begin_message(b, name);
	for (size_t i = 0; i < count; i++) {
		field(b, columns[i].name, columns[i].number, columns[i].label,
			columns[i].type, columns[i].type_name);
	}
	end(b);
}

/* s.Paid with these fields; s.Item and s.Other with those. */
static dp_schema *describe(struct rig *rig, const struct column *paid,
	size_t paid_count, const struct column *item, size_t item_count)
{
	struct set_builder *b = &rig->set;
	dp_schema *schema = NULL;

	dpi_buf_clear(&b->buf);
	begin_file(b, "s.proto", "s", "proto3");
	put_message(b, "Paid", paid, paid_count);
	put_message(b, "Item", item, item_count);
	put_message(b, "Other", item, item_count);
	end(b);
	assert_int_equal(dpi_schema_new(&schema, &rig->heap.alloc, b->buf.data,
				 b->buf.size, "s.Paid", NULL),
		DP_OK);
	return schema;
}

#define DESCRIBE(rig, paid, item) \
	describe(rig, paid, sizeof(paid) / sizeof(*(paid)), item, \
		sizeof(item) / sizeof(*(item)))

#define INT64 DPI_TYPE_INT64
#define STRING DPI_TYPE_STRING
#define MESSAGE DPI_TYPE_MESSAGE

static const struct column paid_before[] = {
	{"cents", 1, OPTIONAL, INT64, NULL},
	{"by", 2, OPTIONAL, STRING, NULL},
	{"items", 3, REPEATED, MESSAGE, ".s.Item"},
	{"count", 4, OPTIONAL, DPI_TYPE_INT32, NULL},
	{"rate", 5, OPTIONAL, DPI_TYPE_FLOAT, NULL},
	{"total", 6, OPTIONAL, INT64, NULL},
	{"ids", 7, REPEATED, INT64, NULL},
	{"one", 8, OPTIONAL, MESSAGE, ".s.Item"},
	{"gone", 9, OPTIONAL, STRING, NULL},
};
static const struct column item_before[] = {
	{"sku", 1, OPTIONAL, STRING, NULL},
	{"price", 2, OPTIONAL, INT64, NULL},
};
static const struct column paid_after[] = {
	{"cents", 1, OPTIONAL, STRING, NULL},
	{"payer", 2, OPTIONAL, STRING, NULL},
	{"items", 3, REPEATED, MESSAGE, ".s.Item"},
	{"count", 4, OPTIONAL, INT64, NULL},
	{"rate", 5, OPTIONAL, DPI_TYPE_DOUBLE, NULL},
	{"total", 6, OPTIONAL, DPI_TYPE_UINT64, NULL},
	{"ids", 7, OPTIONAL, INT64, NULL},
	{"one", 8, OPTIONAL, MESSAGE, ".s.Other"},
	{"extra", 10, REPEATED, MESSAGE, ".s.Item"},
};
static const struct column item_after[] = {
	{"sku", 1, OPTIONAL, STRING, NULL},
	{"price", 2, OPTIONAL, DPI_TYPE_UINT64, NULL},
	{"color", 3, OPTIONAL, STRING, NULL},
};

static dp_evolution *evolve(struct rig *rig, dp_destination_kind kind)
{
	dp_schema *before = DESCRIBE(rig, paid_before, item_before);
	dp_schema *after = DESCRIBE(rig, paid_after, item_after);
	dp_evolution *evolution = NULL;

	assert_int_equal(
		dp_evolution_new(&evolution, before, after, kind, "d.t", NULL),
		DP_OK);
	dp_schema_unref(before);
	dp_schema_unref(after);
	return evolution;
}

/* A step a line: action, column, before, types, statement. */
static void print_steps(const dp_evolution *evolution, char *text)
{
	static const char *const names[] = {
		"", "add", "rename", "fork", "keep", "widen", "conflict"};
	size_t size = 0;

	*text = '\0';
	for (size_t i = 0; i < dp_evolution_count(evolution); i++) {
		const dp_evolution_step *s = dp_evolution_get(evolution, i);

		assert_int_equal(s->struct_size, sizeof(*s));
		size += (size_t)snprintf(text + size, TEXT_SIZE - size,
			"%s %s|%s|%s|%s|%s\n", names[s->action], s->column,
			s->before, s->type, s->type_before, s->sql);
		assert_true(size < TEXT_SIZE);
	}
}

static void are_steps(dp_evolution *evolution, const char *steps)
{
	char text[TEXT_SIZE];

	print_steps(evolution, text);
	assert_string_equal(text, steps);
	dp_evolution_free(evolution);
}

static void files_of_avro_are_told_by_the_rules_of_resolution(void **state)
{
	are_steps(evolve(*state, DP_DESTINATION_AVRO),
		"conflict cents|cents|string|long|\n"
		"rename payer|by|string|string|\n"
		"conflict items.price|items.price|decimal(20, 0)|long|\n"
		"add items.color||string||\n"
		"widen count|count|long|int|\n"
		"widen rate|rate|double|float|\n"
		"conflict total|total|decimal(20, 0)|long|\n"
		"conflict ids|ids|long|list of long|\n"
		"conflict one|one|Other|Item|\n"
		"add extra||list of Item||\n"
		"keep by|by||string|\n"
		"keep gone|gone||string|\n");
}

static void files_of_parquet_are_told_by_what_readers_unify(void **state)
{
	are_steps(evolve(*state, DP_DESTINATION_PARQUET),
		"conflict cents|cents|STRING|INT64|\n"
		"rename payer|by|STRING|STRING|\n"
		"conflict items.price|items.price|UINT_64|INT64|\n"
		"add items.color||STRING||\n"
		"widen count|count|INT64|INT32|\n"
		"widen rate|rate|DOUBLE|FLOAT|\n"
		"conflict total|total|UINT_64|INT64|\n"
		"conflict ids|ids|INT64|list of INT64|\n"
		"conflict one.price|one.price|UINT_64|INT64|\n"
		"add one.color||STRING||\n"
		"add extra||list of group||\n"
		"keep by|by||STRING|\n"
		"keep gone|gone||STRING|\n");
}

static void a_table_of_bigquery_is_altered_by_its_statements(void **state)
{
	are_steps(evolve(*state, DP_DESTINATION_BIGQUERY),
		"add items.color||STRING||\n"
		"fork items.price__numeric|items.price|NUMERIC|INT64|\n"
		"keep items.price|items.price||INT64|\n"
		"widen total|total|NUMERIC|INT64|ALTER TABLE `d.t` ALTER "
		"COLUMN `total` SET DATA TYPE NUMERIC\n"
		"add one.color||STRING||\n"
		"fork one.price__numeric|one.price|NUMERIC|INT64|\n"
		"keep one.price|one.price||INT64|\n"
		"rename payer|by|STRING|STRING|ALTER TABLE `d.t` ADD COLUMN "
		"`payer` STRING\n"
		"add extra||REPEATED RECORD||ALTER TABLE `d.t` ADD COLUMN "
		"`extra` ARRAY<STRUCT<`sku` STRING, `price` NUMERIC, `color` "
		"STRING, `_unknown` BYTES>>\n"
		"fork cents__string|cents|STRING|INT64|ALTER TABLE `d.t` ADD "
		"COLUMN `cents__string` STRING\n"
		"fork ids__int64|ids|INT64|REPEATED INT64|ALTER TABLE `d.t` "
		"ADD COLUMN `ids__int64` INT64\n"
		"keep cents|cents||INT64|\n"
		"keep by|by||STRING|\n"
		"keep ids|ids||REPEATED INT64|\n"
		"keep gone|gone||STRING|\n");
}

/* Without blanks and what all have. */
static void has_fields(const dp_evolution *evolution, const char *fields)
{
	const char *text = dp_evolution_result(evolution);
	const char *at = strstr(text, "\"_offset\"");

	assert_non_null(at);
	at = strchr(at, '\n');
	assert_non_null(at);
	assert_string_equal(at + 1, fields);
}

static void the_schema_of_the_table_has_columns_of_records_too(void **state)
{
	static const struct column none[] = {
		{"sku", 1, OPTIONAL, STRING, NULL}};
	static const struct column few[] = {
		{"items", 3, REPEATED, MESSAGE, ".s.Item"},
		{"total", 6, OPTIONAL, INT64, NULL}};
	struct rig *rig = *state;
	dp_schema *before = DESCRIBE(rig, few, none);
	dp_schema *after = DESCRIBE(rig, few, item_after);
	dp_evolution *evolution;

	assert_int_equal(dp_evolution_new(&evolution, before, after,
				 DP_DESTINATION_BIGQUERY, "t", NULL),
		DP_OK);
	has_fields(evolution,
		" {\"name\":\"items\",\"type\":\"RECORD\",\"mode\":"
		"\"REPEATED\","
		"\"fields\":["
		"{\"name\":\"sku\",\"type\":\"STRING\",\"mode\":\"NULLABLE\"}, "
		"{\"name\":\"_unknown\",\"type\":\"BYTES\",\"mode\":"
		"\"NULLABLE\"}, "
		"{\"name\":\"price\",\"type\":\"NUMERIC\",\"mode\":"
		"\"NULLABLE\"}, "
		"{\"name\":\"color\",\"type\":\"STRING\",\"mode\":"
		"\"NULLABLE\"}]},\n"
		" {\"name\":\"total\",\"type\":\"INT64\",\"mode\":"
		"\"NULLABLE\"},\n"
		" {\"name\":\"_unknown\",\"type\":\"BYTES\",\"mode\":"
		"\"NULLABLE\"}]");
	dp_evolution_free(evolution);
	dp_schema_unref(before);
	dp_schema_unref(after);
}

static void what_does_not_change_needs_no_step(void **state)
{
	struct rig *rig = *state;
	dp_schema *schema = DESCRIBE(rig, paid_before, item_before);

	for (dp_destination_kind kind = DP_DESTINATION_SQLITE;
		kind <= DP_DESTINATION_BIGQUERY; kind++) {
		dp_evolution *evolution = NULL;
		dp_evolution *fresh = NULL;

		assert_int_equal(dp_evolution_new(&evolution, schema, schema,
					 kind, "t", NULL),
			DP_OK);
		assert_int_equal(dp_evolution_count(evolution), 0);
		assert_int_equal(
			dp_evolution_new(&fresh, NULL, schema, kind, "t", NULL),
			DP_OK);
		assert_true(dp_evolution_count(fresh) >= 10);
		assert_string_equal(dp_evolution_result(evolution),
			dp_evolution_result(fresh));
		assert_string_equal(dp_evolution_get(fresh, 0)->sql, "");
		dp_evolution_free(evolution);
		dp_evolution_free(fresh);
	}
	dp_schema_unref(schema);
}

static void a_numeric_column_takes_integers_as_it_is(void **state)
{
	static const struct column numeric[] = {
		{"n", 1, OPTIONAL, DPI_TYPE_UINT64, NULL}};
	static const struct column integer[] = {
		{"n", 1, OPTIONAL, INT64, NULL}};
	struct rig *rig = *state;
	dp_schema *before = DESCRIBE(rig, numeric, item_before);
	dp_schema *after = DESCRIBE(rig, integer, item_before);
	dp_evolution *evolution;

	assert_int_equal(dp_evolution_new(&evolution, before, after,
				 DP_DESTINATION_BIGQUERY, "t", NULL),
		DP_OK);
	assert_non_null(
		strstr(dp_evolution_result(evolution), "\"n\",\"type\":\"NUM"));
	are_steps(evolution, "");
	dp_schema_unref(before);
	dp_schema_unref(after);
}

/* Random versions: what a table is to hold, and holds. */

static const char *const names[] = {"amount", "Amount", "amount__string",
	"note", "note__int64", "note__repeated_bytes", "kind", "kind_2"};
static const int types[] = {DPI_TYPE_INT64, DPI_TYPE_STRING, DPI_TYPE_DOUBLE,
	DPI_TYPE_BYTES, DPI_TYPE_BOOL, DPI_TYPE_UINT64};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static uint32_t draw(uint32_t *seed, uint32_t below)
{
	*seed = *seed * 1664525u + 1013904223u;
	return (*seed >> 8) % below;
}

static dp_schema *describe_random(struct rig *rig, uint32_t *seed)
{
	struct column columns[COUNT(names)];
	size_t count = 0;
	uint32_t taken = 0;

	for (uint32_t i = 0; i < COUNT(names); i++) {
		uint32_t number = 1 + draw(seed, COUNT(names));

		if (draw(seed, 3) == 0 || (taken & 1u << number) != 0) {
			continue;
		}
		taken |= 1u << number;
		columns[count++] = (struct column){names[i], number,
			draw(seed, 4) == 0 ? REPEATED : OPTIONAL,
			types[draw(seed, COUNT(types))], NULL};
	}
	return describe(rig, columns, count, item_before, COUNT(item_before));
}

struct table_column {
	char name[64];
	char type[32];
	char mode[16];
};

static size_t parse_table(const dp_evolution *evolution,
	struct table_column *columns, size_t room)
{
	const char *at = dp_evolution_result(evolution);
	size_t count = 0;

	while ((at = strchr(at, '{')) != NULL) {
		struct table_column *c = &columns[count++];

		assert_true(count <= room);
		assert_int_equal(
			sscanf(at,
				"{\"name\":\"%63[^\"]\",\"type\":\"%31[^\"]"
				"\",\"mode\":\"%15[^\"]\"}",
				c->name, c->type, c->mode),
			3);
		at++;
	}
	return count;
}

static void is_whole(const struct table_column *table, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < i; k++) {
			assert_int_not_equal(
				strcasecmp(table[i].name, table[k].name), 0);
		}
	}
}

/* Columns that were there stay where they are, and as wide at least. */
static void is_kept(const struct table_column *old,
	const struct table_column *now, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		assert_string_equal(now[i].name, old[i].name);
		assert_string_equal(now[i].mode, old[i].mode);
		if (strcmp(now[i].type, old[i].type) != 0) {
			assert_string_equal(old[i].type, "INT64");
			assert_string_equal(now[i].type, "NUMERIC");
		}
	}
}

/* Each new column of the table is one step that adds it, in their order. */
static void is_told(const dp_evolution *evolution,
	const struct table_column *fresh, size_t count)
{
	size_t at = 0;

	for (size_t i = 0; i < dp_evolution_count(evolution); i++) {
		const dp_evolution_step *s = dp_evolution_get(evolution, i);

		if (strstr(s->sql, " ADD COLUMN ") != NULL) {
			assert_true(at < count);
			assert_string_equal(s->column, fresh[at++].name);
		}
	}
	assert_int_equal(at, count);
}

static void one_round(struct rig *rig, uint32_t round)
{
	struct table_column old[64], now[64];
	uint32_t seed = round;
	dp_schema *before = describe_random(rig, &seed);
	dp_schema *after = describe_random(rig, &seed);
	dp_evolution *first = NULL;
	dp_evolution *second = NULL;
	size_t old_count, count;

	assert_int_equal(dp_evolution_new(&first, NULL, before,
				 DP_DESTINATION_BIGQUERY, "t", NULL),
		DP_OK);
	assert_int_equal(dp_evolution_new(&second, before, after,
				 DP_DESTINATION_BIGQUERY, "t", NULL),
		DP_OK);
	old_count = parse_table(first, old, COUNT(old));
	count = parse_table(second, now, COUNT(now));
	assert_true(count >= old_count);
	is_whole(now, count);
	is_kept(old, now, old_count);
	is_told(second, now + old_count, count - old_count);
	dp_evolution_free(first);
	dp_evolution_free(second);
	dp_schema_unref(before);
	dp_schema_unref(after);
}

static void no_column_of_a_table_changes_its_meaning(void **state)
{
	for (uint32_t round = 0; round < ROUNDS; round++) {
		one_round(*state, round);
	}
}

static void plans_survive_failed_allocations(void **state)
{
	struct rig *rig = *state;
	dp_schema *before = DESCRIBE(rig, paid_before, item_before);
	dp_schema *after = DESCRIBE(rig, paid_after, item_after);

	for (dp_destination_kind kind = DP_DESTINATION_SQLITE;
		kind <= DP_DESTINATION_BIGQUERY; kind++) {
		dp_evolution *evolution = NULL;
		dp_status st = DP_ENOMEM;
		long n = 0;

		while (st == DP_ENOMEM) {
			rig->heap.fail_at = rig->heap.made + n++;
			st = dp_evolution_new(
				&evolution, before, after, kind, "t", NULL);
		}
		rig->heap.fail_at = -1;
		assert_int_equal(st, DP_OK);
		assert_in_range(n, 5, 500);
		dp_evolution_free(evolution);
	}
	dp_schema_unref(before);
	dp_schema_unref(after);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(files_of_avro_are_told_by_the_rules_of_resolution),
		TEST(files_of_parquet_are_told_by_what_readers_unify),
		TEST(a_table_of_bigquery_is_altered_by_its_statements),
		TEST(the_schema_of_the_table_has_columns_of_records_too),
		TEST(what_does_not_change_needs_no_step),
		TEST(a_numeric_column_takes_integers_as_it_is),
		TEST(no_column_of_a_table_changes_its_meaning),
		TEST(plans_survive_failed_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
