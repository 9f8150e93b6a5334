/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <datapipe/datapipe.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "bench.h"
#include "hub/log/log_hub.h"
#include "hub/log/scan.h"

/*
 * Reading a log that is in the page cache, events of 250 bytes, with all
 * checksums: the scan of its segments that recovery and dumps use, and what a
 * subscriber gets who pulls, reads and acks. Beside them a file of records
 * with a size and a checksum, read 256 KiB at a time ("plain"), and LMDB's
 * cursor, which checks nothing.
 */

enum {
	PAYLOAD = 250,
	RECORDS = 300000,
	COMMIT = 1000,
	PULL = 1000,
	ROUNDS = 15,
	PLAIN_READ = 256 << 10
};

static uint8_t payload[PAYLOAD];

/* Nanoseconds of this thread for each record: nobody waits here. */
static double cost(int64_t begin, int records)
{
	if (records != RECORDS) {
		bench_die("records are missing");
	}
	return (double)(bench_thread_now() - begin) / records;
}

static void need(int is_good, const char *what)
{
	if (!is_good) {
		bench_die(what);
	}
}

struct ours {
	char directory[64];
	dp_runtime *rt;
	dp_hub *hub;
	dp_subscription *keeper; /* reads nothing, so that all is kept */
	unsigned subscriptions;
};

static void ours_fill(struct ours *o)
{
	dp_publisher_options opts = DP_PUBLISHER_OPTIONS_INIT;
	dp_event ev = DP_EVENT_INIT;
	dp_publisher *pub;

	opts.topic = "bench";
	opts.source = "bench";
	need(dp_publisher_new(&pub, o->hub, &opts, NULL) == DP_OK, "publisher");
	ev.type = "shop.payment.v1.Captured";
	ev.payload.data = payload;
	ev.payload.size = PAYLOAD;
	for (int i = 0; i < RECORDS; i++) {
		need(dp_publisher_publish(pub, &ev, DP_FOREVER, NULL) == DP_OK,
			"publish");
	}
	need(dp_publisher_flush(pub, DP_FOREVER, NULL) == DP_OK, "flush");
	dp_publisher_free(pub);
}

static dp_subscription *open_subscription(struct ours *o, const char *name)
{
	dp_subscription_options opts = DP_SUBSCRIPTION_OPTIONS_INIT;
	dp_subscription *sub;

	opts.topics = "bench";
	need(dp_subscription_open(&sub, o->hub, name, &opts, NULL) == DP_OK,
		"subscription");
	return sub;
}

static void ours_open(struct ours *o)
{
	char address[80];

	bench_mkdir(o->directory, sizeof(o->directory));
	(void)snprintf(address, sizeof(address), "log:%s", o->directory);
	need(dp_runtime_new(&o->rt, NULL, NULL) == DP_OK &&
			dp_hub_open(&o->hub, o->rt, address, NULL, NULL) ==
				DP_OK,
		"open");
	o->keeper = open_subscription(o, "keeper");
	o->subscriptions = 0;
	ours_fill(o);
}

static void ours_close(struct ours *o)
{
	dp_subscription_close(o->keeper);
	dp_hub_close(o->hub);
	dp_runtime_free(o->rt);
	bench_rmdir(o->directory);
}

/* Up to `end`: behind it are zeros, which neither of the others has. */
static int scan_segment(
	const dpi_log_hub *hub, const dpi_segment *segment, uint64_t end)
{
	const uint8_t *record;
	uint64_t index;
	dpi_scan scan;
	int count;

	need(dpi_scan_init(&scan, hub->alloc, hub->os, segment, 0,
		     end - segment->header.base) == DP_OK,
		"scan");
	do {
		need(dpi_scan_next(&scan, &record, &index, NULL) == DP_OK,
			"scan");
	} while (record != NULL);
	count = (int)scan.events;
	dpi_scan_fini(&scan);
	return count;
}

