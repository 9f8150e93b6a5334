/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_HUB_LOG_REST_H
#define DPI_HUB_LOG_REST_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include <datapipe/time.h>

/*
 * Topics at rest. A writer that has committed nothing for a while gives back
 * its open files and the memory of its rounds, and takes them again with the
 * next commit; its partition stays its own. So a process may publish to more
 * topics than it may open files, and an idle one costs its few structs.
 *
 * The committer sends to rest what was idle for DPI_LOG_REST_NS, and sleeps
 * for good when all are. Who commits sends the idlest to rest when more than
 * DPI_LOG_AWAKE_MAX are awake.
 */

#define DPI_LOG_REST_NS DP_SECOND
#define DPI_LOG_AWAKE_MAX 64u

struct dpi_log_hub;
struct dpi_log_writer;

typedef struct dpi_log_awake {
	pthread_mutex_t lock; /* guards what follows, and nap of writers */
	struct dpi_log_writer *newest;
	struct dpi_log_writer *oldest;
	size_t count;
} dpi_log_awake;

/* A writer's place among those that are awake. */
typedef struct dpi_log_nap {
	struct dpi_log_writer *newer;
	struct dpi_log_writer *older;
	dp_time_ns used_ns;
	bool is_awake;
} dpi_log_nap;

void dpi_log_awake_init(dpi_log_awake *awake);
void dpi_log_awake_fini(dpi_log_awake *awake);

/* w has files open. The caller has neither its turn nor its lock. */
void dpi_log_stay_awake(struct dpi_log_writer *w);
/* w goes; nothing is to be given back any more. */
void dpi_log_awake_forget(struct dpi_log_writer *w);

/* Sends to rest what is idle; when to call it again, or DP_FOREVER. */
dp_time_ns dpi_log_rest_idle(struct dpi_log_hub *hub);

#endif /* DPI_HUB_LOG_REST_H */
