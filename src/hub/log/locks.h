/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_HUB_LOG_LOCKS_H
#define DPI_HUB_LOG_LOCKS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <datapipe/alloc.h>
#include <datapipe/status.h>

#include "hub/record.h"
#include "io/os.h"

/*
 * A file whose bytes are locks: one descriptor for any number of partitions,
 * and the kernel gives all of them back when the process dies. Which byte
 * belongs to a partition follows from its name (dpi_locks_byte()).
 *
 * A kernel lock belongs to the open file, so that it would let its holder in
 * twice; the table of held bytes here does not. Two of these on one file
 * exclude each other, in one process or in several.
 *
 * After fork() the child has the same open file: it must neither take nor
 * give. dpi_locks_close() is safe there, it only closes.
 *
 * Thread: any.
 */
typedef struct dpi_locks {
	const dp_allocator *alloc;
	const dpi_os *os;
	int fd;
	pthread_mutex_t lock; /* guards what follows */
	uint64_t *held;
	size_t count;
	size_t capacity;
} dpi_locks;

/* Opens the file, and makes it if it is not there. */
DP_NODISCARD dp_status dpi_locks_open(dpi_locks *ret, const dp_allocator *alloc,
	const dpi_os *os, const char *path, dp_error **err);
/* Gives back what is held. */
void dpi_locks_close(dpi_locks *locks);

/*
 * Takes a byte for this object alone. Never waits.
 *
 * Returns DP_OK, DP_ELOCKED (somebody holds it; sets no error: it is an
 * answer), or an error: DP_EIO, DP_ENOMEM.
 */
DP_NODISCARD dp_status dpi_locks_take(
	dpi_locks *locks, uint64_t byte, dp_error **err);
/*
 * The same, and waits: for bytes that are held while something is done, not for
 * as long as somebody lives. The kernel wakes nobody who waits with a deadline,
 * so it asks again, after 1 ms, then 2, 4, 8, and each 16 ms until timeout_ns.
 */
DP_NODISCARD dp_status dpi_locks_await(
	dpi_locks *locks, uint64_t byte, dp_time_ns timeout_ns, dp_error **err);
/* Gives a byte back that was taken. */
void dpi_locks_give(dpi_locks *locks, uint64_t byte);

/* The byte of a partition: the same in each process, for ever. */
uint64_t dpi_locks_byte(const dpi_partition_name *name);
/* Held by who finds out how far the partition is: taken before the other. */
uint64_t dpi_locks_settling_byte(const dpi_partition_name *name);

#endif /* DPI_HUB_LOG_LOCKS_H */
