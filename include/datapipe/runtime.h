/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPIPE_RUNTIME_H
#define DATAPIPE_RUNTIME_H

/**
 * @file
 * The runtime: memory, clock, log messages, threads and completions of all
 * objects made with it. Two runtimes in one process share nothing.
 */

#include <stddef.h>
#include <stdint.h>

#include <datapipe/alloc.h>
#include <datapipe/event.h>
#include <datapipe/export.h>
#include <datapipe/status.h>
#include <datapipe/time.h>

DP_BEGIN_DECLS

/** Owns threads and completions. @thread any */
typedef struct dp_runtime dp_runtime;

/** How much a log record matters. */
typedef int32_t dp_log_level;

enum {
	DP_LOG_ERROR = 1, /**< Something was given up; a person should look. */
	DP_LOG_WARN = 2,  /**< It goes on, but not as intended. */
	DP_LOG_INFO = 3,  /**< Milestones: opened, recovered, drained. */
	DP_LOG_DEBUG = 4  /**< For us. */
};

/** One log record, for the time of the call. */
typedef struct dp_log_record {
	/** Bytes of this struct in the library that made it. */
	size_t struct_size;
	/** One of DP_LOG_*. */
	dp_log_level level;
	/** Stable number of the message; doc/messages.yaml explains each. */
	uint32_t message_id;
	/** Folder that speaks, such as "hub". */
	const char *module;
	/** Name of the object it is about, or "". */
	const char *object;
	/** One line, printable characters only, no final newline. */
	const char *text;
} dp_log_record;

/**
 * Receives log records, on any thread, at any time; must not call datapipe.
 */
typedef void (*dp_log_fn)(void *user, const dp_log_record *record);

/** Options of dp_runtime_new(); 0 or NULL means the default. */
typedef struct dp_runtime_options {
	/** Set by the INIT macro. */
	size_t struct_size;
	/** Where memory comes from. NULL: malloc. Copied; its user is not. */
	const dp_allocator *allocator;
	/** Receives log records. NULL: silence. */
	dp_log_fn log;
	/** Passed to log. */
	void *log_user;
	/** Least important level to report. 0: #DP_LOG_WARN. */
	dp_log_level log_level;
} dp_runtime_options;

/** Initializer of #dp_runtime_options. */
#define DP_RUNTIME_OPTIONS_INIT \
	{ \
		sizeof(dp_runtime_options), NULL, NULL, NULL, 0 \
	}

/** What became of one published event. Exactly one for each accepted event. */
typedef struct dp_completion {
	/** dp_event.tag of the event. */
	void *tag;
	/** #DP_OK once the publisher's ack level is reached. */
	dp_status status;
	/** Padding; 0. */
	uint32_t reserved;
} dp_completion;

/**
 * Makes a runtime. Starts no thread before one is needed.
 *
 * @param ret_rt  receives the runtime; untouched on failure
 * @param opts    options, or NULL for the defaults
 * @param err     why, or NULL
 * @errors        DP_EINVAL  the allocator lacks a function, or log_level is
 *                           none of DP_LOG_*
 *                DP_EABI    struct_size was never set
 *                DP_EIO     Linux before 4.14
 *                DP_ENOMEM
 * @owns          the caller, who calls dp_runtime_free()
 * @thread        any
 * @since         0.1
 */
DP_API DP_NODISCARD dp_status dp_runtime_new(
	dp_runtime **ret_rt, const dp_runtime_options *opts, dp_error **err);

/**
 * Stops the threads and frees everything. All objects made with the runtime
 * must have been freed before.
 *
 * In a child after fork() it waits for nothing; what other threads had in hand
 * when the process was forked stays allocated there.
 *
 * @param rt  runtime, or NULL
 * @thread    any, but only one; not from a callback of this runtime
 * @since     0.1
 */
DP_API void dp_runtime_free(dp_runtime *rt);

/**
 * Takes completions of publishers that were told to queue them.
 *
 * @param rt         runtime
 * @param items      room for @p max completions
 * @param max        at least 1
 * @param timeout_ns how long to wait for the first; 0 returns at once,
 *                   #DP_FOREVER never gives up
 * @return           how many were stored, 0 after the time; or a negative
 *                   status
 * @errors           DP_EINVAL  NULL, no room, or a negative time
 *                   DP_EFORKED made before fork()
 * @thread           any; several threads share the completions
 * @since            0.1
 */
DP_API int64_t dp_runtime_poll(dp_runtime *rt, dp_completion *items, size_t max,
	dp_time_ns timeout_ns);

/**
 * Returns a file descriptor that is readable while completions are queued.
 *
 * For loops of the application: watch it, and call dp_runtime_poll() with
 * timeout 0 until it returns 0. Never read or close it.
 *
 * @param rt   runtime
 * @param err  why, or NULL
 * @return     descriptor, closed with the runtime, or a negative status
 * @errors     DP_EINVAL  rt is NULL
 *             DP_EIO     no descriptor is free
 *             DP_EFORKED made before fork()
 * @thread     any
 * @since      0.1
 */
DP_API int dp_runtime_poll_fd(dp_runtime *rt, dp_error **err);

DP_END_DECLS

#endif /* DATAPIPE_RUNTIME_H */
