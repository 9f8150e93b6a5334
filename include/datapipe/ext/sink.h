/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPIPE_EXT_SINK_H
#define DATAPIPE_EXT_SINK_H

/**
 * @file
 * For authors of sinks. Programs that only use sinks include datapipe/sink.h.
 *
 * A job calls one instance from one thread, never twice at once, in the
 * order open, positions?, (write* flush)*, close. Calls may block, but for
 * no longer than their deadline where they are given one; they must not call
 * back into the job or the pipeline.
 *
 * Once-ness: the positions given to flush name the batch. A sink that keeps
 * them together with what it wrote, and reports them from positions, makes
 * each event appear once, since the job never offers again what lies below.
 */

#include <stddef.h>
#include <stdint.h>

#include <datapipe/export.h>
#include <datapipe/message.h>
#include <datapipe/runtime.h>
#include <datapipe/sink.h>
#include <datapipe/status.h>
#include <datapipe/time.h>

DP_BEGIN_DECLS

/** Meaning of the slots below. A new slot does not change it. */
#define DP_SINK_ABI 1u

/** flush keeps the positions with the data, and positions reports them. */
#define DP_SINK_CAP_POSITIONS (1u << 0)

/** What to do about an event, or a batch, that a sink did not take. */
typedef int32_t dp_refusal;

enum {
	DP_REFUSAL_RETRYABLE = 1, /**< Offer it again after a while. */
	DP_REFUSAL_THROTTLED = 2, /**< Offer it again when told. */
	DP_REFUSAL_EVENT = 3,     /**< Never: dead letter. */
	DP_REFUSAL_STREAM = 4, /**< The destination is unfit: pause the job. */
	DP_REFUSAL_FATAL = 5,  /**< Rights or configuration: pause the job. */
	DP_REFUSAL_AMBIGUOUS =
		6 /**< It may have been taken: ask, then offer. */
};

/** Collects what a write did not take. */
typedef struct dp_refusals dp_refusals;

/** Places, one for each partition: the offset after the last event. */
typedef struct dp_positions dp_positions;

/** One of them. */
typedef struct dp_position {
	/** Topic. Borrowed from the #dp_positions. */
	const char *topic;
	/** Partition. */
	uint32_t partition;
	/** 0; padding. */
	uint32_t reserved;
	/** First offset that is not included. */
	dp_offset next;
} dp_position;

/** What a sink is told when it is opened. Borrowed for the call. */
typedef struct dp_sink_context {
	/** Bytes of this struct in the library that made it. */
	size_t struct_size;
	/** The job's runtime; outlives the sink. */
	dp_runtime *rt;
	/** Name of the job: 1 to 100 of [A-Za-z0-9._-]. */
	const char *job;
} dp_sink_context;

/**
 * What a sink can do. Start from #DP_SINK_OPS_INIT and fill in slots; the
 * library copies the struct, so it may live on the stack.
 */
typedef struct dp_sink_ops {
	/** Set by the INIT macro: bytes of this struct as the author built it. */
	size_t struct_size;
	/** Set by the INIT macro: #DP_SINK_ABI. */
	uint32_t abi;
	/** Any of DP_SINK_CAP_*. */
	uint32_t caps;
	/** Name in logs, such as "bigquery"; not copied. Required. */
	const char *name;

	/**
	 * Gets ready; finishes or undoes what a crash left half done.
	 * Optional: absent means nothing to do.
	 */
	dp_status (*open)(
		void *self, const dp_sink_context *context, dp_error **err);
	/**
	 * Adds to @p ret, by dp_positions_set(), how far everything written
	 * under this job's name is durable. Called after open, and again
	 * whenever a partition is new to this process. Required with
	 * #DP_SINK_CAP_POSITIONS.
	 */
	dp_status (*positions)(void *self, dp_positions *ret, dp_error **err);
	/**
	 * Takes a batch: on #DP_OK every event that was not refused by
	 * dp_refusals_add() is taken, though not yet durable. The batch is
	 * borrowed until the call returns. On any other status nothing was
	 * taken: DP_EAGAIN, DP_ETIMEDOUT, DP_EREMOTE, DP_ENOSPC and DP_ENOMEM
	 * are retried, DP_EDENIED is fatal, others refuse the stream; unless
	 * dp_refusals_add_all() says more. Required.
	 */
	dp_status (*write)(void *self, const dp_batch *batch,
		dp_refusals *refusals, dp_error **err);
	/**
	 * On #DP_OK all that was taken is durable, and so, with
	 * #DP_SINK_CAP_POSITIONS, is @p upto. On failure the job closes the
	 * sink, opens it again and offers again what positions does not
	 * cover. Required.
	 */
	dp_status (*flush)(
		void *self, const dp_positions *upto, dp_error **err);
	/** Releases @p self. Called once. Required. */
	void (*close)(void *self);
	/**
	 * Drops what was taken since the last flush, so that open may follow.
	 * Optional: absent means that a failed flush ends the job's sink.
	 */
	void (*reset)(void *self);

	/* ---- 0.1 ends here: append below, never insert, never reorder ---- */
} dp_sink_ops;

