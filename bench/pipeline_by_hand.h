/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PIPELINE_BY_HAND_H
#define PIPELINE_BY_HAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec/payment_events.h"

/*
 * The pipeline that one would write for payments alone: one thread, no route,
 * no positions, no recovery. A log with checksums in writes of 1 MiB, each
 * synced; read back, checked, written into a lake and, transcoded by hand,
 * into Avro blocks of 64 KiB (zstd-1); both synced at the end.
 */
typedef struct pipeline_by_hand {
	const char *directory;
	const payment_event *events;
	size_t kinds; /* of events, which come in turn */
	size_t count;
	/*
	 * false: the least. The lake is a run of sizes and payloads, Avro has
	 * the payment's fields and no heads of blocks.
	 * true: the same files as a lake sink and a files sink write, with
	 * ids, times, places, types and sources in them. The log has ids,
	 * types and sources, too.
	 */
	bool has_columns;
	/*
	 * The log is copied into another, synced as the first, with the source
	 * place in each record; and each destination reads that for itself. So
	 * does who carries several topics into one stream, and whose
	 * destinations do not wait for one another.
	 */
	bool has_route;
	bool packs_lake; /* the lake is zstd-1, too */
} pipeline_by_hand;

typedef struct pipeline_sizes {
	uint64_t lake;
	uint64_t avro;
} pipeline_sizes;

/* Carries all events, in a directory that is there; bytes of its files. */
pipeline_sizes pipeline_run_by_hand(const pipeline_by_hand *job);

#endif /* PIPELINE_BY_HAND_H */
