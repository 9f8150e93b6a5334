/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <lmdb.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <datapipe/datapipe.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "bench.h"

/*
 * The log as a publisher sees it, events of 250 bytes, beside what can be had
 * of the same disk: a file into which one thread writes records with a
 * checksum, and syncs ("plain"); SQLite with a WAL that is synced by each
 * commit; LMDB.
 *
 * Durable commits are measured in a log that has reached its retention_bytes,
 * so that it writes into old segments, as plain does into a file that was
 * written before; those of the page cache in files that grow.
 */

enum {
	PAYLOAD = 250,
	ROUNDS = 9,
	SINGLES = 500, /* commits of one record in a round */
	BULK = 1000,   /* records of a bulk commit */
	BULKS = 30,    /* bulk commits in a round */
	PAGE_CACHE = 256,
	CACHED = 100, /* writes to the page cache in a round */
	SEGMENT_BYTES = 32 << 20,
	KEPT_BYTES = 64 << 20,
	PLAIN_BYTES = 256 << 20
};

static const char TYPE[] = "shop.payment.v1.Captured";
static const char SOURCE[] = "bench";
static uint8_t payload[PAYLOAD];

/* Nanoseconds for each record. */
static double cost(int64_t begin, int records)
{
	return (double)(bench_now() - begin) / records;
}

static void need(int is_good, const char *what)
{
	if (!is_good) {
		bench_die(what);
	}
}

struct ours {
	char directory[64];
	char address[80];
	dp_runtime *rt;
	dp_hub *hub;
	dp_publisher *pub;
};

static void ours_open(struct ours *o, dp_ack ack, uint64_t kept_bytes)
{
	dp_publisher_options opts = DP_PUBLISHER_OPTIONS_INIT;
	dp_hub_options hub_opts = DP_HUB_OPTIONS_INIT;

	bench_mkdir(o->directory, sizeof(o->directory));
	(void)snprintf(o->address, sizeof(o->address), "log:%s", o->directory);
	opts.topic = "bench";
	opts.source = SOURCE;
	opts.ack = ack;
	opts.linger_ns = DP_SECOND;
	opts.batch_bytes = 16u << 20;
	hub_opts.segment_bytes = SEGMENT_BYTES;
	hub_opts.retention_bytes = kept_bytes;
	need(dp_runtime_new(&o->rt, NULL, NULL) == DP_OK &&
			dp_hub_open(&o->hub, o->rt, o->address, &hub_opts,
				NULL) == DP_OK &&
			dp_publisher_new(&o->pub, o->hub, &opts, NULL) == DP_OK,
		"open");
}

static void ours_close(struct ours *o)
{
	dp_publisher_free(o->pub);
	dp_hub_close(o->hub);
	dp_runtime_free(o->rt);
	bench_rmdir(o->directory);
}

static void ours_commit(struct ours *o, int records)
{
	dp_event ev = DP_EVENT_INIT;

	ev.type = TYPE;
	ev.payload.data = payload;
	ev.payload.size = PAYLOAD;
	for (int i = 0; i < records; i++) {
		need(dp_publisher_publish(o->pub, &ev, DP_FOREVER, NULL) ==
				DP_OK,
			"publish");
	}
	need(dp_publisher_flush(o->pub, DP_FOREVER, NULL) == DP_OK, "flush");
}

static double ours_commits(void *arg, int commits, int records)
{
	int64_t begin = bench_now();

	for (int i = 0; i < commits; i++) {
		ours_commit(arg, records);
	}
	return cost(begin, commits * records);
}

/* Until segments are written again that were written before. */
static void ours_fill(struct ours *o)
{
	const int records = 2 * (KEPT_BYTES + SEGMENT_BYTES) / PAYLOAD;

	for (int i = 0; i < records; i += BULK) {
		ours_commit(o, BULK);
	}
}

struct plain {
	char directory[64];
	int fd;
	off_t at;
	uint8_t *buf;
};

static void plain_open(struct plain *p, off_t prepared)
{
	char path[80];

	bench_mkdir(p->directory, sizeof(p->directory));
	(void)snprintf(path, sizeof(path), "%s/plain", p->directory);
	p->fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	p->buf = calloc(1, 1 << 20);
	need(p->fd >= 0 && p->buf != NULL, "plain");
	for (off_t at = 0; at < prepared; at += 1 << 20) {
		need(pwrite(p->fd, p->buf, 1 << 20, at) == 1 << 20, "pwrite");
	}
	need(fsync(p->fd) == 0, "fsync");
	p->at = 0;
}

