/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_HUB_MEMORY_HUB_H
#define DPI_HUB_MEMORY_HUB_H

#include "hub/memory_store.h"

/* One opening of a memory hub, and its writers. */

typedef struct dpi_memory_writer {
	dpi_writer writer; /* first */
	struct dpi_memory_writer *next;
	dpi_memory_hub *hub;
	dpi_memory_partition *partition;

	pthread_mutex_t lock; /* held while committing; guards what follows */
	dpi_feed *feeds;
	/* With DP_FULL_BLOCK: chunks that wait for room, and their feed. */
	dpi_chunk *blocked;
	dpi_feed *blocked_feed;
} dpi_memory_writer;

struct dpi_memory_hub {
	dp_hub hub; /* first */
	const dp_allocator *alloc;
	const dpi_os *os;
	dp_hub_options opts;
	dpi_memory_store *store;
	dpi_memory_hub *next; /* the store's */

	int alarm;            /* good if has_thread */
	pthread_t thread;     /* commits when the alarm rings */
	bool has_thread;      /* under both locks; read under either */
	pthread_mutex_t lock; /* guards what follows */
	bool is_closing;
	dp_time_ns armed_at; /* DP_FOREVER: not armed */
	dpi_memory_writer *writers;
	uint64_t appended_events;
	uint64_t appended_bytes;
};

/*
 * This hub's writer for a topic. Starts the committing thread with the first.
 * Errors: DP_ENOMEM, DP_EIO.
 */
DP_NODISCARD dp_status dpi_memory_writer_get(dpi_memory_hub *hub,
	const char *topic, dpi_writer **ret, dp_error **err);

/* Ends the thread and frees the writers. All feeds are detached. */
void dpi_memory_writers_close(dpi_memory_hub *hub, bool is_child);

/* A subscription of a memory hub. Errors: as dp_subscription_open(). */
DP_NODISCARD dp_status dpi_memory_subscribe(dpi_memory_hub *hub,
	const char *name, const dp_subscription_options *opts,
	dp_subscription **ret_sub, dp_error **err);

#endif /* DPI_HUB_MEMORY_HUB_H */
