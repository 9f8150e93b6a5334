/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <datapipe/datapipe.h>

#include "bench.h"

/*
 * How long an event takes from its publish call to a thread that waits for it
 * in dp_subscription_pull(), at 10,000 events a second, beside one way of a
 * futex at the same pace. A producer that is late because a call took long
 * counts from when it should have called; it sleeps in between, as does who
 * waits: nothing spins.
 *
 * All sides have two modes, as schedulers put both threads on one processor: who
 * waits runs at once, or after the producer has gone to sleep. On a virtual
 * machine that takes 10 us more, as setting the timer leaves the machine. Who
 * runs shorter runs at once more often, so that the futex's median is of the
 * first mode; ours changes over with a microsecond of work more or less.
 */

enum {
	PAYLOAD = 250,
	PERIOD = 100000, /* nanoseconds from one event to the next */
	EVENTS = 4000,   /* in a round */
	ROUNDS = 9,
	FUTEX_WAYS = 3
};

/* What a receiver has measured, where the producer sees it. */
struct box {
	_Atomic uint32_t count;
	int64_t nanos[EVENTS];
};

static void need(int is_good, const char *what)
{
	if (!is_good) {
		bench_die(what);
	}
}

static struct box *box_new(void)
{
	struct box *box = mmap(NULL, sizeof(*box), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	need(box != MAP_FAILED, "mmap");
	return box;
}

static void box_put(struct box *box, int64_t since)
{
	uint32_t count = atomic_load(&box->count);

	if (count < EVENTS) {
		box->nanos[count] = bench_now() - since;
		atomic_store(&box->count, count + 1);
	}
}

static int ascending(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a;
	int64_t y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void sleep_until(int64_t at)
{
	struct timespec ts = {
		.tv_sec = at / 1000000000, .tv_nsec = at % 1000000000};

	(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

/* Waits until all of a round is there; its median in microseconds. */
static double box_take(struct box *box)
{
	int64_t nanos[EVENTS];

	for (int i = 0; atomic_load(&box->count) < EVENTS; i++) {
		need(i < 5000, "events are missing");
		sleep_until(bench_now() + 1000000);
	}
	memcpy(nanos, box->nanos, sizeof(nanos));
	qsort(nanos, EVENTS, sizeof(*nanos), ascending);
	return (double)nanos[EVENTS / 2] / 1e3;
}

/* Calls send() at the pace, with the time to count from. */
static void produce(void (*send)(void *arg, int64_t since), void *arg)
{
	int64_t at = bench_now() + PERIOD;

	for (int i = 0; i < EVENTS; i++, at += PERIOD) {
		int64_t now = bench_now();

		if (now < at) {
			sleep_until(at);
			now = bench_now();
		} else {
			now = at;
		}
		send(arg, now);
	}
}

struct ping {
	_Atomic uint32_t word;
	_Atomic int64_t since;
	struct box *box;
	pthread_t thread;
};

static void *ping_wait(void *arg)
{
	struct ping *ping = arg;
	uint32_t seen = 0;

	for (;;) {
		(void)syscall(SYS_futex, &ping->word, FUTEX_WAIT, seen, NULL,
			NULL, 0);
		if (atomic_load(&ping->word) != seen) {
			seen = atomic_load(&ping->word);
			box_put(ping->box, atomic_load(&ping->since));
		}
	}
	return NULL;
}

static void ping_send(void *arg, int64_t since)
{
	struct ping *ping = arg;

	atomic_store(&ping->since, since);
	(void)atomic_fetch_add(&ping->word, 1);
	(void)syscall(SYS_futex, &ping->word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void ping_open(struct ping *ping)
{
	*ping = (struct ping){.box = box_new()};
	need(pthread_create(&ping->thread, NULL, ping_wait, ping) == 0,
		"thread");
}

/* One that is still busy when the next one comes loses it: fill up. */
static double ping_run(void *arg)
{
	struct ping *ping = arg;

	atomic_store(&ping->box->count, 0);
	produce(ping_send, ping);
	while (atomic_load(&ping->box->count) < EVENTS) {
		ping_send(ping, bench_now());
		sleep_until(bench_now() + PERIOD);
	}
	return box_take(ping->box);
}

struct setup {
	const char *name;
	const char *address; /* NULL: a log */
	dp_ack level;        /* of the publisher and of the reader */
	int is_elsewhere;    /* the reader is another process */
	int flushes;         /* each event, on the producer's thread */
	int is_reported;     /* by a completion, too */

	char directory[64];
	char log[80];
	dp_runtime *rt;
	dp_hub *hub;
	dp_publisher *pub;
	struct box *delivered;
	struct box *completed;
	dp_subscription *sub;
	pthread_t thread;
	pid_t child;
};

static dp_subscription *subscribe(const struct setup *s, dp_hub *hub)
{
	dp_subscription_options opts = DP_SUBSCRIPTION_OPTIONS_INIT;
	dp_subscription *sub;

	opts.topics = "bench";
	opts.read_level = s->level;
	need(dp_subscription_open(&sub, hub, "reader", &opts, NULL) == DP_OK,
		"subscription");
	return sub;
}

static void deliver(struct box *box, const dp_batch *batch)
{
	for (size_t i = 0; i < dp_batch_count(batch); i++) {
		int64_t since;

		memcpy(&since,
			dp_message_payload(dp_batch_message(batch, i)).data,
			sizeof(since));
		box_put(box, since);
	}
}

/* Until it is interrupted. */
static void read_all(dp_subscription *sub, struct box *box)
{
	dp_batch *batch;

	while (dp_subscription_pull(sub, &batch, 1000, DP_FOREVER, NULL) ==
		DP_OK) {
		deliver(box, batch);
		(void)dp_subscription_ack_batch(sub, batch, NULL);
		dp_batch_unref(batch);
	}
}

static void *read_here(void *arg)
{
	struct setup *s = arg;

	read_all(s->sub, s->delivered);
	return NULL;
}

static void read_elsewhere(const struct setup *s)
{
	dp_runtime *rt;
	dp_hub *hub;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	need(dp_runtime_new(&rt, NULL, NULL) == DP_OK &&
			dp_hub_open(&hub, rt, s->log, NULL, NULL) == DP_OK,
		"open");
	read_all(subscribe(s, hub), s->delivered);
	exit(0);
}

static void note_completion(
	void *user, const dp_completion *items, size_t count)
{
	struct box *box = user;

	for (size_t i = 0; i < count; i++) {
		box_put(box, (int64_t)(intptr_t)items[i].tag);
	}
}

static void open_publisher(struct setup *s)
{
	dp_publisher_options opts = DP_PUBLISHER_OPTIONS_INIT;

	opts.topic = "bench";
	opts.source = "bench";
	opts.ack = s->level;
	opts.linger_ns = s->flushes ? DP_SECOND : 1;
	if (s->is_reported) {
		opts.on_completion = note_completion;
		opts.user = s->completed;
	}
	need(dp_publisher_new(&s->pub, s->hub, &opts, NULL) == DP_OK,
		"publisher");
}

static void setup_fork(struct setup *s)
{
	bench_mkdir(s->directory, sizeof(s->directory));
	(void)snprintf(s->log, sizeof(s->log), "log:%s", s->directory);
	s->delivered = box_new();
	s->completed = box_new();
	if (s->is_elsewhere) {
		s->child = fork();
		need(s->child >= 0, "fork");
	}
	if (s->is_elsewhere && s->child == 0) {
		read_elsewhere(s);
	}
}

static void setup_open(struct setup *s)
{
	const char *address = s->address != NULL ? s->address : s->log;

	need(dp_runtime_new(&s->rt, NULL, NULL) == DP_OK &&
			dp_hub_open(&s->hub, s->rt, address, NULL, NULL) ==
				DP_OK,
		"open");
	open_publisher(s);
	if (!s->is_elsewhere) {
		s->sub = subscribe(s, s->hub);
		need(pthread_create(&s->thread, NULL, read_here, s) == 0,
			"thread");
	}
}

static void setup_close(struct setup *s)
{
	if (s->is_elsewhere) {
		(void)kill(s->child, SIGKILL);
		(void)waitpid(s->child, NULL, 0);
	} else {
		dp_subscription_interrupt(s->sub);
		(void)pthread_join(s->thread, NULL);
		dp_subscription_close(s->sub);
	}
	dp_publisher_free(s->pub);
	dp_hub_close(s->hub);
	dp_runtime_free(s->rt);
	bench_rmdir(s->directory);
}

static void setup_send(void *arg, int64_t since)
{
	struct setup *s = arg;
	dp_event ev = DP_EVENT_INIT;
	uint8_t payload[PAYLOAD] = {0};

	memcpy(payload, &since, sizeof(since));
	ev.type = "shop.payment.v1.Captured";
	ev.payload.data = payload;
	ev.payload.size = PAYLOAD;
	ev.tag = (void *)(intptr_t)since;
	need(dp_publisher_publish(s->pub, &ev, DP_FOREVER, NULL) == DP_OK,
		"publish");
	need(!s->flushes ||
			dp_publisher_flush(s->pub, DP_FOREVER, NULL) == DP_OK,
		"flush");
}

static double setup_run(void *arg)
{
	struct setup *s = arg;

	atomic_store(&s->delivered->count, 0);
	atomic_store(&s->completed->count, 0);
	produce(setup_send, s);
	return box_take(s->delivered);
}

/* What the run before has measured. */
static double setup_completed(void *arg)
{
	const struct setup *s = arg;

	return box_take(s->completed);
}

static void compare(struct setup *s, struct ping *ping)
{
	const bench_side sides[] = {
		{"publish to subscriber", setup_run, s, 0},
		{"one way of a futex", ping_run, ping, FUTEX_WAYS},
		{"publish to completion", setup_completed, s, 1.3},
	};
	const bench_side durable[] = {sides[0], sides[2], sides[1]};

	if (s->is_reported) {
		bench_compare(s->name, "us", ROUNDS, durable, 2);
	} else {
		bench_compare(s->name, "us", ROUNDS, sides, 2);
	}
}

int main(int argc, char **argv)
{
	struct setup setups[] = {
		{.name = "log, written, in one process",
			.level = DP_ACK_WRITTEN},
		{.name = "log, written, flushed by the producer",
			.level = DP_ACK_WRITTEN,
			.flushes = 1},
		{.name = "log, written, to another process",
			.level = DP_ACK_WRITTEN,
			.is_elsewhere = 1},
		{.name = "log, durable, in one process",
			.level = DP_ACK_DURABLE,
			.is_reported = 1},
		{.name = "memory, in one process",
			.address = "memory:bench",
			.level = DP_ACK_WRITTEN},
	};
	const size_t count = sizeof(setups) / sizeof(*setups);
	struct ping ping;

	(void)prctl(PR_SET_TIMERSLACK, 1);
	for (size_t i = 0; i < count; i++) {
		setup_fork(&setups[i]);
	}
	ping_open(&ping);
	for (size_t i = 0; i < count; i++) {
		if (argc < 2 || strstr(setups[i].name, argv[1]) != NULL) {
			setup_open(&setups[i]);
			compare(&setups[i], &ping);
			setup_close(&setups[i]);
		}
	}
	return 0;
}
