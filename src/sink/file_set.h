/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_SINK_FILE_SET_H
#define DPI_SINK_FILE_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "sink/part.h"
#include "sink/slot.h"

/*
 * The files that a sink is writing: at most so many open, of so much memory
 * together. Parquet files that hold much write a row group first. Whatever the number of destinations, what is over the bounds is
 * the idlest file, which is finished early; its destination gets another one
 * when the next event comes. Everything is staged in the slot until a commit
 * makes the finished files visible.
 *
 * An append that fails has changed nothing, and may be tried again, unless a
 * sync failed: nobody knows what is on disk then, and all calls but abandon
 * fail from there on.
 */

typedef struct dpi_file_limits {
	uint32_t open_max;
	uint64_t open_bytes;
	uint64_t file_bytes;
} dpi_file_limits;

typedef struct dpi_open_file dpi_open_file;

#define DPI_FILE_SET_BUCKETS 1024u

typedef struct dpi_file_set {
	const dp_allocator *alloc;
	dpi_job_slot *slot;
	dpi_file_limits limits;
	dpi_part_press press; /* one serves all files */
	dpi_open_file *buckets[DPI_FILE_SET_BUCKETS];
	dpi_open_file *busiest; /* used last */
	dpi_open_file *idlest;
	size_t open_count;
	uint64_t memory_bytes; /* of open files */
	dpi_commit_file *finished;
	size_t finished_count;
	size_t finished_capacity;
	dpi_arena names; /* of finished files */
	uint64_t next_number;
	dp_status broken; /* a sync failed */
} dpi_file_set;

/* Borrows slot, which may be recovered later. */
void dpi_file_set_init(dpi_file_set *set, const dp_allocator *alloc,
	dpi_job_slot *slot, dp_file_format format, dp_compression compression,
	const dpi_file_limits *limits);
/* As abandon, and gives all memory back. */
void dpi_file_set_fini(dpi_file_set *set);

/* Whether it can be used: no sync failed since the last abandon. */
dp_status dpi_file_set_check(const dpi_file_set *set, dp_error **err);

/* Appends count datums to the file of folder and kind: all of them, or none.
 * Borrows its arguments. */
DP_NODISCARD dp_status dpi_file_set_append(dpi_file_set *set,
	const char *folder, const dpi_file_kind *kind, dp_bytes datums,
	uint64_t count, dp_error **err);

/*
 * Finishes all open files: their bytes are durable. set->finished then has
 * every file since the last clear.
 */
DP_NODISCARD dp_status dpi_file_set_finish(dpi_file_set *set, dp_error **err);

/* Forgets the finished files, which were committed. */
void dpi_file_set_clear(dpi_file_set *set);

/*
 * Forgets everything since the last clear. What is staged stays: a commit that
 * failed may have named it, which only dpi_job_slot_recover() can tell.
 */
void dpi_file_set_abandon(dpi_file_set *set);

#endif /* DPI_SINK_FILE_SET_H */
