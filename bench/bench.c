/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.h"

#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { SIDES_MAX = 8, ROUNDS_MAX = 101 };

/* Of one processor: the share of others that makes a round worth another. */
#define OTHERS_MOST 0.2

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

static const char *verdict(double value, double goal)
{
	return value <= goal ? "met" : "MISSED";
}

static void print_cost(
	const char *name, const char *unit, double *costs, int rounds)
{
	(void)printf("  %-36s %10.4g %s", name, median(costs, rounds), unit);
}

static void print_ratio(double *ratios, int rounds, double goal)
{
	double middle = median(ratios, rounds);

	(void)printf("   %.2fx (%.2f to %.2f)", middle, ratios[0],
		ratios[rounds - 1]);
	if (goal > 0) {
		(void)printf(
			"   goal <= %.2fx: %s", goal, verdict(middle, goal));
	}
}

/* Of all processors, since the machine started. */
static double busy_seconds(void)
{
	unsigned long long user, nice, kernel;
	FILE *file = fopen("/proc/stat", "r");
	int n = 0;

	if (file != NULL) {
		n = fscanf(file, "cpu %llu %llu %llu", &user, &nice, &kernel);
		(void)fclose(file);
	}
	return n == 3
		? (double)(user + nice + kernel) / (double)sysconf(_SC_CLK_TCK)
		: 0;
}

static double used_seconds(int who)
{
	struct rusage usage;

	(void)getrusage(who, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
		(double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* What programs other than this one and its children have used. */
static double others_seconds(void)
{
	return busy_seconds() - used_seconds(RUSAGE_SELF) -
		used_seconds(RUSAGE_CHILDREN);
}

/* Runs each side once; false if other programs took part. */
static bool run_round(const bench_side *sides, size_t count, double *ret_costs)
{
	double others = others_seconds();
	int64_t begin = bench_now();

	for (size_t i = 0; i < count; i++) {
		ret_costs[i] = sides[i].run(sides[i].arg);
	}
	others = others_seconds() - others;
	return others <= OTHERS_MOST * (double)(bench_now() - begin) / 1e9;
}

/* As run_round(), again while others disturb and *again allows it. */
static bool run_quiet_round(
	const bench_side *sides, size_t count, int *again, double *ret_costs)
{
	bool is_quiet = run_round(sides, count, ret_costs);

	while (!is_quiet && *again > 0) {
		(*again)--;
		is_quiet = run_round(sides, count, ret_costs);
	}
	return is_quiet;
}

void bench_compare(const char *what, const char *unit, int rounds,
	const bench_side *sides, size_t count)
{
	static double costs[SIDES_MAX][ROUNDS_MAX];
	static double ratios[SIDES_MAX][ROUNDS_MAX];
	double round[SIDES_MAX];
	int again = rounds;
	int disturbed = 0;

	if (count > SIDES_MAX || rounds > ROUNDS_MAX) {
		bench_die("too many sides or rounds");
	}
	(void)run_round(sides, count, round);
	for (int n = 0; n < rounds; n++) {
		disturbed += !run_quiet_round(sides, count, &again, round);
		for (size_t i = 0; i < count; i++) {
			costs[i][n] = round[i];
			ratios[i][n] = round[0] / round[i];
		}
	}
	(void)printf("%s\n", what);
	for (size_t i = 0; i < count; i++) {
		print_cost(sides[i].name, unit, costs[i], rounds);
		if (i > 0) {
			print_ratio(ratios[i], rounds, sides[i].goal);
		}
		(void)printf("\n");
	}
	if (disturbed > 0) {
		(void)printf("  other programs were busy in %d of %d rounds\n",
			disturbed, rounds);
	}
	(void)fflush(stdout);
}

void bench_value(const char *what, const char *unit, double value, double goal)
{
	(void)printf("%s\n  %-36s %10.4g %s   goal <= %.4g %s: %s\n", what,
		"ours", value, unit, goal, unit, verdict(value, goal));
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
