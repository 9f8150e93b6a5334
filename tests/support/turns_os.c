/* SPDX-License-Identifier: Apache-2.0 */
#include "turns_os.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/thread.h"
#include "sim_disk.h"

#define BEGIN_MONOTONIC (1000 * DP_SECOND)
#define BEGIN_WALL (INT64_C(1767225600) * DP_SECOND)
#define CALL_NS (DP_MILLISECOND / 1000)
#define ALARMS 64
/* A thread that could go on is made to wait once in so many calls. */
#define HANDS_OVER_ONE_IN 8

typedef struct turn {
	struct turn *next;
	pthread_t thread;
	sem_t goes_on;
	bool is_asleep;
	bool is_woken;
	bool is_done;
	int alarm; /* that it sleeps on, or -1 */
	dp_time_ns until;
	const struct turn *joins;
	void *(*run)(void *arg);
	void *arg;
} turn;

/* Only the thread whose turn it is looks at this. */
static struct {
	bool is_on;
	sim_random random;
	dp_time_ns now;
	turn *threads;
	turn *current;
	dp_time_ns alarms[ALARMS];
	bool has_alarm[ALARMS];
} turns;

int __real_pthread_create(pthread_t *ret, const pthread_attr_t *attr,
	void *(*run)(void *arg), void *arg);
int __wrap_pthread_create(pthread_t *ret, const pthread_attr_t *attr,
	void *(*run)(void *arg), void *arg);
void __real_dpi_lock(pthread_mutex_t *lock);
void __wrap_dpi_lock(pthread_mutex_t *lock);
void __real_dpi_thread_join(pthread_t thread);
void __wrap_dpi_thread_join(pthread_t thread);

static dp_time_ns due_time(const turn *t)
{
	return t->alarm >= 0 ? turns.alarms[t->alarm] : t->until;
}

static bool can_run(const turn *t)
{
	if (t->is_done || (t->joins != NULL && !t->joins->is_done)) {
		return false;
	}
	return !t->is_asleep || t->is_woken || due_time(t) <= turns.now;
}

static turn *pick(const turn *but)
{
	size_t count = 0;
	turn *picked = NULL;

	for (turn *t = turns.threads; t != NULL; t = t->next) {
		if (t != but && can_run(t) &&
			sim_random_next(&turns.random) % ++count == 0) {
			picked = t;
		}
	}
	return picked;
}

static void move_to_next_time(void)
{
	dp_time_ns next = DP_FOREVER;

	for (const turn *t = turns.threads; t != NULL; t = t->next) {
		if (!t->is_done && t->is_asleep && due_time(t) < next) {
			next = due_time(t);
		}
	}
	if (next == DP_FOREVER) {
		(void)fprintf(stderr, "every thread waits for another\n");
		abort();
	}
	turns.now = next > turns.now ? next : turns.now;
}

/* Somebody else's turn; returns when it is the caller's again. */
static void hand_over(turn *to)
{
	turn *self = turns.current;

	turns.current = to;
	if (to != self) {
		(void)sem_post(&to->goes_on);
		while (sem_wait(&self->goes_on) != 0) {
		}
	}
}

static turn *pick_in_time(const turn *but)
{
	turn *to;

	while ((to = pick(but)) == NULL) {
		move_to_next_time();
	}
	return to;
}

static void give_way(void)
{
	turn *to;

	if (sim_random_next(&turns.random) % HANDS_OVER_ONE_IN == 0 &&
		(to = pick(NULL)) != NULL) {
		hand_over(to);
	}
}

/* Returns whether somebody woke it. */
static bool sleep_until(dp_time_ns until, int alarm)
{
	turn *self = turns.current;

	self->is_asleep = true;
	self->is_woken = false;
	self->until = until;
	self->alarm = alarm;
	hand_over(pick_in_time(NULL));
	self->is_asleep = false;
	return self->is_woken;
}

static turn *add_thread(void)
{
	turn **link = &turns.threads;
	turn *t = sim_alloc(1, sizeof(*t));

	(void)sem_init(&t->goes_on, 0, 0);
	t->alarm = -1;
	while (*link != NULL) {
		link = &(*link)->next;
	}
	*link = t;
	return t;
}

static void remove_thread(turn *t)
{
	turn **link = &turns.threads;

	while (*link != t) {
		link = &(*link)->next;
	}
	*link = t->next;
	(void)sem_destroy(&t->goes_on);
	free(t);
}

