/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPIPE_HUB_H
#define DATAPIPE_HUB_H

/**
 * @file
 * A hub has topics. "log:DIRECTORY" is the embedded durable one, shared by
 * all processes that open the directory; "memory:NAME" lives and dies with
 * its runtime.
 */

#include <stddef.h>
#include <stdint.h>

#include <datapipe/export.h>
#include <datapipe/message.h>
#include <datapipe/runtime.h>
#include <datapipe/status.h>
#include <datapipe/time.h>

DP_BEGIN_DECLS

/** Something with topics. */
typedef struct dp_hub dp_hub;

/** A named reader of a topic, or of a pattern of topics. */
typedef struct dp_subscription dp_subscription;

/** What a user can rely on once an event is acknowledged. */
typedef int32_t dp_ack;

enum {
	/** As DP_ACK_DURABLE. */
	DP_ACK_DEFAULT = 0,
	/** In the memory of this process. */
	DP_ACK_ACCEPTED = 1,
	/** write(2) returned: survives this process. */
	DP_ACK_WRITTEN = 2,
	/** fdatasync(2) returned: survives a loss of power. */
	DP_ACK_DURABLE = 3,
	/** The remote hub confirmed. On a local hub: as DP_ACK_DURABLE. */
	DP_ACK_DELIVERED = 4
};

/** What a full disk does to a publisher. */
typedef int32_t dp_full_policy;

enum {
	/** As DP_FULL_REJECT. */
	DP_FULL_DEFAULT = 0,
	/** Events complete with DP_ENOSPC; later ones are tried again. */
	DP_FULL_REJECT = 1,
	/** Events wait until there is room, or until their publisher closes. */
	DP_FULL_BLOCK = 2,
	/** The oldest segment goes, finished or not; each loss is counted. */
	DP_FULL_DROP_OLDEST = 3
};

/** Options of dp_hub_open(); 0 means the default. */
typedef struct dp_hub_options {
	/** Set by the INIT macro. */
	size_t struct_size;
	/** Size of a full segment file: 64 KiB to 2 GiB. 0: 64 MiB. */
	uint64_t segment_bytes;
	/**
	 * Oldest data goes above this, per partition. 0: unlimited; but
	 * 256 MiB in a memory hub, which has no bound but this one.
	 */
	uint64_t retention_bytes;
	/** Data goes when this old, by append time. 0: once all read it. */
	dp_time_ns retention_ns;
	/** 1: retention may pass an unfinished subscription, and is counted. */
	int32_t retention_forced;
	/** One of DP_FULL_*. */
	dp_full_policy full_policy;
	/** Most partitions, and so writers, of a topic: to 4096. 0: 64. */
	uint32_t partitions_max;
	/** Written but unsynced data is synced after this. 0: 100 ms. */
	dp_time_ns sync_interval_ns;
} dp_hub_options;

/** Initializer of #dp_hub_options. */
#define DP_HUB_OPTIONS_INIT \
	{ \
		sizeof(dp_hub_options), 0, 0, 0, 0, 0, 0, 0 \
	}

/** What a hub has done since it was opened here, and what it has found. */
typedef struct dp_hub_stats {
	/** Set by the caller to sizeof(dp_hub_stats). */
	size_t struct_size;
	/** Events appended by this process. */
	uint64_t appended_events;
	/** Bytes appended by this process. */
	uint64_t appended_bytes;
	/** fdatasync calls that acknowledged events. */
	uint64_t syncs;
	/** Events that damage made unreadable, as far as they were counted. */
	uint64_t corrupt_events;
	/** Bytes that were skipped because of damage. */
	uint64_t corrupt_bytes;
	/** Bytes of torn tails that were cut at recovery. */
	uint64_t torn_bytes;
	/** Events dropped by forced retention or DP_FULL_DROP_OLDEST. */
	uint64_t dropped_events;
	/** Times a subscription was set back because the log ended before it. */
	uint64_t cursor_rewinds;
	/** Topics known. */
	uint64_t topics;
	/** Bytes on disk in segment files, spare ones included. */
	uint64_t disk_bytes;
} dp_hub_stats;

