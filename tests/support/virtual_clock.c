/* SPDX-License-Identifier: Apache-2.0 */
#include "virtual_clock.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#define BEGIN_MONOTONIC (1000 * DP_SECOND)
#define BEGIN_WALL (INT64_C(1767225600) * DP_SECOND)

struct virtual_alarm {
	bool is_open;
	dp_time_ns at; /* DP_FOREVER: not set */
};

/* A thread inside wait (alarm < 0) or alarm_wait; on its stack. */
struct virtual_sleeper {
	virtual_sleeper *next;
	dp_time_ns deadline;
	uint32_t wakes_seen;
	int alarm;
};

static dp_time_ns due_time(
	const struct virtual_clock *clock, const virtual_sleeper *sleeper)
{
	return sleeper->alarm >= 0 ? clock->alarms[sleeper->alarm].at
				   : sleeper->deadline;
}

static bool is_due(
	const struct virtual_clock *clock, const virtual_sleeper *sleeper)
{
	if (sleeper->alarm < 0 && sleeper->wakes_seen != clock->wakes) {
		return true;
	}
	return clock->monotonic >= due_time(clock, sleeper);
}

/* How many sleep with nothing due; *ret_next is the earliest of their times. */
static int asleep(const struct virtual_clock *clock, dp_time_ns *ret_next)
{
	int count = 0;

	*ret_next = DP_FOREVER;
	for (virtual_sleeper *s = clock->sleepers; s != NULL; s = s->next) {
		if (!is_due(clock, s)) {
			dp_time_ns at = due_time(clock, s);

			count++;
			*ret_next = at < *ret_next ? at : *ret_next;
		}
	}
	return count;
}

static void move_to(struct virtual_clock *clock, dp_time_ns monotonic)
{
	clock->wall += monotonic - clock->monotonic;
	clock->monotonic = monotonic;
	(void)pthread_cond_broadcast(&clock->changed);
}

static void move_by_itself(struct virtual_clock *clock)
{
	dp_time_ns next;

	if (clock->auto_threads > 0 &&
		asleep(clock, &next) >= clock->auto_threads &&
		next != DP_FOREVER) {
		move_to(clock, next);
	}
}

/* Locked. */
static void sleep_until_due(struct virtual_clock *clock, virtual_sleeper *self)
{
	virtual_sleeper **link = &clock->sleepers;

	self->next = clock->sleepers;
	clock->sleepers = self;
	(void)pthread_cond_broadcast(&clock->changed);
	move_by_itself(clock);
	while (!is_due(clock, self)) {
		(void)pthread_cond_wait(&clock->changed, &clock->lock);
	}
	while (*link != self) {
		link = &(*link)->next;
	}
	*link = self->next;
}

static dp_time_ns clock_monotonic(void *self)
{
	struct virtual_clock *clock = self;
	dp_time_ns now;

	(void)pthread_mutex_lock(&clock->lock);
	now = clock->monotonic;
	(void)pthread_mutex_unlock(&clock->lock);
	return now;
}

static dp_time_ns clock_wall(void *self)
{
	struct virtual_clock *clock = self;
	dp_time_ns now;

	(void)pthread_mutex_lock(&clock->lock);
	now = clock->wall;
	(void)pthread_mutex_unlock(&clock->lock);
	return now;
}

static int clock_wait(
	void *self, uint32_t *word, uint32_t expected, dp_time_ns deadline_ns)
{
	struct virtual_clock *clock = self;
	virtual_sleeper sleeper = {.deadline = deadline_ns, .alarm = -1};
	int rc = 0;

	(void)pthread_mutex_lock(&clock->lock);
	sleeper.wakes_seen = clock->wakes;
	if (__atomic_load_n(word, __ATOMIC_SEQ_CST) == expected) {
		sleep_until_due(clock, &sleeper);
		rc = sleeper.wakes_seen == clock->wakes ? -ETIMEDOUT : 0;
	}
	(void)pthread_mutex_unlock(&clock->lock);
	return rc;
}

static void clock_wake(void *self, uint32_t *word, int count)
{
	struct virtual_clock *clock = self;

	(void)word;
	(void)count;
	(void)pthread_mutex_lock(&clock->lock);
	clock->wakes++;
	(void)pthread_cond_broadcast(&clock->changed);
	(void)pthread_mutex_unlock(&clock->lock);
}

