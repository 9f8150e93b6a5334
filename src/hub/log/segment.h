/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_HUB_LOG_SEGMENT_H
#define DPI_HUB_LOG_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <datapipe/alloc.h>
#include <datapipe/status.h>

#include "hub/log/layout.h"
#include "io/os.h"

/*
 * One segment file: a header page, then records. Never mapped.
 *
 * The header is written twice, at 0 and at DPI_LOG_PAGE / 2, so that one bad
 * sector does not take it. Should both be lost, the records are still
 * readable: their salt follows from names alone (log uuid, topic, partition,
 * base). What is lost then is the time of the records and the epoch.
 *
 * Any process may open segments and read them, of its own and of other
 * processes' partitions. Only the owner of the partition's lock makes,
 * writes, recycles or truncates them.
 *
 * A segment that nobody needs any more may be *recycled*: its owner renames it
 * and writes over it, header first. A reader that has it open then finds
 * checksums wrong. So a reader that meets damage first asks
 * dpi_segment_is_current(); if not, the segment is gone as if unlinked.
 */

/* Which log and which partition: what headers and salts are made from. */
typedef struct dpi_segment_owner {
	const uint8_t *uuid; /* DPI_LOG_UUID_SIZE bytes */
	dpi_partition_name name;
} dpi_segment_owner;

typedef struct dpi_segment_header {
	uint64_t base;
	/*
	 * Where the records of the segment before this one end: base, or less
	 * if recovery left a gap, in which nothing is.
	 */
	uint64_t previous_end;
	/* Times that the partition has changed hands; never goes down. */
	uint64_t epoch;
	/* Wall clock; what the time in records counts from. */
	int64_t created_ms;
} dpi_segment_header;

typedef struct dpi_segment {
	int fd; /* -1: not open */
	bool has_header;
	/*
	 * !has_header, and a whole header says that the file is of another
	 * place: foreign_base if of this partition, else that is UINT64_MAX.
	 */
	bool is_foreign;
	uint64_t foreign_base;
	uint32_t salt;
	/* If !has_header: base, previous_end = base, and zeros. */
	dpi_segment_header header;
} dpi_segment;

/* Bytes of one copy of the header. */
#define DPI_SEGMENT_HEADER_SIZE 512u

/* Writes a whole header page. */
void dpi_segment_encode(uint8_t *page, const dpi_segment_owner *owner,
	const dpi_segment_header *header);

/*
 * Reads a header page of a segment that should have this owner and base.
 * Returns false if neither copy is whole, ours, and of this place.
 */
bool dpi_segment_decode(dpi_segment_header *ret, const uint8_t *page,
	const dpi_segment_owner *owner, uint64_t base);

/* What dpi_record_seal() and dpi_record_check() take in this segment. */
uint32_t dpi_segment_salt(const dpi_segment_owner *owner, uint64_t base);

/*
 * Opens a segment for reading, or (writable) for the partition's owner.
 *
 * A damaged header is no error: see has_header.
 *
 * Errors: DP_ENOTFOUND  there is none: it went by retention
 *         DP_EIO, DP_EDENIED
 */
DP_NODISCARD dp_status dpi_segment_open(dpi_segment *ret, const dpi_os *os,
	const char *directory, const dpi_segment_owner *owner, uint64_t base,
	bool writable, dp_error **err);

/* Does nothing to one that is not open. */
void dpi_segment_close(dpi_segment *segment, const dpi_os *os);

/* False once the file was made into another segment. */
bool dpi_segment_is_current(const dpi_segment *segment, const dpi_os *os,
	const dpi_segment_owner *owner);

/* The segments of a partition, bases ascending. */
typedef struct dpi_segment_list {
	uint64_t *bases;
	size_t count;
	size_t capacity;
} dpi_segment_list;

/*
 * Lists the segments that there are. None at all is DP_OK. Give the list back
 * with dpi_segment_list_fini().
 *
 * Errors: DP_EIO, DP_EDENIED, DP_ENOMEM
 */
DP_NODISCARD dp_status dpi_segment_list_init(dpi_segment_list *ret,
	const dp_allocator *alloc, const dpi_os *os, const char *directory,
	const dpi_partition_name *name, dp_error **err);
void dpi_segment_list_fini(dpi_segment_list *list, const dp_allocator *alloc);

#endif /* DPI_HUB_LOG_SEGMENT_H */
