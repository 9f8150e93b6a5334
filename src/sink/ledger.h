/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_SINK_LEDGER_H
#define DPI_SINK_LEDGER_H

#include "sink/slot.h"

/*
 * What a store knows of one job: the slots of all processes that ever ran it.
 * Each process writes to its own, which it claims; how far the job has come
 * is what all of them say together. A slot whose process died is finished
 * first, so that what it committed is visible before others go on behind it.
 */

typedef struct dpi_ledger {
	dp_store *store;
	char job[101];
	dpi_job_slot slot;
	dpi_claim *claim; /* NULL: not open */
} dpi_ledger;

void dpi_ledger_init(dpi_ledger *ledger, dp_store *store);

/* Claims a slot of job, and recovers it. */
DP_NODISCARD dp_status dpi_ledger_open(
	dpi_ledger *ledger, const char *job, dp_error **err);

/* Gives the slot back. May be opened again. Closed twice is fine. */
void dpi_ledger_close(dpi_ledger *ledger);

/* Adds to ret how far the job has come. */
DP_NODISCARD dp_status dpi_ledger_positions(
	dpi_ledger *ledger, dp_positions *ret, dp_error **err);

#endif /* DPI_SINK_LEDGER_H */
