/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The programs that crash_cycles.py starts and kills.
 *
 *   crash_worker publish DIR RUN durable|written
 *       publishes numbered events until killed; writes the number of each
 *       acknowledged one to DIR/acked.RUN
 *   crash_worker pipeline DIR DESCRIPTOR_SET
 *       runs the jobs until killed
 *   crash_worker finish DIR DESCRIPTOR_SET
 *       runs the jobs until there is nothing left to do
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <datapipe/datapipe.h>

#include "base/bytes.h"
#include "worker.h"

enum { STEPS_MAX = 100000, SET_MAX = 65536, NOTE_MAX = 200, TAKEN = 512 };

/* A Step as protobuf writes it. */
static size_t encode_step(uint8_t *out, uint32_t run, uint32_t number)
{
	uint8_t *p = out;
	size_t note = (run * 31 + number * 7) % NOTE_MAX;

	*p++ = 1 << 3;
	p = dpi_put_varint(p, run);
	*p++ = 2 << 3;
	p = dpi_put_varint(p, number);
	*p++ = 3 << 3 | 2;
	*p++ = (uint8_t)(dpi_varint_size(run) + dpi_varint_size(number));
	p = dpi_put_varint(p, run);
	p = dpi_put_varint(p, number);
	*p++ = 4 << 3 | 2;
	p = dpi_put_varint(p, note);
	memset(p, 'n', note);
	return (size_t)(p + note - out);
}

static void publish_step(dp_publisher *pub, uint32_t run, uint32_t number)
{
	uint8_t payload[NOTE_MAX + 64];
	dp_event ev = DP_EVENT_INIT;
	dp_error *err = NULL;

	ev.type = "crash.v1.Step";
	ev.payload.data = payload;
	ev.payload.size = encode_step(payload, run, number);
	ev.tag = (void *)(uintptr_t)number;
	worker_check(dp_publisher_publish(pub, &ev, DP_FOREVER, &err), err,
		"publish");
}

/* Notes what was acknowledged, in one write that a kill cannot tear. */
static void note_acks(dp_runtime *rt, int fd, dp_time_ns timeout_ns)
{
	static dp_completion items[TAKEN];
	static uint32_t numbers[TAKEN];
	int64_t count = dp_runtime_poll(rt, items, TAKEN, timeout_ns);

	for (int64_t i = 0; i < count; i++) {
		worker_check(items[i].status, NULL, "completion");
		numbers[i] = (uint32_t)(uintptr_t)items[i].tag;
	}
	if (count > 0) {
		worker_note(fd, numbers, (size_t)count * sizeof(numbers[0]));
	}
}

static int publish(const char *directory, const char *run_text, dp_ack ack)
{
	uint32_t run = (uint32_t)strtoul(run_text, NULL, 10);
	dp_publisher_options opts = DP_PUBLISHER_OPTIONS_INIT;
	dp_runtime *rt = NULL;
	dp_publisher *pub = NULL;
	dp_error *err = NULL;
	int fd = worker_open_notes(directory, "acked", run_text);

	worker_check(dp_runtime_new(&rt, NULL, &err), err, "runtime");
	opts.topic = run % 2 == 0 ? "ramp.even" : "ramp.odd";
	opts.source = run_text;
	opts.ack = ack;
	opts.flags = DP_PUBLISHER_POLL;
	opts.limit_events = 256;
	worker_check(dp_publisher_new(
			     &pub, worker_open_hub(rt, directory), &opts, &err),
		err, "publisher");
	for (uint32_t i = 0; i < STEPS_MAX; i++) {
		publish_step(pub, run, i);
		/* Half the room is taken: hear before asking for more. */
		note_acks(rt, fd, i % 128 == 127 ? DP_SECOND : 0);
	}
	pause();
	return 0;
}

static void add_schemas(dp_registry *reg, const char *path)
{
	static uint8_t set[SET_MAX];
	dp_error *err = NULL;
	FILE *file = fopen(path, "rb");
	size_t size = file != NULL ? fread(set, 1, sizeof(set), file) : 0;

	worker_check(size > 0 ? DP_OK : DP_EIO, NULL, path);
	(void)fclose(file);
	worker_check(
		dp_registry_add(reg, set, size, NULL, &err), err, "schema");
}

