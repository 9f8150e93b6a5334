/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "codec/wire.h"

/*
 * Bytes in memory of just their size, so that a sanitizer sees a read behind
 * them. Reads all fields at depth; returns NULL, or why that failed.
 */
static const char *walk(
	const void *bytes, size_t size, unsigned depth, dp_status *code)
{
	uint8_t *copy = malloc(size + (size == 0));
	const uint8_t *p = copy;
	const uint8_t *end = copy + size;
	const char *fault = NULL;

	assert_non_null(copy);
	memcpy(copy, bytes, size);
	while (p < end && fault == NULL) {
		const uint8_t *field = p;
		dpi_wire_value value;
		uint32_t tag;

		p = dpi_wire_get_tag(p, end, &tag);
		if (p != NULL) {
			p = dpi_wire_get_value(p, end, tag, depth, &value);
		}
		if (p == NULL) {
			fault = dpi_wire_fault(field, end, depth, code);
			break;
		}
		assert_true(p > field && p <= end);
	}
	free(copy);
	return fault;
}

static void bad_bytes_are_refused_with_their_reason(void **state)
{
	static const struct {
		const char *bytes;
		size_t size;
		const char *why;
	} cases[] = {
		{"\x08", 1, "a varint is cut off"},
		{"\x08\x80", 2, "a varint is cut off"},
		{"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 11,
			"a varint is longer than 64 bits"},
		{"\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", 12,
			"a varint is longer than 64 bits"},
		{"\x80", 1, "a tag is cut off or not valid"},
		{"\x00\x01", 2, "a tag is cut off or not valid"},
		{"\x80\x80\x80\x80\x10\x01", 6,
			"a tag is cut off or not valid"},
		{"\x88\x80\x80\x80\x80\x00\x01", 7,
			"a tag is cut off or not valid"},
		{"\x0a\x02x", 3, "a length reaches behind the end"},
		{"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11,
			"a length reaches behind the end"},
		{"\x09\1\2\3\4\5\6\7", 8, "a fixed value is cut off"},
		{"\x0d\1\2\3", 4, "a fixed value is cut off"},
		{"\x0e", 1, "a wire type is 6 or 7"},
		{"\x0f", 1, "a wire type is 6 or 7"},
		{"\x0c", 1, "an end of group has no start"},
		{"\x0b", 1, "a group is cut off"},
		{"\x0b\x10\x01", 3, "a group is cut off"},
		{"\x0b\x10", 2, "a varint is cut off"},
		{"\x0b\x0e", 2, "a wire type is 6 or 7"},
		{"\x0b\x14", 2, "an end of group does not match its start"},
		{"\x0b\x13\x0c\x14", 4,
			"an end of group does not match its start"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		dp_status code = DP_OK;
		const char *why = walk(cases[i].bytes, cases[i].size, 1, &code);

		assert_non_null(why);
		assert_string_equal(why, cases[i].why);
		assert_int_equal(code, DP_ESCHEMA);
	}
}

static void every_wire_type_is_read(void **state)
{
	static const char bytes[] =
		"\x08\xac\x02"                                 /* 1: 300 */
		"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" /* 1: -1 */
		"\x11\1\2\3\4\5\6\7\x08"                       /* 2: fixed64 */
		"\x1d\1\2\3\4"                                 /* 3: fixed32 */
		"\x22\3abc"                                    /* 4: bytes */
		"\x2b\x08\1\x33\x34\x2c"                       /* 5: groups */
		"\xfa\xff\xff\xff\x0f\0"; /* the last number */
	dp_status code = DP_OK;

	(void)state;
	assert_null(walk(bytes, sizeof(bytes) - 1, 1, &code));
}

static void a_group_gives_what_is_between_its_tags(void **state)
{
	static const uint8_t bytes[] = {0x08, 0x01, 0x13, 0x14, 0x0c, 0x99};
	dpi_wire_value value;
	const uint8_t *p = dpi_wire_get_value(
		bytes, bytes + sizeof(bytes), 0x0b, 1, &value);

	(void)state;
	assert_ptr_equal(p, bytes + 5);
	assert_ptr_equal(value.data, bytes);
	assert_int_equal(value.size, 4);
}

static void groups_end_at_depth_64(void **state)
{
	uint8_t bytes[2 * DPI_DEPTH_MAX];
	dp_status code = DP_OK;

	(void)state;
	for (size_t deep = 60; deep <= DPI_DEPTH_MAX; deep++) {
		const char *why;

		memset(bytes, 0x0b, deep);
		memset(bytes + deep, 0x0c, deep);
		why = walk(bytes, 2 * deep, 1, &code);
		if (deep < DPI_DEPTH_MAX) {
			assert_null(why);
			continue;
		}
		assert_string_equal(why, "groups are nested deeper than 64");
		assert_int_equal(code, DP_ETOOBIG);
	}
	assert_non_null(walk("\x0b\x0c", 2, DPI_DEPTH_MAX, &code));
	assert_null(walk("\x0b\x0c", 2, DPI_DEPTH_MAX - 1, &code));
}

static void every_prefix_is_read_or_refused(void **state)
{
	static const char bytes[] = "\x08\xac\x02\x11\1\2\3\4\5\6\7\x08"
				    "\x22\3abc\x2b\x08\1\x33\x34\x2c\x1d\1\2\3";

	(void)state;
	for (size_t size = 0; size < sizeof(bytes); size++) {
		dp_status code = DP_OK;
		const char *why = walk(bytes, size, 1, &code);

		assert_int_equal(why == NULL, code == DP_OK);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_bytes_are_refused_with_their_reason),
		cmocka_unit_test(every_wire_type_is_read),
		cmocka_unit_test(a_group_gives_what_is_between_its_tags),
		cmocka_unit_test(groups_end_at_depth_64),
		cmocka_unit_test(every_prefix_is_read_or_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
