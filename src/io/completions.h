/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_IO_COMPLETIONS_H
#define DPI_IO_COMPLETIONS_H

#include <pthread.h>

#include "io/runtime.h"

/*
 * Blocks of completions on their way from committing threads to those that
 * poll. Pushing wakes somebody only if somebody waits; the descriptor is
 * readable while anything is queued, and costs nothing until it is asked for.
 */
typedef struct dpi_completion_queue {
	const dpi_os *os;
	pthread_mutex_t lock; /* guards all below */
	dpi_completions *first;
	dpi_completions **last; /* where the next one is put */
	uint32_t pushes;        /* what threads wait on; wraps */
	int waiting;            /* threads that do */
	int event_fd;           /* readable: first != NULL; -1: not asked for */
} dpi_completion_queue;

/* Borrows os. Errors: DP_ENOMEM. */
DP_NODISCARD dp_status dpi_completion_queue_init(
	dpi_completion_queue *queue, const dpi_os *os);

/* Releases what nobody took. */
void dpi_completion_queue_fini(dpi_completion_queue *queue);

/* The same in a child of fork(): the lock and the blocks are left alone. */
void dpi_completion_queue_abandon(dpi_completion_queue *queue);

void dpi_completion_queue_push(
	dpi_completion_queue *queue, dpi_completions *block);

/* Takes up to max; waits for the first until the deadline. */
size_t dpi_completion_queue_take(dpi_completion_queue *queue,
	dp_completion *items, size_t max, dp_time_ns deadline_ns);

/* The descriptor, made by the first call, or a negative errno. */
int dpi_completion_queue_fd(dpi_completion_queue *queue);

#endif /* DPI_IO_COMPLETIONS_H */
