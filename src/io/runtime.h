/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_IO_RUNTIME_H
#define DPI_IO_RUNTIME_H

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

/* Queues completions for dp_runtime_poll(). Room is reserved beforehand. */
void dpi_runtime_push_completions(
	dp_runtime *rt, const dp_completion *items, size_t count);

/*
 * Makes room for count completions in the queue, so that the push cannot
 * fail. Taken completions keep their room for the next ones of the same
 * publisher until it gives it back by dpi_runtime_release().
 */
DP_NODISCARD dp_status dpi_runtime_reserve(
	dp_runtime *rt, size_t count, dp_error **err);
void dpi_runtime_release(dp_runtime *rt, size_t count);

/*
 * Runs fn(arg) once on the loop thread, soon; starts the thread if this is
 * its first work. The task is the caller's memory and may not be reused
 * before it ran; posting a task that is already queued is a no-op.
 */
typedef struct dpi_task {
	void (*fn)(void *arg);
	void *arg;
	struct dpi_task *next; /* the runtime's */
	bool queued;           /* the runtime's, under its lock */
} dpi_task;

DP_NODISCARD dp_status dpi_runtime_start_loop(dp_runtime *rt, dp_error **err);
void dpi_runtime_post(dp_runtime *rt, dpi_task *task);
/* Waits until task neither runs nor is queued. Not from the loop thread. */
void dpi_runtime_settle(dp_runtime *rt, dpi_task *task);

#endif /* DPI_IO_RUNTIME_H */
