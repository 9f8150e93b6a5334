/* SPDX-License-Identifier: Apache-2.0 */
#include <snappy-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include <zstd.h>

#include "base/bytes.h"
#include "bench.h"
#include "codec/avro_file.h"
#include "codec/parquet_file.h"
#include "codec/payment_events.h"
#include "codec/payment_plan.h"
#include "duck.h"
#include "flat.pb-c.h"
#include "out_file.h"
#include "payment.pb-c.h"

/*
 * Payments from wire bytes to a Parquet file, on one processor: as a row of 20
 * columns, and whole, with its lists, maps and messages. Beside it stand what
 * one would take, protobuf-c, DuckDB's appender and its COPY; and the least
 * there is to do: each column's bytes plainly one after another, compressed by
 * 122,880 rows. Costs are of the processor, of all threads.
 */

enum { EVENTS = 200000, ROUNDS = 9, RUN = 256, COLUMNS = 20, GROUP = 122880 };

static payment_event payments[EVENTS];
static payment_event flats[EVENTS];
static double cpu_now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Rows, made from the payments. */

static char *status_name(int status)
{
	return (char *)(uintptr_t)bench__status__descriptor.values[status].name;
}

static char *method_name(int method)
{
	return (char *)(uintptr_t)bench__method__descriptor.values[method].name;
}

static void fill_flat(Bench__Flat *flat, const Bench__Payment *e)
{
	flat->event_id = e->event_id;
	flat->seconds = e->occurred_at->seconds;
	flat->nanos = e->occurred_at->nanos;
	flat->user_id = (int64_t)e->user_id;
	flat->merchant_id = (int64_t)e->merchant_id;
	flat->status = status_name((int)e->status);
	flat->method = method_name((int)e->method);
	flat->currency = e->amount->currency;
	flat->units = e->amount->units;
	flat->fee = e->fee != NULL ? e->fee->units : 0;
	flat->item_count = (int64_t)e->n_items;
	flat->sku = e->n_items > 0 ? e->items[0]->sku : (char *)(uintptr_t) "";
	flat->name =
		e->n_items > 0 ? e->items[0]->name : (char *)(uintptr_t) "";
	flat->os = e->device->os;
	flat->app_version = e->device->app_version;
	flat->ip = e->device->ip;
	flat->idempotency_key = e->idempotency_key;
	flat->captured = e->captured;
	flat->risk_score = e->risk_score;
	flat->trace_id = e->trace_id;
}

static void make_flats(void)
{
	for (int i = 0; i < EVENTS; i++) {
		Bench__Payment *e = bench__payment__unpack(
			NULL, payments[i].size, payments[i].data);
		Bench__Flat flat = BENCH__FLAT__INIT;

		fill_flat(&flat, e);
		flats[i].size = bench__flat__get_packed_size(&flat);
		flats[i].data = malloc(flats[i].size);
		(void)bench__flat__pack(&flat, flats[i].data);
		bench__payment__free_unpacked(e, NULL);
	}
}

/* Ours. */

struct ours {
	const payment_event *events;
	dp_compression compression;
	struct payment_plan by;
	dpi_parquet_schema *schema;
	double bytes;
};

static void open_ours(struct ours *ours, const char *path, const char *type)
{
	payment_plan_open(&ours->by, path, type, DPI_TARGET_PARQUET);
	if (dpi_parquet_schema_new(&ours->schema, &payment_heap, ours->by.plan,
		    NULL, 0, NULL) != DP_OK) {
		bench_die(path);
	}
}

static void put_run(
	struct ours *ours, dpi_parquet_file *file, int first, dpi_buf *datums)
{
	int end = first + RUN < EVENTS ? first + RUN : EVENTS;

	dpi_buf_clear(datums);
	for (int i = first; i < end; i++) {
		if (dpi_avro_encode(ours->by.plan, ours->by.coder,
			    ours->events[i].data, ours->events[i].size, datums,
			    NULL) != DP_OK) {
			bench_die("dpi_avro_encode()");
		}
	}
	if (dpi_parquet_file_append(file, dpi_bytes(datums->data, datums->size),
		    (uint64_t)(end - first), NULL) != DP_OK) {
		bench_die("dpi_parquet_file_append()");
	}
}

