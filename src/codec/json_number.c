/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/json_number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * printf() is right, and slow. Most numbers are neither huge nor tiny: they
 * are a whole number times a power of two that, times a power of ten, fits
 * into 128 bits, so that their digits are one multiplication and one shift,
 * rounded as exactly. All others are printed.
 */

__extension__ typedef unsigned __int128 wide;

#define NUMBER_SIZE 40

/* 5^27 is the last that fits into 63 bits, and a significand has 53 bits. */
#define FIVES 28

/* 10^22 is the last power of ten that a double has exactly. */
#define TENS 23

/* Integers below are written by their digits, whatever the precision. */
#define DOUBLE_EXACT 1e15
#define FLOAT_EXACT 1e6

static const uint64_t fives[FIVES] = {1, 5, 25, 125, 625, 3125, 15625, 78125,
	390625, 1953125, 9765625, 48828125, 244140625, 1220703125, 6103515625,
	30517578125, 152587890625, 762939453125, 3814697265625, 19073486328125,
	95367431640625, 476837158203125, 2384185791015625, 11920928955078125,
	59604644775390625, 298023223876953125, 1490116119384765625,
	7450580596923828125};

static const double tens[TENS] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8,
	1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
	1e21, 1e22};

static const uint64_t whole_tens[] = {UINT64_C(1), UINT64_C(10), UINT64_C(100),
	UINT64_C(1000), UINT64_C(10000), UINT64_C(100000), UINT64_C(1000000),
	UINT64_C(10000000), UINT64_C(100000000), UINT64_C(1000000000),
	UINT64_C(10000000000), UINT64_C(100000000000), UINT64_C(1000000000000),
	UINT64_C(10000000000000), UINT64_C(100000000000000),
	UINT64_C(1000000000000000), UINT64_C(10000000000000000),
	UINT64_C(100000000000000000), UINT64_C(1000000000000000000),
	UINT64_C(10000000000000000000)};

static const char pairs[] = "00010203040506070809"
			    "10111213141516171819"
			    "20212223242526272829"
			    "30313233343536373839"
			    "40414243444546474849"
			    "50515253545556575859"
			    "60616263646566676869"
			    "70717273747576777879"
			    "80818283848586878889"
			    "90919293949596979899";

void dpi_json_digits(uint8_t *p, unsigned count, uint64_t value)
{
	for (; count >= 2; count -= 2, value /= 100) {
		memcpy(p + count - 2, pairs + value % 100 * 2, 2);
	}
	if (count > 0) {
		*p = (uint8_t)('0' + value % 10);
	}
}

static unsigned count_digits(uint64_t value)
{
	/* 1233 / 4096 is a little less than the logarithm of 2. */
	unsigned bits = 64 - (unsigned)__builtin_clzll(value | 1);
	unsigned count = bits * 1233 >> 12;

	return count + (value >= whole_tens[count] || value == 0);
}

uint8_t *dpi_json_write_uint(uint8_t *p, uint64_t value)
{
	unsigned count;

	if (value < 10) {
		*p = (uint8_t)('0' + value);
		return p + 1;
	}
	count = count_digits(value);
	dpi_json_digits(p, count, value);
	return p + count;
}

bool dpi_json_uint(dpi_output *output, uint64_t value)
{
	uint8_t text[20];

	return dpi_output_append(output, text,
		(size_t)(dpi_json_write_uint(text, value) - text));
}

bool dpi_json_int(dpi_output *output, int64_t value)
{
	if (value >= 0) {
		return dpi_json_uint(output, (uint64_t)value);
	}
	return dpi_output_byte(output, '-') &&
		dpi_json_uint(output, 0 - (uint64_t)value);
}

/* digits with a point behind the first of them, times 10^exponent. */
typedef struct decimal {
	uint64_t digits;
	unsigned count;
	int exponent;
} decimal;

/* Half of what is shifted out is rounded to the even neighbour. */
static uint64_t shift_rounded(wide number, unsigned shift)
{
	uint64_t kept = (uint64_t)(number >> shift);
	wide rest = number - ((wide)kept << shift);
	wide half = (wide)1 << (shift - 1);

	return kept + (rest > half || (rest == half && (kept & 1) != 0));
}

/* value, which is positive, times 10^scale; 0 if that cannot be said here. */
static uint64_t scaled(double value, int scale)
{
	uint64_t bits;
	int shift;

	memcpy(&bits, &value, sizeof(bits));
	if (scale < 0 || scale >= FIVES || bits >> 52 == 0) {
		return 0;
	}
	shift = 1075 - (int)(bits >> 52) - scale;
	bits = (bits & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1) << 52;
	if (shift <= 0) {
		return -shift < 8 && (wide)bits * fives[scale] >> 56 == 0
			? (uint64_t)((wide)bits * fives[scale]) << -shift
			: 0;
	}
	return shift < 120
		? shift_rounded((wide)bits * fives[scale], (unsigned)shift)
		: 0;
}

/* The power of ten of the first digit, or one less. */
static int guess_exponent(double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	/* 1233 / 4096 is a little less than the logarithm of 2. */
	return (((int)(bits >> 52) - 1023) * 1233) >> 12;
}

static bool make_decimal(double value, unsigned count, decimal *ret)
{
	int exponent = guess_exponent(value);

	ret->count = count;
	ret->digits = scaled(value, (int)count - 1 - exponent);
	if (ret->digits >= whole_tens[count]) {
		exponent++;
		ret->digits = scaled(value, (int)count - 1 - exponent);
	}
	/* It is rounded up to one digit more. */
	if (ret->digits == whole_tens[count]) {
		ret->digits /= 10;
		exponent++;
	}
	ret->exponent = exponent;
	return ret->digits >= whole_tens[count - 1];
}

