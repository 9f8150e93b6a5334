/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/os.h"
#include "io/os_wait.h"

/* Events are for who runs the service, and for nobody else on the machine. */
#define FILE_MODE 0600
#define DIRECTORY_MODE 0700

static int result(int rc)
{
	return rc >= 0 ? rc : -errno;
}

static int real_open(void *self, const char *path, unsigned flags)
{
	int how = O_CLOEXEC;
	int fd;

	(void)self;
	how |= (flags & DPI_OPEN_READ) != 0 ? O_RDONLY : O_RDWR;
	how |= (flags & DPI_OPEN_CREATE) != 0 ? O_CREAT : 0;
	how |= (flags & DPI_OPEN_EXCLUSIVE) != 0 ? O_EXCL : 0;
	how |= (flags & DPI_OPEN_DIRECTORY) != 0 ? O_DIRECTORY : O_NOFOLLOW;
	do {
		fd = open(path, how, FILE_MODE);
	} while (fd < 0 && errno == EINTR);
	return result(fd);
}

/* Linux has closed it when it says EINTR. */
static int real_close(void *self, int fd)
{
	(void)self;
	return close(fd) == 0 || errno == EINTR ? 0 : -errno;
}

static int64_t real_pread(
	void *self, int fd, void *buf, size_t size, uint64_t offset)
{
	ssize_t n;

	(void)self;
	do {
		n = pread(fd, buf, size, (off_t)offset);
	} while (n < 0 && errno == EINTR);
	return n >= 0 ? n : -errno;
}

static int64_t real_pwritev(
	void *self, int fd, const struct iovec *iov, int count, uint64_t offset)
{
	ssize_t n;

	(void)self;
	do {
		n = pwritev(fd, iov, count, (off_t)offset);
	} while (n < 0 && errno == EINTR);
	return n >= 0 ? n : -errno;
}

static int real_fdatasync(void *self, int fd)
{
	int rc;

	(void)self;
	do {
		rc = fdatasync(fd);
	} while (rc < 0 && errno == EINTR);
	return result(rc);
}

static int real_fsync(void *self, int fd)
{
	int rc;

	(void)self;
	do {
		rc = fsync(fd);
	} while (rc < 0 && errno == EINTR);
	return result(rc);
}

static int real_truncate(void *self, int fd, uint64_t size)
{
	int rc;

	(void)self;
	do {
		rc = ftruncate(fd, (off_t)size);
	} while (rc < 0 && errno == EINTR);
	return result(rc);
}

static int64_t real_size(void *self, int fd)
{
	struct stat about;

	(void)self;
	return fstat(fd, &about) == 0 ? (int64_t)about.st_size : -errno;
}

static int real_rename(void *self, const char *from, const char *to)
{
	(void)self;
	return result(rename(from, to));
}

static int real_unlink(void *self, const char *path)
{
	(void)self;
	return result(unlink(path));
}

static int real_mkdir(void *self, const char *path)
{
	(void)self;
	return result(mkdir(path, DIRECTORY_MODE));
}

static int real_rmdir(void *self, const char *path)
{
	(void)self;
	return result(rmdir(path));
}

static int list_stream(DIR *stream, dpi_os_entry_fn each, void *user)
{
	for (;;) {
		struct dirent *entry;

		errno = 0;
		entry = readdir(stream);
		if (entry == NULL) {
			return -errno;
		}
		if (strcmp(entry->d_name, ".") == 0 ||
			strcmp(entry->d_name, "..") == 0) {
			continue;
		}
		if (!each(user, entry->d_name)) {
			return 0;
		}
	}
}

static int real_list(
	void *self, const char *path, dpi_os_entry_fn each, void *user)
{
	DIR *stream = opendir(path);
	int rc;

	(void)self;
	if (stream == NULL) {
		return -errno;
	}
	rc = list_stream(stream, each, user);
	(void)closedir(stream);
	return rc;
}

static int64_t real_mtime_ns(void *self, const char *path)
{
	struct stat about;

	(void)self;
	if (lstat(path, &about) != 0) {
		return -errno;
	}
	return about.st_mtim.tv_sec * DP_SECOND + about.st_mtim.tv_nsec;
}

static int real_lock(void *self, int fd, uint64_t byte, dpi_lock_mode mode)
{
	static const short types[] = {
		[DPI_LOCK_NONE] = F_UNLCK,
		[DPI_LOCK_EXCLUSIVE] = F_WRLCK,
		[DPI_LOCK_SHARED] = F_RDLCK,
	};
	struct flock range = {.l_type = types[mode],
		.l_whence = SEEK_SET,
		.l_start = (off_t)byte,
		.l_len = 1};
	int rc = result(fcntl(fd, F_OFD_SETLK, &range));

	(void)self;
	return rc == -EACCES ? -EAGAIN : rc;
}

static void *real_map(void *self, int fd, size_t size)
{
	void *memory =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	(void)self;
	return memory != MAP_FAILED ? memory : NULL;
}

static void real_unmap(void *self, void *memory, size_t size)
{
	(void)self;
	(void)munmap(memory, size);
}

static void real_evict(void *self, void *memory, size_t size)
{
	(void)self;
	(void)madvise(memory, size, MADV_DONTNEED);
}

static int real_random(void *self, void *buf, size_t size)
{
	char *to = buf;

	(void)self;
	while (size > 0) {
		ssize_t n = getrandom(to, size, 0);

		if (n >= 0) {
			to += n;
			size -= (size_t)n;
		} else if (errno != EINTR) {
			return -errno;
		}
	}
	return 0;
}

const dpi_os *dpi_os_real(void)
{
	static const dpi_os os = {
		.open = real_open,
		.close = real_close,
		.pread = real_pread,
		.pwritev = real_pwritev,
		.fdatasync = real_fdatasync,
		.fsync = real_fsync,
		.truncate = real_truncate,
		.size = real_size,
		.rename = real_rename,
		.unlink = real_unlink,
		.mkdir = real_mkdir,
		.rmdir = real_rmdir,
		.list = real_list,
		.mtime_ns = real_mtime_ns,
		.lock = real_lock,
		.map = real_map,
		.unmap = real_unmap,
		.evict = real_evict,
		.monotonic = dpi_real_monotonic,
		.wall = dpi_real_wall,
		.wall_coarse = dpi_real_wall_coarse,
		.random = real_random,
		.wait = dpi_real_wait,
		.wake = dpi_real_wake,
		.alarm_open = dpi_real_alarm_open,
		.alarm_set = dpi_real_alarm_set,
		.alarm_wait = dpi_real_alarm_wait,
		.alarm_stop = dpi_real_alarm_stop,
		.alarm_close = dpi_real_alarm_close,
		.watch_open = dpi_real_watch_open,
		.watch_wait = dpi_real_watch_wait,
		.watch_stop = dpi_real_watch_stop,
		.watch_close = dpi_real_watch_close,
	};

	return &os;
}
