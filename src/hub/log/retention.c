/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/log/retention.h"

#include "base/arena.h"
#include "base/error.h"
#include "base/text.h"
#include "hub/log/cursor.h"
#include "hub/log/epoch.h"
#include "hub/log/partition.h"
#include "hub/log/registration.h"
#include "hub/log/segment.h"

#define DPI_MSG_RETENTION_FAILED 0x70b35d12u
/* Names of subscriptions, while they are listed. */
#define NAMES_MAX_BYTES (16u << 20)

/* What the subscriptions still need of a partition. */
typedef struct needs {
	bool is_read;  /* by any subscription */
	uint64_t next; /* the place of the slowest */
} needs;

/* Who had read what a loss of power took needs all that came in its place. */
static dp_status set_back(dpi_log_hub *hub, const dpi_log_partition *partition,
	uint64_t epoch, dpi_cursor *cursor, dp_error **err)
{
	uint64_t base = UINT64_MAX;
	dp_status st = DP_OK;

	if (epoch < atomic_load(&partition->state->epoch)) {
		st = dpi_log_epoch_after(hub, partition, epoch, &base, err);
	}
	if (st == DP_OK && cursor->next > base) {
		cursor->next = base;
	}
	return st;
}

/* A subscription that has not looked at the partition needs all of it. */
static dp_status ask_one(dpi_log_hub *hub, const dpi_log_partition *partition,
	const char *name, needs *ret, dp_error **err)
{
	char path[DPI_LOG_PATH_MAX];
	dpi_registration registration;
	dpi_cursor cursor = {0};
	uint64_t epoch = 0;
	dp_status st = dpi_registration_read(hub, name, &registration, err);

	if (st == DP_ENOTFOUND) {
		return DP_OK;
	}
	if (st != DP_OK) {
		return st;
	}
	if (!dpi_pattern_match(
		    registration.topics, dpi_bytes_text(partition->topic))) {
		return DP_OK;
	}
	dpi_registration_cursor_path(
		path, hub->directory, name, &partition->name);
	st = dpi_cursor_peek(hub->os, path,
		dpi_registration_cursor_key(hub, name, &partition->name),
		&cursor, &epoch, err);
	if (st == DP_ENOTFOUND) {
		st = DP_OK;
	} else if (st == DP_OK) {
		st = set_back(hub, partition, epoch, &cursor, err);
	}
	if (st == DP_OK && (!ret->is_read || cursor.next < ret->next)) {
		ret->is_read = true;
		ret->next = cursor.next;
	}
	return st;
}

static dp_status ask_all(dpi_log_hub *hub, const dpi_log_partition *partition,
	needs *ret, dp_error **err)
{
	const char *const *names;
	dpi_arena arena;
	size_t count;
	dp_status st;

	dpi_arena_init(&arena, hub->alloc, NAMES_MAX_BYTES);
	st = dpi_registration_list(hub, &arena, &names, &count, err);
	for (size_t i = 0; st == DP_OK && i < count; i++) {
		if (dpi_name_valid(names[i], DPI_NAME_MAX)) {
			st = ask_one(hub, partition, names[i], ret, err);
		}
	}
	dpi_arena_fini(&arena);
	return st;
}

/* When the last record of a segment was appended, at the latest. */
static dp_status begun_at(dpi_log_hub *hub, const dpi_log_partition *partition,
	uint64_t next_base, dp_time_ns *ret, dp_error **err)
{
	dpi_segment_owner owner = dpi_log_owner(hub, &partition->name);
	dpi_segment segment;
	dp_status st = dpi_segment_open(&segment, hub->os, hub->directory,
		&owner, next_base, false, err);

	if (st == DP_OK) {
		*ret = segment.has_header
			? segment.header.created_ms * DP_MILLISECOND
			: INT64_MAX;
		dpi_segment_close(&segment, hub->os);
	}
	return st;
}

