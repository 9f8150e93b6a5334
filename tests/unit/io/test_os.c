/* SPDX-License-Identifier: Apache-2.0 */
#include "io/os.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "faulty_os.h"
#include "test_dir.h"

static const dpi_os *os;
static char path[300];

static int begin(void **state)
{
	os = dpi_os_real();
	if (test_dir_setup(state) != 0) {
		return -1;
	}
	(void)snprintf(path, sizeof(path), "%s/f", (const char *)*state);
	return 0;
}

static int open_file(void)
{
	int fd = os->open(os->self, path, DPI_OPEN_CREATE);

	assert_true(fd >= 0);
	return fd;
}

static void close_file(int fd)
{
	assert_int_equal(os->close(os->self, fd), 0);
}

static void every_call_reports_its_errno(void **state)
{
	struct iovec iov = {(char[]){"x"}, 1};
	uint8_t byte;

	(void)state;
	assert_int_equal(os->open(os->self, path, 0), -ENOENT);
	assert_int_equal(os->close(os->self, -1), -EBADF);
	assert_int_equal(os->pread(os->self, -1, &byte, 1, 0), -EBADF);
	assert_int_equal(os->pwritev(os->self, -1, &iov, 1, 0), -EBADF);
	assert_int_equal(os->fdatasync(os->self, -1), -EBADF);
	assert_int_equal(os->fsync(os->self, -1), -EBADF);
	assert_int_equal(os->truncate(os->self, -1, 0), -EBADF);
	assert_int_equal(os->size(os->self, -1), -EBADF);
	assert_int_equal(os->rename(os->self, path, "x"), -ENOENT);
	assert_int_equal(os->unlink(os->self, path), -ENOENT);
	assert_int_equal(os->mkdir(os->self, "/proc/none/d"), -ENOENT);
	assert_int_equal(os->rmdir(os->self, path), -ENOENT);
	assert_int_equal(os->list(os->self, path, NULL, NULL), -ENOENT);
	assert_int_equal(os->mtime_ns(os->self, path), -ENOENT);
	assert_int_equal(os->lock(os->self, -1, 0, DPI_LOCK_SHARED), -EBADF);
	assert_null(os->map(os->self, -1, 4096));
	assert_int_equal(os->random(os->self, NULL, 8), -EFAULT);
	assert_int_equal(os->alarm_set(os->self, -1, 1), -EBADF);
	assert_int_equal(os->alarm_wait(os->self, -1), -EBADF);
	assert_int_equal(os->alarm_close(os->self, -1), -EBADF);
	assert_int_equal(os->watch_open(os->self, path), -ENOENT);
	assert_int_equal(os->watch_wait(os->self, -1), -EBADF);
	assert_int_equal(os->watch_stop(os->self, -1), -EBADF);
	assert_int_equal(os->watch_close(os->self, -1), -EBADF);
}

static void descriptors_do_not_leak_into_programs(void **state)
{
	int fd = open_file();
	int alarm = os->alarm_open(os->self);

	(void)state;
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(alarm, F_GETFD), FD_CLOEXEC);
	assert_int_equal(os->alarm_close(os->self, alarm), 0);
	close_file(fd);
}

static void an_exclusive_open_finds_nothing_there(void **state)
{
	int fd = os->open(os->self, path, DPI_OPEN_CREATE | DPI_OPEN_EXCLUSIVE);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(
		os->open(os->self, path, DPI_OPEN_CREATE | DPI_OPEN_EXCLUSIVE),
		-EEXIST);
	close_file(fd);
}

static void a_file_for_reading_cannot_be_written(void **state)
{
	struct iovec iov = {(char[]){"x"}, 1};
	int fd;

	(void)state;
	close_file(open_file());
	fd = os->open(os->self, path, DPI_OPEN_READ);
	assert_int_equal(os->pwritev(os->self, fd, &iov, 1, 0), -EBADF);
	close_file(fd);
}

static void locks_belong_to_descriptors_and_bytes(void **state)
{
	int a = open_file();
	int b = open_file();

	(void)state;
	assert_int_equal(os->lock(os->self, a, 7, DPI_LOCK_EXCLUSIVE), 0);
	assert_int_equal(os->lock(os->self, b, 7, DPI_LOCK_SHARED), -EAGAIN);
	assert_int_equal(os->lock(os->self, b, 8, DPI_LOCK_EXCLUSIVE), 0);
	assert_int_equal(os->lock(os->self, a, 7, DPI_LOCK_SHARED), 0);
	assert_int_equal(os->lock(os->self, b, 7, DPI_LOCK_SHARED), 0);
	assert_int_equal(os->lock(os->self, a, 7, DPI_LOCK_EXCLUSIVE), -EAGAIN);
	close_file(b);
	assert_int_equal(os->lock(os->self, a, 7, DPI_LOCK_EXCLUSIVE), 0);
	assert_int_equal(os->lock(os->self, a, 7, DPI_LOCK_NONE), 0);
	close_file(a);
}

