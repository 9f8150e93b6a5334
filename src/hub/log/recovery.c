/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/log/recovery.h"

#include <limits.h>
#include <stdio.h>

#include "base/error.h"
#include "hub/log/damage.h"
#include "hub/log/epoch.h"
#include "hub/log/learn.h"
#include "hub/log/misplaced.h"
#include "hub/log/scan.h"

/* Owners that a partition can have without one that writes a segment. */
#define EPOCHS_MAX ((uint64_t)1 << 40)

/* What the state page says of the last segment, or of one that was behind it
 * and is not there any more. */
typedef struct dpi_log_hint {
	bool is_valid;
	uint64_t base;
	uint64_t written;
	uint64_t durable;
} dpi_log_hint;

/* One pass over the last segment. */
typedef struct dpi_log_pass {
	dpi_log_hub *hub;
	const dpi_log_partition *partition;
	dpi_segment *segment;
	dpi_log_hint hint;
	dpi_sources *sources; /* or NULL */
	uint64_t limit;       /* index at which the file ends */
	uint64_t end;         /* index after the last record */
	uint64_t events;
	bool is_damaged;
	bool has_snapshot;
} dpi_log_pass;

/*
 * A page from before a loss of power may be old. Then it says less than was
 * durable, never more, as it was written after the data were.
 */
static dpi_log_hint hint_of(
	const dpi_log_state *state, uint64_t epoch, uint64_t base)
{
	uint64_t last = atomic_load(&state->base);
	dpi_log_hint hint = {
		.base = last,
		.written = atomic_load(&state->written),
		.durable = atomic_load(&state->durable),
	};

	hint.is_valid = epoch != 0 && last >= base && hint.durable >= last &&
		hint.written >= hint.durable &&
		hint.written - last <= UINT32_MAX;
	return hint;
}

static dp_status no_memory(dp_error **err)
{
	return dpi_error_set(err, DP_ENOMEM, "no memory to scan a segment");
}

/* Raises the epoch, so that a former owner finds out before it writes. 0: the
 * page was lost. */
static uint64_t fence(dpi_log_state *state, const dpi_segment_owner *owner)
{
	if (!dpi_log_state_is_of(state, owner)) {
		dpi_log_state_reset(state, owner);
		return 0;
	}
	return atomic_fetch_add(&state->epoch, 1) + 1;
}

/* The page was from before a loss of power, or new; or it is damaged: so far
 * from what is on disk nobody has counted. */
static uint64_t raise_above(
	dpi_log_state *state, uint64_t epoch, uint64_t epoch_on_disk)
{
	if (epoch - epoch_on_disk - 1 >= EPOCHS_MAX) {
		epoch = epoch_on_disk + 1;
		atomic_store(&state->epoch, epoch);
	}
	return epoch;
}

static bool find_spare(void *user, const char *entry)
{
	char *found = user;

	if (!dpi_log_is_spare(entry)) {
		return true;
	}
	snprintf(found, NAME_MAX + 1, "%s", entry);
	return false;
}

/* Its name goes at once, its space when there is time. It is not cut: a former
 * owner that was stopped may be giving it the name of a segment just now. */
static int remove_spare(dpi_log_hub *hub, const char *path)
{
	const dpi_os *os = hub->os;
	int fd = os->open(os->self, path, DPI_OPEN_READ);
	int rc = os->unlink(os->self, path);

	if (fd >= 0) {
		dpi_leftovers_add(
			&hub->prepare.leftovers, fd, DPI_LEFTOVER_NAMELESS);
	}
	return rc;
}

/* What a former owner has made ready cannot become a segment any more. */
static dp_status remove_spares(
	dpi_log_hub *hub, const dpi_log_partition *partition, dp_error **err)
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
			rc = remove_spare(hub, path);
		}
	} while (rc == 0 && entry[0] != '\0');
	return rc == 0 ? DP_OK
		       : dpi_error_sys(err, -rc,
				 "what a former owner left cannot be removed");
}

static void tell_damaged(dpi_log_pass *pass, uint64_t from, uint64_t to)
{
	pass->is_damaged |= from < to;
	dpi_log_tell_damaged(pass->hub, pass->partition, from, to);
}

