/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_ROUTE_HOP_H
#define DPI_ROUTE_HOP_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/hub.h"
#include "route/forward.h"

/*
 * Events on their way into topics of a hub, exactly once.
 *
 * Each record that is appended says where its event came from (the source
 * place), so the target itself knows how far a job got, and a job that takes
 * a partition over asks it by dpi_hop_next().
 *
 * A hop stages records in chunks that hold a usual batch, and then commits. Of
 * one target, one chunk at a time is on its way: if it fails, none behind it
 * can be in the log, and the place that the target knows is true. Whoever
 * commits for the writer (see hub/hub.h) pulls the chunk; this side waits with
 * a deadline, so that a disk that is stuck cannot hold a job.
 *
 * One owner; only the feeds' two functions are called by other threads.
 */

typedef struct dpi_hop dpi_hop;
typedef struct dpi_hop_target dpi_hop_target;

struct dpi_hop {
	const dp_allocator *alloc;
	const dpi_os *os;
	dp_hub *hub;
	dpi_hop_target *targets;
	size_t count;
	size_t staged_bytes;
	uint32_t news; /* moves when a chunk is done */
};

/*
 * Makes a hop to topics, whose names live as long as the hop. Partitions of
 * them are taken when the first event goes there.
 */
DP_NODISCARD dp_status dpi_hop_init(dpi_hop *hop, dp_hub *hub,
	const char *const *topics, size_t count, dp_error **err);

/* Waits for a commit in progress, and lets go of everything. */
void dpi_hop_fini(dpi_hop *hop);

/* How far events with this key are in target. 0: nothing is there. */
DP_NODISCARD dp_status dpi_hop_next(dpi_hop *hop, size_t target, uint64_t key,
	uint64_t *ret_next, dp_error **err);

/*
 * Stages a record for target.
 *
 * Errors: DP_ENOMEM   nothing was staged
 *         DP_ETOOBIG  it is more than a record can hold
 *         or what the hub answers when it gives us a partition
 */
DP_NODISCARD dp_status dpi_hop_stage(dpi_hop *hop, size_t target,
	const dpi_forward *forward, dp_error **err);

/*
 * Makes all that is staged durable. On failure call dpi_hop_drop(); then
 * dpi_hop_next() says how far it got.
 *
 * The deadline (monotonic) is read atomically, so that it may be set while
 * the call waits; dpi_hop_interrupt() has the call look at it.
 *
 * Errors: DP_ETIMEDOUT  at the deadline a commit was on its way
 *         or what the hub answers
 */
DP_NODISCARD dp_status dpi_hop_commit(
	dpi_hop *hop, const dp_time_ns *deadline_ns, dp_error **err);

/* Thread: any, also after fini, as long as the memory is there. */
void dpi_hop_interrupt(dpi_hop *hop);

/* Forgets what is staged. Waits for a commit in progress. */
void dpi_hop_drop(dpi_hop *hop);

#endif /* DPI_ROUTE_HOP_H */
