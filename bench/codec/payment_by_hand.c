/* SPDX-License-Identifier: Apache-2.0 */
#include "payment_by_hand.h"

#include <string.h>

#include "base/bytes.h"
#include "base/text.h"
#include "codec/wire.h"

enum { MANY = 64 };

struct span {
	const uint8_t *data;
	size_t size;
};

static uint8_t *put_long(uint8_t *out, int64_t value)
{
	return dpi_put_varint(
		out, (uint64_t)value << 1 ^ (uint64_t)(value >> 63));
}

static uint8_t *put_span(uint8_t *out, struct span span)
{
	out = put_long(out, (int64_t)span.size);
	if (span.size > 0) {
		memcpy(out, span.data, span.size);
	}
	return out + span.size;
}

static uint8_t *put_decimal(uint8_t *out, uint64_t value)
{
	size_t size = 1;

	while (size < 9 && value >> (8 * size - 1) != 0) {
		size++;
	}
	out = put_long(out, (int64_t)size);
	if (size == 9) {
		*out++ = 0;
		size = 8;
	}
	while (size-- > 0) {
		*out++ = (uint8_t)(value >> 8 * size);
	}
	return out;
}

static int is_text(struct span span)
{
	uint64_t bits = 0;
	size_t i = 0;

	for (; i + 8 <= span.size; i += 8) {
		uint64_t eight;

		memcpy(&eight, span.data + i, 8);
		bits |= eight;
	}
	for (; i < span.size; i++) {
		bits |= span.data[i];
	}
	return (bits & UINT64_C(0x8080808080808080)) == 0 ||
		dpi_utf8_valid(span.data, span.size);
}

static const uint8_t *get_span(
	const uint8_t *p, const uint8_t *end, struct span *span)
{
	return dpi_wire_get_bytes(p, end, &span->data, &span->size);
}

static const uint8_t *get_text(
	const uint8_t *p, const uint8_t *end, struct span *span)
{
	p = get_span(p, end, span);
	return p != NULL && is_text(*span) ? p : NULL;
}

static const uint8_t *skip(const uint8_t *p, const uint8_t *end, uint32_t tag)
{
	dpi_wire_value value;

	return dpi_wire_get_value(p, end, tag, 1, &value);
}

static uint8_t *put_time(struct span span, uint8_t *out)
{
	const uint8_t *p = span.data;
	const uint8_t *end = p + span.size;
	uint64_t seconds = 0;
	uint64_t nanos = 0;

	while (p < end) {
		uint32_t tag;

		p = dpi_wire_get_tag(p, end, &tag);
		if (p == NULL) {
			return NULL;
		}
		switch (tag) {
		case 1 << 3:
			p = dpi_wire_varint(p, end, &seconds);
			break;
		case 2 << 3:
			p = dpi_wire_varint(p, end, &nanos);
			break;
		default:
			p = skip(p, end, tag);
		}
		if (p == NULL) {
			return NULL;
		}
	}
	*out++ = 2;
	out = put_long(out, (int64_t)seconds);
	*out++ = 2;
	out = put_long(out, (int32_t)nanos);
	*out++ = 0;
	return out;
}

static uint8_t *put_money(struct span span, uint8_t *out)
{
	const uint8_t *p = span.data;
	const uint8_t *end = p + span.size;
	struct span currency = {NULL, 0};
	uint64_t units = 0;
	uint64_t nanos = 0;

	while (p < end) {
		uint32_t tag;

		p = dpi_wire_get_tag(p, end, &tag);
		if (p == NULL) {
			return NULL;
		}
		switch (tag) {
		case 1 << 3 | 2:
			p = get_text(p, end, &currency);
			break;
		case 2 << 3:
			p = dpi_wire_varint(p, end, &units);
			break;
		case 3 << 3:
			p = dpi_wire_varint(p, end, &nanos);
			break;
		default:
			p = skip(p, end, tag);
		}
		if (p == NULL) {
			return NULL;
		}
	}
	*out++ = 2;
	out = put_span(out, currency);
	*out++ = 2;
	out = put_long(out, (int64_t)units);
	*out++ = 2;
	out = put_long(out, (int32_t)nanos);
	*out++ = 0;
	return out;
}

/* A message that may be missing; its branch, then itself. */
static uint8_t *put_optional(struct span span, uint8_t *out,
	uint8_t *(*put)(struct span span, uint8_t *out))
{
	*out++ = span.data != NULL ? 2 : 0;
	return span.data != NULL ? put(span, out) : out;
}

