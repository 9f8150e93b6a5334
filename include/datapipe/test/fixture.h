/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPIPE_TEST_FIXTURE_H
#define DATAPIPE_TEST_FIXTURE_H

/**
 * @file
 * For tests of pipelines, with any test framework; a library of its own,
 * datapipe-test.
 *
 * A fixture has a runtime, a hub in memory, sinks that do as they are told
 * and keep what they get, and a clock that jumps ahead as soon as nothing can
 * happen before: a retry after a minute takes no time. dp_test_yields() says
 * in one call whether a pipeline makes of some events what it should.
 */

#include <stddef.h>
#include <stdint.h>

#include <datapipe/export.h>
#include <datapipe/ext/sink.h>
#include <datapipe/hub.h>
#include <datapipe/pipeline.h>
#include <datapipe/runtime.h>
#include <datapipe/status.h>
#include <datapipe/time.h>

DP_BEGIN_DECLS

/** Everything that a test of a pipeline stands on. */
typedef struct dp_test_fixture dp_test_fixture;

/**
 * Makes a fixture.
 *
 * @param ret_fx  receives the fixture; untouched on failure
 * @param opts    options of its runtime, or NULL
 * @param err     why, or NULL
 * @errors        DP_ENOMEM, DP_EIO
 *                DP_EABI  the library datapipe is of another version
 * @owns          the caller, who calls dp_test_fixture_free()
 * @thread        any
 * @since         0.1
 */
DP_API DP_NODISCARD dp_status dp_test_fixture_new(dp_test_fixture **ret_fx,
	const dp_runtime_options *opts, dp_error **err);

/**
 * Frees a fixture, its hub and its runtime. Pipelines go before.
 *
 * @param fx  fixture, or NULL
 * @thread    owner
 * @since     0.1
 */
DP_API void dp_test_fixture_free(dp_test_fixture *fx);

/**
 * Returns the runtime.
 *
 * @param fx  fixture
 * @owns      nobody: borrowed while the fixture lives
 * @thread    any
 * @since     0.1
 */
DP_API dp_runtime *dp_test_fixture_runtime(dp_test_fixture *fx);

/**
 * Returns the hub.
 *
 * @param fx  fixture
 * @owns      nobody: borrowed while the fixture lives
 * @thread    any
 * @since     0.1
 */
DP_API dp_hub *dp_test_fixture_hub(dp_test_fixture *fx);

/**
 * Returns how much time has passed, by the fixture's clock, since it was made.
 *
 * @param fx  fixture
 * @thread    any
 * @since     0.1
 */
DP_API dp_time_ns dp_test_fixture_elapsed(dp_test_fixture *fx);

/** What a sink of a fixture does that sinks should not. */
typedef int32_t dp_test_act;

enum {
	DP_TEST_REFUSE = 1,      /**< write refuses events, takes the rest. */
	DP_TEST_FAIL_WRITE = 2,  /**< write fails as a whole. */
	DP_TEST_FAIL_FLUSH = 3,  /**< flush fails and has done nothing. */
	DP_TEST_LOSE_ANSWER = 4, /**< flush does its work, but fails. */
	DP_TEST_FAIL_OPEN = 5,   /**< open fails. */
	DP_TEST_BLOCK_WRITE = 6, /**< write hangs until it is released. */
	DP_TEST_BLOCK_FLUSH = 7  /**< flush hangs until it is released. */
};

/** As dp_test_step.times: always. */
#define DP_TEST_ALWAYS UINT32_MAX

/** A line of a sink's script. */
typedef struct dp_test_step {
	/** Set by the INIT macro. */
	size_t struct_size;
	/** One of DP_TEST_*. */
	dp_test_act act;
	/** How often. 0: once. */
	uint32_t times;
	/** Only events with this payload. NULL: all. */
	const char *payload;
	/** For refusals and writes. 0: as the status says. */
	dp_refusal refusal;
	/** What it answers. 0: #DP_EREMOTE. */
	dp_status code;
	/** With #DP_REFUSAL_THROTTLED. */
	dp_time_ns retry_after_ns;
	/** Why. NULL: "as told". */
	const char *message;
} dp_test_step;

/** Initializer of #dp_test_step. */
#define DP_TEST_STEP_INIT \
	{ \
		sizeof(dp_test_step), 0, 0, NULL, 0, 0, 0, NULL \
	}

