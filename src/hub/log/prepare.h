/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_HUB_LOG_PREPARE_H
#define DPI_HUB_LOG_PREPARE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <datapipe/status.h>

#include "hub/log/leftovers.h"
#include "io/os.h"

struct dpi_log_tail;

/*
 * A thread that writes zeros ahead of those who append, so that they need not,
 * lets old segments go, and frees what former owners have left. Started by the
 * first who asks. If it cannot be started, nothing is lost but time: tails then
 * write their zeros themselves, and leftovers go when the disk is full or the
 * hub is closed.
 */
typedef struct dpi_log_prepare {
	const dpi_os *os;
	dpi_leftovers leftovers;
	pthread_mutex_t lock; /* guards what follows */
	struct dpi_log_tail *queue;
	bool is_started;
	bool must_stop;
	uint32_t calls; /* atomic: a word to wait on */
	pthread_t thread;
} dpi_log_prepare;

void dpi_log_prepare_init(dpi_log_prepare *prepare, const dpi_os *os);
/* Finishes the tail in hand, and stops; who asks later asks in vain. What
 * former owners have left is freed. */
void dpi_log_prepare_stop(dpi_log_prepare *prepare);
/* After stop, or in a child after fork(). */
void dpi_log_prepare_fini(dpi_log_prepare *prepare);

/* Has dpi_tail_prepare() called soon. tail lives until stop. */
void dpi_log_prepare_ask(dpi_log_prepare *prepare, struct dpi_log_tail *tail);

/* Has leftovers freed soon, if there are any. */
void dpi_log_prepare_free(dpi_log_prepare *prepare);

#endif /* DPI_HUB_LOG_PREPARE_H */
