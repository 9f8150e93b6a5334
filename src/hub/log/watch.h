/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_HUB_LOG_WATCH_H
#define DPI_HUB_LOG_WATCH_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "hub/log/news.h"
#include "io/os.h"

/*
 * Who shares a subscription learns here that another one has died: the kernel
 * tells when somebody closes the file of readers' locks. A thread of the hub
 * sleeps on that, and wakes the pulls that sleep. It starts when a partition
 * is first found in other hands.
 *
 * The kernel tells before it frees the locks, so that who looks at once may
 * find them held: look again a little later.
 */
typedef struct dpi_log_watch {
	const dpi_os *os;
	dpi_log_news *news;
	_Atomic uint32_t closings; /* changes when somebody may be gone */
	_Atomic bool is_on;        /* else nobody tells */
	pthread_mutex_t lock;      /* guards what follows */
	bool has_thread;
	pthread_t thread;
	int watch; /* -1: none */
} dpi_log_watch;

void dpi_log_watch_init(
	dpi_log_watch *watch, const dpi_os *os, dpi_log_news *news);

/*
 * Watches path, unless it does so already. Returns whether it began just now:
 * what happened before it told nobody. Thread: any.
 */
bool dpi_log_watch_start(dpi_log_watch *watch, const char *path);

/* Ends the thread. Not in a child after fork(), which has no such thread. */
void dpi_log_watch_stop(dpi_log_watch *watch);
void dpi_log_watch_fini(dpi_log_watch *watch);

#endif /* DPI_HUB_LOG_WATCH_H */
