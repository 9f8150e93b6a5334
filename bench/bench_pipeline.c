/* SPDX-License-Identifier: Apache-2.0 */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <datapipe/datapipe.h>

#include "bench.h"
#include "codec/payment_events.h"
#include "pipeline_by_hand.h"

/*
 * The whole way of an event: published, durable in the log, routed to another
 * topic, durable there, kept raw in a lake and parsed into Avro (zstd-1), both
 * durable. In CPU time of the process, all threads together.
 *
 * The limit is one thread that has no route, and so one log (see
 * pipeline_by_hand.h), and does the least that can be called a raw lake and
 * Avro: sizes and payloads as they come, and the payment's fields, zstd-1. The
 * goal is for that line alone. The others say where the difference comes from:
 * what one thread takes that makes the same files as ours, ids, times and
 * places included, and what it takes if it has a route, too. Whether they are
 * the same shows in their bytes, which are printed. Memory is that of a process
 * which does nothing else, at two amounts of events.
 */

enum { EVENTS = 1000000, ROUNDS = 3, KINDS = 4096, SET_MAX = 65536 };

/* What a publisher may hold, and how much it commits at once: as much as the
 * programs by hand write between two syncs. An application chooses both. */
#define LIMIT_BYTES (8u << 20)
#define BATCH_BYTES (1u << 20)

static payment_event events[KINDS];
static char directory[64];
static size_t event_count = EVENTS;

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
	dp_compression lake_compression;
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

	raw.compression = o->lake_compression;
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
	opts.limit_bytes = LIMIT_BYTES;
	opts.batch_bytes = BATCH_BYTES;
	check(dp_publisher_new(&pub, hub, &opts, &err), err);
	ev.type = "bench.Payment";
	for (size_t i = 0; i < event_count; i++) {
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
		if (dp_report_job(report, i)->delivered_events != event_count) {
			bench_die("a job has not delivered every event");
		}
	}
}

static uint64_t found_bytes;

static int add_bytes(
	const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)ftw;
	if (type == FTW_F && strstr(path, ".avro") != NULL) {
		found_bytes += (uint64_t)st->st_size;
	}
	return 0;
}

static uint64_t bytes_below(const char *name)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", directory, name);
	found_bytes = 0;
	if (nftw(path, add_bytes, 16, FTW_PHYS) != 0) {
		bench_die(path);
	}
	return found_bytes;
}

static void carry_all(dp_compression lake_compression)
{
	struct ours o = {.lake_compression = lake_compression};
	dp_report *report = NULL;
	dp_error *err = NULL;

	open_ours(&o);
	publish_all(o.hub);
	check(dp_pipeline_wait_idle(o.pipe, 60 * DP_SECOND, &err), err);
	check(dp_pipeline_drain(o.pipe, 60 * DP_SECOND, &report, &err), err);
	check_counts(report);
	dp_report_free(report);
	close_ours(&o);
}

/* One side of a comparison, and what its files had at last. */
struct side {
	dp_compression lake_compression;
	bool has_columns;
	bool has_route;
	pipeline_sizes sizes;
};

static double run_ours(void *arg)
{
	struct side *side = arg;
	double begin;

	bench_mkdir(directory, sizeof(directory));
	begin = cpu_ns();
	carry_all(side->lake_compression);
	begin = cpu_ns() - begin;
	side->sizes =
		(pipeline_sizes){bytes_below("lake"), bytes_below("files")};
	bench_rmdir(directory);
	return begin / (double)event_count;
}

static double run_by_hand(void *arg)
{
	struct side *side = arg;
	const pipeline_by_hand job = {
		.directory = directory,
		.events = events,
		.kinds = KINDS,
		.count = event_count,
		.has_columns = side->has_columns,
		.has_route = side->has_route,
		.packs_lake = side->lake_compression == DP_COMPRESSION_ZSTD,
	};
	double begin;

	bench_mkdir(directory, sizeof(directory));
	begin = cpu_ns();
	side->sizes = pipeline_run_by_hand(&job);
	begin = cpu_ns() - begin;
	bench_rmdir(directory);
	return begin / (double)event_count;
}

static void print_bytes(const bench_side *sides, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct side *side = sides[i].arg;

		(void)printf("  %-36s lake %.1f, Avro %.1f bytes an event\n",
			sides[i].name,
			(double)side->sizes.lake / (double)event_count,
			(double)side->sizes.avro / (double)event_count);
	}
}

static void compare_raw(int rounds)
{
	struct side ours = {.lake_compression = DP_COMPRESSION_NONE};
	struct side least = {.lake_compression = DP_COMPRESSION_NONE};
	struct side same = {DP_COMPRESSION_NONE, true, false, {0, 0}};
	struct side routed = {DP_COMPRESSION_NONE, true, true, {0, 0}};
	const bench_side sides[] = {
		{"ours", run_ours, &ours, 0},
		{"limit: one thread, the least", run_by_hand, &least, 1.4},
		{"one thread, the same files", run_by_hand, &same, 0},
		{"the same files, and a route", run_by_hand, &routed, 0},
	};

	bench_compare("an event from publish to plain lake and Avro, CPU", "ns",
		rounds, sides, 4);
	print_bytes(sides, 4);
}

static void compare_packed(int rounds)
{
	struct side ours = {.lake_compression = DP_COMPRESSION_ZSTD};
	struct side same = {DP_COMPRESSION_ZSTD, true, false, {0, 0}};
	struct side routed = {DP_COMPRESSION_ZSTD, true, true, {0, 0}};
	const bench_side sides[] = {
		{"ours", run_ours, &ours, 0},
		{"one thread, the same files", run_by_hand, &same, 0},
		{"the same files, and a route", run_by_hand, &routed, 0},
	};

	bench_compare("an event from publish to zstd-1 lake and Avro, CPU",
		"ns", rounds, sides, 3);
	print_bytes(sides, 3);
}

/* In a process of its own, since a peak never goes back. */
static void print_memory(size_t count)
{
	char what[64];
	struct rusage usage;
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		event_count = count;
		payment_make(events, KINDS);
		bench_mkdir(directory, sizeof(directory));
		carry_all(DP_COMPRESSION_ZSTD);
		bench_rmdir(directory);
		_exit(0);
	}
	if (pid < 0 || wait4(pid, &status, 0, &usage) != pid || status != 0) {
		bench_die("a pipeline to see its memory");
	}
	(void)snprintf(what, sizeof(what), "peak memory, %zu events", count);
	bench_value(what, "MiB", (double)usage.ru_maxrss / 1024, 64);
}

/* bench_pipeline [events [rounds]]; without rounds nothing but ours runs. */
int main(int argc, char **argv)
{
	int rounds = argc > 2 ? atoi(argv[2]) : ROUNDS;

	if (argc > 1) {
		event_count = strtoul(argv[1], NULL, 10);
	}
	if (event_count == 0 || rounds < 0) {
		bench_die("usage: bench_pipeline [events [rounds]]");
	}
	print_memory(event_count / 5);
	print_memory(event_count);
	if (rounds == 0) {
		return 0;
	}
	payment_make(events, KINDS);
	compare_raw(rounds);
	compare_packed(rounds);
	return 0;
}
