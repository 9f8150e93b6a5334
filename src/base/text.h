/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_BASE_TEXT_H
#define DPI_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <datapipe/bytes.h>
#include <datapipe/time.h>

/* Whether bytes are well-formed UTF-8: no overlong form, no surrogate. */
bool dpi_utf8_valid(const void *data, size_t size);

/*
 * Makes text fit for a log line: control characters and bytes that are no
 * UTF-8 become '?'. So a name that somebody made up cannot forge a line.
 */
void dpi_text_clean(char *text);

/* Whether text is 1 to max of [A-Za-z0-9._-], and neither "." nor "..". */
bool dpi_name_valid(const char *text, size_t max);

/* Whether text matches pattern, in which '*' is any run of bytes. */
bool dpi_pattern_match(const char *pattern, dp_bytes text);

/*
 * A name made fit for one part of a path: bytes outside [A-Za-z0-9_.-], a
 * leading '.', and '%' become %XX; never empty ("%" stands for ""), never "."
 * or "..". Different names give different parts. Longer than 255 bytes: cut,
 * and "%~" with a fingerprint of the whole behind it. buf has 256 bytes; returns the
 * length without the NUL.
 */
size_t dpi_path_part(char *buf, dp_bytes name);

/* Undoes dpi_path_part(), if it was not cut; false if text is not its work. */
bool dpi_path_part_decode(
	char *buf, size_t buf_size, size_t *ret_size, dp_bytes text);

/* A 64-bit hash of bytes: fast, stable for ever, not for adversaries. */
uint64_t dpi_hash64(uint64_t seed, const void *data, size_t size);

/* A 128-bit fingerprint of bytes, as 32 lower-case hex digits and a NUL. */
void dpi_fingerprint(char *buf_33, const void *data, size_t size);

/*
 * Decodes Base64 of either alphabet; its padding may be missing, but not a part
 * of it. buf has room for text.size bytes, and may be where text is. Returns
 * false if text is none.
 */
bool dpi_base64_decode(uint8_t *buf, size_t *ret_size, dp_bytes text);

/* Seconds since 1970 to civil UTC time; proleptic Gregorian, any year. */
typedef struct dpi_civil {
	int64_t year;
	int month, day, hour, minute, second;
} dpi_civil;

dpi_civil dpi_civil_from_seconds(int64_t seconds);

#endif /* DPI_BASE_TEXT_H */
