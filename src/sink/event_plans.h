/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_SINK_EVENT_PLANS_H
#define DPI_SINK_EVENT_PLANS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <datapipe/message.h>

#include "codec/plan.h"

/*
 * Which plan an event is parsed by, for sinks that parse. The schema is the
 * one that the event's `dataschema` names ("dp:" and a fingerprint), else the
 * newest of its type; the newest is looked up once for each batch, so that a
 * version that another process added is used soon.
 *
 * Plans that were not used for long go, since a hub may carry any number of
 * types. Not locked: one owner.
 */

#define DPI_EVENT_PLANS_MAX 128

typedef struct dpi_event_plan {
	dpi_plan *plan;
	dp_schema *schema;
	uint64_t id; /* never the same for two plans of one owner */
	uint64_t used;
} dpi_event_plan;

/* What events say, and the plan that it led to. */
typedef struct dpi_event_claim {
	uint64_t hash;
	char *text; /* type, NUL, fingerprint or nothing, NUL */
	size_t type_size;
	size_t fingerprint_size; /* 0: the newest */
	uint64_t plan_id;
	uint64_t batch; /* in which it was looked up */
	uint64_t used;
} dpi_event_claim;

typedef struct dpi_event_plans {
	const dp_allocator *alloc;
	dp_registry *reg;
	dpi_target target;
	dpi_event_plan plans[DPI_EVENT_PLANS_MAX];
	size_t plan_count;
	dpi_event_claim claims[DPI_EVENT_PLANS_MAX];
	size_t claim_count;
	size_t last; /* claim of the event before */
	uint64_t batch;
	uint64_t next_id;
	uint64_t clock; /* ticks with each look-up that is no repeat */
} dpi_event_plans;

/* Borrows reg and alloc until fini. */
void dpi_event_plans_init(dpi_event_plans *plans, const dp_allocator *alloc,
	dp_registry *reg, dpi_target target);
void dpi_event_plans_fini(dpi_event_plans *plans);

/* A batch comes: the newest versions are looked up again. */
void dpi_event_plans_begin(dpi_event_plans *plans);

/*
 * The plan of an event; borrowed until the next call.
 *
 * Errors: DP_ESCHEMA   the event has no type, or is not protobuf
 *         DP_ENOTFOUND no such schema is registered
 *         DP_ETOOBIG   the schema is too big for a plan
 *         DP_ENOMEM, DP_EIO, DP_ECORRUPT, DP_EFORKED: not the event's fault
 */
DP_NODISCARD dp_status dpi_event_plans_get(dpi_event_plans *plans,
	const dp_message *msg, const dpi_event_plan **ret, dp_error **err);

/* Whether an error of it is the event's own, which no retry will mend. */
bool dpi_event_plans_refuses(dp_status st);

#endif /* DPI_SINK_EVENT_PLANS_H */
