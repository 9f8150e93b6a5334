/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_SINK_EVOLUTION_H
#define DPI_SINK_EVOLUTION_H

#include <datapipe/evolution.h>

#include "base/arena.h"
#include "base/buf.h"

/* A plan that is being made, by who knows the kind of destination. */

struct dp_evolution {
	const dp_allocator *alloc;
	dpi_arena arena; /* has what the steps point to */
	dpi_buf steps;   /* of dp_evolution_step */
	dpi_buf result;  /* text */
};

/* What to compare; before is NULL where there is no destination yet. */
typedef struct dpi_evolution_sides {
	dp_schema *before;
	dp_schema *after;
	dp_destination_kind kind;
	const char *table;
} dpi_evolution_sides;

/* Adds a copy of a step, texts and all; NULL is taken for "". */
DP_NODISCARD dp_status dpi_evolution_add(
	dp_evolution *evolution, const dp_evolution_step *step, dp_error **err);

DP_NODISCARD dp_status dpi_evolution_no_memory(dp_error **err);

/* A table of SQLite. */
DP_NODISCARD dp_status dpi_evolution_plan_sqlite(dp_evolution *evolution,
	const dpi_evolution_sides *sides, dp_error **err);

/* Files, and a table of BigQuery. */
DP_NODISCARD dp_status dpi_evolution_plan_nested(dp_evolution *evolution,
	const dpi_evolution_sides *sides, dp_error **err);

#endif /* DPI_SINK_EVOLUTION_H */
