/* SPDX-License-Identifier: Apache-2.0 */
#include "io/os_wait.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

/* From linux/timerfd.h, which not all that build us have. */
#ifndef TFD_IOC_SET_TICKS
#define TFD_IOC_SET_TICKS _IOW('T', 0, uint64_t)
#endif

static dp_time_ns read_clock(clockid_t clock)
{
	struct timespec now;

	(void)clock_gettime(clock, &now);
	return (dp_time_ns)now.tv_sec * DP_SECOND + now.tv_nsec;
}

/* Times before the clock began are as good as its first nanosecond. */
static struct timespec to_timespec(dp_time_ns at)
{
	struct timespec ts;

	if (at < 1) {
		at = 1;
	}
	ts.tv_sec = (time_t)(at / DP_SECOND);
	ts.tv_nsec = (long)(at % DP_SECOND);
	return ts;
}

dp_time_ns dpi_real_monotonic(void *self)
{
	(void)self;
	return read_clock(CLOCK_MONOTONIC);
}

dp_time_ns dpi_real_wall(void *self)
{
	(void)self;
	return read_clock(CLOCK_REALTIME);
}

dp_time_ns dpi_real_wall_coarse(void *self)
{
	(void)self;
	return read_clock(CLOCK_REALTIME_COARSE);
}

/* Not FUTEX_PRIVATE: the word may be shared with other processes. */
int dpi_real_wait(
	void *self, uint32_t *word, uint32_t expected, dp_time_ns deadline_ns)
{
	struct timespec ts = to_timespec(deadline_ns);
	long rc = syscall(SYS_futex, word, FUTEX_WAIT_BITSET, expected,
		deadline_ns != DP_FOREVER ? &ts : NULL, NULL,
		FUTEX_BITSET_MATCH_ANY);

	(void)self;
	return rc < 0 && errno == ETIMEDOUT ? -ETIMEDOUT : 0;
}

void dpi_real_wake(void *self, uint32_t *word, int count)
{
	(void)self;
	(void)syscall(SYS_futex, word, FUTEX_WAKE, count, NULL, NULL, 0);
}

int dpi_real_alarm_open(void *self)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);

	(void)self;
	return fd >= 0 ? fd : -errno;
}

/*
 * As if the timer had fired: half of what a timer costs that is set to the
 * past, which takes an interrupt. Not all kernels know how.
 */
static bool fire(int alarm)
{
	uint64_t ticks = 1;

	return ioctl(alarm, TFD_IOC_SET_TICKS, &ticks) == 0;
}

int dpi_real_alarm_set(void *self, int alarm, dp_time_ns at_monotonic_ns)
{
	struct itimerspec at = {.it_value = to_timespec(at_monotonic_ns)};

	(void)self;
	if (at_monotonic_ns <= read_clock(CLOCK_MONOTONIC) && fire(alarm)) {
		return 0;
	}
	return timerfd_settime(alarm, TFD_TIMER_ABSTIME, &at, NULL) == 0
		? 0
		: -errno;
}

int dpi_real_alarm_wait(void *self, int alarm)
{
	uint64_t fired;
	ssize_t n;

	(void)self;
	do {
		n = read(alarm, &fired, sizeof(fired));
	} while (n < 0 && errno == EINTR);
	return n >= 0 ? 0 : -errno;
}

/* Either of two calls would do. */
void dpi_real_alarm_stop(void *self, int alarm)
{
	(void)dpi_real_alarm_set(self, alarm, 0);
}

int dpi_real_alarm_close(void *self, int alarm)
{
	(void)self;
	return close(alarm) == 0 || errno == EINTR ? 0 : -errno;
}