/**
 * Opens a hub by its address, and makes it if it is not there.
 *
 * Bad options are refused before anything on disk is touched.
 *
 * @param ret_hub  receives the hub; untouched on failure
 * @param rt       runtime; must outlive the hub
 * @param address  "log:DIRECTORY" or "memory:NAME"
 * @param opts     options, or NULL
 * @param err      why, or NULL
 * @errors         DP_EINVAL    the address or an option
 *                 DP_EABI      opts is not a struct that this build reads
 *                 DP_ECORRUPT  the directory is not a log of ours
 *                 DP_EIO       the file system
 * @owns           the caller, who calls dp_hub_close()
 * @thread         any
 * @since          0.1
 */
DP_API DP_NODISCARD dp_status dp_hub_open(dp_hub **ret_hub, dp_runtime *rt,
	const char *address, const dp_hub_options *opts, dp_error **err);

/**
 * Closes a hub whose publishers and subscriptions are all gone.
 *
 * Writes what was accepted, syncs it and gives the partitions back.
 *
 * @param hub  hub, or NULL
 * @thread     any, but only one
 * @since      0.1
 */
DP_API void dp_hub_close(dp_hub *hub);

/**
 * Fills @p ret with counters.
 *
 * @param hub  hub
 * @param ret  its struct_size is set; as much as it has room for is filled
 * @param err  why, or NULL
 * @errors     DP_EINVAL, DP_EFORKED
 * @thread     any
 * @since      0.1
 */
DP_API dp_status dp_hub_get_stats(
	dp_hub *hub, dp_hub_stats *ret, dp_error **err);

/** Where a subscription begins in a topic that is new to it. */
typedef int32_t dp_start;

enum {
	DP_START_EARLIEST = 0, /**< The oldest event there is. */
	DP_START_LATEST = 1    /**< The first event after the opening. */
};

/** Options of dp_subscription_open(); 0 or NULL means the default. */
typedef struct dp_subscription_options {
	/** Set by the INIT macro. */
	size_t struct_size;
	/**
	 * Topic, or pattern: '*' stands for any run of characters. New topics
	 * that match join by themselves. Required.
	 */
	const char *topics;
	/** Handed over but neither acked nor extended: again. 0: 60 s. */
	dp_time_ns ack_deadline_ns;
	/**
	 * Most events handed over and not yet acked. 0: 100,000. Behind one
	 * that is never acked come eight times as many of its partition.
	 */
	uint64_t outstanding_events;
	/** Most bytes handed over and not yet acked. 0: 64 MiB. */
	uint64_t outstanding_bytes;
	/** One of DP_START_*. */
	dp_start start;
	/** #DP_ACK_WRITTEN: hand events over before they are durable. */
	dp_ack read_level;
} dp_subscription_options;

/** Initializer of #dp_subscription_options. */
#define DP_SUBSCRIPTION_OPTIONS_INIT \
	{ \
		sizeof(dp_subscription_options), NULL, 0, 0, 0, 0, 0 \
	}

/**
 * Opens a subscription, and makes it if it is new. It keeps its place over
 * restarts, and retention waits for it.
 *
 * Processes that open the same name share its partitions.
 *
 * @param ret_sub  receives the subscription; untouched on failure
 * @param hub      hub; must outlive the subscription
 * @param name     1 to 200 of [A-Za-z0-9._-]
 * @param opts     options; topics is required
 * @param err      why, or NULL
 * @errors         DP_EINVAL, DP_EABI, DP_EIO, DP_ENOMEM
 *                 DP_EEXIST  it is known with another topics pattern
 * @owns           the caller, who calls dp_subscription_close()
 * @thread         any
 * @since          0.1
 */
DP_API DP_NODISCARD dp_status dp_subscription_open(dp_subscription **ret_sub,
	dp_hub *hub, const char *name, const dp_subscription_options *opts,
	dp_error **err);

/**
 * Writes the place durably and lets go. What is not acked comes again.
 *
 * @param sub  subscription, or NULL
 * @thread     any, but only one
 * @since      0.1
 */
DP_API void dp_subscription_close(dp_subscription *sub);

/**
 * Forgets a subscription for good, so that retention no longer waits for it.
 *
 * @param hub   hub
 * @param name  its name
 * @param err   why, or NULL
 * @errors      DP_ENOTFOUND  no such subscription
 *              DP_ELOCKED    a process has it open
 * @thread      any
 * @since       0.1
 */
DP_API dp_status dp_subscription_delete(
	dp_hub *hub, const char *name, dp_error **err);

