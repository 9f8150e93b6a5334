/* SPDX-License-Identifier: Apache-2.0 */
#include "base/adopt.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/error.h"

/* No struct of any release is as long: what says so was never initialized. */
#define ABSURD_SIZE 65536

static size_t size_of(const void *given)
{
	size_t size;

	memcpy(&size, given, sizeof(size));
	return size;
}

static bool is_plausible(size_t size, size_t least)
{
	return size >= least && size < ABSURD_SIZE;
}

static bool is_zero(const uint8_t *p, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (p[i] != 0) {
			return false;
		}
	}
	return true;
}

dp_status dpi_adopt(void *to, size_t size, const void *given, size_t least,
	const char *name, const char *init, dp_error **err)
{
	size_t known = 0;

	if (given != NULL) {
		size_t theirs = size_of(given);

		if (!is_plausible(theirs, least)) {
			return dpi_error_set(err, DP_EABI,
				"%s: struct_size is not set: begin with %s",
				name, init);
		}
		known = theirs < size ? theirs : size;
		if (!is_zero((const uint8_t *)given + known, theirs - known)) {
			return dpi_error_set(err, DP_EABI,
				"%s: a field in use is newer than this library:"
				" link a newer libdatapipe",
				name);
		}
		memcpy(to, given, known);
	}
	memset((uint8_t *)to + known, 0, size - known);
	memcpy(to, &size, sizeof(size));
	return DP_OK;
}

dp_status dpi_adopt_out(void *ret, const void *from, size_t size, size_t least,
	const char *name, dp_error **err)
{
	size_t theirs = ret != NULL ? size_of(ret) : 0;
	size_t known = theirs < size ? theirs : size;

	if (ret == NULL || !is_plausible(theirs, least)) {
		return dpi_error_set(err, DP_EINVAL,
			"%s: NULL, or struct_size is not set", name);
	}
	memcpy(ret, from, known);
	memset((uint8_t *)ret + known, 0, theirs - known);
	memcpy(ret, &theirs, sizeof(theirs));
	return DP_OK;
}
