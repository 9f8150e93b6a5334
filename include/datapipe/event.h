/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPIPE_EVENT_H
#define DATAPIPE_EVENT_H

/**
 * @file
 * An event on its way in: payload bytes, which no part ever changes, and the
 * CloudEvents 1.0 attributes beside them.
 *
 * Names and meanings of the attributes are those of the CloudEvents
 * specification 1.0.2; partitionkey and traceparent are its documented
 * extensions.
 */

#include <stddef.h>
#include <stdint.h>

#include <datapipe/bytes.h>
#include <datapipe/time.h>

/** Bytes that hold any event id as text, with its final NUL. */
#define DP_ID_SIZE 128

/** Most bytes of all attributes of one event together. */
#define DP_ATTRIBUTES_MAX_BYTES 65536u

/** Default for the most bytes of a payload: 16 MiB. */
#define DP_PAYLOAD_MAX_BYTES (16u << 20)

/** An attribute that this header has no field for. */
typedef struct dp_attribute {
	/** CloudEvents name: 1 to 64 of [a-z0-9], not one of the known ones. */
	const char *name;
	/** UTF-8 text. */
	const char *value;
} dp_attribute;

/**
 * What a service publishes. Start from #DP_EVENT_INIT.
 *
 * A NULL string is an absent attribute; all strings are UTF-8. Everything is
 * borrowed for the call that takes the event, which copies it.
 */
typedef struct dp_event {
	/** Set by the INIT macro. */
	size_t struct_size;
	/** Full name of the protobuf message, such as "shop.v1.Paid". */
	const char *type;
	/** The event itself: serialized bytes, of any kind. */
	dp_bytes payload;
	/** Events of one key keep their order. NULL: no order is promised. */
	const char *key;
	/** NULL: a UUIDv7 is made. Else 1 to 127 bytes, unique for a source. */
	const char *id;
	/** NULL, or #DP_ID_SIZE bytes that receive the id as text. */
	char *ret_id;
	/** The service. NULL: the publisher's. */
	const char *source;
	/** What in the service it is about. */
	const char *subject;
	/** NULL: "application/protobuf". */
	const char *datacontenttype;
	/** "dp:" and the fingerprint of the schema, if the service knows it. */
	const char *dataschema;
	/** W3C trace context. */
	const char *traceparent;
	/** W3C trace context. */
	const char *tracestate;
	/** When it happened. 0: now. */
	dp_time_ns time;
	/** Further attributes. */
	const dp_attribute *attributes;
	/** How many there are. */
	size_t attribute_count;
	/** Comes back with the completion; never looked at. */
	void *tag;
} dp_event;

/** Initializer of #dp_event. */
#define DP_EVENT_INIT \
	{ \
		sizeof(dp_event), NULL, {NULL, 0}, NULL, NULL, NULL, NULL, \
			NULL, NULL, NULL, NULL, NULL, 0, NULL, 0, NULL \
	}

#endif /* DATAPIPE_EVENT_H */