static void *run_in_turn(void *arg)
{
	turn *self = arg;
	void *result;
	turn *to;

	while (sem_wait(&self->goes_on) != 0) {
	}
	result = self->run(self->arg);
	self->is_done = true;
	to = pick_in_time(NULL);
	turns.current = to;
	(void)sem_post(&to->goes_on);
	return result;
}

int __wrap_pthread_create(pthread_t *ret, const pthread_attr_t *attr,
	void *(*run)(void *arg), void *arg)
{
	turn *t;
	int rc;

	if (!turns.is_on) {
		return __real_pthread_create(ret, attr, run, arg);
	}
	t = add_thread();
	t->run = run;
	t->arg = arg;
	rc = __real_pthread_create(ret, attr, run_in_turn, t);
	if (rc != 0) {
		remove_thread(t);
		return rc;
	}
	t->thread = *ret;
	return 0;
}

void __wrap_dpi_thread_join(pthread_t thread)
{
	turn *t = turns.threads;

	while (t != NULL &&
		(t->run == NULL || !pthread_equal(t->thread, thread))) {
		t = t->next;
	}
	if (turns.is_on && t != NULL) {
		turns.current->joins = t;
		hand_over(pick_in_time(NULL));
		turns.current->joins = NULL;
	}
	__real_dpi_thread_join(thread);
	if (t != NULL) {
		remove_thread(t);
	}
}

void __wrap_dpi_lock(pthread_mutex_t *lock)
{
	if (!turns.is_on) {
		__real_dpi_lock(lock);
		return;
	}
	while (pthread_mutex_trylock(lock) != 0) {
		hand_over(pick_in_time(turns.current));
	}
}

void turns_begin(uint64_t seed)
{
	turns.is_on = true;
	turns.random.state = seed;
	turns.now = BEGIN_MONOTONIC;
	turns.current = add_thread();
}

void turns_end(void)
{
	remove_thread(turns.current);
	turns.is_on = false;
}

void turns_sleep(dp_time_ns time_ns)
{
	(void)sleep_until(turns.now + time_ns, -1);
}

static const dpi_os *begin(void *self)
{
	struct turns_os *t = self;

	t->calls++;
	turns.now += CALL_NS;
	give_way();
	return t->inner;
}

static int t_open(void *self, const char *path, unsigned flags)
{
	const dpi_os *os = begin(self);

	return os->open(os->self, path, flags);
}

static int t_close(void *self, int fd)
{
	const dpi_os *os = begin(self);

	return os->close(os->self, fd);
}

static int64_t t_pread(
	void *self, int fd, void *buf, size_t size, uint64_t offset)
{
	const dpi_os *os = begin(self);
	int64_t n = os->pread(os->self, fd, buf, size, offset);

	((struct turns_os *)self)->read_bytes += n > 0 ? (uint64_t)n : 0;
	return n;
}

static int64_t t_pwritev(
	void *self, int fd, const struct iovec *iov, int count, uint64_t offset)
{
	const dpi_os *os = begin(self);

	return os->pwritev(os->self, fd, iov, count, offset);
}

static int t_fdatasync(void *self, int fd)
{
	const dpi_os *os = begin(self);

	return os->fdatasync(os->self, fd);
}

static int t_fsync(void *self, int fd)
{
	const dpi_os *os = begin(self);

	return os->fsync(os->self, fd);
}

static int t_truncate(void *self, int fd, uint64_t size)
{
	const dpi_os *os = begin(self);

	return os->truncate(os->self, fd, size);
}

static int64_t t_size(void *self, int fd)
{
	const dpi_os *os = begin(self);

	return os->size(os->self, fd);
}

static int t_rename(void *self, const char *from, const char *to)
{
	const dpi_os *os = begin(self);

	return os->rename(os->self, from, to);
}

static int t_unlink(void *self, const char *path)
{
	const dpi_os *os = begin(self);

	return os->unlink(os->self, path);
}

static int t_mkdir(void *self, const char *path)
{
	const dpi_os *os = begin(self);

	return os->mkdir(os->self, path);
}

static int t_rmdir(void *self, const char *path)
{
	const dpi_os *os = begin(self);

	return os->rmdir(os->self, path);
}

