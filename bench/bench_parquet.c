/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <snappy-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zstd.h>

#include "base/alloc.h"
#include "bench.h"
#include "codec/avro_file.h"
#include "codec/parquet_file.h"
#include "codec/payment_events.h"
#include "duck.h"
#include "flat.pb-c.h"
#include "payment.pb-c.h"
#include "schema/descriptor.h"

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
static char out_path[300];

static double cpu_now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double size_of_out(void)
{
	struct stat st;

	return stat(out_path, &st) == 0 ? (double)st.st_size / EVENTS : 0;
}

static int create_out(void)
{
	int fd = open(out_path, O_CREAT | O_TRUNC | O_WRONLY, 0644);

	if (fd < 0) {
		bench_die(out_path);
	}
	return fd;
}

static void write_all(int fd, const void *data, size_t size)
{
	if (write(fd, data, size) != (ssize_t)size) {
		bench_die("write");
	}
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
	dpi_plan *plan;
	dpi_coder *coder;
	dpi_parquet_schema *schema;
	double bytes;
};

static void *take(void *user, size_t size)
{
	(void)user;
	return malloc(size);
}

static void give(void *user, void *block, size_t size)
{
	(void)user;
	(void)size;
	free(block);
}

static const dp_allocator heap = {NULL, take, give};

static void open_ours(struct ours *ours, const char *path, const char *type)
{
	static uint8_t set[65536];
	FILE *file = fopen(path, "rb");
	size_t size = file != NULL ? fread(set, 1, sizeof(set), file) : 0;
	dp_schema *schema;

	if (file != NULL) {
		(void)fclose(file);
	}
	if (dpi_schema_new(&schema, &heap, set, size, type, NULL) != DP_OK ||
		dpi_plan_new(&ours->plan, &heap, schema, DPI_TARGET_PARQUET,
			NULL) != DP_OK ||
		dpi_coder_new(&ours->coder, &heap, NULL) != DP_OK ||
		dpi_parquet_schema_new(&ours->schema, &heap, ours->plan, NULL,
			0, NULL) != DP_OK) {
		bench_die(path);
	}
	dp_schema_unref(schema);
}

static void put_run(
	struct ours *ours, dpi_parquet_file *file, int first, dpi_buf *datums)
{
	int end = first + RUN < EVENTS ? first + RUN : EVENTS;

