/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_SINK_SLOT_H
#define DPI_SINK_SLOT_H

#include <stdbool.h>

#include "sink/commit.h"
#include "sink/store.h"

/*
 * A slot is what one process keeps of one job: the folder
 * "_commits/<job>/<number>" with its staged files and two commit records,
 * which are written in turn. The valid one with the larger sequence decides:
 *
 * - A process that dies before its record is durable leaves staged files that
 *   nobody ever sees; the next one removes them.
 * - A process that dies later leaves files that the record names; the next
 *   one makes them visible. Only then may another record be written.
 * - A record that is read may be one whose sync failed, and gone tomorrow. So
 *   recovery writes it again before it acts on it.
 */

/* With the NUL. */
#define DPI_SLOT_FOLDER_MAX 128
#define DPI_SLOT_NAME_MAX 192

typedef struct dpi_job_slot {
	dp_store *store;
	const dp_allocator *alloc;
	char folder[DPI_SLOT_FOLDER_MAX];
	const char *job;   /* borrowed */
	uint64_t origin;   /* 0 until it was recovered */
	uint64_t sequence; /* of the newest record */
	dp_positions positions;
} dpi_job_slot;

/* Borrows store and job until fini. */
void dpi_job_slot_init(dpi_job_slot *slot, dp_store *store, const char *job,
	const char *number);
void dpi_job_slot_fini(dpi_job_slot *slot);

/*
 * Reads positions only, of a slot that another process may be writing to.
 * A slot that has no record yet has none.
 */
DP_NODISCARD dp_status dpi_job_slot_peek(dpi_job_slot *slot, dp_error **err);

/*
 * Finishes what the last owner committed and undoes what it did not; makes
 * the slot if it is new. The caller has claimed it.
 *
 * Errors: DP_ECORRUPT  both records are damaged; what the store answers
 */
DP_NODISCARD dp_status dpi_job_slot_recover(dpi_job_slot *slot, dp_error **err);

/*
 * Makes finished files visible and positions durable, together. After a
 * failure only dpi_job_slot_recover() tells whether it happened.
 */
DP_NODISCARD dp_status dpi_job_slot_commit(dpi_job_slot *slot,
	const dpi_commit_file *files, size_t count, const dp_positions *upto,
	dp_error **err);

/* Name of a staged file, in DPI_SLOT_NAME_MAX bytes. */
void dpi_job_slot_staged_name(const dpi_job_slot *slot, uint64_t sequence,
	uint64_t number, char *name);

#endif /* DPI_SINK_SLOT_H */
