/* SPDX-License-Identifier: Apache-2.0 */
#include "payment_by_avro.h"

#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "payment.pb-c.h"

void payment_avro_check(int rc)
{
	if (rc != 0) {
		bench_die(avro_strerror());
	}
}

/* Column i of a record, on the branch that is not null. */
static avro_value_t column(avro_value_t *record, size_t i)
{
	avro_value_t field, branch;

	payment_avro_check(avro_value_get_by_index(record, i, &field, NULL));
	if (avro_value_get_type(&field) != AVRO_UNION) {
		return field;
	}
	payment_avro_check(avro_value_set_branch(&field, 1, &branch));
	return branch;
}

static void set_null(avro_value_t *record, size_t i)
{
	avro_value_t field, branch;

	payment_avro_check(avro_value_get_by_index(record, i, &field, NULL));
	payment_avro_check(avro_value_set_branch(&field, 0, &branch));
	payment_avro_check(avro_value_set_null(&branch));
}

static void set_text(avro_value_t *record, size_t i, char *text)
{
	avro_value_t field = column(record, i);

	payment_avro_check(avro_value_set_string(&field, text));
}

static void set_long(avro_value_t *record, size_t i, int64_t value)
{
	avro_value_t field = column(record, i);

	payment_avro_check(avro_value_set_long(&field, value));
}

static void set_int(avro_value_t *record, size_t i, int32_t value)
{
	avro_value_t field = column(record, i);

	payment_avro_check(avro_value_set_int(&field, value));
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
	payment_avro_check(avro_value_set_bytes(&field, bytes + at, 8 - at));
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

		payment_avro_check(avro_value_append(&list, &to, NULL));
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

		payment_avro_check(avro_value_append(&list, &to, NULL));
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

	payment_avro_check(avro_value_reset(record));
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
	payment_avro_check(avro_value_set_boolean(&field, e->captured));
	field = column(record, 13);
	payment_avro_check(avro_value_set_double(&field, e->risk_score));
	field = column(record, 14);
	for (size_t i = 0; i < e->n_rule_ids; i++) {
		avro_value_t to;

		payment_avro_check(avro_value_append(&field, &to, NULL));
		payment_avro_check(avro_value_set_long(&to, e->rule_ids[i]));
	}
	field = column(record, 15);
	payment_avro_check(avro_value_set_bytes(
		&field, e->trace_id.data, e->trace_id.len));
	set_null(record, 16);
}

void payment_avro_set(avro_value_t *record, const payment_event *event)
{
	Bench__Payment *e =
		bench__payment__unpack(NULL, event->size, event->data);

	if (e == NULL) {
		bench_die("bench__payment__unpack()");
	}
	set_payment(record, e);
	bench__payment__free_unpacked(e, NULL);
}

void payment_avro_open(
	avro_value_t *record, avro_schema_t *schema, dp_bytes text)
{
	avro_value_iface_t *class;

	payment_avro_check(
		avro_schema_from_json_length(text.data, text.size, schema));
	class = avro_generic_class_from_schema(*schema);
	payment_avro_check(avro_generic_value_new(class, record));
}
