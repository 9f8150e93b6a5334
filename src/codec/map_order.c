/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/map_order.h"

#include "codec/value.h"

/*
 * An entry is its offset alone, four bytes, and its key is read again at each
 * comparison: the shortest entry has two bytes on the wire, and a table of
 * keys would let a hostile map take many times its size.
 */

/* Maps up to here are sorted by insertion. */
#define FEW 12

static uint32_t *offsets(const dpi_coder *coder, dpi_map_order order)
{
	return (uint32_t *)(void *)coder->order.data + order.first;
}

/* The bytes were walked when the message was scanned, so they are whole. */
static dpi_slot entry_at(const dpi_coder *coder, uint32_t offset)
{
	const uint8_t *p = coder->wire + offset;
	dpi_slot entry = {.count = 1};
	uint64_t tag = 0;
	uint64_t size = 0;

	p = dpi_wire_varint(p, coder->wire_end, &tag);
	p = dpi_wire_varint(p, coder->wire_end, &size);
	entry.start = (uint32_t)(p - coder->wire);
	entry.size = (uint32_t)size;
	return entry;
}

/* Reads a scalar or a string that begins with tag. */
static const uint8_t *read_scalar(const dpi_coder *coder,
	const dpi_plan_field *field, const uint8_t *p, const uint8_t *end,
	dpi_slot *ret)
{
	uint64_t bits;
	uint32_t tag;

	p = dpi_wire_get_tag(p, end, &tag);
	if (p == NULL || tag != field->tag) {
		return NULL;
	}
	switch (field->element) {
	case DPI_READ_BYTES:
		p = dpi_wire_varint(p, end, &bits);
		if (p == NULL || bits > (uint64_t)(end - p)) {
			return NULL;
		}
		ret->start = (uint32_t)(p - coder->wire);
		ret->size = (uint32_t)bits;
		return p + bits;
	case DPI_READ_VARINT:
	case DPI_READ_ENUM:
		p = dpi_wire_varint(p, end, &bits);
		ret->bits = bits;
		return p;
	case DPI_READ_FIXED64:
		ret->bits = end - p >= 8 ? dpi_load_u64(p) : 0;
		return end - p >= 8 ? p + 8 : NULL;
	case DPI_READ_FIXED32:
		ret->bits = end - p >= 4 ? dpi_load_u32(p) : 0;
		return end - p >= 4 ? p + 4 : NULL;
	default:
		return NULL;
	}
}

bool dpi_map_entry_split(const dpi_coder *coder, const dpi_plan_node *node,
	dpi_slot entry, dpi_slot *ret_key, dpi_slot *ret_value)
{
	const uint8_t *p = coder->wire + entry.start;
	const uint8_t *end = p + entry.size;

	p = read_scalar(coder, node->key, p, end, ret_key);
	if (p != NULL) {
		p = read_scalar(coder, node->value, p, end, ret_value);
	}
	return p == end;
}

/* What is wrong inside of an entry is said when it is written. */
static dpi_slot find_key(
	const dpi_coder *coder, const dpi_plan_field *key, dpi_slot entry)
{
	const uint8_t *p = coder->wire + entry.start;
	const uint8_t *end = p + entry.size;
	dpi_slot found = {.bits = 0};

	while (p != NULL && p < end) {
		const uint8_t *field = p;
		dpi_wire_value value = {.bits = 0};
		uint32_t tag;

		p = dpi_wire_get_tag(p, end, &tag);
		if (p == NULL) {
			break;
		}
		p = dpi_wire_get_value(p, end, tag, coder->depth, &value);
		if (p != NULL && tag == key->tag) {
			(void)read_scalar(coder, key, field, end, &found);
		}
	}
	return found;
}

static dpi_slot key_of(
	const dpi_coder *coder, const dpi_plan_node *node, uint32_t offset)
{
	dpi_slot entry = entry_at(coder, offset);
	dpi_slot key, value;

	return dpi_map_entry_split(coder, node, entry, &key, &value)
		? key
		: find_key(coder, node->key, entry);
}

