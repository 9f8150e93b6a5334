/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_HUB_READER_H
#define DPI_HUB_READER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/hub.h"

/*
 * What the subscription engine (hub/subscription.c) asks of a kind of hub:
 * which partitions there are, who may read them, what stands in them, and a
 * place to keep the cursor. Leases, acks, redelivery and order are the
 * engine's business and the same for every hub with positions.
 *
 * One engine calls a backend and its readers from one thread at a time, but
 * for wait, which may run beside all other calls but close.
 */

/* How far a subscription is in one partition; kept with the partition. */
typedef struct dpi_cursor {
	dp_offset next; /* all below is finished */
	/*
	 * [next, tried_end) was handed over `tries` times and not finished.
	 * Written before each hand-over, so that an event that kills the
	 * process counts as tried. tried_end <= next: nothing in hand.
	 */
	dp_offset tried_end;
	uint32_t tries;
} dpi_cursor;

/* One partition that this subscription, in this process, may read. */
typedef struct dpi_reader {
	const struct dpi_reader_ops *ops;
	dpi_partition_name name;
	dpi_cursor cursor; /* as found when it was claimed */
	/*
	 * Set by claim: another process has less than its share. The engine
	 * reads nothing more and releases it once nothing is handed over.
	 */
	bool is_wanted;
	struct dpi_reader *next; /* the engine's */
} dpi_reader;

typedef struct dpi_reader_ops {
	/*
	 * The next events at or after from, in order: at most max_events, and
	 * of more than max_bytes only one. *ret_next is the offset after the
	 * last record looked at, which may be beyond the last event handed
	 * over (records that are no events, damage that was skipped); with
	 * DP_EAGAIN, too, when nothing is readable now.
	 *
	 * from below the oldest event that is left: goes on there.
	 */
	dp_status (*read)(dpi_reader *reader, dp_offset from, size_t max_events,
		size_t max_bytes, dp_batch **ret_batch, dp_offset *ret_next,
		dp_error **err);
	/*
	 * How many events there are at or after from: exactly, unless they are
	 * so many that counting them would take long.
	 */
	dp_status (*backlog)(dpi_reader *reader, dp_offset from,
		uint64_t *ret_events, dp_error **err);
	/* Append time of the event at `at`, or of the first after it; 0 if
	 * there is none. */
	dp_status (*time_at)(dpi_reader *reader, dp_offset at, dp_time_ns *ret,
		dp_error **err);
	/*
	 * Keeps the cursor. durable: synced on return. Else it survives the
	 * process alone.
	 */
	dp_status (*save)(dpi_reader *reader, const dpi_cursor *cursor,
		bool durable, dp_error **err);
	/* Gives the partition back, so that another process may claim it. */
	void (*release)(dpi_reader *reader);
} dpi_reader_ops;

/* Runs of offsets that a subscription did not get. Relaxed: for people. */
typedef struct dpi_skipped {
	_Atomic uint64_t runs;
	_Atomic uint64_t bytes;
} dpi_skipped;

/* The hub's side of one open subscription. */
typedef struct dpi_backend {
	const struct dpi_backend_ops *ops;
	dp_runtime *rt;
	dp_hub *hub;
	dpi_skipped skipped; /* by its readers so far */
} dpi_backend;

typedef struct dpi_backend_ops {
	/*
	 * Claims partitions that match and are free and that this
	 * subscription does not hold yet, and puts readers for them in front
	 * of *readers. Cheap when nothing has changed. Keeps its own account
	 * of what other processes hold, and may leave some of it for them.
	 */
	dp_status (*claim)(
		dpi_backend *backend, dpi_reader **readers, dp_error **err);
	/*
	 * A word that has changed if anything may be readable that was not,
	 * or if a partition may be new or free.
	 */
	uint32_t (*news)(dpi_backend *backend);
	/*
	 * Waits until news is not `seen` or the monotonic clock is at
	 * deadline_ns; may return early. Does not poll.
	 */
	void (*wait)(
		dpi_backend *backend, uint32_t seen, dp_time_ns deadline_ns);
	/* Changes news, and so ends a wait now, from any thread. */
	void (*interrupt)(dpi_backend *backend);
	/* All readers were released. */
	void (*close)(dpi_backend *backend);
} dpi_backend_ops;

/*
 * Makes a subscription out of a backend, which it closes. opts are whole.
 * On failure the backend is still the caller's.
 */
DP_NODISCARD dp_status dpi_subscription_new(dp_subscription **ret_sub,
	dpi_backend *backend, const dp_subscription_options *opts,
	dp_error **err);

#endif /* DPI_HUB_READER_H */
