/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <datapipe/datapipe.h>

#include "base/crc32c.h"
#include "bench.h"
#include "hub/log/log_hub.h"

/*
 * How long a program has to wait for its log: one that was killed while it
 * wrote, with 2 GB of events and with 64 MB, beside a scan of the checksums of
 * one segment; and a first start, up to the first event on the disk.
 *
 * Every round, a child appends the greater part of a segment to each log and
 * is killed. All files are in the page cache.
 */

enum {
	PAYLOAD = 250,
	BULK = 1000,
	SEGMENT_BYTES = 64 << 20,
	FILL_BYTES = 60 << 20, /* of a segment that a child is killed in */
	READ_BYTES = 256 << 10,
	ROUNDS = 7,
	STARTS = 21
};

static void need(int is_good, const char *what)
{
	if (!is_good) {
		bench_die(what);
	}
}

struct opened {
	dp_runtime *rt;
	dp_hub *hub;
	dp_publisher *pub;
};

static void open_log(
	struct opened *o, const char *directory, uint64_t kept_bytes)
{
	dp_publisher_options opts = DP_PUBLISHER_OPTIONS_INIT;
	dp_hub_options hub_opts = DP_HUB_OPTIONS_INIT;
	char address[80];

	(void)snprintf(address, sizeof(address), "log:%s", directory);
	opts.topic = "bench";
	opts.source = "bench";
	opts.ack = DP_ACK_DURABLE;
	opts.batch_bytes = 16u << 20;
	hub_opts.segment_bytes = SEGMENT_BYTES;
	hub_opts.retention_bytes = kept_bytes;
	need(dp_runtime_new(&o->rt, NULL, NULL) == DP_OK &&
			dp_hub_open(&o->hub, o->rt, address, &hub_opts, NULL) ==
				DP_OK &&
			dp_publisher_new(&o->pub, o->hub, &opts, NULL) == DP_OK,
		"open");
}

static void close_log(struct opened *o)
{
	dp_publisher_free(o->pub);
	dp_hub_close(o->hub);
	dp_runtime_free(o->rt);
}

static void publish(struct opened *o, int records)
{
	static const uint8_t payload[PAYLOAD];
	dp_event ev = DP_EVENT_INIT;

	ev.type = "shop.payment.v1.Captured";
	ev.payload.data = payload;
	ev.payload.size = PAYLOAD;
	for (int i = 0; i < records; i++) {
		need(dp_publisher_publish(o->pub, &ev, DP_FOREVER, NULL) ==
				DP_OK,
			"publish");
	}
	need(dp_publisher_flush(o->pub, DP_FOREVER, NULL) == DP_OK, "flush");
}

static const dpi_log_partition *partition_of(const struct opened *o)
{
	return ((const dpi_log_hub *)o->hub)->partitions;
}

/* One of the two logs. */
struct log {
	char directory[64];
	uint64_t kept_bytes;
	uint64_t base; /* of the segment that the last child was killed in */
};

struct progress {
	uint64_t base;
	uint64_t end;
};

/* Appends bytes, says how far it came, and waits to be killed. */
static void run_child(const struct log *log, uint64_t bytes, int fd)
{
	const dpi_log_partition *partition;
	struct progress progress;
	struct opened o;
	uint64_t begin;

	open_log(&o, log->directory, log->kept_bytes);
	partition = partition_of(&o);
	begin = atomic_load(&partition->state->durable);
	do {
		publish(&o, BULK);
		progress.base = atomic_load(&partition->state->base);
		progress.end = atomic_load(&partition->state->durable);
	} while (progress.end - begin < bytes);
	need(write(fd, &progress, sizeof(progress)) == sizeof(progress),
		"pipe");
	(void)pause();
}

/* Returns where the log ends. */
static uint64_t fill_and_kill(struct log *log, uint64_t bytes)
{
	struct progress progress;
	int status;
	int fds[2];
	pid_t pid;

	need(pipe(fds) == 0, "pipe");
	pid = fork();
	need(pid >= 0, "fork");
	if (pid == 0) {
		run_child(log, bytes, fds[1]);
	}
	need(read(fds[0], &progress, sizeof(progress)) == sizeof(progress),
		"child");
	need(kill(pid, SIGKILL) == 0 && waitpid(pid, &status, 0) == pid,
		"kill");
	(void)close(fds[0]);
	(void)close(fds[1]);
	log->base = progress.base;
	return progress.end;
}

/* Milliseconds until a publisher is ready, behind the last record. */
static double open_killed(void *arg)
{
	struct log *log = arg;
	uint64_t end = fill_and_kill(log, FILL_BYTES);
	int64_t begin = bench_now();
	struct opened o;
	double cost;

	open_log(&o, log->directory, log->kept_bytes);
	cost = (double)(bench_now() - begin) / 1e6;
	need(atomic_load(&partition_of(&o)->state->base) == end,
		"records are missing");
	close_log(&o);
	return cost;
}

/* Milliseconds to read the segment that the child was killed in. */
static double scan_one(void *arg)
{
	static uint8_t buf[READ_BYTES];
	const struct log *log = arg;
	int64_t begin = bench_now();
	uint32_t crc = 0;
	char path[128];
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/topics/bench/0/%016llx.seg",
		log->directory, (unsigned long long)log->base);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	need(fd >= 0, "segment");
	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		crc = dpi_crc32c(crc, buf, (size_t)n);
	}
	need(n == 0 && crc != 0, "read");
	(void)close(fd);
	return (double)(bench_now() - begin) / 1e6;
}

static void compare_opens(void)
{
	struct log big = {.kept_bytes = (uint64_t)2 << 30};
	struct log small = {.kept_bytes = (uint64_t)64 << 20};
	const bench_side sides[] = {
		{"2 GB", open_killed, &big, 0},
		{"64 MB", open_killed, &small, 1.3},
		{"checksums of one segment", scan_one, &big, 2},
	};

	bench_mkdir(big.directory, sizeof(big.directory));
	bench_mkdir(small.directory, sizeof(small.directory));
	(void)fill_and_kill(&big, big.kept_bytes);
	bench_compare("open after kill -9", "ms", ROUNDS, sides, 3);
	bench_rmdir(big.directory);
	bench_rmdir(small.directory);
}

/* In a process of its own, as a program that starts. */
static double start(void)
{
	char directory[64];
	int status;
	int fds[2];
	double cost;
	pid_t pid;

	bench_mkdir(directory, sizeof(directory));
	need(pipe(fds) == 0, "pipe");
	pid = fork();
	need(pid >= 0, "fork");
	if (pid == 0) {
		int64_t begin = bench_now();
		struct opened o;

		open_log(&o, directory, 0);
		publish(&o, 1);
		cost = (double)(bench_now() - begin) / 1e6;
		need(write(fds[1], &cost, sizeof(cost)) == sizeof(cost),
			"pipe");
		close_log(&o);
		exit(0);
	}
	need(read(fds[0], &cost, sizeof(cost)) == sizeof(cost) &&
			waitpid(pid, &status, 0) == pid && status == 0,
		"child");
	(void)close(fds[0]);
	(void)close(fds[1]);
	bench_rmdir(directory);
	return cost;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

static void print_start(void)
{
	double costs[STARTS];

	for (int i = 0; i < STARTS; i++) {
		costs[i] = start();
	}
	qsort(costs, STARTS, sizeof(*costs), ascending);
	bench_value("start to first durable event, median", "ms",
		costs[STARTS / 2], 6);
}

int main(void)
{
	print_start();
	compare_opens();
	return 0;
}
