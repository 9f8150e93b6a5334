/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FAULTY_OS_H
#define FAULTY_OS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "io/os.h"

/*
 * An operating system that counts its calls and fails those that a test picks;
 * else it passes them on to the table that it wraps. Thread: any.
 */

typedef enum faulty_call {
	FAULTY_OPEN,
	FAULTY_CLOSE,
	FAULTY_PREAD,
	FAULTY_PWRITEV,
	FAULTY_FDATASYNC,
	FAULTY_FSYNC,
	FAULTY_TRUNCATE,
	FAULTY_SIZE,
	FAULTY_RENAME,
	FAULTY_UNLINK,
	FAULTY_MKDIR,
	FAULTY_RMDIR,
	FAULTY_LIST,
	FAULTY_MTIME,
	FAULTY_LOCK,
	FAULTY_MAP,
	FAULTY_RANDOM,
	FAULTY_ALARM_OPEN,
	FAULTY_ALARM_SET,
	FAULTY_ALARM_WAIT,
	FAULTY_WATCH_OPEN,
	FAULTY_WATCH_WAIT,
	FAULTY_CAN_FAIL, /* those above; those below are counted only */
	FAULTY_MONOTONIC = FAULTY_CAN_FAIL,
	FAULTY_WALL,
	FAULTY_WAIT,
	FAULTY_WAKE,
	FAULTY_CALLS,
	FAULTY_ANY /* any that can fail */
} faulty_call;

/* number counts the calls of that kind from 0. May call faulty_os_*(). */
typedef void (*faulty_hook)(void *user, faulty_call call, long number);

struct faulty_os {
	dpi_os os; /* give &faulty.os to the code under test */
	const dpi_os *inner;

	/* Set these before other threads run. */
	faulty_hook hook; /* before each call, or NULL */
	void *hook_user;
	size_t short_bytes; /* most that a read or write moves; 0: all */

	pthread_mutex_t lock; /* guards all below */
	long calls[FAULTY_CALLS];
	long failed; /* calls that were made to fail */
	faulty_call kind;
	long countdown; /* calls of that kind that still succeed; -1: all */
	int error;
	bool for_ever;
	int64_t room;      /* bytes that files may still grow; -1: no end */
	uint64_t bad_from; /* places, of any file, that cannot be read */
	uint64_t bad_to;
};

void faulty_os_init(struct faulty_os *faulty, const dpi_os *inner);

/*
 * The call of that kind after `after` more of them fails with -error (positive
 * errno; map: NULL), and for_ever those that follow, too.
 */
void faulty_os_fail(struct faulty_os *faulty, faulty_call kind, long after,
	int error, bool for_ever);

/* Files may grow by that many bytes together, and by those that are cut off or
 * of files that are unlinked; then ENOSPC. -1: no end. */
void faulty_os_set_room(struct faulty_os *faulty, int64_t bytes);

/* [from, to) of each file cannot be read: EIO, as of a bad sector. */
void faulty_os_break(struct faulty_os *faulty, uint64_t from, uint64_t to);

/* All succeed again. */
void faulty_os_heal(struct faulty_os *faulty);

/* Calls of that kind so far; of all that can fail for FAULTY_ANY. */
long faulty_os_count(struct faulty_os *faulty, faulty_call kind);

/* Calls that were made to fail so far. */
long faulty_os_failed(struct faulty_os *faulty);

#endif /* FAULTY_OS_H */
