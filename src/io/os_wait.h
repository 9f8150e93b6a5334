/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_IO_OS_WAIT_H
#define DPI_IO_OS_WAIT_H

#include <stdint.h>

#include <datapipe/time.h>

/* The clocks, waits, alarms and watches of dpi_os_real(), to whose contract they are. */

dp_time_ns dpi_real_monotonic(void *self);
dp_time_ns dpi_real_wall(void *self);
dp_time_ns dpi_real_wall_coarse(void *self);

int dpi_real_wait(
	void *self, uint32_t *word, uint32_t expected, dp_time_ns deadline_ns);
void dpi_real_wake(void *self, uint32_t *word, int count);

int dpi_real_alarm_open(void *self);
int dpi_real_alarm_set(void *self, int alarm, dp_time_ns at_monotonic_ns);
int dpi_real_alarm_wait(void *self, int alarm);
void dpi_real_alarm_stop(void *self, int alarm);
int dpi_real_alarm_close(void *self, int alarm);

int dpi_real_watch_open(void *self, const char *path);
int dpi_real_watch_wait(void *self, int watch);
int dpi_real_watch_stop(void *self, int watch);
int dpi_real_watch_close(void *self, int watch);

#endif /* DPI_IO_OS_WAIT_H */
