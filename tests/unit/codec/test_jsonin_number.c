/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/jsonin_number.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RANDOM_COUNT 200000

static dpi_decimal decimal(const char *text)
{
	const uint8_t *p = (const uint8_t *)text;
	dpi_decimal d;

	assert_ptr_equal(
		dpi_decimal_read(p, p + strlen(text), &d), p + strlen(text));
	return d;
}

/* As strtod() and strtof() of the C locale, which this program has. */
static void check_real(const char *text)
{
	dpi_decimal d = decimal(text);
	double expected = strtod(text, NULL);
	float narrow_expected = strtof(text, NULL);
	double value;
	float narrow;

	assert_int_equal(dpi_decimal_double(&d, &value), isfinite(expected));
	assert_int_equal(
		dpi_decimal_float(&d, &narrow), isfinite(narrow_expected));
	if (memcmp(&value, &expected, sizeof(value)) != 0 ||
		memcmp(&narrow, &narrow_expected, sizeof(narrow)) != 0) {
		fail_msg("%s", text);
	}
}

static void hard_numbers_are_rounded_right(void **state)
{
	static const char *const texts[] = {"0", "-0", "0.0e5", "1", "0.1",
		"9007199254740993", "9007199254740992.9999999999999999",
		"9007199254740993.00000000000000000000000001",
		"2.2250738585072011e-308", "2.2250738585072012e-308",
		"4.9e-324", "2.4703282292062327e-324", "1e-400",
		"1.7976931348623157e308", "1.7976931348623159e308",
		"0.000000000000000000000000000000000000000000001",
		"18446744073709551615", "18446744073709551616",
		"99999999999999999999999999999999e-20", "1e22", "1e23",
		"16777217", "16777217.0000001", "1.17549435e-38",
		"7.0064923216240854e-46", "3.4028235677973366e38", "1e+19",
		"1e-19", "5e-20", "10000013410069003017e-19", "1e99999999999"};
	char deep[1600];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		check_real(texts[i]);
	}
	/* Half of the smallest, by 1075 digits, and a bit more. */
	snprintf(deep, sizeof(deep), "%.1074f", 4.9406564584124654e-324);
	check_real(deep);
	snprintf(deep, sizeof(deep), "9007199254740993.%01000d1", 0);
	check_real(deep);
	snprintf(deep, sizeof(deep), "9007199254740993%01000d", 0);
	check_real(deep);
}

static void random_numbers_are_rounded_right(void **state)
{
	uint64_t seed = 88172645463325252u;
	char text[64];

	(void)state;
	for (int i = 0; i < RANDOM_COUNT; i++) {
		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		snprintf(text, sizeof(text), "%s%llu.%llue%d",
			seed & 1 ? "-" : "",
			(unsigned long long)(seed >> (seed >> 58)),
			(unsigned long long)(seed * 7919 >> (seed >> 3 & 63)),
			(int)(seed >> 20 & 63) - 50);
		check_real(text);
	}
}

static void whole_numbers_are_whole(void **state)
{
	static const struct {
		const char *text;
		int64_t least;
		uint64_t most;
		dpi_decimal_fit fit;
		int64_t value;
	} examples[] = {{"1e3", 0, 1000, DPI_DECIMAL_FITS, 1000},
		{"1e3", 0, 999, DPI_DECIMAL_BEYOND, 0},
		{"1000e-3", 0, 9, DPI_DECIMAL_FITS, 1},
		{"1001e-3", 0, 9, DPI_DECIMAL_BROKEN, 0},
		{"5.000", 0, 9, DPI_DECIMAL_FITS, 5},
		{"-0", 0, 9, DPI_DECIMAL_FITS, 0},
		{"0e999999", 0, 9, DPI_DECIMAL_FITS, 0},
		{"1e999999", 0, UINT64_MAX, DPI_DECIMAL_BEYOND, 0},
		{"1e-999999", 0, UINT64_MAX, DPI_DECIMAL_BROKEN, 0},
		{"-1", 0, 9, DPI_DECIMAL_BEYOND, 0},
		{"-9223372036854775808", INT64_MIN, INT64_MAX, DPI_DECIMAL_FITS,
			INT64_MIN},
		{"9223372036854775808", INT64_MIN, INT64_MAX,
			DPI_DECIMAL_BEYOND, 0},
		{"18446744073709551615", 0, UINT64_MAX, DPI_DECIMAL_FITS, -1},
		{"18446744073709551616", 0, UINT64_MAX, DPI_DECIMAL_BEYOND, 0},
		{"1.00000000000000000000000001", 0, UINT64_MAX,
			DPI_DECIMAL_BROKEN, 0},
		{"1.00000000000000000000000000", 0, UINT64_MAX,
			DPI_DECIMAL_FITS, 1}};

	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		dpi_decimal d = decimal(examples[i].text);
		uint64_t value = 0;

		if (dpi_decimal_whole(&d, examples[i].least, examples[i].most,
			    &value) != examples[i].fit ||
			value != (uint64_t)examples[i].value) {
			fail_msg("%s", examples[i].text);
		}
	}
}

static void what_is_no_number_is_refused(void **state)
{
	static const char *const texts[] = {"", "-", "+1", ".5", "1.", "1.e5",
		"1e", "1e+", "-a", "Infinity"};
	dpi_decimal d;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		const uint8_t *p = (const uint8_t *)texts[i];

		assert_null(dpi_decimal_read(p, p + strlen(texts[i]), &d));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hard_numbers_are_rounded_right),
		cmocka_unit_test(random_numbers_are_rounded_right),
		cmocka_unit_test(whole_numbers_are_whole),
		cmocka_unit_test(what_is_no_number_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
