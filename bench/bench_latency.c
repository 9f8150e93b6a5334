/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <datapipe/datapipe.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "bench.h"

/*
 * From the time that an event was due to the time that it is known to be on
 * the disk, under a load that does not wait for it: a thread publishes events
 * of 250 bytes at a fixed rate. Ours says so by callback, on another thread, or
 * to a thread that does nothing but flush. Beside it, a thread that commits
 * whatever a double buffer has, with a checksum, to a file that
 * was written before ("plain"); and the same into a table of SQLite, with a
 * WAL that is synced by each commit ("outbox").
 */

enum {
	PAYLOAD = 250,
	EVENTS = 30000, /* in a round, at most */
	ROUNDS = 7,
	BUFFER_BYTES = 16 << 20,
	PLAIN_BYTES = 64 << 20,
	NAP_NS = 50000, /* the producer sleeps that long at least */
};

typedef enum measure {
	MEDIAN,
	P99,
	P999,
	CPU /* nanoseconds of all threads for each event */
} measure;

static uint8_t payload[PAYLOAD];

/* What is measured next, for all sides. */
static struct load {
	int rate;
	int events;
	measure measure;
	int64_t due[EVENTS];
	double late[EVENTS]; /* us */
} load;

static void need(int is_good, const char *what)
{
	if (!is_good) {
		bench_die(what);
	}
}

