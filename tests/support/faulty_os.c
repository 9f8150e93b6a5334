/* SPDX-License-Identifier: Apache-2.0 */
#include "faulty_os.h"

#include <errno.h>

static bool concerns(const struct faulty_os *faulty, faulty_call call)
{
	return call < FAULTY_CAN_FAIL &&
		(faulty->kind == FAULTY_ANY || faulty->kind == call);
}

/* 0, or the negative errno that the rule in force asks for. Locked. */
static int apply_rule(struct faulty_os *faulty, faulty_call call)
{
	if (faulty->countdown < 0 || !concerns(faulty, call)) {
		return 0;
	}
	if (faulty->countdown > 0) {
		faulty->countdown--;
		return 0;
	}
	if (!faulty->for_ever) {
		faulty->countdown = -1;
	}
	faulty->failed++;
	return -faulty->error;
}

/* Counts a call. Returns 0 if it may go on, or a negative errno. */
static int begin(struct faulty_os *faulty, faulty_call call)
{
	long number;
	int rc;

	(void)pthread_mutex_lock(&faulty->lock);
	number = faulty->calls[call]++;
	(void)pthread_mutex_unlock(&faulty->lock);
	if (faulty->hook != NULL) {
		faulty->hook(faulty->hook_user, call, number);
	}
	(void)pthread_mutex_lock(&faulty->lock);
	rc = apply_rule(faulty, call);
	(void)pthread_mutex_unlock(&faulty->lock);
	return rc;
}

static int f_open(void *self, const char *path, unsigned flags)
{
	struct faulty_os *f = self;
	int rc = begin(f, FAULTY_OPEN);

	return rc == 0 ? f->inner->open(f->inner->self, path, flags) : rc;
}

/* The descriptor is gone even so, as on Linux. */
static int f_close(void *self, int fd)
{
	struct faulty_os *f = self;
	int rc = begin(f, FAULTY_CLOSE);
	int inner_rc = f->inner->close(f->inner->self, fd);

	return rc == 0 ? inner_rc : rc;
}

static size_t shorten(const struct faulty_os *f, size_t size)
{
	return f->short_bytes > 0 && size > f->short_bytes ? f->short_bytes
							   : size;
}

/* How many of size bytes at offset are in front of those that are bad. */
static size_t readable(struct faulty_os *f, size_t size, uint64_t offset)
{
	(void)pthread_mutex_lock(&f->lock);
	if (offset < f->bad_to && offset + size > f->bad_from) {
		size = offset < f->bad_from ? (size_t)(f->bad_from - offset)
					    : 0;
	}
	(void)pthread_mutex_unlock(&f->lock);
	return size;
}

static int64_t f_pread(
	void *self, int fd, void *buf, size_t size, uint64_t offset)
{
	struct faulty_os *f = self;
	int rc = begin(f, FAULTY_PREAD);
	size_t good = readable(f, shorten(f, size), offset);

	if (rc != 0 || (good == 0 && size > 0)) {
		return rc != 0 ? rc : -EIO;
	}
	return f->inner->pread(f->inner->self, fd, buf, good, offset);
}

static size_t total(const struct iovec *iov, int count)
{
	size_t size = 0;

	for (int i = 0; i < count; i++) {
		size += iov[i].iov_len;
	}
	return size;
}

/* How many of size bytes at offset have room; takes the room. */
static size_t take_room(
	struct faulty_os *f, int fd, size_t size, uint64_t offset)
{
	int64_t old = f->inner->size(f->inner->self, fd);
	int64_t grows = (int64_t)(offset + size) - old;

	(void)pthread_mutex_lock(&f->lock);
	if (f->room >= 0 && grows > 0) {
		if (grows > f->room) {
			size_t lacks = (size_t)(grows - f->room);

			size = lacks < size ? size - lacks : 0;
			grows = size > 0 ? f->room : 0;
		}
		f->room -= grows;
	}
	(void)pthread_mutex_unlock(&f->lock);
	return size;
}

