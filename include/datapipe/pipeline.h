/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPIPE_PIPELINE_H
#define DATAPIPE_PIPELINE_H

/**
 * @file
 * Jobs that start, drain and report together. A job is one subscription and
 * one router or one sink, on a thread of its own.
 */

#include <stddef.h>
#include <stdint.h>

#include <datapipe/export.h>
#include <datapipe/hub.h>
#include <datapipe/router.h>
#include <datapipe/runtime.h>
#include <datapipe/sink.h>
#include <datapipe/status.h>
#include <datapipe/time.h>

DP_BEGIN_DECLS

/** Jobs that start, drain and report together. */
typedef struct dp_pipeline dp_pipeline;

/** Options of a job; 0 or NULL means the default. */
typedef struct dp_job_options {
	/** Set by the INIT macro. */
	size_t struct_size;
	/** Topic of dead letters. NULL: the job's name and ".dead". */
	const char *dead_topic;
	/** Hub of the target topics of a route. NULL: the job's own hub. */
	dp_hub *target;
	/** Tries of one event before it becomes a dead letter. 0: 16. */
	uint32_t attempts_max;
	/** Most events of one batch. 0: 4096. */
	uint32_t batch_events;
	/** What was taken is made durable after this long. 0: 1 s. */
	dp_time_ns flush_interval_ns;
	/** … or when it has this many bytes, attributes included. 0: 64 MiB. */
	uint64_t flush_bytes;
	/** First wait before a retry; doubles, with jitter. 0: 100 ms. */
	dp_time_ns retry_first_ns;
	/** Longest wait before a retry. 0: 30 s. */
	dp_time_ns retry_max_ns;
} dp_job_options;

/** Initializer of #dp_job_options. */
#define DP_JOB_OPTIONS_INIT \
	{ \
		sizeof(dp_job_options), NULL, NULL, 0, 0, 0, 0, 0, 0 \
	}

/** Where a job is in its life. */
typedef int32_t dp_job_state;

enum {
	DP_JOB_NEW = 0,      /**< Not started. */
	DP_JOB_RUNNING = 1,  /**< At work, or waiting for events. */
	DP_JOB_RETRYING = 2, /**< Waiting to offer a batch again. */
	DP_JOB_PAUSED = 3,   /**< Its destination refuses; tried every 60 s. */
	DP_JOB_DRAINING = 4, /**< Takes nothing new in. */
	DP_JOB_DONE = 5,     /**< Drained: all it took in is finished. */
	DP_JOB_DEADLINE = 6, /**< Drained until the deadline; see the counts. */
	DP_JOB_FAILED = 7    /**< Stopped by an error; see last_error. */
};

/**
 * What a job has done since it was started. At every quiet point
 * in = delivered + dead + dropped + repeats.
 */
typedef struct dp_job_report {
	/** Bytes of this struct in the library that made it. */
	size_t struct_size;
	/** Name of the job. */
	const char *name;
	/** One of DP_JOB_*. */
	dp_job_state state;
	/** Status behind last_error, or #DP_OK. */
	dp_status last_status;
	/** Events taken in and finished, or in hand. */
	uint64_t in_events;
	/** Events made durable in the sink, or appended by the route. */
	uint64_t delivered_events;
	/** Events that became dead letters. */
	uint64_t dead_events;
	/** Events dropped by a rule. */
	uint64_t dropped_events;
	/** Events skipped since the destination has them already. */
	uint64_t repeat_events;
	/** Events in hand whose fate is not known: they come again. */
	uint64_t ambiguous_events;
	/** Events in the hub that the job has not finished. */
	uint64_t left_events;
	/** Batches offered again. */
	uint64_t retries;
	/** Age of the oldest event that is not finished; 0 if there is none. */
	dp_time_ns system_lag_ns;
	/** What last went wrong, or "". */
	const char *last_error;
} dp_job_report;

/** Reports of all jobs of a pipeline at one time. */
typedef struct dp_report dp_report;

/**
 * Makes an empty pipeline.
 *
 * @param ret_pipe  receives the pipeline; untouched on failure
 * @param rt        runtime; must outlive the pipeline
 * @param name      1 to 100 of [A-Za-z0-9._-]
 * @param err       why, or NULL
 * @errors          DP_EINVAL, DP_ENOMEM
 * @owns            the caller, who calls dp_pipeline_free()
 * @thread          any
 * @since           0.1
 */
DP_API DP_NODISCARD dp_status dp_pipeline_new(dp_pipeline **ret_pipe,
	dp_runtime *rt, const char *name, dp_error **err);

/**
 * Adds a job that moves events from topics to other topics, exactly once.
 *
 * The subscription's name is the job's.
 *
 * @param pipe    pipeline that has not started
 * @param name    name of the job: 1 to 100 of [A-Za-z0-9._-]
 * @param hub     hub of the topics; must outlive the pipeline
 * @param topics  topic or pattern to subscribe to
 * @param router  rules; taken on success
 * @param opts    options, or NULL
 * @param err     why, or NULL
 * @errors        DP_EINVAL, DP_EABI, DP_EEXIST, DP_ENOMEM
 * @owns          the pipeline owns the router on success
 * @thread        owner
 * @since         0.1
 */