/* Correct, since both are exact and one division rounds once. */
static bool reads_back(const decimal *d, double value)
{
	int scale = (int)d->count - 1 - d->exponent;

	return scale >= 0 && scale < TENS &&
		(double)d->digits / tens[scale] == value;
}

/* The same, and the second rounding must not meet a number half way. */
static bool reads_back_float(const decimal *d, float value)
{
	int scale = (int)d->count - 1 - d->exponent;
	double near;
	uint64_t bits;

	if (scale < 0 || scale >= TENS) {
		return false;
	}
	near = (double)d->digits / tens[scale];
	memcpy(&bits, &near, sizeof(bits));
	return (bits & 0x1fffffff) != 0x10000000 && (float)near == value;
}

static void strip_zeros(decimal *d)
{
	while (d->digits % 10000 == 0 && d->count > 4) {
		d->digits /= 10000;
		d->count -= 4;
	}
	while (d->digits % 10 == 0 && d->count > 1) {
		d->digits /= 10;
		d->count--;
	}
}

static uint8_t *put_scientific(uint8_t *p, const decimal *d)
{
	unsigned power = (unsigned)abs(d->exponent);

	dpi_json_digits(p + 1, d->count, d->digits);
	p[0] = p[1];
	p[1] = '.';
	p += d->count > 1 ? d->count + 1 : 1;
	*p++ = 'e';
	*p++ = d->exponent < 0 ? '-' : '+';
	dpi_json_digits(p, 2, power);
	return p + 2;
}

static uint8_t *put_plain(uint8_t *p, const decimal *d)
{
	unsigned before = (unsigned)d->exponent + 1;

	if (d->exponent < 0) {
		unsigned zeros = (unsigned)-d->exponent - 1;

		memcpy(p, "0.000", 5);
		dpi_json_digits(p + 2 + zeros, d->count, d->digits);
		return p + 2 + zeros + d->count;
	}
	if (d->count <= before) {
		dpi_json_digits(p, d->count, d->digits);
		memset(p + d->count, '0', before - d->count);
		return p + before;
	}
	dpi_json_digits(p, before, d->digits / whole_tens[d->count - before]);
	p[before] = '.';
	dpi_json_digits(p + before + 1, d->count - before, d->digits);
	return p + d->count + 1;
}

/* As printf() does with "%.*g". */
static bool put_decimal(dpi_output *output, decimal *d, bool is_negative)
{
	uint8_t text[NUMBER_SIZE];
	uint8_t *p = text;
	bool is_plain = d->exponent >= -4 && d->exponent < (int)d->count;

	if (is_negative) {
		*p++ = '-';
	}
	strip_zeros(d);
	p = is_plain ? put_plain(p, d) : put_scientific(p, d);
	return dpi_output_append(output, text, (size_t)(p - text));
}

/* printf() writes the point of the locale, which may be several bytes. */
static bool put_printed(dpi_output *output, const char *text)
{
	bool in_point = false;

	for (; *text != '\0'; text++) {
		bool is_digit = (*text >= '0' && *text <= '9') ||
			strchr("+-e", *text) != NULL;

		if ((is_digit || !in_point) &&
			!dpi_output_byte(output,
				is_digit ? (uint8_t)*text : (uint8_t)'.')) {
			return false;
		}
		in_point = !is_digit;
	}
	return true;
}

/* Returns whether value needs no search for its digits. */
static bool put_simple(
	dpi_output *output, double value, double exact, bool *ret_done)
{
	*ret_done = true;
	if (isnan(value)) {
		return dpi_output_text(output, "\"NaN\"");
	}
	if (isinf(value)) {
		return dpi_output_text(
			output, value < 0 ? "\"-Infinity\"" : "\"Infinity\"");
	}
	if (value == 0 && signbit(value)) {
		return dpi_output_text(output, "-0");
	}
	if (fabs(value) < exact && value == trunc(value)) {
		return dpi_json_int(output, (int64_t)value);
	}
	*ret_done = false;
	return true;
}

bool dpi_json_double(dpi_output *output, double value)
{
	char text[NUMBER_SIZE];
	decimal d;
	bool is_done;

	if (!put_simple(output, value, DOUBLE_EXACT, &is_done) || is_done) {
		return is_done;
	}
	if (make_decimal(fabs(value), 15, &d) && d.exponent >= -8 &&
		(reads_back(&d, fabs(value)) ||
			make_decimal(fabs(value), 17, &d))) {
		return put_decimal(output, &d, value < 0);
	}
	(void)snprintf(text, sizeof(text), "%.15g", value);
	if (strtod(text, NULL) != value) {
		(void)snprintf(text, sizeof(text), "%.17g", value);
	}
	return put_printed(output, text);
}

bool dpi_json_float(dpi_output *output, float value)
{
	double exact = (double)value;
	char text[NUMBER_SIZE];
	decimal d;
	bool is_done;

	if (!put_simple(output, exact, FLOAT_EXACT, &is_done) || is_done) {
		return is_done;
	}
	if (make_decimal(fabs(exact), 6, &d) && d.exponent >= -8 &&
		(reads_back_float(&d, fabsf(value)) ||
			make_decimal(fabs(exact), 9, &d))) {
		return put_decimal(output, &d, value < 0);
	}
	(void)snprintf(text, sizeof(text), "%.6g", exact);
	if (strtof(text, NULL) != value) {
		(void)snprintf(text, sizeof(text), "%.9g", exact);
	}
	return put_printed(output, text);
}
