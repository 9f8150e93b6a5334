/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_HUB_HUB_H
#define DPI_HUB_HUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <datapipe/hub.h>

#include "hub/batch.h"
#include "hub/record.h"
#include "io/runtime.h"

/*
 * What a hub is to the layers above: writers that commit what publishers have
 * collected, and subscriptions that hand over batches. The log and the memory
 * hub implement the two tables below; tests/contract/contract_hub.c holds
 * both to the rules.
 *
 * How an event becomes durable without a wake-up for each:
 *
 * A publisher keeps encoded records in chunks. It does not push them: it is a
 * *feed*, attached to a writer, and whoever commits pulls. Who commits? A
 * thread that waits for ever for its events (dp_publisher_flush() without a
 * deadline) does it itself, which saves two wake-ups; so does one that would
 * wake the hub's thread at once, and has the time (try_commit). All others
 * leave it to the hub's own thread, which an alarm wakes one linger period
 * after the first event. While a commit is on its way to the disk, further events pile
 * up, and the next commit takes all of them: group commit.
 */

/* Names of topics, subscriptions and memory hubs; see dpi_name_valid(). */
#define DPI_NAME_MAX 200

/* Encoded records in a row, from dpi_record_encode(). Made by a feed. */
typedef struct dpi_chunk {
	struct dpi_chunk *next;
	uint8_t *data;
	size_t size;  /* bytes in use */
	size_t count; /* records */
	/* None of them has a source place: they need not be looked through. */
	bool is_placeless;
} dpi_chunk;

typedef struct dpi_feed dpi_feed;

struct dpi_feed {
	/*
	 * Hands over all chunks that are ready, oldest first, or NULL. They
	 * stay as they are until done is called for each.
	 */
	dpi_chunk *(*collect)(dpi_feed *feed);
	/*
	 * Chunk after chunk, in order, exactly once for each: it reached the
	 * feed's level, or it never will. cause is borrowed, NULL with DP_OK.
	 * The chunk is the feed's again. Called by the committing thread.
	 * chunk->next: the one that is done right after it, or NULL, so that
	 * who waits for several need not be woken for each.
	 */
	void (*done)(dpi_feed *feed, dpi_chunk *chunk, dp_status status,
		const dp_error *cause);
	dp_ack level;   /* when a chunk is done */
	dpi_feed *next; /* the writer's */
};

/* One process's place in a topic: a partition that nobody else appends to. */
typedef struct dpi_writer {
	const struct dpi_writer_ops *ops;
	dp_hub *hub;
	dpi_partition_name name;
} dpi_writer;

typedef struct dpi_writer_ops {
	/* Thread: any. A feed is attached to one writer until detached. */
	void (*attach)(dpi_writer *writer, dpi_feed *feed);
	/* After it the feed is not called any more. */
	void (*detach)(dpi_writer *writer, dpi_feed *feed);
	/*
	 * Commit no later than at_ns (monotonic). Thread: any; wakes nobody
	 * now unless at_ns has passed. Spurious commits are harmless.
	 */
	void (*arm)(dpi_writer *writer, dp_time_ns at_ns);
	/*
	 * Commits, on the calling thread, what the feeds of this writer have
	 * now (and perhaps more); returns when their done was called. If
	 * another thread is committing, waits for it first. Callers with a
	 * deadline use arm() and wait for done instead.
	 */
	void (*commit)(dpi_writer *writer);
	/*
	 * The same as arm() for now, but the commit may take place on the
	 * calling thread, which then has the records in its cache. For one who
	 * would only wait for done meanwhile. Never waits for room: done may
	 * come after this returns.
	 */
	void (*push)(dpi_writer *writer);
	/*
	 * Commits as commit() does, but only where that takes no longer than waking
	 * another thread: false, and nothing was done, if a thread commits now
	 * or a feed waits for a sync; false, too, if not all found room.
	 * Callers use arm() then.
	 */
	bool (*try_commit)(dpi_writer *writer);
	/*
	 * Frees a reference from dpi_hub_writer(). The partition is given
	 * back when the hub closes.
	 */
	void (*release)(dpi_writer *writer);
} dpi_writer_ops;

/* A subscription of any hub begins with this. */
struct dp_subscription {
	const struct dpi_subscription_ops *ops;
	dp_hub *hub;
};

typedef struct dpi_subscription_ops {
	void (*close)(dp_subscription *sub);
	dp_status (*pull)(dp_subscription *sub, dp_batch **ret_batch,
		size_t max, dp_time_ns timeout_ns, dp_error **err);
	dp_status (*ack)(
		dp_subscription *sub, const dp_message *msg, dp_error **err);
	dp_status (*ack_batch)(
		dp_subscription *sub, const dp_batch *batch, dp_error **err);
	dp_status (*nack)(dp_subscription *sub, const dp_message *msg,
		dp_time_ns delay_ns, dp_error **err);
	dp_status (*extend)(dp_subscription *sub, const dp_message *msg,
		dp_time_ns from_now_ns, dp_error **err);
	void (*interrupt)(dp_subscription *sub);
	dp_status (*stats)(dp_subscription *sub, dp_subscription_stats *ret,
		dp_error **err);

	/* For jobs, which own the order of their partitions: */

	/*
	 * All events of a partition below next are finished, whether they
	 * were handed over or not. durable: written and synced on return.
	 * Places never go back.
	 */
	dp_status (*finish)(dp_subscription *sub,
		const dpi_partition_name *partition, dp_offset next,
		bool durable, dp_error **err);
	/*
	 * Gives everything outstanding back at once, without counting an
	 * attempt: it comes again, in order, from the first not finished.
	 */
	void (*rewind)(dp_subscription *sub);
	/*
	 * Whether an event is not finished, as far as the hub knows now. Finds
	 * one, and counts none; false if it cannot be found out.
	 */
	bool (*has_more)(dp_subscription *sub);
} dpi_subscription_ops;

/* A hub of any kind begins with this. */
struct dp_hub {
	const struct dpi_hub_ops *ops;
	dp_runtime *rt;
	/* Of the events that its offsets count: one that begins anew has
	 * another, so that places in it are not taken for those of the old. */
	uint64_t identity;
};

typedef struct dpi_hub_ops {
	void (*close)(dp_hub *hub);
	dp_status (*stats)(dp_hub *hub, dp_hub_stats *ret, dp_error **err);
	/*
	 * This hub's writer for a topic, the same one each time. Counted.
	 * topic was checked by dpi_name_valid(). Errors as
	 * dp_publisher_new().
	 */
	dp_status (*writer)(dp_hub *hub, const char *topic,
		dpi_writer **ret_writer, dp_error **err);
	/*
	 * The largest source_place.next of key over all partitions of topic,
	 * or 0: where a job that appended with this key has to go on. It is
	 * durable.
	 *
	 * Errors: DP_EAGAIN  another process is about to sync a greater one, or
	 *                    has failed to
	 */
	dp_status (*source_next)(dp_hub *hub, const char *topic, uint64_t key,
		uint64_t *ret_next, dp_error **err);
	/* opts are whole: defaults are filled in. name was checked. */
	dp_status (*subscribe)(dp_hub *hub, const char *name,
		const dp_subscription_options *opts, dp_subscription **ret_sub,
		dp_error **err);
	dp_status (*unsubscribe)(dp_hub *hub, const char *name, dp_error **err);
} dpi_hub_ops;

/* Copies what the user gave, checked and with defaults in place of 0. */
DP_NODISCARD dp_status dpi_subscription_adopt_options(
	dp_subscription_options *opts, const dp_subscription_options *given,
	dp_error **err);

#endif /* DPI_HUB_HUB_H */
