/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPIPE_CONFLUENT_H
#define DATAPIPE_CONFLUENT_H

/**
 * @file
 * What other systems call a schema registry: servers with Confluent's HTTP
 * interface (Confluent, Apicurio, Karapace, Redpanda), and the few bytes that
 * their producers put in front of each payload.
 */

#include <stddef.h>
#include <stdint.h>

#include <datapipe/bytes.h>
#include <datapipe/export.h>
#include <datapipe/registry.h>
#include <datapipe/runtime.h>
#include <datapipe/status.h>
#include <datapipe/time.h>

DP_BEGIN_DECLS

enum {
	/** Most levels of nesting that a prefix may name. */
	DP_CONFLUENT_DEPTH_MAX = 32,
	/** Most bytes of a prefix. */
	DP_CONFLUENT_PREFIX_MAX = 170
};

/**
 * What stands in front of a payload: a zero byte, the number of a schema, and
 * which of its messages the payload is. Never grows.
 */
typedef struct dp_confluent_prefix {
	/** Number of the schema, as its server counts. */
	uint32_t id;
	/** How many of the indexes are in use, 1 or more. */
	uint32_t depth;
	/**
	 * The message: its place among those at the top of the file, then
	 * among those nested in it, and so on. All 0 is the first.
	 */
	uint32_t indexes[DP_CONFLUENT_DEPTH_MAX];
} dp_confluent_prefix;

/**
 * Reads the prefix of a payload of protobuf that a Confluent serializer made.
 *
 * @param ret_prefix  receives it; untouched on failure
 * @param ret_size    receives its bytes: the message begins behind them
 * @param data        payload
 * @param size        bytes
 * @param err         why, or NULL
 * @errors            DP_ESCHEMA  no such prefix, or it is cut off
 *                    DP_ETOOBIG  more than DP_CONFLUENT_DEPTH_MAX levels
 *                    DP_EINVAL
 * @owns              data stays the caller's
 * @thread            any
 * @since             0.1
 */
DP_API DP_NODISCARD dp_status dp_confluent_prefix_read(
	dp_confluent_prefix *ret_prefix, size_t *ret_size, const void *data,
	size_t size, dp_error **err);

/**
 * Writes a prefix, which the serialized message follows.
 *
 * @param prefix    prefix
 * @param buf       receives it
 * @param buf_size  room; DP_CONFLUENT_PREFIX_MAX is enough for all
 * @param ret_size  receives its bytes
 * @param err       why, or NULL
 * @errors          DP_EINVAL   a depth of 0, or an index over 2^31 - 1
 *                  DP_ETOOBIG  more than buf_size, or than
 *                              DP_CONFLUENT_DEPTH_MAX levels
 * @owns            the caller
 * @thread          any
 * @since           0.1
 */
DP_API DP_NODISCARD dp_status dp_confluent_prefix_write(
	const dp_confluent_prefix *prefix, void *buf, size_t buf_size,
	size_t *ret_size, dp_error **err);

/** A file of .proto text, for a compiler. */
typedef struct dp_proto_source {
	/** Name by which others import it. */
	const char *name;
	/** Its text, not ended by a NUL. */
	dp_bytes text;
} dp_proto_source;

/** Takes what a compiler made; called once by it. */
typedef void (*dp_compiled_fn)(void *sink, const void *set, size_t size);

/**
 * Compiles .proto text; the last source imports all others, directly or not.
 * Calls compiled(sink, set, size) with a FileDescriptorSet that has those of
 * all sources, and returns NULL, or a text that says why not, which stays
 * valid until the next call.
 */
typedef const char *(*dp_compile_fn)(void *user, const dp_proto_source *sources,
	size_t count, dp_compiled_fn compiled, void *sink);

/** A client of a server of schemas. */
typedef struct dp_confluent dp_confluent;

