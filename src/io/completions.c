/* SPDX-License-Identifier: Apache-2.0 */
#include "io/completions.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/thread.h"

dp_status dpi_completion_queue_init(
	dpi_completion_queue *queue, const dpi_os *os)
{
	*queue = (dpi_completion_queue){.os = os, .event_fd = -1};
	queue->last = &queue->first;
	return pthread_mutex_init(&queue->lock, NULL) == 0 ? DP_OK : DP_ENOMEM;
}

static void release_all(dpi_completions *block)
{
	while (block != NULL) {
		dpi_completions *next = block->next;

		block->release(block);
		block = next;
	}
}

void dpi_completion_queue_abandon(dpi_completion_queue *queue)
{
	if (queue->event_fd >= 0) {
		(void)close(queue->event_fd);
	}
}

void dpi_completion_queue_fini(dpi_completion_queue *queue)
{
	release_all(queue->first);
	(void)pthread_mutex_destroy(&queue->lock);
	dpi_completion_queue_abandon(queue);
}

/* The count is 0 or 1, so that neither call can block or fail. */
static void set_readable(dpi_completion_queue *queue, bool is_readable)
{
	uint64_t count = 1;
	ssize_t n;

	if (queue->event_fd < 0) {
		return;
	}
	n = is_readable ? write(queue->event_fd, &count, sizeof(count))
			: read(queue->event_fd, &count, sizeof(count));
	assert(n == sizeof(count));
	(void)n;
}

static void wake_one(dpi_completion_queue *queue)
{
	__atomic_fetch_add(&queue->pushes, 1, __ATOMIC_RELAXED);
	if (queue->waiting > 0) {
		queue->os->wake(queue->os->self, &queue->pushes, 1);
	}
}

void dpi_completion_queue_push(
	dpi_completion_queue *queue, dpi_completions *block)
{
	assert(block->count > 0);

	block->next = NULL;
	block->taken = 0;
	dpi_lock(&queue->lock);
	if (queue->first == NULL) {
		set_readable(queue, true);
	}
	*queue->last = block;
	queue->last = &block->next;
	wake_one(queue);
	dpi_unlock(&queue->lock);
}

/* Takes from the first block; returns it if that emptied it. */
static dpi_completions *take_from_first(dpi_completion_queue *queue,
	dp_completion *items, size_t max, size_t *ret_count)
{
	dpi_completions *block = queue->first;
	size_t left = block->count - block->taken;
	size_t n = left < max ? left : max;

	memcpy(items, block->items + block->taken, n * sizeof(*items));
	block->taken += n;
	*ret_count = n;
	if (n < left) {
		return NULL;
	}
	queue->first = block->next;
	if (queue->first == NULL) {
		queue->last = &queue->first;
		set_readable(queue, false);
	}
	return block;
}

/* Returns how many; emptied blocks go to *ret_emptied. Locked. */
static size_t take_now(dpi_completion_queue *queue, dp_completion *items,
	size_t max, dpi_completions **ret_emptied)
{
	size_t done = 0;

	while (done < max && queue->first != NULL) {
		size_t n;
		dpi_completions *block =
			take_from_first(queue, items + done, max - done, &n);

		done += n;
		if (block != NULL) {
			block->next = *ret_emptied;
			*ret_emptied = block;
		}
	}
	if (done > 0 && queue->first != NULL) {
		wake_one(queue); /* there is enough for another */
	}
	return done;
}

size_t dpi_completion_queue_take(dpi_completion_queue *queue,
	dp_completion *items, size_t max, dp_time_ns deadline_ns)
{
	const dpi_os *os = queue->os;
	dpi_completions *emptied = NULL;
	size_t n;

	dpi_lock(&queue->lock);
	n = take_now(queue, items, max, &emptied);
	while (n == 0 && os->monotonic(os->self) < deadline_ns) {
		uint32_t seen = queue->pushes;

		queue->waiting++;
		dpi_unlock(&queue->lock);
		(void)os->wait(os->self, &queue->pushes, seen, deadline_ns);
		dpi_lock(&queue->lock);
		queue->waiting--;
		n = take_now(queue, items, max, &emptied);
	}
	dpi_unlock(&queue->lock);
	release_all(emptied);
	return n;
}

int dpi_completion_queue_fd(dpi_completion_queue *queue)
{
	int fd;

	dpi_lock(&queue->lock);
	if (queue->event_fd < 0) {
		queue->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		fd = queue->event_fd >= 0 ? queue->event_fd : -errno;
		if (queue->first != NULL) {
			set_readable(queue, true);
		}
	} else {
		fd = queue->event_fd;
	}
	dpi_unlock(&queue->lock);
	return fd;
}
