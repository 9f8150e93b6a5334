/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/log/epoch.h"

#include "base/error.h"
#include "hub/log/segment.h"

dp_status dpi_log_epoch_last(const dpi_log_hub *hub,
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

/*
 * The first segment of [from, to) that has a header, and its epoch; to: none
 * has. What was let go since is passed over: it was older than all that stay.
 */
static dp_status find_epoch(const dpi_log_hub *hub,
	const dpi_segment_owner *owner, const dpi_segment_list *list,
	size_t from, size_t to, size_t *ret, uint64_t *ret_epoch,
	dp_error **err)
{
	bool found = false;

	for (*ret = from; *ret < to && !found; *ret += !found) {
		dpi_segment segment;
		dp_status st;

		st = dpi_segment_open(&segment, hub->os, hub->directory, owner,
			list->bases[*ret], false, err);
		if (st == DP_ENOTFOUND) {
			dpi_error_clear(err);
			continue;
		}
		if (st != DP_OK) {
			return st;
		}
		found = segment.has_header;
		*ret_epoch = segment.header.epoch;
		dpi_segment_close(&segment, hub->os);
	}
	return DP_OK;
}

/*
 * Epochs never go down from one segment to the next: who begins a segment has
 * taken an epoch above that of the last one before it listed where to begin,
 * and a former owner gives no name any more once that list was made.
 */
static dp_status bisect(const dpi_log_hub *hub, const dpi_segment_owner *owner,
	const dpi_segment_list *list, uint64_t epoch, uint64_t *ret_base,
	dp_error **err)
{
	size_t from = 0;
	size_t to = list->count;

	while (from < to) {
		size_t middle = from + (to - from) / 2;
		uint64_t found = 0;
		size_t at;
		dp_status st;

		st = find_epoch(hub, owner, list, middle, to, &at, &found, err);
		if (st != DP_OK) {
			return st;
		}
		if (at < to && found <= epoch) {
			from = at + 1;
			continue;
		}
		if (at < to) {
			*ret_base = list->bases[at];
		}
		to = middle;
	}
	return DP_OK;
}

dp_status dpi_log_epoch_after(dpi_log_hub *hub,
	const dpi_log_partition *partition, uint64_t epoch, uint64_t *ret_base,
	dp_error **err)
{
	dpi_segment_owner owner = dpi_log_owner(hub, &partition->name);
	dpi_segment_list list;
	dp_status st;

	*ret_base = UINT64_MAX;
	st = dpi_segment_list_init(&list, hub->alloc, hub->os, hub->directory,
		&partition->name, err);
	if (st == DP_OK) {
		st = bisect(hub, &owner, &list, epoch, ret_base, err);
		dpi_segment_list_fini(&list, hub->alloc);
	}
	return st;
}
