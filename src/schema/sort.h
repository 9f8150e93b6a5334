/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_SCHEMA_SORT_H
#define DPI_SCHEMA_SORT_H

#include <stddef.h>

/*
 * Sorts in place by heapsort: n log n for any input, and no memory, where
 * qsort() may allocate and has bad cases that a hostile set could choose.
 * Not stable.
 */
void dpi_sort(void *items, size_t count, size_t item_size,
	int (*compare)(const void *a, const void *b));

#endif /* DPI_SCHEMA_SORT_H */
