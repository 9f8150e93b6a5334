/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The programs that crash_share.py starts, stops and kills. DIR/hub is the log.
 *
 *   share_worker begin DIR
 *       makes the subscriptions, so that nothing goes before they read it
 *   share_worker write DIR RUN durable|written COUNT KILLER
 *       publishes COUNT numbered events, and waits; that of number KILLER kills
 *       whoever handles it. The number of each acknowledged one goes to
 *       DIR/acked.RUN. Ends with 7 if an event is refused
 *   share_worker read DIR RUN
 *       reads events for ever, with those that do the same; each place goes to
 *       DIR/read.RUN before it is acked
 *   share_worker handle DIR RUN
 *       a job that handles events until nothing is left; DIR/handled.RUN
 *   share_worker dump DIR SUBSCRIPTION TOPIC
 *       reads what is left of a subscription; DIR/dump.SUBSCRIPTION
 */
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <datapipe/datapipe.h>
#include <datapipe/ext/sink.h>

#include "worker.h"

#define TOPIC "shop"
#define JOB "handle"

enum {
	FILLER_MAX = 200,
	BATCH = 64,
	TAKEN = 512,
	REFUSED = 7,
};

/* What an event says, in front of as much filler as follows from it. */
struct step {
	uint32_t run;
	uint32_t number;
	uint32_t kills;
};

/* As the notes have it. */
struct place {
	uint64_t offset;
	int64_t time_ns;
	uint32_t partition;
	uint32_t run;
	uint32_t number;
	uint32_t attempt;
};

static dp_hub *hub_of(dp_runtime **ret_rt, const char *directory)
{
	dp_error *err = NULL;

	worker_check(dp_runtime_new(ret_rt, NULL, &err), err, "runtime");
	return worker_open_hub(*ret_rt, directory);
}

static dp_subscription *subscribe(
	dp_hub *hub, const char *name, const char *topic)
{
	dp_subscription_options opts = DP_SUBSCRIPTION_OPTIONS_INIT;
	dp_subscription *sub = NULL;
	dp_error *err = NULL;

	opts.topics = topic;
	worker_check(
		dp_subscription_open(&sub, hub, name, &opts, &err), err, name);
	return sub;
}

static int begin(const char *directory)
{
	dp_runtime *rt;
	dp_hub *hub = hub_of(&rt, directory);

	dp_subscription_close(subscribe(hub, "readers", TOPIC));
	dp_subscription_close(subscribe(hub, JOB, TOPIC));
	dp_subscription_close(subscribe(hub, "all", TOPIC));
	dp_subscription_close(subscribe(hub, "dead", JOB ".dead"));
	dp_hub_close(hub);
	dp_runtime_free(rt);
	return 0;
}

static size_t filler_of(const struct step *step)
{
	return (step->run * 31 + step->number * 7) % FILLER_MAX;
}

static void publish_step(dp_publisher *pub, const struct step *step)
{
	uint8_t payload[sizeof(*step) + FILLER_MAX];
	dp_event ev = DP_EVENT_INIT;
	dp_error *err = NULL;

	memcpy(payload, step, sizeof(*step));
	memset(payload + sizeof(*step), 'f', filler_of(step));
	ev.type = "share.Step";
	ev.payload.data = payload;
	ev.payload.size = sizeof(*step) + filler_of(step);
	ev.tag = (void *)(uintptr_t)step->number;
	worker_check(dp_publisher_publish(pub, &ev, DP_FOREVER, &err), err,
		"publish");
}

/* Ends the process if its partition is another's. Returns how many came. */
static uint32_t note_acks(dp_runtime *rt, int fd, dp_time_ns timeout_ns)
{
	static dp_completion items[TAKEN];
	static uint32_t numbers[TAKEN];
	int64_t count = dp_runtime_poll(rt, items, TAKEN, timeout_ns);
	uint32_t good = 0;

	for (int64_t i = 0; i < count; i++) {
		if (items[i].status == DP_OK) {
			numbers[good++] = (uint32_t)(uintptr_t)items[i].tag;
		}
	}
	if (good > 0) {
		worker_note(fd, numbers, good * sizeof(numbers[0]));
	}
	if (good < (count > 0 ? (uint32_t)count : 0)) {
		_exit(REFUSED);
	}
	return good;
}

static int publish(const char *directory, char **words)
{
	uint32_t count = (uint32_t)strtoul(words[2], NULL, 10);
	uint32_t killer = (uint32_t)strtoul(words[3], NULL, 10);
	struct step step = {.run = (uint32_t)strtoul(words[0], NULL, 10)};
	dp_publisher_options opts = DP_PUBLISHER_OPTIONS_INIT;
	int fd = worker_open_notes(directory, "acked", words[0]);
	bool is_durable = strcmp(words[1], "durable") == 0;
	dp_publisher *pub = NULL;
	dp_error *err = NULL;
	uint32_t acked = 0;
	dp_runtime *rt;
	dp_hub *hub = hub_of(&rt, directory);

	opts.topic = TOPIC;
	opts.source = words[0];
	opts.ack = is_durable ? DP_ACK_DURABLE : DP_ACK_WRITTEN;
	opts.flags = DP_PUBLISHER_POLL;
	opts.limit_events = BATCH;
	worker_check(
		dp_publisher_new(&pub, hub, &opts, &err), err, "publisher");
	for (; step.number < count; step.number++) {
		step.kills = step.number == killer;
		publish_step(pub, &step);
		acked += note_acks(
			rt, fd, step.number % 16 == 15 ? DP_SECOND : 0);
	}
	while (acked < count) {
		acked += note_acks(rt, fd, DP_SECOND);
	}
	pause();
	return 0;
}

