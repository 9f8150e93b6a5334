/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_PUBLISH_PUBLISHER_H
#define DPI_PUBLISH_PUBLISHER_H

#include <stdbool.h>

#include <datapipe/publisher.h>

#include "publish/chunks.h"
#include "publish/front.h"

/* Where threads sleep until events complete; guarded as the rest. */
typedef struct dpi_news {
	uint32_t word;  /* atomic: moves when there are news */
	uint32_t waits; /* threads that sleep on it, at least */
} dpi_news;

/*
 * A publisher between its callers and its hub.
 *
 *   publish.c  takes a place, writes the record there
 *   room.c     grants what may come next; waits until there is room for it
 *   feed.c     hands chunks to whoever commits, and takes their fate back
 *   report.c   tells the application, on its loop thread or when it polls
 *   flush.c    waits until all is done, or commits on the caller's thread
 *
 * Nobody is woken for an event. The first one that waits arms the writer's
 * alarm for one linger period later; batch_bytes of them, or a caller without
 * room, arm it for now. A commit collects everything, so after it the next
 * event is the first again. Where no event lingers, that is one wake-up for
 * each, and then one for who reads it: a caller that has the time commits on
 * its own thread instead, if no sync is waited for.
 *
 * Events complete in the order of their places, so one count of completed
 * events says which are done.
 */
struct dp_publisher {
	_Alignas(DPI_CACHE_LINE) dpi_front front;
	dpi_pen pens[DPI_PENS];

	_Alignas(DPI_CACHE_LINE) dp_runtime *rt;
	const dpi_os *os;
	const dp_allocator *alloc;
	void *memory; /* the block that this is in */
	dpi_writer *writer;
	dpi_feed feed;
	char *source; /* a copy */
	size_t source_size;
	dp_publisher_options opts; /* whole; source and topic are not ours */

	/* Guarded by the front's gate, as all that follows but for what says
	 * atomic. Counts are right after dpi_publisher_settle(). */
	_Alignas(DPI_CACHE_LINE) dpi_chunks chunks;
	uint32_t events_granted; /* as of the last settling */
	uint32_t bytes_granted;
	uint64_t waiting_bytes; /* not collected yet */
	bool armed;             /* a commit comes within the linger period */
	bool hurried;           /* it comes now */
	bool leading;           /* a flush is committing on its own thread */
	uint64_t held_events;   /* against limit_events */
	uint64_t held_bytes;    /* against limit_bytes */
	uint64_t accepted;
	uint64_t succeeded;
	uint64_t failed;
	uint64_t refused;
	uint64_t wakeups;    /* atomic */
	dp_error *failure;   /* the first since the last flush, or NULL */
	dp_error *fatal;     /* why no event is accepted any more, or NULL */
	uint64_t collected;  /* events that left for the hub */
	uint32_t rounds;     /* collections that took something */
	dpi_news news[2];    /* for who waits for an even round, an odd one */
	uint32_t timed;      /* threads that wait with a deadline */
	uint32_t room;       /* atomic: moves when room is made */
	uint32_t room_waits; /* threads that sleep on room */
	uint64_t refs;       /* 1, and one for each report not yet taken */

	dpi_task report_task;    /* the runtime's */
	dpi_pub_chunk *finished; /* completed, to be reported; oldest first */
	dpi_pub_chunk *finished_tail;
};

static inline void dpi_publisher_lock(dp_publisher *pub)
{
	dpi_gate_close(&pub->front.gate, pub->os);
}

static inline void dpi_publisher_unlock(dp_publisher *pub)
{
	dpi_gate_open(&pub->front.gate, pub->os);
}

/* An event that waits this long for a thread that was writing another one, and
 * has lost its processor, is looked at again. */
#define DPI_LOOK_AGAIN_NS DP_MILLISECOND

/* Whom the call that brought an event has to tell. */
typedef enum dpi_call_for {
	DPI_CALL_NOBODY,
	DPI_CALL_LATER, /* nothing waited before it: a linger period later */
	DPI_CALL_NOW    /* a full batch waits */
} dpi_call_for;

/*
 * room.c, all with the gate closed.
 *
 * Counts what of the grant was used.
 */
void dpi_publisher_settle(dp_publisher *pub);
/* Takes the grant back: whoever comes next asks again. */
void dpi_publisher_end_grant(dp_publisher *pub);
/* Grants an event of this size, and as many as may come after it. Opens the
 * gate while it waits for room. Errors as dp_publisher_publish(). */
DP_NODISCARD dp_status dpi_publisher_grant(dp_publisher *pub, size_t size,
	dp_time_ns timeout_ns, dpi_call_for *ret_call, dp_error **err);

/* feed.c: the writer's calls. */
dpi_chunk *dpi_publisher_collect(dpi_feed *feed);
void dpi_publisher_done(dpi_feed *feed, dpi_chunk *chunk, dp_status status,
	const dp_error *cause);

/* report.c */

/* Whether the application asked to hear of completions. */
bool dpi_publisher_reports(const dp_publisher *pub);
/* Passes a finished chunk on to the application. Takes no lock of ours. */
void dpi_publisher_report(dp_publisher *pub, dpi_pub_chunk *chunk);
/* Runs callbacks, on the loop thread: report_task. */
void dpi_publisher_run_callbacks(void *arg);
/* A queue of completions was taken to its end. */
void dpi_publisher_release_report(dpi_completions *report);

/* publisher.c: gives a reference back; the last one frees the memory. */
void dpi_publisher_unref(dp_publisher *pub);

/* feed.c: gives the chunk back and makes room; with the gate closed. */
void dpi_publisher_make_room(dp_publisher *pub, dpi_pub_chunk *chunk,
	uint64_t events, uint64_t bytes);

/* publish.c: asks for a commit at_ns. Without the gate. */
void dpi_publisher_arm(dp_publisher *pub, dp_time_ns at_ns);

/* The same, counted: a publish call asks. */
void dpi_publisher_call(dp_publisher *pub, dp_time_ns at_ns);

/* flush.c: waits for all that was accepted; returns how much is not done. */
uint64_t dpi_publisher_wait(dp_publisher *pub, dp_time_ns timeout_ns);

/* flush.c: the deadline of a wait that begins now. */
dp_time_ns dpi_publisher_deadline(
	const dp_publisher *pub, dp_time_ns timeout_ns);

#endif /* DPI_PUBLISH_PUBLISHER_H */