/** Bytes of #dp_sink_ops in 0.1, the least that the library reads. */
#define DP_SINK_OPS_SIZE_0_1 \
	(offsetof(dp_sink_ops, reset) + sizeof(void (*)(void *)))

/** Initializer of #dp_sink_ops. Every slot not named is absent. */
#define DP_SINK_OPS_INIT \
	{ \
		sizeof(dp_sink_ops), DP_SINK_ABI, 0, NULL, NULL, NULL, NULL, \
			NULL, NULL, NULL \
	}

/**
 * Makes a sink out of an author's functions.
 *
 * @param ret_sink  receives the sink; untouched on failure
 * @param rt        runtime; must outlive the sink
 * @param ops       functions; copied
 * @param self      passed to each; taken on success
 * @param err       why, or NULL
 * @errors          DP_EINVAL  a required slot is absent
 *                  DP_EABI    the struct is not one that this build serves
 *                  DP_ENOMEM
 * @owns            the caller, until a pipeline takes it
 * @thread          any
 * @since           0.1
 */
DP_API DP_NODISCARD dp_status dp_sink_new(dp_sink **ret_sink, dp_runtime *rt,
	const dp_sink_ops *ops, void *self, dp_error **err);

/**
 * Refuses event @p index of the batch that is being written.
 *
 * @param refusals        given to write
 * @param index           which message of the batch
 * @param refusal         one of DP_REFUSAL_*
 * @param code            status that says what kind of error it is
 * @param retry_after_ns  for #DP_REFUSAL_THROTTLED, else 0
 * @param message         one line for a person; copied, cut at 1 KiB
 * @return                #DP_OK, or what to return from write: #DP_ENOMEM,
 *                        or #DP_EINVAL if the batch has no such event or
 *                        there is no such refusal
 * @thread                the one in write
 * @since                 0.1
 */
DP_API dp_status dp_refusals_add(dp_refusals *refusals, size_t index,
	dp_refusal refusal, dp_status code, dp_time_ns retry_after_ns,
	const char *message);

/**
 * Says what to do about a write that fails as a whole.
 *
 * @param refusals        given to write
 * @param refusal         one of DP_REFUSAL_*
 * @param retry_after_ns  for #DP_REFUSAL_THROTTLED, else 0
 * @thread                the one in write
 * @since                 0.1
 */
DP_API void dp_refusals_add_all(
	dp_refusals *refusals, dp_refusal refusal, dp_time_ns retry_after_ns);

/**
 * Returns how many places there are.
 *
 * @param positions  places
 * @thread           the one in the sink's call
 * @since            0.1
 */
DP_API size_t dp_positions_count(const dp_positions *positions);

/**
 * Returns place @p index; topics ascend by bytes, then partitions.
 *
 * @param positions  places
 * @param index      0 to dp_positions_count() - 1
 * @owns             topic is borrowed from @p positions
 * @thread           the one in the sink's call
 * @since            0.1
 */
DP_API dp_position dp_positions_get(
	const dp_positions *positions, size_t index);

/**
 * Sets the place of one partition, if @p next is beyond what is set.
 *
 * @param positions  places
 * @param topic      copied
 * @param partition  partition
 * @param next       first offset that is not included
 * @return           #DP_OK, or #DP_ENOMEM
 * @thread           the one in the sink's call
 * @since            0.1
 */
DP_API DP_NODISCARD dp_status dp_positions_set(dp_positions *positions,
	const char *topic, uint32_t partition, dp_offset next);

DP_END_DECLS

#endif /* DATAPIPE_EXT_SINK_H */