/* The place of a closed one, or one more. Locked. */
static int free_alarm(struct virtual_clock *clock)
{
	size_t bytes = sizeof(*clock->alarms);
	struct virtual_alarm *more;

	for (int i = 0; i < clock->alarm_count; i++) {
		if (!clock->alarms[i].is_open) {
			return i;
		}
	}
	more = realloc(clock->alarms, (size_t)(clock->alarm_count + 1) * bytes);
	if (more == NULL) {
		return -ENOMEM;
	}
	clock->alarms = more;
	return clock->alarm_count++;
}

static int clock_alarm_open(void *self)
{
	struct virtual_clock *clock = self;
	int alarm;

	(void)pthread_mutex_lock(&clock->lock);
	alarm = free_alarm(clock);
	if (alarm >= 0) {
		clock->alarms[alarm] = (struct virtual_alarm){true, DP_FOREVER};
	}
	(void)pthread_mutex_unlock(&clock->lock);
	return alarm;
}

static int clock_alarm_set(void *self, int alarm, dp_time_ns at_monotonic_ns)
{
	struct virtual_clock *clock = self;

	(void)pthread_mutex_lock(&clock->lock);
	clock->alarms[alarm].at = at_monotonic_ns;
	(void)pthread_cond_broadcast(&clock->changed);
	move_by_itself(clock);
	(void)pthread_mutex_unlock(&clock->lock);
	return 0;
}

static void clock_alarm_stop(void *self, int alarm)
{
	(void)clock_alarm_set(self, alarm, 0);
}

static int clock_alarm_wait(void *self, int alarm)
{
	struct virtual_clock *clock = self;
	virtual_sleeper sleeper = {.alarm = alarm};

	(void)pthread_mutex_lock(&clock->lock);
	sleep_until_due(clock, &sleeper);
	clock->alarms[alarm].at = DP_FOREVER;
	(void)pthread_mutex_unlock(&clock->lock);
	return 0;
}

static int clock_alarm_close(void *self, int alarm)
{
	struct virtual_clock *clock = self;

	(void)pthread_mutex_lock(&clock->lock);
	clock->alarms[alarm].is_open = false;
	(void)pthread_mutex_unlock(&clock->lock);
	return 0;
}

/* What is not time is the inner table's. */

static const dpi_os *inner_of(void *self)
{
	return ((struct virtual_clock *)self)->inner;
}

static int inner_open(void *self, const char *path, unsigned flags)
{
	return inner_of(self)->open(inner_of(self)->self, path, flags);
}

static int inner_close(void *self, int fd)
{
	return inner_of(self)->close(inner_of(self)->self, fd);
}

static int64_t inner_pread(
	void *self, int fd, void *buf, size_t size, uint64_t offset)
{
	return inner_of(self)->pread(
		inner_of(self)->self, fd, buf, size, offset);
}

static int64_t inner_pwritev(
	void *self, int fd, const struct iovec *iov, int count, uint64_t offset)
{
	return inner_of(self)->pwritev(
		inner_of(self)->self, fd, iov, count, offset);
}

static int inner_fdatasync(void *self, int fd)
{
	return inner_of(self)->fdatasync(inner_of(self)->self, fd);
}

static int inner_fsync(void *self, int fd)
{
	return inner_of(self)->fsync(inner_of(self)->self, fd);
}

static int inner_truncate(void *self, int fd, uint64_t size)
{
	return inner_of(self)->truncate(inner_of(self)->self, fd, size);
}

static int64_t inner_size(void *self, int fd)
{
	return inner_of(self)->size(inner_of(self)->self, fd);
}

static int inner_rename(void *self, const char *from, const char *to)
{
	return inner_of(self)->rename(inner_of(self)->self, from, to);
}

static int inner_unlink(void *self, const char *path)
{
	return inner_of(self)->unlink(inner_of(self)->self, path);
}

static int inner_mkdir(void *self, const char *path)
{
	return inner_of(self)->mkdir(inner_of(self)->self, path);
}

static int inner_rmdir(void *self, const char *path)
{
	return inner_of(self)->rmdir(inner_of(self)->self, path);
}

