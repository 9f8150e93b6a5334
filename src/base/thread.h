/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_BASE_THREAD_H
#define DPI_BASE_THREAD_H

#include <pthread.h>

#include <datapipe/status.h>

/*
 * Locks and threads, as the library uses them. A lock that fails is a lock
 * that was misused: a bug, not a condition.
 *
 * Our threads have a name of at most 15 characters, a stack of 1 MiB, and
 * every signal blocked but those of faults, so that the application's handlers
 * run on its own threads and a broken pipe is an error, not a death.
 */

void dpi_lock(pthread_mutex_t *lock);
void dpi_unlock(pthread_mutex_t *lock);

DP_NODISCARD dp_status dpi_thread_start(pthread_t *ret, const char *name,
	void *(*run)(void *arg), void *arg, dp_error **err);
void dpi_thread_join(pthread_t thread);

#endif /* DPI_BASE_THREAD_H */
