/* SPDX-License-Identifier: Apache-2.0 */
#include "log_report.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/text.h"
#include "base/uuid.h"

/* People see a number move if it does so some times a second. */
#define PROGRESS_NS (200 * DP_MILLISECOND)
#define CLEAR_LINE "\r\033[K"

void report_init(struct report *report, bool is_json)
{
	*report = (struct report){
		.is_json = is_json,
		.has_progress = isatty(STDERR_FILENO) == 1,
	};
	json_line_init(&report->line);
}

void report_fini(struct report *report)
{
	json_line_fini(&report->line);
}

/* Takes the progress away, so that a line may be printed. */
static void clear_progress(struct report *report)
{
	if (report->has_progress && report->progress_at != 0) {
		(void)fputs(CLEAR_LINE, stderr);
		report->progress_at = 0;
	}
}

void report_progress(
	struct report *report, const dpi_partition_name *name, uint64_t bytes)
{
	const dpi_os *os = dpi_os_real();
	dp_time_ns now;

	report->looked_at += bytes;
	if (!report->has_progress) {
		return;
	}
	now = os->monotonic(os->self);
	if (now - report->progress_at < PROGRESS_NS) {
		return;
	}
	report->progress_at = now;
	(void)fprintf(stderr, CLEAR_LINE "%" PRIu64 " MiB checked, now %s/%u",
		report->looked_at >> 20, name->topic,
		(unsigned)name->partition);
	(void)fflush(stderr);
}

void report_log(struct report *report, const struct log_files *log)
{
	char uuid[DPI_UUID_TEXT + 1];

	dpi_uuid_format(uuid, log->hub.uuid);
	if (!report->is_json) {
		(void)printf("log %s: format %u, uuid %s\n", log->directory,
			DPI_LOG_FORMAT, uuid);
		return;
	}
	json_line_begin(&report->line, "log");
	json_line_text(
		&report->line, "directory", dpi_bytes_text(log->directory));
	json_line_uint(&report->line, "format", DPI_LOG_FORMAT);
	json_line_text(&report->line, "uuid", dpi_bytes_text(uuid));
	json_line_end(&report->line);
}

static void add_place(struct json_line *line, const struct report_place *place)
{
	if (place->subscription != NULL) {
		json_line_text(line, "subscription",
			dpi_bytes_text(place->subscription));
	}
	if (place->topic != NULL) {
		json_line_text(line, "topic", dpi_bytes_text(place->topic));
		json_line_uint(line, "partition", place->partition);
	}
	if (place->from < place->to) {
		json_line_uint(line, "from", place->from);
		json_line_uint(line, "to", place->to);
	}
}

static void print_place(const struct report_place *place)
{
	if (place->subscription != NULL) {
		(void)printf("subscription %s: ", place->subscription);
	}
	if (place->topic != NULL) {
		(void)printf(
			"%s/%u: ", place->topic, (unsigned)place->partition);
	}
	if (place->from < place->to) {
		(void)printf("offsets %" PRIu64 " to %" PRIu64 " (%" PRIu64
			     " bytes): ",
			place->from, place->to, place->to - place->from);
	}
}

static void tell(struct report *report, const char *kind,
	const struct report_place *place, const char *text)
{
	clear_progress(report);
	if (!report->is_json) {
		(void)printf("%s: ", kind);
		print_place(place);
		(void)printf("%s\n", text);
		return;
	}
	json_line_begin(&report->line, kind);
	add_place(&report->line, place);
	json_line_text(&report->line, "text", dpi_bytes_text(text));
	json_line_end(&report->line);
}

void report_damage(struct report *report, const struct report_place *place,
	const char *how)
{
	report->damages++;
	report->damaged_bytes += place->to - place->from;
	tell(report, "damage", place, how);
}

void report_note(struct report *report, const struct report_place *place,
	const char *what)
{
	tell(report, "note", place, what);
}

/* YYYY-MM-DDThh:mm:ss.mmmZ */
static void print_time(int64_t ms)
{
	dpi_civil t = dpi_civil_from_seconds(ms / 1000);

	(void)printf("%04" PRId64 "-%02d-%02dT%02d:%02d:%02d.%03dZ", t.year,
		t.month, t.day, t.hour, t.minute, t.second, (int)(ms % 1000));
}

