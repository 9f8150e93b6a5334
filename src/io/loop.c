/* SPDX-License-Identifier: Apache-2.0 */
#include "io/loop.h"

#include <assert.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/thread.h"

static dpi_task *next_task(dpi_loop *loop)
{
	dpi_task *task = loop->first;

	loop->running = task;
	if (task != NULL) {
		loop->first = task->next;
		if (loop->first == NULL) {
			loop->last = &loop->first;
		}
		task->queued = false;
	}
	return task;
}

/* A task may be gone once it ran: only its address is looked at then. */
static void run_tasks(dpi_loop *loop)
{
	dpi_task *task;

	dpi_lock(&loop->lock);
	for (task = next_task(loop); task != NULL; task = next_task(loop)) {
		void (*fn)(void *) = task->fn;
		void *arg = task->arg;

		dpi_unlock(&loop->lock);
		fn(arg);
		dpi_lock(&loop->lock);
		loop->running = NULL;
		(void)pthread_cond_broadcast(&loop->settled);
	}
	dpi_unlock(&loop->lock);
}

static void on_wake_up(uv_async_t *wake_up)
{
	dpi_loop *loop = wake_up->data;
	bool is_stopping;

	run_tasks(loop);
	dpi_lock(&loop->lock);
	is_stopping = loop->is_stopping;
	dpi_unlock(&loop->lock);
	if (is_stopping) {
		uv_close((uv_handle_t *)wake_up, NULL);
	}
}

static void *run_loop(void *arg)
{
	dpi_loop *loop = arg;

	(void)uv_run(&loop->uv, UV_RUN_DEFAULT);
	return NULL;
}

static int init_uv(dpi_loop *loop)
{
	int rc = uv_loop_init(&loop->uv);

	if (rc != 0) {
		return rc;
	}
	rc = uv_async_init(&loop->uv, &loop->wake_up, on_wake_up);
	if (rc != 0) {
		(void)uv_loop_close(&loop->uv);
		return rc;
	}
	loop->wake_up.data = loop;
	return 0;
}

static void fini_uv(dpi_loop *loop)
{
	int rc = uv_loop_close(&loop->uv);

	assert(rc == 0);
	(void)rc;
}

static dp_status init_queue(dpi_loop *loop)
{
	loop->last = &loop->first;
	if (pthread_mutex_init(&loop->lock, NULL) != 0) {
		return DP_ENOMEM;
	}
	if (pthread_cond_init(&loop->settled, NULL) != 0) {
		(void)pthread_mutex_destroy(&loop->lock);
		return DP_ENOMEM;
	}
	return DP_OK;
}

static void fini_queue(dpi_loop *loop)
{
	(void)pthread_cond_destroy(&loop->settled);
	(void)pthread_mutex_destroy(&loop->lock);
}

dp_status dpi_loop_start(
	dpi_loop **ret_loop, const dp_allocator *alloc, dp_error **err)
{
	dpi_loop *loop = dpi_zalloc(alloc, 1, sizeof(*loop));
	dp_status st = DP_ENOMEM;
	int rc;

	if (loop == NULL) {
		return dpi_error_set(err, DP_ENOMEM, "no memory for a loop");
	}
	if (init_queue(loop) != DP_OK) {
		(void)dpi_error_set(err, DP_ENOMEM, "no memory for a lock");
		goto err_after_loop;
	}
	rc = init_uv(loop);
	if (rc != 0) {
		st = dpi_error_sys(err, -rc, "cannot make an event loop");
		goto err_after_queue;
	}
	st = dpi_thread_start(&loop->thread, "dp-loop", run_loop, loop, err);
	if (st != DP_OK) {
		goto err_after_uv;
	}
	*ret_loop = loop;
	return DP_OK;

err_after_uv:
	uv_close((uv_handle_t *)&loop->wake_up, NULL);
	(void)uv_run(&loop->uv, UV_RUN_DEFAULT);
	fini_uv(loop);
err_after_queue:
	fini_queue(loop);
err_after_loop:
	dpi_free(alloc, loop, 1, sizeof(*loop));
	return st;
}

void dpi_loop_stop(dpi_loop *loop, const dp_allocator *alloc)
{
	dpi_lock(&loop->lock);
	loop->is_stopping = true;
	(void)uv_async_send(&loop->wake_up);
	dpi_unlock(&loop->lock);
	dpi_thread_join(loop->thread);
	fini_uv(loop);
	fini_queue(loop);
	dpi_free(alloc, loop, 1, sizeof(*loop));
}

void dpi_loop_post(dpi_loop *loop, dpi_task *task)
{
	dpi_lock(&loop->lock);
	if (!task->queued) {
		if (loop->first == NULL) {
			(void)uv_async_send(&loop->wake_up);
		}
		task->queued = true;
		task->next = NULL;
		*loop->last = task;
		loop->last = &task->next;
	}
	dpi_unlock(&loop->lock);
}

void dpi_loop_settle(dpi_loop *loop, const dpi_task *task)
{
	dpi_lock(&loop->lock);
	while (task->queued || loop->running == task) {
		(void)pthread_cond_wait(&loop->settled, &loop->lock);
	}
	dpi_unlock(&loop->lock);
}