static void give_room(struct faulty_os *f, int64_t size)
{
	(void)pthread_mutex_lock(&f->lock);
	f->room += f->room >= 0 ? size : 0;
	(void)pthread_mutex_unlock(&f->lock);
}

static int64_t write_first(const dpi_os *os, int fd, const struct iovec *iov,
	int count, size_t size, uint64_t offset)
{
	struct iovec part[16];
	int n = 0;

	for (; n < count && n < 16 && size > 0; n++) {
		part[n] = iov[n];
		if (part[n].iov_len > size) {
			part[n].iov_len = size;
		}
		size -= part[n].iov_len;
	}
	return os->pwritev(os->self, fd, part, n, offset);
}

static int64_t f_pwritev(
	void *self, int fd, const struct iovec *iov, int count, uint64_t offset)
{
	struct faulty_os *f = self;
	int rc = begin(f, FAULTY_PWRITEV);
	size_t wanted = total(iov, count);
	size_t size;

	if (rc != 0) {
		return rc;
	}
	size = take_room(f, fd, shorten(f, wanted), offset);
	if (size == wanted) {
		return f->inner->pwritev(
			f->inner->self, fd, iov, count, offset);
	}
	return size > 0 ? write_first(f->inner, fd, iov, count, size, offset)
			: -ENOSPC;
}

static int f_fdatasync(void *self, int fd)
{
	struct faulty_os *f = self;
	int rc = begin(f, FAULTY_FDATASYNC);

	return rc == 0 ? f->inner->fdatasync(f->inner->self, fd) : rc;
}

static int f_fsync(void *self, int fd)
{
	struct faulty_os *f = self;
	int rc = begin(f, FAULTY_FSYNC);

	return rc == 0 ? f->inner->fsync(f->inner->self, fd) : rc;
}

static int f_truncate(void *self, int fd, uint64_t size)
{
	struct faulty_os *f = self;
	int rc = begin(f, FAULTY_TRUNCATE);
	int64_t cut;

	if (rc != 0) {
		return rc;
	}
	cut = f->inner->size(f->inner->self, fd) - (int64_t)size;
	rc = f->inner->truncate(f->inner->self, fd, size);
	if (rc == 0 && cut > 0) {
		give_room(f, cut);
	}
	return rc;
}

static int64_t f_size(void *self, int fd)
{
	struct faulty_os *f = self;
	int rc = begin(f, FAULTY_SIZE);

	return rc == 0 ? f->inner->size(f->inner->self, fd) : rc;
}

static int f_rename(void *self, const char *from, const char *to)
{
	struct faulty_os *f = self;
	int rc = begin(f, FAULTY_RENAME);

	return rc == 0 ? f->inner->rename(f->inner->self, from, to) : rc;
}

/* Nobody has a file open that a test of a full disk removes. */
static int64_t size_of(const dpi_os *os, const char *path)
{
	int fd = os->open(os->self, path, DPI_OPEN_READ);
	int64_t size = 0;

	if (fd >= 0) {
		size = os->size(os->self, fd);
		(void)os->close(os->self, fd);
	}
	return size;
}

static int f_unlink(void *self, const char *path)
{
	struct faulty_os *f = self;
	int rc = begin(f, FAULTY_UNLINK);
	int64_t size;

	if (rc != 0) {
		return rc;
	}
	size = size_of(f->inner, path);
	rc = f->inner->unlink(f->inner->self, path);
	if (rc == 0) {
		give_room(f, size);
	}
	return rc;
}

static int f_mkdir(void *self, const char *path)
{
	struct faulty_os *f = self;
	int rc = begin(f, FAULTY_MKDIR);

	return rc == 0 ? f->inner->mkdir(f->inner->self, path) : rc;
}

static int f_rmdir(void *self, const char *path)
{
	struct faulty_os *f = self;
	int rc = begin(f, FAULTY_RMDIR);

	return rc == 0 ? f->inner->rmdir(f->inner->self, path) : rc;
}