static int64_t now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * DP_SECOND + t.tv_nsec;
}

/* Ends the process over an event that nobody published. */
static struct step step_of(const dp_message *msg)
{
	dp_bytes payload = dp_message_payload(msg);
	const uint8_t *bytes = payload.data;
	struct step step = {0};
	bool is_right = payload.size >= sizeof(step);

	if (is_right) {
		memcpy(&step, bytes, sizeof(step));
		is_right = payload.size == sizeof(step) + filler_of(&step);
	}
	for (size_t i = sizeof(step); is_right && i < payload.size; i++) {
		is_right = bytes[i] == 'f';
	}
	worker_check(is_right ? DP_OK : DP_ECORRUPT, NULL, "a payload");
	return step;
}

static struct place place_of(const dp_message *msg)
{
	struct step step = step_of(msg);

	return (struct place){
		.offset = dp_message_offset(msg),
		.time_ns = now(),
		.partition = dp_message_partition(msg),
		.run = step.run,
		.number = step.number,
		.attempt = dp_message_attempt(msg),
	};
}

static void note_batch(int fd, const dp_batch *batch)
{
	struct place places[BATCH];
	size_t count = dp_batch_count(batch);

	for (size_t i = 0; i < count; i++) {
		places[i] = place_of(dp_batch_message(batch, i));
	}
	worker_note(fd, places, count * sizeof(places[0]));
}

/* Returns when nothing came for so long. */
static void read_on(dp_subscription *sub, int fd, dp_time_ns timeout_ns)
{
	for (;;) {
		dp_batch *batch = NULL;
		dp_error *err = NULL;
		dp_status st = dp_subscription_pull(
			sub, &batch, BATCH, timeout_ns, &err);

		if (st == DP_ETIMEDOUT) {
			dp_error_free(err);
			return;
		}
		worker_check(st, err, "pull");
		note_batch(fd, batch);
		worker_check(dp_subscription_ack_batch(sub, batch, &err), err,
			"ack");
		dp_batch_unref(batch);
	}
}

static int read_all(const char *directory, const char *name, const char *topic,
	int fd, dp_time_ns timeout_ns)
{
	dp_runtime *rt;
	dp_hub *hub = hub_of(&rt, directory);
	dp_subscription *sub = subscribe(hub, name, topic);

	read_on(sub, fd, timeout_ns);
	dp_subscription_close(sub);
	dp_hub_close(hub);
	dp_runtime_free(rt);
	return 0;
}

static dp_status handle_batch(void *self, const dp_batch *batch,
	dp_refusals *refusals, dp_error **err)
{
	const int *fd = self;

	(void)refusals;
	(void)err;
	for (size_t i = 0; i < dp_batch_count(batch); i++) {
		const dp_message *msg = dp_batch_message(batch, i);
		struct place place = place_of(msg);

		if (step_of(msg).kills != 0) {
			(void)kill(getpid(), SIGKILL);
		}
		worker_note(*fd, &place, sizeof(place));
	}
	return DP_OK;
}

/* A process that is killed takes none of the notes with it. */
static dp_status handle_flush(
	void *self, const dp_positions *upto, dp_error **err)
{
	(void)self;
	(void)upto;
	(void)err;
	return DP_OK;
}

static void handle_close(void *self)
{
	(void)self;
}

static int handle(const char *directory, const char *run)
{
	dp_sink_ops ops = DP_SINK_OPS_INIT;
	dp_job_options opts = DP_JOB_OPTIONS_INIT;
	int fd = worker_open_notes(directory, "handled", run);
	dp_pipeline *pipe = NULL;
	dp_sink *sink = NULL;
	dp_error *err = NULL;
	dp_runtime *rt;
	dp_hub *hub = hub_of(&rt, directory);

	ops.name = "notes";
	ops.write = handle_batch;
	ops.flush = handle_flush;
	ops.close = handle_close;
	opts.batch_events = BATCH;
	opts.flush_interval_ns = 10 * DP_MILLISECOND;
	worker_check(dp_sink_new(&sink, rt, &ops, &fd, &err), err, "sink");
	worker_check(
		dp_pipeline_new(&pipe, rt, "share", &err), err, "pipeline");
	worker_check(
		dp_pipeline_add_sink(pipe, JOB, hub, TOPIC, sink, &opts, &err),
		err, "job");
	worker_check(dp_pipeline_start(pipe, &err), err, "start");
	worker_check(
		dp_pipeline_wait_idle(pipe, DP_FOREVER, &err), err, "idle");
	dp_pipeline_free(pipe);
	dp_hub_close(hub);
	dp_runtime_free(rt);
	return 0;
}

int main(int argc, char **argv)
{
	const char *mode = argc > 2 ? argv[1] : "";
	const char *directory = argc > 2 ? argv[2] : "";

	if (argc == 3 && strcmp(mode, "begin") == 0) {
		return begin(directory);
	}
	if (argc == 7 && strcmp(mode, "write") == 0) {
		return publish(directory, argv + 3);
	}
	if (argc == 4 && strcmp(mode, "read") == 0) {
		return read_all(directory, "readers", TOPIC,
			worker_open_notes(directory, "read", argv[3]),
			DP_FOREVER);
	}
	if (argc == 4 && strcmp(mode, "handle") == 0) {
		return handle(directory, argv[3]);
	}
	if (argc == 5 && strcmp(mode, "dump") == 0) {
		return read_all(directory, argv[3], argv[4],
			worker_open_notes(directory, "dump", argv[3]), 0);
	}
	(void)fprintf(stderr, "share_worker: see its first comment\n");
	return 2;
}
