/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "bench.h"
#include "codec/payment_by_avro.h"
#include "codec/payment_by_google.h"
#include "codec/payment_by_hand.h"
#include "codec/payment_events.h"
#include "codec/payment_plan.h"
#include "payment.pb-c.h"

/*
 * A payment of about 320 bytes from wire bytes to an Avro datum: a plan made
 * at run time, beside a transcoder written for this message, and beside the
 * two libraries that one would take, protobuf-c and Avro's own for C. All
 * three must give the same bytes. And beside what it costs others only to
 * parse: protobuf-c, and Google's C++ with generated code and without.
 */

enum { EVENTS = 20000, ROUNDS = 15, ROOM = 16384 };

static payment_event events[EVENTS];

/* Ours. */

struct plan_side {
	struct payment_plan by;
	dpi_buf out;
};

static double run_plan(void *arg)
{
	struct plan_side *side = arg;
	int64_t start = bench_now();

	for (int i = 0; i < EVENTS; i++) {
		dpi_buf_clear(&side->out);
		if (dpi_avro_encode(side->by.plan, side->by.coder,
			    events[i].data, events[i].size, &side->out,
			    NULL) != DP_OK) {
			bench_die("dpi_avro_encode()");
		}
	}
	return (double)(bench_now() - start) / EVENTS;
}

static double run_by_hand(void *arg)
{
	static uint8_t out[ROOM];
	int64_t start = bench_now();

	(void)arg;
	for (int i = 0; i < EVENTS; i++) {
		if (payment_by_hand(events[i].data, events[i].size, out) ==
			NULL) {
			bench_die("payment_by_hand()");
		}
	}
	return (double)(bench_now() - start) / EVENTS;
}

/* protobuf-c and avro-c. */

struct avro_side {
	avro_value_t value;
	avro_writer_t writer;
	char out[ROOM];
};

/* Returns the bytes of the datum, which are in side->out. */
static size_t encode_by_peers(
	struct avro_side *side, const payment_event *event)
{
	payment_avro_set(&side->value, event);
	avro_writer_reset(side->writer);
	payment_avro_check(avro_value_write(side->writer, &side->value));
	return (size_t)avro_writer_tell(side->writer);
}

static double run_peers(void *arg)
{
	int64_t start = bench_now();

	for (int i = 0; i < EVENTS; i++) {
		(void)encode_by_peers(arg, &events[i]);
	}
	return (double)(bench_now() - start) / EVENTS;
}

/* To parse, and nothing else. */

static double run_unpack(void *arg)
{
	int64_t start = bench_now();

	(void)arg;
	for (int i = 0; i < EVENTS; i++) {
		Bench__Payment *e = bench__payment__unpack(
			NULL, events[i].size, events[i].data);

		if (e == NULL) {
			bench_die("bench__payment__unpack()");
		}
		bench__payment__free_unpacked(e, NULL);
	}
	return (double)(bench_now() - start) / EVENTS;
}

static double run_google(void *arg)
{
	int (*parse)(const void *, size_t);
	int64_t start = bench_now();

	memcpy(&parse, arg, sizeof(parse));
	for (int i = 0; i < EVENTS; i++) {
		if (!parse(events[i].data, events[i].size)) {
			bench_die("Google's C++ refuses a payment");
		}
	}
	return (double)(bench_now() - start) / EVENTS;
}

static void open_peers(struct avro_side *side, const dpi_plan *plan)
{
	avro_schema_t schema;
	dpi_buf text;

	dpi_buf_init(&text, &payment_heap, 1 << 20);
	if (dpi_avro_schema(plan, NULL, 0, &text, NULL) != DP_OK) {
		bench_die("dpi_avro_schema()");
	}
	payment_avro_open(
		&side->value, &schema, dpi_bytes(text.data, text.size));
	side->writer = avro_writer_memory(side->out, sizeof(side->out));
	dpi_buf_fini(&text);
}

/* All three give the same bytes; returns those of wire and datum, on average. */
static void check_bytes(struct plan_side *plan, struct avro_side *peers,
	double *ret_wire, double *ret_datum)
{
	static uint8_t by_hand[ROOM];

	*ret_wire = 0;
	*ret_datum = 0;
	for (int i = 0; i < EVENTS; i++) {
		uint8_t *end = payment_by_hand(
			events[i].data, events[i].size, by_hand);
		size_t size = encode_by_peers(peers, &events[i]);

		dpi_buf_clear(&plan->out);
		if (dpi_avro_encode(plan->by.plan, plan->by.coder,
			    events[i].data, events[i].size, &plan->out,
			    NULL) != DP_OK ||
			end == NULL || (size_t)(end - by_hand) != size ||
			plan->out.size != size ||
			memcmp(plan->out.data, by_hand, size) != 0 ||
			memcmp(plan->out.data, peers->out, size) != 0) {
			bench_die("the three differ");
		}
		*ret_wire += (double)events[i].size / EVENTS;
		*ret_datum += (double)size / EVENTS;
	}
}

int main(void)
{
	static int (*generated)(const void *, size_t) = payment_parse_generated;
	static int (*dynamic)(const void *, size_t) = payment_parse_dynamic;
	static struct plan_side plan;
	static struct avro_side peers;
	bench_side sides[] = {{"ours", run_plan, &plan, 0},
		{"by hand", run_by_hand, NULL, 1.6},
		{"protobuf-c and avro-c", run_peers, &peers, 1 / 5.5},
		{"protobuf-c, only to parse", run_unpack, NULL, 0},
		{"C++ generated, arena, only to parse", run_google, &generated,
			0},
		{"C++ DynamicMessage, only to parse", run_google, &dynamic, 0}};
	double wire, datum, cost;

	payment_make(events, EVENTS);
	payment_plan_open(
		&plan.by, PAYMENT_SET, "bench.Payment", DPI_TARGET_AVRO);
	dpi_buf_init(&plan.out, &payment_heap, 1 << 24);
	open_peers(&peers, plan.by.plan);
	check_bytes(&plan, &peers, &wire, &datum);
	bench_compare("a payment from wire bytes to an Avro datum", "ns",
		ROUNDS, sides, sizeof(sides) / sizeof(sides[0]));
	cost = run_plan(&plan);
	printf("  ours reads %.0f bytes, %.0f MB/s, and writes %.0f\n", wire,
		wire / cost * 1000, datum);
	return 0;
}
