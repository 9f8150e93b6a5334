/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/log/prepare.h"

#include "base/thread.h"
#include "hub/log/ahead.h"
#include "hub/log/retention.h"

void dpi_log_prepare_init(dpi_log_prepare *prepare, const dpi_os *os)
{
	*prepare = (dpi_log_prepare){.os = os};
	dpi_leftovers_init(&prepare->leftovers, os);
	(void)pthread_mutex_init(&prepare->lock, NULL);
}

static void call(dpi_log_prepare *prepare)
{
	(void)__atomic_add_fetch(&prepare->calls, 1, __ATOMIC_SEQ_CST);
	prepare->os->wake(prepare->os->self, &prepare->calls, 1);
}

static bool is_idle(const dpi_log_prepare *prepare)
{
	return prepare->queue == NULL && !prepare->must_stop &&
		!dpi_leftovers_any(&prepare->leftovers);
}

/* Waits for something to do; false: it is to stop. *ret: NULL if no tail
 * waits. */
static bool await_work(dpi_log_prepare *prepare, dpi_log_tail **ret)
{
	dpi_log_tail *tail;
	bool must_stop;

	dpi_lock(&prepare->lock);
	while (is_idle(prepare)) {
		uint32_t seen =
			__atomic_load_n(&prepare->calls, __ATOMIC_SEQ_CST);

		dpi_unlock(&prepare->lock);
		(void)prepare->os->wait(
			prepare->os->self, &prepare->calls, seen, DP_FOREVER);
		dpi_lock(&prepare->lock);
	}
	must_stop = prepare->must_stop;
	tail = must_stop ? NULL : prepare->queue;
	if (tail != NULL) {
		prepare->queue = tail->prepare_next;
		tail->is_queued = false;
	}
	dpi_unlock(&prepare->lock);
	*ret = tail;
	return !must_stop;
}

/* Where a segment was begun, older ones may go. */
static void retain(dpi_log_tail *tail)
{
	uint64_t base = atomic_load(&tail->partition->state->base);

	if (base != tail->retained_base) {
		tail->retained_base = base;
		(void)dpi_log_retain(tail->hub, tail->partition);
	}
}

static void *run(void *arg)
{
	dpi_log_prepare *prepare = arg;
	dpi_log_tail *tail;

	while (await_work(prepare, &tail)) {
		(void)dpi_leftovers_free(&prepare->leftovers);
		if (tail != NULL) {
			/* In this order: an old segment may become the spare. */
			retain(tail);
			dpi_tail_prepare(tail);
		}
	}
	return NULL;
}

/* With the lock. */
static bool ensure_running(dpi_log_prepare *prepare)
{
	if (!prepare->is_started && !prepare->must_stop) {
		prepare->is_started =
			dpi_thread_start(&prepare->thread, "dp-prepare", run,
				prepare, NULL) == DP_OK;
	}
	return prepare->is_started && !prepare->must_stop;
}

void dpi_log_prepare_ask(dpi_log_prepare *prepare, dpi_log_tail *tail)
{
	dpi_lock(&prepare->lock);
	if (ensure_running(prepare) && !tail->is_queued) {
		tail->is_queued = true;
		tail->prepare_next = prepare->queue;
		prepare->queue = tail;
		call(prepare);
	}
	dpi_unlock(&prepare->lock);
}

void dpi_log_prepare_free(dpi_log_prepare *prepare)
{
	if (!dpi_leftovers_any(&prepare->leftovers)) {
		return;
	}
	dpi_lock(&prepare->lock);
	if (ensure_running(prepare)) {
		call(prepare);
	}
	dpi_unlock(&prepare->lock);
}

void dpi_log_prepare_stop(dpi_log_prepare *prepare)
{
	bool is_started;

	dpi_lock(&prepare->lock);
	prepare->must_stop = true;
	is_started = prepare->is_started;
	call(prepare);
	dpi_unlock(&prepare->lock);
	if (is_started) {
		dpi_thread_join(prepare->thread);
	}
	(void)dpi_leftovers_free(&prepare->leftovers);
}

void dpi_log_prepare_fini(dpi_log_prepare *prepare)
{
	dpi_leftovers_fini(&prepare->leftovers);
	(void)pthread_mutex_destroy(&prepare->lock);
}
