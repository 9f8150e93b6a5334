/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/jsonin_number.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Most numbers have at most 19 digits and a small exponent: one division or
 * multiplication in 128 bits then has all bits that rounding needs. The rest
 * goes to strtod(), as digits and an exponent without a point, since what a
 * point is depends on the locale.
 */

__extension__ typedef unsigned __int128 wide_number;

/* Exponents over this are infinity or zero anyway. */
#define EXPONENT_MAX 100000

/* More digits than these decide nothing but that there are some. */
#define DIGITS_MAX 800

/* Powers of ten that fit into 64 bits. */
#define TENS_MAX 19

static const uint64_t tens[TENS_MAX + 1] = {UINT64_C(1), UINT64_C(10),
	UINT64_C(100), UINT64_C(1000), UINT64_C(10000), UINT64_C(100000),
	UINT64_C(1000000), UINT64_C(10000000), UINT64_C(100000000),
	UINT64_C(1000000000), UINT64_C(10000000000), UINT64_C(100000000000),
	UINT64_C(1000000000000), UINT64_C(10000000000000),
	UINT64_C(100000000000000), UINT64_C(1000000000000000),
	UINT64_C(10000000000000000), UINT64_C(100000000000000000),
	UINT64_C(1000000000000000000), UINT64_C(10000000000000000000)};

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* Adds digits; step is what each does to the exponent: 0 or -1. */
static const uint8_t *read_digits(
	const uint8_t *p, const uint8_t *end, int step, dpi_decimal *d)
{
	for (; p < end && is_digit(*p); p++) {
		uint64_t digit = (uint64_t)(*p - '0');
		bool fits =
			!d->is_cut && d->digits <= (UINT64_MAX - digit) / 10;

		if (fits) {
			d->digits = d->digits * 10 + digit;
			d->exponent += step;
		} else {
			/* A zero that is not kept may be followed by others. */
			d->is_cut |= digit != 0;
			d->exponent += step + 1;
		}
	}
	return p;
}

static const uint8_t *read_exponent(
	const uint8_t *p, const uint8_t *end, dpi_decimal *d)
{
	bool is_negative = p < end && *p == '-';
	int32_t exponent = 0;

	p += p < end && (*p == '-' || *p == '+');
	if (p == end || !is_digit(*p)) {
		return NULL;
	}
	for (; p < end && is_digit(*p); p++) {
		if (exponent < 10 * EXPONENT_MAX) {
			exponent = exponent * 10 + (*p - '0');
		}
	}
	d->exponent += is_negative ? -exponent : exponent;
	return p;
}

const uint8_t *dpi_decimal_read(
	const uint8_t *p, const uint8_t *end, dpi_decimal *ret)
{
	dpi_decimal d = {.start = p};

	d.is_negative = p < end && *p == '-';
	p += d.is_negative;
	if (p == end || !is_digit(*p)) {
		return NULL;
	}
	p = *p == '0' ? p + 1 : read_digits(p, end, 0, &d);
	if (p < end && *p == '.') {
		p++;
		if (p == end || !is_digit(*p)) {
			return NULL;
		}
		p = read_digits(p, end, -1, &d);
	}
	if (p < end && (*p == 'e' || *p == 'E')) {
		p = read_exponent(p + 1, end, &d);
	}
	d.end = p;
	*ret = d;
	return p;
}

dpi_decimal_fit dpi_decimal_whole(
	const dpi_decimal *decimal, int64_t least, uint64_t most, uint64_t *ret)
{
	uint64_t value = decimal->digits;
	int32_t exponent = decimal->exponent;
	uint64_t lowest = (uint64_t)0 - (uint64_t)least;

	if (value == 0 && !decimal->is_cut) {
		*ret = 0;
		return DPI_DECIMAL_FITS;
	}
	for (; exponent < 0 && value % 10 == 0; exponent++) {
		value /= 10;
	}
	if (exponent < 0 || (decimal->is_cut && exponent == 0)) {
		return DPI_DECIMAL_BROKEN;
	}
	if (exponent > TENS_MAX || decimal->is_cut ||
		__builtin_mul_overflow(value, tens[exponent], &value) ||
		value > (decimal->is_negative ? lowest : most)) {
		return DPI_DECIMAL_BEYOND;
	}
	*ret = decimal->is_negative ? (uint64_t)0 - value : value;
	return DPI_DECIMAL_FITS;
}