static dp_status is_old(dpi_log_hub *hub, const dpi_log_partition *partition,
	uint64_t next_base, bool *ret, dp_error **err)
{
	dp_time_ns now = hub->os->wall(hub->os->self);
	dp_time_ns time = 0;
	dp_status st = DP_OK;

	if (hub->opts.retention_ns == 0) {
		*ret = false;
		return DP_OK;
	}
	st = begun_at(hub, partition, next_base, &time, err);
	*ret = st == DP_OK && time <= now - hub->opts.retention_ns;
	return st;
}

/* Whether the options let the segment [base, end) go, needed or not. */
static dp_status is_over(dpi_log_hub *hub, const dpi_log_partition *partition,
	uint64_t base, uint64_t end, const needs *needs, bool *ret,
	dp_error **err)
{
	const dp_hub_options *opts = &hub->opts;
	uint64_t written = atomic_load(&partition->state->written);
	bool is_finished = needs->is_read && end <= needs->next;

	if ((opts->retention_bytes != 0 &&
		    written - base > opts->retention_bytes) ||
		(opts->retention_ns == 0 && is_finished)) {
		*ret = true;
		return DP_OK;
	}
	return is_old(hub, partition, end, ret, err);
}

/* Removes a segment, and counts what the slowest subscription loses with it. */
static dp_status let_go(dpi_log_hub *hub, dpi_log_partition *partition,
	uint64_t base, uint64_t end, const needs *needs, bool *ret_any,
	dp_error **err)
{
	bool is_needed = needs->is_read && end > needs->next;
	uint64_t events = is_needed ? dpi_partition_count_events(hub, partition,
					      base, needs->next, end)
				    : 0;
	bool is_removed;
	dp_status st = dpi_log_drop(hub, partition, base, &is_removed, err);

	if (is_removed) {
		dpi_log_count(&hub->counters.dropped_events, events);
		*ret_any = true;
	}
	return st;
}

/* Oldest first, up to the first one that stays. */
static dp_status let_all_go(dpi_log_hub *hub, dpi_log_partition *partition,
	const dpi_segment_list *list, const needs *needs, bool *ret_any,
	dp_error **err)
{
	dp_status st = DP_OK;

	for (size_t i = 0; st == DP_OK && i + 1 < list->count; i++) {
		uint64_t base = list->bases[i];
		uint64_t end = list->bases[i + 1];
		bool is_needed = needs->is_read && end > needs->next;
		bool goes = false;

		st = is_over(hub, partition, base, end, needs, &goes, err);
		if (!goes || (is_needed && hub->opts.retention_forced == 0)) {
			break;
		}
		st = let_go(hub, partition, base, end, needs, ret_any, err);
	}
	return st;
}

static dp_status retain(dpi_log_hub *hub, dpi_log_partition *partition,
	bool *ret_any, dp_error **err)
{
	needs needs = {.is_read = false};
	dpi_segment_list list;
	dp_status st;

	st = dpi_segment_list_init(&list, hub->alloc, hub->os, hub->directory,
		&partition->name, err);
	if (st != DP_OK) {
		return st;
	}
	if (list.count > 1) {
		st = ask_all(hub, partition, &needs, err);
	}
	if (st == DP_OK) {
		st = let_all_go(hub, partition, &list, &needs, ret_any, err);
	}
	dpi_segment_list_fini(&list, hub->alloc);
	return st;
}

bool dpi_log_retain(dpi_log_hub *hub, dpi_log_partition *partition)
{
	dp_error *err = NULL;
	bool any_went = false;

	if (retain(hub, partition, &any_went, &err) != DP_OK) {
		dpi_log(hub->hub.rt, DP_LOG_WARN, DPI_MSG_RETENTION_FAILED,
			"hub", partition->topic,
			"partition %u: old segments stay: %s",
			(unsigned)partition->name.partition,
			dp_error_message(err));
	}
	dp_error_free(err);
	return any_went;
}
