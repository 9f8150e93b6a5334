/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { SIDES_MAX = 8, ROUNDS_MAX = 101 };

void bench_die(const char *what)
{
	(void)fprintf(stderr, "bench: %s\n", what);
	exit(1);
}

static int64_t read_clock(clockid_t clock)
{
	struct timespec ts;

	(void)clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t bench_now(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

int64_t bench_thread_now(void)
{
	return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, int count)
{
	qsort(values, (size_t)count, sizeof(*values), ascending);
	return values[count / 2];
}

static void print_ratio(const char *name, double *ratios, int count)
{
	double middle = median(ratios, count);

	(void)printf("    %.2fx %s (%.2f to %.2f)\n", middle, name, ratios[0],
		ratios[count - 1]);
}

void bench_compare(const char *what, const char *unit, const char *goal,
	int rounds, const bench_side *sides, size_t count)
{
	static double costs[SIDES_MAX][ROUNDS_MAX];
	static double ratios[SIDES_MAX][ROUNDS_MAX];

	if (count > SIDES_MAX || rounds > ROUNDS_MAX) {
		bench_die("too many sides or rounds");
	}
	for (int round = -1; round < rounds; round++) {
		for (size_t i = 0; i < count; i++) {
			double cost = sides[i].run(sides[i].arg);

			if (round >= 0) {
				costs[i][round] = cost;
				ratios[i][round] = costs[0][round] / cost;
			}
		}
	}
	(void)printf("%s (goal: %s)\n   ", what, goal);
	for (size_t i = 0; i < count; i++) {
		(void)printf(" %s %.4g %s%s", sides[i].name,
			median(costs[i], rounds), unit,
			i + 1 < count ? "," : "\n");
	}
	for (size_t i = 1; i < count; i++) {
		print_ratio(sides[i].name, ratios[i], rounds);
	}
	(void)fflush(stdout);
}

void bench_mkdir(char *path, size_t size)
{
	const char *below = getenv("DP_BENCH_DIR");

	(void)snprintf(path, size, "%s/dp-bench-XXXXXX",
		below != NULL ? below : "/tmp");
	if (mkdtemp(path) == NULL) {
		bench_die("mkdtemp");
	}
}

static int remove_entry(
	const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void bench_rmdir(const char *path)
{
	if (nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS) != 0) {
		bench_die("cannot remove the directory");
	}
}
