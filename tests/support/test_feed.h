/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_FEED_H
#define TEST_FEED_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/hub.h"

/*
 * A feed for tests: takes the place of a publisher. Events that are added wait
 * until a writer collects them; what became of each chunk is counted. Any
 * thread.
 */
struct test_feed {
	dpi_feed feed; /* attach &f.feed */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	dpi_chunk *first; /* waiting to be collected */
	dpi_chunk **last;
	size_t added;    /* records */
	size_t ok;       /* records whose chunk was done with DP_OK */
	size_t failed;   /* records whose chunk was done otherwise */
	dp_status worst; /* of the first chunk that failed */
	const dpi_chunk *announced; /* is done next; NULL: none need be */
	uint64_t writer;            /* in the ids of the events */
	int64_t unix_ms;
};

void test_feed_init(struct test_feed *f, dp_ack level);

/* Frees what was never collected. Detach it first. */
void test_feed_fini(struct test_feed *f);

/* Adds an event, as a chunk of its own. place.key 0: none. */
void test_feed_add(
	struct test_feed *f, const dp_event *ev, dpi_source_place place);

/* Adds an event for each place, in one chunk. */
void test_feed_add_places(
	struct test_feed *f, const dpi_source_place *places, size_t count);

/* Adds count events in one chunk, with payloads prefix0, prefix1, ... */
void test_feed_add_many(struct test_feed *f, const char *prefix, size_t count);

/* Adds one event with this payload. */
void test_feed_add_text(struct test_feed *f, const char *payload);

/* Waits until every record that was added is done. */
void test_feed_wait(struct test_feed *f);

/* Attaches, adds count events, commits, waits and detaches; all must be OK. */
void test_feed_append(dpi_writer *writer, const char *prefix, size_t count);

#endif /* TEST_FEED_H */
