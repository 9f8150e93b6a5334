/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "bench.h"
#include "duck.h"
#include "flat.pb-c.h"
#include "payment.pb-c.h"

/*
 * As one would write it with DuckDB's C API: flat rows value by value, nested
 * ones, for which the appender has no such calls, into vectors of a chunk.
 */

static void *open_appender(struct duck *duck, const char *create)
{
	void *appender;

	duck_run(duck, create);
	if (duck->appender_create(duck->connection, NULL, "ev", &appender) !=
		0) {
		bench_die("duckdb_appender_create()");
	}
	return appender;
}

static void append_row(struct duck *duck, void *a, const Bench__Flat *f)
{
	duck->append_varchar(a, f->event_id);
	duck->append_int64(a, f->seconds);
	duck->append_int32(a, f->nanos);
	duck->append_int64(a, f->user_id);
	duck->append_int64(a, f->merchant_id);
	duck->append_varchar(a, f->status);
	duck->append_varchar(a, f->method);
	duck->append_varchar(a, f->currency);
	duck->append_int64(a, f->units);
	duck->append_int64(a, f->fee);
	duck->append_int64(a, f->item_count);
	duck->append_varchar(a, f->sku);
	duck->append_varchar(a, f->name);
	duck->append_varchar(a, f->os);
	duck->append_varchar(a, f->app_version);
	duck->append_varchar(a, f->ip);
	duck->append_varchar(a, f->idempotency_key);
	duck->append_bool(a, f->captured);
	duck->append_double(a, f->risk_score);
	duck->append_blob(a, f->trace_id.data, f->trace_id.len);
	if (duck->appender_end_row(a) != 0) {
		bench_die("append a row");
	}
}

void duck_fill_flat(
	struct duck *duck, const payment_event *events, size_t count)
{
	void *appender = open_appender(duck,
		"CREATE OR REPLACE TABLE ev(event_id varchar, seconds bigint, "
		"nanos int, user_id bigint, merchant_id bigint, status "
		"varchar, method varchar, currency varchar, units bigint, fee "
		"bigint, item_count bigint, sku varchar, name varchar, os "
		"varchar, app_version varchar, ip varchar, idempotency_key "
		"varchar, captured boolean, risk_score double, trace_id blob)");

	for (size_t i = 0; i < count; i++) {
		Bench__Flat *flat = bench__flat__unpack(
			NULL, events[i].size, events[i].data);

		append_row(duck, appender, flat);
		bench__flat__free_unpacked(flat, NULL);
	}
	duck->appender_destroy(&appender);
}

/* A vector, whose values are read or written at a place. */
struct slot {
	struct duck *duck;
	void *vector;
	uint64_t at;
};

static struct slot child(struct slot s, uint64_t i)
{
	s.vector = s.duck->struct_vector_get_child(s.vector, i);
	return s;
}

#define PUT(s, type, value) \
	(((type *)(s).duck->vector_get_data((s).vector))[(s).at] = \
			(type)(value))

static void put_bytes(struct slot s, const void *data, size_t size)
{
	s.duck->vector_assign_string_element_len(s.vector, s.at, data, size);
}

static void put_text(struct slot s, const char *text)
{
	put_bytes(s, text, strlen(text));
}

static void put_null(struct slot s)
{
	s.duck->vector_ensure_validity_writable(s.vector);
	s.duck->validity_set_row_invalid(
		s.duck->vector_get_validity(s.vector), s.at);
}

/* An entry of a list, behind those that all lists of the chunk have; the slot
 * of its first element. */
static struct slot put_list(struct slot s, uint64_t *used, uint64_t count)
{
	struct {
		uint64_t offset, length;
	} *entries = s.duck->vector_get_data(s.vector);

	entries[s.at].offset = *used;
	entries[s.at].length = count;
	if (s.duck->list_vector_reserve(s.vector, *used + count) != 0 ||
		s.duck->list_vector_set_size(s.vector, *used + count) != 0) {
		bench_die("duckdb_list_vector_reserve()");
	}
	s.vector = s.duck->list_vector_get_child(s.vector);
	s.at = *used;
	*used += count;
	return s;
}

static void put_money(struct slot s, const Bench__Money *money)
{
	if (money == NULL) {
		put_null(s);
		for (uint64_t i = 0; i < 3; i++) {
			put_null(child(s, i));
		}
		return;
	}
	put_text(child(s, 0), money->currency);
	PUT(child(s, 1), int64_t, money->units);
	PUT(child(s, 2), int32_t, money->nanos);
}

static void put_items(struct slot s, uint64_t *used, const Bench__Payment *e)
{
	struct slot to = put_list(s, used, e->n_items);

	for (size_t i = 0; i < e->n_items; i++, to.at++) {
		put_text(child(to, 0), e->items[i]->sku);
		put_text(child(to, 1), e->items[i]->name);
		PUT(child(to, 2), uint32_t, e->items[i]->quantity);
		put_money(child(to, 3), e->items[i]->price);
	}
}

