/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes the logs that test_datapipe.py looks into.
 *
 *   log_worker fill DIRECTORY TOPIC COUNT
 *       publishes events 0 to COUNT - 1, with payloads "event N ..." and
 *       attributes of many kinds
 *   log_worker read DIRECTORY SUBSCRIPTION TOPIC COUNT
 *       reads that many, acks them, and closes
 *   log_worker print DIRECTORY TOPIC
 *       prints offset, id and payload of all that a subscription gets
 *   log_worker typed DIRECTORY TOPIC REGISTRY
 *       publishes a message of a type that it registers, one that is cut off,
 *       and one of a type that nobody knows
 *   log_worker register DIRECTORY SET
 *       adds the types of a file of descriptors to a registry
 *   log_worker live DIRECTORY TOPIC
 *       publishes and reads, so that segments come, go and are used again;
 *       prints a line when the first is there, and goes on until its stdin
 *       ends
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <datapipe/datapipe.h>

enum { SEGMENT_BYTES = 64 << 10, FLUSH_EACH = 50, PAYLOAD_MAX = 900 };

static void check(dp_status st, dp_error *err, const char *what)
{
	if (st != DP_OK) {
		(void)fprintf(stderr, "log_worker: %s: %s: %s\n", what,
			dp_status_name(st), dp_error_message(err));
		exit(1);
	}
}

static dp_hub *open_hub(dp_runtime *rt, const char *directory)
{
	dp_hub_options opts = DP_HUB_OPTIONS_INIT;
	char address[4096];
	dp_error *err = NULL;
	dp_hub *hub;

	opts.segment_bytes = SEGMENT_BYTES;
	(void)snprintf(address, sizeof(address), "log:%s", directory);
	check(dp_hub_open(&hub, rt, address, &opts, &err), err, "hub");
	return hub;
}

static dp_publisher *open_publisher(dp_hub *hub, const char *topic)
{
	dp_publisher_options opts = DP_PUBLISHER_OPTIONS_INIT;
	dp_publisher *pub;
	dp_error *err = NULL;

	opts.topic = topic;
	opts.source = "worker";
	check(dp_publisher_new(&pub, hub, &opts, &err), err, "publisher");
	return pub;
}

static dp_subscription *open_subscription(
	dp_hub *hub, const char *name, const char *topic)
{
	dp_subscription_options opts = DP_SUBSCRIPTION_OPTIONS_INIT;
	dp_subscription *sub;
	dp_error *err = NULL;

	opts.topics = topic;
	check(dp_subscription_open(&sub, hub, name, &opts, &err), err, name);
	return sub;
}

/* Some events have what others have not. */
static void vary(dp_event *ev, unsigned number)
{
	static const dp_attribute others[] = {
		{"tenant", "acme \"&\" \xc3\xa9"}, {"empty", ""}};

	ev->type = "test.Event";
	ev->key = number % 2 == 0 ? "a key" : NULL;
	ev->subject = number % 3 == 0 ? "subject" : NULL;
	ev->datacontenttype = number % 4 == 0 ? "text/plain" : NULL;
	ev->dataschema = number % 5 == 0 ? "dp:0123" : NULL;
	ev->traceparent = number % 6 == 0 ? "00-1-2-01" : NULL;
	ev->tracestate = number % 7 == 0 ? "a=b" : NULL;
	ev->id = number % 8 == 0 ? "given" : NULL;
	ev->time = number % 9 == 0 ? 1234567890123456789 : 0;
	ev->attributes = others;
	ev->attribute_count = number % 3;
}

static void publish(dp_publisher *pub, unsigned number)
{
	dp_event ev = DP_EVENT_INIT;
	char payload[PAYLOAD_MAX + 1];
	dp_error *err = NULL;
	int n;

	n = snprintf(payload, sizeof(payload), "event %u %0*d", number,
		(int)(number * 37 % 800), 0);
	vary(&ev, number);
	ev.payload.data = payload;
	ev.payload.size = (size_t)n;
	check(dp_publisher_publish(pub, &ev, DP_FOREVER, &err), err, "publish");
}

static void flush(dp_publisher *pub)
{
	dp_error *err = NULL;

	check(dp_publisher_flush(pub, DP_FOREVER, &err), err, "flush");
}

static void fill(dp_runtime *rt, char **args)
{
	dp_hub *hub = open_hub(rt, args[0]);
	dp_publisher *pub = open_publisher(hub, args[1]);
	unsigned count = (unsigned)strtoul(args[2], NULL, 10);

	for (unsigned i = 0; i < count; i++) {
		publish(pub, i);
	}
	flush(pub);
	dp_publisher_free(pub);
	dp_hub_close(hub);
}

/* Reads and acks until there is nothing for so long, or count were. */
static void consume(dp_subscription *sub, size_t count, dp_time_ns timeout_ns)
{
	while (count > 0) {
		dp_batch *batch;
		dp_error *err = NULL;
		dp_status st = dp_subscription_pull(
			sub, &batch, count, timeout_ns, &err);

		if (st == DP_EAGAIN || st == DP_ETIMEDOUT) {
			dp_error_free(err);
			return;
		}
		check(st, err, "pull");
		count -= dp_batch_count(batch);
		check(dp_subscription_ack_batch(sub, batch, &err), err, "ack");
		dp_batch_unref(batch);
	}
}

