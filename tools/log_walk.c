/* SPDX-License-Identifier: Apache-2.0 */
#include "log_walk.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "hub/log/scan.h"

struct walk {
	const struct log_files *log;
	const struct walk_visitor *visitor;
	dpi_segment_owner owner;
	dpi_segment_list list;
	struct walk_facts facts;
	uint64_t previous_epoch;
	bool is_stopped; /* by the visitor */
};

/* The segment that is being looked at. */
struct visit {
	struct walk *walk;
	dpi_segment segment;
	uint64_t base;
	uint64_t limit; /* index at which its records end, or its file does */
	bool is_last;
	bool is_gone; /* by retention, while it was being looked at */
};

DP_PRINTF(4, 5)
static void tell_damage(const struct walk *walk, uint64_t from, uint64_t to,
	const char *fmt, ...)
{
	char how[256];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(how, sizeof(how), fmt, args);
	va_end(args);
	walk->visitor->damage(walk->visitor->user, from, to, how);
}

static dp_status list_segments(struct walk *walk, dp_error **err)
{
	const dpi_log_hub *hub = &walk->log->hub;

	dpi_segment_list_fini(&walk->list, hub->alloc);
	walk->list = (dpi_segment_list){.count = 0};
	return dpi_segment_list_init(&walk->list, hub->alloc, hub->os,
		hub->directory, &walk->owner.name, err);
}

/* The first segment whose base is at least this. False: there is none. */
static bool find_segment(
	const struct walk *walk, uint64_t at_least, uint64_t *ret_base)
{
	for (size_t i = 0; i < walk->list.count; i++) {
		if (walk->list.bases[i] >= at_least) {
			*ret_base = walk->list.bases[i];
			return true;
		}
	}
	return false;
}

/* One that is not there any more is DP_ENOTFOUND, and no error. */
static dp_status open_segment(const struct walk *walk, uint64_t base,
	dpi_segment *ret, dp_error **err)
{
	const dpi_log_hub *hub = &walk->log->hub;
	dp_status st;

	st = dpi_segment_open(
		ret, hub->os, hub->directory, &walk->owner, base, false, err);
	if (st == DP_ENOTFOUND) {
		dpi_error_clear(err);
	}
	return st;
}

/*
 * Whether what was read is still the segment of this name. What was found
 * wrong counts then; else the segment went by retention, and its file may have
 * become another.
 */
static bool is_still_there(struct visit *visit)
{
	const struct walk *walk = visit->walk;
	dpi_segment now;
	dp_error *err = NULL;
	dp_status st = open_segment(walk, visit->base, &now, &err);

	dpi_error_clear(&err);
	if (st != DP_OK) {
		visit->is_gone = st == DP_ENOTFOUND;
		return !visit->is_gone;
	}
	visit->is_gone = visit->segment.has_header && now.has_header &&
		now.header.epoch != visit->segment.header.epoch;
	dpi_segment_close(&now, walk->log->hub.os);
	return !visit->is_gone;
}

/* Where the records end that stand before the segment at base. */
static dp_status read_previous_end(
	const struct walk *walk, uint64_t base, uint64_t *ret, dp_error **err)
{
	dpi_segment next;
	dp_status st = open_segment(walk, base, &next, err);

	if (st == DP_OK) {
		*ret = next.header.previous_end < base
			? next.header.previous_end
			: base;
		dpi_segment_close(&next, walk->log->hub.os);
	}
	return st;
}

/* Where the records of the segment end, from what stands behind it. */
static dp_status find_limit(struct visit *visit, dp_error **err)
{
	const dpi_log_hub *hub = &visit->walk->log->hub;
	uint64_t end = visit->base;
	uint64_t next;
	int64_t size;
	dp_status st = DP_OK;

	visit->is_last = !find_segment(visit->walk, visit->base + 1, &next);
	if (!visit->is_last) {
		st = read_previous_end(visit->walk, next, &end, err);
		visit->limit = end > visit->base ? end - visit->base : 0;
		return st;
	}
	size = hub->os->size(hub->os->self, visit->segment.fd);
	if (size < 0) {
		return dpi_error_sys(err, (int)-size, "a segment has no size");
	}
	visit->limit = size > (int64_t)DPI_LOG_PAGE
		? (uint64_t)size - DPI_LOG_PAGE
		: 0;
	return DP_OK;
}

static void check_copies(struct visit *visit)
{
	const dpi_os *os = visit->walk->log->hub.os;
	uint8_t page[DPI_LOG_PAGE];
	int64_t n =
		dpi_os_read_all(os, visit->segment.fd, page, sizeof(page), 0);

	if ((n != (int64_t)sizeof(page) ||
		    memcmp(page, page + DPI_LOG_PAGE / 2,
			    DPI_SEGMENT_HEADER_SIZE) != 0) &&
		is_still_there(visit)) {
		tell_damage(visit->walk, visit->base, visit->base,
			"segment %016llx: one of the two copies of its header "
			"is damaged",
			(unsigned long long)visit->base);
	}
}