static double run_ours(void *arg)
{
	struct ours *ours = arg;
	double start = cpu_now();
	int fd = out_create();
	dpi_parquet_worker worker;
	dpi_parquet_file file;
	dpi_buf datums;

	dpi_buf_init(&datums, &payment_heap, 1 << 30);
	dpi_parquet_worker_init(&worker, &payment_heap, ours->compression);
	if (dpi_parquet_file_init(&file, &payment_heap, ours->schema, &worker,
		    NULL, 0, NULL) != DP_OK) {
		bench_die("dpi_parquet_file_init()");
	}
	for (int i = 0; i < EVENTS; i += RUN) {
		put_run(ours, &file, i, &datums);
		out_write(fd, file.out.data, file.out.size);
		dpi_buf_clear(&file.out);
	}
	if (dpi_parquet_file_finish(&file, NULL) != DP_OK) {
		bench_die("dpi_parquet_file_finish()");
	}
	out_write(fd, file.out.data, file.out.size);
	dpi_parquet_file_fini(&file);
	dpi_parquet_worker_fini(&worker);
	dpi_buf_fini(&datums);
	(void)close(fd);
	ours->bytes = out_size() / EVENTS;
	return (cpu_now() - start) / EVENTS;
}

/* The limit. */

struct plain {
	dp_compression compression;
	double bytes;
};

static uint8_t *columns[COLUMNS];
static size_t filled[COLUMNS];

static void put_plain(uint32_t i, const void *data, size_t size)
{
	memcpy(columns[i] + filled[i], data, size);
	filled[i] += size;
}

static size_t pack(ZSTD_CCtx *context, const struct plain *plain,
	const uint8_t *data, size_t size, uint8_t *packed, size_t room)
{
	if (plain->compression == DP_COMPRESSION_SNAPPY) {
		size_t n = room;

		if (snappy_compress((const char *)data, size, (char *)packed,
			    &n) != SNAPPY_OK) {
			bench_die("snappy_compress()");
		}
		return n;
	}
	return ZSTD_compressCCtx(context, packed, room, data, size, 1);
}

static void write_columns(ZSTD_CCtx *context, const struct plain *plain, int fd)
{
	static uint8_t packed[16 << 20];

	for (int i = 0; i < COLUMNS; i++) {
		size_t n = pack(context, plain, columns[i], filled[i], packed,
			sizeof(packed));

		out_write(fd, packed, n);
		filled[i] = 0;
	}
}

/* A row has every column once, or leaves it out where it is zero. */
static void split(const uint8_t *p, const uint8_t *end)
{
	static const uint8_t kinds[COLUMNS + 1] = {0, 's', 8, 4, 8, 8, 's', 's',
		's', 8, 8, 8, 's', 's', 's', 's', 's', 's', 1, 8, 's'};
	static const uint8_t zeros[8];
	uint32_t next = 1;

	while (next <= COLUMNS) {
		uint64_t tag = 0, value = 0;
		const uint8_t *at = p < end ? dpi_get_varint(p, end, &tag) : p;

		if (tag >> 3 != next) {
			put_plain(next - 1, zeros,
				kinds[next] == 's' ? 4 : kinds[next]);
			next++;
			continue;
		}
		if ((tag & 7) == 1) {
			put_plain(next - 1, at, 8);
			p = at + 8;
		} else {
			p = dpi_get_varint(at, end, &value);
			put_plain(next - 1, &value,
				kinds[next] == 's' ? 4 : kinds[next]);
		}
		if ((tag & 7) == 2) {
			put_plain(next - 1, p, value);
			p += value;
		}
		next++;
	}
}

static double run_plain(void *arg)
{
	struct plain *plain = arg;
	double start = cpu_now();
	ZSTD_CCtx *context = ZSTD_createCCtx();
	int fd = out_create();

	for (int i = 0; i < EVENTS; i++) {
		split(flats[i].data, flats[i].data + flats[i].size);
		if (i % GROUP == GROUP - 1 || i == EVENTS - 1) {
			write_columns(context, plain, fd);
		}
	}
	(void)close(fd);
	ZSTD_freeCCtx(context);
	plain->bytes = out_size() / EVENTS;
	return (cpu_now() - start) / EVENTS;
}