static int64_t cpu_now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void sleep_until(int64_t at)
{
	int64_t soonest = bench_now() + NAP_NS;
	struct timespec ts;

	at = at > soonest ? at : soonest;
	ts.tv_sec = at / 1000000000;
	ts.tv_nsec = at % 1000000000;
	(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

static double result(int64_t cpu)
{
	static const double PARTS[] = {0.5, 0.99, 0.999};

	if (load.measure == CPU) {
		return (double)cpu / load.events;
	}
	qsort(load.late, (size_t)load.events, sizeof(*load.late), ascending);
	return load.late[(int)(PARTS[load.measure] * load.events)];
}

/* One side: takes events, and waits until all are done. */
struct taker {
	void (*take)(void *self, int number);
	void (*wait)(void *self);
};

static double run_load(const struct taker *taker)
{
	int64_t cpu = cpu_now();
	int64_t begin = bench_now();
	int i = 0;

	for (int n = 0; n < load.events; n++) {
		load.due[n] = begin + (int64_t)n * 1000000000 / load.rate;
	}
	while (i < load.events) {
		if (bench_now() < load.due[i]) {
			sleep_until(load.due[i]);
			continue;
		}
		taker->take((void *)(uintptr_t)taker, i++);
	}
	taker->wait((void *)(uintptr_t)taker);
	return result(cpu_now() - cpu);
}

/* Event number is done. */
static void note(int number, int64_t now)
{
	load.late[number] = (double)(now - load.due[number]) / 1e3;
}

struct ours {
	struct taker taker; /* first */
	char directory[64];
	dp_runtime *rt;
	dp_hub *hub;
	dp_publisher *pub;
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t changed;
	int done;
};

static void hear(void *user, const dp_completion *items, size_t count)
{
	struct ours *o = user;
	int64_t now = bench_now();

	for (size_t i = 0; i < count; i++) {
		need(items[i].status == DP_OK, "an event failed");
		note((int)(uintptr_t)items[i].tag, now);
	}
	(void)pthread_mutex_lock(&o->lock);
	o->done += (int)count;
	if (o->done == load.events) {
		(void)pthread_cond_signal(&o->changed);
	}
	(void)pthread_mutex_unlock(&o->lock);
}

static void publish(struct ours *o, int number)
{
	dp_event ev = DP_EVENT_INIT;

	ev.type = "shop.payment.v1.Captured";
	ev.payload.data = payload;
	ev.payload.size = PAYLOAD;
	ev.tag = (void *)(uintptr_t)number;
	need(dp_publisher_publish(o->pub, &ev, DP_FOREVER, NULL) == DP_OK,
		"publish");
}

static void ours_take(void *self, int number)
{
	publish(self, number);
}

static void ours_wait(void *self)
{
	struct ours *o = self;

	(void)pthread_mutex_lock(&o->lock);
	while (o->done < load.events) {
		(void)pthread_cond_wait(&o->changed, &o->lock);
	}
	o->done = 0;
	(void)pthread_mutex_unlock(&o->lock);
}

static void ours_open(struct ours *o, dp_completion_fn on_completion)
{
	dp_publisher_options opts = DP_PUBLISHER_OPTIONS_INIT;
	char address[80];

	o->taker = (struct taker){ours_take, ours_wait};
	(void)pthread_mutex_init(&o->lock, NULL);
	(void)pthread_cond_init(&o->changed, NULL);
	o->done = 0;
	bench_mkdir(o->directory, sizeof(o->directory));
	(void)snprintf(address, sizeof(address), "log:%s", o->directory);
	opts.topic = "bench";
	opts.source = "bench";
	opts.ack = DP_ACK_DURABLE;
	/* Without it, somebody flushes. */
	opts.linger_ns = on_completion != NULL ? 1 : DP_SECOND;
	opts.on_completion = on_completion;
	opts.user = o;
	need(dp_runtime_new(&o->rt, NULL, NULL) == DP_OK &&
			dp_hub_open(&o->hub, o->rt, address, NULL, NULL) ==
				DP_OK &&
			dp_publisher_new(&o->pub, o->hub, &opts, NULL) == DP_OK,
		"open");
}

static void ours_close(struct ours *o)
{
	dp_publisher_free(o->pub);
	dp_hub_close(o->hub);
	dp_runtime_free(o->rt);
	bench_rmdir(o->directory);
	(void)pthread_cond_destroy(&o->changed);
	(void)pthread_mutex_destroy(&o->lock);
}

/* A double buffer, or a publisher, and a thread that commits what is there. */
struct committer {
	struct taker taker; /* first */
	void (*commit)(struct committer *c, const uint8_t *data, size_t size);
	char directory[64];
	int fd; /* of plain */
	off_t at;
	sqlite3 *db; /* of the outbox */
	sqlite3_stmt *insert;
	struct ours ours; /* of one that flushes */

	pthread_t thread;
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t changed;
	uint8_t *buffers[2]; /* the first one is filled */
	size_t size;
	int taken;
	int done;
	int must_stop;
};

static void commit_plain(struct committer *c, const uint8_t *data, size_t size)
{
	if (c->at + (off_t)size > PLAIN_BYTES) {
		c->at = 0;
	}
	need(pwrite(c->fd, data, size, c->at) == (ssize_t)size &&
			fdatasync(c->fd) == 0,
		"plain");
	c->at += (off_t)size;
}

static void commit_outbox(struct committer *c, const uint8_t *data, size_t size)
{
	(void)sqlite3_exec(c->db, "begin", NULL, NULL, NULL);
	for (size_t n = 0; n < size; n += 8 + PAYLOAD) {
		(void)sqlite3_bind_blob(
			c->insert, 1, data + n + 8, PAYLOAD, SQLITE_STATIC);
		need(sqlite3_step(c->insert) == SQLITE_DONE, "insert");
		(void)sqlite3_reset(c->insert);
	}
	need(sqlite3_exec(c->db, "commit", NULL, NULL, NULL) == SQLITE_OK,
		"commit");
}

static void commit_ours(struct committer *c, const uint8_t *data, size_t size)
{
	(void)data;
	(void)size;
	need(dp_publisher_flush(c->ours.pub, DP_FOREVER, NULL) == DP_OK,
		"flush");
}

static void finish(struct committer *c, int from, int to)
{
	int64_t now = bench_now();

	for (int i = from; i < to; i++) {
		note(i, now);
	}
	(void)pthread_mutex_lock(&c->lock);
	c->done = to;
	if (to == load.events) {
		(void)pthread_cond_broadcast(&c->changed);
	}
	(void)pthread_mutex_unlock(&c->lock);
}

static void *run_committer(void *arg)
{
	struct committer *c = arg;

	for (;;) {
		uint8_t *data;
		size_t size;
		int from;
		int to;

		(void)pthread_mutex_lock(&c->lock);
		while (c->size == 0 && !c->must_stop) {
			(void)pthread_cond_wait(&c->changed, &c->lock);
		}
		data = c->buffers[0];
		c->buffers[0] = c->buffers[1];
		c->buffers[1] = data;
		size = c->size;
		c->size = 0;
		from = c->done;
		to = c->taken;
		(void)pthread_mutex_unlock(&c->lock);
		if (size == 0) {
			return NULL;
		}
		c->commit(c, data, size);
		finish(c, from, to);
	}
}

static void committer_take(void *self, int number)
{
	struct committer *c = self;
	uint32_t crc = dpi_crc32c(0, payload, PAYLOAD);
	uint8_t *to;
	int is_first;

	(void)pthread_mutex_lock(&c->lock);
	to = c->buffers[0] + c->size;
	dpi_store_u32(to, PAYLOAD);
	dpi_store_u32(to + 4, crc);
	memcpy(to + 8, payload, PAYLOAD);
	is_first = c->size == 0;
	c->size += 8 + PAYLOAD;
	c->taken = number + 1;
	(void)pthread_mutex_unlock(&c->lock);
	if (is_first) {
		(void)pthread_cond_broadcast(&c->changed);
	}
}

static void flushed_take(void *self, int number)
{
	struct committer *c = self;
	int is_first;

	publish(&c->ours, number);
	(void)pthread_mutex_lock(&c->lock);
	is_first = c->size == 0;
	c->size++;
	c->taken = number + 1;
	(void)pthread_mutex_unlock(&c->lock);
	if (is_first) {
		(void)pthread_cond_broadcast(&c->changed);
	}
}

static void committer_wait(void *self)
{
	struct committer *c = self;

	(void)pthread_mutex_lock(&c->lock);
	while (c->done < load.events) {
		(void)pthread_cond_wait(&c->changed, &c->lock);
	}
	c->done = 0;
	c->taken = 0;
	(void)pthread_mutex_unlock(&c->lock);
}

static void committer_open(
	struct committer *c, void (*take)(void *self, int number))
{
	c->taker = (struct taker){take, committer_wait};
	(void)pthread_mutex_init(&c->lock, NULL);
	(void)pthread_cond_init(&c->changed, NULL);
	c->buffers[0] = calloc(1, BUFFER_BYTES);
	c->buffers[1] = calloc(1, BUFFER_BYTES);
	need(c->buffers[0] != NULL && c->buffers[1] != NULL &&
			pthread_create(&c->thread, NULL, run_committer, c) == 0,
		"committer");
}

static void committer_close(struct committer *c)
{
	(void)pthread_mutex_lock(&c->lock);
	c->must_stop = 1;
	(void)pthread_cond_broadcast(&c->changed);
	(void)pthread_mutex_unlock(&c->lock);
	(void)pthread_join(c->thread, NULL);
	free(c->buffers[0]);
	free(c->buffers[1]);
	(void)pthread_cond_destroy(&c->changed);
	(void)pthread_mutex_destroy(&c->lock);
}

static void plain_open(struct committer *c)
{
	static const uint8_t zeros[1 << 20];
	char path[80];

	c->commit = commit_plain;
	bench_mkdir(c->directory, sizeof(c->directory));
	(void)snprintf(path, sizeof(path), "%s/plain", c->directory);
	c->fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	for (off_t at = 0; at < PLAIN_BYTES; at += (off_t)sizeof(zeros)) {
		need(pwrite(c->fd, zeros, sizeof(zeros), at) ==
				(ssize_t)sizeof(zeros),
			"pwrite");
	}
	need(fsync(c->fd) == 0, "fsync");
	committer_open(c, committer_take);
}

static void plain_close(struct committer *c)
{
	committer_close(c);
	(void)close(c->fd);
	bench_rmdir(c->directory);
}

static void outbox_open(struct committer *c)
{
	char path[80];

	c->commit = commit_outbox;
	bench_mkdir(c->directory, sizeof(c->directory));
	(void)snprintf(path, sizeof(path), "%s/db", c->directory);
	need(sqlite3_open(path, &c->db) == SQLITE_OK &&
			sqlite3_exec(c->db,
				"pragma journal_mode=wal;"
				"pragma synchronous=full;"
				"create table outbox"
				"(seq integer primary key, data blob)",
				NULL, NULL, NULL) == SQLITE_OK &&
			sqlite3_prepare_v2(c->db,
				"insert into outbox(data) values(?)", -1,
				&c->insert, NULL) == SQLITE_OK,
		"sqlite");
	committer_open(c, committer_take);
}

static void outbox_close(struct committer *c)
{
	committer_close(c);
	(void)sqlite3_finalize(c->insert);
	(void)sqlite3_close(c->db);
	bench_rmdir(c->directory);
}

static void flushed_open(struct committer *c)
{
	c->commit = commit_ours;
	ours_open(&c->ours, NULL);
	committer_open(c, flushed_take);
}

static void flushed_close(struct committer *c)
{
	committer_close(c);
	ours_close(&c->ours);
}

static double run_side(void *arg)
{
	return run_load(arg);
}

static void compare(const char *what, int rate, measure measure,
	bench_side *sides, double plain_goal, double outbox_goal)
{
	char title[80];

	load.rate = rate;
	load.events = rate / 10 * 3;
	load.measure = measure;
	sides[1].goal = plain_goal;
	sides[2].goal = outbox_goal;
	(void)snprintf(title, sizeof(title), "publish to durable, %d/s, %s",
		rate, what);
	bench_compare(title, measure == CPU ? "ns" : "us", ROUNDS, sides, 3);
}

int main(void)
{
	static struct ours ours;
	static struct committer flushed;
	static struct committer plain;
	static struct committer outbox;
	bench_side sides[] = {
		{"ours, by callback", run_side, &ours, 0},
		{"plain committer", run_side, &plain, 0},
		{"SQLite outbox", run_side, &outbox, 0},
	};

	memset(payload, 'x', sizeof(payload));
	(void)prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0);
	ours_open(&ours, hear);
	flushed_open(&flushed);
	plain_open(&plain);
	outbox_open(&outbox);
	compare("median", 100000, MEDIAN, sides, 1.25, 0);
	compare("p99", 100000, P99, sides, 0, 0.5);
	compare("p99.9", 100000, P999, sides, 0, 0);
	compare("CPU per event", 100000, CPU, sides, 0, 0);
	compare("median", 10000, MEDIAN, sides, 0, 0);
	compare("p99", 10000, P99, sides, 0, 0);
	sides[0].name = "ours, by flush";
	sides[0].arg = &flushed;
	compare("median", 100000, MEDIAN, sides, 1.25, 0);
	compare("p99", 100000, P99, sides, 0, 0.5);
	outbox_close(&outbox);
	plain_close(&plain);
	flushed_close(&flushed);
	ours_close(&ours);
	return 0;
}
