/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crc32c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static uint8_t data[16384 + 16];

static uint32_t bit_by_bit(const uint8_t *p, size_t size)
{
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < size; i++) {
		crc ^= p[i];
		for (int bit = 0; bit < 8; bit++) {
			crc = crc >> 1 ^ (0x82f63b78 & -(crc & 1));
		}
	}
	return ~crc;
}

static int fill(void **state)
{
	uint32_t x = 12345;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++) {
		x = x * 1664525 + 1013904223;
		data[i] = (uint8_t)(x >> 24);
	}
	return 0;
}

static void the_check_value_of_the_standard_comes_out(void **state)
{
	(void)state;
	assert_int_equal(dpi_crc32c(0, "123456789", 9), 0xe3069283);
	assert_int_equal(dpi_crc32c_table(0, "123456789", 9), 0xe3069283);
	assert_int_equal(dpi_crc32c(0, "", 0), 0);
}

static void every_length_and_alignment_agrees_with_the_definition(void **state)
{
	(void)state;
	for (size_t at = 0; at < 9; at++) {
		for (size_t size = 0; size < 700; size++) {
			uint32_t want = bit_by_bit(data + at, size);

			assert_int_equal(dpi_crc32c(0, data + at, size), want);
			assert_int_equal(
				dpi_crc32c_table(0, data + at, size), want);
		}
	}
}

static void long_inputs_agree_with_the_definition(void **state)
{
	(void)state;
	for (size_t size = 3000; size < 16384; size += 617) {
		uint32_t want = bit_by_bit(data, size);

		assert_int_equal(dpi_crc32c(0, data, size), want);
		assert_int_equal(dpi_crc32c_table(0, data, size), want);
	}
}

static void results_chain_at_any_cut(void **state)
{
	uint32_t whole = dpi_crc32c(0, data, 4000);

	(void)state;
	for (size_t cut = 0; cut <= 4000; cut += 13) {
		uint32_t crc = dpi_crc32c(0, data, cut);

		assert_int_equal(
			dpi_crc32c(crc, data + cut, 4000 - cut), whole);
		crc = dpi_crc32c_table(0, data, cut);
		assert_int_equal(
			dpi_crc32c_table(crc, data + cut, 4000 - cut), whole);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_check_value_of_the_standard_comes_out),
		cmocka_unit_test(
			every_length_and_alignment_agrees_with_the_definition),
		cmocka_unit_test(long_inputs_agree_with_the_definition),
		cmocka_unit_test(results_chain_at_any_cut),
	};

	return cmocka_run_group_tests(tests, fill, NULL);
}