static void check_order(struct walk *walk, const dpi_segment_header *header)
{
	if (header->previous_end > header->base) {
		tell_damage(walk, header->base, header->base,
			"segment %016llx: its header says that the one before "
			"ends behind it",
			(unsigned long long)header->base);
	} else if (header->previous_end < header->base &&
		walk->facts.segments > 0) {
		walk->visitor->note(walk->visitor->user, header->previous_end,
			header->base,
			"no record was ever here: a recovery found damage "
			"before it, and began anew behind");
	}
	if (header->epoch < walk->previous_epoch) {
		tell_damage(walk, header->base, header->base,
			"segment %016llx: epoch %llu after epoch %llu",
			(unsigned long long)header->base,
			(unsigned long long)header->epoch,
			(unsigned long long)walk->previous_epoch);
	}
	walk->previous_epoch = header->epoch;
}

static void check_header(struct visit *visit)
{
	if (visit->segment.has_header) {
		check_copies(visit);
		check_order(visit->walk, &visit->segment.header);
	} else if (is_still_there(visit)) {
		tell_damage(visit->walk, visit->base, visit->base,
			"segment %016llx: its header is damaged or of another "
			"place; the times of its records are lost",
			(unsigned long long)visit->base);
	}
}

/*
 * Whether a hole that begins at this offset was never synced: that is no
 * damage. The page that says so is from before the walk, unless an owner has
 * begun the segment since.
 */
static bool may_be_unsynced(const struct visit *visit, uint64_t offset)
{
	const struct walk *walk = visit->walk;
	const struct log_hint *before = &walk->facts.hint;
	struct log_hint now;
	dp_error *err = NULL;

	if (!visit->is_last) {
		return false;
	}
	if (before->is_there && before->base == visit->base) {
		return offset >= before->durable;
	}
	if (log_files_hint(walk->log, &walk->owner.name, &now, &err) != DP_OK) {
		dpi_error_clear(&err);
		return false;
	}
	return now.is_there && now.base >= visit->base;
}

static void check_hole(struct visit *visit, uint64_t from, uint64_t to)
{
	const struct walk_visitor *visitor = visit->walk->visitor;

	if (from == to) {
		return;
	}
	from += visit->base;
	to += visit->base;
	if (may_be_unsynced(visit, from)) {
		visitor->note(visitor->user, from, to,
			"unfinished: these bytes were never synced");
	} else if (is_still_there(visit)) {
		tell_damage(visit->walk, from, to,
			"no whole record: damaged, or lost with the power "
			"before it was synced");
	}
}

static void visit_record(
	struct visit *visit, uint64_t index, const uint8_t *data, uint32_t size)
{
	struct walk *walk = visit->walk;
	const dpi_segment_header *header = &visit->segment.header;
	struct walk_record record = {
		.offset = visit->base + index,
		.data = data,
		.size = size,
		.append_ms = visit->segment.has_header
			? header->created_ms + dpi_walk_time_ms(data)
			: -1,
	};

	if (index == 0 && dpi_walk_kind(data) != DPI_RECORD_SOURCES) {
		tell_damage(walk, visit->base, visit->base,
			"segment %016llx: it does not begin with a snapshot of "
			"source places",
			(unsigned long long)visit->base);
	}
	walk->is_stopped = !walk->visitor->record(walk->visitor->user, &record);
}

/* All records; *ret_end is the index after the last. */
static dp_status visit_records(
	struct visit *visit, dpi_scan *scan, uint64_t *ret_end, dp_error **err)
{
	const struct walk_visitor *visitor = visit->walk->visitor;
	const uint8_t *data;
	uint64_t seen = 0;
	uint64_t index;
	dp_status st;

	for (;;) {
		*ret_end = scan->records_end;
		st = dpi_scan_next(scan, &data, &index, err);
		visitor->progress(visitor->user, scan->index - seen);
		seen = scan->index;
		if (st != DP_OK || data == NULL) {
			return st;
		}
		check_hole(visit, *ret_end, index);
		if (visit->is_gone) {
			return DP_OK;
		}
		visit_record(visit, index, data,
			(uint32_t)(scan->records_end - index));
		if (visit->walk->is_stopped) {
			*ret_end = scan->records_end;
			return DP_OK;
		}
	}
}

/*
 * Bytes at the end that should be records. Another segment may have come to be
 * since the listing, at which this one ended.
 */
static dp_status check_end(struct visit *visit, uint64_t end, dp_error **err)
{
	const struct log_hint *hint = &visit->walk->facts.hint;
	uint64_t wanted = visit->limit;
	dp_status st;

	if (visit->is_last) {
		wanted = hint->is_there && hint->durable > visit->base
			? hint->durable - visit->base
			: 0;
	}
	if (wanted <= end) {
		return DP_OK;
	}
	st = list_segments(visit->walk, err);
	if (st == DP_OK) {
		bool was_last = visit->is_last;

		st = find_limit(visit, err);
		wanted = visit->is_last && was_last ? wanted : visit->limit;
	}
	if (st == DP_ENOTFOUND) {
		return DP_OK;
	}
	if (st == DP_OK && wanted > end && is_still_there(visit)) {
		tell_damage(visit->walk, visit->base + end,
			visit->base + wanted,
			"records are missing: segment %016llx ends too early, "
			"or the next one is gone",
			(unsigned long long)visit->base);
	}
	return st;
}