static void register_set(dp_runtime *rt, char **args)
{
	static char set[65536];
	char address[4096];
	dp_registry *registry;
	dp_error *err = NULL;
	FILE *file = fopen(args[1], "rb");
	size_t size = file != NULL ? fread(set, 1, sizeof(set), file) : 0;

	if (file != NULL) {
		(void)fclose(file);
	}
	(void)snprintf(address, sizeof(address), "file:%s", args[0]);
	check(dp_registry_open(&registry, rt, address, NULL, &err), err,
		"registry");
	check(dp_registry_add(registry, set, size, NULL, &err), err, "add");
	dp_registry_close(registry);
}

static void read_some(dp_runtime *rt, char **args)
{
	dp_hub *hub = open_hub(rt, args[0]);
	dp_subscription *sub = open_subscription(hub, args[1], args[2]);

	consume(sub, strtoul(args[3], NULL, 10), DP_SECOND);
	dp_subscription_close(sub);
	dp_hub_close(hub);
}

static void print_message(const dp_message *msg)
{
	dp_bytes payload = dp_message_payload(msg);
	const unsigned char *p = payload.data;
	char id[DP_ID_SIZE];

	(void)dp_message_id(msg, id);
	(void)printf(
		"%llu %s ", (unsigned long long)dp_message_offset(msg), id);
	for (size_t i = 0; i < payload.size; i++) {
		(void)printf("%02x", p[i]);
	}
	(void)puts("");
}

static void print_all(dp_runtime *rt, char **args)
{
	dp_hub *hub = open_hub(rt, args[0]);
	dp_subscription *sub = open_subscription(hub, "print", args[1]);
	dp_batch *batch;

	while (dp_subscription_pull(sub, &batch, 100, 0, NULL) == DP_OK) {
		for (size_t i = 0; i < dp_batch_count(batch); i++) {
			print_message(dp_batch_message(batch, i));
		}
		(void)dp_subscription_ack_batch(sub, batch, NULL);
		dp_batch_unref(batch);
	}
	dp_subscription_close(sub);
	dp_hub_close(hub);
}

static int is_stdin_open(void)
{
	struct pollfd fd = {STDIN_FILENO, POLLIN, 0};

	return poll(&fd, 1, 0) == 0;
}

static void live(dp_runtime *rt, char **args)
{
	dp_hub *hub = open_hub(rt, args[0]);
	dp_publisher *pub = open_publisher(hub, args[1]);
	dp_subscription *sub = open_subscription(hub, "live", args[1]);

	for (unsigned i = 0; is_stdin_open(); i++) {
		publish(pub, i);
		if (i % FLUSH_EACH == 0) {
			flush(pub);
			consume(sub, SIZE_MAX, 0);
		}
		if (i == FLUSH_EACH) {
			(void)puts("live");
			(void)fflush(stdout);
		}
	}
	dp_subscription_close(sub);
	dp_publisher_free(pub);
	dp_hub_close(hub);
}

/* package test; message Event { string some_name = 1; } of proto3. */
static void register_type(dp_runtime *rt, const char *directory)
{
	static const char set[] =
		"\x0a\x33\x0a\7t.proto\x12\4test\x22\x1a\x0a\5Event\x12\x11"
		"\x0a\x09some_name\x18\1\x20\1\x28\x09\x62\6proto3";
	char address[4096];
	dp_error *err = NULL;
	dp_registry *reg;

	(void)snprintf(address, sizeof(address), "file:%s", directory);
	check(dp_registry_open(&reg, rt, address, NULL, &err), err, "registry");
	check(dp_registry_add(reg, set, sizeof(set) - 1, NULL, &err), err,
		"set");
	dp_registry_close(reg);
}

static void typed(dp_runtime *rt, char **args)
{
	static const struct {
		const char *type;
		dp_bytes payload;
	} events[] = {{"test.Event", {"\x0a\4<\xc3\xa9>", 6}},
		{"test.Event", {"\x0a\4ab", 4}},
		{"test.Other", {"\x0a\2cd", 4}}};
	dp_hub *hub = open_hub(rt, args[0]);
	dp_publisher *pub = open_publisher(hub, args[1]);

	register_type(rt, args[2]);
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		dp_event ev = DP_EVENT_INIT;
		dp_error *err = NULL;

		ev.type = events[i].type;
		ev.payload = events[i].payload;
		check(dp_publisher_publish(pub, &ev, DP_FOREVER, &err), err,
			"publish");
	}
	flush(pub);
	dp_publisher_free(pub);
	dp_hub_close(hub);
}

int main(int argc, char **argv)
{
	dp_error *err = NULL;
	dp_runtime *rt;

	check(dp_runtime_new(&rt, NULL, &err), err, "runtime");
	if (argc == 5 && strcmp(argv[1], "fill") == 0) {
		fill(rt, argv + 2);
	} else if (argc == 6 && strcmp(argv[1], "read") == 0) {
		read_some(rt, argv + 2);
	} else if (argc == 4 && strcmp(argv[1], "print") == 0) {
		print_all(rt, argv + 2);
	} else if (argc == 5 && strcmp(argv[1], "typed") == 0) {
		typed(rt, argv + 2);
	} else if (argc == 4 && strcmp(argv[1], "register") == 0) {
		register_set(rt, argv + 2);
	} else if (argc == 4 && strcmp(argv[1], "live") == 0) {
		live(rt, argv + 2);
	} else {
		return 2;
	}
	dp_runtime_free(rt);
	return 0;
}
