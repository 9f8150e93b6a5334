/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/log/rest.h"

#include "base/thread.h"
#include "hub/log/committer.h"
#include "hub/log/writer.h"

void dpi_log_awake_init(dpi_log_awake *awake)
{
	*awake = (dpi_log_awake){.count = 0};
	(void)pthread_mutex_init(&awake->lock, NULL);
}

void dpi_log_awake_fini(dpi_log_awake *awake)
{
	(void)pthread_mutex_destroy(&awake->lock);
}

/* With the lock, as all that follow. */
static void take_out(dpi_log_awake *awake, dpi_log_writer *w)
{
	dpi_log_nap *nap = &w->nap;

	*(nap->newer != NULL ? &nap->newer->nap.older : &awake->newest) =
		nap->older;
	*(nap->older != NULL ? &nap->older->nap.newer : &awake->oldest) =
		nap->newer;
	nap->newer = NULL;
	nap->older = NULL;
	nap->is_awake = false;
	awake->count--;
}

static void put_in(dpi_log_awake *awake, dpi_log_writer *w)
{
	dpi_log_nap *nap = &w->nap;

	nap->is_awake = true;
	nap->older = awake->newest;
	*(awake->newest != NULL ? &awake->newest->nap.newer : &awake->oldest) =
		w;
	awake->newest = w;
	awake->count++;
}

/* Returns whether it is the first. */
static bool use(dpi_log_awake *awake, dpi_log_writer *w)
{
	const dpi_os *os = w->hub->os;

	if (w->nap.is_awake) {
		take_out(awake, w);
	}
	w->nap.used_ns = os->monotonic(os->self);
	put_in(awake, w);
	return awake->count == 1;
}

static dpi_log_writer *take_oldest(dpi_log_awake *awake)
{
	dpi_log_writer *w = awake->oldest;

	take_out(awake, w);
	return w;
}

/* Without the lock: what is busy stays awake. */
static void send_to_rest(dpi_log_writer *w)
{
	dpi_log_awake *awake = &w->hub->awake;

	if (!dpi_log_writer_rest(w)) {
		dpi_lock(&awake->lock);
		(void)use(awake, w);
		dpi_unlock(&awake->lock);
	}
}

void dpi_log_stay_awake(dpi_log_writer *w)
{
	dpi_log_awake *awake = &w->hub->awake;
	dpi_log_writer *idlest = NULL;
	bool is_first;

	dpi_lock(&awake->lock);
	is_first = use(awake, w);
	if (awake->count > DPI_LOG_AWAKE_MAX) {
		idlest = take_oldest(awake);
	}
	dpi_unlock(&awake->lock);
	if (is_first) {
		dpi_log_committer_rest_at(w->hub->committer,
			dpi_os_deadline(w->hub->os, DPI_LOG_REST_NS));
	}
	if (idlest != NULL) {
		send_to_rest(idlest);
	}
}

void dpi_log_awake_forget(dpi_log_writer *w)
{
	dpi_log_awake *awake = &w->hub->awake;

	dpi_lock(&awake->lock);
	if (w->nap.is_awake) {
		take_out(awake, w);
	}
	dpi_unlock(&awake->lock);
}

/* One that is idle since before then, no longer in the list; or NULL. */
static dpi_log_writer *take_idle(dpi_log_awake *awake, dp_time_ns since)
{
	dpi_log_writer *w = NULL;

	dpi_lock(&awake->lock);
	if (awake->oldest != NULL && awake->oldest->nap.used_ns <= since) {
		w = take_oldest(awake);
	}
	dpi_unlock(&awake->lock);
	return w;
}

dp_time_ns dpi_log_rest_idle(dpi_log_hub *hub)
{
	const dpi_os *os = hub->os;
	dp_time_ns since = os->monotonic(os->self) - DPI_LOG_REST_NS;
	dp_time_ns next = DP_FOREVER;
	dpi_log_writer *w;

	while ((w = take_idle(&hub->awake, since)) != NULL) {
		send_to_rest(w);
	}
	dpi_lock(&hub->awake.lock);
	if (hub->awake.oldest != NULL) {
		next = hub->awake.oldest->nap.used_ns + DPI_LOG_REST_NS;
	}
	dpi_unlock(&hub->awake.lock);
	return next;
}