static double ours_scan(void *arg)
{
	struct ours *o = arg;
	const dpi_log_hub *hub = (const dpi_log_hub *)o->hub;
	dpi_partition_name name = {"bench", 0};
	dpi_segment_owner owner = dpi_log_owner(hub, &name);
	uint64_t written = atomic_load(&hub->partitions->state->written);
	int64_t begin = bench_thread_now();
	dpi_segment_list list;
	int count = 0;

	need(dpi_segment_list_init(&list, hub->alloc, hub->os, hub->directory,
		     &name, NULL) == DP_OK,
		"list");
	for (size_t i = 0; i < list.count; i++) {
		dpi_segment segment;

		need(dpi_segment_open(&segment, hub->os, hub->directory, &owner,
			     list.bases[i], false, NULL) == DP_OK,
			"segment");
		count += scan_segment(hub, &segment,
			i + 1 < list.count ? list.bases[i + 1] : written);
		dpi_segment_close(&segment, hub->os);
	}
	dpi_segment_list_fini(&list, hub->alloc);
	return cost(begin, count);
}

static int take(dp_subscription *sub, const dp_batch *batch, unsigned *sum,
	int acks_each)
{
	size_t count = dp_batch_count(batch);

	for (size_t i = 0; i < count; i++) {
		const dp_message *msg = dp_batch_message(batch, i);

		*sum += *(const uint8_t *)dp_message_payload(msg).data;
		need(!acks_each || dp_subscription_ack(sub, msg, NULL) == DP_OK,
			"ack");
	}
	need(acks_each || dp_subscription_ack_batch(sub, batch, NULL) == DP_OK,
		"ack");
	return (int)count;
}

/* A subscription that is new reads all of the log. */
static double subscribe(struct ours *o, int acks_each)
{
	dp_subscription *sub;
	unsigned sum = 0;
	int count = 0;
	int64_t begin;
	char name[16];
	double each;

	(void)snprintf(name, sizeof(name), "sub-%u", o->subscriptions++);
	sub = open_subscription(o, name);
	begin = bench_thread_now();
	while (count < RECORDS) {
		dp_batch *batch;

		need(dp_subscription_pull(sub, &batch, PULL, DP_SECOND, NULL) ==
				DP_OK,
			"pull");
		count += take(sub, batch, &sum, acks_each);
		dp_batch_unref(batch);
	}
	each = cost(begin, count);
	need(sum > 0, "sum");
	dp_subscription_close(sub);
	need(dp_subscription_delete(o->hub, name, NULL) == DP_OK, "delete");
	return each;
}

static double ours_batches(void *arg)
{
	return subscribe(arg, 0);
}

static double ours_acks(void *arg)
{
	return subscribe(arg, 1);
}

struct plain {
	char directory[64];
	int fd;
	off_t end;
	uint8_t *buf;
};

/* As many bytes a record as ours has: size and checksum, then the rest. */
static size_t plain_put(uint8_t *to, size_t record_size)
{
	memset(to, 1, record_size);
	memcpy(to + 8, payload, PAYLOAD);
	dpi_store_u32(to, (uint32_t)record_size - 8);
	dpi_store_u32(to + 4, dpi_crc32c(0, to + 8, record_size - 8));
	return record_size;
}

static void plain_open(struct plain *p, size_t record_size)
{
	char path[80];

	bench_mkdir(p->directory, sizeof(p->directory));
	(void)snprintf(path, sizeof(path), "%s/plain", p->directory);
	p->fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	p->buf = calloc(1, 1 << 20);
	need(p->fd >= 0 && p->buf != NULL, "plain");
	p->end = 0;
	for (int i = 0; i < RECORDS; i += COMMIT) {
		size_t size = 0;

		for (int n = 0; n < COMMIT; n++) {
			size += plain_put(p->buf + size, record_size);
		}
		need(pwrite(p->fd, p->buf, size, p->end) == (ssize_t)size,
			"pwrite");
		p->end += (off_t)size;
	}
	need(fsync(p->fd) == 0, "fsync");
}

static void plain_close(struct plain *p)
{
	(void)close(p->fd);
	free(p->buf);
	bench_rmdir(p->directory);
}