/* A record at the end that its writer did not come to finish. */
static void check_torn(const struct visit *visit, uint64_t end)
{
	const struct walk *walk = visit->walk;
	const struct walk_visitor *visitor = walk->visitor;
	const dpi_os *os = walk->log->hub.os;
	uint8_t head[DPI_RECORD_HEAD];
	uint32_t size;
	int64_t n;

	n = dpi_os_read_all(
		os, visit->segment.fd, head, sizeof(head), DPI_LOG_PAGE + end);
	if (visit->is_last && n == (int64_t)sizeof(head) &&
		dpi_walk_at(head, sizeof(head), end, visit->segment.salt,
			&size) == DPI_WALK_MORE) {
		visitor->note(visitor->user, visit->base + end,
			visit->base + end + size,
			"unfinished: a record that was never wholly written");
	}
}

/* A file that cannot be read has lost what is in it; others may be well. */
static dp_status take_as_damage(
	struct visit *visit, uint64_t end, dp_error **err)
{
	tell_damage(visit->walk, visit->base + end, visit->base + visit->limit,
		"%s", dp_error_message(*err));
	dpi_error_clear(err);
	return DP_OK;
}

static dp_status visit_opened(struct visit *visit, dp_error **err)
{
	const dpi_log_hub *hub = &visit->walk->log->hub;
	uint64_t end = 0;
	dpi_scan scan;
	dp_status st;

	st = find_limit(visit, err);
	if (st != DP_OK) {
		return st;
	}
	check_header(visit);
	if (visit->is_gone) {
		return DP_OK;
	}
	st = dpi_scan_init(
		&scan, hub->alloc, hub->os, &visit->segment, 0, visit->limit);
	if (st != DP_OK) {
		return dpi_error_set(err, st, "no memory to scan a segment");
	}
	st = visit_records(visit, &scan, &end, err);
	dpi_scan_fini(&scan);
	if (st == DP_EIO) {
		return take_as_damage(visit, end, err);
	}
	if (st != DP_OK || visit->is_gone || visit->walk->is_stopped) {
		return st;
	}
	visit->walk->facts.end = visit->base + end;
	st = check_end(visit, end, err);
	if (st == DP_OK) {
		check_torn(visit, end);
	}
	return st;
}

static dp_status visit_segment(struct walk *walk, uint64_t base, dp_error **err)
{
	struct visit visit = {.walk = walk, .base = base};
	dp_status st;

	st = open_segment(walk, base, &visit.segment, err);
	if (st == DP_OK) {
		st = visit_opened(&visit, err);
		dpi_segment_close(&visit.segment, walk->log->hub.os);
		walk->facts.segments += st == DP_OK && !visit.is_gone;
	}
	if (st == DP_ENOTFOUND) {
		/* It, or the next one, went. What is there now is listed. */
		st = list_segments(walk, err);
	}
	return st;
}

/* The base of the segment that holds an offset, or of the first one. */
static uint64_t base_of(const struct walk *walk, uint64_t offset)
{
	uint64_t base = walk->list.bases[0];

	for (size_t i = 1; i < walk->list.count; i++) {
		if (walk->list.bases[i] <= offset) {
			base = walk->list.bases[i];
		}
	}
	return base;
}

static dp_status walk_segments(struct walk *walk, uint64_t from, dp_error **err)
{
	const struct log_hint *hint = &walk->facts.hint;
	uint64_t base;
	dp_status st;

	st = list_segments(walk, err);
	if (st != DP_OK) {
		return st;
	}
	if (walk->list.count == 0) {
		if (hint->is_there && hint->durable > 0) {
			tell_damage(walk, hint->base, hint->durable,
				"records are missing: there is no segment");
		}
		return DP_OK;
	}
	walk->facts.begin = walk->list.bases[0];
	from = base_of(walk, from);
	while (st == DP_OK && !walk->is_stopped &&
		find_segment(walk, from, &base)) {
		st = visit_segment(walk, base, err);
		from = base + 1;
	}
	return st;
}

dp_status log_walk(const struct log_files *log, const dpi_partition_name *name,
	uint64_t from, const struct walk_visitor *visitor,
	struct walk_facts *ret, dp_error **err)
{
	struct walk walk = {
		.log = log,
		.visitor = visitor,
		.owner = dpi_log_owner(&log->hub, name),
	};
	dp_status st;

	st = log_files_hint(log, name, &walk.facts.hint, err);
	if (st == DP_OK) {
		st = walk_segments(&walk, from, err);
	}
	dpi_segment_list_fini(&walk.list, log->hub.alloc);
	*ret = walk.facts;
	return st;
}