static int compare_texts(dp_bytes a, dp_bytes b)
{
	size_t size = a.size < b.size ? a.size : b.size;
	int order = size > 0 ? memcmp(a.data, b.data, size) : 0;

	return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

static int compare_keys(const dpi_coder *coder, const dpi_plan_node *node,
	uint32_t a, uint32_t b)
{
	dpi_kind kind = node->key->kind;
	dpi_slot x = key_of(coder, node, a);
	dpi_slot y = key_of(coder, node, b);
	int64_t i, k;

	if (kind == DPI_KIND_STRING) {
		return compare_texts(
			dpi_value_bytes(coder, &x), dpi_value_bytes(coder, &y));
	}
	if (kind == DPI_KIND_UINT64) {
		return (x.bits > y.bits) - (x.bits < y.bits);
	}
	i = dpi_value_int(kind, x.bits);
	k = dpi_value_int(kind, y.bits);
	return (i > k) - (i < k);
}

/* By key, then by place. */
static bool is_before(const dpi_coder *coder, const dpi_plan_node *node,
	uint32_t a, uint32_t b)
{
	int order = compare_keys(coder, node, a, b);

	return order != 0 ? order < 0 : a < b;
}

static void sort_few(const dpi_coder *coder, const dpi_plan_node *node,
	uint32_t *items, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		uint32_t item = items[i];
		size_t k = i;

		for (; k > 0 && is_before(coder, node, item, items[k - 1]);
			k--) {
			items[k] = items[k - 1];
		}
		items[k] = item;
	}
}

static void sift_down(const dpi_coder *coder, const dpi_plan_node *node,
	uint32_t *items, size_t top, size_t count)
{
	uint32_t item = items[top];
	size_t child;

	while ((child = 2 * top + 1) < count) {
		if (child + 1 < count &&
			is_before(
				coder, node, items[child], items[child + 1])) {
			child++;
		}
		if (!is_before(coder, node, item, items[child])) {
			break;
		}
		items[top] = items[child];
		top = child;
	}
	items[top] = item;
}

/* Heapsort: no memory, and no order of keys that makes it slow. */
static void sort_many(const dpi_coder *coder, const dpi_plan_node *node,
	uint32_t *items, size_t count)
{
	for (size_t i = count / 2; i-- > 0;) {
		sift_down(coder, node, items, i, count);
	}
	for (size_t n = count; n-- > 1;) {
		uint32_t largest = items[0];

		items[0] = items[n];
		items[n] = largest;
		sift_down(coder, node, items, 0, n);
	}
}

/* Keeps the last of each key; returns how many are left. */
static size_t drop_repeats(const dpi_coder *coder, const dpi_plan_node *node,
	uint32_t *items, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		if (i + 1 < count &&
			compare_keys(coder, node, items[i], items[i + 1]) ==
				0) {
			continue;
		}
		items[kept++] = items[i];
	}
	return kept;
}

static bool push_entries(dpi_coder *coder, const dpi_slot *slot)
{
	dpi_run run = *dpi_coder_run(coder, slot->first);

	for (;;) {
		for (uint32_t at = run.start; at < run.end;) {
			dpi_slot entry = entry_at(coder, at);
			dp_status st =
				dpi_buf_append(&coder->order, &at, sizeof(at));

			if (st != DP_OK) {
				return dpi_coder_fail_buffer(coder, st);
			}
			at = entry.start + entry.size;
		}
		if (run.next == 0) {
			return true;
		}
		run = *dpi_coder_run(coder, run.next);
	}
}

bool dpi_map_order_make(dpi_coder *coder, const dpi_plan_field *field,
	const dpi_slot *slot, dpi_map_order *ret)
{
	const dpi_plan_node *node = field->child;
	dpi_map_order order = {coder->order.size / sizeof(uint32_t), 0};

	if (slot->count > 0 && !push_entries(coder, slot)) {
		return false;
	}
	order.count = slot->count;
	if (order.count > 1) {
		(order.count <= FEW ? sort_few : sort_many)(
			coder, node, offsets(coder, order), order.count);
		order.count = drop_repeats(
			coder, node, offsets(coder, order), order.count);
	}
	*ret = order;
	return true;
}

void dpi_map_order_drop(dpi_coder *coder, dpi_map_order order)
{
	coder->order.size = order.first * sizeof(uint32_t);
}

dpi_slot dpi_map_order_entry(
	const dpi_coder *coder, dpi_map_order order, size_t i)
{
	return entry_at(coder, offsets(coder, order)[i]);
}
