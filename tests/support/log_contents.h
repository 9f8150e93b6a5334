/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOG_CONTENTS_H
#define LOG_CONTENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/record.h"
#include "io/os.h"

/*
 * The events of one partition of a log, oldest first, as its segments have
 * them: read with nothing of the hub but the scanner, so that tests of either
 * side can tell what is on disk.
 */
struct log_event {
	uint64_t offset;
	uint64_t end;
	uint64_t writer; /* of its id */
	uint64_t seq;
	int64_t append_ms;
	dpi_source_place place;
};

struct log_contents {
	struct log_event *events;
	size_t count;
	size_t capacity;
	uint64_t skipped_bytes; /* by damage between records */
	size_t segments;
	size_t damaged_headers;
};

/* A directory that is not there has no events. Ends the test on errors. */
void log_contents_read(struct log_contents *contents, const dpi_os *os,
	const char *directory, const char *topic, uint32_t partition);
void log_contents_free(struct log_contents *contents);

/* Whether the event of this writer and sequence is there. */
bool log_contents_has(
	const struct log_contents *contents, uint64_t writer, uint64_t seq);

#endif /* LOG_CONTENTS_H */
