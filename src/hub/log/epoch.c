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
	if (st != DP_OK) {
		return st;
	}
	for (size_t i = list.count; st == DP_OK && i-- > 0;) {
		dpi_segment segment;

		st = dpi_segment_open(&segment, hub->os, hub->directory, &owner,
			list.bases[i], false, err);
		if (st == DP_OK) {
			if (segment.has_header &&
				segment.header.epoch > epoch) {
				*ret_base = list.bases[i];
			}
			dpi_segment_close(&segment, hub->os);
		} else if (st == DP_ENOTFOUND) {
			/* Let go since. */
			dpi_error_clear(err);
			st = DP_OK;
		}
	}
	dpi_segment_list_fini(&list, hub->alloc);
	return st;
}
