/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_HEAP_H
#define TEST_HEAP_H

#include <stdbool.h>
#include <stddef.h>

#include <datapipe/alloc.h>

/*
 * An allocator that counts what is outstanding and fails allocation number
 * fail_at (0 is the first), once, or for ever from there. Any thread.
 */
struct test_heap {
	dp_allocator alloc; /* give &heap.alloc to the code under test */
	size_t live_bytes;  /* 0 at the end, or there is a leak */
	size_t live_blocks;
	size_t peak_bytes; /* the most that was outstanding; set it to begin */
	long made;         /* allocations asked for so far */
	long fail_at;      /* -1: never */
	bool for_ever;
};

/* Never fails until fail_at is set. */
void test_heap_init(struct test_heap *heap);

#endif /* TEST_HEAP_H */
