/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_IO_OS_H
#define DPI_IO_OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include <datapipe/time.h>

/*
 * Everything that the library asks of the operating system about files, time,
 * chance and waiting, as a table that tests replace: one that fails call k,
 * one that is a simulated disk, one whose clock is moved by hand.
 *
 * Functions that can fail return 0 or a value, or a negative errno. Every
 * one may be called from any thread. EINTR never comes out: the table that
 * meets it tries again. Descriptors are those of the table that made them.
 */

typedef struct dpi_os dpi_os;

enum {
	DPI_OPEN_READ = 1,      /* else read and write */
	DPI_OPEN_CREATE = 2,    /* make it if it is not there, 0600 */
	DPI_OPEN_EXCLUSIVE = 4, /* with CREATE: -EEXIST if it is there */
	DPI_OPEN_DIRECTORY = 8  /* with READ: for sync_dir */
};

typedef enum dpi_lock_mode {
	DPI_LOCK_NONE, /* give it back */
	DPI_LOCK_EXCLUSIVE,
	DPI_LOCK_SHARED
} dpi_lock_mode;

/* Returns false to stop the listing. name is borrowed for the call. */
typedef bool (*dpi_os_entry_fn)(void *user, const char *name);

struct dpi_os {
	void *self; /* passed to each function */

	/*
	 * O_CLOEXEC always. O_NOFOLLOW but for a directory, which an operator
	 * may have put elsewhere by a link.
	 */
	int (*open)(void *self, const char *path, unsigned flags);
	int (*close)(void *self, int fd);
	/* May be short; 0 is the end. */
	int64_t (*pread)(
		void *self, int fd, void *buf, size_t size, uint64_t offset);
	/* May be short. */
	int64_t (*pwritev)(void *self, int fd, const struct iovec *iov,
		int count, uint64_t offset);
	int (*fdatasync)(void *self, int fd);
	int (*fsync)(void *self, int fd); /* of a directory, too */
	int (*truncate)(void *self, int fd, uint64_t size);
	int64_t (*size)(void *self, int fd);
	int (*rename)(void *self, const char *from, const char *to);
	int (*unlink)(void *self, const char *path); /* -EISDIR: try rmdir */
	int (*mkdir)(void *self, const char *path); /* 0700; -EEXIST if there */
	int (*rmdir)(void *self, const char *path);
	/* All entries but "." and "..", in any order. */
	int (*list)(
		void *self, const char *path, dpi_os_entry_fn each, void *user);
	/* Seconds-exact modification time, for caches; or -errno. */
	int64_t (*mtime_ns)(void *self, const char *path);

	/*
	 * An open-file-description lock on one byte of a file, so that one
	 * descriptor serves many locks and death gives all of them back.
	 * Never waits: -EAGAIN if another description holds it.
	 */
	int (*lock)(void *self, int fd, uint64_t byte, dpi_lock_mode mode);

	/*
	 * size bytes of a file as memory that all processes share. The file
	 * has been written that long before, so that a full disk cannot turn
	 * a store into SIGBUS. Not for events: for words that wake readers,
	 * and for what may be old after a loss of power.
	 */
	void *(*map)(void *self, int fd, size_t size);
	void (*unmap)(void *self, void *memory, size_t size);
	/* What was mapped is not needed for a while: it may leave this
	 * process's memory, and comes back by itself with what is in it. */
	void (*evict)(void *self, void *memory, size_t size);

	/* Nanoseconds on a clock that never goes back. */
	dp_time_ns (*monotonic)(void *self);
	/* Nanoseconds since 1970. May jump. */
	dp_time_ns (*wall)(void *self);
	/* The same of some milliseconds ago at most, for a fifth of the cost. */
	dp_time_ns (*wall_coarse)(void *self);
	int (*random)(void *self, void *buf, size_t size);

	/*
	 * Sleeps while *word is expected, until a wake or until the monotonic
	 * clock is at deadline_ns (DP_FOREVER: none). Returns 0 when woken,
	 * or for no reason, -ETIMEDOUT at the deadline. Works between
	 * processes for words in mapped memory.
	 */
	int (*wait)(void *self, uint32_t *word, uint32_t expected,
		dp_time_ns deadline_ns);
	void (*wake)(void *self, uint32_t *word, int count);

	/*
	 * An alarm: something that one thread can sleep on and that any other
	 * sets, without waking anybody now. It costs a system call to set
	 * (about 0.3 us) where a wake-up costs 6 us. Setting it to a time in
	 * the past fires at once.
	 */
	int (*alarm_open)(void *self);
	int (*alarm_set)(void *self, int alarm, dp_time_ns at_monotonic_ns);
	int (*alarm_wait)(void *self, int alarm); /* clears it */
	/*
	 * Rings it for the last time, for a thread that has to end: unlike
	 * alarm_set, it has no way to fail.
	 */
	void (*alarm_stop)(void *self, int alarm);
	int (*alarm_close)(void *self, int alarm);

	/*
	 * A watch on a file: something that one thread can sleep on until
	 * anybody closes the file who had it open to write, be it by dying.
	 * It may tell just before his locks are free. All of these are NULL
	 * in a table that has no such thing, and the real one may refuse.
	 */
	int (*watch_open)(void *self, const char *path);
	/* -ECANCELED: it was stopped, or the file is gone. */
	int (*watch_wait)(void *self, int watch);
	int (*watch_stop)(void *self, int watch);
	int (*watch_close)(void *self, int watch);
};

/* The real one. Stateless, so one serves all. */
const dpi_os *dpi_os_real(void);

/* The monotonic time after timeout_ns from now; DP_FOREVER stays that. */
dp_time_ns dpi_os_deadline(const dpi_os *os, dp_time_ns timeout_ns);

/*
 * Sets an alarm that has to ring, or events would stay where they are until
 * somebody flushes: what the system refuses is tried again, many times. Linux
 * has no reason to refuse it.
 */
void dpi_os_ring(const dpi_os *os, int alarm, dp_time_ns at_monotonic_ns);

/* Whole buffers, or an error. */
int dpi_os_write_all(const dpi_os *os, int fd, const void *data, size_t size,
	uint64_t offset);
/* Returns how many bytes were there, at most size, or a negative errno. */
int64_t dpi_os_read_all(
	const dpi_os *os, int fd, void *buf, size_t size, uint64_t offset);

#endif /* DPI_IO_OS_H */
