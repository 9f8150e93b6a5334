/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/log/leftovers.h"

#include "base/thread.h"

void dpi_leftovers_init(dpi_leftovers *leftovers, const dpi_os *os)
{
	*leftovers = (dpi_leftovers){.os = os};
	(void)pthread_mutex_init(&leftovers->freeing, NULL);
	(void)pthread_mutex_init(&leftovers->lock, NULL);
}

void dpi_leftovers_fini(dpi_leftovers *leftovers)
{
	const dpi_os *os = leftovers->os;

	for (size_t i = 0; i < leftovers->count; i++) {
		(void)os->close(os->self, leftovers->items[i].fd);
	}
	(void)pthread_mutex_destroy(&leftovers->freeing);
	(void)pthread_mutex_destroy(&leftovers->lock);
}

/* That it has gone is no condition for anything: failing to is no error. */
static void free_one(const dpi_os *os, dpi_leftover leftover)
{
	if (leftover.size != DPI_LEFTOVER_NAMELESS) {
		(void)os->truncate(os->self, leftover.fd, leftover.size);
	}
	(void)os->close(os->self, leftover.fd);
}

void dpi_leftovers_add(dpi_leftovers *leftovers, int fd, uint64_t size)
{
	dpi_leftover leftover = {fd, size};
	bool has_room;

	dpi_lock(&leftovers->lock);
	has_room = leftovers->count < DPI_LEFTOVERS_MAX;
	if (has_room) {
		leftovers->items[leftovers->count++] = leftover;
		atomic_fetch_add(&leftovers->pending, 1);
	}
	dpi_unlock(&leftovers->lock);
	if (!has_room) {
		free_one(leftovers->os, leftover);
	}
}

static bool take(dpi_leftovers *leftovers, dpi_leftover *ret)
{
	bool has_one;

	dpi_lock(&leftovers->lock);
	has_one = leftovers->count > 0;
	if (has_one) {
		*ret = leftovers->items[--leftovers->count];
	}
	dpi_unlock(&leftovers->lock);
	return has_one;
}

bool dpi_leftovers_free(dpi_leftovers *leftovers)
{
	bool had_any = dpi_leftovers_any(leftovers);
	dpi_leftover leftover;

	if (!had_any) {
		return false;
	}
	dpi_lock(&leftovers->freeing);
	while (take(leftovers, &leftover)) {
		free_one(leftovers->os, leftover);
		atomic_fetch_sub(&leftovers->pending, 1);
	}
	dpi_unlock(&leftovers->freeing);
	return true;
}

bool dpi_leftovers_any(const dpi_leftovers *leftovers)
{
	return atomic_load(&leftovers->pending) > 0;
}
