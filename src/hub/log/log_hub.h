/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_HUB_LOG_LOG_HUB_H
#define DPI_HUB_LOG_LOG_HUB_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/hub.h"
#include "hub/log/layout.h"
#include "hub/log/locks.h"
#include "hub/log/news.h"
#include "hub/log/prepare.h"
#include "hub/log/rest.h"
#include "hub/log/segment.h"
#include "hub/log/sources.h"
#include "hub/log/state.h"
#include "hub/log/watch.h"

/*
 * The hub "log:DIRECTORY": what its two sides share.
 *
 * The writing side: identity, locks, partition, recovery, writer, append,
 * committer, prepare, sources. The reading side: cursor, reader, claim,
 * backend, retention. They meet in the files, in the pages of state.h and
 * news.h, and in the functions below.
 *
 * A partition belongs to the process that holds its byte in DIRECTORY/locks.
 * One hub appends to one partition of a topic. A partition whose owner died
 * may end in records that were written and never synced, or in half a record:
 * whoever comes next settles it (dpi_log_settle()), be it a reader or the
 * next owner.
 *
 * Each new owner begins a segment, with an epoch in its header that is greater
 * than any before. So a cursor keeps the epoch of the segment that it points
 * into: if a later epoch begins below the cursor, the records that it had seen
 * were lost with the power (it read them before they were durable), and it has
 * to go back to where that epoch begins.
 */

typedef struct dpi_log_writer dpi_log_writer;

/* Lists of partitions, by their topic's hash: thousands of topics, a few tens
 * each. */
#define DPI_LOG_BUCKETS 256u

/* A partition that is known to this hub. Lives until the hub closes. */
typedef struct dpi_log_partition {
	struct dpi_log_partition *next;
	struct dpi_log_partition *in_bucket; /* the next; under hub->lock */
	dpi_partition_name name;             /* name.topic points to topic */
	char topic[DPI_LOG_TOPIC_MAX + 1];
	dpi_log_state *state; /* mapped as long as the partition lives */
	/* This hub's, or NULL until there is one; made under hub->lock. */
	dpi_log_writer *_Atomic writer;
	/* As dpi_log_settle() left it here; 0: it never did. */
	_Atomic uint64_t settled_epoch;
	/* Source places as of an epoch and two ends; under hub->learning. */
	dpi_sources learned;    /* that are durable */
	dpi_sources awaited;    /* that are written; none if all are durable */
	uint64_t learned_epoch; /* 0: none */
	uint64_t learned_end;
	uint64_t learned_durable;
} dpi_log_partition;

/* Found and done since the hub was opened here. Relaxed: only for people. */
typedef struct dpi_log_counters {
	_Atomic uint64_t appended_events;
	_Atomic uint64_t appended_bytes;
	_Atomic uint64_t syncs;
	_Atomic uint64_t corrupt_events; /* runs of damage: at least so many */
	_Atomic uint64_t corrupt_bytes;
	_Atomic uint64_t torn_bytes;
	_Atomic uint64_t dropped_events;
	_Atomic uint64_t cursor_rewinds; /* the reading side's */
} dpi_log_counters;

typedef struct dpi_log_hub {
	dp_hub hub; /* first */
	const dp_allocator *alloc;
	const dpi_os *os;
	dp_hub_options opts; /* whole */
	char *directory; /* an absolute or relative path without a final / */
	uint8_t uuid[DPI_LOG_UUID_SIZE];
	dpi_locks locks;
	dpi_log_news *news;
	dpi_log_counters counters;
	dpi_log_prepare prepare;
	dpi_log_watch watch;
	dpi_log_awake awake;

	pthread_mutex_t learning; /* guards what partitions have learned */
	pthread_mutex_t lock;     /* guards what follows */
	/* Only grows, at the front; what is in it may be read unlocked. */
	dpi_log_partition *partitions;
	dpi_log_partition *buckets[DPI_LOG_BUCKETS]; /* by topic */
	uint32_t layout_seen; /* news->layout at the last listing */
	bool is_listed;
	struct dpi_log_committer *committer; /* NULL before the first writer */
} dpi_log_hub;

/*
 * Opens a log directory, or makes one where nothing or an empty directory is.
 * whole: all options filled in and checked. Borrows directory for the call.
 *
 * Errors: DP_ECORRUPT  something else is in the directory, or a log of a
 *                      format that this library does not know
 *         DP_EINVAL    directory is empty or too long
 *         DP_EIO, DP_EDENIED, DP_ENOSPC, DP_ENOMEM
 */
DP_NODISCARD dp_status dpi_log_hub_open(dp_hub **ret, dp_runtime *rt,
	const char *directory, const dp_hub_options *whole, dp_error **err);

/* For dpi_segment_*() and dpi_log_state_map(). */
dpi_segment_owner dpi_log_owner(
	const dpi_log_hub *hub, const dpi_partition_name *name);

/*
 * Brings hub->partitions up to date with the directory. Lists it only if the
 * layout has changed since the last call. Thread: any.
 *
 * Errors: DP_EIO, DP_ENOMEM, DP_ENOSPC
 */
DP_NODISCARD dp_status dpi_log_refresh(dpi_log_hub *hub, dp_error **err);

/*
 * Makes the state page of a partition tell the truth. If its owner is alive,
 * in this process or another, it does already, and this costs one lock call.
 * Else what the owner left is scanned, synced and published as durable; the
 * epoch goes up, which shuts out an owner that was only thought dead.
 *
 * Readers call it before they trust a page that they see for the first time,
 * and when records were written that do not become durable.
 *
 * Thread: any. Errors: DP_EIO, DP_ENOMEM
 */
DP_NODISCARD dp_status dpi_log_settle(
	dpi_log_hub *hub, dpi_log_partition *partition, dp_error **err);

/*
 * Removes the segment at base, which is the oldest and not the last. The caller
 * has made durable whatever says that it is not needed any more. Of a partition
 * that this hub writes, it may become the spare. *ret_is_removed: by this call,
 * not by another process; set in any case.
 *
 * Thread: any, any process. Errors: DP_EIO
 */
DP_NODISCARD dp_status dpi_log_drop(dpi_log_hub *hub,
	dpi_log_partition *partition, uint64_t base, bool *ret_is_removed,
	dp_error **err);

/* Adds n to a counter. */
static inline void dpi_log_count(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

#endif /* DPI_HUB_LOG_LOG_HUB_H */