/** Options of dp_confluent_new(); 0 or NULL means the default. */
typedef struct dp_confluent_options {
	/** Set by the INIT macro. */
	size_t struct_size;
	/** Header "Authorization", such as "Basic …". NULL: none. */
	const char *authorization;
	/** How long one request may take, in nanoseconds. 0: 10 s. */
	dp_time_ns timeout_ns;
	/** Most bytes of one answer. 0: 16 MiB. */
	size_t answer_bytes;
	/** For servers that have text only. NULL: those are refused. */
	dp_compile_fn compile;
	/** Passed to compile. */
	void *user;
} dp_confluent_options;

/** Initializer of #dp_confluent_options. */
#define DP_CONFLUENT_OPTIONS_INIT \
	{ \
		sizeof(dp_confluent_options), NULL, 0, 0, NULL, NULL \
	}

/** What dp_confluent_import() met. Never grows. */
typedef struct dp_confluent_report {
	/** Subjects with at least one version of protobuf. */
	uint64_t subjects;
	/** Versions of protobuf, all of which are registered now. */
	uint64_t versions;
	/** Versions of Avro and JSON schema, which were passed over. */
	uint64_t skipped;
} dp_confluent_report;

/**
 * Makes a client. Asks nothing yet.
 *
 * @param ret_client  receives the client; untouched on failure
 * @param rt          runtime; must outlive the client
 * @param url         what subjects are below, such as
 *                    "http://localhost:8081" or, of Apicurio,
 *                    "http://localhost:8080/apis/ccompat/v7"
 * @param reg         where schemas go; must outlive the client
 * @param opts        options, or NULL
 * @param err         why, or NULL
 * @errors            DP_EINVAL, DP_EABI, DP_ENOMEM, DP_EFORKED
 * @owns              the caller, who calls dp_confluent_free()
 * @thread            any
 * @since             0.1
 */
DP_API DP_NODISCARD dp_status dp_confluent_new(dp_confluent **ret_client,
	dp_runtime *rt, const char *url, dp_registry *reg,
	const dp_confluent_options *opts, dp_error **err);

/**
 * Frees a client. Schemas that it resolved stay valid.
 *
 * @param client  client, or NULL
 * @thread        any, but only one
 * @since         0.1
 */
DP_API void dp_confluent_free(dp_confluent *client);

/**
 * Registers every version of a subject, or of all, oldest first, each with
 * what it references. What is registered already is left as it is, so an
 * import that failed may be repeated.
 *
 * @param client      client
 * @param subject     subject, or NULL for all
 * @param ret_report  receives counts, also on failure; or NULL
 * @param err         why, with the URL, or NULL
 * @errors            DP_ENOTFOUND  no such subject or reference
 *                    DP_EREMOTE    no server, or none that answers so
 *                    DP_ETIMEDOUT  no answer within timeout_ns
 *                    DP_EDENIED    it wants an authorization
 *                    DP_ETOOBIG    an answer over answer_bytes, or a limit
 *                    DP_ESCHEMA    no valid descriptors; or text alone, and
 *                                  no way to compile it
 *                    and those of dp_registry_add()
 * @thread            one at a time for a client; blocks
 * @since             0.1
 */
DP_API DP_NODISCARD dp_status dp_confluent_import(dp_confluent *client,
	const char *subject, dp_confluent_report *ret_report, dp_error **err);

/**
 * Finds the schema that a prefix names, and registers it. Numbers never
 * change on a server, so each is asked for once by a client.
 *
 * @param client      client
 * @param prefix      prefix of a payload
 * @param ret_schema  receives the schema; untouched on failure
 * @param err         why, or NULL
 * @errors            DP_ENOTFOUND  the server has no such number, or the
 *                                  schema no such message
 *                    and those of dp_confluent_import()
 * @owns              the caller, who calls dp_schema_unref()
 * @thread            one at a time for a client; blocks if it asks
 * @since             0.1
 */
DP_API DP_NODISCARD dp_status dp_confluent_resolve(dp_confluent *client,
	const dp_confluent_prefix *prefix, dp_schema **ret_schema,
	dp_error **err);

DP_END_DECLS

#endif /* DATAPIPE_CONFLUENT_H */