static int f_list(
	void *self, const char *path, dpi_os_entry_fn each, void *user)
{
	struct faulty_os *f = self;
	int rc = begin(f, FAULTY_LIST);

	return rc == 0 ? f->inner->list(f->inner->self, path, each, user) : rc;
}

static int64_t f_mtime_ns(void *self, const char *path)
{
	struct faulty_os *f = self;
	int rc = begin(f, FAULTY_MTIME);

	return rc == 0 ? f->inner->mtime_ns(f->inner->self, path) : rc;
}

static int f_lock(void *self, int fd, uint64_t byte, dpi_lock_mode mode)
{
	struct faulty_os *f = self;
	int rc = begin(f, FAULTY_LOCK);

	return rc == 0 ? f->inner->lock(f->inner->self, fd, byte, mode) : rc;
}

static void *f_map(void *self, int fd, size_t size)
{
	struct faulty_os *f = self;
	int rc = begin(f, FAULTY_MAP);

	return rc == 0 ? f->inner->map(f->inner->self, fd, size) : NULL;
}

static void f_evict(void *self, void *memory, size_t size)
{
	struct faulty_os *f = self;

	f->inner->evict(f->inner->self, memory, size);
}

static void f_unmap(void *self, void *memory, size_t size)
{
	struct faulty_os *f = self;

	f->inner->unmap(f->inner->self, memory, size);
}

static dp_time_ns f_monotonic(void *self)
{
	struct faulty_os *f = self;

	(void)begin(f, FAULTY_MONOTONIC);
	return f->inner->monotonic(f->inner->self);
}

static dp_time_ns f_wall(void *self)
{
	struct faulty_os *f = self;

	(void)begin(f, FAULTY_WALL);
	return f->inner->wall(f->inner->self);
}

static int f_random(void *self, void *buf, size_t size)
{
	struct faulty_os *f = self;
	int rc = begin(f, FAULTY_RANDOM);

	return rc == 0 ? f->inner->random(f->inner->self, buf, size) : rc;
}

static int f_wait(
	void *self, uint32_t *word, uint32_t expected, dp_time_ns deadline_ns)
{
	struct faulty_os *f = self;

	(void)begin(f, FAULTY_WAIT);
	return f->inner->wait(f->inner->self, word, expected, deadline_ns);
}

static void f_wake(void *self, uint32_t *word, int count)
{
	struct faulty_os *f = self;

	(void)begin(f, FAULTY_WAKE);
	f->inner->wake(f->inner->self, word, count);
}

static int f_alarm_open(void *self)
{
	struct faulty_os *f = self;
	int rc = begin(f, FAULTY_ALARM_OPEN);

	return rc == 0 ? f->inner->alarm_open(f->inner->self) : rc;
}

static int f_alarm_set(void *self, int alarm, dp_time_ns at_monotonic_ns)
{
	struct faulty_os *f = self;
	int rc = begin(f, FAULTY_ALARM_SET);

	return rc == 0
		? f->inner->alarm_set(f->inner->self, alarm, at_monotonic_ns)
		: rc;
}

static int f_alarm_wait(void *self, int alarm)
{
	struct faulty_os *f = self;
	int rc = begin(f, FAULTY_ALARM_WAIT);

	return rc == 0 ? f->inner->alarm_wait(f->inner->self, alarm) : rc;
}

static void f_alarm_stop(void *self, int alarm)
{
	struct faulty_os *f = self;

	f->inner->alarm_stop(f->inner->self, alarm);
}

static int f_alarm_close(void *self, int alarm)
{
	struct faulty_os *f = self;

	return f->inner->alarm_close(f->inner->self, alarm);
}

static int f_watch_open(void *self, const char *path)
{
	struct faulty_os *f = self;
	int rc = begin(f, FAULTY_WATCH_OPEN);

	if (rc == 0 && f->inner->watch_open == NULL) {
		return -ENOSYS;
	}
	return rc == 0 ? f->inner->watch_open(f->inner->self, path) : rc;
}

