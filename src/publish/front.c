/* SPDX-License-Identifier: Apache-2.0 */
#include "publish/front.h"

#include <pthread.h>
#include <stdbool.h>

/* Looks at a pen: some microseconds together. Who needs longer does not run. */
#define LOOKS 100

/* Threads have stacks, and so addresses, that differ in their middle bits. */
static size_t first_pen(void)
{
	uint64_t self = (uint64_t)(uintptr_t)pthread_self() >> 12;

	return (size_t)(self * UINT64_C(0x9e3779b97f4a7c15) >> 61);
}

_Static_assert(DPI_PENS == 8, "first_pen() takes three bits");

static dpi_pen *take_pen(dpi_pen *pens, dpi_pub_chunk *chunk)
{
	size_t first = first_pen();

	for (size_t i = 0; i < DPI_PENS; i++) {
		dpi_pen *pen = &pens[(first + i) % DPI_PENS];

		/* Acquires, as it will tell of the record before, too. */
		if (__atomic_load_n(&pen->chunk, __ATOMIC_ACQUIRE) == NULL) {
			__atomic_store_n(&pen->chunk, chunk, __ATOMIC_RELAXED);
			return pen;
		}
	}
	return NULL;
}

void dpi_front_take(
	dpi_front *front, size_t size, dpi_pen *pens, dpi_place *ret)
{
	ret->chunk = front->chunk;
	ret->out = front->at;
	ret->index = front->index++;
	ret->pen = take_pen(pens, front->chunk);
	front->at += size;
	front->bytes_left -= (uint32_t)size;
	front->events_left--;
}

size_t dpi_pens_read(dpi_pen *pens, dpi_pub_chunk **busy)
{
	size_t count = 0;

	for (size_t i = 0; i < DPI_PENS; i++) {
		busy[count] = __atomic_load_n(&pens[i].chunk, __ATOMIC_ACQUIRE);
		count += busy[count] != NULL;
	}
	return count;
}

static bool is_written(dpi_pen *pens, dpi_pub_chunk *const *busy, size_t count)
{
	dpi_pub_chunk *now[DPI_PENS];
	size_t n = dpi_pens_read(pens, now);

	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < count; k++) {
			if (now[i] == busy[k]) {
				return false;
			}
		}
	}
	return true;
}

void dpi_pens_await(dpi_pen *pens, dpi_pub_chunk *const *busy, size_t count)
{
	for (int i = 0; i < LOOKS && !is_written(pens, busy, count); i++) {
		dpi_gate_pause();
	}
}
