/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/log/recovery.h"

#include <limits.h>
#include <string.h>

#include "base/error.h"
#include "hub/log/scan.h"

#define DPI_MSG_LOG_DAMAGED 0x6b1f93a2u
#define DPI_MSG_LOG_TORN 0x2e07c5d4u

/* What the state page says of the last segment, if it speaks of it at all. */
typedef struct dpi_log_hint {
	bool is_valid;
	uint64_t written;
	uint64_t durable;
} dpi_log_hint;

/* One pass over the last segment. */
typedef struct dpi_log_pass {
	const dpi_segment *segment;
	dpi_log_hint hint;
	dpi_sources *sources; /* or NULL */
	uint64_t end;         /* index after the last record */
	uint64_t events;
	uint64_t corrupt_runs;
	uint64_t corrupt_bytes;
	uint64_t torn_bytes;
	bool has_snapshot;
} dpi_log_pass;

/*
 * A page from before a loss of power may be old. Then it says less than was
 * durable, never more, as it was written after the data were.
 */
static dpi_log_hint hint_of(const dpi_log_state *state,
	const dpi_segment_owner *owner, uint64_t base)
{
	dpi_log_hint hint = {false, 0, 0};

	if (dpi_log_state_is_of(state, owner) &&
		atomic_load(&state->base) == base) {
		hint.written = atomic_load(&state->written);
		hint.durable = atomic_load(&state->durable);
		hint.is_valid = hint.durable >= base &&
			hint.written >= hint.durable &&
			hint.written - base <= UINT32_MAX;
	}
	return hint;
}

static dp_status no_memory(dp_error **err)
{
	return dpi_error_set(err, DP_ENOMEM, "no memory to scan a segment");
}

/* The epoch of the last segment whose header can be read. */
static dp_status last_epoch(const dpi_log_hub *hub,
	const dpi_segment_owner *owner, const dpi_segment_list *list,
	uint64_t *ret, dp_error **err)
{
	bool found = false;

	*ret = 0;
	for (size_t i = list->count; i-- > 0 && !found;) {
		dpi_segment segment;
		dp_status st;

		st = dpi_segment_open(&segment, hub->os, hub->directory, owner,
			list->bases[i], false, err);
		if (st != DP_OK) {
			return st;
		}
		found = segment.has_header;
		*ret = segment.header.epoch;
		dpi_segment_close(&segment, hub->os);
	}
	return DP_OK;
}

/* Raises the epoch, so that a former owner finds out before it writes. */
static uint64_t fence(dpi_log_state *state, const dpi_segment_owner *owner)
{
	if (!dpi_log_state_is_of(state, owner)) {
		dpi_log_state_reset(state, owner);
		return 0;
	}
	return atomic_fetch_add(&state->epoch, 1) + 1;
}

/* The page was from before a loss of power, or new. */
static uint64_t raise_above(
	dpi_log_state *state, uint64_t epoch, uint64_t epoch_on_disk)
{
	if (epoch <= epoch_on_disk) {
		epoch = epoch_on_disk + 1;
		atomic_store(&state->epoch, epoch);
	}
	return epoch;
}

static bool find_spare(void *user, const char *entry)
{
	char *found = user;

	if (!dpi_log_is_spare(entry) || strlen(entry) > NAME_MAX) {
		return true;
	}
	memcpy(found, entry, strlen(entry) + 1);
	return false;
}

/* What a former owner has made ready cannot become a segment any more. */
static dp_status remove_spares(const dpi_log_hub *hub,
	const dpi_log_partition *partition, dp_error **err)
{
	const dpi_os *os = hub->os;
	char path[DPI_LOG_PATH_MAX];
	char entry[NAME_MAX + 1];
	int rc;

	do {
		entry[0] = '\0';
		dpi_log_partition_path(
			path, hub->directory, &partition->name, NULL);
		rc = os->list(os->self, path, find_spare, entry);
		if (rc == 0 && entry[0] != '\0') {
			dpi_log_partition_path(
				path, hub->directory, &partition->name, entry);
			rc = os->unlink(os->self, path);
		}
	} while (rc == 0 && entry[0] != '\0');
	return rc == 0 ? DP_OK
		       : dpi_error_sys(err, -rc,
				 "what a former owner left cannot be removed");
}