/* protobuf-c and DuckDB. */

struct peer {
	struct duck *duck;
	void (*fill)(struct duck *duck, const payment_event *, size_t);
	const payment_event *events;
	const char *codec;
	double bytes;
};

static double run_peer(void *arg)
{
	struct peer *peer = arg;
	double start = cpu_now();
	char sql[512];

	peer->fill(peer->duck, peer->events, EVENTS);
	(void)snprintf(sql, sizeof(sql),
		"COPY ev TO '%s' (FORMAT parquet, CODEC '%s')", out_path,
		peer->codec);
	duck_run(peer->duck, sql);
	peer->bytes = out_size() / EVENTS;
	return (cpu_now() - start) / EVENTS;
}

static double peak_mib(void)
{
	struct rusage usage;

	(void)getrusage(RUSAGE_SELF, &usage);
	return (double)usage.ru_maxrss / 1024;
}

static void print_file(double ours, double theirs)
{
	printf("bytes of a row: %.1f, DuckDB's %.1f\n", ours, theirs);
	bench_value("its file, times DuckDB's", "", ours / theirs, 1.10);
}

static void compare_flat(struct ours *ours, struct duck *duck, const char *name,
	dp_compression compression)
{
	struct plain plain = {.compression = compression};
	struct peer peer = {.duck = duck,
		.fill = duck_fill_flat,
		.events = flats,
		.codec = name};
	bench_side sides[] = {{"ours", run_ours, ours, 0},
		{"plain columns", run_plain, &plain, 2.0},
		{"protobuf-c, DuckDB's appender and COPY", run_peer, &peer,
			1.0 / 3}};
	char what[100];

	ours->compression = compression;
	(void)snprintf(what, sizeof(what),
		"a row of 20 columns from wire bytes to Parquet, %s", name);
	bench_compare(what, "ns", ROUNDS, sides, duck != NULL ? 3 : 2);
	if (duck != NULL) {
		print_file(ours->bytes, peer.bytes);
	}
}

static void compare_nested(struct ours *ours, struct duck *duck,
	const char *name, dp_compression compression)
{
	struct peer peer = {.duck = duck,
		.fill = duck_fill_nested,
		.events = payments,
		.codec = name};
	bench_side sides[] = {{"ours", run_ours, ours, 0},
		{"protobuf-c, DuckDB's appender and COPY", run_peer, &peer,
			1.0 / 3}};
	char what[100];

	ours->compression = compression;
	(void)snprintf(what, sizeof(what),
		"a whole payment from wire bytes to Parquet, %s", name);
	bench_compare(what, "ns", ROUNDS, sides, duck != NULL ? 2 : 1);
	if (duck != NULL) {
		print_file(ours->bytes, peer.bytes);
	}
}

int main(void)
{
	static struct ours flat = {.events = flats};
	static struct ours nested = {
		.events = payments, .compression = DP_COMPRESSION_ZSTD};
	static struct duck library;
	struct duck *duck;
	char folder[256];
	double before;

	out_make(folder, sizeof(folder), "out.parquet");
	payment_make(payments, EVENTS);
	make_flats();
	for (int i = 0; i < COLUMNS; i++) {
		columns[i] = malloc(8 << 20);
	}
	open_ours(&flat, FLAT_SET, "bench.Flat");
	open_ours(&nested, PAYMENT_SET, "bench.Payment");

	before = peak_mib();
	(void)run_ours(&nested);
	(void)run_ours(&flat);
	bench_value("memory above the input", "MiB", peak_mib() - before, 80);
	duck = duck_open(&library) ? &library : NULL;
	if (duck == NULL) {
		printf("DP_LIBDUCKDB names no library: without that peer\n");
	}
	compare_flat(&flat, duck, "zstd", DP_COMPRESSION_ZSTD);
	compare_flat(&flat, duck, "snappy", DP_COMPRESSION_SNAPPY);
	compare_nested(&nested, duck, "zstd", DP_COMPRESSION_ZSTD);
	compare_nested(&nested, duck, "snappy", DP_COMPRESSION_SNAPPY);
	bench_rmdir(folder);
	return 0;
}
