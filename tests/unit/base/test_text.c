/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"

static void names_are_short_and_plain(void **state)
{
	(void)state;
	assert_true(dpi_name_valid("a", 1));
	assert_true(dpi_name_valid("Ramp.a-B_9", 10));
	assert_true(dpi_name_valid("...", 9));
	assert_false(dpi_name_valid("", 9));
	assert_false(dpi_name_valid("ab", 1));
	assert_false(dpi_name_valid(".", 9));
	assert_false(dpi_name_valid("..", 9));
	assert_false(dpi_name_valid("a/b", 9));
	assert_false(dpi_name_valid("a b", 9));
	assert_false(dpi_name_valid("\xc3\xa9", 9));
}

static bool match(const char *pattern, const char *text)
{
	return dpi_pattern_match(pattern, dpi_bytes_text(text));
}

static void a_star_is_any_run_of_bytes(void **state)
{
	(void)state;
	assert_true(match("", ""));
	assert_true(match("*", ""));
	assert_true(match("**", "x"));
	assert_true(match("ramp.*", "ramp.a"));
	assert_true(match("ramp.*", "ramp."));
	assert_true(match("*.a", "ramp.a.a"));
	assert_true(match("a*b*c", "a-b-b-c"));
	assert_false(match("", "x"));
	assert_false(match("a", ""));
	assert_false(match("ramp.*", "ramp"));
	assert_false(match("a*b", "acbc"));
	assert_false(match("a?", "ab"));
}

static void utf8_is_what_the_standard_says(void **state)
{
	static const char *const good[] = {"", "plain", "\xc2\x80", "\xdf\xbf",
		"\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbf",
		"\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf",
		"sixteen bytes of ascii, then \xc3\xa9 and sixteen bytes"};
	static const char *const bad[] = {"\x80", "\xbf", "\xc0\x80",
		"\xc1\xbf", "\xc3", "\xc3(", "\xe0\x9f\xbf", "\xe2\x82",
		"\xe2\x82(", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf0\x90\x80",
		"\xf0\x90\x80(", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff",
		"sixteen bytes of ascii, then \xa9 and sixteen bytes"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(dpi_utf8_valid(good[i], strlen(good[i])));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(dpi_utf8_valid(bad[i], strlen(bad[i])));
	}
	assert_true(dpi_utf8_valid(NULL, 0));
}

static void cleaned_text_cannot_forge_a_line(void **state)
{
	char text[] = "ok\r\nERROR \x7f \xe2\x82\xac \xe2\x82 \x9b";

	(void)state;
	dpi_text_clean(text);
	assert_string_equal(text, "ok??ERROR ? \xe2\x82\xac ?? ?");
}

static void assert_part(const char *name, const char *want)
{
	char part[256];
	char back[256];
	size_t size = 99;
	size_t n = dpi_path_part(part, dpi_bytes_text(name));

	assert_string_equal(part, want);
	assert_int_equal(n, strlen(want));
	assert_true(dpi_path_part_decode(
		back, sizeof(back), &size, dpi_bytes(part, n)));
	assert_int_equal(size, strlen(name));
	assert_memory_equal(back, name, size);
}

static void a_name_becomes_one_part_of_a_path_and_comes_back(void **state)
{
	(void)state;
	assert_part("ramp.a_B-9", "ramp.a_B-9");
	assert_part("", "%");
	assert_part(".", "%2E");
	assert_part("..", "%2E.");
	assert_part(".a", "%2Ea");
	assert_part("a/b", "a%2Fb");
	assert_part("%", "%25");
	assert_part("\xc3\xa9", "%C3%A9");
}

static void a_long_name_is_cut_and_stays_different(void **state)
{
	char name[2][400];
	char part[2][256];
	char back[256];
	size_t size;

	(void)state;
	memset(name, '/', sizeof(name));
	name[1][399] = 'x';
	for (int i = 0; i < 2; i++) {
		size = dpi_path_part(part[i], dpi_bytes(name[i], 400));
		assert_int_equal(size, strlen(part[i]));
		assert_in_range(size, 250, 255);
		assert_false(dpi_path_part_decode(
			back, 256, &size, dpi_bytes_text(part[i])));
	}
	assert_string_not_equal(part[0], part[1]);
}

static void names_of_255_plain_bytes_are_not_cut(void **state)
{
	char name[257] = {0};

	(void)state;
	memset(name, 'a', 255);
	assert_part(name, name);
	name[255] = 'a';
	{
		char part[256];

		assert_int_equal(
			dpi_path_part(part, dpi_bytes_text(name)), 255);
		assert_non_null(strstr(part, "%~"));
	}
}

static void what_is_not_our_work_is_not_decoded(void **state)
{
	static const char *const texts[] = {"", ".", ".a", "%2", "%2f", "%zz",
		"%41", "%00%", "a/b", "a b", "a%", "%~0"};
	char back[256];
	char text[300];
	size_t size = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_false(dpi_path_part_decode(
			back, sizeof(back), &size, dpi_bytes_text(texts[i])));
	}
	memset(text, 'a', sizeof(text));
	assert_false(dpi_path_part_decode(
		back, sizeof(back), &size, dpi_bytes(text, sizeof(text))));
	assert_false(dpi_path_part_decode(back, 2, &size, dpi_bytes("abc", 3)));
	assert_int_equal(size, 7);
}

