/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOG_REPORT_H
#define LOG_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "hub/log/cursor.h"
#include "json_line.h"
#include "log_walk.h"

/*
 * What a check of a log says: lines for people or lines of JSON, the same
 * facts in both, each when it is known. A line for people begins with what it
 * is: "damage", "note", "verdict", or the name of what it is about.
 */
struct report {
	bool is_json;
	bool has_progress; /* stderr is a terminal */
	struct json_line line;
	uint64_t topics;
	uint64_t partitions;
	uint64_t subscriptions;
	uint64_t records;
	uint64_t bytes;
	uint64_t damages;
	uint64_t damaged_bytes;
	uint64_t looked_at; /* bytes */
	dp_time_ns progress_at;
};

/* What a finding is about: names that are not known are NULL. */
struct report_place {
	const char *subscription;
	const char *topic;
	uint32_t partition;
	uint64_t from; /* offsets; from == to: none in particular */
	uint64_t to;
};

/* What a partition holds. */
struct report_contents {
	uint64_t records; /* events */
	uint64_t bytes;   /* of them on disk */
	uint64_t first;   /* offset of the first event */
	uint64_t last;    /* and of the last */
	int64_t first_ms; /* when they were appended; -1: not known */
	int64_t last_ms;
};

void report_init(struct report *report, bool is_json);
void report_fini(struct report *report);

void report_log(struct report *report, const struct log_files *log);
void report_damage(struct report *report, const struct report_place *place,
	const char *how);
void report_note(struct report *report, const struct report_place *place,
	const char *what);
void report_partition(struct report *report, const dpi_partition_name *name,
	const struct report_contents *contents, const struct walk_facts *facts);
void report_subscription(
	struct report *report, const char *name, const char *pattern);
void report_cursor(struct report *report, const struct report_place *place,
	const dpi_cursor *cursor, const struct log_hint *hint);

/* So many bytes more were looked at, now those of this partition. */
void report_progress(
	struct report *report, const dpi_partition_name *name, uint64_t bytes);

/* The last line. */
void report_verdict(struct report *report);

#endif /* LOG_REPORT_H */
