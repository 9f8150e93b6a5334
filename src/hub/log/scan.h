/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_HUB_LOG_SCAN_H
#define DPI_HUB_LOG_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/log/segment.h"

/*
 * Walks the records of a segment. Where bytes are no record it looks for the
 * next place at which one stands: it has its own index in it and the right
 * checksum, so that damage costs the records that it touched, and no other.
 *
 * The two lower functions work on memory: for those who have read a run of
 * bytes already. dpi_scan reads by itself.
 */

typedef enum dpi_walk {
	DPI_WALK_RECORD, /* a whole record with the right checksum */
	DPI_WALK_MORE,   /* a record may stand here, cut off by the end */
	DPI_WALK_NONE    /* no record: zeros, or damage */
} dpi_walk;

/*
 * What stands at data, which is at index in the segment. *ret_size receives
 * the size of the record for RECORD, and for MORE (at least the head's if
 * that is cut off).
 */
dpi_walk dpi_walk_at(const uint8_t *data, size_t size, uint64_t index,
	uint32_t salt, uint32_t *ret_size);

/*
 * The first place in [1, size) at which dpi_walk_at() does not say NONE, or
 * size.
 */
size_t dpi_walk_resync(
	const uint8_t *data, size_t size, uint64_t index, uint32_t salt);

/* The kind of a record that was found right. */
dpi_record_kind dpi_walk_kind(const uint8_t *record);

/* Append time of a record that was found right: milliseconds after created. */
uint32_t dpi_walk_time_ms(const uint8_t *record);

typedef struct dpi_scan {
	const dpi_os *os;
	const dp_allocator *alloc;
	const dpi_segment *segment;
	uint64_t end; /* of the indexes to look at */

	uint8_t *data; /* a run of the segment, from data_index on */
	size_t capacity;
	size_t size;
	uint64_t data_index;
	uint64_t index; /* of the place to look at next */

	uint64_t events;        /* records of kind EVENT so far */
	uint64_t records_end;   /* index after the last record so far */
	uint64_t skipped_bytes; /* between records: damage for sure */
	uint64_t skipped_runs;  /* how many such runs */
} dpi_scan;

/*
 * Begins at index from, which must be the place of a record or where one
 * would stand; stops at end or where the file ends. Borrows segment.
 *
 * Errors: DP_ENOMEM
 */
DP_NODISCARD dp_status dpi_scan_init(dpi_scan *scan, const dp_allocator *alloc,
	const dpi_os *os, const dpi_segment *segment, uint64_t from,
	uint64_t end);
void dpi_scan_fini(dpi_scan *scan);

/*
 * The next record. *ret_record points to its bytes until the next call, or
 * is NULL at the end; *ret_index is where it stands. After the end
 * records_end tells where a next record would go.
 *
 * Errors: DP_EIO, DP_ENOMEM
 */
DP_NODISCARD dp_status dpi_scan_next(dpi_scan *scan, const uint8_t **ret_record,
	uint64_t *ret_index, dp_error **err);

#endif /* DPI_HUB_LOG_SCAN_H */
