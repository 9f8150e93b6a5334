/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <datapipe/codec.h>

#include "bench.h"
#include "codec/payment_by_google.h"
#include "codec/payment_events.h"
#include "codec/payment_plan.h"

/*
 * A payment of about 320 bytes from wire bytes to ProtoJSON: a codec made at
 * run time, beside Google's C++ with the code that protoc makes for this
 * message. Both must give the same text. And back: what Google's C++ parses of
 * our bytes must be what it reads from the text.
 */

enum { EVENTS = 20000, ROUNDS = 9 };

/* A round of Google's takes long, so it does one event of so many. */
enum { FEWER = 10 };

static payment_event events[EVENTS];
static payment_event texts[EVENTS];

static dp_bytes to_json(dp_codec *codec, const payment_event *event)
{
	dp_bytes wire = {event->data, event->size};
	dp_bytes json;

	if (dp_codec_to_json(codec, wire, &json, NULL) != DP_OK) {
		bench_die("dp_codec_to_json()");
	}
	return json;
}

static double run_codec(void *arg)
{
	int64_t start = bench_now();

	for (int i = 0; i < EVENTS; i++) {
		(void)to_json(arg, &events[i]);
	}
	return (double)(bench_now() - start) / EVENTS;
}

static double run_google(void *arg)
{
	int64_t start = bench_now();
	size_t size;

	(void)arg;
	for (int i = 0; i < EVENTS; i += FEWER) {
		if (payment_by_google(
			    events[i].data, events[i].size, 0, &size) == NULL) {
			bench_die("payment_by_google()");
		}
	}
	return (double)(bench_now() - start) / (EVENTS / FEWER);
}

static void check_texts(dp_codec *codec, double *ret_bytes)
{
	size_t total = 0;

	for (int i = 0; i < EVENTS; i++) {
		dp_bytes json = to_json(codec, &events[i]);
		size_t size = 0;
		const char *text = payment_by_google(
			events[i].data, events[i].size, 1, &size);

		if (text == NULL || size != json.size ||
			memcmp(text, json.data, size) != 0) {
			bench_die("the two texts differ");
		}
		total += size;
	}
	*ret_bytes = (double)total / EVENTS;
}

static dp_bytes from_json(dp_codec *codec, const payment_event *text)
{
	dp_bytes json = {text->data, text->size};
	dp_bytes wire;

	if (dp_codec_from_json(codec, json, &wire, NULL) != DP_OK) {
		bench_die("dp_codec_from_json()");
	}
	return wire;
}

static double run_codec_in(void *arg)
{
	int64_t start = bench_now();

	for (int i = 0; i < EVENTS; i++) {
		(void)from_json(arg, &texts[i]);
	}
	return (double)(bench_now() - start) / EVENTS;
}

static double run_google_in(void *arg)
{
	int64_t start = bench_now();

	(void)arg;
	for (int i = 0; i < EVENTS; i += FEWER) {
		if (!payment_in_by_google(
			    texts[i].data, texts[i].size, NULL, 0)) {
			bench_die("payment_in_by_google()");
		}
	}
	return (double)(bench_now() - start) / (EVENTS / FEWER);
}

static void make_texts(dp_codec *codec)
{
	for (int i = 0; i < EVENTS; i++) {
		dp_bytes json = to_json(codec, &events[i]);
		dp_bytes wire;
		void *copy = malloc(json.size);

		if (copy == NULL) {
			bench_die("malloc()");
		}
		memcpy(copy, json.data, json.size);
		texts[i].data = copy;
		texts[i].size = json.size;
		wire = from_json(codec, &texts[i]);
		if (!payment_in_by_google(texts[i].data, texts[i].size,
			    wire.data, wire.size)) {
			bench_die("the two messages differ");
		}
	}
}

static dp_codec *open_codec(void)
{
	dp_schema *schema = payment_schema(PAYMENT_SET, "bench.Payment");
	dp_codec *codec;

	if (dp_codec_new(&codec, schema, NULL, NULL) != DP_OK) {
		bench_die("dp_codec_new()");
	}
	dp_schema_unref(schema);
	return codec;
}

/* The best of some rounds, as a speed of what is written. */
static void print_speed(dp_codec *codec, double bytes)
{
	double best = run_codec(codec);

	for (int i = 1; i < ROUNDS; i++) {
		double cost = run_codec(codec);

		best = cost < best ? cost : best;
	}
	bench_value("a payment as ProtoJSON, at best", "ns", best, 1250);
	printf("  %.0f bytes of text, %.0f MB/s\n", bytes, bytes / best * 1000);
}

int main(void)
{
	bench_side sides[] = {{"ours", run_codec, NULL, 0},
		{"C++ MessageToJsonString", run_google, NULL, 1.0 / 15}};
	dp_codec *codec;
	bench_side sides_in[] = {{"ours", run_codec_in, NULL, 0},
		{"C++ JsonStringToMessage", run_google_in, NULL, 1.0 / 5}};
	double bytes;

	payment_make(events, EVENTS);
	codec = open_codec();
	sides[0].arg = codec;
	check_texts(codec, &bytes);
	bench_compare("a payment from wire bytes to ProtoJSON", "ns", ROUNDS,
		sides, sizeof(sides) / sizeof(sides[0]));
	print_speed(codec, bytes);
	make_texts(codec);
	sides_in[0].arg = codec;
	bench_compare("a payment from ProtoJSON to wire bytes", "ns", ROUNDS,
		sides_in, sizeof(sides_in) / sizeof(sides_in[0]));
	dp_codec_free(codec);
	return 0;
}
