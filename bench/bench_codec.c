/* SPDX-License-Identifier: Apache-2.0 */
#include <avro.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "bench.h"
#include "codec/payment_by_hand.h"
#include "codec/payment_events.h"
#include "codec/plan.h"
#include "payment.pb-c.h"
#include "schema/descriptor.h"

/*
 * A payment of about 320 bytes from wire bytes to an Avro datum: a plan made
 * at run time, beside a transcoder written for this message, and beside the
 * two libraries that one would take, protobuf-c and Avro's own for C. All
 * three must give the same bytes.
 */

enum { EVENTS = 20000, ROUNDS = 15, ROOM = 16384 };

static payment_event events[EVENTS];

/* Ours. */

struct plan_side {
	dpi_plan *plan;
	dpi_coder *coder;
	dpi_buf out;
};

static double run_plan(void *arg)
{
	struct plan_side *side = arg;
	int64_t start = bench_now();

	for (int i = 0; i < EVENTS; i++) {
		dpi_buf_clear(&side->out);
		if (dpi_avro_encode(side->plan, side->coder, events[i].data,
			    events[i].size, &side->out, NULL) != DP_OK) {
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

static void check_avro(int rc)
{
	if (rc != 0) {
		bench_die(avro_strerror());
	}
}

/* Column i of a record, on the branch that is not null. */
static avro_value_t column(avro_value_t *record, size_t i)
{
	avro_value_t field, branch;

	check_avro(avro_value_get_by_index(record, i, &field, NULL));
	if (avro_value_get_type(&field) != AVRO_UNION) {
		return field;
	}
	check_avro(avro_value_set_branch(&field, 1, &branch));
	return branch;
}

static void set_null(avro_value_t *record, size_t i)
{
	avro_value_t field, branch;

	check_avro(avro_value_get_by_index(record, i, &field, NULL));
	check_avro(avro_value_set_branch(&field, 0, &branch));
	check_avro(avro_value_set_null(&branch));
}

static void set_text(avro_value_t *record, size_t i, char *text)
{
	avro_value_t field = column(record, i);

	check_avro(avro_value_set_string(&field, text));
}

static void set_long(avro_value_t *record, size_t i, int64_t value)
{
	avro_value_t field = column(record, i);

	check_avro(avro_value_set_long(&field, value));
}

static void set_int(avro_value_t *record, size_t i, int32_t value)
{
	avro_value_t field = column(record, i);

	check_avro(avro_value_set_int(&field, value));
}

static void set_decimal(avro_value_t *record, size_t i, uint64_t value)
{
	avro_value_t field = column(record, i);
	uint8_t bytes[8];
	size_t at = 8;

	do {
		bytes[--at] = (uint8_t)value;
		value >>= 8;
	} while (value != 0 || bytes[at] >= 0x80);
	check_avro(avro_value_set_bytes(&field, bytes + at, 8 - at));
}

static void set_money(avro_value_t *record, size_t i, const Bench__Money *money)
{
	avro_value_t field;

	if (money == NULL) {
		set_null(record, i);
		return;
	}
	field = column(record, i);
	set_text(&field, 0, money->currency);
	set_long(&field, 1, money->units);
	set_int(&field, 2, money->nanos);
	set_null(&field, 3);
}

static void set_items(avro_value_t *record, const Bench__Payment *e)
{
	avro_value_t list = column(record, 8);

	for (size_t i = 0; i < e->n_items; i++) {
		const Bench__Item *item = e->items[i];
		avro_value_t to;

		check_avro(avro_value_append(&list, &to, NULL));
		set_text(&to, 0, item->sku);
		set_text(&to, 1, item->name);
		set_long(&to, 2, item->quantity);
		set_money(&to, 3, item->price);
		set_null(&to, 4);
	}
}

static int by_key(const void *a, const void *b)
{
	const Bench__Payment__LabelsEntry *x =
		*(Bench__Payment__LabelsEntry *const *)a;
	const Bench__Payment__LabelsEntry *y =
		*(Bench__Payment__LabelsEntry *const *)b;

	return strcmp(x->key, y->key);
}

static void set_labels(avro_value_t *record, Bench__Payment *e)
{
	avro_value_t list = column(record, 9);

	qsort(e->labels, e->n_labels, sizeof(*e->labels), by_key);
	for (size_t i = 0; i < e->n_labels; i++) {
		avro_value_t to;

		check_avro(avro_value_append(&list, &to, NULL));
		set_text(&to, 0, e->labels[i]->key);
		set_text(&to, 1, e->labels[i]->value);
	}
}

static void set_device(avro_value_t *record, const Bench__Device *device)
{
	avro_value_t field = column(record, 10);

	set_text(&field, 0, device->os);
	set_text(&field, 1, device->app_version);
	set_text(&field, 2, device->ip);
	set_long(&field, 3, device->screen_width);
	set_long(&field, 4, device->screen_height);
	set_null(&field, 5);
}

static void set_payment(avro_value_t *record, Bench__Payment *e)
{
	avro_value_t field;

	check_avro(avro_value_reset(record));
	set_text(record, 0, e->event_id);
	field = column(record, 1);
	set_long(&field, 0, e->occurred_at->seconds);
	set_int(&field, 1, e->occurred_at->nanos);
	set_null(&field, 2);
	set_decimal(record, 2, e->user_id);
	set_decimal(record, 3, e->merchant_id);
	set_text(record, 4,
		(char *)(uintptr_t)bench__status__descriptor.values[e->status]
			.name);
	set_text(record, 5,
		(char *)(uintptr_t)bench__method__descriptor.values[e->method]
			.name);
	set_money(record, 6, e->amount);
	set_money(record, 7, e->fee);
	set_items(record, e);
	set_labels(record, e);
	set_device(record, e->device);
	set_text(record, 11, e->idempotency_key);
	field = column(record, 12);
	check_avro(avro_value_set_boolean(&field, e->captured));
	field = column(record, 13);
	check_avro(avro_value_set_double(&field, e->risk_score));
	field = column(record, 14);
	for (size_t i = 0; i < e->n_rule_ids; i++) {
		avro_value_t to;

		check_avro(avro_value_append(&field, &to, NULL));
		check_avro(avro_value_set_long(&to, e->rule_ids[i]));
	}
	field = column(record, 15);
	check_avro(avro_value_set_bytes(
		&field, e->trace_id.data, e->trace_id.len));
	set_null(record, 16);
}

/* Returns the bytes of the datum, which are in side->out. */
static size_t encode_by_peers(
	struct avro_side *side, const payment_event *event)
{
	Bench__Payment *e =
		bench__payment__unpack(NULL, event->size, event->data);

	if (e == NULL) {
		bench_die("bench__payment__unpack()");
	}
	set_payment(&side->value, e);
	avro_writer_reset(side->writer);
	check_avro(avro_value_write(side->writer, &side->value));
	bench__payment__free_unpacked(e, NULL);
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

static void open_plan(struct plan_side *side, const char *set_path)
{
	static uint8_t set[65536];
	FILE *file = fopen(set_path, "rb");
	dp_schema *schema;
	size_t size = 0;

	if (file != NULL) {
		size = fread(set, 1, sizeof(set), file);
		(void)fclose(file);
	}
	if (dpi_schema_new(&schema, &heap, set, size, "bench.Payment", NULL) !=
			DP_OK ||
		dpi_plan_new(&side->plan, &heap, schema, DPI_TARGET_AVRO,
			NULL) != DP_OK ||
		dpi_coder_new(&side->coder, &heap, NULL) != DP_OK) {
		bench_die(set_path);
	}
	dp_schema_unref(schema);
	dpi_buf_init(&side->out, &heap, 1 << 24);
}

static void open_peers(struct avro_side *side, const dpi_plan *plan)
{
	avro_schema_t schema;
	avro_value_iface_t *class;
	dpi_buf text;

	dpi_buf_init(&text, &heap, 1 << 20);
	if (dpi_avro_schema(plan, NULL, 0, &text, NULL) != DP_OK) {
		bench_die("dpi_avro_schema()");
	}
	check_avro(avro_schema_from_json_length(
		(const char *)text.data, text.size, &schema));
	class = avro_generic_class_from_schema(schema);
	check_avro(avro_generic_value_new(class, &side->value));
	side->writer = avro_writer_memory(side->out, sizeof(side->out));
	dpi_buf_fini(&text);
}

/* All three give the same bytes. */
static void check_bytes(struct plan_side *plan, struct avro_side *peers)
{
	static uint8_t by_hand[ROOM];

	for (int i = 0; i < EVENTS; i++) {
		uint8_t *end = payment_by_hand(
			events[i].data, events[i].size, by_hand);
		size_t size = encode_by_peers(peers, &events[i]);

		dpi_buf_clear(&plan->out);
		if (dpi_avro_encode(plan->plan, plan->coder, events[i].data,
			    events[i].size, &plan->out, NULL) != DP_OK ||
			end == NULL || (size_t)(end - by_hand) != size ||
			plan->out.size != size ||
			memcmp(plan->out.data, by_hand, size) != 0 ||
			memcmp(plan->out.data, peers->out, size) != 0) {
			bench_die("the three differ");
		}
	}
}

int main(void)
{
	static struct plan_side plan;
	static struct avro_side peers;
	bench_side sides[] = {{"ours", run_plan, &plan, 0},
		{"by hand", run_by_hand, NULL, 1.6},
		{"protobuf-c and avro-c", run_peers, &peers, 0.18}};

	payment_make(events, EVENTS);
	open_plan(&plan, PAYMENT_SET);
	open_peers(&peers, plan.plan);
	check_bytes(&plan, &peers);
	bench_compare("a payment from wire bytes to an Avro datum", "ns",
		ROUNDS, sides, sizeof(sides) / sizeof(sides[0]));
	return 0;
}
