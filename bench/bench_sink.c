/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include <datapipe/sink.h>

#include "../tests/support/set_builder.h"
#include "../tests/support/test_batch.h"
#include "base/bytes.h"
#include "bench.h"
#include "io/runtime.h"
#include "schema/descriptor.h"
#include "sink/sink.h"

/*
 * What it costs the job's thread to bring events into files, beside the least
 * that anybody has to do: copy the payloads behind their lengths, without any
 * attribute, compress them if asked, write and sync. Events have 12 fields.
 */

#define EVENTS 400000u
#define BATCH 4000u
#define BATCHES 20u /* distinct ones, offered in turn */
#define ROUNDS 5
#define BLOCK (64u << 10)
#define FIELDS 12u

static dp_batch *batches[BATCHES];
static dp_runtime *rt;
static dp_registry *registry;
static uint64_t payload_bytes;

static void must(dp_status st, const char *what)
{
	if (st != DP_OK) {
		bench_die(what);
	}
}

static uint64_t next_random(void)
{
	static uint64_t state = 88172645463325252u;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* Fields 1 to 6 are texts of words and numbers, 7 to 12 integers. */
static size_t make_payload(uint8_t *out)
{
	static const char *const words[] = {"tokyo", "osaka", "checkout",
		"merchant", "customer", "balance", "coupon", "transfer"};
	uint8_t *p = out;

	for (unsigned i = 1; i <= FIELDS; i++) {
		uint64_t r = next_random();
		char text[64];
		int size;

		if (i > FIELDS / 2) {
			*p++ = (uint8_t)(i << 3);
			p = dpi_put_varint(p, r >> (i * 5));
			continue;
		}
		size = snprintf(text, sizeof(text), "%s-%s-%s-%08llx",
			words[r % 8], words[r / 8 % 8], words[r / 64 % 8],
			(unsigned long long)(r >> 32));
		*p++ = (uint8_t)(i << 3 | 2);
		p = dpi_put_varint(p, (uint64_t)size);
		memcpy(p, text, (size_t)size);
		p += size;
	}
	return (size_t)(p - out);
}

static void make_batches(void)
{
	static uint8_t payloads[BATCH][512];
	static dp_event events[BATCH];

	for (unsigned b = 0; b < BATCHES; b++) {
		for (unsigned i = 0; i < BATCH; i++) {
			events[i] = (dp_event)DP_EVENT_INIT;
			events[i].type = "bench.Event";
			events[i].payload = dpi_bytes(
				payloads[i], make_payload(payloads[i]));
			payload_bytes += events[i].payload.size;
		}
		/* One hour: one file. */
		batches[b] = test_batch_new("bench", 0, 0, events, BATCH);
	}
}

static void register_event(const char *folder)
{
	char address[512];
	struct set_builder b;
	char name[16];

	(void)snprintf(address, sizeof(address), "file:%s/registry", folder);
	must(dp_registry_open(&registry, rt, address, NULL, NULL),
		"open a registry");
	set_builder_init(&b, dpi_runtime_alloc(rt));
	begin_file(&b, "bench.proto", "bench", "proto3");
	begin_message(&b, "Event");
	for (unsigned i = 1; i <= FIELDS; i++) {
		(void)snprintf(name, sizeof(name), "field_%u", i);
		field(&b, name, i, OPTIONAL,
			i > FIELDS / 2 ? DPI_TYPE_INT64 : DPI_TYPE_STRING,
			NULL);
	}
	end(&b);
	end(&b);
	must(dp_registry_add(registry, b.buf.data, b.buf.size, NULL, NULL),
		"register a type");
	set_builder_fini(&b);
}

struct contender {
	dp_compression compression;
	bool is_parsed;
};

static void run_sink(dp_sink *sink)
{
	const dp_allocator *alloc = dpi_runtime_alloc(rt);
	dp_refusals refusals;
	dp_positions upto;

	dpi_refusals_init(&refusals, alloc);
	dpi_positions_init(&upto, alloc);
	must(dpi_sink_open(sink, "bench", NULL), "open a sink");
	for (unsigned i = 0; i < EVENTS / BATCH; i++) {
		must(dpi_sink_write(
			     sink, batches[i % BATCHES], &refusals, NULL),
			"write a batch");
		if (refusals.count > 0) {
			bench_die("write a batch: events were refused");
		}
	}
	must(dp_positions_set(&upto, "bench", 0, EVENTS), "set a position");
	must(dpi_sink_flush(sink, &upto, NULL), "flush");
	dpi_positions_fini(&upto);
	dpi_refusals_fini(&refusals);
}

static double sink_side(void *arg)
{
	const struct contender *c = arg;
	dp_file_sink_options opts = DP_FILE_SINK_OPTIONS_INIT;
	char folder[256];
	char address[300];
	dp_store *store = NULL;
	dp_sink *sink = NULL;
	int64_t start;
	int64_t end;

	bench_mkdir(folder, sizeof(folder));
	(void)snprintf(address, sizeof(address), "file:%s", folder);
	opts.compression = c->compression;
	opts.destination = "{topic}/{date}";
	must(dp_store_open(&store, rt, address, NULL), "open a store");
	must(c->is_parsed ? dp_files_sink_new(
				    &sink, rt, store, registry, &opts, NULL)
			  : dp_lake_sink_new(&sink, rt, store, &opts, NULL),
		"make a sink");
	start = bench_thread_now();
	run_sink(sink);
	end = bench_thread_now();
	dp_sink_free(sink);
	dp_store_close(store);
	bench_rmdir(folder);
	return (double)(end - start) / EVENTS;
}

static size_t pack(ZSTD_CCtx *context, uint8_t *to, size_t room,
	const uint8_t *block, size_t size)
{
	if (context == NULL) {
		memcpy(to, block, size);
		return size;
	}
	return ZSTD_compressCCtx(context, to, room, block, size, 1);
}

static void write_block(
	ZSTD_CCtx *context, int fd, const uint8_t *block, size_t size)
{
	static uint8_t packed[2 * BLOCK];
	size_t n = pack(context, packed, sizeof(packed), block, size);

	if (ZSTD_isError(n) || write(fd, packed, n) != (ssize_t)n) {
		bench_die("write a block");
	}
}

static void copy_events(ZSTD_CCtx *context, int fd)
{
	static uint8_t block[BLOCK + 1024];
	size_t size = 0;

	for (unsigned i = 0; i < EVENTS; i++) {
		const dp_batch *batch = batches[i / BATCH % BATCHES];
		dp_bytes payload =
			dp_message_payload(dp_batch_message(batch, i % BATCH));

		dpi_store_u32(block + size, (uint32_t)payload.size);
		memcpy(block + size + 4, payload.data, payload.size);
		size += 4 + payload.size;
		if (size >= BLOCK) {
			write_block(context, fd, block, size);
			size = 0;
		}
	}
	write_block(context, fd, block, size);
}

static double plain_side(void *arg)
{
	const struct contender *c = arg;
	ZSTD_CCtx *context = c->compression == DP_COMPRESSION_NONE
		? NULL
		: ZSTD_createCCtx();
	char folder[256];
	char path[300];
	int64_t start;
	int64_t end;
	int fd;

	bench_mkdir(folder, sizeof(folder));
	(void)snprintf(path, sizeof(path), "%s/plain", folder);
	start = bench_thread_now();
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	copy_events(context, fd);
	if (fdatasync(fd) != 0 || close(fd) != 0) {
		bench_die("sync a file");
	}
	end = bench_thread_now();
	ZSTD_freeCCtx(context);
	bench_rmdir(folder);
	return (double)(end - start) / EVENTS;
}

static void compare(const char *what, double goal, bool is_parsed,
	dp_compression compression)
{
	struct contender c = {compression, is_parsed};
	const bench_side sides[] = {
		{is_parsed ? "files sink" : "lake sink", sink_side, &c, 0},
		{"lengths and payloads, plain writes", plain_side, &c, goal},
	};

	bench_compare(what, "ns CPU/event", ROUNDS, sides, 2);
}

int main(void)
{
	char folder[256];

	must(dp_runtime_new(&rt, NULL, NULL), "make a runtime");
	bench_mkdir(folder, sizeof(folder));
	register_event(folder);
	make_batches();
	printf("%u events of %llu payload bytes\n", EVENTS,
		(unsigned long long)(payload_bytes / (BATCHES * BATCH)));
	compare("lake, not compressed", 3, false, DP_COMPRESSION_NONE);
	compare("lake, zstd-1", 1.5, false, DP_COMPRESSION_ZSTD);
	compare("files, not compressed", 5, true, DP_COMPRESSION_NONE);
	compare("files, zstd-1", 2, true, DP_COMPRESSION_ZSTD);
	for (unsigned b = 0; b < BATCHES; b++) {
		dp_batch_unref(batches[b]);
	}
	dp_registry_close(registry);
	dp_runtime_free(rt);
	bench_rmdir(folder);
	return 0;
}
