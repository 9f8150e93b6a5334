/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPIPE_MESSAGE_H
#define DATAPIPE_MESSAGE_H

/**
 * @file
 * An event on its way out: what subscriptions hand over and sinks receive.
 */

#include <stddef.h>
#include <stdint.h>

#include <datapipe/bytes.h>
#include <datapipe/export.h>
#include <datapipe/status.h>
#include <datapipe/time.h>

DP_BEGIN_DECLS

/** One event as a hub delivers it. Lives as long as its batch. */
typedef struct dp_message dp_message;

/** Events of one partition, in order. Immutable and counted. */
typedef struct dp_batch dp_batch;

/** Place of an event in a partition: 0, 1, 2, …; gaps are legal. */
typedef uint64_t dp_offset;

/** A known attribute of an event. */
typedef int32_t dp_attr;

enum {
	DP_ATTR_TYPE = 0,            /**< type */
	DP_ATTR_SOURCE = 1,          /**< source */
	DP_ATTR_SUBJECT = 2,         /**< subject */
	DP_ATTR_KEY = 3,             /**< partitionkey */
	DP_ATTR_DATACONTENTTYPE = 4, /**< datacontenttype */
	DP_ATTR_DATASCHEMA = 5,      /**< dataschema */
	DP_ATTR_TRACEPARENT = 6,     /**< traceparent */
	DP_ATTR_TRACESTATE = 7       /**< tracestate */
};

/**
 * Takes another reference.
 *
 * @param batch  batch
 * @return       @p batch
 * @thread       any
 * @since        0.1
 */
DP_API dp_batch *dp_batch_ref(dp_batch *batch);

/**
 * Gives a reference back; the last one frees the batch and its messages.
 *
 * @param batch  batch, or NULL
 * @thread       any
 * @since        0.1
 */
DP_API void dp_batch_unref(dp_batch *batch);

/**
 * Returns how many messages @p batch has.
 *
 * @param batch  batch
 * @thread       any
 * @since        0.1
 */
DP_API size_t dp_batch_count(const dp_batch *batch);

/**
 * Returns message @p index.
 *
 * @param batch  batch
 * @param index  0 to dp_batch_count() - 1
 * @owns         nobody: borrowed while the batch lives
 * @thread       any
 * @since        0.1
 */
DP_API const dp_message *dp_batch_message(const dp_batch *batch, size_t index);

/**
 * Returns the payload, byte for byte as it was published.
 *
 * @param msg  message
 * @owns       nobody: borrowed while the batch lives
 * @thread     any
 * @since      0.1
 */
DP_API dp_bytes dp_message_payload(const dp_message *msg);

/**
 * Returns a known attribute as UTF-8 text without a final NUL.
 *
 * @param msg   message
 * @param attr  one of DP_ATTR_*
 * @return      the text; data is NULL if the event has no such attribute
 * @owns        nobody: borrowed while the batch lives
 * @thread      any
 * @since       0.1
 */
DP_API dp_bytes dp_message_attribute(const dp_message *msg, dp_attr attr);

/**
 * Looks up an attribute by its CloudEvents name, known or not; but for id and
 * time, which have functions of their own.
 *
 * @param msg   message
 * @param name  such as "source" or "tenant"
 * @return      the text; data is NULL if the event has no such attribute
 * @owns        nobody: borrowed while the batch lives
 * @thread      any
 * @since       0.1
 */
DP_API dp_bytes dp_message_attribute_by_name(
	const dp_message *msg, const char *name);

/**
 * Walks the attributes that have no DP_ATTR_* of their own.
 *
 * @param msg        message
 * @param iter       0 at first; moved by each call
 * @param ret_name   receives the name
 * @param ret_value  receives the text
 * @return           1, or 0 when there are no more and nothing was stored
 * @owns             nobody: borrowed while the batch lives
 * @thread           any
 * @since            0.1
 */
DP_API int dp_message_next_attribute(const dp_message *msg, size_t *iter,
	dp_bytes *ret_name, dp_bytes *ret_value);

/**
 * Copies the id as text, with a final NUL.
 *
 * @param msg  message
 * @param buf  #DP_ID_SIZE bytes
 * @return     length without the NUL
 * @thread     any
 * @since      0.1
 */
DP_API size_t dp_message_id(const dp_message *msg, char *buf);

/**
 * Returns when the event happened.
 *
 * @param msg  message
 * @thread     any
 * @since      0.1
 */
DP_API dp_time_ns dp_message_time(const dp_message *msg);

/**
 * Returns when the hub took the event, to the millisecond.
 *
 * @param msg  message
 * @thread     any
 * @since      0.1
 */
DP_API dp_time_ns dp_message_append_time(const dp_message *msg);

/**
 * Returns who wrote the event, as a number drawn by each publisher.
 *
 * With dp_message_seq() it makes a gap detectable: one writer numbers its
 * events 0, 1, 2, … without a hole.
 *
 * @param msg  message
 * @thread     any
 * @since      0.1
 */
DP_API uint64_t dp_message_writer(const dp_message *msg);

/**
 * Returns the event's number among those of its writer.
 *
 * @param msg  message
 * @thread     any
 * @since      0.1
 */
DP_API uint64_t dp_message_seq(const dp_message *msg);

/**
 * Returns the topic that the event was read from.
 *
 * @param msg  message
 * @owns       nobody: borrowed while the batch lives
 * @thread     any
 * @since      0.1
 */
DP_API const char *dp_message_topic(const dp_message *msg);

/**
 * Returns the partition that the event was read from.
 *
 * @param msg  message
 * @thread     any
 * @since      0.1
 */
DP_API uint32_t dp_message_partition(const dp_message *msg);

/**
 * Returns the event's place in its partition.
 *
 * @param msg  message
 * @thread     any
 * @since      0.1
 */
DP_API dp_offset dp_message_offset(const dp_message *msg);

/**
 * Returns how often this subscription has handed the event over: 1, 2, ….
 *
 * @param msg  message
 * @thread     any
 * @since      0.1
 */
DP_API uint32_t dp_message_attempt(const dp_message *msg);

DP_END_DECLS

#endif /* DATAPIPE_MESSAGE_H */