static unsigned bit_length(wide_number value)
{
	uint64_t high = (uint64_t)(value >> 64);

	return high != 0 ? 128 - (unsigned)__builtin_clzll(high)
			 : 64 - (unsigned)__builtin_clzll((uint64_t)value);
}

/* value * 2^scale, and a bit more if has_rest, to so many bits. */
static double round_to(
	wide_number value, int scale, bool has_rest, unsigned bits)
{
	unsigned length = bit_length(value);
	unsigned drop;
	wide_number kept, rest, half;

	if (length <= bits) {
		return ldexp((double)(uint64_t)value, scale);
	}
	drop = length - bits;
	kept = value >> drop;
	rest = value - (kept << drop);
	half = (wide_number)1 << (drop - 1);
	if (rest > half || (rest == half && (has_rest || (kept & 1) != 0))) {
		kept++;
	}
	return ldexp((double)(uint64_t)kept, scale + (int)drop);
}

/* Exact for up to 19 digits and small exponents; false for the others. */
static bool round_wide(const dpi_decimal *d, unsigned bits, double *ret)
{
	unsigned shift;
	wide_number number;
	uint64_t ten;

	if (d->is_cut || d->exponent < -TENS_MAX || d->exponent > TENS_MAX) {
		return false;
	}
	if (d->exponent >= 0) {
		number = (wide_number)d->digits * tens[d->exponent];
		*ret = round_to(number, 0, false, bits);
		return true;
	}
	ten = tens[-d->exponent];
	shift = 64 + (unsigned)__builtin_clzll(d->digits);
	number = (wide_number)d->digits << shift;
	*ret = round_to(number / ten, -(int)shift, number % ten != 0, bits);
	return true;
}

/* The digits that count, and the exponent of the last, as a text. */
static void put_text(const dpi_decimal *d, char *text)
{
	size_t count = 0;
	size_t behind = 0; /* digits behind the point, of those in text */
	size_t ahead = 0;  /* digits before it that are not in text */
	bool is_behind = false;
	bool has_rest = false;
	const uint8_t *p = d->start + d->is_negative;
	dpi_decimal scale = {.exponent = 0};

	for (; p < d->end && *p != 'e' && *p != 'E'; p++) {
		if (*p == '.') {
			is_behind = true;
		} else if (count < DIGITS_MAX) {
			text[count] = (char)*p;
			count += count > 0 || *p != '0';
			behind += is_behind;
		} else {
			has_rest |= *p != '0';
			ahead += !is_behind;
		}
	}
	if (p < d->end) {
		(void)read_exponent(p + 1, d->end, &scale);
	}
	if (has_rest) {
		text[count++] = '1';
		behind++;
	}
	(void)snprintf(text + count, 32, "e%lld",
		(long long)ahead - (long long)behind + scale.exponent);
}

bool dpi_decimal_double(const dpi_decimal *decimal, double *ret)
{
	char text[DIGITS_MAX + 40];
	double value = 0;

	if (decimal->digits != 0 &&
		!round_wide(decimal, DBL_MANT_DIG, &value)) {
		put_text(decimal, text);
		value = strtod(text, NULL);
	}
	*ret = decimal->is_negative ? -value : value;
	return isfinite(value);
}

bool dpi_decimal_float(const dpi_decimal *decimal, float *ret)
{
	char text[DIGITS_MAX + 40];
	double value = 0;
	float narrow = 0;

	if (decimal->digits != 0 && round_wide(decimal, FLT_MANT_DIG, &value)) {
		narrow = (float)value;
	} else if (decimal->digits != 0) {
		put_text(decimal, text);
		narrow = strtof(text, NULL);
	}
	*ret = decimal->is_negative ? -narrow : narrow;
	return isfinite(narrow);
}
