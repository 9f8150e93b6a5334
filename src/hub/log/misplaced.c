/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/log/misplaced.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/error.h"
#include "hub/log/scan.h"
#include "io/files.h"

#define DPI_MSG_MISPLACED 0x3fa0d926u
#define DPI_MSG_PUT_BACK 0x1d84b7e5u

/* Where a misplaced file belongs, if it is not UINT64_MAX. */
#define IN_PLACE (UINT64_MAX - 1)

typedef struct dpi_tidying {
	dpi_log_hub *hub;
	const dpi_log_partition *partition;
	dpi_segment_owner owner;
	dp_time_ns now;
} dpi_tidying;

static bool has_record(
	const dpi_tidying *tidying, const dpi_segment *segment, bool *ret)
{
	const dpi_log_hub *hub = tidying->hub;
	const uint8_t *record = NULL;
	uint64_t index;
	dpi_scan scan;

	if (dpi_scan_init(&scan, hub->alloc, hub->os, segment, 0, UINT32_MAX) !=
		DP_OK) {
		return false;
	}
	/* What cannot be read may have one. */
	*ret = dpi_scan_next(&scan, &record, &index, NULL) != DP_OK ||
		record != NULL;
	dpi_scan_fini(&scan);
	return true;
}

/* Whether the state page knows of a segment whose contents are lost. */
static bool is_known(const dpi_tidying *tidying, uint64_t base)
{
	dpi_log_state *state = tidying->partition->state;

	return dpi_log_state_is_of(state, &tidying->owner) &&
		atomic_load(&state->base) == base;
}

/* Finds out where a file belongs; IN_PLACE if it stays. False: no memory. */
static bool find_place(const dpi_tidying *tidying, uint64_t base, uint64_t *ret)
{
	const dpi_log_hub *hub = tidying->hub;
	bool stays = true;
	dpi_segment segment;
	bool is_done = true;

	*ret = IN_PLACE;
	if (dpi_segment_open(&segment, hub->os, hub->directory, &tidying->owner,
		    base, false, NULL) != DP_OK) {
		return true;
	}
	if (segment.is_foreign) {
		*ret = segment.foreign_base;
	} else if (!segment.has_header && !is_known(tidying, base)) {
		is_done = has_record(tidying, &segment, &stays);
		*ret = stays ? IN_PLACE : UINT64_MAX;
	}
	dpi_segment_close(&segment, hub->os);
	return is_done;
}

static void aside_path(const dpi_tidying *tidying, uint64_t base, char *buf)
{
	char entry[64];

	snprintf(entry, sizeof(entry), "%016llx.seg.misplaced-%lld",
		(unsigned long long)base,
		(long long)(tidying->now / DP_MILLISECOND));
	dpi_log_partition_path(
		buf, tidying->hub->directory, &tidying->owner.name, entry);
}

static dp_status move(const dpi_tidying *tidying, const char *from,
	const char *to, dp_error **err)
{
	const dpi_os *os = tidying->hub->os;
	int rc = os->rename(os->self, from, to);

	return rc == 0 ? DP_OK
		       : dpi_error_sys(err, -rc, "%s cannot be renamed", from);
}

static dp_status put_aside(
	const dpi_tidying *tidying, uint64_t base, dp_error **err)
{
	char from[DPI_LOG_PATH_MAX];
	char to[DPI_LOG_PATH_MAX];
	dp_status st;

	dpi_log_segment_path(
		from, tidying->hub->directory, &tidying->owner.name, base);
	aside_path(tidying, base, to);
	st = move(tidying, from, to, err);
	if (st == DP_OK) {
		dpi_log(tidying->hub->hub.rt, DP_LOG_ERROR, DPI_MSG_MISPLACED,
			"hub", tidying->partition->topic,
			"partition %u: %016llx.seg is no segment of this "
			"place: renamed to %s",
			(unsigned)tidying->owner.name.partition,
			(unsigned long long)base, to);
	}
	return st;
}

