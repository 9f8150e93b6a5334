/* SPDX-License-Identifier: Apache-2.0 */
#include "test_heap.h"

#include <stdlib.h>

static void raise_peak(struct test_heap *heap, size_t live)
{
	size_t peak = __atomic_load_n(&heap->peak_bytes, __ATOMIC_RELAXED);

	while (live > peak &&
		!__atomic_compare_exchange_n(&heap->peak_bytes, &peak, live,
			true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
	}
}

static void *heap_alloc(void *user, size_t size)
{
	struct test_heap *heap = user;
	long number = __atomic_fetch_add(&heap->made, 1, __ATOMIC_RELAXED);
	void *block;

	if (heap->fail_at >= 0 &&
		(number == heap->fail_at ||
			(heap->for_ever && number > heap->fail_at))) {
		return NULL;
	}
	block = malloc(size);
	if (block != NULL) {
		raise_peak(heap,
			__atomic_add_fetch(
				&heap->live_bytes, size, __ATOMIC_RELAXED));
		__atomic_fetch_add(&heap->live_blocks, 1, __ATOMIC_RELAXED);
	}
	return block;
}

static void heap_free(void *user, void *block, size_t size)
{
	struct test_heap *heap = user;

	if (block == NULL) {
		return;
	}
	__atomic_fetch_sub(&heap->live_bytes, size, __ATOMIC_RELAXED);
	__atomic_fetch_sub(&heap->live_blocks, 1, __ATOMIC_RELAXED);
	free(block);
}

void test_heap_init(struct test_heap *heap)
{
	*heap = (struct test_heap){.fail_at = -1};
	heap->alloc = (dp_allocator){heap, heap_alloc, heap_free};
}
