/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_HUB_LOG_TAIL_H
#define DPI_HUB_LOG_TAIL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "hub/log/log_hub.h"
#include "hub/log/sources.h"

/*
 * The end of a partition that this hub owns: where records are added.
 *
 *   append(chunk)...  seals records and lines them up
 *   flush             writes what is lined up: WRITTEN
 *   sync              DURABLE
 *
 * Records go only where the file has been written with zeros before, so that a
 * sync need not write the file's metadata, and a full disk shows before a
 * record is touched. Zeros are written ahead: a little when a segment begins,
 * four times as much whenever half is used, and the next segment (the spare)
 * when this one is half full; by a thread of its own (prepare.h) if that is
 * much, by the one that commits if it comes to stand before it.
 *
 * Not so for one who writes much between two syncs: there, zeros would cost the
 * disk more than they save the sync. Its records extend the file themselves.
 *
 * When a sync or a write fails for another reason than room, it is unknown
 * what the disk holds: the tail has failed for good. The same if the epoch in
 * the state page is no longer ours.
 *
 * One thread at a time calls these: the one that commits. dpi_tail_prepare()
 * and dpi_tail_recycle() may be called by another one meanwhile.
 */

/* Pieces that one write takes, where there is memory; and where there is
 * none. */
#define DPI_TAIL_PIECES 256u
#define DPI_TAIL_PIECES_LEAST 4u

typedef struct dpi_log_tail {
	dpi_log_hub *hub;
	dpi_log_partition *partition;
	dpi_segment_owner owner;
	uint64_t epoch;
	uint64_t limit; /* index at which a segment is full */

	dpi_segment segment;
	uint64_t first;      /* index after the snapshot of sources */
	uint64_t index;      /* where the next record goes */
	uint64_t flushed;    /* index after the last record in the file */
	uint64_t written;    /* the same, while a write is under way */
	uint64_t synced;     /* index after the last record synced */
	uint64_t sync_bytes; /* that the last sync was for */
	uint32_t time_ms;    /* of the last record */
	bool is_unsynced;
	dpi_sources sources;

	struct iovec few_pieces[DPI_TAIL_PIECES_LEAST];
	struct iovec *pieces; /* lined up: these few, or allocated */
	size_t piece_capacity;
	size_t piece_first;
	size_t piece_count;

	uint64_t begun_base; /* of the segment that prepare was asked for */
	_Atomic bool has_failed;
	_Atomic bool is_syncing_ahead; /* with prepare_lock */
	_Atomic uint64_t zeroed; /* index up to which the file is written */
	_Atomic uint64_t zeroed_goal; /* what dpi_tail_prepare() brings it to */
	_Atomic uint64_t spare_goal;  /* the same for the spare; 0: no spare */

	pthread_mutex_t prepare_lock; /* guards zero-writing and the spare */
	int spare_fd;                 /* -1: none */
	uint64_t spare_zeroed;

	uint64_t retained_base; /* the same, for retention; of that thread */
	struct dpi_log_tail *prepare_next; /* under the lock of prepare.h */
	bool is_queued;
} dpi_log_tail;

/*
 * Takes over a partition whose lock the caller holds: recovers it and begins a
 * segment of a new epoch.
 *
 * Errors: DP_EIO, DP_ENOSPC, DP_ENOMEM
 */
DP_NODISCARD dp_status dpi_tail_open(dpi_log_tail *ret, dpi_log_hub *hub,
	dpi_log_partition *partition, dp_error **err);

/* Writes nothing any more: only lets go. */
void dpi_tail_close(dpi_log_tail *tail);

/* Cuts off what was written ahead. Before dpi_tail_close(), if nothing failed,
 * to leave a small file. */
void dpi_tail_trim(dpi_log_tail *tail);

/*
 * Gives back open files and memory; the next append takes them again. What was
 * flushed is synced, or has failed. Returns false, and has done nothing, if
 * something is lined up.
 */
bool dpi_tail_rest(dpi_log_tail *tail);

/*
 * Seals the records of a chunk from *done on and lines them up; begins a new
 * segment where they do not fit. *done is moved over what was taken, and the
 * chunk's bytes are needed until the next flush has succeeded.
 *
 * Errors: DP_ENOSPC  call it again when there is room
 *         DP_ENOMEM, DP_EAGAIN  the same
 *         DP_EIO, DP_ELOCKED  for good
 */
DP_NODISCARD dp_status dpi_tail_append(dpi_log_tail *tail,
	const dpi_chunk *chunk, size_t *done, dp_error **err);

/* Writes what is lined up. Errors as above; goes on where it stopped. */
DP_NODISCARD dp_status dpi_tail_flush(dpi_log_tail *tail, dp_error **err);

/*
 * Gives up what is lined up and was not flushed; what of it is in the file all
 * the same is cut off, for good. Errors: DP_EIO, for good: it may be there.
 */
DP_NODISCARD dp_status dpi_tail_give_up(dpi_log_tail *tail, dp_error **err);

/* Makes all that was flushed durable. Errors: DP_EIO, for good. */
DP_NODISCARD dp_status dpi_tail_sync(dpi_log_tail *tail, dp_error **err);

/* Offset after the last record lined up, and after the last one flushed. */
uint64_t dpi_tail_end(const dpi_log_tail *tail);
uint64_t dpi_tail_flushed_end(const dpi_log_tail *tail);

/* The error of a tail that has failed. */
dp_status dpi_tail_failure(const dpi_log_tail *tail, dp_error **err);
/* No more records. For the files that do a part of a tail's work. */
void dpi_tail_fail(dpi_log_tail *tail);
/* The same, and the error of the system call that is the reason. */
DP_NODISCARD dp_status dpi_tail_fail_sys(
	dpi_log_tail *tail, int sys_errno, const char *what, dp_error **err);
/* Whether a file may be opened later that could not be now. */
bool dpi_tail_lacks_files(int rc);
/* The error then. */
DP_NODISCARD dp_status dpi_tail_no_file(const char *path, dp_error **err);
/* Whether this tail may still write. Errors: DP_EIO, DP_ELOCKED, for good. */
DP_NODISCARD dp_status dpi_tail_check_right(dpi_log_tail *tail, dp_error **err);

#endif /* DPI_HUB_LOG_TAIL_H */
