/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_HUB_LOG_MEDIUM_H
#define DPI_HUB_LOG_MEDIUM_H

#include <stddef.h>
#include <stdint.h>

#include "io/os.h"

/*
 * Reads of a segment whose disk answers EIO in places. What a reader passes
 * over does not come again, and an EIO may be of a cable, or a path that is
 * back soon. So pages count as damaged only after they have failed, whenever
 * they were asked for, for DPI_MEDIUM_PATIENCE, and while the disk does what
 * else it is told. Then they read as zeros: the records in them are damaged,
 * all others stay readable.
 */

#define DPI_MEDIUM_PATIENCE (10 * DP_SECOND)

/* Pages of one file that fail; all zero: none so far. */
typedef struct dpi_medium {
	uint64_t from; /* places in the file, of pages in a row */
	uint64_t to;
	dp_time_ns since; /* the first of them failed */
} dpi_medium;

/*
 * Reads like dpi_os_read_all(), up to the first page that fails if that is at
 * least `least` bytes and one. For the thread of medium, which belongs to fd.
 */
int64_t dpi_medium_read(dpi_medium *medium, const dpi_os *os, int fd,
	uint8_t *buf, size_t size, size_t least, uint64_t at);

#endif /* DPI_HUB_LOG_MEDIUM_H */