DP_API DP_NODISCARD dp_status dp_pipeline_add_route(dp_pipeline *pipe,
	const char *name, dp_hub *hub, const char *topics, dp_router *router,
	const dp_job_options *opts, dp_error **err);

/**
 * Adds a job that writes the events of topics into a sink.
 *
 * @param pipe    pipeline that has not started
 * @param name    name of the job: 1 to 100 of [A-Za-z0-9._-]
 * @param hub     hub of the topics; must outlive the pipeline
 * @param topics  topic or pattern to subscribe to
 * @param sink    sink; taken on success
 * @param opts    options, or NULL
 * @param err     why, or NULL
 * @errors        DP_EINVAL, DP_EABI, DP_EEXIST, DP_ENOMEM
 * @owns          the pipeline owns the sink on success
 * @thread        owner
 * @since         0.1
 */
DP_API DP_NODISCARD dp_status dp_pipeline_add_sink(dp_pipeline *pipe,
	const char *name, dp_hub *hub, const char *topics, dp_sink *sink,
	const dp_job_options *opts, dp_error **err);

/**
 * Opens all subscriptions and sinks, and starts the jobs. All or none start.
 *
 * @param pipe  pipeline
 * @param err   why, with the job's name, or NULL
 * @errors      what the hub or a sink answers; DP_EINVAL if started before
 * @thread      owner
 * @since       0.1
 */
DP_API DP_NODISCARD dp_status dp_pipeline_start(
	dp_pipeline *pipe, dp_error **err);

/**
 * Waits until no job has anything left to do, as far as the hub knows now.
 *
 * For programs that process what there is and end; services just drain.
 *
 * @param pipe        pipeline that runs
 * @param timeout_ns  how long to wait
 * @param err         why, or NULL
 * @errors            DP_ETIMEDOUT, DP_EINVAL, DP_EFORKED
 *                    or the status of a job that failed
 * @thread            owner
 * @since             0.1
 */
DP_API DP_NODISCARD dp_status dp_pipeline_wait_idle(
	dp_pipeline *pipe, dp_time_ns timeout_ns, dp_error **err);

/**
 * Stops the intake at once, finishes what was taken in, and stops.
 *
 * Always returns by the deadline. What could not be finished stays in the
 * hub; the report says how much, for each job. A second call reports again.
 *
 * @param pipe        pipeline
 * @param timeout_ns  how long it may take
 * @param ret_report  receives a report, also with DP_ETIMEDOUT; or NULL
 * @param err         why, or NULL
 * @errors            DP_ETIMEDOUT  a job was cut off at the deadline
 *                    DP_EINVAL, DP_ENOMEM, DP_EFORKED
 * @owns              the caller frees the report by dp_report_free()
 * @thread            owner
 * @since             0.1
 */
DP_API DP_NODISCARD dp_status dp_pipeline_drain(dp_pipeline *pipe,
	dp_time_ns timeout_ns, dp_report **ret_report, dp_error **err);

/**
 * Reports what the jobs have done so far.
 *
 * @param pipe        pipeline
 * @param ret_report  receives the report
 * @param err         why, or NULL
 * @errors            DP_ENOMEM, DP_EFORKED
 * @owns              the caller, who calls dp_report_free()
 * @thread            any, while no other call frees the pipeline
 * @since             0.1
 */
DP_API DP_NODISCARD dp_status dp_pipeline_get_report(
	dp_pipeline *pipe, dp_report **ret_report, dp_error **err);

/**
 * Stops at once what was not drained, and frees everything.
 *
 * Waits for calls of sinks that are in progress; a drain before bounds that:
 * a call that it left behind gets 5 s, and then keeps its thread, its sink and
 * the job's memory. What such a call uses (runtime, store, registry) has to
 * stay until the process ends.
 *
 * @param pipe  pipeline, or NULL
 * @thread      owner
 * @since       0.1
 */
DP_API void dp_pipeline_free(dp_pipeline *pipe);

/**
 * Returns how many jobs the report has.
 *
 * @param report  report
 * @thread        any
 * @since         0.1
 */
DP_API size_t dp_report_count(const dp_report *report);

/**
 * Returns the report of job @p index, in the order in which they were added.
 *
 * @param report  report
 * @param index   0 to dp_report_count() - 1
 * @owns          nobody: borrowed while the report lives
 * @thread        any
 * @since         0.1
 */
DP_API const dp_job_report *dp_report_job(
	const dp_report *report, size_t index);

/**
 * Returns the name of a job state, such as "running".
 *
 * @param state  one of DP_JOB_*
 * @owns         nobody: a constant
 * @thread       any
 * @since        0.1
 */
DP_API const char *dp_job_state_name(dp_job_state state);

/**
 * Frees a report. NULL is a no-op.
 *
 * @param report  report, or NULL
 * @thread        any, but only one
 * @since         0.1
 */
DP_API void dp_report_free(dp_report *report);

DP_END_DECLS

#endif /* DATAPIPE_PIPELINE_H */
