/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/sort.h"

#include <stdint.h>
#include <string.h>

typedef struct heap {
	uint8_t *items;
	size_t item_size;
	int (*compare)(const void *a, const void *b);
} heap;

static void swap(const heap *h, size_t a, size_t b)
{
	uint8_t *at_a = h->items + a * h->item_size;
	uint8_t *at_b = h->items + b * h->item_size;

	for (size_t left = h->item_size; left > 0;) {
		uint8_t kept[16];
		size_t n = left < sizeof(kept) ? left : sizeof(kept);

		memcpy(kept, at_a, n);
		memcpy(at_a, at_b, n);
		memcpy(at_b, kept, n);
		at_a += n;
		at_b += n;
		left -= n;
	}
}

static int compare(const heap *h, size_t a, size_t b)
{
	return h->compare(
		h->items + a * h->item_size, h->items + b * h->item_size);
}

/* Moves the item at `at` down until no child is greater. */
static void sift(const heap *h, size_t at, size_t count)
{
	for (;;) {
		size_t child = 2 * at + 1;

		if (child >= count) {
			return;
		}
		if (child + 1 < count && compare(h, child, child + 1) < 0) {
			child++;
		}
		if (compare(h, at, child) >= 0) {
			return;
		}
		swap(h, at, child);
		at = child;
	}
}

void dpi_sort(void *items, size_t count, size_t item_size,
	int (*compare_items)(const void *a, const void *b))
{
	heap h = {items, item_size, compare_items};

	for (size_t i = count / 2; i > 0; i--) {
		sift(&h, i - 1, count);
	}
	for (size_t i = count; i > 1; i--) {
		swap(&h, 0, i - 1);
		sift(&h, 0, i - 1);
	}
}
