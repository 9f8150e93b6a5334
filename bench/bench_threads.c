/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <pthread.h>
#include <rocksdb/c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <datapipe/datapipe.h>

#include "bench.h"

/*
 * Threads that each wait until their own record of 250 bytes is on the disk:
 * how well commits are shared. Beside RocksDB's synced writes, and the least
 * that such a thing can do: one lock, one buffer, one leader at the disk.
 */

enum { RECORDS = 16384, PAYLOAD = 250, THREADS_MAX = 64, ROUNDS = 7 };
enum { PLAIN_BYTES = 64 << 20, ZEROES = 1 << 20 };

static char payload[PAYLOAD];

typedef void (*put_fn)(void *to);

struct worker {
	put_fn put;
	void *to;
	int count;
};

static void *put_all(void *arg)
{
	struct worker *w = arg;

	for (int i = 0; i < w->count; i++) {
		w->put(w->to);
	}
	return NULL;
}

/* Returns microseconds for each record. */
static double run_threads(put_fn put, void *to, int count)
{
	struct worker w = {.put = put, .to = to, .count = RECORDS / count};
	pthread_t threads[THREADS_MAX];
	int64_t begin = bench_now();

	for (int i = 0; i < count; i++) {
		if (pthread_create(&threads[i], NULL, put_all, &w) != 0) {
			bench_die("pthread_create");
		}
	}
	for (int i = 0; i < count; i++) {
		(void)pthread_join(threads[i], NULL);
	}
	return (double)(bench_now() - begin) / 1000 / RECORDS;
}

struct setting {
	char directory[64];
	int threads;

	dp_runtime *rt;
	dp_hub *hub;
	dp_publisher *pub;

	rocksdb_t *db;
	rocksdb_options_t *options;
	rocksdb_writeoptions_t *synced;
	uint64_t key;

	int fd;
	pthread_mutex_t lock;
	pthread_cond_t moved;
	char *buffers[2];
	size_t used;
	uint64_t end; /* of the file, after what is being written */
	uint64_t added;
	uint64_t durable;
	int writing;
};

static void put_ours(void *to)
{
	struct setting *s = to;
	dp_event ev = DP_EVENT_INIT;

	ev.type = "shop.payment.v1.Captured";
	ev.payload.data = payload;
	ev.payload.size = PAYLOAD;
	if (dp_publisher_publish(s->pub, &ev, DP_FOREVER, NULL) != DP_OK ||
		dp_publisher_flush(s->pub, DP_FOREVER, NULL) != DP_OK) {
		bench_die("publish");
	}
}

static void open_ours(struct setting *s)
{
	dp_publisher_options opts = DP_PUBLISHER_OPTIONS_INIT;
	char address[128];

	(void)snprintf(address, sizeof(address), "log:%s/hub", s->directory);
	opts.topic = "bench";
	opts.source = "bench";
	if (dp_runtime_new(&s->rt, NULL, NULL) != DP_OK ||
		dp_hub_open(&s->hub, s->rt, address, NULL, NULL) != DP_OK ||
		dp_publisher_new(&s->pub, s->hub, &opts, NULL) != DP_OK) {
		bench_die("open");
	}
}

static void put_rocksdb(void *to)
{
	struct setting *s = to;
	uint64_t key = __atomic_fetch_add(&s->key, 1, __ATOMIC_RELAXED);
	char *text = NULL;

	rocksdb_put(s->db, s->synced, (const char *)&key, sizeof(key), payload,
		PAYLOAD, &text);
	if (text != NULL) {
		bench_die(text);
	}
}

static void open_rocksdb(struct setting *s)
{
	char path[128];
	char *text = NULL;

	(void)snprintf(path, sizeof(path), "%s/rocksdb", s->directory);
	s->options = rocksdb_options_create();
	rocksdb_options_set_create_if_missing(s->options, 1);
	rocksdb_options_set_compression(s->options, rocksdb_no_compression);
	s->db = rocksdb_open(s->options, path, &text);
	if (s->db == NULL) {
		bench_die(text);
	}
	s->synced = rocksdb_writeoptions_create();
	rocksdb_writeoptions_set_sync(s->synced, 1);
}

