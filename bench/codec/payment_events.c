/* SPDX-License-Identifier: Apache-2.0 */
#include "payment_events.h"

#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "payment.pb-c.h"

static uint64_t random_state = 88172645463325252u;

static uint64_t draw(uint64_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % below;
}

static char *draw_text(const char *prefix, int digits)
{
	static char pool[64][64];
	static unsigned next;
	char *text = pool[next++ % 64];
	size_t n = strlen(prefix);

	memcpy(text, prefix, n);
	while (digits-- > 0) {
		text[n++] = "0123456789abcdef"[draw(16)];
	}
	text[n] = '\0';
	return text;
}

static Bench__Money draw_money(void)
{
	Bench__Money money = BENCH__MONEY__INIT;

	money.currency = draw(20) > 0 ? "JPY" : "USD";
	money.units = (int64_t)draw(100000);
	money.nanos = draw(4) == 0 ? (int32_t)draw(1000000000) : 0;
	return money;
}

static void pack(payment_event *event)
{
	static char *const names[] = {
		"Green tea 500 ml", "おにぎり 鮭", "Notebook A5", "Umbrella"};
	Bench__Payment e = BENCH__PAYMENT__INIT;
	Bench__Time time = BENCH__TIME__INIT;
	Bench__Device device = BENCH__DEVICE__INIT;
	Bench__Money amount = draw_money();
	Bench__Money fee = draw_money();
	Bench__Money prices[4];
	Bench__Item items[4], *item_list[4];
	Bench__Payment__LabelsEntry labels[4], *label_list[4];
	uint32_t rules[3] = {(uint32_t)draw(100), (uint32_t)draw(5000), 7};
	uint8_t trace[16];

	e.event_id = draw_text("0190", 32);
	time.seconds = 1700000000 + (int64_t)draw(10000000);
	time.nanos = (int32_t)draw(1000000000);
	e.occurred_at = &time;
	e.user_id = draw(UINT64_C(1) << 40);
	e.merchant_id = draw(1000000);
	e.status = (Bench__Status)draw(5);
	e.method = (Bench__Method)draw(5);
	e.amount = &amount;
	e.fee = draw(2) > 0 ? &fee : NULL;
	e.n_items = 1 + draw(3);
	e.items = item_list;
	for (size_t i = 0; i < e.n_items; i++) {
		bench__item__init(&items[i]);
		prices[i] = draw_money();
		items[i].sku = draw_text("sku-", 8);
		items[i].name = names[draw(4)];
		items[i].quantity = 1 + (uint32_t)draw(3);
		items[i].price = &prices[i];
		item_list[i] = &items[i];
	}
	e.n_labels = 1 + draw(3);
	e.labels = label_list;
	for (size_t i = 0; i < e.n_labels; i++) {
		static char *const keys[] = {"store", "campaign", "channel"};

		bench__payment__labels_entry__init(&labels[i]);
		labels[i].key = keys[i];
		labels[i].value = draw_text("", 8);
		label_list[i] = &labels[i];
	}
	device.os = draw(2) > 0 ? "ios" : "android";
	device.app_version = "4.12.1";
	device.ip = "203.0.113.77";
	device.screen_width = 1170;
	device.screen_height = 2532;
	e.device = &device;
	e.idempotency_key = draw_text("", 32);
	e.captured = draw(2) > 0;
	e.risk_score = (double)draw(1000) / 1000;
	e.n_rule_ids = draw(4);
	e.rule_ids = rules;
	for (size_t i = 0; i < sizeof(trace); i++) {
		trace[i] = (uint8_t)draw(256);
	}
	e.trace_id.data = trace;
	e.trace_id.len = sizeof(trace);
	event->size = bench__payment__get_packed_size(&e);
	event->data = malloc(event->size);
	if (event->data == NULL) {
		bench_die("no memory");
	}
	(void)bench__payment__pack(&e, event->data);
}

void payment_make(payment_event *events, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		pack(&events[i]);
	}
}