/**
 * Makes a sink that keeps what it is given, exactly once, in the fixture.
 *
 * A second sink of the same name goes on where the first was: it is the same
 * destination after a restart.
 *
 * @param ret_sink  receives the sink; untouched on failure
 * @param fx        fixture
 * @param name      its name in dp_test_yields()
 * @param err       why, or NULL
 * @errors          DP_EINVAL, DP_ENOMEM
 * @owns            the caller, until a pipeline takes it
 * @thread          any
 * @since           0.1
 */
DP_API DP_NODISCARD dp_status dp_test_sink_new(dp_sink **ret_sink,
	dp_test_fixture *fx, const char *name, dp_error **err);

/**
 * Tells the sink what to do, after all that it was told before. Each call of
 * the sink does the first line that fits it and is not used up.
 *
 * @param fx    fixture
 * @param name  name of a sink
 * @param step  copied
 * @param err   why, or NULL
 * @errors      DP_EINVAL, DP_EABI, DP_ENOTFOUND, DP_ENOMEM
 * @thread      any
 * @since       0.1
 */
DP_API dp_status dp_test_sink_tell(dp_test_fixture *fx, const char *name,
	const dp_test_step *step, dp_error **err);

/**
 * Forgets all that the sink was told, and releases it if it hangs.
 *
 * @param fx    fixture
 * @param name  name of a sink
 * @thread      any
 * @since       0.1
 */
DP_API void dp_test_sink_release(dp_test_fixture *fx, const char *name);

/**
 * Waits until a call of the sink hangs.
 *
 * @param fx    fixture
 * @param name  name of a sink
 * @thread      any
 * @since       0.1
 */
DP_API void dp_test_sink_await_blocked(dp_test_fixture *fx, const char *name);

/**
 * Returns how many events the sink has made durable.
 *
 * @param fx    fixture
 * @param name  name of a sink
 * @thread      any
 * @since       0.1
 */
DP_API size_t dp_test_sink_count(dp_test_fixture *fx, const char *name);

/** An event that is given to a pipeline, or one that is wanted of it. */
typedef struct dp_test_event {
	/** Set by the INIT macro. */
	size_t struct_size;
	/** Given: a topic. Wanted: a topic, or a sink of the fixture. */
	const char *at;
	/** Type; wanted: NULL is any. */
	const char *type;
	/** Payload as text; wanted: NULL is any. */
	const char *payload;
	/** Name of an attribute; wanted: NULL is any. */
	const char *attribute;
	/** Its value; wanted: NULL is any. */
	const char *value;
} dp_test_event;

/** Initializer of #dp_test_event. */
#define DP_TEST_EVENT_INIT \
	{ \
		sizeof(dp_test_event), NULL, NULL, NULL, NULL, NULL \
	}

/** An event without further attributes. */
#define DP_TEST_EVENT(at, type, payload) \
	{ \
		sizeof(dp_test_event), at, type, payload, NULL, NULL \
	}

/** A wanted dead letter of a job, by its cause. */
#define DP_TEST_DEAD(job, payload, cause) \
	{ \
		sizeof(dp_test_event), job ".dead", NULL, payload, "dpcause", \
			cause \
	}

/**
 * Publishes events, one after the other, durably.
 *
 * @param fx     fixture
 * @param given  events
 * @param count  how many
 * @param err    why, or NULL
 * @errors       what a publisher answers
 * @thread       owner
 * @since        0.1
 */
DP_API dp_status dp_test_publish(dp_test_fixture *fx,
	const dp_test_event *given, size_t count, dp_error **err);

/**
 * Publishes what is given, lets the pipeline work until it is idle (and
 * starts it before, if need be), and compares what has newly arrived with
 * what is wanted, in any order.
 *
 * Looked at are all sinks of the fixture, the topics that are wanted, and
 * all topics of dead letters by their default names: whatever is there and
 * not wanted is a failure, too.
 *
 * @param fx           fixture
 * @param pipe         pipeline on the fixture's runtime
 * @param given        events to publish
 * @param given_count  how many
 * @param want         events that are wanted
 * @param want_count   how many
 * @param ret_message  receives "" or what differs, in several lines, for a
 *                     person; or NULL
 * @return  DP_OK         just what is wanted has arrived
 *          DP_ENOTFOUND  something else has
 *          DP_ETIMEDOUT  not idle within an hour of the fixture's clock
 *          or what a call of the pipeline answers
 * @owns    the message is borrowed until the next call
 * @thread  owner
 * @since   0.1
 */
DP_API DP_NODISCARD dp_status dp_test_yields(dp_test_fixture *fx,
	dp_pipeline *pipe, const dp_test_event *given, size_t given_count,
	const dp_test_event *want, size_t want_count, const char **ret_message);

DP_END_DECLS

#endif /* DATAPIPE_TEST_FIXTURE_H */
