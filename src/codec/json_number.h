/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_CODEC_JSON_NUMBER_H
#define DPI_CODEC_JSON_NUMBER_H

#include "codec/output.h"

/*
 * Numbers as Google's C++ writes them. Nothing here depends on the
 * application's locale.
 */

DP_NODISCARD bool dpi_json_int(dpi_output *output, int64_t value);
DP_NODISCARD bool dpi_json_uint(dpi_output *output, uint64_t value);

/* The same where there is room for 20 digits; returns the place behind. */
uint8_t *dpi_json_write_uint(uint8_t *p, uint64_t value);

static inline uint8_t *dpi_json_write_int(uint8_t *p, int64_t value)
{
	if (value < 0) {
		*p++ = '-';
		return dpi_json_write_uint(p, 0 - (uint64_t)value);
	}
	return dpi_json_write_uint(p, (uint64_t)value);
}

/*
 * With 15 significant digits, or, if those do not read back as value, 17; of
 * a float with 6 or 9. Zeros at the end are left out. NaN is "NaN", in quotes.
 */
DP_NODISCARD bool dpi_json_double(dpi_output *output, double value);
DP_NODISCARD bool dpi_json_float(dpi_output *output, float value);

/* Exactly count digits, at p. */
void dpi_json_digits(uint8_t *p, unsigned count, uint64_t value);

#endif /* DPI_CODEC_JSON_NUMBER_H */
