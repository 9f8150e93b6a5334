/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/log/epoch.h"

#include "hub/log/segment.h"

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
	for (size_t i = st == DP_OK ? list.count : 0; i-- > 0;) {
		dpi_segment segment;

		if (dpi_segment_open(&segment, hub->os, hub->directory, &owner,
			    list.bases[i], false, NULL) != DP_OK) {
			continue;
		}
		if (segment.has_header && segment.header.epoch > epoch) {
			*ret_base = list.bases[i];
		}
		dpi_segment_close(&segment, hub->os);
	}
	if (st == DP_OK) {
		dpi_segment_list_fini(&list, hub->alloc);
	}
	return st;
}
