/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_HUB_LEASE_H
#define DPI_HUB_LEASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <datapipe/alloc.h>
#include <datapipe/message.h>
#include <datapipe/status.h>
#include <datapipe/time.h>

/*
 * What a subscription has handed over of one partition and what became of it:
 * a row of leases, offsets ascending. The first one is never finished, so its
 * offset is where the subscription stands.
 *
 * Not locked: the engine's lock guards it.
 */

typedef enum dpi_lease_state {
	DPI_LEASE_OUT,     /* handed over; `at` is the ack deadline */
	DPI_LEASE_WAITING, /* to be handed over again, not before `at` */
	DPI_LEASE_FINISHED
} dpi_lease_state;

typedef struct dpi_lease {
	dp_offset offset;
	dp_time_ns at; /* monotonic */
	uint32_t size; /* of the record */
	uint32_t attempt;
	dpi_lease_state state;
} dpi_lease;

typedef struct dpi_leases {
	const dp_allocator *alloc;
	dpi_lease *slots; /* a circle of capacity, a power of two, or NULL */
	size_t capacity;
	size_t head; /* index of the first */
	size_t count;
	size_t out; /* how many are OUT */
	uint64_t out_bytes;
	size_t waiting;         /* how many are WAITING */
	dp_time_ns next_expiry; /* no lease that is OUT expires before it */
	dp_time_ns next_due;    /* no lease that is WAITING is due before it */
} dpi_leases;

/* Allocates nothing yet. Borrows alloc until fini. */
void dpi_leases_init(dpi_leases *leases, const dp_allocator *alloc);
void dpi_leases_fini(dpi_leases *leases);

/* Makes room for extra more, so that the next pushes cannot fail. */
DP_NODISCARD dp_status dpi_leases_reserve(dpi_leases *leases, size_t extra);

/* A lease behind all others, OUT. There is room for it. */
void dpi_leases_push(dpi_leases *leases, dp_offset offset, uint32_t size,
	uint32_t attempt, dp_time_ns deadline);

/* Takes the last n back, which were pushed just now. */
void dpi_leases_unpush(dpi_leases *leases, size_t n);

/* index < count; 0 is the first. */
static inline dpi_lease *dpi_leases_at(dpi_leases *leases, size_t index)
{
	return &leases->slots[(leases->head + index) & (leases->capacity - 1)];
}

/* Index of the first lease at or after offset, or count. */
size_t dpi_leases_find(dpi_leases *leases, dp_offset offset);

/* Any state but FINISHED to any other. Call trim when done with a few. */
void dpi_leases_finish(dpi_leases *leases, dpi_lease *lease);
void dpi_leases_give_back(dpi_leases *leases, dpi_lease *lease, dp_time_ns due);
void dpi_leases_hand_over(
	dpi_leases *leases, dpi_lease *lease, dp_time_ns deadline);
void dpi_leases_extend(
	dpi_leases *leases, dpi_lease *lease, dp_time_ns deadline);

/* Lets go of what is finished at the front. */
void dpi_leases_trim(dpi_leases *leases);

/* Leases whose deadline has passed wait to be handed over again, at once. */
void dpi_leases_expire(dpi_leases *leases, dp_time_ns now);

/*
 * The first run of neighbours that are WAITING and due: at most max of them.
 * Returns its length, 0 if nothing is due.
 */
size_t dpi_leases_due(
	dpi_leases *leases, dp_time_ns now, size_t max, size_t *ret_index);

#endif /* DPI_HUB_LEASE_H */
