/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_HUB_LOG_WRITER_H
#define DPI_HUB_LOG_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "hub/log/due.h"
#include "hub/log/log_hub.h"
#include "hub/log/tail.h"

/*
 * A hub's writer of one topic: feeds come together here and are committed.
 *
 * One thread at a time has the *turn*: to commit, or to change the list of
 * feeds. Whoever comes to commit while another does waits for that one, and
 * then one of those who waited commits for all of them.
 *
 * A commit goes in rounds: gather chunks of the feeds, append and flush them
 * to the tail, tell the feeds that are content with WRITTEN, sync once if any
 * is not, tell those. What a full disk does is the hub's policy. To block is
 * to keep the round and to try again later, by whoever commits next.
 */

/* Chunks of one round, where there is memory; and where there is none. */
#define DPI_LOG_ROUND 256u
#define DPI_LOG_ROUND_LEAST 4u

typedef struct dpi_log_item {
	dpi_feed *feed;
	dpi_chunk *chunk;
	uint64_t end; /* offset after it, once it is lined up; else 0 */
} dpi_log_item;

struct dpi_log_writer {
	dpi_writer writer; /* first */
	dpi_log_hub *hub;
	dpi_log_partition *partition;
	dpi_log_nap nap; /* rest.h's */
	dpi_due due;     /* the committer's, under its lock */

	pthread_mutex_t lock; /* guards what follows */
	bool is_taken;        /* somebody has the turn */
	uint32_t waiting;     /* who wait for it */
	uint32_t begun;       /* commits */
	uint32_t ended;
	uint32_t turns; /* atomic: a word to wait on */

	/* Whoever has the turn: */
	dpi_feed *feeds;
	uint32_t syncing; /* feeds that wait for a sync; read with the lock */
	dpi_log_tail tail;
	dpi_log_item few_items[DPI_LOG_ROUND_LEAST];
	dpi_log_item *items; /* these few, or allocated */
	size_t capacity;
	size_t count;        /* of items in this round */
	size_t next_item;    /* to append */
	size_t chunk_done;   /* bytes of it that are lined up */
	dpi_feed *rest_feed; /* what the round had no place for */
	dpi_chunk *rest;
	dpi_feed *next_feed;   /* to ask for more; NULL: all were asked */
	dp_time_ns sync_at;    /* 0: nothing waits to be synced */
	dp_time_ns retain_at;  /* a full disk has old segments looked for */
	uint64_t told_written; /* ends that readers were told of */
	uint64_t told_durable;
};

/*
 * Claims a partition of topic and opens its tail. hub->lock is held, and there
 * is a committer. Errors as dpi_hub_ops.writer.
 */
DP_NODISCARD dp_status dpi_log_writer_new(dpi_log_writer **ret,
	dpi_log_hub *hub, const char *topic, dp_error **err);

/* Commits what is left, syncs, gives the partition back. No feed is left, and
 * no other thread. */
void dpi_log_writer_free(dpi_log_writer *w);
/* In a child after fork(): memory alone. */
void dpi_log_writer_abandon(dpi_log_writer *w);

/* One try to commit: false if the disk is full and the policy is to wait. */
bool dpi_log_writer_try(dpi_log_writer *w);

/* Gives back files and memory until the next commit; false: not now. */
bool dpi_log_writer_rest(dpi_log_writer *w);

/* The greatest source place of key in the partition, or 0. */
uint64_t dpi_log_writer_source_next(dpi_log_writer *w, uint64_t key);

/* For dpi_tail_recycle() and dpi_tail_prepare(). */
dpi_log_tail *dpi_log_writer_tail(dpi_log_writer *w);

#endif /* DPI_HUB_LOG_WRITER_H */