static dp_status put_back(const dpi_tidying *tidying, uint64_t base,
	uint64_t place, dp_error **err)
{
	char from[DPI_LOG_PATH_MAX];
	char to[DPI_LOG_PATH_MAX];
	bool is_there = true;
	dp_status st;

	dpi_log_segment_path(
		to, tidying->hub->directory, &tidying->owner.name, place);
	st = dpi_files_exists(tidying->hub->os, to, &is_there, err);
	if (st != DP_OK || is_there) {
		return st;
	}
	aside_path(tidying, base, from);
	st = move(tidying, from, to, err);
	if (st == DP_OK) {
		dpi_log(tidying->hub->hub.rt, DP_LOG_WARN, DPI_MSG_PUT_BACK,
			"hub", tidying->partition->topic,
			"partition %u: segment %016llx had the name of "
			"%016llx and got its own back",
			(unsigned)tidying->owner.name.partition,
			(unsigned long long)place, (unsigned long long)base);
	}
	return st;
}

static dp_status find_places(const dpi_tidying *tidying,
	const dpi_segment_list *list, uint64_t *places, bool *ret_tidy,
	dp_error **err)
{
	*ret_tidy = true;
	for (size_t i = 0; i < list->count; i++) {
		if (!find_place(tidying, list->bases[i], &places[i])) {
			return dpi_error_set(
				err, DP_ENOMEM, "no memory to scan a segment");
		}
		*ret_tidy &= places[i] == IN_PLACE;
	}
	return DP_OK;
}

/* All are out of the way before one takes a name that may be another's. */
static dp_status move_all(const dpi_tidying *tidying,
	const dpi_segment_list *list, const uint64_t *places, dp_error **err)
{
	char path[DPI_LOG_PATH_MAX];
	dp_status st = DP_OK;

	for (size_t i = 0; st == DP_OK && i < list->count; i++) {
		if (places[i] != IN_PLACE) {
			st = put_aside(tidying, list->bases[i], err);
		}
	}
	for (size_t i = 0; st == DP_OK && i < list->count; i++) {
		if (places[i] < IN_PLACE) {
			st = put_back(tidying, list->bases[i], places[i], err);
		}
	}
	if (st != DP_OK) {
		return st;
	}
	dpi_log_partition_path(
		path, tidying->hub->directory, &tidying->owner.name, NULL);
	return dpi_files_sync_dir(tidying->hub->os, path, err);
}

static dp_status tidy(const dpi_tidying *tidying, const dpi_segment_list *list,
	bool *ret_tidy, dp_error **err)
{
	const dp_allocator *alloc = tidying->hub->alloc;
	uint64_t *places = dpi_zalloc(alloc, list->count, sizeof(*places));
	dp_status st;

	if (places == NULL) {
		return dpi_error_set(
			err, DP_ENOMEM, "no memory to look through segments");
	}
	st = find_places(tidying, list, places, ret_tidy, err);
	if (st == DP_OK && !*ret_tidy) {
		st = move_all(tidying, list, places, err);
	}
	dpi_free(alloc, places, list->count, sizeof(*places));
	return st;
}

dp_status dpi_log_list_own(dpi_log_hub *hub, const dpi_log_partition *partition,
	dpi_segment_list *ret, dp_error **err)
{
	dpi_tidying tidying = {hub, partition,
		dpi_log_owner(hub, &partition->name),
		hub->os->wall(hub->os->self)};
	bool is_tidy = true;
	dp_status st;

	st = dpi_segment_list_init(ret, hub->alloc, hub->os, hub->directory,
		&partition->name, err);
	if (st != DP_OK || ret->count == 0) {
		return st;
	}
	st = tidy(&tidying, ret, &is_tidy, err);
	if (st == DP_OK && is_tidy) {
		return DP_OK;
	}
	dpi_segment_list_fini(ret, hub->alloc);
	return st == DP_OK ? dpi_segment_list_init(ret, hub->alloc, hub->os,
				     hub->directory, &partition->name, err)
			   : st;
}
