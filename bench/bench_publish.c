/* SPDX-License-Identifier: Apache-2.0 */
#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <datapipe/datapipe.h>

#include "bench.h"

/*
 * What one call costs the publishing thread: 250 bytes, a type and a key,
 * durable in our log a moment later; beside librdkafka, whose broker is a mock
 * in its own process and writes nothing.
 */

enum { EVENTS = 200000, PAYLOAD = 250, KEYS = 64 };
enum { THREADS_MAX = 2, ROUNDS = 15 };

struct producer {
	void (*send)(void *to, const char *payload, const char *key);
	void *to;
	double ns; /* for each call */
};

static char payload[PAYLOAD];
static char keys[KEYS][16];

static void *send_all(void *arg)
{
	struct producer *p = arg;
	int64_t begin = bench_thread_now();

	for (int i = 0; i < EVENTS; i++) {
		p->send(p->to, payload, keys[i % KEYS]);
	}
	p->ns = (double)(bench_thread_now() - begin) / EVENTS;
	return NULL;
}

static double run_threads(
	void (*send)(void *to, const char *payload, const char *key), void *to,
	int count)
{
	struct producer producers[THREADS_MAX];
	pthread_t threads[THREADS_MAX];
	double sum = 0;

	for (int i = 0; i < count; i++) {
		producers[i] = (struct producer){.send = send, .to = to};
		if (pthread_create(
			    &threads[i], NULL, send_all, &producers[i]) != 0) {
			bench_die("pthread_create");
		}
	}
	for (int i = 0; i < count; i++) {
		(void)pthread_join(threads[i], NULL);
		sum += producers[i].ns;
	}
	return sum / count;
}

struct ours {
	char directory[64];
	dp_runtime *rt;
	dp_hub *hub;
	dp_publisher *pub;
	int threads;
};

static void send_ours(void *to, const char *bytes, const char *key)
{
	dp_event ev = DP_EVENT_INIT;

	ev.type = "shop.payment.v1.Captured";
	ev.payload.data = bytes;
	ev.payload.size = PAYLOAD;
	ev.key = key;
	if (dp_publisher_publish(to, &ev, DP_FOREVER, NULL) != DP_OK) {
		bench_die("publish");
	}
}

static double run_ours(void *arg)
{
	struct ours *o = arg;
	double ns = run_threads(send_ours, o->pub, o->threads);

	if (dp_publisher_flush(o->pub, DP_FOREVER, NULL) != DP_OK) {
		bench_die("flush");
	}
	return ns;
}

static void open_ours(struct ours *o)
{
	dp_publisher_options opts = DP_PUBLISHER_OPTIONS_INIT;
	char address[80];

	bench_mkdir(o->directory, sizeof(o->directory));
	(void)snprintf(address, sizeof(address), "log:%s", o->directory);
	opts.topic = "bench";
	opts.source = "bench";
	opts.limit_bytes = 1u << 30;
	if (dp_runtime_new(&o->rt, NULL, NULL) != DP_OK ||
		dp_hub_open(&o->hub, o->rt, address, NULL, NULL) != DP_OK ||
		dp_publisher_new(&o->pub, o->hub, &opts, NULL) != DP_OK) {
		bench_die("open");
	}
}

static void close_ours(struct ours *o)
{
	dp_publisher_free(o->pub);
	dp_hub_close(o->hub);
	dp_runtime_free(o->rt);
	bench_rmdir(o->directory);
}

struct peer {
	rd_kafka_t *rk;
	rd_kafka_topic_t *topic;
	int threads;
};

static void send_peer(void *to, const char *bytes, const char *key)
{
	/* librdkafka's API takes the payload as void *, and copies it. */
	if (rd_kafka_produce(to, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY,
		    (void *)(uintptr_t)bytes, PAYLOAD, key, strlen(key),
		    NULL) != 0) {
		bench_die("rd_kafka_produce");
	}
}

static double run_peer(void *arg)
{
	struct peer *p = arg;
	double ns = run_threads(send_peer, p->topic, p->threads);

	if (rd_kafka_flush(p->rk, 60000) != RD_KAFKA_RESP_ERR_NO_ERROR) {
		bench_die("rd_kafka_flush");
	}
	return ns;
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
	char text[256];

	if (rd_kafka_conf_set(conf, name, value, text, sizeof(text)) !=
		RD_KAFKA_CONF_OK) {
		bench_die(text);
	}
}

static void open_peer(struct peer *p)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char text[256];

	set(conf, "test.mock.num.brokers", "1");
	set(conf, "acks", "1");
	set(conf, "linger.ms", "1");
	set(conf, "queue.buffering.max.messages", "2000000");
	set(conf, "queue.buffering.max.kbytes", "2000000");
	p->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	if (p->rk == NULL) {
		bench_die(text);
	}
	p->topic = rd_kafka_topic_new(p->rk, "bench", NULL);
}

static void close_peer(struct peer *p)
{
	rd_kafka_topic_destroy(p->topic);
	rd_kafka_destroy(p->rk);
}

/* A batch that is full wakes the committer, too: it is 256 KiB. */
static void print_wakeups(const struct ours *o)
{
	dp_publisher_stats stats = {.struct_size = sizeof(stats)};

	if (dp_publisher_get_stats(o->pub, &stats, NULL) != DP_OK) {
		bench_die("stats");
	}
	bench_value("events for each time that a call woke or armed another "
		    "thread: its share of a wake-up",
		"", (double)stats.wakeups / (double)stats.accepted, 0.01);
}

int main(void)
{
	struct ours ours = {.threads = 1};
	struct peer peer = {.threads = 1};
	bench_side sides[] = {
		{"ours", run_ours, &ours, 0},
		{"librdkafka", run_peer, &peer, 0.25},
	};

	memset(payload, 'x', sizeof(payload));
	for (int i = 0; i < KEYS; i++) {
		(void)snprintf(keys[i], sizeof(keys[i]), "customer-%d", i);
	}
	open_ours(&ours);
	open_peer(&peer);
	bench_compare("publish call, one thread", "ns", ROUNDS, sides, 2);
	ours.threads = THREADS_MAX;
	peer.threads = THREADS_MAX;
	sides[1].goal = 0.20;
	bench_compare("publish call, two threads", "ns", ROUNDS, sides, 2);
	print_wakeups(&ours);
	close_peer(&peer);
	close_ours(&ours);
	return 0;
}