/* A run of bytes in front of a record that is none. */
static void count_gap(dpi_log_pass *pass, uint64_t from, uint64_t to)
{
	uint64_t at = pass->segment->header.base + from;

	if (from == to) {
		return;
	}
	if (pass->hint.is_valid && at >= pass->hint.durable) {
		/* Never synced: the disk kept some of it, and lost this. */
		pass->torn_bytes += to - from;
		return;
	}
	pass->corrupt_runs++;
	pass->corrupt_bytes += to - from;
}

static dp_status scan_all(dpi_log_pass *pass, dpi_scan *scan, dp_error **err)
{
	for (;;) {
		uint64_t before = scan->records_end;
		const uint8_t *record;
		uint64_t index;
		dp_status st;

		st = dpi_scan_next(scan, &record, &index, err);
		if (st != DP_OK || record == NULL) {
			return st;
		}
		count_gap(pass, before, index);
		if (index == 0) {
			pass->has_snapshot =
				dpi_walk_kind(record) == DPI_RECORD_SOURCES;
		}
		if (pass->sources != NULL &&
			dpi_sources_learn(pass->sources, record,
				(size_t)(scan->records_end - index)) != DP_OK) {
			return no_memory(err);
		}
	}
}

/* Half a record at the end, as its head says if the page says nothing. */
static void count_tail(
	dpi_log_pass *pass, const dpi_os *os, uint64_t bytes_left)
{
	uint64_t end = pass->segment->header.base + pass->end;
	uint8_t head[DPI_RECORD_HEAD];
	uint32_t size;
	int64_t n;

	if (pass->hint.is_valid) {
		if (pass->hint.durable > end) {
			pass->corrupt_runs++;
			pass->corrupt_bytes += pass->hint.durable - end;
			end = pass->hint.durable;
		}
		if (pass->hint.written > end) {
			pass->torn_bytes += pass->hint.written - end;
		}
		return;
	}
	n = dpi_os_read_all(os, pass->segment->fd, head, sizeof(head),
		DPI_LOG_PAGE + pass->end);
	if (n == (int64_t)sizeof(head) &&
		dpi_walk_at(head, sizeof(head), pass->end, pass->segment->salt,
			&size) == DPI_WALK_MORE) {
		pass->torn_bytes += size < bytes_left ? size : bytes_left;
	}
}

static dp_status run_pass(
	const dpi_log_hub *hub, dpi_log_pass *pass, dp_error **err)
{
	int64_t size = hub->os->size(hub->os->self, pass->segment->fd);
	uint64_t limit;
	dpi_scan scan;
	dp_status st;

	if (size < 0) {
		return dpi_error_sys(err, (int)-size, "a segment has no size");
	}
	limit = size > (int64_t)DPI_LOG_PAGE ? (uint64_t)size - DPI_LOG_PAGE
					     : 0;
	if (dpi_scan_init(&scan, hub->alloc, hub->os, pass->segment, 0,
		    limit) != DP_OK) {
		return no_memory(err);
	}
	st = scan_all(pass, &scan, err);
	if (st == DP_OK) {
		pass->end = scan.records_end;
		pass->events = scan.events;
		count_tail(pass, hub->os, limit - pass->end);
	}
	dpi_scan_fini(&scan);
	return st;
}