static uint8_t *put_item(struct span span, uint8_t *out)
{
	const uint8_t *p = span.data;
	const uint8_t *end = p + span.size;
	struct span sku = {NULL, 0};
	struct span name = {NULL, 0};
	struct span price = {NULL, 0};
	uint64_t quantity = 0;

	while (p < end) {
		uint32_t tag;

		p = dpi_wire_get_tag(p, end, &tag);
		if (p == NULL) {
			return NULL;
		}
		switch (tag) {
		case 1 << 3 | 2:
			p = get_text(p, end, &sku);
			break;
		case 2 << 3 | 2:
			p = get_text(p, end, &name);
			break;
		case 3 << 3:
			p = dpi_wire_varint(p, end, &quantity);
			break;
		case 4 << 3 | 2:
			p = get_span(p, end, &price);
			break;
		default:
			p = skip(p, end, tag);
		}
		if (p == NULL) {
			return NULL;
		}
	}
	*out++ = 2;
	out = put_span(out, sku);
	*out++ = 2;
	out = put_span(out, name);
	*out++ = 2;
	out = put_long(out, (uint32_t)quantity);
	out = put_optional(price, out, put_money);
	if (out == NULL) {
		return NULL;
	}
	*out++ = 0;
	return out;
}

static uint8_t *put_device(struct span span, uint8_t *out)
{
	const uint8_t *p = span.data;
	const uint8_t *end = p + span.size;
	struct span texts[3] = {{NULL, 0}, {NULL, 0}, {NULL, 0}};
	uint64_t sizes[2] = {0, 0};

	while (p < end) {
		uint32_t tag;

		p = dpi_wire_get_tag(p, end, &tag);
		if (p == NULL) {
			return NULL;
		}
		switch (tag) {
		case 1 << 3 | 2:
		case 2 << 3 | 2:
		case 3 << 3 | 2:
			p = get_text(p, end, &texts[(tag >> 3) - 1]);
			break;
		case 4 << 3:
		case 5 << 3:
			p = dpi_wire_varint(p, end, &sizes[(tag >> 3) - 4]);
			break;
		default:
			p = skip(p, end, tag);
		}
		if (p == NULL) {
			return NULL;
		}
	}
	for (int i = 0; i < 3; i++) {
		*out++ = 2;
		out = put_span(out, texts[i]);
	}
	for (int i = 0; i < 2; i++) {
		*out++ = 2;
		out = put_long(out, (uint32_t)sizes[i]);
	}
	*out++ = 0;
	return out;
}

struct label {
	struct span key, value;
};

static int read_label(struct span span, struct label *label)
{
	const uint8_t *p = span.data;
	const uint8_t *end = p + span.size;

	*label = (struct label){{NULL, 0}, {NULL, 0}};
	while (p < end) {
		uint32_t tag;

		p = dpi_wire_get_tag(p, end, &tag);
		if (p == NULL) {
			return 0;
		}
		switch (tag) {
		case 1 << 3 | 2:
			p = get_text(p, end, &label->key);
			break;
		case 2 << 3 | 2:
			p = get_text(p, end, &label->value);
			break;
		default:
			p = skip(p, end, tag);
		}
		if (p == NULL) {
			return 0;
		}
	}
	return 1;
}

static int compare(struct span a, struct span b)
{
	size_t size = a.size < b.size ? a.size : b.size;
	int order = size > 0 ? memcmp(a.data, b.data, size) : 0;

	return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

/* By key; of equal keys the last wins. */
static uint8_t *put_labels(const struct span *spans, size_t count, uint8_t *out)
{
	struct label sorted[MANY];
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		struct label label;
		size_t k = kept;

		if (!read_label(spans[i], &label)) {
			return NULL;
		}
		while (k > 0 && compare(label.key, sorted[k - 1].key) < 0) {
			k--;
		}
		if (k > 0 && compare(label.key, sorted[k - 1].key) == 0) {
			sorted[k - 1] = label;
			continue;
		}
		memmove(sorted + k + 1, sorted + k,
			(kept - k) * sizeof(*sorted));
		sorted[k] = label;
		kept++;
	}
	if (kept > 0) {
		out = put_long(out, (int64_t)kept);
	}
	for (size_t i = 0; i < kept; i++) {
		out = put_span(out, sorted[i].key);
		out = put_span(out, sorted[i].value);
	}
	*out++ = 0;
	return out;
}

static uint8_t *put_rules(struct span span, uint8_t *out)
{
	const uint8_t *p = span.data;
	const uint8_t *end = p + span.size;
	int64_t count = 0;

	for (size_t i = 0; i < span.size; i++) {
		count += span.data[i] < 0x80;
	}
	if (count > 0) {
		out = put_long(out, count);
	}
	while (p < end) {
		uint64_t value;

		p = dpi_wire_varint(p, end, &value);
		if (p == NULL) {
			return NULL;
		}
		out = put_long(out, (uint32_t)value);
	}
	*out++ = 0;
	return out;
}

