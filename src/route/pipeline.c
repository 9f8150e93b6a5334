/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "route/job.h"
#include "route/job_report.h"

#define NAME_MAX_CHARS 100u

struct dp_pipeline {
	dp_runtime *rt;
	const dpi_os *os;
	char name[104];
	dpi_job *jobs;
	dpi_job **jobs_end;
	size_t count;
	uint32_t news; /* moves when a job is opened, quiet or finished */
	bool is_started;
	bool is_drained;
};

dp_status dp_pipeline_new(dp_pipeline **ret_pipe, dp_runtime *rt,
	const char *name, dp_error **err)
{
	dp_pipeline *pipe;
	dp_status st;

	if (ret_pipe == NULL || rt == NULL) {
		return dpi_error_set(
			err, DP_EINVAL, "ret_pipe or rt of a pipeline is NULL");
	}
	if (name == NULL || !dpi_name_valid(name, NAME_MAX_CHARS)) {
		return dpi_error_set(err, DP_EINVAL,
			"'%.256s' is no name of a pipeline: use 1 to %u of "
			"[A-Za-z0-9._-]",
			name != NULL ? name : "(NULL)", NAME_MAX_CHARS);
	}
	st = dpi_runtime_check(rt, err);
	if (st != DP_OK) {
		return st;
	}
	pipe = dpi_zalloc(dpi_runtime_alloc(rt), 1, sizeof(*pipe));
	if (pipe == NULL) {
		return dpi_error_set(
			err, DP_ENOMEM, "no memory for pipeline %s", name);
	}
	pipe->rt = rt;
	pipe->os = dpi_runtime_os(rt);
	pipe->jobs_end = &pipe->jobs;
	(void)snprintf(pipe->name, sizeof(pipe->name), "%s", name);
	*ret_pipe = pipe;
	return DP_OK;
}

static dp_status check_addable(
	const dp_pipeline *pipe, const dpi_job_spec *spec, dp_error **err)
{
	dp_status st = dpi_runtime_check(pipe->rt, err);

	if (st != DP_OK) {
		return st;
	}
	if (pipe->is_started) {
		return dpi_error_set(err, DP_EINVAL,
			"pipeline %s has started: add jobs before", pipe->name);
	}
	if (spec->hub == NULL || (spec->sink == NULL && spec->router == NULL)) {
		return dpi_error_set(err, DP_EINVAL,
			"pipeline %s: hub, sink or router of a job is NULL",
			pipe->name);
	}
	for (const dpi_job *job = pipe->jobs; spec->name != NULL && job != NULL;
		job = job->next) {
		if (job->hub == spec->hub &&
			strcmp(job->name, spec->name) == 0) {
			return dpi_error_set(err, DP_EEXIST,
				"pipeline %s has a job %s on this hub",
				pipe->name, spec->name);
		}
	}
	return DP_OK;
}

static dp_status add(dp_pipeline *pipe, const dpi_job_spec *spec,
	const dp_job_options *opts, dp_error **err)
{
	dpi_job *job;
	dp_status st;

	if (pipe == NULL) {
		return dpi_error_set(err, DP_EINVAL, "pipeline is NULL");
	}
	st = check_addable(pipe, spec, err);
	if (st == DP_OK) {
		st = dpi_job_new(&job, pipe->rt, &pipe->news, spec, opts, err);
	}
	if (st != DP_OK) {
		return st;
	}
	*pipe->jobs_end = job;
	pipe->jobs_end = &job->next;
	pipe->count++;
	return DP_OK;
}

dp_status dp_pipeline_add_route(dp_pipeline *pipe, const char *name,
	dp_hub *hub, const char *topics, dp_router *router,
	const dp_job_options *opts, dp_error **err)
{
	const dpi_job_spec spec = {
		.name = name, .hub = hub, .topics = topics, .router = router};

	return add(pipe, &spec, opts, err);
}

dp_status dp_pipeline_add_sink(dp_pipeline *pipe, const char *name, dp_hub *hub,
	const char *topics, dp_sink *sink, const dp_job_options *opts,
	dp_error **err)
{
	const dpi_job_spec spec = {
		.name = name, .hub = hub, .topics = topics, .sink = sink};

	return add(pipe, &spec, opts, err);
}

static dp_time_ns deadline_after(const dp_pipeline *pipe, dp_time_ns timeout)
{
	dp_time_ns now = pipe->os->monotonic(pipe->os->self);

	return timeout < DP_FOREVER - now ? now + timeout : DP_FOREVER;
}

static bool is_past(const dp_pipeline *pipe, dp_time_ns deadline)
{
	return pipe->os->monotonic(pipe->os->self) >= deadline;
}

