/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <datapipe/datapipe.h>

#include "bench.h"

/*
 * A backlog stays on disk: the resident memory of a process that has published
 * a million events, and has a subscription that has taken a few of them, beside
 * that of one with a thousand.
 */

enum { PAYLOAD = 250, COMMIT = 1000, MANY = 1000000 };

static void need(int is_good, const char *what)
{
	if (!is_good) {
		bench_die(what);
	}
}

static void publish(dp_hub *hub, int records)
{
	static uint8_t payload[PAYLOAD];
	dp_publisher_options opts = DP_PUBLISHER_OPTIONS_INIT;
	dp_event ev = DP_EVENT_INIT;
	dp_publisher *pub;

	opts.topic = "bench";
	opts.source = "bench";
	ev.type = "shop.payment.v1.Captured";
	ev.payload.data = payload;
	ev.payload.size = sizeof(payload);
	need(dp_publisher_new(&pub, hub, &opts, NULL) == DP_OK, "publisher");
	for (int i = 1; i <= records; i++) {
		need(dp_publisher_publish(pub, &ev, DP_FOREVER, NULL) == DP_OK,
			"publish");
		need(i % COMMIT != 0 ||
				dp_publisher_flush(pub, DP_FOREVER, NULL) ==
					DP_OK,
			"flush");
	}
	dp_publisher_free(pub);
}

static double resident_kib(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	long pages = 0;

	need(file != NULL && fscanf(file, "%*s %ld", &pages) == 1, "statm");
	(void)fclose(file);
	return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1024;
}

static double measure(const char *directory, int records)
{
	dp_subscription_options opts = DP_SUBSCRIPTION_OPTIONS_INIT;
	dp_subscription *sub;
	dp_batch *batch;
	char address[80];
	dp_runtime *rt;
	dp_hub *hub;
	double kib;

	(void)snprintf(address, sizeof(address), "log:%s", directory);
	opts.topics = "bench";
	need(dp_runtime_new(&rt, NULL, NULL) == DP_OK &&
			dp_hub_open(&hub, rt, address, NULL, NULL) == DP_OK &&
			dp_subscription_open(&sub, hub, "s", &opts, NULL) ==
				DP_OK,
		"open");
	publish(hub, records);
	need(dp_subscription_pull(sub, &batch, 100, DP_SECOND, NULL) == DP_OK,
		"pull");
	kib = resident_kib();
	dp_batch_unref(batch);
	dp_subscription_close(sub);
	dp_hub_close(hub);
	dp_runtime_free(rt);
	return kib;
}

/* In a process of its own: memory that was used once may stay. */
static double measure_alone(int records)
{
	char directory[64];
	double kib = 0;
	int ends[2];
	pid_t pid;

	bench_mkdir(directory, sizeof(directory));
	need(pipe(ends) == 0, "pipe");
	pid = fork();
	if (pid == 0) {
		kib = measure(directory, records);
		need(write(ends[1], &kib, sizeof(kib)) == sizeof(kib), "write");
		exit(0);
	}
	(void)close(ends[1]);
	need(pid > 0 && read(ends[0], &kib, sizeof(kib)) == sizeof(kib),
		"process");
	(void)close(ends[0]);
	(void)waitpid(pid, NULL, 0);
	bench_rmdir(directory);
	return kib;
}

int main(void)
{
	double few = measure_alone(COMMIT);
	double many = measure_alone(MANY);

	(void)printf("resident memory\n  1,000 events unread %23.0f KiB\n"
		     "  1,000,000 events unread %19.0f KiB\n",
		few, many);
	bench_value("a million events unread, beside a thousand", "x",
		many / few, 1.1);
	return 0;
}
