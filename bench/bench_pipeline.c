/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include <zstd.h>

#include <datapipe/datapipe.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "bench.h"
#include "codec/payment_by_hand.h"
#include "codec/payment_events.h"

/*
 * The whole way of an event: published, durable in the log, routed to another
 * topic, durable there, kept raw in a lake and parsed into Avro (zstd-1), both
 * durable. In CPU time of the process, all threads together.
 *
 * The limit is one thread that does the least there is to do, without a route:
 * a log with checksums, synced at each megabyte; read back, checked, copied
 * raw, transcoded by hand, compressed and synced.
 */

enum { EVENTS = 200000, KINDS = 20000, ROUNDS = 5 };
enum { MEGABYTE = 1 << 20, BLOCK = 65536, ROOM = 16384, SET_MAX = 65536 };

static payment_event events[KINDS];
static char directory[64];

static char *path_of(const char *name)
{
	static char text[4][256];
	static unsigned turn;
	char *path = text[turn++ % 4];

	(void)snprintf(path, sizeof(text[0]), "%s/%s", directory, name);
	return path;
}

static char *address_of(const char *scheme, const char *name)
{
	static char text[4][256];
	static unsigned turn;
	char *address = text[turn++ % 4];

	(void)snprintf(
		address, sizeof(text[0]), "%s%s/%s", scheme, directory, name);
	return address;
}

static double cpu_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static void check(dp_status st, dp_error *err)
{
	if (st != DP_OK) {
		bench_die(dp_error_message(err));
	}
}

struct ours {
	dp_runtime *rt;
	dp_hub *hub;
	dp_registry *reg;
	dp_store *lake;
	dp_store *files;
	dp_pipeline *pipe;
};

static void add_schema(dp_registry *reg)
{
	static uint8_t set[SET_MAX];
	FILE *file = fopen(PAYMENT_SET, "rb");
	dp_error *err = NULL;
	size_t size = 0;

	if (file != NULL) {
		size = fread(set, 1, sizeof(set), file);
		(void)fclose(file);
	}
	check(dp_registry_add(reg, set, size, NULL, &err), err);
}

static void add_jobs(struct ours *o)
{
	dp_file_sink_options raw = DP_FILE_SINK_OPTIONS_INIT;
	dp_router *router = NULL;
	dp_sink *sink = NULL;
	dp_error *err = NULL;

	raw.compression = DP_COMPRESSION_NONE;
	check(dp_router_new(&router, o->rt, "datahub", &err), err);
	check(dp_pipeline_add_route(o->pipe, "ramp2datahub", o->hub, "ramp.*",
		      router, NULL, &err),
		err);
	check(dp_lake_sink_new(&sink, o->rt, o->lake, &raw, &err), err);
	check(dp_pipeline_add_sink(o->pipe, "datahub2lake", o->hub, "datahub",
		      sink, NULL, &err),
		err);
	check(dp_files_sink_new(&sink, o->rt, o->files, o->reg, NULL, &err),
		err);
	check(dp_pipeline_add_sink(o->pipe, "datahub2files", o->hub, "datahub",
		      sink, NULL, &err),
		err);
}

static void open_ours(struct ours *o)
{
	dp_error *err = NULL;

	check(dp_runtime_new(&o->rt, NULL, &err), err);
	check(dp_hub_open(
		      &o->hub, o->rt, address_of("log:", "hub"), NULL, &err),
		err);
	check(dp_registry_open(&o->reg, o->rt, address_of("file:", "schemas"),
		      NULL, &err),
		err);
	check(dp_store_open(&o->lake, o->rt, address_of("file:", "lake"), &err),
		err);
	check(dp_store_open(
		      &o->files, o->rt, address_of("file:", "files"), &err),
		err);
	check(dp_pipeline_new(&o->pipe, o->rt, "bench", &err), err);
	add_schema(o->reg);
	add_jobs(o);
	check(dp_pipeline_start(o->pipe, &err), err);
}

static void close_ours(struct ours *o)
{
	dp_pipeline_free(o->pipe);
	dp_store_close(o->files);
	dp_store_close(o->lake);
	dp_registry_close(o->reg);
	dp_hub_close(o->hub);
	dp_runtime_free(o->rt);
}

static void publish_all(dp_hub *hub)
{
	dp_publisher_options opts = DP_PUBLISHER_OPTIONS_INIT;
	dp_publisher *pub = NULL;
	dp_event ev = DP_EVENT_INIT;
	dp_error *err = NULL;

	opts.topic = "ramp.payment";
	opts.source = "bench";
	check(dp_publisher_new(&pub, hub, &opts, &err), err);
	ev.type = "bench.Payment";
	for (int i = 0; i < EVENTS; i++) {
		ev.payload.data = events[i % KINDS].data;
		ev.payload.size = events[i % KINDS].size;
		check(dp_publisher_publish(pub, &ev, DP_FOREVER, &err), err);
	}
	check(dp_publisher_flush(pub, DP_FOREVER, &err), err);
	dp_publisher_free(pub);
}

static void check_counts(const dp_report *report)
{
	for (size_t i = 0; i < dp_report_count(report); i++) {
		if (dp_report_job(report, i)->delivered_events != EVENTS) {
			bench_die("a job has not delivered every event");
		}
	}
}