static uint32_t seen_news(const dp_pipeline *pipe)
{
	return __atomic_load_n(&pipe->news, __ATOMIC_SEQ_CST);
}

static void await_news(dp_pipeline *pipe, uint32_t seen, dp_time_ns deadline)
{
	(void)pipe->os->wait(pipe->os->self, &pipe->news, seen, deadline);
}

/* Waits for the job's thread to open everything; how that went. */
static dp_status await_opened(dp_pipeline *pipe, dpi_job *job, dp_error **err)
{
	for (;;) {
		uint32_t seen = seen_news(pipe);
		dp_status st;

		if (dpi_job_opened(job, &st, err)) {
			return st == DP_OK ? st
					   : dpi_error_prefix(err, st, "job %s",
						     job->name);
		}
		await_news(pipe, seen, DP_FOREVER);
	}
}

/* Threads first, so that slow destinations open side by side. */
static dp_status open_jobs(dp_pipeline *pipe, dp_error **err)
{
	dp_status st = DP_OK;

	for (dpi_job *job = pipe->jobs; st == DP_OK && job != NULL;
		job = job->next) {
		st = dpi_job_start(job, err);
	}
	for (dpi_job *job = pipe->jobs; st == DP_OK && job != NULL;
		job = job->next) {
		st = await_opened(pipe, job, err);
	}
	return st;
}

dp_status dp_pipeline_start(dp_pipeline *pipe, dp_error **err)
{
	dp_status st;

	if (pipe == NULL) {
		return dpi_error_set(err, DP_EINVAL, "pipeline is NULL");
	}
	st = dpi_runtime_check(pipe->rt, err);
	if (st != DP_OK) {
		return st;
	}
	if (pipe->is_started) {
		return dpi_error_set(err, DP_EINVAL,
			"pipeline %s was started before", pipe->name);
	}
	st = open_jobs(pipe, err);
	for (dpi_job *job = pipe->jobs; job != NULL; job = job->next) {
		if (st == DP_OK) {
			dpi_job_go(job);
		} else {
			dpi_job_cancel(job);
		}
	}
	pipe->is_started = st == DP_OK;
	return st;
}

static dp_status check_running(dp_pipeline *pipe, dp_error **err)
{
	dp_status st;

	if (pipe == NULL) {
		return dpi_error_set(err, DP_EINVAL, "pipeline is NULL");
	}
	st = dpi_runtime_check(pipe->rt, err);
	if (st != DP_OK) {
		return st;
	}
	if (!pipe->is_started) {
		return dpi_error_set(err, DP_EINVAL,
			"pipeline %s was not started", pipe->name);
	}
	return DP_OK;
}

static uint64_t in_hand(const dp_job_report *job)
{
	return job->in_events - job->delivered_events - job->dead_events -
		job->dropped_events - job->repeat_events;
}

/* Adds up what jobs have left, and what they have done. */
static dp_status look(
	dp_pipeline *pipe, uint64_t *ret_left, uint64_t *ret_in, dp_error **err)
{
	*ret_left = 0;
	*ret_in = 0;
	for (dpi_job *job = pipe->jobs; job != NULL; job = job->next) {
		dp_job_report report;
		char message[1024];

		dpi_job_report(job, &report, message);
		if (report.state == DP_JOB_FAILED) {
			return dpi_error_set(err, report.last_status,
				"job %s: %s", job->name, message);
		}
		*ret_left += report.left_events + in_hand(&report);
		*ret_in += report.in_events;
	}
	return DP_OK;
}

/* Counts nothing in the hub, which takes long. One that has failed is for
 * look() to tell of, whatever others do. */
static bool has_more(dp_pipeline *pipe)
{
	bool more = false;

	for (dpi_job *job = pipe->jobs; job != NULL; job = job->next) {
		if (dpi_job_has_failed(job)) {
			return false;
		}
		more = more || dpi_job_has_more(job);
	}
	return more;
}

/*
 * A job may fill another that was looked at before it. So nothing is left only
 * if twice in a row nothing is, and nothing was done in between.
 */
static dp_status is_idle(dp_pipeline *pipe, bool *ret_idle, dp_error **err)
{
	uint64_t left, again, in, in_again;
	dp_status st;

	*ret_idle = false;
	if (has_more(pipe)) {
		return DP_OK;
	}
	st = look(pipe, &left, &in, err);
	if (st != DP_OK || left > 0) {
		return st;
	}
	st = look(pipe, &again, &in_again, err);
	*ret_idle = again == 0 && in == in_again;
	return st;
}

