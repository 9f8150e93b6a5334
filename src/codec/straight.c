/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/straight.h"

uint32_t dpi_straight_count(const dpi_coder *coder, const dpi_plan_field *f,
	const uint8_t *p, const uint8_t *end, const uint8_t **ret_end)
{
	uint32_t count = 0;
	uint32_t tag;

	do {
		dpi_slot slot;

		p = dpi_straight_value(coder, f->element, p, end, &slot);
		if (p == NULL) {
			return 0;
		}
		count++;
		*ret_end = p;
		p = p < end ? dpi_wire_get_tag(p, end, &tag) : NULL;
	} while (p != NULL && tag == f->tag);
	return count;
}

/* An entry as nearly all are: key and value once each, in this order. */
static const uint8_t *read_entry(const dpi_coder *coder,
	const dpi_plan_node *node, const uint8_t *p, const uint8_t *end,
	dpi_entry *ret)
{
	dpi_slot whole;
	uint32_t tag;

	end = dpi_straight_span(coder, p, end, &whole);
	if (end == NULL) {
		return NULL;
	}
	p = coder->wire + whole.start;
	p = p < end ? dpi_wire_get_tag(p, end, &tag) : NULL;
	p = p != NULL && tag == node->key->tag
		? dpi_straight_value(
			  coder, node->key->element, p, end, &ret->key)
		: NULL;
	p = p != NULL && p < end ? dpi_wire_get_tag(p, end, &tag) : NULL;
	p = p != NULL && tag == node->value->tag
		? dpi_straight_value(
			  coder, node->value->element, p, end, &ret->value)
		: NULL;
	return p == end ? end : NULL;
}

static int compare_texts(dp_bytes a, dp_bytes b)
{
	size_t size = a.size < b.size ? a.size : b.size;
	int order = size > 0 ? memcmp(a.data, b.data, size) : 0;

	return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

/*
 * Moves the entry behind count others to where its key belongs, or in place of
 * the one that has it. Most are there: to copy what was just written waits for
 * the writes.
 */
static size_t settle(const dpi_coder *coder, dpi_entry *entries, size_t count)
{
	const dpi_entry *last = &entries[count];
	dp_bytes key = dpi_value_bytes(coder, &last->key);
	size_t k = count;

	while (k > 0) {
		int order = compare_texts(
			key, dpi_value_bytes(coder, &entries[k - 1].key));

		if (order == 0) {
			entries[k - 1] = *last;
			return count;
		}
		if (order > 0) {
			break;
		}
		k--;
	}
	if (k < count) {
		dpi_entry added = *last;

		memmove(entries + k + 1, entries + k,
			(count - k) * sizeof(*entries));
		entries[k] = added;
	}
	return count + 1;
}

bool dpi_straight_is_simple(const dpi_plan_node *node)
{
	return node->key == node->fields &&
		node->key->kind == DPI_KIND_STRING && node->value != NULL &&
		node->value->element < DPI_READ_ENUM;
}

size_t dpi_straight_entries(const dpi_coder *coder, const dpi_plan_node *node,
	const uint8_t *p, const uint8_t *end, dpi_entry *entries)
{
	size_t count = 0;
	uint32_t tag;

	while (p != end) {
		p = read_entry(coder, node, p, end, &entries[count]);
		if (p == NULL) {
			return 0;
		}
		count = settle(coder, entries, count);
		p = p < end ? dpi_wire_get_tag(p, end, &tag) : p;
	}
	return count;
}

bool dpi_straight_slot(dpi_coder *coder, uint32_t count, const uint8_t *field,
	const uint8_t *end, dpi_slot *ret)
{
	const dpi_run run = {dpi_straight_offset(coder, field),
		dpi_straight_offset(coder, end), 0};
	dp_status st;

	*ret = (dpi_slot){.count = count};
	ret->first = (uint32_t)(coder->runs.size / sizeof(run));
	ret->last = ret->first;
	st = dpi_buf_append(&coder->runs, &run, sizeof(run));
	return st == DP_OK || dpi_coder_fail_buffer(coder, st);
}