/* A run of bytes in front of a record that is none: [from, to) of offsets. */
static void tell_gap(dpi_log_pass *pass, uint64_t from, uint64_t to)
{
	if (pass->hint.is_valid && from >= pass->hint.durable) {
		/* Never synced: the disk kept some of it, and lost this. */
		dpi_log_tell_torn(pass->hub, pass->partition, from, to);
		return;
	}
	tell_damaged(pass, from, to);
}

static dp_status scan_all(dpi_log_pass *pass, dpi_scan *scan, dp_error **err)
{
	uint64_t base = pass->segment->header.base;

	for (;;) {
		uint64_t before = scan->records_end;
		const uint8_t *record;
		uint64_t index;
		dp_status st;

		st = dpi_scan_next(scan, &record, &index, err);
		if (st != DP_OK || record == NULL) {
			return st;
		}
		tell_gap(pass, base + before, base + index);
		pass->has_snapshot |=
			dpi_walk_kind(record) == DPI_RECORD_SOURCES;
		if (pass->sources != NULL &&
			dpi_sources_learn(pass->sources, record,
				(size_t)(scan->records_end - index)) != DP_OK) {
			return no_memory(err);
		}
	}
}

/* The end of what stands in [at, limit) of the indexes and is not zero. */
static uint64_t used_end(const dpi_log_pass *pass, uint64_t at, uint64_t limit)
{
	const dpi_os *os = pass->hub->os;
	uint8_t data[DPI_LOG_PAGE];
	uint64_t used = at;
	int64_t n = 1;

	while (at < limit && n > 0) {
		size_t size = limit - at < sizeof(data) ? (size_t)(limit - at)
							: sizeof(data);

		n = dpi_os_read_all(
			os, pass->segment->fd, data, size, DPI_LOG_PAGE + at);
		for (int64_t i = 0; i < n; i++) {
			used = data[i] != 0 ? at + (uint64_t)i + 1 : used;
		}
		at += n > 0 ? (uint64_t)n : 0;
	}
	return used;
}

/* What stands or stood behind the last record. Without the page nobody knows
 * whether it was finished: then all that is not zero counts as torn. */
static void tell_tail(dpi_log_pass *pass)
{
	uint64_t base = pass->segment->header.base;
	uint64_t limit = pass->limit;
	uint64_t end = base + pass->end;

	if (!pass->hint.is_valid) {
		dpi_log_tell_torn(pass->hub, pass->partition, end,
			base + used_end(pass, pass->end, limit));
		return;
	}
	tell_damaged(pass, end, pass->hint.durable);
	end = pass->hint.durable > end ? pass->hint.durable : end;
	if (pass->hint.written > end && base + limit > end) {
		dpi_log_tell_torn(pass->hub, pass->partition, end,
			base + used_end(pass, end - base, limit));
	}
}

static dp_status run_pass(dpi_log_pass *pass, dp_error **err)
{
	const dpi_log_hub *hub = pass->hub;
	int64_t size = hub->os->size(hub->os->self, pass->segment->fd);
	dpi_scan scan;
	dp_status st;

	if (size < 0) {
		return dpi_error_sys(err, (int)-size, "a segment has no size");
	}
	pass->limit = size > (int64_t)DPI_LOG_PAGE
		? (uint64_t)size - DPI_LOG_PAGE
		: 0;
	if (dpi_scan_init(&scan, hub->alloc, hub->os, pass->segment, 0,
		    pass->limit) != DP_OK) {
		return no_memory(err);
	}
	st = scan_all(pass, &scan, err);
	if (st == DP_OK) {
		pass->end = scan.records_end;
		pass->events = scan.events;
		tell_tail(pass);
	}
	dpi_scan_fini(&scan);
	return st;
}

/*
 * Writes over [at, pass->end) of the indexes what can be read there. A sync
 * that failed may have left it in memory alone, and no later one writes it.
 */