static void fingerprints_are_the_head_of_sha_256(void **state)
{
	char text[33];
	char *million = malloc(1000000);

	(void)state;
	dpi_fingerprint(text, "", 0);
	assert_string_equal(text, "e3b0c44298fc1c149afbf4c8996fb924");
	dpi_fingerprint(text, "abc", 3);
	assert_string_equal(text, "ba7816bf8f01cfea414140de5dae2223");
	dpi_fingerprint(text,
		"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56);
	assert_string_equal(text, "248d6a61d20638b8e5c026930c3e6039");
	assert_non_null(million);
	memset(million, 'a', 1000000);
	dpi_fingerprint(text, million, 1000000);
	assert_string_equal(text, "cdc76e5c9914fb9281a1c7e284d73e67");
	free(million);
}

static void hashes_differ_by_seed_length_and_any_bit(void **state)
{
	uint8_t bytes[40] = {0};
	uint64_t first = dpi_hash64(0, bytes, 40);

	(void)state;
	assert_true(dpi_hash64(1, bytes, 40) != first);
	assert_true(dpi_hash64(0, bytes, 39) != first);
	assert_true(dpi_hash64(0, NULL, 0) != 0);
	for (size_t bit = 0; bit < 320; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_true(dpi_hash64(0, bytes, 40) != first);
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

/* Stored in files: these values never change. */
static void hashes_are_the_same_for_ever(void **state)
{
	(void)state;
	assert_int_equal(dpi_hash64(0, "", 0), UINT64_C(0x60274a7766cbcfcb));
	assert_int_equal(
		dpi_hash64(7, "datapipe", 8), UINT64_C(0x14fa2d4c06a9572));
	assert_int_equal(dpi_hash64(7, "datapipe, longer", 16),
		UINT64_C(0xf8e45d1e52dd77c));
	assert_int_equal(
		dpi_hash64(7, "datapipe!", 9), UINT64_C(0x3abf830429327413));
}

static void assert_civil(int64_t seconds, int64_t year, int month, int day,
	int hour, int minute, int second)
{
	dpi_civil c = dpi_civil_from_seconds(seconds);

	assert_int_equal(c.year, year);
	assert_int_equal(c.month, month);
	assert_int_equal(c.day, day);
	assert_int_equal(c.hour, hour);
	assert_int_equal(c.minute, minute);
	assert_int_equal(c.second, second);
}

static void civil_time_is_right_in_any_year(void **state)
{
	(void)state;
	assert_civil(0, 1970, 1, 1, 0, 0, 0);
	assert_civil(-1, 1969, 12, 31, 23, 59, 59);
	assert_civil(951782399, 2000, 2, 28, 23, 59, 59);
	assert_civil(951782400, 2000, 2, 29, 0, 0, 0);
	assert_civil(951868800, 2000, 3, 1, 0, 0, 0);
	assert_civil(4107542400, 2100, 3, 1, 0, 0, 0);
	assert_civil(253402300799, 9999, 12, 31, 23, 59, 59);
	assert_civil(-62135596800, 1, 1, 1, 0, 0, 0);
	assert_civil(-62167219201, -1, 12, 31, 23, 59, 59);
}

static void each_day_of_four_centuries_follows_the_last(void **state)
{
	static const int lengths[] = {
		31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int64_t year = 1900;
	int month = 1, day = 1;

	(void)state;
	for (int64_t at = -25567; at < -25567 + 146097; at++) {
		bool is_leap =
			(year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

		assert_civil(at * 86400 + 3661, year, month, day, 1, 1, 1);
		day++;
		if (day > lengths[month - 1] + (month == 2 && is_leap)) {
			day = 1;
			month = month % 12 + 1;
			year += month == 1;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_short_and_plain),
		cmocka_unit_test(a_star_is_any_run_of_bytes),
		cmocka_unit_test(utf8_is_what_the_standard_says),
		cmocka_unit_test(cleaned_text_cannot_forge_a_line),
		cmocka_unit_test(
			a_name_becomes_one_part_of_a_path_and_comes_back),
		cmocka_unit_test(a_long_name_is_cut_and_stays_different),
		cmocka_unit_test(names_of_255_plain_bytes_are_not_cut),
		cmocka_unit_test(what_is_not_our_work_is_not_decoded),
		cmocka_unit_test(fingerprints_are_the_head_of_sha_256),
		cmocka_unit_test(hashes_differ_by_seed_length_and_any_bit),
		cmocka_unit_test(hashes_are_the_same_for_ever),
		cmocka_unit_test(civil_time_is_right_in_any_year),
		cmocka_unit_test(each_day_of_four_centuries_follows_the_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
