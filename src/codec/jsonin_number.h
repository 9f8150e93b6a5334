/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_CODEC_JSONIN_NUMBER_H
#define DPI_CODEC_JSONIN_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Numbers of JSON's grammar. Nothing here depends on any locale. */

/* ± digits * 10^exponent, and less than one digit more if is_cut. */
typedef struct dpi_decimal {
	uint64_t digits;
	int32_t exponent;
	bool is_negative;
	bool is_cut;
	const uint8_t *start; /* of the text */
	const uint8_t *end;
} dpi_decimal;

/* The number at p; returns the place after it, or NULL if there is none. */
const uint8_t *dpi_decimal_read(
	const uint8_t *p, const uint8_t *end, dpi_decimal *ret);

typedef enum dpi_decimal_fit {
	DPI_DECIMAL_FITS,
	DPI_DECIMAL_BROKEN, /* not a whole number */
	DPI_DECIMAL_BEYOND  /* out of range */
} dpi_decimal_fit;

/* As 1e3 and 5.0 are 1000 and 5. */
dpi_decimal_fit dpi_decimal_whole(const dpi_decimal *decimal, int64_t least,
	uint64_t most, uint64_t *ret);

/* The nearest, ties to even; false if it is infinite. */
bool dpi_decimal_double(const dpi_decimal *decimal, double *ret);
bool dpi_decimal_float(const dpi_decimal *decimal, float *ret);

#endif /* DPI_CODEC_JSONIN_NUMBER_H */
