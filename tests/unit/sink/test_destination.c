/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "hub/record.h"
#include "sink/destination.h"
#include "test_batch.h"
#include "test_heap.h"

static struct test_heap heap;

static int setup(void **state)
{
	(void)state;
	test_heap_init(&heap);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(heap.live_blocks, 0);
	return 0;
}

static dp_batch *one_event(const char *type, const char *source)
{
	dp_attribute tenant = {"tenant", "a/b"};
	dp_event ev = DP_EVENT_INIT;

	ev.type = type;
	ev.source = source;
	ev.time = TEST_BATCH_TIME - DP_SECOND;
	ev.attributes = &tenant;
	ev.attribute_count = 1;
	return test_batch_new("ramp.a", 3, 7200, &ev, 1);
}

static void assert_folder(const char *text, const char *type,
	const char *source, const char *folder)
{
	const dp_bytes fields[] = {{"x", 1}, {"\xc3\xa9", 2}};
	const dpi_destination_values values = {12, fields};
	dp_batch *batch = one_event(type, source);
	dpi_destination destination;
	bool is_same;

	assert_int_equal(dpi_destination_init(
				 &destination, &heap.alloc, text, true, NULL),
		DP_OK);
	assert_int_equal(
		dpi_destination_expand(&destination, dp_batch_message(batch, 0),
			&values, &is_same, NULL),
		DP_OK);
	assert_false(is_same);
	assert_string_equal(destination.folder, folder);
	dpi_destination_fini(&destination);
	dp_batch_unref(batch);
}

static void each_placeholder_is_filled_in(void **state)
{
	(void)state;
	assert_folder("{topic}/{type}/{source}", "shop.v1.Paid", "billing",
		"ramp.a/shop.v1.Paid/billing");
	assert_folder("dt={date}/h={hour}", "T", "s", "dt=2026-01-01/h=02");
	assert_folder("{event_date}/{event_hour}", "T", "s", "2025-12-31/23");
	assert_folder(
		"v{version}/{field:a.b}-{field:c}", "T", "s", "v12/x-%C3%A9");
	assert_folder("{attr:tenant}", "T", "s", "a%2Fb");
	assert_folder("{attr:partitionkey}", "T", "s", "%");
}

static void no_value_names_a_folder_outside_or_one_that_readers_skip(
	void **state)
{
	(void)state;
	assert_folder("{type}", "../../etc", "s", "%2E.%2F..%2Fetc");
	assert_folder("{type}", "..", "s", "%2E.");
	assert_folder("{type}", "_commits", "s", "%5Fcommits");
	assert_folder("a{type}", "_commits", "s", "a_commits");
	assert_folder("x/{type}", "_hidden", "s", "x/%5Fhidden");
	assert_folder("{type}", ".hidden", "s", "%2Ehidden");
}

static void a_name_that_is_too_long_is_cut_and_stays_its_own(void **state)
{
	char a[301];
	char b[301];
	char folders[2][DPI_DESTINATION_MAX];

	(void)state;
	memset(a, 'x', 300);
	a[300] = '\0';
	memcpy(b, a, sizeof(b));
	b[299] = 'y';
	for (int i = 0; i < 2; i++) {
		dp_batch *batch = one_event("T", i == 0 ? a : b);
		dpi_destination destination;
		bool is_same;

		assert_int_equal(
			dpi_destination_init(&destination, &heap.alloc,
				"{topic}-{source}/{type}", false, NULL),
			DP_OK);
		assert_int_equal(dpi_destination_expand(&destination,
					 dp_batch_message(batch, 0), NULL,
					 &is_same, NULL),
			DP_OK);
		memcpy(folders[i], destination.folder, sizeof(folders[i]));
		assert_true(strchr(folders[i], '/') - folders[i] <= 255);
		assert_string_equal(strchr(folders[i], '/'), "/T");
		dpi_destination_fini(&destination);
		dp_batch_unref(batch);
	}
	assert_string_not_equal(folders[0], folders[1]);
}

static void a_folder_over_the_limit_refuses_the_event(void **state)
{
	dpi_destination destination;
	dp_error *err = NULL;
	char source[301];
	dp_batch *batch;
	bool is_same;

	(void)state;
	memset(source, 'x', 300);
	source[300] = '\0';
	batch = one_event("T", source);
	assert_int_equal(dpi_destination_init(&destination, &heap.alloc,
				 "{source}/{source}/{source}/{source}/{source}",
				 false, NULL),
		DP_OK);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(dpi_destination_expand(&destination,
					 dp_batch_message(batch, 0), NULL,
					 &is_same, &err),
			DP_ETOOBIG);
		assert_non_null(strstr(dp_error_message(err), "1023"));
		dp_error_free(err);
		err = NULL;
	}
	dpi_destination_fini(&destination);
	dp_batch_unref(batch);
}

