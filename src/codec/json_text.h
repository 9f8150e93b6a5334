/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_CODEC_JSON_TEXT_H
#define DPI_CODEC_JSON_TEXT_H

#include "codec/output.h"

/* JSON's scalars. Nothing here depends on the application's locale. */

/* text in quotes; it is UTF-8. */
DP_NODISCARD bool dpi_json_string(dpi_output *output, dp_bytes text);

/* The shortest number that reads back as value; NaN as "NaN", in quotes. */
DP_NODISCARD bool dpi_json_double(dpi_output *output, double value);
DP_NODISCARD bool dpi_json_float(dpi_output *output, float value);

/* Base64 with padding, in quotes. */
DP_NODISCARD bool dpi_json_base64(dpi_output *output, dp_bytes bytes);

DP_NODISCARD bool dpi_json_int(dpi_output *output, int64_t value);
DP_NODISCARD bool dpi_json_uint(dpi_output *output, uint64_t value);

/*
 * RFC 3339 in UTC, "2024-02-29T12:00:00.5Z" with 0, 3, 6 or 9 digits behind
 * the point, or always 9 if is_fixed. No quotes.
 */
DP_NODISCARD bool dpi_json_timestamp(
	dpi_output *output, int64_t seconds, int32_t nanos, bool is_fixed);

/* "-1.500s", with as many digits. No quotes. */
DP_NODISCARD bool dpi_json_duration(
	dpi_output *output, int64_t seconds, int32_t nanos);

#endif /* DPI_CODEC_JSON_TEXT_H */