static void report(dpi_log_hub *hub, const dpi_log_partition *partition,
	const dpi_log_pass *pass)
{
	dpi_log_counters *counters = &hub->counters;

	dpi_log_count(&counters->corrupt_events, pass->corrupt_runs);
	dpi_log_count(&counters->corrupt_bytes, pass->corrupt_bytes);
	dpi_log_count(&counters->torn_bytes, pass->torn_bytes);
	if (pass->corrupt_bytes > 0) {
		dpi_log(hub->hub.rt, DP_LOG_ERROR, DPI_MSG_LOG_DAMAGED, "hub",
			partition->topic,
			"partition %u: %llu damaged bytes skipped at %llu",
			partition->name.partition,
			(unsigned long long)pass->corrupt_bytes,
			(unsigned long long)pass->segment->header.base);
	}
	if (pass->torn_bytes > 0) {
		dpi_log(hub->hub.rt, DP_LOG_INFO, DPI_MSG_LOG_TORN, "hub",
			partition->topic,
			"partition %u: %llu unfinished bytes cut off",
			partition->name.partition,
			(unsigned long long)pass->torn_bytes);
	}
}

/*
 * What stands behind the last record is given back to the disk. That it has
 * gone is no condition for anything, so failing to is no error.
 */
static dp_status make_durable(
	const dpi_log_hub *hub, const dpi_log_pass *pass, dp_error **err)
{
	const dpi_os *os = hub->os;
	int rc;

	(void)os->truncate(
		os->self, pass->segment->fd, DPI_LOG_PAGE + pass->end);
	rc = os->fdatasync(os->self, pass->segment->fd);
	return rc == 0 ? DP_OK
		       : dpi_error_sys(err, -rc, "a segment cannot be synced");
}

static dp_status recover_segment(dpi_log_hub *hub, dpi_log_partition *partition,
	const dpi_segment_list *list, dpi_log_pass *pass, dp_error **err)
{
	dpi_segment_list before = *list;
	dp_status st;

	before.count--;
	st = run_pass(hub, pass, err);
	if (st == DP_OK && pass->sources != NULL && !pass->has_snapshot) {
		st = dpi_log_learn_sources(hub, partition, &before, UINT64_MAX,
			pass->sources, err);
	}
	if (st == DP_OK) {
		st = make_durable(hub, pass, err);
	}
	if (st == DP_OK) {
		report(hub, partition, pass);
	}
	return st;
}

static dp_status recover_last(dpi_log_hub *hub, dpi_log_partition *partition,
	const dpi_segment_list *list, dpi_sources *sources, dpi_log_found *ret,
	dp_error **err)
{
	dpi_segment_owner owner = dpi_log_owner(hub, &partition->name);
	uint64_t base = list->bases[list->count - 1];
	dpi_log_pass pass = {
		.hint = hint_of(partition->state, &owner, base),
		.sources = sources,
	};
	uint64_t epoch_on_disk;
	dpi_segment segment;
	dp_status st;

	st = last_epoch(hub, &owner, list, &epoch_on_disk, err);
	if (st != DP_OK) {
		return st;
	}
	ret->epoch = raise_above(partition->state, ret->epoch, epoch_on_disk);
	st = dpi_segment_open(
		&segment, hub->os, hub->directory, &owner, base, true, err);
	if (st != DP_OK) {
		return st;
	}
	pass.segment = &segment;
	st = recover_segment(hub, partition, list, &pass, err);
	dpi_segment_close(&segment, hub->os);
	if (st != DP_OK) {
		return st;
	}
	ret->has_segment = true;
	ret->is_empty = pass.events == 0 && pass.corrupt_runs == 0;
	ret->base = base;
	ret->previous_end = segment.header.previous_end;
	ret->end = base + pass.end;
	ret->next = pass.hint.is_valid && pass.hint.durable > ret->end
		? pass.hint.durable
		: ret->end;
	return DP_OK;
}