static void plain_close(struct plain *p)
{
	(void)close(p->fd);
	free(p->buf);
	bench_rmdir(p->directory);
}

/* As many bytes a record as ours has: length and checksum, then the rest. */
static size_t plain_put(uint8_t *to)
{
	const size_t size = PAYLOAD + 32;

	dpi_store_u32(to, (uint32_t)size);
	memcpy(to + 8, payload, PAYLOAD);
	memset(to + 8 + PAYLOAD, 1, size - PAYLOAD);
	dpi_store_u32(to + 4, dpi_crc32c(0, to + 8, size));
	return size + 8;
}

static void plain_commit(struct plain *p, int records, int is_durable)
{
	size_t size = 0;

	for (int i = 0; i < records; i++) {
		size += plain_put(p->buf + size);
	}
	if (p->at + (off_t)size > PLAIN_BYTES) {
		p->at = 0;
	}
	need(pwrite(p->fd, p->buf, size, p->at) == (ssize_t)size, "pwrite");
	p->at += (off_t)size;
	need(!is_durable || fdatasync(p->fd) == 0, "fdatasync");
}

static double plain_commits(void *arg, int commits, int records, int is_durable)
{
	int64_t begin = bench_now();

	for (int i = 0; i < commits; i++) {
		plain_commit(arg, records, is_durable);
	}
	return cost(begin, commits * records);
}

struct lite {
	char directory[64];
	sqlite3 *db;
	sqlite3_stmt *insert;
};

static void lite_open(struct lite *l)
{
	char path[80];

	bench_mkdir(l->directory, sizeof(l->directory));
	(void)snprintf(path, sizeof(path), "%s/db", l->directory);
	need(sqlite3_open(path, &l->db) == SQLITE_OK &&
			sqlite3_exec(l->db,
				"pragma journal_mode=wal;"
				"pragma synchronous=full;"
				"create table log"
				"(seq integer primary key, data blob)",
				NULL, NULL, NULL) == SQLITE_OK &&
			sqlite3_prepare_v2(l->db,
				"insert into log(data) values(?)", -1,
				&l->insert, NULL) == SQLITE_OK,
		"sqlite");
}

static void lite_close(struct lite *l)
{
	(void)sqlite3_finalize(l->insert);
	(void)sqlite3_close(l->db);
	bench_rmdir(l->directory);
}

static double lite_commits(void *arg, int commits, int records)
{
	struct lite *l = arg;
	int64_t begin = bench_now();

	for (int i = 0; i < commits; i++) {
		(void)sqlite3_exec(l->db, "begin", NULL, NULL, NULL);
		for (int n = 0; n < records; n++) {
			(void)sqlite3_bind_blob(
				l->insert, 1, payload, PAYLOAD, SQLITE_STATIC);
			need(sqlite3_step(l->insert) == SQLITE_DONE, "insert");
			(void)sqlite3_reset(l->insert);
		}
		need(sqlite3_exec(l->db, "commit", NULL, NULL, NULL) ==
				SQLITE_OK,
			"commit");
	}
	return cost(begin, commits * records);
}

struct lmdb {
	char directory[64];
	MDB_env *env;
	MDB_dbi dbi;
	uint64_t key;
};

static void lmdb_open(struct lmdb *l)
{
	MDB_txn *txn;

	bench_mkdir(l->directory, sizeof(l->directory));
	need(mdb_env_create(&l->env) == 0 &&
			mdb_env_set_mapsize(l->env, (size_t)4 << 30) == 0 &&
			mdb_env_open(l->env, l->directory, 0, 0600) == 0 &&
			mdb_txn_begin(l->env, NULL, 0, &txn) == 0 &&
			mdb_dbi_open(txn, NULL, MDB_INTEGERKEY, &l->dbi) == 0 &&
			mdb_txn_commit(txn) == 0,
		"lmdb");
	l->key = 0;
}

static void lmdb_close(struct lmdb *l)
{
	mdb_env_close(l->env);
	bench_rmdir(l->directory);
}

