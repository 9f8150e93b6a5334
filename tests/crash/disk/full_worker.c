/* SPDX-License-Identifier: Apache-2.0 */
/*
 * full_worker DIR CYCLES: fills the disk that DIR is on with a log, and frees
 * it, again and again, by each policy in turn:
 *
 * - REJECT: events are refused with DP_ENOSPC once it is full
 * - BLOCK: they wait, as far as the deadline of the flush lets them, and
 *   complete when there is room
 * - DROP_OLDEST: all are taken; the oldest go, and are counted
 *
 * Reading frees the disk. All that was acknowledged comes, in order and once,
 * but for what was counted as dropped; then the log takes events again.
 * DIR has nothing else. Prints a line of figures.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <datapipe/datapipe.h>

enum { EVENTS_MAX = 20000, BURST = 50, SIZE = 4000, DROPS = 6000 };

typedef struct disk {
	dp_full_policy policy;
	dp_runtime *rt;
	dp_hub *hub;
	dp_subscription *sub;
	dp_publisher *pub;
	uint32_t given;
	uint64_t dropped_before;
	bool is_acked[EVENTS_MAX];
	bool is_done[EVENTS_MAX];
} disk;

static struct {
	uint64_t acked;
	uint64_t refused;
	uint64_t waited;
	uint64_t dropped;
} figures;

static void check(dp_status st, dp_error *err, const char *what)
{
	if (st != DP_OK) {
		(void)fprintf(stderr, "full_worker: %s: %s: %s\n", what,
			dp_status_name(st), dp_error_message(err));
		exit(1);
	}
}

static void broken(const disk *d, const char *what, uint64_t n)
{
	(void)fprintf(stderr, "full_worker: policy %d: %s: %" PRIu64 "\n",
		(int)d->policy, what, n);
	exit(1);
}

static void open_log(disk *d, const char *directory)
{
	static const char *const names[] = {"", "reject", "block", "drop"};
	dp_subscription_options sub = DP_SUBSCRIPTION_OPTIONS_INIT;
	dp_publisher_options pub = DP_PUBLISHER_OPTIONS_INIT;
	dp_hub_options opts = DP_HUB_OPTIONS_INIT;
	dp_error *err = NULL;
	char address[4096];

	(void)snprintf(address, sizeof(address), "log:%s/%s", directory,
		names[d->policy]);
	opts.segment_bytes = 1u << 20;
	opts.full_policy = d->policy;
	check(dp_hub_open(&d->hub, d->rt, address, &opts, &err), err, "hub");
	sub.topics = "*";
	check(dp_subscription_open(&d->sub, d->hub, "all", &sub, &err), err,
		"subscription");
	pub.topic = "t";
	pub.source = "full";
	pub.flags = DP_PUBLISHER_POLL;
	check(dp_publisher_new(&d->pub, d->hub, &pub, &err), err, "publisher");
}

static uint64_t dropped(const disk *d)
{
	dp_hub_stats stats = {.struct_size = sizeof(stats)};
	dp_error *err = NULL;

	check(dp_hub_get_stats(d->hub, &stats, &err), err, "stats");
	return stats.dropped_events;
}

static void hear(disk *d)
{
	dp_completion items[256];
	int64_t count;

	while ((count = dp_runtime_poll(d->rt, items, 256, 0)) > 0) {
		for (int64_t i = 0; i < count; i++) {
			uint32_t n = (uint32_t)(uintptr_t)items[i].tag;

			if (d->is_done[n]) {
				broken(d, "completed twice", n);
			}
			if (items[i].status != DP_OK &&
				items[i].status != DP_ENOSPC) {
				check(items[i].status, NULL, "completion");
			}
			d->is_done[n] = true;
			d->is_acked[n] = items[i].status == DP_OK;
			figures.acked += d->is_acked[n];
			figures.refused += !d->is_acked[n];
		}
	}
}

static dp_status publish(disk *d, dp_time_ns timeout_ns)
{
	static uint8_t payload[SIZE];
	dp_status st;

	for (int i = 0; i < BURST && d->given < EVENTS_MAX; i++) {
		dp_event ev = DP_EVENT_INIT;
		dp_error *err = NULL;

		memcpy(payload, &d->given, sizeof(d->given));
		ev.payload = (dp_bytes){payload, SIZE};
		ev.tag = (void *)(uintptr_t)d->given++;
		check(dp_publisher_publish(d->pub, &ev, DP_SECOND, &err), err,
			"publish");
	}
	st = dp_publisher_flush(d->pub, timeout_ns, NULL);
	hear(d);
	return st;
}

/* Until it is full, or until more has gone through than the disk has. */
static void fill(disk *d)
{
	dp_time_ns timeout_ns =
		d->policy == DP_FULL_BLOCK ? 300 * DP_MILLISECOND : DP_FOREVER;
	dp_status st = DP_OK;

	while (st == DP_OK && d->given < DROPS) {
		st = publish(d, timeout_ns);
	}
	if (d->policy == DP_FULL_DROP_OLDEST) {
		check(st, NULL, "an event that finds its room");
		if (dropped(d) == d->dropped_before) {
			broken(d, "nothing was dropped of", d->given);
		}
	} else if (st !=
		(d->policy == DP_FULL_BLOCK ? DP_ETIMEDOUT : DP_ENOSPC)) {
		check(st != DP_OK ? st : DP_EIO, NULL, "a full disk");
	}
	figures.waited += st == DP_ETIMEDOUT;
}

