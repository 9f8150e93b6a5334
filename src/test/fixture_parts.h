/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_TEST_FIXTURE_PARTS_H
#define DPI_TEST_FIXTURE_PARTS_H

#include <pthread.h>
#include <stdbool.h>

#include <datapipe/test/fixture.h>

#include "base/buf.h"
#include "hub/hub.h"
#include "sink/positions.h"
#include "test/eager_clock.h"

/* What a fixture is made of. Fields below `lock` are guarded by it. */

/* An event that arrived at a sink or in a topic. */
typedef struct dpi_arrival {
	struct dpi_arrival *next;
	dp_batch *batch; /* keeps msg */
	const dp_message *msg;
	const char *at; /* name of the sink; NULL: the message's topic */
	bool is_wanted;
} dpi_arrival;

/* Oldest first. */
typedef struct dpi_arrivals {
	dpi_arrival *first;
	dpi_arrival **last;
	size_t count;
} dpi_arrivals;

typedef struct dpi_script_line {
	struct dpi_script_line *next;
	dp_test_step step; /* texts follow the line in memory */
	uint32_t left;
	size_t size; /* of the line and its texts */
} dpi_script_line;

/* A destination: what a sink wrote, and what the next of its name will do. */
typedef struct dpi_test_sink {
	struct dpi_test_sink *next;
	dp_test_fixture *fx;
	char name[104];
	dpi_script_line *script;
	bool is_blocked;
	dpi_arrivals staged;  /* written, not flushed */
	dpi_arrivals durable; /* not yet looked at by dp_test_yields() */
	size_t durable_count;
	dp_positions positions;
} dpi_test_sink;

struct dp_test_fixture {
	const dp_allocator *alloc;
	dpi_eager_clock clock;
	dp_time_ns begin;
	dp_runtime *rt;
	dp_hub *hub;
	dpi_buf message; /* of the last dp_test_yields() */

	pthread_mutex_t lock;
	pthread_cond_t changed; /* with lock: scripts and blocked calls */
	dpi_test_sink *sinks;
};

void dpi_arrivals_init(dpi_arrivals *arrivals);
/* Keeps the batch, which has msg. at outlives it. False: out of memory. */
bool dpi_arrivals_add(dpi_arrivals *arrivals, const dp_allocator *alloc,
	const char *at, dp_batch *batch, const dp_message *msg);
/* Moves all of from behind all of to. */
void dpi_arrivals_move(dpi_arrivals *to, dpi_arrivals *from);
void dpi_arrivals_clear(dpi_arrivals *arrivals, const dp_allocator *alloc);

/* Topics of dead letters by their default names. */
#define DPI_TEST_DEAD_TOPICS "*.dead"

/* Has the hub keep what comes to topics until dp_test_yields() looks. */
DP_NODISCARD dp_status dpi_test_watch(
	dp_test_fixture *fx, const char *topics, dp_error **err);

dpi_test_sink *dpi_test_sink_find(dp_test_fixture *fx, const char *name);
void dpi_test_sinks_free(dp_test_fixture *fx);

#endif /* DPI_TEST_FIXTURE_PARTS_H */
