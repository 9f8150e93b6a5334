/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/log/learn.h"

#include "base/error.h"
#include "hub/log/scan.h"

static dp_status no_memory(dp_error **err)
{
	return dpi_error_set(err, DP_ENOMEM, "no memory to scan a segment");
}

/* DP_ENOTFOUND: what its owner has written over it looked like damage. The
 * name goes before that. */
static dp_status check_there(const dpi_log_hub *hub,
	const dpi_segment_owner *owner, uint64_t base, dp_error **err)
{
	dpi_segment segment;
	dp_status st = dpi_segment_open(
		&segment, hub->os, hub->directory, owner, base, false, err);

	if (st == DP_OK) {
		dpi_segment_close(&segment, hub->os);
	}
	return st;
}

/* Learns from one segment; *ret_whole: it has a snapshot, as segments begin
 * with. */
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
		*ret_whole |= dpi_walk_kind(record) == DPI_RECORD_SOURCES;
		if (dpi_sources_learn(sources, record,
			    (size_t)(scan.records_end - index)) != DP_OK) {
			st = no_memory(err);
		}
	} while (st == DP_OK);
	dpi_scan_fini(&scan);
	if (st == DP_OK) {
		st = check_there(hub, owner, base, err);
	}
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
