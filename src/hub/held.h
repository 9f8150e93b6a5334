/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_HUB_HELD_H
#define DPI_HUB_HELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/lease.h"
#include "hub/reader.h"

/*
 * One partition in the hands of a subscription: what was read of it, what is
 * handed over, and what is kept in its cursor.
 *
 * An event that kills its process must not kill every process after it. So
 * before events are handed over, the cursor says how often those at the front
 * were. A process that finds them tried DPI_HELD_SUSPECT times hands them over
 * in small batches, one at a time, smaller with each try, until the one that
 * kills is alone and its attempts tell the job to give it up. Few tries are no
 * suspicion: a process that is killed in an upgrade leaves one. The engine has
 * nothing else in hand meanwhile.
 *
 * Not locked: the engine's lock guards it.
 */

#define DPI_HELD_SUSPECT 3u

typedef struct dpi_held {
	struct dpi_held *next; /* the engine's */
	dpi_reader *reader;
	dpi_leases leases;
	dp_offset read_next; /* where new events are read */
	bool is_first;       /* nothing was handed over yet */

	/* What is below tried_end was handed over `tries` times before us, or
	 * before the last rewind. */
	dp_offset tried_end;
	uint32_t tries;

	/* The leases below run_end have at least this attempt. */
	uint32_t run_attempt;
	dp_offset run_end; /* DPI_HELD_OPEN: all of them */

	dpi_cursor saved; /* as the reader has it */
	dp_time_ns saved_at;
} dpi_held;

#define DPI_HELD_OPEN UINT64_MAX

typedef struct dpi_held_limits {
	size_t events; /* > 0 */
	size_t bytes;
	size_t window; /* most leases, finished ones between others included */
	dp_time_ns now;
	dp_time_ns deadline; /* of the leases */
} dpi_held_limits;

/* Takes the reader on success. NULL: no memory. */
dpi_held *dpi_held_new(const dp_allocator *alloc, dpi_reader *reader);

/* Releases the reader. */
void dpi_held_free(dpi_held *held);

/* Where the subscription stands: all below is finished. */
dp_offset dpi_held_next(dpi_held *held);

/* Whether what it has in hand, or would hand over next, was in hand when
 * processes died, too often for chance. */
bool dpi_held_is_suspect(dpi_held *held);

/*
 * Hands over what is due again, or else what is new.
 *
 * Errors: DP_EAGAIN  nothing now; sets no error. *ret_blocked becomes true if
 *                    there may be more once leases are finished, else stays
 *         DP_EIO, DP_ENOMEM
 */
DP_NODISCARD dp_status dpi_held_pull(dpi_held *held,
	const dpi_held_limits *limits, dp_batch **ret_batch, bool *ret_blocked,
	dp_error **err);

/* The lease of a message that is out, in time, and this very attempt; or
 * NULL. */
dpi_lease *dpi_held_lease(
	dpi_held *held, const dp_message *msg, dp_time_ns now);

/* Finishes a lease that is OUT. */
void dpi_held_finish(dpi_held *held, dpi_lease *lease);

/* The same for each message of a batch that has one; returns how many. */
size_t dpi_held_finish_batch(
	dpi_held *held, const dp_batch *batch, dp_time_ns now);

/* Finishes all below next, whether it was handed over or not. */
void dpi_held_finish_below(dpi_held *held, dp_offset next);

/* Forgets all leases: the events come again, with the attempts they had. */
void dpi_held_rewind(dpi_held *held);

/* Whether the place has moved since the cursor was saved. */
bool dpi_held_is_dirty(dpi_held *held);

dp_status dpi_held_save(
	dpi_held *held, dp_time_ns now, bool durable, dp_error **err);

#endif /* DPI_HUB_HELD_H */