/* Reads what there is; returns how many of the acknowledged did not come. */
static uint64_t drain(disk *d, bool *has_come)
{
	dp_batch *batch = NULL;
	dp_error *err = NULL;
	uint64_t missing = 0;
	uint32_t next = 0;
	dp_status st;

	while ((st = dp_subscription_pull(d->sub, &batch, 500, 0, &err)) ==
		DP_OK) {
		for (size_t i = 0; i < dp_batch_count(batch); i++) {
			dp_bytes payload =
				dp_message_payload(dp_batch_message(batch, i));
			uint32_t n;

			memcpy(&n, payload.data, sizeof(n));
			if (payload.size != SIZE || n >= d->given || n < next ||
				has_come[n]) {
				broken(d, "not given, or again, or late", n);
			}
			next = n + 1;
			has_come[n] = true;
		}
		check(dp_subscription_ack_batch(d->sub, batch, NULL), NULL,
			"ack");
		dp_batch_unref(batch);
		hear(d);
	}
	if (st != DP_ETIMEDOUT) {
		check(st, err, "a pull");
	}
	dp_error_free(err);
	for (uint32_t n = 0; n < d->given; n++) {
		missing += d->is_acked[n] && !has_come[n];
	}
	return missing;
}

/* Has the file system give out again what was freed: one with a journal does
 * not before that has told the disk of it. */
static void settle(const char *directory)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || syncfs(fd) != 0 || close(fd) != 0) {
		check(DP_EIO, NULL, "syncfs");
	}
}

/* Those who wait get through once there is room; then so does anybody. */
static void go_on(disk *d, const char *directory)
{
	settle(directory);
	if (d->policy == DP_FULL_BLOCK) {
		check(dp_publisher_flush(d->pub, 10 * DP_SECOND, NULL), NULL,
			"a flush when there is room");
		hear(d);
		settle(directory);
	}
	check(publish(d, 10 * DP_SECOND), NULL, "an event when there is room");
}

static void run_cycle(disk *d, const char *directory)
{
	static bool has_come[EVENTS_MAX];
	uint64_t missing;

	memset(has_come, 0, sizeof(has_come));
	memset(d->is_acked, 0, sizeof(d->is_acked));
	memset(d->is_done, 0, sizeof(d->is_done));
	d->given = 0;
	open_log(d, directory);
	d->dropped_before = dropped(d);
	fill(d);
	(void)drain(d, has_come);
	go_on(d, directory);
	missing = drain(d, has_come);
	if (missing != dropped(d) - d->dropped_before) {
		broken(d, "dropped by the count",
			dropped(d) - d->dropped_before);
	}
	figures.dropped += missing;
	dp_publisher_free(d->pub);
	hear(d);
	dp_subscription_close(d->sub);
	dp_hub_close(d->hub);
	for (uint32_t n = 0; n < d->given; n++) {
		if (!d->is_done[n]) {
			broken(d, "never completed", n);
		}
	}
}

int main(int argc, char **argv)
{
	static disk d;
	dp_error *err = NULL;
	long cycles;

	if (argc != 3) {
		(void)fprintf(stderr, "full_worker: see its first comment\n");
		return 2;
	}
	cycles = strtol(argv[2], NULL, 10);
	check(dp_runtime_new(&d.rt, NULL, &err), err, "runtime");
	for (long i = 0; i < cycles; i++) {
		d.policy = (dp_full_policy)(DP_FULL_REJECT + i % 3);
		run_cycle(&d, argv[1]);
	}
	dp_runtime_free(d.rt);
	printf("filled and freed %ld times; acknowledged %" PRIu64
	       ", refused %" PRIu64 ", dropped and counted %" PRIu64
	       ", deadlines met %" PRIu64 "\n",
		cycles, figures.acked, figures.refused, figures.dropped,
		figures.waited);
	return 0;
}
