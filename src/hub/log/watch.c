/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/log/watch.h"

#include "base/thread.h"

void dpi_log_watch_init(
	dpi_log_watch *watch, const dpi_os *os, dpi_log_news *news)
{
	watch->os = os;
	watch->news = news;
	watch->watch = -1;
	(void)pthread_mutex_init(&watch->lock, NULL);
}

/* Pulls that sleep look when they wake up; if this ends, once in a while. */
static void *run(void *arg)
{
	dpi_log_watch *watch = arg;
	const dpi_os *os = watch->os;
	bool is_on;

	do {
		is_on = os->watch_wait(os->self, watch->watch) == 0;
		atomic_store(&watch->is_on, is_on);
		atomic_fetch_add(&watch->closings, 1);
		dpi_log_news_tell(watch->news, os);
	} while (is_on);
	return NULL;
}

/* With the lock. */
static bool start(dpi_log_watch *watch, const char *path)
{
	const dpi_os *os = watch->os;

	if (os->watch_open == NULL) {
		return false;
	}
	watch->watch = os->watch_open(os->self, path);
	if (watch->watch < 0) {
		return false;
	}
	atomic_store(&watch->is_on, true);
	watch->has_thread = dpi_thread_start(&watch->thread, "dp-watch", run,
				    watch, NULL) == DP_OK;
	if (!watch->has_thread) {
		atomic_store(&watch->is_on, false);
		(void)os->watch_close(os->self, watch->watch);
		watch->watch = -1;
	}
	return watch->has_thread;
}

bool dpi_log_watch_start(dpi_log_watch *watch, const char *path)
{
	bool is_new;

	dpi_lock(&watch->lock);
	is_new = !watch->has_thread && start(watch, path);
	dpi_unlock(&watch->lock);
	return is_new;
}

void dpi_log_watch_stop(dpi_log_watch *watch)
{
	if (watch->has_thread) {
		(void)watch->os->watch_stop(watch->os->self, watch->watch);
		dpi_thread_join(watch->thread);
	}
}

void dpi_log_watch_fini(dpi_log_watch *watch)
{
	if (watch->watch >= 0) {
		(void)watch->os->watch_close(watch->os->self, watch->watch);
	}
	(void)pthread_mutex_destroy(&watch->lock);
}
