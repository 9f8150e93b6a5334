/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPIPE_VERSION_H
#define DATAPIPE_VERSION_H

/**
 * @file
 * Version of the headers, and of the library that was linked.
 */

#include <stdint.h>

#include <datapipe/export.h>

DP_BEGIN_DECLS

/** Major version of these headers. */
#define DP_VERSION_MAJOR 0
/** Minor version of these headers. */
#define DP_VERSION_MINOR 1
/** Patch version of these headers. */
#define DP_VERSION_PATCH 0
/** Version of these headers as one number that grows: 0x00MMmmpp. */
#define DP_VERSION_HEX \
	((uint32_t)DP_VERSION_MAJOR << 16 | (uint32_t)DP_VERSION_MINOR << 8 | \
		(uint32_t)DP_VERSION_PATCH)

/**
 * Returns #DP_VERSION_HEX of the library that is linked.
 *
 * @thread  any
 * @since   0.1
 */
DP_API uint32_t dp_version_hex(void);

/**
 * Returns the version of the library that is linked, such as "0.1.0".
 *
 * @owns    nobody: a constant
 * @thread  any
 * @since   0.1
 */
DP_API const char *dp_version(void);

DP_END_DECLS

#endif /* DATAPIPE_VERSION_H */
