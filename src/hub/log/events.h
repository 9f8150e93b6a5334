/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_HUB_LOG_EVENTS_H
#define DPI_HUB_LOG_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/log/log_hub.h"
#include "hub/log/medium.h"
#include "hub/reader.h"

/*
 * Finds the events of a partition, segment after segment, in memory that is
 * read ahead: who asks for one event at a time does not read the file each
 * time. Any process may have written them.
 *
 * Damage is skipped up to the next record that is whole, counted once and told
 * of; so is what the disk cannot read for some time, see medium.h. Where
 * retention was here first, it goes on at the oldest event; that is told of,
 * too, if the subscription had not come so far.
 *
 * One thread at a time.
 */

typedef struct dpi_log_events {
	dpi_log_hub *hub;
	dpi_log_partition *partition;
	dpi_segment_owner owner;

	dpi_segment segment;  /* the one that is being read; fd -1: none */
	dpi_medium medium;    /* of its file */
	uint64_t next_base;   /* of the one after; DPI_EVENTS_OPEN: none yet */
	uint64_t records_end; /* where its records end; the same */
	uint64_t epoch;       /* the greatest that was read */

	uint8_t *data; /* capacity bytes; size of them from data_at on */
	size_t capacity;
	size_t size;
	uint64_t data_at;

	uint32_t *places; /* of the events that were found, in data */
	size_t place_count;
	size_t place_capacity;
	size_t bytes; /* of those events */

	uint64_t damage_from; /* not told yet, to damage_to */
	uint64_t damage_to;   /* damage below it was met */

	/* What is missing before the oldest segment was not retention's, as the
	 * subscription has been here before. */
	bool has_place;
	const char *subscription;
	dpi_skipped *skipped;
} dpi_log_events;

#define DPI_EVENTS_OPEN UINT64_MAX

/*
 * Allocates and opens nothing yet. epoch: of the cursor, if has_place.
 * Borrows subscription, for messages, and skipped.
 */
void dpi_events_init(dpi_log_events *events, dpi_log_hub *hub,
	dpi_log_partition *partition, const char *subscription,
	dpi_skipped *skipped);
void dpi_events_set_place(dpi_log_events *events, uint64_t epoch);
void dpi_events_fini(dpi_log_events *events);

/*
 * Finds the first events in [from, end): at least one, at most max_events, and
 * of more than max_bytes only one. It may be fewer than there are. places are
 * good until the next call. *ret_next is the offset after what was looked at.
 *
 * end is the durable or the written end of the partition; it was loaded before
 * this call.
 *
 * Errors: DP_EAGAIN  none; *ret_next is set, no error is
 *         DP_EIO, DP_EDENIED, DP_ENOMEM
 */
DP_NODISCARD dp_status dpi_events_find(dpi_log_events *events, uint64_t from,
	uint64_t end, size_t max_events, size_t max_bytes, uint64_t *ret_next,
	dp_error **err);

/* What was found, 0 to place_count - 1. */
const uint8_t *dpi_events_record(const dpi_log_events *events, size_t number);
uint64_t dpi_events_offset(const dpi_log_events *events, size_t number);
/* Append time, or 0 if it was lost with the segment's header. */
dp_time_ns dpi_events_time(const dpi_log_events *events, size_t number);

#endif /* DPI_HUB_LOG_EVENTS_H */
