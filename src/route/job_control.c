/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <string.h>

#include "base/thread.h"
#include "route/job.h"
#include "route/job_messages.h"

/* How others order a job about, how it waits, and what it shows of itself. */

/* Between two tries of a drain: less would spin, more would waste it. */
#define DRAIN_STEP_MIN (10 * DP_MILLISECOND)

dp_time_ns dpi_job_now(const dpi_job *job)
{
	return job->os->monotonic(job->os->self);
}

dp_time_ns dpi_later(dp_time_ns from, dp_time_ns delay)
{
	return delay < DP_FOREVER - from ? from + delay : DP_FOREVER;
}

bool dpi_job_is_stopping(const dpi_job *job)
{
	return __atomic_load_n(&job->is_stopping, __ATOMIC_SEQ_CST);
}

dp_time_ns dpi_job_deadline(const dpi_job *job)
{
	return __atomic_load_n(&job->deadline_ns, __ATOMIC_SEQ_CST);
}

void dpi_job_tell(dpi_job *job)
{
	__atomic_fetch_add(job->news, 1, __ATOMIC_SEQ_CST);
	job->os->wake(job->os->self, job->news, INT_MAX);
}

void dpi_job_set_state(dpi_job *job, dp_job_state state)
{
	dpi_lock(&job->lock);
	if (job->state != DP_JOB_DEADLINE) {
		job->state = state;
	}
	dpi_unlock(&job->lock);
}

/* What a job is when nothing is wrong. */
static void set_working(dpi_job *job)
{
	dpi_job_set_state(job,
		dpi_job_is_stopping(job) ? DP_JOB_DRAINING : DP_JOB_RUNNING);
}

void dpi_job_note(dpi_job *job, dp_status status, const char *message)
{
	size_t size = strnlen(message, sizeof(job->message) - 1);

	dpi_lock(&job->lock);
	job->status = status;
	memcpy(job->message, message, size);
	job->message[size] = '\0';
	dpi_unlock(&job->lock);
}

void dpi_job_enter_call(dpi_job *job)
{
	dpi_lock(&job->lock);
	job->is_calling = true;
	dpi_unlock(&job->lock);
}

void dpi_job_leave_call(dpi_job *job)
{
	bool is_abandoned, is_orphaned;

	dpi_lock(&job->lock);
	job->is_calling = false;
	is_abandoned = job->is_abandoned;
	is_orphaned = job->is_orphaned;
	job->is_back = is_abandoned;
	dpi_unlock(&job->lock);
	if (is_abandoned && !is_orphaned) {
		__atomic_fetch_add(&job->word, 1, __ATOMIC_SEQ_CST);
		job->os->wake(job->os->self, &job->word, INT_MAX);
	}
	if (is_abandoned) {
		pthread_exit(NULL);
	}
}

/*
 * A drain cuts waits to a quarter of the time that is left, so that there are
 * some more tries in it, however long the wait was meant to be.
 */
static dp_time_ns cut_by_drain(const dpi_job *job, dp_time_ns end)
{
	dp_time_ns left, step;

	if (!dpi_job_is_stopping(job)) {
		return end;
	}
	left = dpi_job_deadline(job) - dpi_job_now(job);
	step = left / 4 > DRAIN_STEP_MIN ? left / 4 : DRAIN_STEP_MIN;
	return dpi_later(dpi_job_now(job), step) < end
		? dpi_later(dpi_job_now(job), step)
		: end;
}

/* Sleeps until end, or the deadline; false: the deadline has come. */
static bool sleep_until(dpi_job *job, dp_time_ns end)
{
	bool was_cut = false;

	for (;;) {
		uint32_t seen = __atomic_load_n(&job->word, __ATOMIC_SEQ_CST);
		dp_time_ns deadline = dpi_job_deadline(job);

		if (!was_cut && dpi_job_is_stopping(job)) {
			end = cut_by_drain(job, end);
			was_cut = true;
		}
		if (dpi_job_now(job) >= deadline) {
			return false;
		}
		if (dpi_job_now(job) >= end) {
			return true;
		}
		(void)job->os->wait(job->os->self, &job->word, seen,
			end < deadline ? end : deadline);
	}
}

bool dpi_job_wait(dpi_job *job, dp_refusal refusal, dp_time_ns retry_after_ns)
{
	dp_time_ns delay = dpi_retry_next(&job->retry, refusal, retry_after_ns);
	bool is_paused = dpi_refusal_pauses(refusal);
	bool goes_on;

	dpi_lock(&job->lock);
	job->retries++;
	dpi_unlock(&job->lock);
	if (is_paused) {
		dpi_log(job->rt, DP_LOG_WARN, DPI_MSG_JOB_PAUSED, "route",
			job->name, "paused, tried again every %d s: %s",
			(int)(DPI_PAUSE_NS / DP_SECOND), job->message);
	}
	dpi_job_set_state(job, is_paused ? DP_JOB_PAUSED : DP_JOB_RETRYING);
	goes_on = sleep_until(job, dpi_later(dpi_job_now(job), delay));
	set_working(job);
	return goes_on;
}
