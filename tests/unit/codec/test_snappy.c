/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codec/snappy.h"

/* A reader by the format's description, which doubts everything. */

static size_t read_literal(const uint8_t **at, const uint8_t *end,
	uint8_t *plain, size_t have, size_t room)
{
	const uint8_t *p = *at;
	size_t n = *p++ >> 2;

	if (n >= 60) {
		size_t bytes = n - 59;

		assert_true(bytes <= 2);
		n = bytes == 1 ? *p : dpi_load_u16(p);
		p += bytes;
	}
	n++;
	assert_true(n <= (size_t)(end - p) && n <= room - have);
	memcpy(plain + have, p, n);
	*at = p + n;
	return n;
}

static size_t read_copy(
	const uint8_t **at, uint8_t *plain, size_t have, size_t room)
{
	const uint8_t *p = *at;
	size_t n, distance;

	if ((*p & 3) == 1) {
		n = (size_t)(*p >> 2 & 7) + 4;
		distance = (size_t)(*p >> 5) << 8 | p[1];
		*at = p + 2;
	} else {
		assert_int_equal(*p & 3, 2);
		n = (size_t)(*p >> 2) + 1;
		distance = dpi_load_u16(p + 1);
		*at = p + 3;
	}
	assert_true(distance > 0 && distance <= have && n <= room - have);
	for (size_t i = 0; i < n; i++) {
		plain[have + i] = plain[have + i - distance];
	}
	return n;
}

/* Returns the bytes that it took. */
static size_t round_trip(const uint8_t *data, size_t size)
{
	static dpi_snappy snappy;
	uint8_t *packed = malloc(dpi_snappy_bound(size));
	uint8_t *plain = malloc(size + 1);
	size_t n = dpi_snappy_compress(&snappy, dpi_bytes(data, size), packed);
	const uint8_t *end = packed + n;
	const uint8_t *p;
	uint64_t told;
	size_t have = 0;

	assert_true(n <= dpi_snappy_bound(size));
	p = dpi_get_varint(packed, end, &told);
	assert_int_equal(told, size);
	while (p < end) {
		have += (*p & 3) == 0 ? read_literal(&p, end, plain, have, size)
				      : read_copy(&p, plain, have, size);
	}
	assert_int_equal(have, size);
	assert_true(size == 0 || memcmp(plain, data, size) == 0);
	free(packed);
	free(plain);
	return n;
}

static void nothing_is_a_size(void **state)
{
	(void)state;
	assert_int_equal(round_trip((const uint8_t *)"", 0), 1);
}

static void what_repeats_becomes_short(void **state)
{
	static uint8_t data[200000];

	(void)state;
	memset(data, 'x', sizeof(data));
	assert_true(round_trip(data, sizeof(data)) < sizeof(data) / 20);
	for (size_t i = 0; i < sizeof(data); i++) {
		data[i] = (uint8_t) "the same words "[i % 15];
	}
	assert_true(round_trip(data, sizeof(data)) < sizeof(data) / 15);
}

/* Alphabets of all sizes, so that copies have all lengths and distances. */
static void everything_comes_back(void **state)
{
	static uint8_t data[150000];
	uint64_t random = 7;

	(void)state;
	for (unsigned round = 0; round < 400; round++) {
		size_t size = round < 80
			? round
			: (random >> 33) % sizeof(data) / (1 + round % 30);
		unsigned letters = 1 + round * round % 251;

		for (size_t i = 0; i < size; i++) {
			random = random * UINT64_C(6364136223846793005) + 1;
			uint64_t fresh = (random >> 33) % letters;

			if (i > 40 && random >> 60 < 8) {
				fresh = data[i - 1 - (random >> 40) % 40];
			}
			data[i] = (uint8_t)fresh;
		}
		(void)round_trip(data, size);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_a_size),
		cmocka_unit_test(what_repeats_becomes_short),
		cmocka_unit_test(everything_comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