static dp_store *open_store(
	dp_runtime *rt, const char *directory, const char *name)
{
	dp_store *store = NULL;
	dp_error *err = NULL;

	worker_check(dp_store_open(&store, rt,
			     worker_path("file:", directory, name), &err),
		err, name);
	return store;
}

/*
 * An event that is in hand at twenty kills in a row is taken for their cause,
 * and becomes a dead letter. Here it never is.
 */
static dp_job_options job_options(void)
{
	dp_job_options opts = DP_JOB_OPTIONS_INIT;

	opts.attempts_max = UINT32_MAX;
	opts.flush_interval_ns = 10 * DP_MILLISECOND;
	return opts;
}

static void add_sink(
	dp_pipeline *pipe, const char *name, dp_hub *hub, dp_sink *sink)
{
	dp_job_options opts = job_options();
	dp_error *err = NULL;

	worker_check(dp_pipeline_add_sink(
			     pipe, name, hub, "datahub", sink, &opts, &err),
		err, name);
}

static void add_jobs(dp_pipeline *pipe, dp_runtime *rt, dp_hub *hub,
	const char *directory, dp_registry *reg)
{
	dp_file_sink_options opts = DP_FILE_SINK_OPTIONS_INIT;
	dp_job_options route_opts = job_options();
	dp_router *router = NULL;
	dp_sink *sink = NULL;
	dp_error *err = NULL;

	/* Read back by a reader that knows no other compression. */
	opts.compression = DP_COMPRESSION_DEFLATE;
	worker_check(
		dp_router_new(&router, rt, "datahub", &err), err, "router");
	worker_check(dp_pipeline_add_route(pipe, "ramp2datahub", hub, "ramp.*",
			     router, &route_opts, &err),
		err, "route");
	worker_check(dp_lake_sink_new(&sink, rt,
			     open_store(rt, directory, "lake"), &opts, &err),
		err, "lake");
	add_sink(pipe, "datahub2lake", hub, sink);
	worker_check(
		dp_files_sink_new(&sink, rt, open_store(rt, directory, "files"),
			reg, &opts, &err),
		err, "files");
	add_sink(pipe, "datahub2structured", hub, sink);
	worker_check(dp_sqlite_sink_new(&sink, rt,
			     worker_path("", directory, "warehouse.db"), reg,
			     NULL, &err),
		err, "sqlite");
	add_sink(pipe, "datahub2warehouse", hub, sink);
}

static int process(const char *directory, const char *set, bool finishes)
{
	dp_runtime *rt = NULL;
	dp_registry *reg = NULL;
	dp_pipeline *pipe = NULL;
	dp_error *err = NULL;
	dp_hub *hub;

	worker_check(dp_runtime_new(&rt, NULL, &err), err, "runtime");
	hub = worker_open_hub(rt, directory);
	worker_check(
		dp_registry_open(&reg, rt,
			worker_path("file:", directory, "schemas"), NULL, &err),
		err, "registry");
	add_schemas(reg, set);
	worker_check(
		dp_pipeline_new(&pipe, rt, "crash", &err), err, "pipeline");
	add_jobs(pipe, rt, hub, directory, reg);
	worker_check(dp_pipeline_start(pipe, &err), err, "start");
	if (!finishes) {
		pause();
	}
	worker_check(
		dp_pipeline_wait_idle(pipe, 60 * DP_SECOND, &err), err, "idle");
	worker_check(dp_pipeline_drain(pipe, 20 * DP_SECOND, NULL, &err), err,
		"drain");
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 5 && strcmp(argv[1], "publish") == 0) {
		return publish(argv[2], argv[3],
			strcmp(argv[4], "durable") == 0 ? DP_ACK_DURABLE
							: DP_ACK_WRITTEN);
	}
	if (argc == 4 && strcmp(argv[1], "pipeline") == 0) {
		return process(argv[2], argv[3], false);
	}
	if (argc == 4 && strcmp(argv[1], "finish") == 0) {
		return process(argv[2], argv[3], true);
	}
	(void)fprintf(stderr, "crash_worker: see its first comment\n");
	return 2;
}
