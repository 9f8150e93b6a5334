/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_HUB_ENGINE_H
#define DPI_HUB_ENGINE_H

#include <pthread.h>

#include "hub/held.h"
#include "hub/reader.h"

/*
 * The subscription engine: what is the same for all hubs with positions.
 *
 * A pull claims partitions when the backend has news, and takes the first
 * batch it finds, partition after partition; who served goes to the end of the
 * row. It sleeps in the backend when there is none. Acks only mark leases, so
 * they cost no system call but for the cursor, which is written at each
 * hand-over, within ACK_SAVE_INTERVAL of an ack, before a pull sleeps, and
 * durably at close.
 *
 * One lock guards all; a pull gives it up while it sleeps.
 */

typedef struct dpi_engine {
	dp_subscription sub; /* first */
	const dp_allocator *alloc;
	const dpi_os *os;
	dpi_backend *backend;
	dp_subscription_options opts;

	pthread_mutex_t lock; /* guards what follows */
	dpi_held *first;      /* in the order of their turns */
	bool is_interrupted;
	bool is_asleep; /* a pull is in the backend's wait */
	uint64_t delivered;
	uint64_t redelivered;
	uint64_t acked;
} dpi_engine;

static inline dpi_engine *dpi_engine_of(dp_subscription *sub)
{
	return (dpi_engine *)sub;
}

static inline dp_time_ns dpi_engine_now(const dpi_engine *engine)
{
	return engine->os->monotonic(engine->os->self);
}

/* A time after now; DP_FOREVER stays for ever. */
static inline dp_time_ns dpi_time_after(dp_time_ns now, dp_time_ns duration)
{
	return duration < DP_FOREVER - now ? now + duration : DP_FOREVER;
}

static inline dp_time_ns dpi_time_earlier(dp_time_ns a, dp_time_ns b)
{
	return a < b ? a : b;
}

/* As dp_subscription_pull(). */
dp_status dpi_engine_pull(dp_subscription *sub, dp_batch **ret_batch,
	size_t max, dp_time_ns timeout_ns, dp_error **err);

/* Claims what there is to be claimed, and gives back what others want. The
 * lock is held. */
DP_NODISCARD dp_status dpi_engine_claim(dpi_engine *engine, dp_error **err);

#endif /* DPI_HUB_ENGINE_H */
