/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_ROUTE_INTAKE_H
#define DPI_ROUTE_INTAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <datapipe/alloc.h>

#include "hub/hub.h"

/* What a job knows of each partition that it reads. One owner: the job. */

/*
 * Dead letters of one partition that lie at or after the place from which the
 * job would begin anew; see route/dead_letter.h.
 */
typedef struct dpi_dead_places {
	size_t used;        /* the first slot that is free, as are all behind */
	dp_offset *offsets; /* that were found when the target was asked */
	size_t count;
	size_t capacity;
	dp_offset end; /* above all of offsets[] */
} dpi_dead_places;

typedef struct dpi_intake {
	struct dpi_intake *next_intake;
	dpi_partition_name name;
	bool is_known;   /* the destination was asked since the last rewind */
	bool is_in_hand; /* something below next is not finished */
	dp_offset next;  /* all below is dealt with */
	dp_offset have;  /* the destination has all below */
	/* An event that the destination may have taken, and its tries. */
	dp_offset doubted;
	uint32_t tries;
	uint64_t key;       /* names job, hub and partition in source places */
	uint64_t route_key; /* that of a router, and its rules */
	uint64_t *target_next; /* by topic of the router: that has all below */
	size_t target_count;
	dpi_dead_places dead;
	char topic[256];
} dpi_intake;

typedef struct dpi_intakes {
	const dp_allocator *alloc;
	const char *job;
	uint64_t hub; /* its identity */
	dpi_intake *first;
	size_t target_count;
} dpi_intakes;

/* Allocates nothing yet. Borrows alloc and job. */
void dpi_intakes_init(dpi_intakes *intakes, const dp_allocator *alloc,
	const char *job, const dp_hub *hub, size_t target_count);
void dpi_intakes_fini(dpi_intakes *intakes);

/* The partition, made if it is new; NULL if out of memory. */
dpi_intake *dpi_intakes_get(
	dpi_intakes *intakes, const dpi_partition_name *name);

/* Everything was given back to the hub: nothing is known any more. */
void dpi_intakes_forget(dpi_intakes *intakes);

/* Whether an event was a dead letter before the job began or rewound. */
bool dpi_dead_places_has(const dpi_dead_places *places, dp_offset offset);

/* A letter was found in this slot; false: out of memory. */
bool dpi_dead_places_add(dpi_dead_places *places, const dp_allocator *alloc,
	size_t slot, dp_offset offset);

void dpi_dead_places_clear(dpi_dead_places *places);

/*
 * The job would now begin at next. Slots start from 0 again, unless letters
 * that were found lie beyond it.
 */
void dpi_dead_places_pass(dpi_dead_places *places, dp_offset next);

/* Another key, made of key and a number; not 0. */
uint64_t dpi_intake_subkey(uint64_t key, uint64_t number);

#endif /* DPI_ROUTE_INTAKE_H */
