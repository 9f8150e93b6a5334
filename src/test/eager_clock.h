/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_TEST_EAGER_CLOCK_H
#define DPI_TEST_EAGER_CLOCK_H

#include <pthread.h>
#include <stdbool.h>

#include <datapipe/status.h>

#include "support/virtual_clock.h"

/*
 * A clock that jumps to the next time that anybody waits for, as soon as every
 * thread of the process but its own is asleep: nothing could happen before.
 * Threads that hang elsewhere than in the clock are asleep, too.
 */
typedef struct dpi_eager_clock {
	struct virtual_clock clock; /* give &clock.clock.os to a runtime */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t stop;
	bool is_stopping;
} dpi_eager_clock;

DP_NODISCARD dp_status dpi_eager_clock_start(
	dpi_eager_clock *clock, dp_error **err);
void dpi_eager_clock_stop(dpi_eager_clock *clock);

#endif /* DPI_TEST_EAGER_CLOCK_H */
