/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <datapipe/compat.h>

#include "schema/descriptor.h"
#include "set_builder.h"
#include "test_heap.h"

/* The rules themselves: doc/compatibility.md, and tests/compat. */

struct fixture {
	struct test_heap heap;
	dp_schema *before;
	dp_schema *after;
	dp_error *err;
};

static struct fixture fixture;

static int set_up(void **state)
{
	memset(&fixture, 0, sizeof(fixture));
	test_heap_init(&fixture.heap);
	*state = &fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	dp_schema_unref(f->before);
	dp_schema_unref(f->after);
	dp_error_free(f->err);
	assert_int_equal(f->heap.live_bytes, 0);
	return 0;
}

/* Message t.NAME with fields f1 to f<count> of a type. */
static dp_schema *make(
	struct fixture *f, const char *name, unsigned count, int type)
{
	struct set_builder set;
	dp_schema *schema = NULL;
	char full_name[64];

	set_builder_init(&set, &f->heap.alloc);
	begin_file(&set, "t.proto", "t", "proto3");
	begin_message(&set, name);
	for (unsigned i = 1; i <= count; i++) {
		char field_name[16];

		(void)snprintf(field_name, sizeof(field_name), "f%u", i);
		field(&set, field_name, i, OPTIONAL, type, NULL);
	}
	end(&set);
	end(&set);
	(void)snprintf(full_name, sizeof(full_name), "t.%s", name);
	assert_int_equal(dpi_schema_new(&schema, &f->heap.alloc, set.buf.data,
				 set.buf.size, full_name, NULL),
		DP_OK);
	set_builder_fini(&set);
	return schema;
}

static void test_compat_tells_rule_path_and_both_sides(void **state)
{
	struct fixture *f = *state;
	const dp_compat_finding *finding;
	dp_compat *compat;

	f->before = make(f, "M", 1, DPI_TYPE_INT64);
	f->after = make(f, "M", 1, DPI_TYPE_INT32);
	assert_int_equal(
		dp_compat_new(&compat, f->before, f->after, NULL), DP_OK);
	assert_int_equal(dp_compat_count(compat), 1);
	finding = dp_compat_get(compat, 0);
	assert_int_equal(finding->struct_size, sizeof(*finding));
	assert_string_equal(finding->rule, "FIELD_TYPE");
	assert_string_equal(finding->path, "t.M.f1");
	assert_string_equal(finding->before, "int64");
	assert_string_equal(finding->after, "int32");
	assert_int_equal(
		finding->breaks, DP_BREAKS_BACKWARD | DP_BREAKS_JSON_BACKWARD);
	assert_int_equal(finding->number, 1);
	assert_null(dp_compat_get(compat, 1));
	dp_compat_free(compat);
}

static void test_compat_of_equal_schemas_is_empty(void **state)
{
	struct fixture *f = *state;
	dp_compat *compat;

	f->before = make(f, "M", 40, DPI_TYPE_STRING);
	f->after = make(f, "M", 40, DPI_TYPE_STRING);
	assert_int_equal(
		dp_compat_new(&compat, f->before, f->after, NULL), DP_OK);
	assert_int_equal(dp_compat_count(compat), 0);
	dp_compat_free(compat);
	dp_compat_free(NULL);
}

static void test_compat_outlives_its_schemas(void **state)
{
	struct fixture *f = *state;
	dp_compat *compat;

	f->before = make(f, "M", 2, DPI_TYPE_STRING);
	f->after = make(f, "M", 1, DPI_TYPE_STRING);
	assert_int_equal(
		dp_compat_new(&compat, f->before, f->after, NULL), DP_OK);
	dp_schema_unref(f->before);
	dp_schema_unref(f->after);
	f->before = f->after = NULL;
	assert_string_equal(dp_compat_get(compat, 0)->path, "t.M.f2");
	dp_compat_free(compat);
}

static void test_compat_refuses_two_types(void **state)
{
	struct fixture *f = *state;
	dp_compat *compat = NULL;

	f->before = make(f, "M", 1, DPI_TYPE_INT32);
	f->after = make(f, "N", 1, DPI_TYPE_INT32);
	assert_int_equal(dp_compat_new(&compat, f->before, f->after, &f->err),
		DP_EINVAL);
	assert_non_null(strstr(dp_error_message(f->err), "t.M and t.N"));
	assert_null(compat);
	assert_int_equal(
		dp_compat_new(&compat, NULL, f->after, NULL), DP_EINVAL);
}

static void test_compat_modes_refuse_their_side_only(void **state)
{
	uint32_t json = DP_BREAKS_JSON_BACKWARD | DP_BREAKS_JSON_FORWARD;
	uint32_t later = DP_BREAKS_LATER | DP_BREAKS_JSON_LATER;

	(void)state;
	assert_true(
		dp_compat_is_refused(DP_BREAKS_BACKWARD, DP_COMPAT_BACKWARD));
	assert_false(
		dp_compat_is_refused(DP_BREAKS_FORWARD, DP_COMPAT_BACKWARD));
	assert_true(dp_compat_is_refused(
		DP_BREAKS_FORWARD, DP_COMPAT_FORWARD | DP_COMPAT_TRANSITIVE));
	assert_false(dp_compat_is_refused(UINT32_MAX, DP_COMPAT_NONE));
	assert_false(dp_compat_is_refused(json, DP_COMPAT_FULL));
	assert_true(dp_compat_is_refused(
		DP_BREAKS_JSON_FORWARD, DP_COMPAT_FORWARD | DP_COMPAT_JSON));
	assert_false(dp_compat_is_refused(
		DP_BREAKS_JSON_FORWARD, DP_COMPAT_BACKWARD | DP_COMPAT_JSON));
	assert_false(
		dp_compat_is_refused(later, DP_COMPAT_FULL | DP_COMPAT_JSON));
}

static void test_compat_survives_failed_allocations(void **state)
{
	struct fixture *f = *state;
	dp_compat *compat = NULL;
	size_t n = 0;
	dp_status st = DP_ENOMEM;

	f->before = make(f, "M", 9, DPI_TYPE_INT64);
	f->after = make(f, "M", 5, DPI_TYPE_INT32);
	while (st == DP_ENOMEM) {
		f->heap.fail_at = f->heap.made + (long)n++;
		st = dp_compat_new(&compat, f->before, f->after, NULL);
	}
	f->heap.fail_at = -1;
	assert_int_equal(st, DP_OK);
	assert_in_range(n, 5, 200);
	assert_int_equal(dp_compat_count(compat), 9);
	dp_compat_free(compat);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_compat_tells_rule_path_and_both_sides, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(
			test_compat_of_equal_schemas_is_empty, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(
			test_compat_outlives_its_schemas, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_compat_refuses_two_types, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_compat_modes_refuse_their_side_only, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(
			test_compat_survives_failed_allocations, set_up,
			tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
