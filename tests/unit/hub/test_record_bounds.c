/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/crc32c.h"
#include "hub/log/scan.h"
#include "hub/record.h"

/*
 * Records that a right checksum does not make right: written by somebody else,
 * or by a bug. Nothing of them is read that is not there.
 */

#define SALT 7u
#define RECORD_MAX 400u

/* A record with these attributes and a payload of three bytes. */
static size_t make_record(uint8_t *out, const void *attributes, size_t size)
{
	uint8_t *p = out + DPI_RECORD_HEAD;

	memset(out, 0, RECORD_MAX);
	p = dpi_put_varint(p, size);
	if (size > 0) {
		memcpy(p, attributes, size);
	}
	memcpy(p + size, "pay", 3);
	dpi_store_u32(out + 4, (uint32_t)(p + size + 3 - out));
	return dpi_record_size(out);
}

static bool is_record(const void *attributes, size_t size)
{
	uint8_t record[RECORD_MAX];
	size_t record_size = make_record(record, attributes, size);
	dp_message msg;

	return dpi_record_parse(&msg, record, record_size);
}

/* An attribute of one tag and so many bytes of value, all 1. */
static bool is_attribute(uint8_t tag, size_t size)
{
	uint8_t attribute[RECORD_MAX / 2];
	uint8_t *p = attribute;

	*p++ = tag;
	p = dpi_put_varint(p, size);
	memset(p, 1, size);
	return is_record(attribute, (size_t)(p - attribute) + size);
}

static void attributes_have_the_sizes_of_their_kind(void **state)
{
	(void)state;
	assert_true(is_attribute(DPI_TAG_ID, 1));
	assert_true(is_attribute(DPI_TAG_ID, DP_ID_SIZE - 1));
	assert_false(is_attribute(DPI_TAG_ID, 0));
	assert_false(is_attribute(DPI_TAG_ID, DP_ID_SIZE));
	assert_true(is_attribute(DPI_TAG_TIME, 8));
	assert_false(is_attribute(DPI_TAG_TIME, 7));
	assert_false(is_attribute(DPI_TAG_TIME, 9));
	assert_true(is_attribute(DPI_TAG_PLACE, 9));
	assert_false(is_attribute(DPI_TAG_PLACE, 7));
	assert_false(is_attribute(DPI_TAG_PLACE, 10));
	assert_true(is_attribute(DPI_TAG_OTHER, 2));
	assert_false(is_attribute(DPI_TAG_OTHER, 0));
	assert_false(is_attribute(DPI_TAG_OTHER, 1));
}

/* What follows may look like the rest of it. */
static void a_place_without_its_number_is_refused(void **state)
{
	const uint8_t attributes[] = {DPI_TAG_PLACE, 8, 1, 2, 3, 4, 5, 6, 7, 8};
	dpi_source_place place;
	uint8_t record[RECORD_MAX];
	size_t size = make_record(record, attributes, sizeof(attributes));

	(void)state;
	assert_false(is_record(attributes, sizeof(attributes)));
	assert_false(dpi_record_place(&place, record, size));
}

static void values_end_where_the_attributes_do(void **state)
{
	const uint8_t right[] = {DPI_TAG_KNOWN, 2, 'a', 'b'};
	const uint8_t past[] = {DPI_TAG_KNOWN, 3, 'a', 'b'};
	const uint8_t endless[] = {DPI_TAG_KNOWN, 0x80};
	const uint8_t name_past[] = {DPI_TAG_OTHER, 2, 2, 'a'};

	(void)state;
	assert_true(is_record(right, sizeof(right)));
	assert_false(is_record(past, sizeof(past)));
	assert_false(is_record(endless, sizeof(endless)));
	assert_false(is_record(name_past, sizeof(name_past)));
}

static void attributes_end_where_the_record_does(void **state)
{
	uint8_t record[RECORD_MAX];
	size_t size = make_record(record, NULL, 0);
	dp_message msg;

	(void)state;
	assert_true(dpi_record_parse(&msg, record, size));
	record[DPI_RECORD_HEAD] = 3;
	assert_false(dpi_record_parse(&msg, record, size - 1));
	record[DPI_RECORD_HEAD] = 4;
	assert_false(dpi_record_parse(&msg, record, size));
}

static void a_record_is_parsed_over_its_own_size_alone(void **state)
{
	uint8_t record[RECORD_MAX];
	size_t size = make_record(record, NULL, 0);
	dp_message msg;

	(void)state;
	assert_false(dpi_record_parse(&msg, record, size - 1));
	assert_false(dpi_record_parse(&msg, record, size + 1));
}

/* Gives a record the checksum that it would have over so many bytes. */
static void put_checksum(uint8_t *record, size_t size)
{
	uint32_t crc = dpi_crc32c(0, record + 16, size - 16);

	dpi_store_u32(record, dpi_crc32c(crc, record + 4, 12) ^ SALT);
}

static void a_record_is_checked_over_its_own_size_alone(void **state)
{
	uint8_t record[RECORD_MAX];
	size_t size = make_record(record, NULL, 0);

	(void)state;
	put_checksum(record, size);
	assert_true(dpi_record_check(record, size, SALT));
	put_checksum(record, size - 2);
	assert_false(dpi_record_check(record, size - 2, SALT));
}

static void a_head_alone_is_no_record(void **state)
{
	uint8_t record[RECORD_MAX] = {0};
	uint32_t size;

	(void)state;
	for (uint32_t n = 0; n <= DPI_RECORD_HEAD; n++) {
		dpi_store_u32(record + 4, n);
		if (n > 16) {
			put_checksum(record, n);
		}
		assert_int_equal(
			dpi_walk_at(record, sizeof(record), 0, SALT, &size),
			DPI_WALK_NONE);
	}
}

/* The record ends where memory does: what reads on, ends the program. */
static void parse_at_the_end_of_memory(const uint8_t *record, size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *memory = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *copy = memory + page - size;
	dpi_source_place place;
	dp_message msg;

	assert_true(memory != MAP_FAILED);
	assert_int_equal(mprotect(memory + page, page, PROT_NONE), 0);
	memcpy(copy, record, size);
	if (size >= 8) {
		dpi_store_u32(copy + 4, (uint32_t)size);
	}
	(void)dpi_record_parse(&msg, copy, size);
	(void)dpi_record_place(&place, copy, size);
	(void)munmap(memory, 2 * page);
}

/* An attribute with a value that is cut off anywhere, and all sizes right. */
static void nothing_is_read_behind_a_record(void **state)
{
	(void)state;
	for (uint8_t tag = 1; tag <= DPI_TAG_OTHER + 1; tag++) {
		for (uint8_t size = 0; size < 20; size++) {
			uint8_t attribute[22] = {tag, size};
			uint8_t record[RECORD_MAX];
			size_t all;

			memset(attribute + 2, 0x81, size);
			all = make_record(record, attribute, 2u + size) - 3;
			parse_at_the_end_of_memory(record, all);
			/* Or one that says that it has more. */
			record[DPI_RECORD_HEAD + 2]++;
			parse_at_the_end_of_memory(record, all);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(attributes_have_the_sizes_of_their_kind),
		cmocka_unit_test(a_place_without_its_number_is_refused),
		cmocka_unit_test(values_end_where_the_attributes_do),
		cmocka_unit_test(attributes_end_where_the_record_does),
		cmocka_unit_test(a_record_is_parsed_over_its_own_size_alone),
		cmocka_unit_test(a_record_is_checked_over_its_own_size_alone),
		cmocka_unit_test(a_head_alone_is_no_record),
		cmocka_unit_test(nothing_is_read_behind_a_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