	dpi_buf_clear(datums);
	for (int i = first; i < end; i++) {
		if (dpi_avro_encode(ours->plan, ours->coder,
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
	int fd = create_out();
	dpi_parquet_worker worker;
	dpi_parquet_file file;
	dpi_buf datums;

	dpi_buf_init(&datums, &heap, 1 << 30);
	dpi_parquet_worker_init(&worker, &heap, ours->compression);
	if (dpi_parquet_file_init(&file, &heap, ours->schema, &worker, NULL, 0,
		    NULL) != DP_OK) {
		bench_die("dpi_parquet_file_init()");
	}
	for (int i = 0; i < EVENTS; i += RUN) {
		put_run(ours, &file, i, &datums);
		write_all(fd, file.out.data, file.out.size);
		dpi_buf_clear(&file.out);
	}
	if (dpi_parquet_file_finish(&file, NULL) != DP_OK) {
		bench_die("dpi_parquet_file_finish()");
	}
	write_all(fd, file.out.data, file.out.size);
	dpi_parquet_file_fini(&file);
	dpi_parquet_worker_fini(&worker);
	dpi_buf_fini(&datums);
	(void)close(fd);
	ours->bytes = size_of_out();
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

		write_all(fd, packed, n);
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
	int fd = create_out();

	for (int i = 0; i < EVENTS; i++) {
		split(flats[i].data, flats[i].data + flats[i].size);
		if (i % GROUP == GROUP - 1 || i == EVENTS - 1) {
			write_columns(context, plain, fd);
		}
	}
	(void)close(fd);
	ZSTD_freeCCtx(context);
	plain->bytes = size_of_out();
	return (cpu_now() - start) / EVENTS;
}

/* protobuf-c and DuckDB. */

struct peer {
	struct duck *duck;
	const char *codec;
	double bytes;
};

static void append_row(struct duck *duck, duck_handle a, const Bench__Flat *f)
{
	duck->append_varchar(a, f->event_id);
	duck->append_int64(a, f->seconds);
	duck->append_int32(a, f->nanos);
	duck->append_int64(a, f->user_id);
	duck->append_int64(a, f->merchant_id);
	duck->append_varchar(a, f->status);
	duck->append_varchar(a, f->method);
	duck->append_varchar(a, f->currency);
	duck->append_int64(a, f->units);
	duck->append_int64(a, f->fee);
	duck->append_int64(a, f->item_count);
	duck->append_varchar(a, f->sku);
	duck->append_varchar(a, f->name);
	duck->append_varchar(a, f->os);
	duck->append_varchar(a, f->app_version);
	duck->append_varchar(a, f->ip);
	duck->append_varchar(a, f->idempotency_key);
	duck->append_bool(a, f->captured);
	duck->append_double(a, f->risk_score);
	duck->append_blob(a, f->trace_id.data, f->trace_id.len);
	if (duck->end_row(a) != 0) {
		bench_die("append a row");
	}
}

static double run_peer(void *arg)
{
	struct peer *peer = arg;
	struct duck *duck = peer->duck;
	double start = cpu_now();
	duck_handle appender;
	char sql[512];

	duck_run(duck,
		"CREATE OR REPLACE TABLE ev(event_id varchar, seconds bigint, "
		"nanos int, user_id bigint, merchant_id bigint, status "
		"varchar, "
		"method varchar, currency varchar, units bigint, fee bigint, "
		"item_count bigint, sku varchar, name varchar, os varchar, "
		"app_version varchar, ip varchar, idempotency_key varchar, "
		"captured boolean, risk_score double, trace_id blob)");
	if (duck->appender_create(duck->connection, NULL, "ev", &appender) !=
		0) {
		bench_die("duckdb_appender_create()");
	}
	for (int i = 0; i < EVENTS; i++) {
		Bench__Flat *flat =
			bench__flat__unpack(NULL, flats[i].size, flats[i].data);

		append_row(duck, appender, flat);
		bench__flat__free_unpacked(flat, NULL);
	}
	duck->appender_destroy(&appender);
	(void)snprintf(sql, sizeof(sql),
		"COPY ev TO '%s' (FORMAT parquet, CODEC '%s')", out_path,
		peer->codec);
	duck_run(duck, sql);
	peer->bytes = size_of_out();
	return (cpu_now() - start) / EVENTS;
}

static double peak_mib(void)
{
	struct rusage usage;

	(void)getrusage(RUSAGE_SELF, &usage);
	return (double)usage.ru_maxrss / 1024;
}

static void compare(struct ours *ours, struct duck *duck, const char *name,
	dp_compression compression)
{
	struct plain plain = {.compression = compression};
	struct peer peer = {.duck = duck, .codec = name};
	bench_side sides[] = {{"ours", run_ours, ours, 0},
		{"plain columns", run_plain, &plain, 2.0},
		{"protobuf-c, DuckDB's appender and COPY", run_peer, &peer,
			1.0 / 3}};
	size_t count = duck != NULL ? 3 : 2;
	char what[100];

	ours->compression = compression;
	(void)snprintf(what, sizeof(what),
		"a row of 20 columns from wire bytes to Parquet, %s", name);
	bench_compare(what, "ns", ROUNDS, sides, count);
	if (duck != NULL) {
		printf("bytes of a row: %.1f, DuckDB's %.1f\n", ours->bytes,
			peer.bytes);
		bench_value("its file, times DuckDB's", "",
			ours->bytes / peer.bytes, 1.10);
	}
}

int main(void)
{
	static struct ours flat = {.events = flats};
	static struct ours nested = {
		.events = payments, .compression = DP_COMPRESSION_ZSTD};
	static struct duck duck;
	char folder[256];
	double before;
	bool has_duck;

	bench_mkdir(folder, sizeof(folder));
	(void)snprintf(out_path, sizeof(out_path), "%s/out.parquet", folder);
	payment_make(payments, EVENTS);
	make_flats();
	for (int i = 0; i < COLUMNS; i++) {
		columns[i] = malloc(8 << 20);
	}
	open_ours(&flat, FLAT_SET, "bench.Flat");
	open_ours(&nested, PAYMENT_SET, "bench.Payment");

	before = peak_mib();
	printf("a whole payment from wire bytes to Parquet, zstd: %.0f ns\n",
		run_ours(&nested));
	(void)run_ours(&flat);
	bench_value("memory above the input", "MiB", peak_mib() - before, 80);
	has_duck = duck_open(&duck);
	if (!has_duck) {
		printf("DP_LIBDUCKDB names no library: without that peer\n");
	}
	compare(&flat, has_duck ? &duck : NULL, "zstd", DP_COMPRESSION_ZSTD);
	compare(&flat, has_duck ? &duck : NULL, "snappy",
		DP_COMPRESSION_SNAPPY);
	bench_rmdir(folder);
	return 0;
}
