/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOG_WALK_H
#define LOG_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "log_files.h"

/*
 * Walks all records of a partition, and tells what is wrong on the way. Works
 * beside processes that write the partition or let old segments go: what
 * looks like damage is told only after another look has shown that the files
 * are still those that were read.
 *
 * In the last segment, what stands behind the offset that is known to be
 * synced may be half written, so it is never damage. All before is.
 */

struct walk_record {
	uint64_t offset;
	const uint8_t *data; /* whole, with the right checksum */
	uint32_t size;
	int64_t append_ms; /* since 1970; -1: lost with the segment's header */
};

struct walk_visitor {
	void *user;
	/* Kinds other than events, too. Returns false to end the walk. */
	bool (*record)(void *user, const struct walk_record *record);
	/* [from, to): from == to if no record was touched. */
	void (*damage)(void *user, uint64_t from, uint64_t to, const char *how);
	/* Something to know that is right as it is. */
	void (*note)(void *user, uint64_t from, uint64_t to, const char *what);
	/* So many bytes were looked at since the last call. */
	void (*progress)(void *user, uint64_t bytes);
};

struct walk_facts {
	uint64_t segments;
	uint64_t begin; /* of the first segment */
	uint64_t end;   /* after the last record */
	struct log_hint hint;
};

/*
 * Walks from the segment that holds offset `from` on.
 *
 * Errors: DP_EIO (a directory or a page; a segment that cannot be read is
 *         damage), DP_EDENIED, DP_ENOMEM
 */
DP_NODISCARD dp_status log_walk(const struct log_files *log,
	const dpi_partition_name *name, uint64_t from,
	const struct walk_visitor *visitor, struct walk_facts *ret,
	dp_error **err);

#endif /* LOG_WALK_H */
