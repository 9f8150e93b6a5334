/* SPDX-License-Identifier: Apache-2.0 */
#include "faulty_os.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "test_dir.h"

static struct faulty_os faulty;
static const dpi_os *os = &faulty.os;
static char path[300];

static int begin(void **state)
{
	faulty_os_init(&faulty, dpi_os_real());
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

static void the_picked_call_fails_once(void **state)
{
	int fd = open_file();

	(void)state;
	faulty_os_fail(&faulty, FAULTY_FSYNC, 1, EIO, false);
	assert_int_equal(os->fsync(os->self, fd), 0);
	assert_int_equal(os->fdatasync(os->self, fd), 0);
	assert_int_equal(os->fsync(os->self, fd), -EIO);
	assert_int_equal(os->fsync(os->self, fd), 0);
	assert_int_equal(faulty_os_count(&faulty, FAULTY_FSYNC), 3);
	assert_int_equal(faulty_os_failed(&faulty), 1);
	assert_int_equal(os->close(os->self, fd), 0);
}

static void or_for_ever_until_it_is_healed(void **state)
{
	int fd = open_file();

	(void)state;
	faulty_os_fail(&faulty, FAULTY_ANY, 0, EROFS, true);
	assert_int_equal(os->fsync(os->self, fd), -EROFS);
	assert_int_equal(os->size(os->self, fd), -EROFS);
	assert_null(os->map(os->self, fd, 4096));
	faulty_os_heal(&faulty);
	assert_int_equal(os->size(os->self, fd), 0);
	assert_int_equal(os->close(os->self, fd), 0);
	assert_int_equal(faulty_os_count(&faulty, FAULTY_ANY), 6);
}

static void every_kind_that_can_fail_does(void **state)
{
	uint8_t byte;
	struct iovec iov = {&byte, 1};
	int fd = open_file();

	(void)state;
	faulty_os_fail(&faulty, FAULTY_ANY, 0, ENXIO, true);
	assert_int_equal(os->open(os->self, path, 0), -ENXIO);
	assert_int_equal(os->pread(os->self, fd, &byte, 1, 0), -ENXIO);
	assert_int_equal(os->pwritev(os->self, fd, &iov, 1, 0), -ENXIO);
	assert_int_equal(os->fdatasync(os->self, fd), -ENXIO);
	assert_int_equal(os->truncate(os->self, fd, 1), -ENXIO);
	assert_int_equal(os->rename(os->self, path, path), -ENXIO);
	assert_int_equal(os->unlink(os->self, path), -ENXIO);
	assert_int_equal(os->mkdir(os->self, path), -ENXIO);
	assert_int_equal(os->rmdir(os->self, path), -ENXIO);
	assert_int_equal(os->list(os->self, path, NULL, NULL), -ENXIO);
	assert_int_equal(os->mtime_ns(os->self, path), -ENXIO);
	assert_int_equal(os->lock(os->self, fd, 0, DPI_LOCK_EXCLUSIVE), -ENXIO);
	assert_int_equal(os->random(os->self, &byte, 1), -ENXIO);
	assert_int_equal(os->alarm_open(os->self), -ENXIO);
	assert_int_equal(os->alarm_set(os->self, 0, 1), -ENXIO);
	assert_int_equal(os->alarm_wait(os->self, 0), -ENXIO);
	assert_int_equal(os->watch_open(os->self, path), -ENXIO);
	assert_int_equal(os->watch_wait(os->self, 0), -ENXIO);
	assert_int_equal(os->close(os->self, fd), -ENXIO);
}

static void what_is_not_failed_reaches_the_inner_table(void **state)
{
	uint32_t word = 1;
	uint8_t byte = 7;
	int fd = open_file();
	int alarm = os->alarm_open(os->self);
	void *memory;

	(void)state;
	assert_int_equal(dpi_os_write_all(os, fd, "abc", 3, 0), 0);
	assert_int_equal(os->truncate(os->self, fd, 2), 0);
	assert_int_equal(os->size(os->self, fd), 2);
	assert_int_equal(dpi_os_read_all(os, fd, &byte, 1, 1), 1);
	assert_int_equal(byte, 'b');
	assert_int_equal(os->lock(os->self, fd, 0, DPI_LOCK_SHARED), 0);
	memory = os->map(os->self, fd, 2);
	assert_memory_equal(memory, "ab", 2);
	os->unmap(os->self, memory, 2);
	assert_int_equal(os->random(os->self, &byte, 1), 0);
	assert_true(os->mtime_ns(os->self, path) > 0);
	assert_true(os->monotonic(os->self) > 0);
	assert_true(os->wall(os->self) > 0);
	assert_int_equal(os->wait(os->self, &word, 0, DP_FOREVER), 0);
	os->wake(os->self, &word, 1);
	assert_int_equal(os->alarm_set(os->self, alarm, 1), 0);
	assert_int_equal(os->alarm_wait(os->self, alarm), 0);
	assert_int_equal(os->alarm_close(os->self, alarm), 0);
	assert_int_equal(os->close(os->self, fd), 0);
	assert_int_equal(os->unlink(os->self, path), 0);
	assert_int_equal(os->mkdir(os->self, path), 0);
	assert_int_equal(os->rename(os->self, path, path), 0);
	assert_int_equal(os->list(os->self, path, NULL, NULL), 0);
	assert_int_equal(os->rmdir(os->self, path), 0);
}

static void reads_and_writes_may_be_short(void **state)
{
	struct iovec iov[2] = {{(char[]){"ab"}, 2}, {(char[]){"cd"}, 2}};
	char text[5] = {0};
	int fd = open_file();

	(void)state;
	faulty.short_bytes = 3;
	assert_int_equal(os->pwritev(os->self, fd, iov, 2, 0), 3);
	assert_int_equal(os->pread(os->self, fd, text, 4, 0), 3);
	assert_string_equal(text, "abc");
	assert_int_equal(dpi_os_write_all(os, fd, "12345678", 8, 0), 0);
	assert_int_equal(faulty_os_count(&faulty, FAULTY_PWRITEV), 4);
	assert_int_equal(dpi_os_read_all(os, fd, text, 4, 4), 4);
	assert_string_equal(text, "5678");
	assert_int_equal(os->close(os->self, fd), 0);
}

static void a_full_disk_takes_what_fits_and_overwrites_still(void **state)
{
	struct iovec iov = {(char[]){"abcdef"}, 6};
	int fd = open_file();

	(void)state;
	faulty_os_set_room(&faulty, 4);
	assert_int_equal(os->pwritev(os->self, fd, &iov, 1, 0), 4);
	assert_int_equal(os->pwritev(os->self, fd, &iov, 1, 4), -ENOSPC);
	iov.iov_len = 4;
	assert_int_equal(os->pwritev(os->self, fd, &iov, 1, 0), 4);
	iov.iov_len = 6;
	assert_int_equal(os->pwritev(os->self, fd, &iov, 1, 2), 2);
	faulty_os_set_room(&faulty, 100);
	assert_int_equal(os->pwritev(os->self, fd, &iov, 1, 2), 6);
	assert_int_equal(os->close(os->self, fd), 0);
}

static void remember(void *user, faulty_call kind, long number)
{
	long *seen = user;

	if (kind == FAULTY_FSYNC) {
		*seen = number;
	}
}

static void the_hook_comes_before_each_call(void **state)
{
	int fd = open_file();
	long seen = -1;

	(void)state;
	faulty.hook = remember;
	faulty.hook_user = &seen;
	assert_int_equal(os->fsync(os->self, fd), 0);
	assert_int_equal(seen, 0);
	assert_int_equal(os->fsync(os->self, fd), 0);
	assert_int_equal(seen, 1);
	assert_int_equal(os->close(os->self, fd), 0);
}

#define ON_DISK(test) \
	cmocka_unit_test_setup_teardown(test, begin, test_dir_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_DISK(the_picked_call_fails_once),
		ON_DISK(or_for_ever_until_it_is_healed),
		ON_DISK(every_kind_that_can_fail_does),
		ON_DISK(what_is_not_failed_reaches_the_inner_table),
		ON_DISK(reads_and_writes_may_be_short),
		ON_DISK(a_full_disk_takes_what_fits_and_overwrites_still),
		ON_DISK(the_hook_comes_before_each_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