/**
 * Hands over the next events, all of one partition and in order.
 *
 * @param sub        subscription
 * @param ret_batch  receives a batch; untouched on failure
 * @param max        most events, at least 1
 * @param timeout_ns how long to wait for the first event
 * @param err        why, or NULL
 * @errors           DP_ETIMEDOUT  nothing came
 *                   DP_EAGAIN     too much is outstanding: ack first
 *                   DP_ECANCELED  dp_subscription_interrupt() was called
 *                   DP_EIO, DP_ENOMEM, DP_EFORKED
 * @owns             the caller, who calls dp_batch_unref()
 * @thread           any, one at a time
 * @since            0.1
 */
DP_API DP_NODISCARD dp_status dp_subscription_pull(dp_subscription *sub,
	dp_batch **ret_batch, size_t max, dp_time_ns timeout_ns,
	dp_error **err);

/**
 * Says that an event is finished: it does not come again to this opening.
 *
 * The place moves over the longest run of finished events: to the next
 * opening come those again that are behind an unfinished one. It is written
 * at the next ack or pull, but not with each; within a second while a pull
 * waits; and durably at close.
 *
 * @param sub  subscription
 * @param msg  message that it handed over
 * @param err  why, or NULL
 * @errors     DP_ENOTFOUND  not outstanding: acked, or its deadline passed
 * @thread     any
 * @since      0.1
 */
DP_API dp_status dp_subscription_ack(
	dp_subscription *sub, const dp_message *msg, dp_error **err);

/**
 * Acks every message of @p batch that is still outstanding.
 *
 * @param sub    subscription
 * @param batch  batch that it handed over
 * @param err    why, or NULL
 * @thread       any
 * @since        0.1
 */
DP_API dp_status dp_subscription_ack_batch(
	dp_subscription *sub, const dp_batch *batch, dp_error **err);

/**
 * Asks for an event again.
 *
 * @param sub       subscription
 * @param msg       message that it handed over
 * @param delay_ns  not before this long from now
 * @param err       why, or NULL
 * @errors          DP_ENOTFOUND  not outstanding
 * @thread          any
 * @since           0.1
 */
DP_API dp_status dp_subscription_nack(dp_subscription *sub,
	const dp_message *msg, dp_time_ns delay_ns, dp_error **err);

/**
 * Moves an event's ack deadline to @p from_now_ns from now.
 *
 * @param sub          subscription
 * @param msg          message that it handed over
 * @param from_now_ns  new time left
 * @param err          why, or NULL
 * @errors             DP_ENOTFOUND  not outstanding
 * @thread             any
 * @since              0.1
 */
DP_API dp_status dp_subscription_extend(dp_subscription *sub,
	const dp_message *msg, dp_time_ns from_now_ns, dp_error **err);

/**
 * Ends a dp_subscription_pull() that waits, or the next one, at once.
 *
 * @param sub  subscription
 * @thread     any
 * @since      0.1
 */
DP_API void dp_subscription_interrupt(dp_subscription *sub);

/** How far a subscription is. */
typedef struct dp_subscription_stats {
	/** Set by the caller to sizeof(dp_subscription_stats). */
	size_t struct_size;
	/** Events handed over, again ones included. */
	uint64_t delivered_events;
	/** Events handed over again. */
	uint64_t redelivered_events;
	/** Events acked. */
	uint64_t acked_events;
	/** Events handed over and neither acked nor nacked. */
	uint64_t outstanding_events;
	/**
	 * Events not yet acked in the partitions that are read here; a guess
	 * from their size if they are more than some megabytes.
	 */
	uint64_t backlog_events;
	/** Age of the oldest of those, by append time; 0 if there is none. */
	dp_time_ns system_lag_ns;
	/**
	 * Runs of bytes of the log that it did not get: damaged, or gone before
	 * they were read. The log callback is told where they are. A damaged end
	 * that recovery met first is in the counters of the hub that recovered
	 * it, and not in these.
	 */
	uint64_t skipped_runs;
	/** Bytes of those runs. */
	uint64_t skipped_bytes;
} dp_subscription_stats;

/**
 * Fills @p ret with counters.
 *
 * @param sub  subscription
 * @param ret  its struct_size is set
 * @param err  why, or NULL
 * @errors     DP_EINVAL, DP_EIO, DP_EFORKED
 * @thread     any
 * @since      0.1
 */
DP_API dp_status dp_subscription_get_stats(
	dp_subscription *sub, dp_subscription_stats *ret, dp_error **err);

DP_END_DECLS

#endif /* DATAPIPE_HUB_H */
