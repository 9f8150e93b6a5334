/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_ROUTE_JOB_H
#define DPI_ROUTE_JOB_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <datapipe/pipeline.h>

#include "hub/hub.h"
#include "route/dead_letter.h"
#include "route/hop.h"
#include "route/retry.h"
#include "route/router.h"
#include "route/intake.h"
#include "sink/sink.h"

/*
 * A job: one subscription, and one sink or one router, on a thread of its own
 * that is a straight line:
 *
 *   pull a batch -> take it (write or hop) -> settle (dead letters durable,
 *   flush) -> finish (the subscription's place moves) -> pull ...
 *
 * Taking may be done many times before one settling. What was pulled and is
 * not finished is "in hand". If anything fails in a way that cannot be tried
 * again where it is, the job recovers: destination reset, everything in hand
 * given back to the hub, the destination asked how far it is, and on from
 * there. Each wait ends when the job is told to stop, and at the deadline
 * of its drain the job gives up what it has in hand.
 *
 * A sink's call that does not return by that deadline is left behind: the
 * thread that drains takes the subscription over and closes it, and the job's
 * thread ends where the call returns, touching nothing but the job's lock.
 *
 * job.c has the life of a job, job_control.c orders and waits, job_loop.c the
 * line, job_hand.c what becomes of what is in hand, sink_job.c and route_job.c
 * the two ways to take and settle.
 */

typedef struct dpi_job dpi_job;

/* Events by what became of them: in is the sum of the others. */
typedef struct dpi_tally {
	uint64_t in;
	uint64_t delivered;
	uint64_t dead;
	uint64_t dropped;
	uint64_t repeats;
} dpi_tally;

void dpi_tally_add(dpi_tally *tally, const dpi_tally *more);

/* A destination. All run on the job's thread. */
typedef struct dpi_job_kind {
	/* Settle once nothing more is there to be taken along. */
	bool is_prompt;
	/* Gets the destination ready, at first and after reset. */
	dp_status (*open)(dpi_job *job, dp_error **err);
	/* How far is the destination? first is an offset of the batch. */
	dp_status (*learn)(dpi_job *job, dpi_intake *intake, bool is_first,
		dp_offset first, dp_error **err);
	/*
	 * Takes job->batch, with the retries that it takes, and says in tally
	 * what became of each event. DP_ECLOSED: nothing was taken, and the
	 * job is to stop. DP_ECANCELED: given up at the drain's deadline.
	 */
	dp_status (*take)(dpi_job *job, dpi_intake *intake, dpi_tally *tally,
		dp_error **err);
	/* Makes durable what is in hand. */
	dp_status (*settle)(dpi_job *job, dp_error **err);
	/* After a failed settle and open: had it been settled after all? */
	bool (*is_settled)(dpi_job *job);
	/* Drops what is in hand. False: the destination is spent. */
	bool (*reset)(dpi_job *job);
} dpi_job_kind;

extern const dpi_job_kind dpi_sink_job;
extern const dpi_job_kind dpi_route_job;

struct dpi_job {
	const dpi_job_kind *kind;
	dp_runtime *rt;
	const dp_allocator *alloc;
	const dpi_os *os;
	uint32_t *news; /* the pipeline's: moves when it may want to look */
	dpi_job *next;  /* the pipeline's */
	char name[104];
	char topics[204];
	char dead_topic[204];
	dp_hub *hub;
	dp_job_options opts; /* whole */
	uint32_t
		crash_attempts; /* an event handed over more often is at fault */

	/* What follows is the job's thread's, while there is one. */
	dp_sink *sink;
	bool sink_is_open;
	dp_positions have; /* what the sink has said */
	dp_positions upto; /* of the flush */
	dp_refusals refusals;
	dp_router *router;
	size_t *topic_numbers; /* room for one decision */
	const char **hop_topics;
	dpi_hop hop;
	dpi_dead_letters dead;
	dpi_intakes intakes;
	dpi_retry retry;
	dp_batch *batch; /* being taken */
	dp_batch *offer; /* of it, what is to be written */
	dpi_tally hand;
	uint64_t hand_bytes;
	dp_time_ns due_ns;        /* settle then (monotonic) */
	dp_time_ns first_fail_ns; /* of the batch (wall) */
	bool is_in_doubt;         /* a settle failed */
	pthread_t thread;
	bool has_thread; /* the pipeline's */

	/* Orders. All atomic; word moves with each, and wakes the thread. */
	uint32_t word;
	uint32_t gate; /* DPI_GATE_* */
	bool is_stopping;
	bool is_hurried; /* settle as soon as nothing comes */
	dp_time_ns deadline_ns;