static dp_status publish(
	dpi_log_state *state, const dpi_log_found *found, dp_error **err)
{
	return dpi_log_state_store(
		       state, found->epoch, &state->base, found->base) &&
			dpi_log_state_store(state, found->epoch,
				&state->written, found->next) &&
			dpi_log_state_store(state, found->epoch,
				&state->durable, found->next)
		? DP_OK
		: dpi_error_set(err, DP_EIO,
			  "another process has taken it over meanwhile");
}

static dp_status recover(dpi_log_hub *hub, dpi_log_partition *partition,
	const dpi_segment_list *list, dpi_sources *sources,
	dpi_log_found *found, dp_error **err)
{
	dp_status st = DP_OK;

	if (list->count > 0) {
		st = recover_last(hub, partition, list, sources, found, err);
	} else {
		found->epoch = raise_above(partition->state, found->epoch, 0);
	}
	return st == DP_OK ? publish(partition->state, found, err) : st;
}

dp_status dpi_log_recover(dpi_log_hub *hub, dpi_log_partition *partition,
	dpi_sources *sources, dpi_log_found *ret, dp_error **err)
{
	dpi_segment_owner owner = dpi_log_owner(hub, &partition->name);
	dpi_log_found found = {.has_segment = false};
	dpi_segment_list list;
	dp_status st;

	found.epoch = fence(partition->state, &owner);
	st = remove_spares(hub, partition, err);
	if (st == DP_OK) {
		st = dpi_segment_list_init(&list, hub->alloc, hub->os,
			hub->directory, &partition->name, err);
	}
	if (st != DP_OK) {
		return st;
	}
	st = recover(hub, partition, &list, sources, &found, err);
	dpi_segment_list_fini(&list, hub->alloc);
	if (st != DP_OK) {
		return dpi_error_prefix(err, st, "topic %s, partition %u",
			partition->topic, partition->name.partition);
	}
	*ret = found;
	return DP_OK;
}

/* Learns from one segment; *ret_whole: it began with a snapshot. */
static dp_status learn_segment(dpi_log_hub *hub, const dpi_segment_owner *owner,
	uint64_t base, uint64_t end, dpi_sources *sources, bool *ret_whole,
	dp_error **err)
{
	dpi_segment segment;
	const uint8_t *record = NULL;
	uint64_t index;
	dpi_scan scan;
	dp_status st;

	*ret_whole = false;
	st = dpi_segment_open(
		&segment, hub->os, hub->directory, owner, base, false, err);
	if (st != DP_OK) {
		return st;
	}
	if (dpi_scan_init(&scan, hub->alloc, hub->os, &segment, 0, end) !=
		DP_OK) {
		st = no_memory(err);
		goto out;
	}
	do {
		st = dpi_scan_next(&scan, &record, &index, err);
		if (st != DP_OK || record == NULL) {
			break;
		}
		*ret_whole |= index == 0 &&
			dpi_walk_kind(record) == DPI_RECORD_SOURCES;
		if (dpi_sources_learn(sources, record,
			    (size_t)(scan.records_end - index)) != DP_OK) {
			st = no_memory(err);
		}
	} while (st == DP_OK);
	dpi_scan_fini(&scan);
out:
	dpi_segment_close(&segment, hub->os);
	return st;
}

dp_status dpi_log_learn_sources(dpi_log_hub *hub,
	const dpi_log_partition *partition, const dpi_segment_list *list,
	uint64_t end, dpi_sources *sources, dp_error **err)
{
	dpi_segment_owner owner = dpi_log_owner(hub, &partition->name);
	bool is_whole = false;
	dp_status st = DP_OK;

	/* Later places are greater, so the order of learning is free. */
	for (size_t i = list->count; st == DP_OK && i-- > 0 && !is_whole;) {
		uint64_t base = list->bases[i];
		uint64_t stop = end;

		if (i + 1 < list->count && list->bases[i + 1] < end) {
			stop = list->bases[i + 1];
		}
		if (base < stop) {
			st = learn_segment(hub, &owner, base, stop - base,
				sources, &is_whole, err);
		}
	}
	return st;
}
