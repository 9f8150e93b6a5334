/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/log/due.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

dp_status dpi_dues_join(
	dpi_dues *dues, const dp_allocator *alloc, dp_error **err)
{
	size_t capacity = dues->capacity > 0 ? 2 * dues->capacity : 16;
	dpi_due **heap;

	if (dues->members < dues->capacity) {
		dues->members++;
		return DP_OK;
	}
	heap = dpi_zalloc(alloc, capacity, sizeof(dpi_due *));
	if (heap == NULL) {
		return dpi_error_set(
			err, DP_ENOMEM, "no memory for one topic more");
	}
	if (dues->heap != NULL) {
		memcpy(heap, dues->heap, dues->count * sizeof(dpi_due *));
		dpi_dues_fini(dues, alloc);
	}
	dues->heap = heap;
	dues->capacity = capacity;
	dues->members++;
	return DP_OK;
}

void dpi_dues_leave(dpi_dues *dues)
{
	dues->members--;
}

void dpi_dues_fini(dpi_dues *dues, const dp_allocator *alloc)
{
	if (dues->heap != NULL) {
		dpi_free(alloc, dues->heap, dues->capacity, sizeof(dpi_due *));
		dues->heap = NULL;
	}
}

static void put(dpi_dues *dues, size_t place, dpi_due *due)
{
	dues->heap[place] = due;
	due->place = place;
}

/* Moves what is at place up, to where it belongs. */
static void rise(dpi_dues *dues, size_t place)
{
	dpi_due *due = dues->heap[place];

	while (place > 0) {
		size_t above = (place - 1) / 2;

		if (dues->heap[above]->at_ns <= due->at_ns) {
			break;
		}
		put(dues, place, dues->heap[above]);
		place = above;
	}
	put(dues, place, due);
}

/* Moves due down from the top. */
static void sink(dpi_dues *dues, dpi_due *due)
{
	size_t place = 0;
	size_t below;

	while ((below = 2 * place + 1) < dues->count) {
		if (below + 1 < dues->count &&
			dues->heap[below + 1]->at_ns <
				dues->heap[below]->at_ns) {
			below++;
		}
		if (due->at_ns <= dues->heap[below]->at_ns) {
			break;
		}
		put(dues, place, dues->heap[below]);
		place = below;
	}
	put(dues, place, due);
}

void dpi_dues_set(dpi_dues *dues, dpi_due *due, dp_time_ns at_ns)
{
	assert(at_ns < due->at_ns);
	if (due->at_ns == DP_FOREVER) {
		assert(dues->count < dues->members);
		put(dues, dues->count++, due);
	}
	due->at_ns = at_ns;
	rise(dues, due->place);
}

dp_time_ns dpi_dues_first(const dpi_dues *dues)
{
	return dues->count > 0 ? dues->heap[0]->at_ns : DP_FOREVER;
}

dpi_due *dpi_dues_take(dpi_dues *dues, dp_time_ns now_ns)
{
	dpi_due *first;
	dpi_due *last;

	if (dues->count == 0 || dues->heap[0]->at_ns > now_ns) {
		return NULL;
	}
	first = dues->heap[0];
	last = dues->heap[--dues->count];
	if (last != first) {
		sink(dues, last);
	}
	first->at_ns = DP_FOREVER;
	return first;
}
