/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_HUB_LOG_LEFTOVERS_H
#define DPI_HUB_LOG_LEFTOVERS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/os.h"

/*
 * Space on the disk that a former owner has left and that nobody needs: the
 * spare, whose name is gone already, and what was written ahead of its last
 * record. To free it takes the kernel milliseconds, above all where it has to
 * tell the disk; so who takes a partition over leaves it here, for a thread
 * that has time, or for one who finds the disk full.
 *
 * Thread: any.
 */

/* The size that stays of a file without a name: to close it frees it. */
#define DPI_LEFTOVER_NAMELESS UINT64_MAX

/* Open files that wait at a time. */
#define DPI_LEFTOVERS_MAX 16u

typedef struct dpi_leftover {
	int fd;
	uint64_t size; /* of what stays */
} dpi_leftover;

typedef struct dpi_leftovers {
	const dpi_os *os;
	pthread_mutex_t freeing; /* held while one is freed; taken first */
	pthread_mutex_t lock;    /* guards what follows */
	dpi_leftover items[DPI_LEFTOVERS_MAX];
	size_t count;
	_Atomic size_t pending; /* count, and the one that is being freed */
} dpi_leftovers;

void dpi_leftovers_init(dpi_leftovers *leftovers, const dpi_os *os);
/* Closes what is left, and cuts nothing: in a child after fork(), too. */
void dpi_leftovers_fini(dpi_leftovers *leftovers);

/* Takes a file that is to be cut to size and closed. Where many wait already,
 * that is done at once. */
void dpi_leftovers_add(dpi_leftovers *leftovers, int fd, uint64_t size);

/* Frees all that wait, or waits until another thread has. Returns whether
 * there were any. */
bool dpi_leftovers_free(dpi_leftovers *leftovers);

/* Whether any wait, or are being freed. */
bool dpi_leftovers_any(const dpi_leftovers *leftovers);

#endif /* DPI_HUB_LOG_LEFTOVERS_H */