static uint8_t *put_name(uint8_t *out, const char *const *names, uint64_t i)
{
	struct span name;

	if (i > 4) {
		return NULL;
	}
	name = (struct span){(const uint8_t *)names[i], strlen(names[i])};
	*out++ = 2;
	return put_span(out, name);
}

struct payment {
	struct span id, time, amount, fee, device, key, rules, trace;
	struct span items[MANY], labels[MANY];
	size_t item_count, label_count;
	uint64_t user, merchant, status, method, captured, risk;
};

static const uint8_t *get_many(
	const uint8_t *p, const uint8_t *end, struct span *spans, size_t *count)
{
	return *count < MANY ? get_span(p, end, &spans[(*count)++]) : NULL;
}

static const uint8_t *get_field(
	const uint8_t *p, const uint8_t *end, uint32_t tag, struct payment *e)
{
	switch (tag) {
	case 1 << 3 | 2:
		return get_text(p, end, &e->id);
	case 2 << 3 | 2:
		return get_span(p, end, &e->time);
	case 3 << 3:
		return dpi_wire_varint(p, end, &e->user);
	case 4 << 3:
		return dpi_wire_varint(p, end, &e->merchant);
	case 5 << 3:
		return dpi_wire_varint(p, end, &e->status);
	case 6 << 3:
		return dpi_wire_varint(p, end, &e->method);
	case 7 << 3 | 2:
		return get_span(p, end, &e->amount);
	case 8 << 3 | 2:
		return get_span(p, end, &e->fee);
	case 9 << 3 | 2:
		return get_many(p, end, e->items, &e->item_count);
	case 10 << 3 | 2:
		return get_many(p, end, e->labels, &e->label_count);
	case 11 << 3 | 2:
		return get_span(p, end, &e->device);
	case 12 << 3 | 2:
		return get_text(p, end, &e->key);
	case 13 << 3:
		return dpi_wire_varint(p, end, &e->captured);
	case 14 << 3 | 1:
		if (end - p < 8) {
			return NULL;
		}
		e->risk = dpi_load_u64(p);
		return p + 8;
	case 15 << 3 | 2:
		return get_span(p, end, &e->rules);
	case 16 << 3 | 2:
		return get_span(p, end, &e->trace);
	default:
		return skip(p, end, tag);
	}
}

static uint8_t *put_items(const struct payment *e, uint8_t *out)
{
	if (e->item_count > 0) {
		out = put_long(out, (int64_t)e->item_count);
	}
	for (size_t i = 0; out != NULL && i < e->item_count; i++) {
		out = put_item(e->items[i], out);
	}
	if (out != NULL) {
		*out++ = 0;
	}
	return out;
}

static uint8_t *put_tail(const struct payment *e, uint8_t *out)
{
	*out++ = 2;
	out = put_span(out, e->key);
	*out++ = 2;
	*out++ = e->captured != 0;
	*out++ = 2;
	dpi_store_u64(out, e->risk);
	out = put_rules(e->rules, out + 8);
	if (out == NULL) {
		return NULL;
	}
	*out++ = 2;
	out = put_span(out, e->trace);
	*out++ = 0;
	return out;
}

uint8_t *payment_by_hand(const uint8_t *wire, size_t size, uint8_t *out)
{
	static const char *const statuses[] = {"STATUS_UNSPECIFIED",
		"AUTHORIZED", "CAPTURED", "REFUNDED", "FAILED"};
	static const char *const methods[] = {
		"METHOD_UNSPECIFIED", "CARD", "BALANCE", "BANK", "CODE"};
	const uint8_t *p = wire;
	const uint8_t *end = wire + size;
	struct payment e;

	memset(&e, 0, offsetof(struct payment, items));
	memset(&e.item_count, 0,
		sizeof(e) - offsetof(struct payment, item_count));
	while (p < end) {
		uint32_t tag;

		p = dpi_wire_get_tag(p, end, &tag);
		if (p == NULL || (p = get_field(p, end, tag, &e)) == NULL) {
			return NULL;
		}
	}
	*out++ = 2;
	out = put_span(out, e.id);
	out = put_optional(e.time, out, put_time);
	if (out == NULL) {
		return NULL;
	}
	*out++ = 2;
	out = put_decimal(out, e.user);
	*out++ = 2;
	out = put_decimal(out, e.merchant);
	if ((out = put_name(out, statuses, e.status)) == NULL ||
		(out = put_name(out, methods, e.method)) == NULL ||
		(out = put_optional(e.amount, out, put_money)) == NULL ||
		(out = put_optional(e.fee, out, put_money)) == NULL ||
		(out = put_items(&e, out)) == NULL ||
		(out = put_labels(e.labels, e.label_count, out)) == NULL ||
		(out = put_optional(e.device, out, put_device)) == NULL) {
		return NULL;
	}
	return put_tail(&e, out);
}
