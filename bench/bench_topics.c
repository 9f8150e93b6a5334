/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <datapipe/datapipe.h>

#include "bench.h"

/*
 * What thousands of topics cost: what an idle one keeps, and what a call costs
 * the publishing thread when events go to all of them in turn, a few to each,
 * beside the same calls for a single topic.
 */

enum { TOPICS = 10000, EVENTS = 100000, RUN = 10, PAYLOAD = 250, ROUNDS = 7 };

static dp_publisher *publishers[TOPICS];
static char payload[PAYLOAD];

static void publish(dp_publisher *pub)
{
	dp_event ev = DP_EVENT_INIT;

	ev.type = "shop.payment.v1.Captured";
	ev.payload.data = payload;
	ev.payload.size = PAYLOAD;
	ev.key = "customer-1";
	if (dp_publisher_publish(pub, &ev, DP_FOREVER, NULL) != DP_OK) {
		bench_die("publish");
	}
}

static void flush(dp_publisher *pub)
{
	if (dp_publisher_flush(pub, DP_FOREVER, NULL) != DP_OK) {
		bench_die("flush");
	}
}

static void open_publisher(dp_publisher **ret, dp_hub *hub, int number)
{
	dp_publisher_options opts = DP_PUBLISHER_OPTIONS_INIT;
	char topic[32];

	(void)snprintf(topic, sizeof(topic), "topic-%d", number);
	opts.topic = topic;
	opts.source = "bench";
	if (dp_publisher_new(ret, hub, &opts, NULL) != DP_OK) {
		bench_die("publisher");
	}
}

/* A line of /proc/self/status, in its unit. */
static double read_status(const char *name)
{
	FILE *file = fopen("/proc/self/status", "r");
	size_t size = strlen(name);
	double value = -1;
	char line[256];

	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		if (strncmp(line, name, size) == 0) {
			value = strtod(line + size, NULL);
		}
	}
	if (file == NULL || value < 0) {
		bench_die("/proc/self/status");
	}
	(void)fclose(file);
	return value;
}

static double count_files(void)
{
	DIR *stream = opendir("/proc/self/fd");
	double count = 0;

	if (stream == NULL) {
		bench_die("/proc/self/fd");
	}
	while (readdir(stream) != NULL) {
		count++;
	}
	(void)closedir(stream);
	return count;
}

/* Until what is idle has given back what it has. */
static void rest(void)
{
	const struct timespec three = {.tv_sec = 3};

	(void)nanosleep(&three, NULL);
}

static void measure_idle(dp_hub *hub)
{
	double kib;
	double files;

	publish(publishers[0]);
	flush(publishers[0]);
	rest();
	kib = read_status("VmRSS:");
	files = count_files();
	for (int i = 1; i < TOPICS; i++) {
		open_publisher(&publishers[i], hub, i);
		publish(publishers[i]);
		flush(publishers[i]);
	}
	rest();
	bench_value("memory of an idle topic", "bytes",
		(read_status("VmRSS:") - kib) * 1024 / (TOPICS - 1), 4096);
	bench_value("files open for 9,999 idle topics", "",
		count_files() - files, 0);
	bench_value("threads", "", read_status("Threads:"), 3);
}

static double publish_in_turn(void *arg)
{
	int topics = *(int *)arg;
	int64_t begin = bench_thread_now();
	double ns;

	for (int i = 0; i < EVENTS; i++) {
		publish(publishers[i / RUN % topics]);
	}
	ns = (double)(bench_thread_now() - begin) / EVENTS;
	for (int i = 0; i < topics; i++) {
		flush(publishers[i]);
	}
	return ns;
}

int main(void)
{
	char directory[64];
	char address[80];
	int all = TOPICS;
	int one = 1;
	const bench_side sides[] = {
		{"10,000 topics, 10 events each in turn", publish_in_turn, &all,
			0},
		{"1 topic", publish_in_turn, &one, 1.3},
	};
	dp_runtime *rt;
	dp_hub *hub;

	memset(payload, 'x', sizeof(payload));
	bench_mkdir(directory, sizeof(directory));
	(void)snprintf(address, sizeof(address), "log:%s", directory);
	if (dp_runtime_new(&rt, NULL, NULL) != DP_OK ||
		dp_hub_open(&hub, rt, address, NULL, NULL) != DP_OK) {
		bench_die("open");
	}
	open_publisher(&publishers[0], hub, 0);
	measure_idle(hub);
	bench_compare(
		"publish call, CPU of the caller", "ns", ROUNDS, sides, 2);
	for (int i = 0; i < TOPICS; i++) {
		dp_publisher_free(publishers[i]);
	}
	dp_hub_close(hub);
	dp_runtime_free(rt);
	bench_rmdir(directory);
	return 0;
}