static int t_list(
	void *self, const char *path, dpi_os_entry_fn each, void *user)
{
	const dpi_os *os = begin(self);

	return os->list(os->self, path, each, user);
}

static int64_t t_mtime_ns(void *self, const char *path)
{
	const dpi_os *os = begin(self);

	return os->mtime_ns(os->self, path);
}

static int t_lock(void *self, int fd, uint64_t byte, dpi_lock_mode mode)
{
	const dpi_os *os = begin(self);

	return os->lock(os->self, fd, byte, mode);
}

static void *t_map(void *self, int fd, size_t size)
{
	const dpi_os *os = begin(self);

	return os->map(os->self, fd, size);
}

static void t_unmap(void *self, void *memory, size_t size)
{
	const dpi_os *os = begin(self);

	os->unmap(os->self, memory, size);
}

static void t_evict(void *self, void *memory, size_t size)
{
	const dpi_os *os = begin(self);

	os->evict(os->self, memory, size);
}

static dp_time_ns t_monotonic(void *self)
{
	(void)self;
	turns.now += CALL_NS;
	return turns.now;
}

static dp_time_ns t_wall(void *self)
{
	(void)self;
	return turns.now - BEGIN_MONOTONIC + BEGIN_WALL;
}

static int t_random(void *self, void *buf, size_t size)
{
	const dpi_os *os = begin(self);

	return os->random(os->self, buf, size);
}

static int t_wait(
	void *self, uint32_t *word, uint32_t expected, dp_time_ns deadline_ns)
{
	(void)begin(self);
	if (__atomic_load_n(word, __ATOMIC_SEQ_CST) != expected) {
		return 0;
	}
	return sleep_until(deadline_ns, -1) ? 0 : -ETIMEDOUT;
}

/* The same word may be mapped twice: everybody looks. */
static void t_wake(void *self, uint32_t *word, int count)
{
	(void)word;
	(void)count;
	for (turn *t = turns.threads; t != NULL; t = t->next) {
		t->is_woken = t->is_woken || (t->is_asleep && t->alarm < 0);
	}
	(void)begin(self);
}

static int t_alarm_open(void *self)
{
	int alarm = 0;

	(void)begin(self);
	while (alarm < ALARMS && turns.has_alarm[alarm]) {
		alarm++;
	}
	if (alarm == ALARMS) {
		return -EMFILE;
	}
	turns.has_alarm[alarm] = true;
	turns.alarms[alarm] = DP_FOREVER;
	return alarm;
}

static int t_alarm_set(void *self, int alarm, dp_time_ns at_monotonic_ns)
{
	turns.alarms[alarm] = at_monotonic_ns;
	(void)begin(self);
	return 0;
}

static int t_alarm_wait(void *self, int alarm)
{
	(void)begin(self);
	(void)sleep_until(DP_FOREVER, alarm);
	turns.alarms[alarm] = DP_FOREVER;
	return 0;
}

static void t_alarm_stop(void *self, int alarm)
{
	turns.alarms[alarm] = 0;
	(void)begin(self);
}

static int t_alarm_close(void *self, int alarm)
{
	(void)begin(self);
	turns.has_alarm[alarm] = false;
	return 0;
}

static const dpi_os table = {
	.open = t_open,
	.close = t_close,
	.pread = t_pread,
	.pwritev = t_pwritev,
	.fdatasync = t_fdatasync,
	.fsync = t_fsync,
	.truncate = t_truncate,
	.size = t_size,
	.rename = t_rename,
	.unlink = t_unlink,
	.mkdir = t_mkdir,
	.rmdir = t_rmdir,
	.list = t_list,
	.mtime_ns = t_mtime_ns,
	.lock = t_lock,
	.map = t_map,
	.unmap = t_unmap,
	.evict = t_evict,
	.monotonic = t_monotonic,
	.wall = t_wall,
	.wall_coarse = t_wall,
	.random = t_random,
	.wait = t_wait,
	.wake = t_wake,
	.alarm_open = t_alarm_open,
	.alarm_set = t_alarm_set,
	.alarm_wait = t_alarm_wait,
	.alarm_stop = t_alarm_stop,
	.alarm_close = t_alarm_close,
};

void turns_os_init(struct turns_os *turns_os, const dpi_os *inner)
{
	*turns_os = (struct turns_os){.os = table, .inner = inner};
	turns_os->os.self = turns_os;
}
