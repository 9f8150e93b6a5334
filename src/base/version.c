/* SPDX-License-Identifier: Apache-2.0 */
#include <datapipe/version.h>

#define TEXT_OF(number) #number
#define VERSION_TEXT(major, minor, patch) \
	TEXT_OF(major) "." TEXT_OF(minor) "." TEXT_OF(patch)

uint32_t dp_version_hex(void)
{
	return DP_VERSION_HEX;
}

const char *dp_version(void)
{
	return VERSION_TEXT(
		DP_VERSION_MAJOR, DP_VERSION_MINOR, DP_VERSION_PATCH);
}
