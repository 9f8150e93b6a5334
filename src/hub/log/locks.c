/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/log/locks.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"
#include "base/thread.h"

/* Offsets of files, and so of their bytes, are signed; leave room. */
#define BYTE_MASK ((UINT64_C(1) << 62) - 1)
/* Between two looks at a byte that another one holds. */
#define PAUSE_FIRST DP_MILLISECOND
#define PAUSE_MOST (16 * DP_MILLISECOND)

dp_status dpi_locks_open(dpi_locks *ret, const dp_allocator *alloc,
	const dpi_os *os, const char *path, dp_error **err)
{
	int fd;

	fd = os->open(os->self, path, DPI_OPEN_CREATE);
	if (fd < 0) {
		return dpi_error_sys(err, -fd, "%s cannot be opened", path);
	}
	*ret = (dpi_locks){.alloc = alloc, .os = os, .fd = fd};
	(void)pthread_mutex_init(&ret->lock, NULL);
	return DP_OK;
}

void dpi_locks_close(dpi_locks *locks)
{
	(void)locks->os->close(locks->os->self, locks->fd);
	if (locks->held != NULL) {
		dpi_free(locks->alloc, locks->held, locks->capacity,
			sizeof(*locks->held));
	}
	(void)pthread_mutex_destroy(&locks->lock);
}

static bool is_held(const dpi_locks *locks, uint64_t byte)
{
	for (size_t i = 0; i < locks->count; i++) {
		if (locks->held[i] == byte) {
			return true;
		}
	}
	return false;
}

static bool make_room(dpi_locks *locks)
{
	size_t capacity = locks->capacity > 0 ? 2 * locks->capacity : 8;
	uint64_t *held;

	if (locks->count < locks->capacity) {
		return true;
	}
	held = dpi_zalloc(locks->alloc, capacity, sizeof(*held));
	if (held == NULL) {
		return false;
	}
	if (locks->held != NULL) {
		memcpy(held, locks->held, locks->count * sizeof(*held));
		dpi_free(locks->alloc, locks->held, locks->capacity,
			sizeof(*held));
	}
	locks->held = held;
	locks->capacity = capacity;
	return true;
}

static dp_status take(dpi_locks *locks, uint64_t byte, dp_error **err)
{
	const dpi_os *os = locks->os;
	int rc;

	if (is_held(locks, byte)) {
		return DP_ELOCKED;
	}
	if (!make_room(locks)) {
		return dpi_error_set(err, DP_ENOMEM, "no memory for a lock");
	}
	rc = os->lock(os->self, locks->fd, byte, DPI_LOCK_EXCLUSIVE);
	if (rc == -EAGAIN) {
		return DP_ELOCKED;
	}
	if (rc < 0) {
		return dpi_error_sys(err, -rc, "a lock cannot be taken");
	}
	locks->held[locks->count++] = byte;
	return DP_OK;
}

dp_status dpi_locks_take(dpi_locks *locks, uint64_t byte, dp_error **err)
{
	dp_status st;

	dpi_lock(&locks->lock);
	st = take(locks, byte, err);
	dpi_unlock(&locks->lock);
	return st;
}

dp_status dpi_locks_await(
	dpi_locks *locks, uint64_t byte, dp_time_ns timeout_ns, dp_error **err)
{
	const dpi_os *os = locks->os;
	dp_time_ns give_up = dpi_os_deadline(os, timeout_ns);
	dp_time_ns pause = PAUSE_FIRST;
	dp_status st = dpi_locks_take(locks, byte, err);
	uint32_t word = 0;

	while (st == DP_ELOCKED && os->monotonic(os->self) < give_up) {
		(void)os->wait(os->self, &word, 0, dpi_os_deadline(os, pause));
		pause = pause < PAUSE_MOST ? 2 * pause : PAUSE_MOST;
		st = dpi_locks_take(locks, byte, err);
	}
	return st;
}

void dpi_locks_give(dpi_locks *locks, uint64_t byte)
{
	const dpi_os *os = locks->os;

	dpi_lock(&locks->lock);
	for (size_t i = 0; i < locks->count; i++) {
		if (locks->held[i] == byte) {
			locks->held[i] = locks->held[--locks->count];
			(void)os->lock(
				os->self, locks->fd, byte, DPI_LOCK_NONE);
			break;
		}
	}
	dpi_unlock(&locks->lock);
}

uint64_t dpi_locks_byte(const dpi_partition_name *name)
{
	uint8_t number[4];
	uint64_t hash;

	dpi_store_u32(number, name->partition);
	hash = dpi_hash64(0, name->topic, strlen(name->topic));
	return dpi_hash64(hash, number, sizeof(number)) & BYTE_MASK;
}

uint64_t dpi_locks_settling_byte(const dpi_partition_name *name)
{
	return dpi_locks_byte(name) ^ 1;
}