static double plain_scan(void *arg)
{
	struct plain *p = arg;
	int64_t begin = bench_thread_now();
	size_t have = 0;
	off_t at = 0;
	int count = 0;

	while (at < p->end) {
		ssize_t n = pread(p->fd, p->buf + have, PLAIN_READ, at);
		size_t done = 0;

		need(n > 0, "pread");
		at += n;
		have += (size_t)n;
		while (have - done >= 8) {
			const uint8_t *record = p->buf + done;
			uint32_t size = dpi_load_u32(record);

			if (have - done < 8 + size) {
				break;
			}
			need(dpi_crc32c(0, record + 8, size) ==
					dpi_load_u32(record + 4),
				"checksum");
			done += 8 + size;
			count++;
		}
		memmove(p->buf, p->buf + done, have - done);
		have -= done;
	}
	return cost(begin, count);
}

struct lmdb {
	char directory[64];
	MDB_env *env;
	MDB_dbi dbi;
};

static void lmdb_fill(struct lmdb *l)
{
	MDB_txn *txn;

	need(mdb_txn_begin(l->env, NULL, 0, &txn) == 0 &&
			mdb_dbi_open(txn, NULL, MDB_INTEGERKEY, &l->dbi) == 0,
		"begin");
	for (uint64_t i = 0; i < RECORDS; i++) {
		MDB_val key = {sizeof(i), &i};
		MDB_val value = {PAYLOAD, payload};

		need(mdb_put(txn, l->dbi, &key, &value, MDB_APPEND) == 0,
			"put");
	}
	need(mdb_txn_commit(txn) == 0, "commit");
}

static void lmdb_open(struct lmdb *l)
{
	bench_mkdir(l->directory, sizeof(l->directory));
	need(mdb_env_create(&l->env) == 0 &&
			mdb_env_set_mapsize(l->env, (size_t)4 << 30) == 0 &&
			mdb_env_open(l->env, l->directory, 0, 0600) == 0,
		"lmdb");
	lmdb_fill(l);
}

static void lmdb_close(struct lmdb *l)
{
	mdb_env_close(l->env);
	bench_rmdir(l->directory);
}

static double lmdb_scan(void *arg)
{
	struct lmdb *l = arg;
	int64_t begin = bench_thread_now();
	MDB_cursor *cursor;
	unsigned sum = 0;
	MDB_val value;
	MDB_txn *txn;
	MDB_val key;
	int count = 0;

	need(mdb_txn_begin(l->env, NULL, MDB_RDONLY, &txn) == 0 &&
			mdb_cursor_open(txn, l->dbi, &cursor) == 0,
		"cursor");
	while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
		sum += *(const uint8_t *)value.mv_data;
		count++;
	}
	need(sum > 0, "sum");
	mdb_cursor_close(cursor);
	mdb_txn_abort(txn);
	return cost(begin, count);
}

static size_t record_size_of(const struct ours *o)
{
	dp_hub_stats stats = {.struct_size = sizeof(stats)};

	need(dp_hub_get_stats(o->hub, &stats, NULL) == DP_OK, "stats");
	return (size_t)(stats.appended_bytes / stats.appended_events);
}

int main(void)
{
	struct ours ours;
	struct plain plain;
	struct lmdb lmdb;
	const bench_side sides[] = {
		{"scan", ours_scan, &ours, 0},
		{"plain", plain_scan, &plain, 1.43},
		{"lmdb cursor", lmdb_scan, &lmdb, 0.83},
	};
	const bench_side subscriptions[] = {
		{"pull and ack batches", ours_batches, &ours, 0},
		{"pull and ack each", ours_acks, &ours, 0},
		{"plain", plain_scan, &plain, 0},
		{"lmdb cursor", lmdb_scan, &lmdb, 0},
	};

	memset(payload, 'x', sizeof(payload));
	ours_open(&ours);
	plain_open(&plain, record_size_of(&ours));
	lmdb_open(&lmdb);
	(void)printf("records of %zu bytes\n", record_size_of(&ours));
	bench_compare("scan with checksums, each", "ns", ROUNDS, sides, 3);
	bench_compare("subscription, each", "ns", ROUNDS, subscriptions, 4);
	lmdb_close(&lmdb);
	plain_close(&plain);
	ours_close(&ours);
	return 0;
}