static double run_ours(void *arg)
{
	struct ours o = {0};
	dp_report *report = NULL;
	dp_error *err = NULL;
	double begin;

	(void)arg;
	bench_mkdir(directory, sizeof(directory));
	begin = cpu_ns();
	open_ours(&o);
	publish_all(o.hub);
	check(dp_pipeline_wait_idle(o.pipe, 60 * DP_SECOND, &err), err);
	check(dp_pipeline_drain(o.pipe, 60 * DP_SECOND, &report, &err), err);
	check_counts(report);
	dp_report_free(report);
	close_ours(&o);
	begin = cpu_ns() - begin;
	bench_rmdir(directory);
	return begin / EVENTS;
}

/* A file that is written by blocks. */
struct out {
	int fd;
	size_t used;
	uint8_t data[2 * MEGABYTE];
};

static void open_out(struct out *out, const char *name)
{
	out->used = 0;
	out->fd = open(path_of(name), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	if (out->fd < 0) {
		bench_die(name);
	}
}

static void write_out(int fd, const void *data, size_t size)
{
	if (write(fd, data, size) != (ssize_t)size) {
		bench_die("write");
	}
}

static void sync_out(struct out *out)
{
	write_out(out->fd, out->data, out->used);
	out->used = 0;
	if (fdatasync(out->fd) != 0) {
		bench_die("fdatasync");
	}
}

static void append_all(struct out *log)
{
	for (int i = 0; i < EVENTS; i++) {
		const payment_event *ev = &events[i % KINDS];
		uint8_t *at = log->data + log->used;

		dpi_store_u32(at, (uint32_t)ev->size);
		dpi_store_u32(at + 4, dpi_crc32c(0, ev->data, ev->size));
		memcpy(at + 8, ev->data, ev->size);
		log->used += 8 + ev->size;
		if (log->used >= MEGABYTE) {
			sync_out(log);
		}
	}
	sync_out(log);
}

struct limit {
	struct out log, lake, avro;
	uint8_t in[MEGABYTE];
	uint8_t packed[2 * MEGABYTE];
	ZSTD_CCtx *zstd;
};

static void pack_avro(struct limit *l)
{
	size_t size = ZSTD_compressCCtx(l->zstd, l->packed, sizeof(l->packed),
		l->avro.data, l->avro.used, 1);

	write_out(l->avro.fd, l->packed, size);
	l->avro.used = 0;
}

static void carry(struct limit *l, const uint8_t *record, uint32_t size)
{
	uint8_t *end;

	if (dpi_crc32c(0, record + 8, size) != dpi_load_u32(record + 4)) {
		bench_die("checksum");
	}
	memcpy(l->lake.data + l->lake.used, record, 8 + size);
	l->lake.used += 8 + size;
	if (l->lake.used >= MEGABYTE) {
		write_out(l->lake.fd, l->lake.data, l->lake.used);
		l->lake.used = 0;
	}
	end = payment_by_hand(record + 8, size, l->avro.data + l->avro.used);
	if (end == NULL) {
		bench_die("payment_by_hand");
	}
	l->avro.used = (size_t)(end - l->avro.data);
	if (l->avro.used >= BLOCK) {
		pack_avro(l);
	}
}

static void carry_all(struct limit *l)
{
	size_t have = 0;
	off_t at = 0;
	ssize_t n;

	do {
		size_t done = 0;

		n = pread(l->log.fd, l->in + have, sizeof(l->in) - have, at);
		if (n < 0) {
			bench_die("pread");
		}
		at += n;
		have += (size_t)n;
		while (have - done >= 8 &&
			have - done - 8 >= dpi_load_u32(l->in + done)) {
			uint32_t size = dpi_load_u32(l->in + done);

			carry(l, l->in + done, size);
			done += 8 + size;
		}
		memmove(l->in, l->in + done, have - done);
		have -= done;
	} while (n > 0);
	pack_avro(l);
	sync_out(&l->avro);
	sync_out(&l->lake);
}

static double run_limit(void *arg)
{
	static struct limit l;
	double begin;

	(void)arg;
	bench_mkdir(directory, sizeof(directory));
	begin = cpu_ns();
	open_out(&l.log, "log");
	open_out(&l.lake, "lake");
	open_out(&l.avro, "avro");
	l.zstd = ZSTD_createCCtx();
	append_all(&l.log);
	carry_all(&l);
	(void)ZSTD_freeCCtx(l.zstd);
	(void)close(l.log.fd);
	(void)close(l.lake.fd);
	(void)close(l.avro.fd);
	begin = cpu_ns() - begin;
	bench_rmdir(directory);
	return begin / EVENTS;
}

int main(void)
{
	const bench_side sides[] = {
		{"ours", run_ours, NULL, 0},
		{"one thread by hand", run_limit, NULL, 1.4},
	};
	struct rusage usage;

	payment_make(events, KINDS);
	bench_compare("an event from publish to lake and Avro, CPU", "ns",
		ROUNDS, sides, 2);
	(void)getrusage(RUSAGE_SELF, &usage);
	(void)printf("    peak memory %ld MiB, events of the bench included\n",
		usage.ru_maxrss / 1024);
	return 0;
}