static void hurry_jobs(dp_pipeline *pipe, bool is_hurried)
{
	for (dpi_job *job = pipe->jobs; job != NULL; job = job->next) {
		dpi_job_hurry(job, is_hurried);
	}
}

static dp_status await_idle(
	dp_pipeline *pipe, dp_time_ns deadline, dp_error **err)
{
	for (;;) {
		uint32_t seen = seen_news(pipe);
		bool idle;
		dp_status st = is_idle(pipe, &idle, err);

		if (st != DP_OK || idle) {
			return st;
		}
		if (is_past(pipe, deadline)) {
			return dpi_error_set(err, DP_ETIMEDOUT,
				"pipeline %s still has events to process",
				pipe->name);
		}
		await_news(pipe, seen, deadline);
	}
}

dp_status dp_pipeline_wait_idle(
	dp_pipeline *pipe, dp_time_ns timeout_ns, dp_error **err)
{
	dp_status st = check_running(pipe, err);

	if (st != DP_OK) {
		return st;
	}
	hurry_jobs(pipe, true);
	st = await_idle(pipe, deadline_after(pipe, timeout_ns), err);
	hurry_jobs(pipe, false);
	return st;
}

static bool all_finished(dp_pipeline *pipe)
{
	for (dpi_job *job = pipe->jobs; job != NULL; job = job->next) {
		if (!dpi_job_is_finished(job)) {
			return false;
		}
	}
	return true;
}

static void stop_jobs(dp_pipeline *pipe, dp_time_ns deadline)
{
	for (dpi_job *job = pipe->jobs; job != NULL; job = job->next) {
		dpi_job_stop(job, deadline);
	}
}

static void drain_jobs(dp_pipeline *pipe, dp_time_ns deadline)
{
	stop_jobs(pipe, deadline);
	for (;;) {
		uint32_t seen = seen_news(pipe);

		if (all_finished(pipe) || is_past(pipe, deadline)) {
			break;
		}
		await_news(pipe, seen, deadline);
	}
	for (dpi_job *job = pipe->jobs; job != NULL; job = job->next) {
		dpi_job_give_up(job);
	}
	pipe->is_drained = true;
}

static dp_status drain_status(dp_pipeline *pipe, dp_error **err)
{
	for (dpi_job *job = pipe->jobs; job != NULL; job = job->next) {
		dp_job_report report;
		char message[1024];

		dpi_job_report(job, &report, message);
		if (report.state == DP_JOB_DEADLINE) {
			return dpi_error_set(err, DP_ETIMEDOUT,
				"job %s was cut off at the deadline with %llu "
				"events in hand and %llu left in the hub%s%s",
				job->name,
				(unsigned long long)report.ambiguous_events,
				(unsigned long long)report.left_events,
				message[0] != '\0' ? ": " : "", message);
		}
	}
	return DP_OK;
}

dp_status dp_pipeline_drain(dp_pipeline *pipe, dp_time_ns timeout_ns,
	dp_report **ret_report, dp_error **err)
{
	dp_status st = check_running(pipe, err);

	if (st != DP_OK) {
		return st;
	}
	if (!pipe->is_drained) {
		drain_jobs(pipe, deadline_after(pipe, timeout_ns));
	}
	if (ret_report != NULL) {
		st = dpi_report_new(ret_report, dpi_runtime_alloc(pipe->rt),
			pipe->jobs, pipe->count, err);
	}
	return st == DP_OK ? drain_status(pipe, err) : st;
}

dp_status dp_pipeline_get_report(
	dp_pipeline *pipe, dp_report **ret_report, dp_error **err)
{
	dp_status st;

	if (pipe == NULL || ret_report == NULL) {
		return dpi_error_set(
			err, DP_EINVAL, "pipeline or ret_report is NULL");
	}
	st = dpi_runtime_check(pipe->rt, err);
	if (st != DP_OK) {
		return st;
	}
	return dpi_report_new(ret_report, dpi_runtime_alloc(pipe->rt),
		pipe->jobs, pipe->count, err);
}

void dp_pipeline_free(dp_pipeline *pipe)
{
	bool is_forked;

	if (pipe == NULL) {
		return;
	}
	is_forked = dpi_runtime_check(pipe->rt, NULL) != DP_OK;
	if (!is_forked && pipe->is_started && !pipe->is_drained) {
		stop_jobs(pipe, deadline_after(pipe, 0));
	}
	for (dpi_job *job = pipe->jobs, *next; job != NULL; job = next) {
		next = job->next;
		if (!is_forked) {
			dpi_job_free(job);
		}
	}
	dpi_free(dpi_runtime_alloc(pipe->rt), pipe, 1, sizeof(*pipe));
}
