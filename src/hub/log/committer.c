/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/log/committer.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/thread.h"

/* A full disk is looked at again after this. */
#define FULL_RETRY_NS (100 * DP_MILLISECOND)

struct dpi_log_committer {
	dpi_log_hub *hub;
	int alarm;
	pthread_t thread;
	pthread_mutex_t lock; /* guards what follows, and due of writers */
	dpi_dues dues;
	dp_time_ns rest_at; /* when idle writers go to rest, or DP_FOREVER */
	dp_time_ns set_to;  /* the alarm; DP_FOREVER: not set */
	bool must_stop;
};

/* With the lock. What rings for the end is not put off. */
static void set_alarm(dpi_log_committer *committer, dp_time_ns at_ns)
{
	if (at_ns < committer->set_to && !committer->must_stop) {
		committer->set_to = at_ns;
		dpi_os_ring(committer->hub->os, committer->alarm, at_ns);
	}
}

/*
 * The same, but whether to ring now: without the lock, which the thread takes
 * as soon as it wakes up. A ring that comes after it woke finds nothing to do.
 */
static bool set_alarm_later(dpi_log_committer *committer, dp_time_ns at_ns)
{
	const dpi_os *os = committer->hub->os;

	if (at_ns > os->monotonic(os->self)) {
		set_alarm(committer, at_ns);
		return false;
	}
	if (at_ns >= committer->set_to) {
		return false;
	}
	committer->set_to = at_ns;
	return true;
}

dp_status dpi_log_committer_join(dpi_log_committer *committer, dp_error **err)
{
	dp_status st;

	dpi_lock(&committer->lock);
	st = dpi_dues_join(&committer->dues, committer->hub->alloc, err);
	dpi_unlock(&committer->lock);
	return st;
}

void dpi_log_committer_leave(dpi_log_committer *committer)
{
	dpi_lock(&committer->lock);
	dpi_dues_leave(&committer->dues);
	dpi_unlock(&committer->lock);
}

void dpi_log_committer_arm(
	dpi_log_committer *committer, dpi_log_writer *w, dp_time_ns at_ns)
{
	bool is_now = false;

	dpi_lock(&committer->lock);
	if (at_ns < w->due.at_ns) {
		dpi_dues_set(&committer->dues, &w->due, at_ns);
		is_now = set_alarm_later(committer, at_ns);
	}
	dpi_unlock(&committer->lock);
	if (is_now) {
		dpi_os_ring(committer->hub->os, committer->alarm, 0);
	}
}

void dpi_log_committer_retry(dpi_log_committer *committer, dpi_log_writer *w)
{
	const dpi_os *os = committer->hub->os;

	dpi_log_committer_arm(
		committer, w, os->monotonic(os->self) + FULL_RETRY_NS);
}

void dpi_log_committer_rest_at(dpi_log_committer *committer, dp_time_ns at_ns)
{
	dpi_lock(&committer->lock);
	if (at_ns < committer->rest_at) {
		committer->rest_at = at_ns;
		set_alarm(committer, at_ns);
	}
	dpi_unlock(&committer->lock);
}

static dpi_log_writer *writer_of(dpi_due *due)
{
	return (dpi_log_writer *)((char *)due - offsetof(dpi_log_writer, due));
}

/* A writer that is due, or NULL, with the alarm set for who is due next. */
static dpi_log_writer *take_due(dpi_log_committer *committer, dp_time_ns now)
{
	dpi_due *due;

	dpi_lock(&committer->lock);
	due = dpi_dues_take(&committer->dues, now);
	if (due == NULL) {
		set_alarm(committer, dpi_dues_first(&committer->dues));
		set_alarm(committer, committer->rest_at);
	}
	dpi_unlock(&committer->lock);
	return due != NULL ? writer_of(due) : NULL;
}

static void commit_due(dpi_log_committer *committer)
{
	const dpi_os *os = committer->hub->os;
	dp_time_ns now = os->monotonic(os->self);
	dpi_log_writer *w;

	while ((w = take_due(committer, now)) != NULL) {
		if (!dpi_log_writer_try(w)) {
			dpi_log_committer_retry(committer, w);
		}
	}
}

static void rest_if_due(dpi_log_committer *committer)
{
	const dpi_os *os = committer->hub->os;
	bool is_due;

	dpi_lock(&committer->lock);
	is_due = committer->rest_at <= os->monotonic(os->self);
	if (is_due) {
		committer->rest_at = DP_FOREVER;
	}
	dpi_unlock(&committer->lock);
	if (is_due) {
		dpi_log_committer_rest_at(
			committer, dpi_log_rest_idle(committer->hub));
	}
}

/* Sleeps until the alarm; false: to stop. */
static bool sleep_until_due(dpi_log_committer *committer)
{
	const dpi_os *os = committer->hub->os;
	bool must_stop;

	(void)os->alarm_wait(os->self, committer->alarm);
	dpi_lock(&committer->lock);
	must_stop = committer->must_stop;
	committer->set_to = DP_FOREVER;
	dpi_unlock(&committer->lock);
	return !must_stop;
}

static void *run(void *arg)
{
	dpi_log_committer *committer = arg;

	while (sleep_until_due(committer)) {
		commit_due(committer);
		rest_if_due(committer);
	}
	return NULL;
}

dp_status dpi_log_committer_new(
	dpi_log_committer **ret, dpi_log_hub *hub, dp_error **err)
{
	const dpi_os *os = hub->os;
	dpi_log_committer *committer;
	dp_status st;

	committer = dpi_zalloc(hub->alloc, 1, sizeof(*committer));
	if (committer == NULL) {
		return dpi_error_set(err, DP_ENOMEM, "no memory for a thread");
	}
	committer->hub = hub;
	committer->rest_at = DP_FOREVER;
	committer->set_to = DP_FOREVER;
	(void)pthread_mutex_init(&committer->lock, NULL);
	committer->alarm = os->alarm_open(os->self);
	if (committer->alarm < 0) {
		st = dpi_error_sys(
			err, -committer->alarm, "no alarm can be made");
		goto err_after_alloc;
	}
	st = dpi_thread_start(
		&committer->thread, "dp-commit", run, committer, err);
	if (st != DP_OK) {
		goto err_after_alarm;
	}
	*ret = committer;
	return DP_OK;

err_after_alarm:
	(void)os->alarm_close(os->self, committer->alarm);
err_after_alloc:
	(void)pthread_mutex_destroy(&committer->lock);
	dpi_free(hub->alloc, committer, 1, sizeof(*committer));
	return st;
}

void dpi_log_committer_stop(dpi_log_committer *committer)
{
	const dpi_os *os = committer->hub->os;

	dpi_lock(&committer->lock);
	committer->must_stop = true;
	os->alarm_stop(os->self, committer->alarm);
	dpi_unlock(&committer->lock);
	dpi_thread_join(committer->thread);
}

void dpi_log_committer_free(dpi_log_committer *committer)
{
	const dpi_os *os = committer->hub->os;

	(void)os->alarm_close(os->self, committer->alarm);
	(void)pthread_mutex_destroy(&committer->lock);
	dpi_dues_fini(&committer->dues, committer->hub->alloc);
	dpi_free(committer->hub->alloc, committer, 1, sizeof(*committer));
}