/* Has the lock, and again at the end. */
static void write_plain(struct setting *s)
{
	char *buffer = s->buffers[0];
	size_t used = s->used;
	uint64_t covers = s->added;

	s->writing = 1;
	s->buffers[0] = s->buffers[1];
	s->buffers[1] = buffer;
	s->used = 0;
	if (s->end + used > PLAIN_BYTES) {
		s->end = 0;
	}
	(void)pthread_mutex_unlock(&s->lock);
	if (pwrite(s->fd, buffer, used, (off_t)s->end) != (ssize_t)used ||
		fdatasync(s->fd) != 0) {
		bench_die("pwrite");
	}
	(void)pthread_mutex_lock(&s->lock);
	s->end += used;
	s->durable = covers;
	s->writing = 0;
	(void)pthread_cond_broadcast(&s->moved);
}

static void put_plain(void *to)
{
	struct setting *s = to;
	uint64_t mine;

	(void)pthread_mutex_lock(&s->lock);
	memcpy(s->buffers[0] + s->used, payload, PAYLOAD);
	s->used += PAYLOAD;
	mine = ++s->added;
	while (s->durable < mine) {
		if (s->writing) {
			(void)pthread_cond_wait(&s->moved, &s->lock);
		} else {
			write_plain(s);
		}
	}
	(void)pthread_mutex_unlock(&s->lock);
}

static void open_plain(struct setting *s)
{
	char path[128];
	char *zeroes = calloc(1, ZEROES);

	(void)snprintf(path, sizeof(path), "%s/plain", s->directory);
	s->fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	s->buffers[0] = malloc(PAYLOAD * THREADS_MAX);
	s->buffers[1] = malloc(PAYLOAD * THREADS_MAX);
	if (s->fd < 0 || zeroes == NULL || s->buffers[0] == NULL ||
		s->buffers[1] == NULL) {
		bench_die("plain");
	}
	for (int i = 0; i < PLAIN_BYTES / ZEROES; i++) {
		if (write(s->fd, zeroes, ZEROES) != ZEROES) {
			bench_die("write");
		}
	}
	free(zeroes);
	(void)fsync(s->fd);
	(void)pthread_mutex_init(&s->lock, NULL);
	(void)pthread_cond_init(&s->moved, NULL);
}

static double run_ours(void *arg)
{
	struct setting *s = arg;

	return run_threads(put_ours, s, s->threads);
}

static double run_rocksdb(void *arg)
{
	struct setting *s = arg;

	return run_threads(put_rocksdb, s, s->threads);
}

static double run_plain(void *arg)
{
	struct setting *s = arg;

	return run_threads(put_plain, s, s->threads);
}

static void close_all(struct setting *s)
{
	dp_publisher_free(s->pub);
	dp_hub_close(s->hub);
	dp_runtime_free(s->rt);
	rocksdb_writeoptions_destroy(s->synced);
	rocksdb_close(s->db);
	rocksdb_options_destroy(s->options);
	free(s->buffers[0]);
	free(s->buffers[1]);
	(void)close(s->fd);
	bench_rmdir(s->directory);
}

int main(void)
{
	static struct setting s;
	bench_side sides[] = {
		{"ours", run_ours, &s, 0},
		{"RocksDB", run_rocksdb, &s, 0.71},
		{"plain group commit", run_plain, &s, 1.11},
	};

	memset(payload, 'x', sizeof(payload));
	bench_mkdir(s.directory, sizeof(s.directory));
	open_ours(&s);
	open_rocksdb(&s);
	open_plain(&s);
	s.threads = 8;
	bench_compare(
		"durable record, 8 waiting threads", "us", ROUNDS, sides, 3);
	s.threads = THREADS_MAX;
	sides[1].goal = 0.63;
	bench_compare(
		"durable record, 64 waiting threads", "us", ROUNDS, sides, 3);
	close_all(&s);
	return 0;
}
