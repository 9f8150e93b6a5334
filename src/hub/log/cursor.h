/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_HUB_LOG_CURSOR_H
#define DPI_HUB_LOG_CURSOR_H

#include <stdbool.h>
#include <stdint.h>

#include <datapipe/status.h>

#include "hub/reader.h"
#include "io/os.h"

/*
 * How far a subscription is in a partition, in a file of two slots of one
 * sector each. They are written in turn, and the one with the greater sequence
 * counts: a write that is torn costs itself alone. Zeros are no slot.
 *
 *    0  u32  magic "dpcu"
 *    4  u32  format, 1
 *    8  u64  key: of the log, the subscription and the partition
 *   16  u64  sequence, from 1
 *   24  u64  next
 *   32  u64  tried_end
 *   40  u64  epoch of the segment that next is in, or of a later one
 *   48  u32  tries
 *   52       zeros
 *  508  u32  CRC32C of the bytes before
 */

#define DPI_CURSOR_SLOT 512u

typedef struct dpi_cursor_file {
	const dpi_os *os;
	int fd;
	uint64_t key;
	uint64_t sequence; /* of the newer slot; 0: neither is good */
	dpi_cursor cursor; /* as it is in that slot, or all zero */
	uint64_t epoch;
	uint8_t *slots;  /* the file in memory, or NULL: not yet, or never */
	unsigned writes; /* of slots since it was opened, until there are 2 */
	bool is_new;     /* nothing was ever saved */
	bool is_damaged; /* there were bytes, but neither slot was good */
} dpi_cursor_file;

/*
 * Takes over what stands in a slot, if it is good, of this key, and newer than
 * what file has. Needs no more of file than a key, and zeros.
 */
void dpi_cursor_take_slot(dpi_cursor_file *file, const uint8_t *slot);

/*
 * Opens a cursor, and makes it if it is not there: of the reserved one, if
 * there is one (NULL: there is none). A new one is durably named on return.
 *
 * Errors: DP_EIO, DP_EDENIED, DP_ENOSPC
 */
DP_NODISCARD dp_status dpi_cursor_open(dpi_cursor_file *ret, const dpi_os *os,
	const char *path, const char *reserved, uint64_t key, dp_error **err);
void dpi_cursor_close(dpi_cursor_file *file);

/*
 * Makes a cursor for later, with room for both slots, if it is not there: on a
 * full disk, only who can save what it has read can free room. Without room
 * there is none, and none the less. Only one at a time has the path.
 */
void dpi_cursor_reserve(const dpi_os *os, const char *path);

/*
 * From the third save on, one that need not be durable is a store to memory: a
 * subscription saves before each hand-over, and somebody waits for that.
 *
 * Errors: DP_EIO, DP_ENOSPC. The cursor in the file is then the old one.
 */
DP_NODISCARD dp_status dpi_cursor_save(dpi_cursor_file *file,
	const dpi_cursor *cursor, uint64_t epoch, bool durable, dp_error **err);

/*
 * Reads the cursor of whoever holds it and makes what was read durable.
 *
 * Errors: DP_ENOTFOUND  there is none, or neither slot is good; no error set
 *         DP_EIO, DP_EDENIED
 */
DP_NODISCARD dp_status dpi_cursor_peek(const dpi_os *os, const char *path,
	uint64_t key, dpi_cursor *ret, uint64_t *ret_epoch, dp_error **err);

#endif /* DPI_HUB_LOG_CURSOR_H */
