/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/json_number.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "test_heap.h"

/* What printf() writes is the truth. */

enum { NUMBERS = 400000 };

static uint64_t random_state = 88172645463325252u;

static uint64_t draw(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static double draw_double(unsigned i)
{
	static const double powers[] = {1, 10, 100, 1e3, 1e4, 1e6, 1e9, 1e12};
	uint64_t bits = draw();
	double value;

	switch (i % 6) {
	case 0: /* any bits */
		memcpy(&value, &bits, sizeof(value));
		return value;
	case 1: /* of few digits */
		return (double)(int64_t)(bits % 2000000 - 1000000) /
			powers[bits >> 61];
	case 2: /* of the size that most have */
		return (double)(int64_t)bits / powers[bits % 8] / 1e9;
	case 3: /* in the middle between two numbers of few digits */
		return ((double)(bits % 1000000) + 0.5) / powers[bits >> 61];
	case 4: /* powers of ten, and what is beside them */
		value = pow(10, (double)(bits % 60) - 30);
		return bits >> 63 != 0 ? nextafter(value, 0) : value;
	default:
		return ldexp((double)(bits >> 40), (int)(bits % 128) - 90);
	}
}

/* As C++ writes it: the fewer digits, if they read back. */
static const char *printed(double value, int few, int many, bool is_float)
{
	static char text[64];
	bool is_same;

	if (isnan(value) || isinf(value)) {
		return isnan(value) ? "\"NaN\""
			: value < 0 ? "\"-Infinity\""
				    : "\"Infinity\"";
	}
	snprintf(text, sizeof(text), "%.*g", few, value);
	is_same = is_float ? strtof(text, NULL) == (float)value
			   : strtod(text, NULL) == value;
	if (!is_same) {
		snprintf(text, sizeof(text), "%.*g", many, value);
	}
	return text;
}

static void check(dpi_buf *buf, double value, bool is_float)
{
	const char *expected = is_float ? printed(value, 6, 9, true)
					: printed(value, 15, 17, false);
	dpi_output output;

	dpi_buf_clear(buf);
	dpi_output_begin(&output, buf, 64);
	assert_true(is_float ? dpi_json_float(&output, (float)value)
			     : dpi_json_double(&output, value));
	assert_int_equal(dpi_output_finish(&output), DP_OK);
	if (strcmp(dpi_buf_text(buf), expected) != 0) {
		fail_msg("%a is %s, and not %s", value, dpi_buf_text(buf),
			expected);
	}
}

static void doubles_are_as_printf_writes_them(void **state)
{
	struct test_heap heap;
	dpi_buf buf;

	(void)state;
	test_heap_init(&heap);
	dpi_buf_init(&buf, &heap.alloc, 64);
	for (unsigned i = 0; i < NUMBERS; i++) {
		check(&buf, draw_double(i), false);
	}
	dpi_buf_fini(&buf);
}

static void floats_are_as_printf_writes_them(void **state)
{
	struct test_heap heap;
	dpi_buf buf;

	(void)state;
	test_heap_init(&heap);
	dpi_buf_init(&buf, &heap.alloc, 64);
	for (unsigned i = 0; i < NUMBERS; i++) {
		uint32_t bits = (uint32_t)draw();
		float value;

		memcpy(&value, &bits, sizeof(value));
		check(&buf, (double)value, true);
		check(&buf, (double)(float)draw_double(i), true);
	}
	dpi_buf_fini(&buf);
}

static void integers_have_all_their_digits(void **state)
{
	struct test_heap heap;
	uint64_t power = 1;
	char expected[64];
	dpi_buf buf;

	(void)state;
	test_heap_init(&heap);
	dpi_buf_init(&buf, &heap.alloc, 64);
	for (int digits = 1; digits <= 20; digits++, power *= 10) {
		for (int beside = -1; beside <= 1; beside++) {
			int64_t value = (int64_t)(power + (uint64_t)beside);
			dpi_output output;

			snprintf(expected, sizeof(expected), "%lld %llu",
				(long long)value, (unsigned long long)value);
			dpi_buf_clear(&buf);
			dpi_output_begin(&output, &buf, 64);
			assert_true(dpi_json_int(&output, value) &&
				dpi_output_byte(&output, ' ') &&
				dpi_json_uint(&output, (uint64_t)value));
			assert_int_equal(dpi_output_finish(&output), DP_OK);
			assert_string_equal(dpi_buf_text(&buf), expected);
		}
	}
	dpi_buf_fini(&buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(doubles_are_as_printf_writes_them),
		cmocka_unit_test(floats_are_as_printf_writes_them),
		cmocka_unit_test(integers_have_all_their_digits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
