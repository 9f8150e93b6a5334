/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_H
#define BENCH_H

#include <stddef.h>
#include <stdint.h>

/*
 * Comparisons on a machine that is never quiet: all sides run in turn, round
 * after round, and what counts is the ratio within a round. A round in which
 * other programs took much of the processors is run again, a few times.
 */

/* One contender: does its work once and returns the cost, in the unit of the
 * comparison. Ends the program if it cannot. */
typedef struct bench_side {
	const char *name;
	double (*run)(void *arg);
	void *arg;
	double goal; /* at most this many times its cost is ours; 0: none */
} bench_side;

/*
 * Runs every side once a round, after one round that does not count, and
 * prints medians and, for each side after the first, the ratio of the first
 * to it: median (least to most), its goal, and whether it was met.
 */
void bench_compare(const char *what, const char *unit, int rounds,
	const bench_side *sides, size_t count);

/* Prints a figure that has no other side, and whether it is at most goal. */
void bench_value(const char *what, const char *unit, double value, double goal);

/* Nanoseconds on a clock that never goes back. */
int64_t bench_now(void);

/* Nanoseconds that the calling thread has run: other work does not count. */
int64_t bench_thread_now(void);

/* Says what failed and ends the program. */
void bench_die(const char *what);

/* A new directory below $DP_BENCH_DIR, or /tmp; removed by bench_rmdir(). */
void bench_mkdir(char *path, size_t size);
void bench_rmdir(const char *path);

#endif /* BENCH_H */
