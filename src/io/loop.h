/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_IO_LOOP_H
#define DPI_IO_LOOP_H

#include <pthread.h>

#include <uv.h>

#include "io/runtime.h"

/*
 * The loop thread of a runtime: callbacks of the application run on it, one
 * after the other. Posting wakes it only if nothing is queued yet, and it
 * drains all before it sleeps again, since uv_async_send() coalesces.
 */
typedef struct dpi_loop {
	uv_loop_t uv;
	uv_async_t wake_up;
	pthread_t thread;

	pthread_mutex_t lock;   /* guards all below */
	pthread_cond_t settled; /* a task has ended */
	dpi_task *first;
	dpi_task **last; /* where the next one is put */
	const dpi_task *running;
	bool is_stopping;
} dpi_loop;

DP_NODISCARD dp_status dpi_loop_start(
	dpi_loop **ret_loop, const dp_allocator *alloc, dp_error **err);

/* Runs what is queued, ends the thread, frees. Not from the loop thread. */
void dpi_loop_stop(dpi_loop *loop, const dp_allocator *alloc);

void dpi_loop_post(dpi_loop *loop, dpi_task *task);
void dpi_loop_settle(dpi_loop *loop, const dpi_task *task);

#endif /* DPI_IO_LOOP_H */
