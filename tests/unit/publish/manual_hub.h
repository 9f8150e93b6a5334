/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MANUAL_HUB_H
#define MANUAL_HUB_H

#include <pthread.h>

#include "hub/hub.h"

/*
 * A hub with one writer that commits when the test says so, and answers what
 * the test says. It keeps what it was given, so that the test can look.
 */
struct manual_hub {
	dp_hub hub; /* first */
	dpi_writer writer;
	dpi_feed *feed;
	pthread_mutex_t committing;
	dp_status answer;      /* for the chunks of the next commits */
	bool accepts_writers;  /* else hub->writer fails with DP_ELOCKED */
	bool commits_when_due; /* arm() for now commits at once */
	bool tries;            /* try_commit() commits, else it refuses */
	unsigned refusals;     /* of try_commit() */
	unsigned arms;
	dp_time_ns armed_at; /* of the last arm() */
	unsigned commits;
	unsigned writers; /* not yet released */
	uint8_t *bytes;   /* of all records, in order */
	size_t size;
	size_t count;
};

void manual_hub_init(struct manual_hub *hub, dp_runtime *rt);
void manual_hub_fini(struct manual_hub *hub);

/* Collects, keeps the records, and answers each chunk. */
void manual_hub_commit(struct manual_hub *hub);

/* Record number index of those that were committed. */
const uint8_t *manual_hub_record(const struct manual_hub *hub, size_t index);

#endif /* MANUAL_HUB_H */
