/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPIPE_BYTES_H
#define DATAPIPE_BYTES_H

/**
 * @file
 * Borrowed runs of bytes.
 */

#include <stddef.h>

/** @c size bytes at @c data; @c data may be NULL only if @c size is 0. */
typedef struct dp_bytes {
	const void *data;
	size_t size;
} dp_bytes;

#endif /* DATAPIPE_BYTES_H */