	pthread_mutex_t lock; /* guards what follows */
	bool is_opened;       /* open was tried */
	dp_status open_status;
	dp_error *open_error;
	dp_subscription *sub;
	bool is_calling;   /* inside a call of the sink */
	bool is_abandoned; /* that call is left behind */
	bool is_back;      /* and has returned since */
	bool is_orphaned;  /* and only this job is left to it */
	bool is_finished;  /* the thread touches nothing any more */
	dp_job_state state;
	dpi_tally totals;
	uint64_t in_hand;
	uint64_t ambiguous;
	uint64_t retries;
	uint64_t left;      /* at the end */
	dp_time_ns lag_ns;  /* at the end */
	dp_status status;   /* of what last went wrong */
	char message[1024]; /* the same */
};

enum { DPI_GATE_WAIT, DPI_GATE_GO, DPI_GATE_CANCEL };

/* For the pipeline. */

typedef struct dpi_job_spec {
	const char *name;
	dp_hub *hub;
	const char *topics;
	dp_sink *sink;     /* either */
	dp_router *router; /* or */
} dpi_job_spec;

/* Checks and copies; takes sink or router on success. */
DP_NODISCARD dp_status dpi_job_new(dpi_job **ret_job, dp_runtime *rt,
	uint32_t *news, const dpi_job_spec *spec, const dp_job_options *opts,
	dp_error **err);

/*
 * Waits for the thread if there is one, and frees everything. If a call was
 * left behind and does not return within a few seconds, all stays with it.
 */
void dpi_job_free(dpi_job *job);

/* Starts the thread, which opens everything and then waits at the gate. */
DP_NODISCARD dp_status dpi_job_start(dpi_job *job, dp_error **err);
/* Whether opening was tried; then *ret_status and *err say how it went. */
bool dpi_job_opened(dpi_job *job, dp_status *ret_status, dp_error **err);
void dpi_job_go(dpi_job *job);
/* Back to what it was before dpi_job_start(). */
void dpi_job_cancel(dpi_job *job);

/* Stop by the deadline. A second call may set an earlier one. */
void dpi_job_stop(dpi_job *job, dp_time_ns deadline_ns);
void dpi_job_hurry(dpi_job *job, bool is_hurried);
bool dpi_job_is_finished(dpi_job *job);
/* The deadline is there: the job is reported as it is, come what may. */
void dpi_job_give_up(dpi_job *job);

bool dpi_job_has_failed(dpi_job *job);
/* Whether events are in hand, or were not taken in yet. Counts neither. */
bool dpi_job_has_more(dpi_job *job);
/* Fills all but the strings, which the caller copies from the job's. */
void dpi_job_report(dpi_job *job, dp_job_report *ret, char message[1024]);

/* For the files of a job, on its thread. */

void *dpi_job_run(void *job);

dp_time_ns dpi_job_now(const dpi_job *job);
/* delay after from; for ever if that is beyond all time. */
dp_time_ns dpi_later(dp_time_ns from, dp_time_ns delay);

bool dpi_job_is_stopping(const dpi_job *job);
/* DP_FOREVER unless the job is to stop. */
dp_time_ns dpi_job_deadline(const dpi_job *job);

/*
 * Waits as the refusal asks. False: the deadline has come. Shows the world
 * that the job retries or is paused, and counts it.
 */
DP_NODISCARD bool dpi_job_wait(
	dpi_job *job, dp_refusal refusal, dp_time_ns retry_after_ns);

/* Remembers what went wrong. */
void dpi_job_note(dpi_job *job, dp_status status, const char *message);

void dpi_job_set_state(dpi_job *job, dp_job_state state);

/* Around each call of the sink. The second may not return. */
void dpi_job_enter_call(dpi_job *job);
void dpi_job_leave_call(dpi_job *job);

/* Stages a dead letter for an event that was tried attempts times. */
DP_NODISCARD dp_status dpi_job_bury(dpi_job *job, dpi_intake *intake,
	const dp_message *msg, const char *cause, const char *message,
	dp_error **err);

bool dpi_job_has_hand(const dpi_job *job);

/* Shows others how much is in hand. */
void dpi_job_publish_hand(dpi_job *job);

/*
 * Makes everything in hand durable and finishes it; recovers if that fails.
 * DP_OK: nothing is in hand any more, and the job goes on. Else it ends.
 */
DP_NODISCARD dp_status dpi_job_settle(dpi_job *job, dp_error **err);

/*
 * After a failure: destination reset and opened again, and everything that it
 * does not have given back to the hub. Done with *err if it returns DP_OK.
 */
DP_NODISCARD dp_status dpi_job_recover(
	dpi_job *job, dp_status st, dp_error **err);

/* Wakes whoever waits for the pipeline. */
void dpi_job_tell(dpi_job *job);

#endif /* DPI_ROUTE_JOB_H */