static int f_watch_wait(void *self, int watch)
{
	struct faulty_os *f = self;
	int rc = begin(f, FAULTY_WATCH_WAIT);

	return rc == 0 ? f->inner->watch_wait(f->inner->self, watch) : rc;
}

static int f_watch_stop(void *self, int watch)
{
	struct faulty_os *f = self;

	return f->inner->watch_stop(f->inner->self, watch);
}

static int f_watch_close(void *self, int watch)
{
	struct faulty_os *f = self;

	return f->inner->watch_close(f->inner->self, watch);
}

static const dpi_os table = {
	.open = f_open,
	.close = f_close,
	.pread = f_pread,
	.pwritev = f_pwritev,
	.fdatasync = f_fdatasync,
	.fsync = f_fsync,
	.truncate = f_truncate,
	.size = f_size,
	.rename = f_rename,
	.unlink = f_unlink,
	.mkdir = f_mkdir,
	.rmdir = f_rmdir,
	.list = f_list,
	.mtime_ns = f_mtime_ns,
	.lock = f_lock,
	.map = f_map,
	.unmap = f_unmap,
	.evict = f_evict,
	.monotonic = f_monotonic,
	.wall = f_wall,
	.wall_coarse = f_wall,
	.random = f_random,
	.wait = f_wait,
	.wake = f_wake,
	.alarm_open = f_alarm_open,
	.alarm_set = f_alarm_set,
	.alarm_wait = f_alarm_wait,
	.alarm_stop = f_alarm_stop,
	.alarm_close = f_alarm_close,
	.watch_open = f_watch_open,
	.watch_wait = f_watch_wait,
	.watch_stop = f_watch_stop,
	.watch_close = f_watch_close,
};

void faulty_os_init(struct faulty_os *faulty, const dpi_os *inner)
{
	*faulty = (struct faulty_os){.os = table,
		.inner = inner,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.countdown = -1,
		.room = -1};
	faulty->os.self = faulty;
}

void faulty_os_fail(struct faulty_os *faulty, faulty_call kind, long after,
	int error, bool for_ever)
{
	(void)pthread_mutex_lock(&faulty->lock);
	faulty->kind = kind;
	faulty->countdown = after;
	faulty->error = error;
	faulty->for_ever = for_ever;
	(void)pthread_mutex_unlock(&faulty->lock);
}

void faulty_os_break(struct faulty_os *faulty, uint64_t from, uint64_t to)
{
	(void)pthread_mutex_lock(&faulty->lock);
	faulty->bad_from = from;
	faulty->bad_to = to;
	(void)pthread_mutex_unlock(&faulty->lock);
}

void faulty_os_set_room(struct faulty_os *faulty, int64_t bytes)
{
	(void)pthread_mutex_lock(&faulty->lock);
	faulty->room = bytes;
	(void)pthread_mutex_unlock(&faulty->lock);
}

void faulty_os_heal(struct faulty_os *faulty)
{
	(void)pthread_mutex_lock(&faulty->lock);
	faulty->countdown = -1;
	faulty->room = -1;
	faulty->bad_to = 0;
	(void)pthread_mutex_unlock(&faulty->lock);
}

long faulty_os_count(struct faulty_os *faulty, faulty_call kind)
{
	long count = 0;

	(void)pthread_mutex_lock(&faulty->lock);
	if (kind != FAULTY_ANY) {
		count = faulty->calls[kind];
	}
	for (int i = 0; kind == FAULTY_ANY && i < FAULTY_CAN_FAIL; i++) {
		count += faulty->calls[i];
	}
	(void)pthread_mutex_unlock(&faulty->lock);
	return count;
}

long faulty_os_failed(struct faulty_os *faulty)
{
	long failed;

	(void)pthread_mutex_lock(&faulty->lock);
	failed = faulty->failed;
	(void)pthread_mutex_unlock(&faulty->lock);
	return failed;
}
