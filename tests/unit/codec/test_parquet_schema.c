/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "codec/parquet_schema.h"
#include "schema/descriptor.h"
#include "set_builder.h"
#include "test_heap.h"

/* The column "Parquet" of doc/mapping.md: what each construct is there. */

struct rig {
	struct test_heap heap;
	struct set_builder set;
	dpi_plan *plan;
	dpi_parquet_schema *schema;
};

static void rig_init(struct rig *rig)
{
	memset(rig, 0, sizeof(*rig));
	test_heap_init(&rig->heap);
	set_builder_init(&rig->set, &rig->heap.alloc);
}

static dp_status compile(struct rig *rig, const char *type, dp_error **err)
{
	static const dpi_column_given given = {"_time",
		"{\"type\":\"long\",\"logicalType\":"
		"\"timestamp-micros\"}"};
	const dp_allocator *alloc = &rig->heap.alloc;
	dp_schema *schema = NULL;

	assert_int_equal(dpi_schema_new(&schema, alloc, rig->set.buf.data,
				 rig->set.buf.size, type, NULL),
		DP_OK);
	assert_int_equal(dpi_plan_new(&rig->plan, alloc, schema,
				 DPI_TARGET_PARQUET, NULL),
		DP_OK);
	dp_schema_unref(schema);
	return dpi_parquet_schema_new(
		&rig->schema, alloc, rig->plan, &given, 1, err);
}

static void rig_fini(struct rig *rig)
{
	dpi_parquet_schema_unref(rig->schema);
	dpi_plan_free(rig->plan);
	set_builder_fini(&rig->set);
	assert_int_equal(rig->heap.live_bytes, 0);
}

/* "a.list.element INT64 UINT_64 def 2 rep 1" */
static void describe_leaf(const dpi_parquet_leaf *leaf, char *text, size_t size)
{
	static const char *const types[] = {"BOOLEAN", "INT32", "INT64", "",
		"FLOAT", "DOUBLE", "BYTE_ARRAY"};
	static const char *const logicals[] = {
		"", " STRING", " JSON", " UINT_64", " TIMESTAMP"};
	size_t used = 0;

	for (size_t i = 0; i < leaf->path_count; i++) {
		used += (size_t)snprintf(text + used, size - used, "%s%s",
			i > 0 ? "." : "", leaf->path[i]);
	}
	(void)snprintf(text + used, size - used, " %s%s def %d rep %d",
		types[leaf->type], logicals[leaf->step->logical], leaf->max_def,
		leaf->max_rep);
}

static void assert_columns(
	const struct rig *rig, const char *const *wanted, size_t count)
{
	char text[300];

	assert_int_equal(rig->schema->leaf_count, count);
	for (size_t i = 0; i < count; i++) {
		describe_leaf(&rig->schema->leaves[i], text, sizeof(text));
		assert_string_equal(text, wanted[i]);
	}
}

static void describe_scalars(struct set_builder *b)
{
	static const int types[] = {DPI_TYPE_BOOL, DPI_TYPE_INT32,
		DPI_TYPE_SFIXED32, DPI_TYPE_SINT64, DPI_TYPE_UINT32,
		DPI_TYPE_FIXED64, DPI_TYPE_FLOAT, DPI_TYPE_DOUBLE,
		DPI_TYPE_STRING, DPI_TYPE_BYTES};
	char name[8];

	begin_file(b, "t.proto", "t", "proto3");
	begin_message(b, "M");
	for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		(void)snprintf(name, sizeof(name), "f%u", i);
		field(b, name, i + 1, OPTIONAL, types[i], NULL);
	}
	field(b, "e", 20, OPTIONAL, DPI_TYPE_ENUM, ".t.E");
	field(b, "many", 21, REPEATED, DPI_TYPE_UINT64, NULL);
	field(b, "inner", 22, OPTIONAL, DPI_TYPE_MESSAGE, ".t.Empty");
	field(b, "inners", 23, REPEATED, DPI_TYPE_MESSAGE, ".t.Empty");
	end(b);
	begin_message(b, "Empty");
	end(b);
	begin_enum(b, "E");
	value(b, "ZERO", 0);
	end(b);
	end(b);
}

