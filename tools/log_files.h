/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOG_FILES_H
#define LOG_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "hub/log/log_hub.h"

/*
 * The files of a log, as they are: found and read, never made, written or
 * locked, so that those who write them notice nothing.
 */
struct log_files {
	/* A hub that nobody opened: what names files and reads them is filled
	 * in (alloc, os, directory, uuid), the rest is zero. */
	dpi_log_hub hub;
	char directory[DPI_LOG_DIRECTORY_MAX + 1];
	bool has_damaged_copy; /* one of the two of the identity */
	dpi_arena arena;       /* of names that were listed */
};

/* What the state page of a partition says. */
struct log_hint {
	bool is_there;   /* somebody has filled it in, and it is consistent */
	bool is_foreign; /* it is of another log, topic or partition */
	uint64_t epoch;
	uint64_t base;
	uint64_t durable;
	uint64_t pid;
};

/*
 * Reads which log the directory is.
 *
 * Errors: DP_ENOTFOUND  there is no log
 *         DP_ECORRUPT   its identity is damaged, or of an unknown format
 *         DP_EINVAL, DP_EIO, DP_EDENIED
 */
DP_NODISCARD dp_status log_files_open(
	struct log_files *log, const char *directory, dp_error **err);
void log_files_close(struct log_files *log);

/* Names of topics, sorted; they live as long as log. */
DP_NODISCARD dp_status log_files_topics(struct log_files *log,
	const char *const **ret_topics, size_t *ret_count, dp_error **err);

/*
 * Numbers of partitions, ascending; they live as long as log.
 *
 * Errors: DP_ENOTFOUND  no such topic
 */
DP_NODISCARD dp_status log_files_partitions(struct log_files *log,
	const char *topic, const uint32_t **ret_partitions, size_t *ret_count,
	dp_error **err);

/* A missing page is no error: see is_there. */
DP_NODISCARD dp_status log_files_hint(const struct log_files *log,
	const dpi_partition_name *name, struct log_hint *ret, dp_error **err);

#endif /* LOG_FILES_H */