static void put_labels(struct slot s, uint64_t *used, const Bench__Payment *e)
{
	struct slot to = put_list(s, used, e->n_labels);

	for (size_t i = 0; i < e->n_labels; i++, to.at++) {
		put_text(child(to, 0), e->labels[i]->key);
		put_text(child(to, 1), e->labels[i]->value);
	}
}

static void put_rules(struct slot s, uint64_t *used, const Bench__Payment *e)
{
	struct slot to = put_list(s, used, e->n_rule_ids);

	for (size_t i = 0; i < e->n_rule_ids; i++, to.at++) {
		PUT(to, uint32_t, e->rule_ids[i]);
	}
}

static void put_device(struct slot s, const Bench__Device *device)
{
	put_text(child(s, 0), device->os);
	put_text(child(s, 1), device->app_version);
	put_text(child(s, 2), device->ip);
	PUT(child(s, 3), uint32_t, device->screen_width);
	PUT(child(s, 4), uint32_t, device->screen_height);
}

enum { COLUMNS = 16 };

struct chunk {
	void *vectors[COLUMNS];
	uint64_t items, labels, rules; /* elements of all rows */
};

static void put_payment(struct duck *duck, struct chunk *chunk, uint64_t row,
	const Bench__Payment *e)
{
	struct slot s[COLUMNS];

	for (size_t i = 0; i < COLUMNS; i++) {
		s[i] = (struct slot){duck, chunk->vectors[i], row};
	}
	put_text(s[0], e->event_id);
	PUT(child(s[1], 0), int64_t, e->occurred_at->seconds);
	PUT(child(s[1], 1), int32_t, e->occurred_at->nanos);
	PUT(s[2], uint64_t, e->user_id);
	PUT(s[3], uint64_t, e->merchant_id);
	put_text(s[4], bench__status__descriptor.values[e->status].name);
	put_text(s[5], bench__method__descriptor.values[e->method].name);
	put_money(s[6], e->amount);
	put_money(s[7], e->fee);
	put_items(s[8], &chunk->items, e);
	put_labels(s[9], &chunk->labels, e);
	put_device(s[10], e->device);
	put_text(s[11], e->idempotency_key);
	PUT(s[12], bool, e->captured);
	PUT(s[13], double, e->risk_score);
	put_rules(s[14], &chunk->rules, e);
	put_bytes(s[15], e->trace_id.data, e->trace_id.len);
}

static void *make_chunk(struct duck *duck, void *appender)
{
	void *types[COLUMNS];
	void *data;

	if (duck->appender_column_count(appender) != COLUMNS) {
		bench_die("the table has other columns");
	}
	for (uint64_t i = 0; i < COLUMNS; i++) {
		types[i] = duck->appender_column_type(appender, i);
	}
	data = duck->create_data_chunk(types, COLUMNS);
	for (uint64_t i = 0; i < COLUMNS; i++) {
		duck->destroy_logical_type(&types[i]);
	}
	return data;
}

/* Unpacks as many as are left and have room; returns how many. */
static size_t fill_chunk(struct duck *duck, void *data,
	const payment_event *events, size_t count)
{
	struct chunk chunk = {.items = 0};
	uint64_t room = duck->vector_size();
	size_t n = 0;

	duck->data_chunk_reset(data);
	for (uint64_t i = 0; i < COLUMNS; i++) {
		chunk.vectors[i] = duck->data_chunk_get_vector(data, i);
	}
	for (; n < count && n < room; n++) {
		Bench__Payment *e = bench__payment__unpack(
			NULL, events[n].size, events[n].data);

		put_payment(duck, &chunk, n, e);
		bench__payment__free_unpacked(e, NULL);
	}
	duck->data_chunk_set_size(data, n);
	return n;
}

#define MONEY "struct(currency varchar, units bigint, nanos int)"

void duck_fill_nested(
	struct duck *duck, const payment_event *events, size_t count)
{
	void *appender = open_appender(duck,
		"CREATE OR REPLACE TABLE ev(event_id varchar, occurred_at "
		"struct(seconds bigint, nanos int), user_id ubigint, "
		"merchant_id ubigint, status varchar, method varchar, "
		"amount " MONEY ", fee " MONEY ", items struct(sku varchar, "
		"name varchar, quantity uinteger, price " MONEY ")[], "
		"labels map(varchar, varchar), device struct(os varchar, "
		"app_version varchar, ip varchar, screen_width uinteger, "
		"screen_height uinteger), idempotency_key varchar, "
		"captured boolean, risk_score double, rule_ids uinteger[], "
		"trace_id blob)");
	void *data = make_chunk(duck, appender);

	for (size_t i = 0; i < count;) {
		i += fill_chunk(duck, data, events + i, count - i);
		if (duck->append_data_chunk(appender, data) != 0) {
			bench_die("duckdb_append_data_chunk()");
		}
	}
	duck->destroy_data_chunk(&data);
	duck->appender_destroy(&appender);
}
