/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_SINK_COMMIT_H
#define DPI_SINK_COMMIT_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "sink/positions.h"

/*
 * The record that makes one flush of a file sink durable: which staged files
 * it makes visible, and how far the job has come. doc/formats/commit-v1.md is
 * the standard.
 */

typedef struct dpi_commit_file {
	uint64_t sequence; /* staged, it is "staged-<sequence>-<number>" */
	uint64_t number;
	const char *name; /* in the store, once it is visible */
	uint64_t bytes;
	uint64_t events;
} dpi_commit_file;

typedef struct dpi_commit {
	const char *job;
	uint64_t sequence; /* 1, 2, … in a slot: the largest decides */
	uint64_t origin;   /* names the slot's files; drawn at random */
	const dpi_commit_file *files;
	size_t file_count;
	const dp_positions *positions;
} dpi_commit;

/*
 * Appends the record to out. scratch holds what is needed meanwhile.
 * Errors: DP_ENOMEM, DP_ETOOBIG
 */
DP_NODISCARD dp_status dpi_commit_encode(const dpi_commit *commit,
	dpi_arena *scratch, dpi_buf *out, dp_error **err);

/*
 * Takes a record apart; what stands behind it is not looked at. Strings and
 * files of *ret live in the arena, positions are moved forward by what the
 * record says, and ret->positions is positions.
 *
 * Errors: DP_ECORRUPT  torn, damaged, or not a record
 *         DP_EABI      of a newer version of the format
 *         DP_ENOMEM
 */
DP_NODISCARD dp_status dpi_commit_decode(dpi_commit *ret, dp_bytes record,
	dpi_arena *arena, dp_positions *positions, dp_error **err);

#endif /* DPI_SINK_COMMIT_H */