static void a_lock_of_a_dead_process_is_free(void **state)
{
	int fd;
	int status = 0;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		fd = os->open(os->self, path, DPI_OPEN_CREATE);
		if (os->lock(os->self, fd, 1, DPI_LOCK_EXCLUSIVE) != 0) {
			_exit(1);
		}
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	fd = open_file();
	assert_int_equal(os->lock(os->self, fd, 1, DPI_LOCK_EXCLUSIVE), 0);
	close_file(fd);
}

static void clocks_go_on_and_chance_differs(void **state)
{
	dp_time_ns before = os->monotonic(os->self);
	uint8_t a[32], b[32];

	(void)state;
	assert_true(os->monotonic(os->self) >= before);
	assert_true(os->wall(os->self) > INT64_C(1700000000) * DP_SECOND);
	assert_int_equal(os->random(os->self, a, sizeof(a)), 0);
	assert_int_equal(os->random(os->self, b, sizeof(b)), 0);
	assert_memory_not_equal(a, b, sizeof(a));
}

static void a_wait_ends_by_its_word_or_its_deadline(void **state)
{
	uint32_t word = 0;

	(void)state;
	assert_int_equal(os->wait(os->self, &word, 1, DP_FOREVER), 0);
	assert_int_equal(os->wait(os->self, &word, 0, 0), -ETIMEDOUT);
	assert_int_equal(os->wait(os->self, &word, 0, -5), -ETIMEDOUT);
	assert_int_equal(os->wait(os->self, &word, 0,
				 dpi_os_deadline(os, DP_MILLISECOND)),
		-ETIMEDOUT);
}

static void a_wake_reaches_another_process(void **state)
{
	int fd = open_file();
	uint32_t *word, *theirs;
	int status = 0;
	pid_t pid;

	(void)state;
	assert_int_equal(dpi_os_write_all(os, fd, "\0\0\0\0", 4, 0), 0);
	word = os->map(os->self, fd, 4);
	theirs = os->map(os->self, fd, 4);
	assert_true(word != NULL && theirs != NULL && word != theirs);
	pid = fork();
	if (pid == 0) {
		while (__atomic_load_n(theirs, __ATOMIC_SEQ_CST) == 0) {
			(void)os->wait(os->self, theirs, 0, DP_FOREVER);
		}
		_exit(0);
	}
	__atomic_store_n(word, 1, __ATOMIC_SEQ_CST);
	os->wake(os->self, word, INT32_MAX);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	os->unmap(os->self, word, 4);
	os->unmap(os->self, theirs, 4);
	close_file(fd);
}

static bool is_old_kernel;

int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);

/* All that we ask of it have one argument, a pointer. */
int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	if (is_old_kernel) {
		errno = ENOTTY;
		return -1;
	}
	return __real_ioctl(fd, request, arg);
}

static void an_alarm_in_the_past_fires_at_once(void **state)
{
	int alarm = os->alarm_open(os->self);

	(void)state;
	for (int i = 0; i < 2; i++) {
		is_old_kernel = i == 1;
		assert_int_equal(os->alarm_set(os->self, alarm, 0), 0);
		assert_int_equal(os->alarm_wait(os->self, alarm), 0);
		assert_int_equal(os->alarm_set(os->self, alarm, -5), 0);
		assert_int_equal(os->alarm_wait(os->self, alarm), 0);
	}
	is_old_kernel = false;
	assert_int_equal(os->alarm_close(os->self, alarm), 0);
}

static void a_watch_tells_who_closes_what_he_might_write(void **state)
{
	int fd = open_file();
	int reader = os->open(os->self, path, DPI_OPEN_READ);
	int watch = os->watch_open(os->self, path);

	(void)state;
	assert_int_equal(fcntl(watch, F_GETFD), FD_CLOEXEC);
	close_file(reader);
	close_file(fd);
	assert_int_equal(os->watch_wait(os->self, watch), 0);
	assert_int_equal(os->watch_stop(os->self, watch), 0);
	assert_int_equal(os->watch_wait(os->self, watch), -ECANCELED);
	assert_int_equal(os->watch_close(os->self, watch), 0);
}

static void a_watch_ends_with_its_file(void **state)
{
	int fd = open_file();
	int watch = os->watch_open(os->self, path);

	(void)state;
	assert_int_equal(os->unlink(os->self, path), 0);
	close_file(fd);
	assert_int_equal(os->watch_wait(os->self, watch), -ECANCELED);
	assert_int_equal(os->watch_stop(os->self, watch), -EINVAL);
	assert_int_equal(os->watch_close(os->self, watch), 0);
}

