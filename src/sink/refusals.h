/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_SINK_REFUSALS_H
#define DPI_SINK_REFUSALS_H

#include <stdbool.h>

#include <datapipe/ext/sink.h>

#include "base/arena.h"

/*
 * What one write did not take. The owner keeps one for all its writes:
 * dpi_sink_write() empties it first and sorts it afterwards, so that a job
 * walks it beside the batch. A steady load allocates nothing.
 */

/* One event that was not taken. */
typedef struct dpi_refusal {
	size_t index; /* in the batch */
	dp_refusal refusal;
	dp_status code;
	dp_time_ns retry_after_ns;
	const char *message; /* lives until the next write */
} dpi_refusal;

struct dp_refusals {
	const dp_allocator *alloc;
	dpi_refusal *items; /* after a write: by index, one an index */
	size_t count;
	size_t capacity;
	size_t batch_count; /* events of the batch: an index is below */
	dpi_arena text;
	dp_refusal all; /* of a write that failed as a whole, else 0 */
	dp_time_ns all_retry_after_ns;
};

/* Allocates nothing yet. Borrows alloc until fini. */
void dpi_refusals_init(dp_refusals *refusals, const dp_allocator *alloc);
void dpi_refusals_fini(dp_refusals *refusals);

/* Empty again, for a batch of batch_count events. */
void dpi_refusals_clear(dp_refusals *refusals, size_t batch_count);

/* Sorts by index; of several for one index the first that was added stays. */
void dpi_refusals_sort(dp_refusals *refusals);

/* What a status of write means where the sink did not say. */
dp_refusal dpi_refusal_of_status(dp_status st);

/* As dp_refusals_add(), of what an error says. */
dp_status dpi_refusals_add_error(dp_refusals *refusals, size_t index,
	dp_refusal refusal, const dp_error *error);

#endif /* DPI_SINK_REFUSALS_H */
