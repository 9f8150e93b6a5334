/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TURNS_OS_H
#define TURNS_OS_H

#include <stdint.h>

#include "io/os.h"

/*
 * Threads that take turns: one runs at a time, and hands over only where it
 * calls the operating system, meets a lock that is held, starts or joins
 * another, or ends. Who is next follows the seed, so that one seed is one run,
 * whatever the kernel does. Time is virtual: it moves by a microsecond with
 * each call, and to the next time that is slept for when all sleep. When all
 * sleep for ever, the program ends with a message.
 *
 * A program that uses it is linked with
 * -Wl,--wrap=dpi_lock,--wrap=pthread_create,--wrap=dpi_thread_join
 *
 *	turns_begin(seed);
 *	turns_os_init(&turns, inner);
 *	... &turns.os, by this thread and those that it starts ...
 *	turns_end();
 */

/* What one process asks of the machine; files and chance are the inner's. */
struct turns_os {
	dpi_os os; /* give &turns.os to the code under test */
	const dpi_os *inner;
	uint64_t calls;
	uint64_t read_bytes;
};

void turns_os_init(struct turns_os *turns, const dpi_os *inner);

/* The calling thread is the first; it has to be the last, too. */
void turns_begin(uint64_t seed);
void turns_end(void);

/* Lets time pass, and others run. */
void turns_sleep(dp_time_ns time_ns);

#endif /* TURNS_OS_H */
