/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "set_builder.h"
#include "sink/field_path.h"
#include "test_heap.h"

/*
 * message Shop { optional string region = 1; sint32 floor = 2;
 *                repeated int32 tills = 3; }
 * message Paid { Shop shop = 1; Kind kind = 2; int64 amount = 3;
 *                bool cash = 4; double rate = 5; uint64 big = 6;
 *                bytes raw = 7; fixed32 f = 8; }
 */
static struct test_heap heap;
static dp_schema *schema;

static void add_enum(struct set_builder *b)
{
	begin_enum(b, "Kind");
	value(b, "UNKNOWN", 0);
	value(b, "CARD", 1);
	end(b);
}

static int setup(void **state)
{
	struct set_builder b;

	(void)state;
	test_heap_init(&heap);
	set_builder_init(&b, &heap.alloc);
	begin_file(&b, "shop.proto", "shop", "proto2");
	add_enum(&b);
	begin_message(&b, "Shop");
	field(&b, "region", 1, OPTIONAL, DPI_TYPE_STRING, NULL);
	field(&b, "floor", 2, OPTIONAL, DPI_TYPE_SINT32, NULL);
	field(&b, "tills", 3, REPEATED, DPI_TYPE_INT32, NULL);
	end(&b);
	begin_message(&b, "Paid");
	field(&b, "shop", 1, OPTIONAL, DPI_TYPE_MESSAGE, ".shop.Shop");
	field(&b, "kind", 2, OPTIONAL, DPI_TYPE_ENUM, ".shop.Kind");
	field(&b, "amount", 3, OPTIONAL, DPI_TYPE_INT64, NULL);
	field(&b, "cash", 4, OPTIONAL, DPI_TYPE_BOOL, NULL);
	field(&b, "rate", 5, OPTIONAL, DPI_TYPE_DOUBLE, NULL);
	field(&b, "big", 6, OPTIONAL, DPI_TYPE_UINT64, NULL);
	field(&b, "raw", 7, OPTIONAL, DPI_TYPE_BYTES, NULL);
	field(&b, "f", 8, OPTIONAL, DPI_TYPE_FIXED32, NULL);
	end(&b);
	end(&b);
	assert_int_equal(dpi_schema_new(&schema, &heap.alloc, b.buf.data,
				 b.buf.size, "shop.Paid", NULL),
		DP_OK);
	set_builder_fini(&b);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	dp_schema_unref(schema);
	assert_int_equal(heap.live_blocks, 0);
	return 0;
}

static void assert_value(
	const char *path, const void *wire, size_t size, const char *wanted)
{
	char scratch[DPI_FIELD_TEXT];
	dpi_field_path found;
	dp_bytes text;

	assert_int_equal(dpi_field_path_resolve(
				 &found, dpi_schema_root(schema), path, NULL),
		DP_OK);
	text = dpi_field_path_read(&found, dpi_bytes(wire, size), scratch);
	assert_int_equal(text.size, strlen(wanted));
	if (text.size > 0) {
		assert_memory_equal(text.data, wanted, text.size);
	}
}

#define VALUE(path, wire, wanted) \
	assert_value(path, wire, sizeof(wire) - 1, wanted)

static void values_of_each_kind_become_text(void **state)
{
	(void)state;
	VALUE("kind", "\x10\x01", "CARD");
	VALUE("kind", "\x10\x09", "9");
	VALUE("amount", "\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "-1");
	VALUE("cash", "\x20\x01", "true");
	VALUE("cash", "\x20\x00", "false");
	VALUE("big", "\x30\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
		"18446744073709551615");
	VALUE("raw", "\x3a\x02\x01\xff", "\x01\xff");
	VALUE("f", "\x45\x01\x00\x00\x80", "2147483649");
	VALUE("shop.floor", "\x0a\x02\x10\x03", "-2");
	VALUE("shop.region",
		"\x0a\x04\x0a\x02"
		"eu",
		"eu");
}

static void what_is_absent_is_empty(void **state)
{
	(void)state;
	VALUE("shop.region", "", "");
	VALUE("shop.region", "\x0a\x00", "");
	VALUE("amount", "\x10\x01", "");
}

static void of_a_field_given_twice_the_last_one_counts(void **state)
{
	(void)state;
	VALUE("amount", "\x18\x01\x18\x02", "2");
	/* Parts of a message given in two pieces are one message. */
	VALUE("shop.region",
		"\x0a\x03\x0a\x01"
		"a"
		"\x0a\x02\x10\x03",
		"a");
	VALUE("shop.region",
		"\x0a\x03\x0a\x01"
		"a"
		"\x0a\x03\x0a\x01"
		"b",
		"b");
}

static void assert_unfit(const char *path, const char *part_of_message)
{
	dp_error *err = NULL;
	dpi_field_path found;

	assert_int_equal(dpi_field_path_resolve(
				 &found, dpi_schema_root(schema), path, &err),
		DP_ESCHEMA);
	assert_non_null(strstr(dp_error_message(err), part_of_message));
	dp_error_free(err);
}

static void a_path_that_cannot_name_a_folder_says_why(void **state)
{
	(void)state;
	assert_unfit("no", "shop.Paid has no field 'no'");
	assert_unfit("shop.no", "shop.Shop has no field 'no'");
	assert_unfit("shop", "cannot be part");
	assert_unfit("rate", "cannot be part");
	assert_unfit("amount.x", "cannot be part");
	assert_unfit("shop.tills", "repeats");
	assert_unfit("", "no field ''");
	assert_unfit("shop.", "no field ''");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_of_each_kind_become_text),
		cmocka_unit_test(what_is_absent_is_empty),
		cmocka_unit_test(of_a_field_given_twice_the_last_one_counts),
		cmocka_unit_test(a_path_that_cannot_name_a_folder_says_why),
	};

	return cmocka_run_group_tests_name(
		"field_path", tests, setup, teardown);
}
