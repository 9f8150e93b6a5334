/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VIRTUAL_CLOCK_H
#define VIRTUAL_CLOCK_H

#include <pthread.h>
#include <stdint.h>

#include "io/os.h"

/*
 * An operating system whose time stands still until a test moves it. Waits and
 * alarms end when they are woken or when the clock is moved to their time;
 * files and chance are those of the table that it wraps.
 *
 * Any wake() wakes all waits, each of which looks at its own word: the same
 * word may be mapped twice, and a wake-up for no reason is allowed.
 *
 * Serves the threads of one process.
 */

typedef struct virtual_sleeper virtual_sleeper;

struct virtual_clock {
	dpi_os os; /* give &clock.os to the code under test */
	const dpi_os *inner;

	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t changed;
	dp_time_ns monotonic;
	dp_time_ns wall;
	uint32_t wakes;            /* wraps */
	virtual_sleeper *sleepers; /* threads inside wait or alarm_wait */
	struct virtual_alarm *alarms;
	int alarm_count;
	int auto_threads;
};

/* inner may be NULL if only time is asked for. 2026-01-01 is when it begins. */
void virtual_clock_init(struct virtual_clock *clock, const dpi_os *inner);
void virtual_clock_fini(struct virtual_clock *clock);

/* Moves both clocks. */
void virtual_clock_advance(struct virtual_clock *clock, dp_time_ns by_ns);

/* Makes the wall clock jump; waits do not care. */
void virtual_clock_set_wall(struct virtual_clock *clock, dp_time_ns wall);

/*
 * Returns when at least count threads sleep, with nothing due to wake them:
 * then whatever can happen without time going on has happened.
 */
void virtual_clock_await_sleepers(struct virtual_clock *clock, int count);

/* The earliest time that a thread sleeps for; DP_FOREVER if there is none. */
dp_time_ns virtual_clock_next(struct virtual_clock *clock);

/*
 * Time that goes by itself: whenever `threads` threads sleep, it is moved to
 * the earliest time that one of them sleeps for. 0: only by hand.
 */
void virtual_clock_set_auto(struct virtual_clock *clock, int threads);

#endif /* VIRTUAL_CLOCK_H */