static int inner_list(
	void *self, const char *path, dpi_os_entry_fn each, void *user)
{
	return inner_of(self)->list(inner_of(self)->self, path, each, user);
}

static int64_t inner_mtime_ns(void *self, const char *path)
{
	return inner_of(self)->mtime_ns(inner_of(self)->self, path);
}

static int inner_lock(void *self, int fd, uint64_t byte, dpi_lock_mode mode)
{
	return inner_of(self)->lock(inner_of(self)->self, fd, byte, mode);
}

static void *inner_map(void *self, int fd, size_t size)
{
	return inner_of(self)->map(inner_of(self)->self, fd, size);
}

static void inner_evict(void *self, void *memory, size_t size)
{
	inner_of(self)->evict(inner_of(self)->self, memory, size);
}

static void inner_unmap(void *self, void *memory, size_t size)
{
	inner_of(self)->unmap(inner_of(self)->self, memory, size);
}

static int inner_random(void *self, void *buf, size_t size)
{
	return inner_of(self)->random(inner_of(self)->self, buf, size);
}

static const dpi_os table = {
	.open = inner_open,
	.close = inner_close,
	.pread = inner_pread,
	.pwritev = inner_pwritev,
	.fdatasync = inner_fdatasync,
	.fsync = inner_fsync,
	.truncate = inner_truncate,
	.size = inner_size,
	.rename = inner_rename,
	.unlink = inner_unlink,
	.mkdir = inner_mkdir,
	.rmdir = inner_rmdir,
	.list = inner_list,
	.mtime_ns = inner_mtime_ns,
	.lock = inner_lock,
	.map = inner_map,
	.unmap = inner_unmap,
	.evict = inner_evict,
	.monotonic = clock_monotonic,
	.wall = clock_wall,
	.wall_coarse = clock_wall,
	.random = inner_random,
	.wait = clock_wait,
	.wake = clock_wake,
	.alarm_open = clock_alarm_open,
	.alarm_set = clock_alarm_set,
	.alarm_wait = clock_alarm_wait,
	.alarm_stop = clock_alarm_stop,
	.alarm_close = clock_alarm_close,
};

void virtual_clock_init(struct virtual_clock *clock, const dpi_os *inner)
{
	*clock = (struct virtual_clock){.os = table,
		.inner = inner,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.changed = PTHREAD_COND_INITIALIZER,
		.monotonic = BEGIN_MONOTONIC,
		.wall = BEGIN_WALL};
	clock->os.self = clock;
}

void virtual_clock_fini(struct virtual_clock *clock)
{
	free(clock->alarms);
	(void)pthread_cond_destroy(&clock->changed);
	(void)pthread_mutex_destroy(&clock->lock);
}

void virtual_clock_advance(struct virtual_clock *clock, dp_time_ns by_ns)
{
	(void)pthread_mutex_lock(&clock->lock);
	move_to(clock, clock->monotonic + by_ns);
	(void)pthread_mutex_unlock(&clock->lock);
}

void virtual_clock_set_wall(struct virtual_clock *clock, dp_time_ns wall)
{
	(void)pthread_mutex_lock(&clock->lock);
	clock->wall = wall;
	(void)pthread_mutex_unlock(&clock->lock);
}

void virtual_clock_await_sleepers(struct virtual_clock *clock, int count)
{
	dp_time_ns next;

	(void)pthread_mutex_lock(&clock->lock);
	while (asleep(clock, &next) < count) {
		(void)pthread_cond_wait(&clock->changed, &clock->lock);
	}
	(void)pthread_mutex_unlock(&clock->lock);
}

dp_time_ns virtual_clock_next(struct virtual_clock *clock)
{
	dp_time_ns next;

	(void)pthread_mutex_lock(&clock->lock);
	(void)asleep(clock, &next);
	(void)pthread_mutex_unlock(&clock->lock);
	return next;
}

void virtual_clock_set_auto(struct virtual_clock *clock, int threads)
{
	(void)pthread_mutex_lock(&clock->lock);
	clock->auto_threads = threads;
	move_by_itself(clock);
	(void)pthread_mutex_unlock(&clock->lock);
}
