/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_IO_RUNTIME_H
#define DPI_IO_RUNTIME_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <datapipe/runtime.h>

#include "io/os.h"

/* What every object needs of its runtime. All of it may be used by any thread. */

const dp_allocator *dpi_runtime_alloc(const dp_runtime *rt);
const dpi_os *dpi_runtime_os(const dp_runtime *rt);

/* As dp_runtime_new(), with another operating system: for tests. Borrows os. */
DP_NODISCARD dp_status dpi_runtime_new(dp_runtime **ret_rt,
	const dp_runtime_options *opts, const dpi_os *os, dp_error **err);

/*
 * DP_OK, or DP_EFORKED in a child. No system call: a page that the kernel
 * wipes on fork (MADV_WIPEONFORK, Linux 4.14) tells.
 */
dp_status dpi_runtime_check(const dp_runtime *rt, dp_error **err);

/* Formats and hands over a log record, if level is asked for. */
DP_PRINTF(6, 7)
void dpi_log(const dp_runtime *rt, dp_log_level level, uint32_t message_id,
	const char *module, const char *object, const char *fmt, ...);

/*
 * Completions on their way to dp_runtime_poll(), in memory of the publisher
 * that made them: queueing allocates nothing and so cannot fail. Once all were
 * taken, the polling thread calls release, without a lock; a runtime that is
 * freed releases what nobody took.
 */
typedef struct dpi_completions {
	struct dpi_completions *next; /* the queue's */
	dp_completion *items;
	size_t count; /* > 0 */
	size_t taken; /* the queue's */
	void (*release)(struct dpi_completions *block);
} dpi_completions;

void dpi_runtime_push_completions(dp_runtime *rt, dpi_completions *block);

/*
 * Work for the loop thread: fn(arg) runs there once for each time that it was
 * posted and not yet queued. In the caller's memory, zeroed at first; it may
 * be posted again when fn begins, and go when it has settled.
 */
typedef struct dpi_task {
	void (*fn)(void *arg);
	void *arg;
	struct dpi_task *next; /* the runtime's */
	bool queued;           /* the runtime's, under its lock */
} dpi_task;

/* Starts the loop thread, once; it ends when the runtime is freed. */
DP_NODISCARD dp_status dpi_runtime_start_loop(dp_runtime *rt, dp_error **err);
/* Only after the loop was started. Never fails, never waits for the task. */
void dpi_runtime_post(dp_runtime *rt, dpi_task *task);
/* Waits until task neither runs nor is queued. Not from the loop thread. */
void dpi_runtime_settle(dp_runtime *rt, dpi_task *task);

/*
 * What objects of one runtime find by name, such as memory hubs: a list that
 * the layers above keep, each its own kinds. What is in it when the runtime is
 * freed is freed with it.
 */
typedef struct dpi_shared {
	struct dpi_shared *next;
	const char *name; /* scheme and all: "memory:NAME" */
	void (*free)(struct dpi_shared *shared);
} dpi_shared;

typedef struct dpi_shared_list {
	pthread_mutex_t lock; /* guards first and all next */
	dpi_shared *first;
} dpi_shared_list;

dpi_shared_list *dpi_runtime_shared(dp_runtime *rt);

#endif /* DPI_IO_RUNTIME_H */