static void each_type_has_its_column(void **state)
{
	static const char *const wanted[] = {
		"_time INT64 TIMESTAMP def 0 rep 0",
		"f0 BOOLEAN def 1 rep 0",
		"f1 INT32 def 1 rep 0",
		"f2 INT32 def 1 rep 0",
		"f3 INT64 def 1 rep 0",
		"f4 INT64 def 1 rep 0",
		"f5 INT64 UINT_64 def 1 rep 0",
		"f6 FLOAT def 1 rep 0",
		"f7 DOUBLE def 1 rep 0",
		"f8 BYTE_ARRAY STRING def 1 rep 0",
		"f9 BYTE_ARRAY def 1 rep 0",
		"e BYTE_ARRAY STRING def 1 rep 0",
		"many.list.element INT64 UINT_64 def 2 rep 1",
		"inner._unknown BYTE_ARRAY def 2 rep 0",
		"inners.list.element._unknown BYTE_ARRAY def 3 rep 1",
		"_unknown BYTE_ARRAY def 1 rep 0",
	};
	struct rig rig;

	(void)state;
	rig_init(&rig);
	describe_scalars(&rig.set);
	assert_int_equal(compile(&rig, "t.M", NULL), DP_OK);
	assert_columns(&rig, wanted, sizeof(wanted) / sizeof(wanted[0]));
	rig_fini(&rig);
}

/* A message with so many fields of its own type, and one number. */
static void describe_tree(struct set_builder *b, unsigned children)
{
	char name[8];

	begin_file(b, "t.proto", "t", "proto3");
	begin_message(b, "Node");
	field(b, "n", 100, OPTIONAL, DPI_TYPE_INT32, NULL);
	for (unsigned i = 1; i <= children; i++) {
		(void)snprintf(name, sizeof(name), "c%u", i);
		field(b, name, i, OPTIONAL, DPI_TYPE_MESSAGE, ".t.Node");
	}
	end(b);
	end(b);
}

static void recursion_is_five_deep_and_then_text(void **state)
{
	static const char *const last = "c1.c1.c1.c1.c1 BYTE_ARRAY JSON def 5 "
					"rep 0";
	struct rig rig;
	char text[300];
	bool is_found = false;

	(void)state;
	rig_init(&rig);
	describe_tree(&rig.set, 1);
	assert_int_equal(compile(&rig, "t.Node", NULL), DP_OK);
	assert_int_equal(dpi_plan_recursion(rig.plan), 5);
	for (uint32_t i = 0; i < rig.schema->leaf_count; i++) {
		describe_leaf(&rig.schema->leaves[i], text, sizeof(text));
		is_found |= strcmp(text, last) == 0;
	}
	assert_true(is_found);
	rig_fini(&rig);
}

/* 12 to the fifth would be a quarter of a million columns. */
static void recursion_that_branches_is_less_deep(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	describe_tree(&rig.set, 12);
	assert_int_equal(compile(&rig, "t.Node", NULL), DP_OK);
	assert_int_equal(dpi_plan_recursion(rig.plan), 2);
	assert_true(rig.schema->leaf_count <= DPI_PARQUET_COLUMNS_FAIR + 1);
	rig_fini(&rig);
}

/* Messages that double the columns at each level, without recursion. */
static void too_many_columns_are_refused(void **state)
{
	char name[8], child[16];
	dp_error *err = NULL;
	struct rig rig;

	(void)state;
	rig_init(&rig);
	begin_file(&rig.set, "t.proto", "t", "proto3");
	for (unsigned level = 0; level < 20; level++) {
		(void)snprintf(name, sizeof(name), "M%u", level);
		(void)snprintf(child, sizeof(child), ".t.M%u", level + 1);
		begin_message(&rig.set, name);
		field(&rig.set, "a", 1, OPTIONAL, DPI_TYPE_MESSAGE, child);
		field(&rig.set, "b", 2, OPTIONAL, DPI_TYPE_MESSAGE, child);
		end(&rig.set);
	}
	begin_message(&rig.set, "M20");
	end(&rig.set);
	end(&rig.set);
	assert_int_equal(compile(&rig, "t.M0", &err), DP_ETOOBIG);
	assert_non_null(strstr(dp_error_message(err), "t.M0"));
	dp_error_free(err);
	rig_fini(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_type_has_its_column),
		cmocka_unit_test(recursion_is_five_deep_and_then_text),
		cmocka_unit_test(recursion_that_branches_is_less_deep),
		cmocka_unit_test(too_many_columns_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
