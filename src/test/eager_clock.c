/* SPDX-License-Identifier: Apache-2.0 */
#include "test/eager_clock.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/thread.h"

/* How often it looks, in real time. */
#define LOOK_INTERVAL DP_MILLISECOND

/* State of a thread as the kernel says it: R runs, S sleeps, D is in I/O. */
static char thread_state(const char *tid)
{
	char path[64], text[256];
	const char *end;
	ssize_t size;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/self/task/%.20s/stat", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return 'S';
	}
	size = read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	if (size <= 0) {
		return 'S';
	}
	text[size] = '\0';
	end = strrchr(text, ')');
	return end != NULL && end[1] == ' ' ? end[2] : 'R';
}

static bool others_sleep(void)
{
	const struct dirent *entry;
	bool all = true;
	char mine[24];
	DIR *dir;

	(void)snprintf(mine, sizeof(mine), "%d", (int)gettid());
	dir = opendir("/proc/self/task");
	if (dir == NULL) {
		return false;
	}
	while (all && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] != '.' &&
			strcmp(entry->d_name, mine) != 0) {
			all = thread_state(entry->d_name) == 'S';
		}
	}
	(void)closedir(dir);
	return all;
}

static uint32_t wakes_of(struct virtual_clock *clock)
{
	uint32_t wakes;

	dpi_lock(&clock->lock);
	wakes = clock->wakes;
	dpi_unlock(&clock->lock);
	return wakes;
}

/*
 * Threads are looked at one after the other, so one that slept may have been
 * woken by one that slept later; a second look that finds no wake-up since the
 * first one rules that out.
 */
static bool nothing_happens(struct virtual_clock *clock)
{
	uint32_t before = wakes_of(clock);

	return others_sleep() && others_sleep() && wakes_of(clock) == before;
}

static void jump(struct virtual_clock *clock)
{
	dp_time_ns next = virtual_clock_next(clock);
	dp_time_ns now = clock->os.monotonic(clock->os.self);

	if (next != DP_FOREVER && next > now) {
		virtual_clock_advance(clock, next - now);
	}
}

/* Sleeps in real time; false: it is to stop. */
static bool rest(dpi_eager_clock *clock)
{
	struct timespec until;
	bool goes_on;

	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += LOOK_INTERVAL;
	if (until.tv_nsec >= DP_SECOND) {
		until.tv_nsec -= DP_SECOND;
		until.tv_sec++;
	}
	dpi_lock(&clock->lock);
	if (!clock->is_stopping) {
		(void)pthread_cond_timedwait(
			&clock->stop, &clock->lock, &until);
	}
	goes_on = !clock->is_stopping;
	dpi_unlock(&clock->lock);
	return goes_on;
}

static void *run(void *arg)
{
	dpi_eager_clock *clock = arg;

	while (rest(clock)) {
		if (nothing_happens(&clock->clock)) {
			jump(&clock->clock);
		}
	}
	return NULL;
}

dp_status dpi_eager_clock_start(dpi_eager_clock *clock, dp_error **err)
{
	dp_status st;

	virtual_clock_init(&clock->clock, dpi_os_real());
	clock->is_stopping = false;
	(void)pthread_mutex_init(&clock->lock, NULL);
	(void)pthread_cond_init(&clock->stop, NULL);
	st = dpi_thread_start(&clock->thread, "dp-test-clock", run, clock, err);
	if (st != DP_OK) {
		(void)pthread_cond_destroy(&clock->stop);
		(void)pthread_mutex_destroy(&clock->lock);
		virtual_clock_fini(&clock->clock);
	}
	return st;
}

void dpi_eager_clock_stop(dpi_eager_clock *clock)
{
	dpi_lock(&clock->lock);
	clock->is_stopping = true;
	(void)pthread_cond_signal(&clock->stop);
	dpi_unlock(&clock->lock);
	dpi_thread_join(clock->thread);
	(void)pthread_cond_destroy(&clock->stop);
	(void)pthread_mutex_destroy(&clock->lock);
	virtual_clock_fini(&clock->clock);
}