static void assert_same(
	dpi_destination *destination, const char *source, bool same)
{
	dp_batch *batch = one_event("T", source);
	bool is_same = !same;

	assert_int_equal(
		dpi_destination_expand(destination, dp_batch_message(batch, 0),
			NULL, &is_same, NULL),
		DP_OK);
	assert_int_equal(is_same, same);
	dp_batch_unref(batch);
}

static void the_folder_of_the_last_event_is_known_again(void **state)
{
	dpi_destination destination;

	(void)state;
	assert_int_equal(dpi_destination_init(&destination, &heap.alloc,
				 "{type}/{source}/{date}", false, NULL),
		DP_OK);
	assert_same(&destination, "a", false);
	assert_same(&destination, "a", true);
	assert_same(&destination, "b", false);
	assert_string_equal(destination.folder, "T/b/2026-01-01");
	assert_same(&destination, "b", true);
	assert_same(&destination, "a", false);
	assert_string_equal(destination.folder, "T/a/2026-01-01");
	dpi_destination_fini(&destination);
}

static void assert_refused(const char *text, const char *part_of_message)
{
	dpi_destination destination;
	dp_error *err = NULL;

	assert_int_equal(dpi_destination_init(
				 &destination, &heap.alloc, text, false, &err),
		DP_EINVAL);
	assert_non_null(strstr(dp_error_message(err), part_of_message));
	dp_error_free(err);
}

static void a_template_that_makes_no_sense_is_refused(void **state)
{
	char many[200] = "a";

	(void)state;
	assert_refused("", "without a name");
	assert_refused("/a", "without a name");
	assert_refused("a//b", "without a name");
	assert_refused("a/", "without a name");
	assert_refused("_a", "begin with '_'");
	assert_refused("a/../b", "begin with '.'");
	assert_refused("{topic", "'{' without");
	assert_refused("topic}", "'}' without");
	assert_refused("{topics}", "{topics}");
	assert_refused("{attr:}", "{attr:}");
	assert_refused("{date:x}", "{date:x}");
	assert_refused("{version}", "{version}");
	assert_refused("{field:a}", "{field:a}");
	assert_refused("a\nb", "0x0a");
	for (int i = 0; i < 17; i++) {
		strcat(many, "{type}a");
	}
	assert_refused(many, "over 32 parts");
}

static void a_template_without_memory_is_no_template(void **state)
{
	dp_status st = DP_ENOMEM;

	(void)state;
	for (long k = 0; st != DP_OK; k++) {
		dpi_destination destination;

		test_heap_init(&heap);
		heap.fail_at = k;
		st = dpi_destination_init(&destination, &heap.alloc,
			"{topic}/x/{date}", false, NULL);
		if (st == DP_OK) {
			dpi_destination_fini(&destination);
		} else {
			assert_int_equal(st, DP_ENOMEM);
		}
		assert_int_equal(heap.live_bytes, 0);
	}
	heap.fail_at = -1;
}

static void fields_of_a_template_come_in_its_order(void **state)
{
	dpi_destination destination;

	(void)state;
	assert_int_equal(dpi_destination_init(&destination, &heap.alloc,
				 "{field:b}/{type}/{field:a.c}", true, NULL),
		DP_OK);
	assert_string_equal(dpi_destination_field(&destination, 0), "b");
	assert_string_equal(dpi_destination_field(&destination, 1), "a.c");
	assert_null(dpi_destination_field(&destination, 2));
	dpi_destination_fini(&destination);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_placeholder_is_filled_in),
		cmocka_unit_test(
			no_value_names_a_folder_outside_or_one_that_readers_skip),
		cmocka_unit_test(
			a_name_that_is_too_long_is_cut_and_stays_its_own),
		cmocka_unit_test(a_folder_over_the_limit_refuses_the_event),
		cmocka_unit_test(the_folder_of_the_last_event_is_known_again),
		cmocka_unit_test(a_template_that_makes_no_sense_is_refused),
		cmocka_unit_test(a_template_without_memory_is_no_template),
		cmocka_unit_test(fields_of_a_template_come_in_its_order),
	};

	return cmocka_run_group_tests_name(
		"destination", tests, setup, teardown);
}
