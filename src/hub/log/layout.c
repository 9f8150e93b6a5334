/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/log/layout.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define BASE_DIGITS 16u
#define SPARE "spare."
#define SUFFIX ".seg"
/* No log comes so far; past it, offsets could overflow. */
#define BASE_MAX (UINT64_MAX >> 2)

DP_PRINTF(2, 3) static void format(char *buf, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(buf, DPI_LOG_PATH_MAX, fmt, args);
	va_end(args);
	/* DPI_LOG_DIRECTORY_MAX was checked when the hub was opened. */
	assert(n > 0 && (unsigned)n < DPI_LOG_PATH_MAX);
	(void)n;
}

void dpi_log_path(char *buf, const char *directory, const char *entry)
{
	format(buf, "%s/%s", directory, entry);
}

void dpi_log_topic_path(char *buf, const char *directory, const char *topic)
{
	format(buf, "%s/topics/%s", directory, topic);
}

void dpi_log_partition_path(char *buf, const char *directory,
	const dpi_partition_name *name, const char *entry)
{
	format(buf, "%s/topics/%s/%" PRIu32 "%s%s", directory, name->topic,
		name->partition, entry != NULL ? "/" : "",
		entry != NULL ? entry : "");
}

void dpi_log_segment_path(char *buf, const char *directory,
	const dpi_partition_name *name, uint64_t base)
{
	format(buf, "%s/topics/%s/%" PRIu32 "/%016" PRIx64 SUFFIX, directory,
		name->topic, name->partition, base);
}

void dpi_log_spare_path(char *buf, const char *directory,
	const dpi_partition_name *name, uint64_t epoch)
{
	format(buf, "%s/topics/%s/%" PRIu32 "/" SPARE "%016" PRIx64, directory,
		name->topic, name->partition, epoch);
}

bool dpi_log_is_spare(const char *entry)
{
	return strncmp(entry, SPARE, strlen(SPARE)) == 0;
}

/* The value of a digit of base 16, lower case, or 16. */
static unsigned digit(char c)
{
	if (c >= '0' && c <= '9') {
		return (unsigned)(c - '0');
	}
	return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 16;
}

bool dpi_log_is_segment(const char *entry, uint64_t *ret_base)
{
	uint64_t base = 0;

	for (unsigned i = 0; i < BASE_DIGITS; i++) {
		unsigned value = digit(entry[i]);

		if (value == 16) {
			return false;
		}
		base = base << 4 | value;
	}
	if (strcmp(entry + BASE_DIGITS, SUFFIX) != 0 || base > BASE_MAX) {
		return false;
	}
	*ret_base = base;
	return true;
}

bool dpi_log_is_partition(const char *entry, uint32_t *ret_partition)
{
	uint32_t partition = 0;
	size_t n = strlen(entry);

	if (n == 0 || n > 5 || (n > 1 && entry[0] == '0')) {
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		unsigned value = digit(entry[i]);

		if (value > 9) {
			return false;
		}
		partition = partition * 10 + value;
	}
	if (partition >= DPI_LOG_PARTITIONS_MAX) {
		return false;
	}
	*ret_partition = partition;
	return true;
}
