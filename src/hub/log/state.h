/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_HUB_LOG_STATE_H
#define DPI_HUB_LOG_STATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "hub/log/segment.h"

/*
 * A page per partition that all processes map: how far the owner is, for
 * readers. Native byte order: it never outlives the machine's memory in
 * meaning. After a loss of power it may be old, never ahead of the data; the
 * segments alone decide. dpi_log_settle() makes it right again.
 *
 * The owner stores, in this order: base (at a roll), written, durable; all
 * with release. Readers load durable (or written) first, then base, with
 * acquire: all segments below that base are complete on disk.
 */
typedef struct dpi_log_state {
	_Atomic uint64_t magic; /* 0: nobody has filled it in */
	_Atomic uint64_t
		key; /* of log, topic and partition: not a foreign page */
	/* A former owner that finds a greater one here has lost its right. */
	_Atomic uint64_t epoch;
	_Atomic uint64_t base;    /* of the segment that is being written */
	_Atomic uint64_t written; /* offset after the last record written */
	_Atomic uint64_t durable; /* the same, synced */
	_Atomic uint64_t pid;     /* of the last owner, for people */
} dpi_log_state;

/*
 * Maps the page, and makes an empty one if it is missing. Any process; it does
 * not need the partition's lock. The mapping needs no descriptor.
 *
 * Errors: DP_EIO, DP_ENOSPC, DP_EDENIED
 */
DP_NODISCARD dp_status dpi_log_state_map(dpi_log_state **ret, const dpi_os *os,
	const char *directory, const dpi_partition_name *name, dp_error **err);
void dpi_log_state_unmap(dpi_log_state *state, const dpi_os *os);

/* Whether somebody has filled it in for this partition. */
bool dpi_log_state_is_of(
	const dpi_log_state *state, const dpi_segment_owner *owner);

/* Fills in an empty or foreign one, of epoch 0, which no owner has. Only with
 * the partition's lock. */
void dpi_log_state_reset(dpi_log_state *state, const dpi_segment_owner *owner);

/*
 * Stores one of the page's numbers for the owner of an epoch. Returns false,
 * and has stored nothing, if there is another owner by now: one that lost its
 * right between looking at the epoch and storing does no harm.
 */
DP_NODISCARD bool dpi_log_state_store(dpi_log_state *state, uint64_t epoch,
	_Atomic uint64_t *word, uint64_t value);

#endif /* DPI_HUB_LOG_STATE_H */