static void print_partition(const dpi_partition_name *name,
	const struct report_contents *contents, const struct walk_facts *facts)
{
	(void)printf("%s/%u: %" PRIu64 " records, %" PRIu64 " bytes",
		name->topic, (unsigned)name->partition, contents->records,
		contents->bytes);
	if (contents->records > 0) {
		(void)printf(", offsets %" PRIu64 " to %" PRIu64,
			contents->first, contents->last);
	}
	if (contents->first_ms >= 0 && contents->last_ms >= 0) {
		(void)printf(", ");
		print_time(contents->first_ms);
		(void)printf(" to ");
		print_time(contents->last_ms);
	}
	(void)printf(", %" PRIu64 " segments, end %" PRIu64 "\n",
		facts->segments, facts->end);
}

void report_partition(struct report *report, const dpi_partition_name *name,
	const struct report_contents *contents, const struct walk_facts *facts)
{
	struct json_line *line = &report->line;

	report->partitions++;
	report->records += contents->records;
	report->bytes += contents->bytes;
	clear_progress(report);
	if (!report->is_json) {
		print_partition(name, contents, facts);
		return;
	}
	json_line_begin(line, "partition");
	json_line_text(line, "topic", dpi_bytes_text(name->topic));
	json_line_uint(line, "partition", name->partition);
	json_line_uint(line, "records", contents->records);
	json_line_uint(line, "bytes", contents->bytes);
	if (contents->records > 0) {
		json_line_uint(line, "first", contents->first);
		json_line_uint(line, "last", contents->last);
	}
	if (contents->first_ms >= 0 && contents->last_ms >= 0) {
		json_line_time(line, "first_time",
			contents->first_ms * DP_MILLISECOND);
		json_line_time(
			line, "last_time", contents->last_ms * DP_MILLISECOND);
	}
	json_line_uint(line, "segments", facts->segments);
	json_line_uint(line, "end", facts->end);
	if (facts->hint.is_there) {
		json_line_uint(line, "durable", facts->hint.durable);
		json_line_uint(line, "epoch", facts->hint.epoch);
	}
	json_line_end(line);
}

void report_subscription(
	struct report *report, const char *name, const char *pattern)
{
	report->subscriptions++;
	clear_progress(report);
	if (!report->is_json) {
		(void)printf("subscription %s: reads %s\n", name, pattern);
		return;
	}
	json_line_begin(&report->line, "subscription");
	json_line_text(&report->line, "subscription", dpi_bytes_text(name));
	json_line_text(&report->line, "topics", dpi_bytes_text(pattern));
	json_line_end(&report->line);
}

void report_cursor(struct report *report, const struct report_place *place,
	const dpi_cursor *cursor, const struct log_hint *hint)
{
	uint64_t end =
		hint->durable > cursor->next ? hint->durable : cursor->next;
	struct json_line *line = &report->line;

	if (!report->is_json) {
		(void)printf("subscription %s: %s/%u: at %" PRIu64,
			place->subscription, place->topic,
			(unsigned)place->partition, cursor->next);
		if (hint->is_there) {
			(void)printf(", %" PRIu64 " bytes behind",
				end - cursor->next);
		}
		(void)printf(", tries %u\n", (unsigned)cursor->tries);
		return;
	}
	json_line_begin(line, "cursor");
	add_place(line, place);
	json_line_uint(line, "next", cursor->next);
	json_line_uint(line, "tried_end", cursor->tried_end);
	json_line_uint(line, "tries", cursor->tries);
	if (hint->is_there) {
		json_line_uint(line, "behind_bytes", end - cursor->next);
	}
	json_line_end(line);
}

static void print_verdict(const struct report *report)
{
	if (report->damages == 0) {
		(void)printf("verdict: clean: ");
	} else {
		(void)printf("verdict: DAMAGED: %" PRIu64 " places, %" PRIu64
			     " bytes of records; the rest: ",
			report->damages, report->damaged_bytes);
	}
	(void)printf("%" PRIu64 " topics, %" PRIu64 " partitions, %" PRIu64
		     " records, %" PRIu64 " bytes, %" PRIu64 " subscriptions\n",
		report->topics, report->partitions, report->records,
		report->bytes, report->subscriptions);
}

void report_verdict(struct report *report)
{
	struct json_line *line = &report->line;

	clear_progress(report);
	if (!report->is_json) {
		print_verdict(report);
		return;
	}
	json_line_begin(line, "verdict");
	json_line_bool(line, "clean", report->damages == 0);
	json_line_uint(line, "damages", report->damages);
	json_line_uint(line, "damaged_bytes", report->damaged_bytes);
	json_line_uint(line, "topics", report->topics);
	json_line_uint(line, "partitions", report->partitions);
	json_line_uint(line, "records", report->records);
	json_line_uint(line, "bytes", report->bytes);
	json_line_uint(line, "subscriptions", report->subscriptions);
	json_line_end(line);
}
