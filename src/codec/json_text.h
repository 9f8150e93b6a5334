/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_CODEC_JSON_TEXT_H
#define DPI_CODEC_JSON_TEXT_H

#include "codec/json_number.h"

/* JSON's scalars, and times. */

/*
 * text in quotes; it is UTF-8. Besides what JSON asks for, < and > and
 * characters that are not seen are escaped, as Google's C++ does.
 */
DP_NODISCARD bool dpi_json_string(dpi_output *output, dp_bytes text);

/* Base64 with padding, in quotes. */
DP_NODISCARD bool dpi_json_base64(dpi_output *output, dp_bytes bytes);

/*
 * RFC 3339 in UTC, "2024-02-29T12:00:00.5Z" with 0, 3, 6 or 9 digits behind
 * the point, or always 9 if is_fixed; the years 0 to 9999. No quotes.
 */
DP_NODISCARD bool dpi_json_timestamp(
	dpi_output *output, int64_t seconds, int32_t nanos, bool is_fixed);

/* "-1.500s", with as many digits. No quotes. */
DP_NODISCARD bool dpi_json_duration(
	dpi_output *output, int64_t seconds, int32_t nanos);

#endif /* DPI_CODEC_JSON_TEXT_H */
