/* SPDX-License-Identifier: Apache-2.0 */
#include "test_heap.h"

#include <stdlib.h>

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
		__atomic_fetch_add(&heap->live_bytes, size, __ATOMIC_RELAXED);
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
