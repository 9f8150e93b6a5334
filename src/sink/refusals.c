/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/refusals.h"

#include <string.h>

#include "base/alloc.h"

#define MESSAGE_MAX 1024

/* A whole batch of messages of full length, and more. */
#define TEXT_MAX ((size_t)256 << 20)

void dpi_refusals_init(dp_refusals *refusals, const dp_allocator *alloc)
{
	*refusals = (dp_refusals){.alloc = alloc};
	dpi_arena_init(&refusals->text, alloc, TEXT_MAX);
}

void dpi_refusals_fini(dp_refusals *refusals)
{
	if (refusals->capacity > 0) {
		dpi_free(refusals->alloc, refusals->items, refusals->capacity,
			sizeof(*refusals->items));
	}
	dpi_arena_fini(&refusals->text);
	dpi_refusals_init(refusals, refusals->alloc);
}

void dpi_refusals_clear(dp_refusals *refusals, size_t batch_count)
{
	refusals->count = 0;
	refusals->batch_count = batch_count;
	refusals->all = 0;
	refusals->all_retry_after_ns = 0;
	dpi_arena_reset(&refusals->text);
}

static bool make_room(dp_refusals *refusals)
{
	const dp_allocator *alloc = refusals->alloc;
	size_t capacity = refusals->capacity * 2;
	dpi_refusal *items;

	if (refusals->count < refusals->capacity) {
		return true;
	}
	capacity = capacity > 0 ? capacity : 16;
	items = dpi_zalloc(alloc, capacity, sizeof(*items));
	if (items == NULL) {
		return false;
	}
	if (refusals->capacity > 0) {
		memcpy(items, refusals->items,
			refusals->count * sizeof(*items));
		dpi_free(alloc, refusals->items, refusals->capacity,
			sizeof(*items));
	}
	refusals->items = items;
	refusals->capacity = capacity;
	return true;
}

/* Length of text, cut where a character begins. */
static size_t cut_length(const char *text)
{
	size_t length = strnlen(text, MESSAGE_MAX + 1);

	if (length <= MESSAGE_MAX) {
		return length;
	}
	length = MESSAGE_MAX;
	while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80) {
		length--;
	}
	return length;
}

static bool is_refusal(dp_refusal refusal)
{
	return refusal >= DP_REFUSAL_RETRYABLE &&
		refusal <= DP_REFUSAL_AMBIGUOUS;
}

dp_status dp_refusals_add(dp_refusals *refusals, size_t index,
	dp_refusal refusal, dp_status code, dp_time_ns retry_after_ns,
	const char *message)
{
	const char *text = message != NULL ? message : "";
	char *copy;

	if (index >= refusals->batch_count || !is_refusal(refusal)) {
		return DP_EINVAL;
	}
	copy = dpi_arena_dup(&refusals->text, text, cut_length(text));
	if (copy == NULL || !make_room(refusals)) {
		return DP_ENOMEM;
	}
	refusals->items[refusals->count++] = (dpi_refusal){
		.index = index,
		.refusal = refusal,
		.code = code,
		.retry_after_ns = retry_after_ns > 0 ? retry_after_ns : 0,
		.message = copy,
	};
	return DP_OK;
}

dp_status dpi_refusals_add_error(dp_refusals *refusals, size_t index,
	dp_refusal refusal, const dp_error *error)
{
	return dp_refusals_add(refusals, index, refusal, dp_error_code(error),
		0, dp_error_message(error));
}

void dp_refusals_add_all(
	dp_refusals *refusals, dp_refusal refusal, dp_time_ns retry_after_ns)
{
	if (is_refusal(refusal)) {
		refusals->all = refusal;
		refusals->all_retry_after_ns =
			retry_after_ns > 0 ? retry_after_ns : 0;
	}
}

/* Sinks refuse in order, or nearly so: what is left to do is little. */
static void insertion_sort(dpi_refusal *items, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		dpi_refusal item = items[i];
		size_t at = i;

		while (at > 0 && items[at - 1].index > item.index) {
			items[at] = items[at - 1];
			at--;
		}
		items[at] = item;
	}
}

void dpi_refusals_sort(dp_refusals *refusals)
{
	size_t kept = 0;

	insertion_sort(refusals->items, refusals->count);
	for (size_t i = 0; i < refusals->count; i++) {
		if (kept == 0 ||
			refusals->items[kept - 1].index !=
				refusals->items[i].index) {
			refusals->items[kept++] = refusals->items[i];
		}
	}
	refusals->count = kept;
}

dp_refusal dpi_refusal_of_status(dp_status st)
{
	switch (st) {
	case DP_EAGAIN:
	case DP_ETIMEDOUT:
	case DP_EREMOTE:
	case DP_ENOSPC:
	case DP_ENOMEM:
		return DP_REFUSAL_RETRYABLE;
	case DP_EDENIED:
		return DP_REFUSAL_FATAL;
	default:
		return DP_REFUSAL_STREAM;
	}
}