static double lmdb_commits(void *arg, int commits, int records)
{
	struct lmdb *l = arg;
	int64_t begin = bench_now();
	MDB_txn *txn;

	for (int i = 0; i < commits; i++) {
		need(mdb_txn_begin(l->env, NULL, 0, &txn) == 0, "begin");
		for (int n = 0; n < records; n++) {
			MDB_val key = {sizeof(l->key), &l->key};
			MDB_val value = {PAYLOAD, payload};

			l->key++;
			need(mdb_put(txn, l->dbi, &key, &value, MDB_APPEND) ==
					0,
				"put");
		}
		need(mdb_txn_commit(txn) == 0, "commit");
	}
	return cost(begin, commits * records);
}

static double ours_single(void *arg)
{
	return ours_commits(arg, SINGLES, 1);
}

static double plain_single(void *arg)
{
	return plain_commits(arg, SINGLES, 1, 1);
}

static double lite_single(void *arg)
{
	return lite_commits(arg, SINGLES, 1);
}

static double ours_bulk(void *arg)
{
	return ours_commits(arg, BULKS, BULK);
}

static double plain_bulk(void *arg)
{
	return plain_commits(arg, BULKS, BULK, 1);
}

static double lite_bulk(void *arg)
{
	return lite_commits(arg, BULKS, BULK);
}

static double lmdb_bulk(void *arg)
{
	return lmdb_commits(arg, BULKS, BULK);
}

static double ours_cached(void *arg)
{
	return ours_commits(arg, CACHED, PAGE_CACHE);
}

static double plain_cached(void *arg)
{
	return plain_commits(arg, CACHED, PAGE_CACHE, 0);
}

static void compare_durable(void)
{
	struct ours ours;
	struct plain plain;
	struct lite lite;
	struct lmdb lmdb;
	const bench_side single[] = {
		{"ours", ours_single, &ours, 0},
		{"plain", plain_single, &plain, 1.11},
		{"sqlite", lite_single, &lite, 0.74},
	};
	const bench_side bulk[] = {
		{"ours", ours_bulk, &ours, 0},
		{"plain", plain_bulk, &plain, 1.43},
		{"lmdb", lmdb_bulk, &lmdb, 0.5},
		{"sqlite", lite_bulk, &lite, 0.2},
	};

	ours_open(&ours, DP_ACK_DURABLE, KEPT_BYTES);
	ours_fill(&ours);
	plain_open(&plain, PLAIN_BYTES);
	lite_open(&lite);
	lmdb_open(&lmdb);
	bench_compare("one durable record per commit", "ns", ROUNDS, single, 3);
	bench_compare("1,000 durable records per commit, each", "ns", ROUNDS,
		bulk, 4);
	lmdb_close(&lmdb);
	lite_close(&lite);
	plain_close(&plain);
	ours_close(&ours);
}

static void compare_cached(void)
{
	struct ours ours;
	struct plain plain;
	const bench_side cached[] = {
		{"ours", ours_cached, &ours, 0},
		{"plain", plain_cached, &plain, 2},
	};

	ours_open(&ours, DP_ACK_WRITTEN, 0);
	plain_open(&plain, 0);
	bench_compare("page cache, 256 records per write, each", "ns", ROUNDS,
		cached, 2);
	plain_close(&plain);
	ours_close(&ours);
}

/* What a record takes, beside what its event says: payload, type, source. */
static void print_bytes(void)
{
	const int records = 100000;
	const double said = PAYLOAD + sizeof(TYPE) - 1 + sizeof(SOURCE) - 1;
	dp_hub_stats stats = {.struct_size = sizeof(stats)};
	struct ours ours;

	ours_open(&ours, DP_ACK_WRITTEN, 0);
	for (int i = 0; i < records; i += BULK) {
		ours_commit(&ours, BULK);
	}
	dp_publisher_free(ours.pub);
	dp_hub_close(ours.hub);
	need(dp_hub_open(&ours.hub, ours.rt, ours.address, NULL, NULL) ==
				DP_OK &&
			dp_hub_get_stats(ours.hub, &stats, NULL) == DP_OK,
		"stats");
	bench_value("disk per record, less 1.05 of what its event says", "B",
		(double)stats.disk_bytes / records - 1.05 * said, 32);
	ours.pub = NULL;
	ours_close(&ours);
}

int main(void)
{
	memset(payload, 'x', sizeof(payload));
	compare_durable();
	compare_cached();
	print_bytes();
	return 0;
}