static int write_again(const dpi_log_pass *pass, uint64_t at)
{
	const dpi_os *os = pass->hub->os;
	int fd = pass->segment->fd;
	uint8_t data[DPI_LOG_PAGE];

	while (at < pass->end) {
		uint64_t left = pass->end - at;
		size_t size = left < sizeof(data) ? (size_t)left : sizeof(data);
		uint64_t place = DPI_LOG_PAGE + at;
		int64_t n = dpi_os_read_all(os, fd, data, size, place);
		int rc = n < 0
			? (int)n
			: dpi_os_write_all(os, fd, data, (size_t)n, place);

		if (rc != 0) {
			return rc;
		}
		at += size;
	}
	return 0;
}

static dp_status make_durable(
	const dpi_log_hub *hub, const dpi_log_pass *pass, dp_error **err)
{
	const dpi_os *os = hub->os;
	uint64_t base = pass->segment->header.base;
	int rc = 0;

	/* Without the page the power was lost, and memory with it. */
	if (pass->hint.is_valid) {
		rc = write_again(pass, pass->hint.durable - base);
	}
	if (rc == 0) {
		rc = os->fdatasync(os->self, pass->segment->fd);
	}
	return rc == 0 ? DP_OK
		       : dpi_error_sys(err, -rc, "a segment cannot be synced");
}

/*
 * What stands behind the last record is given back to the disk. An owner may
 * do that later, as it keeps the partition and writes to a segment of its own.
 * After who only looked, another owner may come, and find more by then: a
 * former one that was stopped in a write may have woken.
 */
static void give_back(dpi_log_hub *hub, dpi_log_pass *pass)
{
	const dpi_os *os = hub->os;
	uint64_t size = DPI_LOG_PAGE + pass->end;
	bool is_owner = pass->sources != NULL;

	if (pass->limit <= pass->end) {
		return;
	}
	if (!is_owner) {
		(void)os->truncate(os->self, pass->segment->fd, size);
		return;
	}
	dpi_leftovers_add(&hub->prepare.leftovers, pass->segment->fd, size);
	pass->segment->fd = -1;
}

static dp_status recover_segment(dpi_log_hub *hub, dpi_log_partition *partition,
	const dpi_segment_list *list, dpi_log_pass *pass, dp_error **err)
{
	dpi_segment_list before = *list;
	dp_status st;

	before.count--;
	st = run_pass(pass, err);
	if (st == DP_OK && pass->sources != NULL && !pass->has_snapshot) {
		st = dpi_log_learn_sources(hub, partition, &before, UINT64_MAX,
			pass->sources, err);
	}
	if (st == DP_OK) {
		st = make_durable(hub, pass, err);
	}
	if (st == DP_OK) {
		give_back(hub, pass);
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
		.hub = hub,
		.partition = partition,
		.hint = hint_of(partition->state, ret->epoch, base),
		.sources = sources,
	};
	uint64_t epoch_on_disk;
	dpi_segment segment;
	dp_status st;

	st = dpi_log_epoch_last(hub, &owner, list, &epoch_on_disk, err);
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
	ret->is_empty = pass.events == 0 && !pass.is_damaged;
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
	_Atomic uint64_t *const words[] = {
		&state->base, &state->written, &state->durable};
	const uint64_t values[] = {found->base, found->next, found->next};

	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		if (!dpi_log_state_store(
			    state, found->epoch, words[i], values[i])) {
			return dpi_error_set(err, DP_EIO,
				"another process has taken it over meanwhile");
		}
	}
	return DP_OK;
}

/* There is no segment. If there was one, its offsets are not used again. */
static void recover_none(dpi_log_hub *hub, const dpi_log_partition *partition,
	dpi_log_found *ret)
{
	dpi_log_hint hint = hint_of(partition->state, ret->epoch, 0);

	ret->epoch = raise_above(partition->state, ret->epoch, 0);
	if (hint.is_valid) {
		dpi_log_tell_damaged(hub, partition, hint.base, hint.durable);
		ret->base = hint.base;
		ret->end = hint.durable;
		ret->next = hint.durable;
	}
}

static dp_status recover(dpi_log_hub *hub, dpi_log_partition *partition,
	const dpi_segment_list *list, dpi_sources *sources,
	dpi_log_found *found, dp_error **err)
{
	dp_status st = DP_OK;

	if (list->count > 0) {
		st = recover_last(hub, partition, list, sources, found, err);
	} else {
		recover_none(hub, partition, found);
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
		st = dpi_log_list_own(hub, partition, &list, err);
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
