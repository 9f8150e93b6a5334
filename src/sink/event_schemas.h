/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_SINK_EVENT_SCHEMAS_H
#define DPI_SINK_EVENT_SCHEMAS_H

#include <datapipe/message.h>
#include <datapipe/registry.h>

#include "base/bytes.h"

/*
 * Which schema an event is of, for sinks that do not parse: the one that its
 * `dataschema` names ("dp:" and a fingerprint), else the newest of its type.
 * What may change is asked for again with each batch. Not locked: one owner.
 */

#define DPI_EVENT_SCHEMAS_SLOTS 256u

/* The fingerprint in an event's `dataschema`; empty if it has none of ours. */
dp_bytes dpi_event_fingerprint(const dp_message *msg);

typedef struct dpi_event_schemas {
	dp_registry *reg; /* NULL: no event has a schema */
	uint64_t batch;
	struct {
		uint64_t hash;
		uint64_t batch;    /* in which it was looked up */
		dp_schema *schema; /* a reference, or NULL: it has none */
	} slots[DPI_EVENT_SCHEMAS_SLOTS];
} dpi_event_schemas;

/* Borrows reg until fini. */
void dpi_event_schemas_init(dpi_event_schemas *schemas, dp_registry *reg);
void dpi_event_schemas_fini(dpi_event_schemas *schemas);

/* A batch comes. */
void dpi_event_schemas_begin(dpi_event_schemas *schemas);

/*
 * Borrowed until the next call; NULL where nobody knows one, or where what the
 * registry has of it is damaged. Errors: DP_ENOMEM, DP_EIO, ...: of now.
 */
DP_NODISCARD dp_status dpi_event_schemas_get(dpi_event_schemas *schemas,
	const dp_message *msg, dp_schema **ret, dp_error **err);

#endif /* DPI_SINK_EVENT_SCHEMAS_H */
