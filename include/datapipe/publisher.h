/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPIPE_PUBLISHER_H
#define DATAPIPE_PUBLISHER_H

/**
 * @file
 * Puts events on a topic of a hub, from any number of threads.
 */

#include <stddef.h>
#include <stdint.h>

#include <datapipe/event.h>
#include <datapipe/export.h>
#include <datapipe/hub.h>
#include <datapipe/runtime.h>
#include <datapipe/status.h>
#include <datapipe/time.h>

DP_BEGIN_DECLS

/** Puts events on one topic. */
typedef struct dp_publisher dp_publisher;

/**
 * Receives completions on the runtime's loop thread, never from inside a
 * call of the publisher. May publish with timeout 0; must not block, flush,
 * or free anything.
 */
typedef void (*dp_completion_fn)(
	void *user, const dp_completion *items, size_t count);

/** Queue completions for dp_runtime_poll(). */
#define DP_PUBLISHER_POLL (1u << 0)

/** Options of dp_publisher_new(); 0 or NULL means the default. */
typedef struct dp_publisher_options {
	/** Set by the INIT macro. */
	size_t struct_size;
	/** Topic: 1 to 200 of [A-Za-z0-9._-]. Required. */
	const char *topic;
	/** Source of events that name none: the service. Required. */
	const char *source;
	/** One of DP_ACK_*. */
	dp_ack ack;
	/** Any of DP_PUBLISHER_*. */
	uint32_t flags;
	/** Most events accepted and not completed. 0: 1,000,000. */
	uint64_t limit_events;
	/** Most bytes of them; memory of a quarter stays. 0: 64 MiB. */
	uint64_t limit_bytes;
	/** Most bytes of one payload. 0: #DP_PAYLOAD_MAX_BYTES. */
	uint64_t payload_bytes;
	/**
	 * An event waits this long for company. 0: 1 ms. 1: not at all, and a
	 * publish call with #DP_FOREVER writes the event on its own thread if
	 * it need not be durable. A flush cuts it.
	 */
	dp_time_ns linger_ns;
	/** Commit at once when so many bytes wait. 0: 256 KiB. */
	uint64_t batch_bytes;
	/** Receives completions. NULL: none, unless #DP_PUBLISHER_POLL. */
	dp_completion_fn on_completion;
	/** Passed to on_completion. */
	void *user;
} dp_publisher_options;

/** Initializer of #dp_publisher_options. */
#define DP_PUBLISHER_OPTIONS_INIT \
	{ \
		sizeof(dp_publisher_options), NULL, NULL, 0, 0, 0, 0, 0, 0, 0, \
			NULL, NULL \
	}

/** What a publisher has done. accepted = succeeded + failed + pending. */
typedef struct dp_publisher_stats {
	/** Set by the caller to sizeof(dp_publisher_stats). */
	size_t struct_size;
	/** Events accepted. */
	uint64_t accepted;
	/** Events that completed with #DP_OK. */
	uint64_t succeeded;
	/** Events that completed otherwise. */
	uint64_t failed;
	/** Events not yet completed. */
	uint64_t pending;
	/** Calls refused for want of room. */
	uint64_t refused;
	/** Times a publish call woke or armed another thread. */
	uint64_t wakeups;
} dp_publisher_stats;

/**
 * Makes a publisher and takes a partition of its topic for this process.
 *
 * @param ret_pub  receives the publisher; untouched on failure
 * @param hub      hub; must outlive the publisher
 * @param opts     options; topic and source are required
 * @param err      why, or NULL
 * @errors         DP_EINVAL, DP_EABI, DP_ENOMEM, DP_EIO, DP_EFORKED
 *                 DP_ELOCKED  every partition of the topic has a writer
 *                 DP_ENOSPC   no room for the first segment
 * @owns           the caller, who calls dp_publisher_free()
 * @thread         any
 * @since          0.1
 */
DP_API DP_NODISCARD dp_status dp_publisher_new(dp_publisher **ret_pub,
	dp_hub *hub, const dp_publisher_options *opts, dp_error **err);

/**
 * Accepts one event, which completes exactly once, later.
 *
 * Copies the event and returns; the publisher's ack level is reached at the
 * completion, or when dp_publisher_flush() returns #DP_OK.
 *
 * @param pub         publisher
 * @param ev          event
 * @param timeout_ns  how long to wait for room: 0 returns at once,
 *                    #DP_FOREVER never gives up
 * @param err         why, or NULL
 * @errors            DP_EAGAIN   no room within the time: offer it again
 *                    DP_ETOOBIG  payload or attributes are over the limit
 *                    DP_EINVAL   an attribute is not legal
 *                    DP_ECLOSED  after a failure that is final, or from a
 *                                callback while the publisher is freed
 *                    DP_EFORKED  the publisher belongs to the parent
 *                    DP_EABI, DP_ENOMEM
 * @owns              the event stays the caller's
 * @thread            any; blocks up to timeout_ns
 * @since             0.1
 */
DP_API DP_NODISCARD dp_status dp_publisher_publish(dp_publisher *pub,
	const dp_event *ev, dp_time_ns timeout_ns, dp_error **err);

/**
 * Waits until every event accepted before the call has completed.
 *
 * With #DP_FOREVER the caller's own thread may do the commit, which is the
 * fastest way to one durable event; with a deadline another thread does, so
 * that a stuck disk cannot hold the caller.
 *
 * @param pub         publisher
 * @param timeout_ns  how long to wait
 * @param err         why, or NULL
 * @errors            DP_ETIMEDOUT  events are still pending; they complete
 *                                  later
 *                    or the status of the first event of this publisher that
 *                    failed since the last flush
 * @thread            any; blocks up to timeout_ns; not from a callback
 * @since             0.1
 */
DP_API DP_NODISCARD dp_status dp_publisher_flush(
	dp_publisher *pub, dp_time_ns timeout_ns, dp_error **err);

/**
 * Fills @p ret with counters.
 *
 * @param pub  publisher
 * @param ret  its struct_size is set
 * @param err  why, or NULL
 * @errors     DP_EINVAL, DP_EFORKED
 * @thread     any
 * @since      0.1
 */
DP_API dp_status dp_publisher_get_stats(
	dp_publisher *pub, dp_publisher_stats *ret, dp_error **err);

/**
 * Writes what was accepted, waits for it, and frees the publisher.
 *
 * Waits up to 5 s, and then for a write that is at the disk; what has not
 * completed by then completes with #DP_ECANCELED (it may still be found in
 * the log). In a child after fork() it frees memory only.
 *
 * @param pub  publisher, or NULL
 * @thread     any, but only one; not from a callback
 * @since      0.1
 */
DP_API void dp_publisher_free(dp_publisher *pub);

DP_END_DECLS

#endif /* DATAPIPE_PUBLISHER_H */