static void an_alarm_that_is_stopped_rings_though_it_was_set_to_later(
	void **state)
{
	int alarm = os->alarm_open(os->self);

	(void)state;
	assert_int_equal(os->alarm_set(os->self, alarm, DP_FOREVER), 0);
	os->alarm_stop(os->self, alarm);
	assert_int_equal(os->alarm_wait(os->self, alarm), 0);
	assert_int_equal(os->alarm_close(os->self, alarm), 0);
}

static void an_alarm_does_not_fire_early(void **state)
{
	int alarm = os->alarm_open(os->self);
	dp_time_ns at = dpi_os_deadline(os, 2 * DP_MILLISECOND);

	(void)state;
	assert_int_equal(os->alarm_set(os->self, alarm, at), 0);
	assert_int_equal(os->alarm_wait(os->self, alarm), 0);
	assert_true(os->monotonic(os->self) >= at);
	assert_int_equal(os->alarm_close(os->self, alarm), 0);
}

static volatile sig_atomic_t signals;

static void count_signal(int number)
{
	(void)number;
	signals++;
}

static void a_signal_does_not_end_an_alarm(void **state)
{
	struct sigaction action = {.sa_handler = count_signal};
	struct itimerval soon = {.it_value = {0, 1000}};
	int alarm = os->alarm_open(os->self);
	dp_time_ns at = dpi_os_deadline(os, 20 * DP_MILLISECOND);

	(void)state;
	assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
	assert_int_equal(os->alarm_set(os->self, alarm, at), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
	assert_int_equal(os->alarm_wait(os->self, alarm), 0);
	assert_int_equal(signals, 1);
	assert_true(os->monotonic(os->self) >= at);
	assert_int_equal(os->alarm_close(os->self, alarm), 0);
}

static void deadlines_do_not_wrap(void **state)
{
	(void)state;
	assert_true(dpi_os_deadline(os, DP_FOREVER) == DP_FOREVER);
	assert_true(dpi_os_deadline(os, DP_FOREVER - 1) == DP_FOREVER);
	assert_true(dpi_os_deadline(os, 0) <= os->monotonic(os->self));
}

static bool stop_at_once(void *user, const char *name)
{
	assert_string_equal(name, "f");
	(*(int *)user)++;
	return false;
}

static void a_listing_leaves_out_dots_and_can_be_stopped(void **state)
{
	int names = 0;

	close_file(open_file());
	assert_int_equal(os->list(os->self, *state, stop_at_once, &names), 0);
	assert_int_equal(names, 1);
}

static void whole_buffers_are_written_or_an_error_comes(void **state)
{
	struct faulty_os faulty;
	char text[10];
	int fd = open_file();

	(void)state;
	faulty_os_init(&faulty, os);
	faulty.short_bytes = 3;
	assert_int_equal(
		dpi_os_write_all(&faulty.os, fd, "0123456789", 10, 0), 0);
	assert_int_equal(dpi_os_read_all(&faulty.os, fd, text, 10, 2), 8);
	assert_memory_equal(text, "23456789", 8);
	faulty_os_fail(&faulty, FAULTY_PWRITEV, 1, EIO, false);
	assert_int_equal(
		dpi_os_write_all(&faulty.os, fd, "0123456789", 10, 0), -EIO);
	faulty_os_fail(&faulty, FAULTY_PREAD, 1, EIO, false);
	assert_int_equal(dpi_os_read_all(&faulty.os, fd, text, 10, 0), -EIO);
	assert_int_equal(dpi_os_write_all(os, fd, "", 0, 0), 0);
	close_file(fd);
}

#define ON_DISK(test) \
	cmocka_unit_test_setup_teardown(test, begin, test_dir_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_DISK(every_call_reports_its_errno),
		ON_DISK(descriptors_do_not_leak_into_programs),
		ON_DISK(an_exclusive_open_finds_nothing_there),
		ON_DISK(a_file_for_reading_cannot_be_written),
		ON_DISK(locks_belong_to_descriptors_and_bytes),
		ON_DISK(a_lock_of_a_dead_process_is_free),
		ON_DISK(clocks_go_on_and_chance_differs),
		ON_DISK(a_wait_ends_by_its_word_or_its_deadline),
		ON_DISK(a_wake_reaches_another_process),
		ON_DISK(an_alarm_in_the_past_fires_at_once),
		ON_DISK(a_watch_tells_who_closes_what_he_might_write),
		ON_DISK(a_watch_ends_with_its_file),
		ON_DISK(an_alarm_that_is_stopped_rings_though_it_was_set_to_later),
		ON_DISK(an_alarm_does_not_fire_early),
		ON_DISK(a_signal_does_not_end_an_alarm),
		ON_DISK(deadlines_do_not_wrap),
		ON_DISK(a_listing_leaves_out_dots_and_can_be_stopped),
		ON_DISK(whole_buffers_are_written_or_an_error_comes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
