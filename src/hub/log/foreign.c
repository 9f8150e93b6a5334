/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "base/thread.h"
#include "hub/log/partition.h"
#include "hub/log/recovery.h"

/*
 * How far jobs have come in partitions that this hub does not write. A job
 * asks for many keys of one topic in a row, so what was read is kept.
 */

/* Listings that a segment may vanish from before it is read. */
#define TRIES 3

/* Makes what another process has written durable on its behalf. */
static dp_status sync_last(dpi_log_hub *hub, const dpi_log_partition *partition,
	uint64_t base, dp_error **err)
{
	dpi_segment_owner owner = dpi_log_owner(hub, &partition->name);
	const dpi_os *os = hub->os;
	dpi_segment segment;
	dp_status st;
	int rc;

	st = dpi_segment_open(
		&segment, os, hub->directory, &owner, base, true, err);
	if (st != DP_OK) {
		return st;
	}
	rc = os->fdatasync(os->self, segment.fd);
	dpi_segment_close(&segment, os);
	return rc == 0 ? DP_OK
		       : dpi_error_sys(err, -rc,
				 "topic %s, partition %u cannot be synced",
				 partition->topic, partition->name.partition);
}

/*
 * The end is asked for after the segments: all that lie before an older end
 * may have gone, and what they knew stands at the beginning of a later one.
 */
static dp_status learn(dpi_log_hub *hub, dpi_log_partition *partition,
	uint64_t *ret_end, dp_error **err)
{
	dpi_segment_list list;
	dp_status st;

	st = dpi_segment_list_init(&list, hub->alloc, hub->os, hub->directory,
		&partition->name, err);
	if (st != DP_OK || list.count == 0) {
		return st;
	}
	*ret_end = atomic_load(&partition->state->written);
	st = dpi_log_learn_sources(
		hub, partition, &list, *ret_end, &partition->learned, err);
	if (st == DP_OK) {
		st = sync_last(hub, partition, list.bases[list.count - 1], err);
	}
	dpi_segment_list_fini(&list, hub->alloc);
	return st;
}

/* Reads them again only if something was written since. */
static dp_status bring_up_to_date(
	dpi_log_hub *hub, dpi_log_partition *partition, dp_error **err)
{
	uint64_t epoch = atomic_load(&partition->state->epoch);
	uint64_t end = atomic_load(&partition->state->written);
	dp_status st;

	if (partition->learned_epoch == epoch &&
		partition->learned_end == end) {
		return DP_OK;
	}
	partition->learned_epoch = 0;
	dpi_sources_fini(&partition->learned);
	dpi_sources_init(&partition->learned, hub->alloc);
	st = learn(hub, partition, &end, NULL);
	for (int i = 1; st == DP_ENOTFOUND && i < TRIES; i++) {
		st = learn(hub, partition, &end, NULL);
	}
	if (st != DP_OK) {
		return dpi_error_set(err, st,
			"topic %s, partition %u: source places cannot be read",
			partition->topic, partition->name.partition);
	}
	partition->learned_epoch = epoch;
	partition->learned_end = end;
	return DP_OK;
}

dp_status dpi_partition_source_next(dpi_log_hub *hub,
	dpi_log_partition *partition, uint64_t key, uint64_t *ret_next,
	dp_error **err)
{
	dp_status st = dpi_log_settle(hub, partition, err);

	if (st != DP_OK) {
		return st;
	}
	dpi_lock(&hub->learning);
	st = bring_up_to_date(hub, partition, err);
	if (st == DP_OK) {
		*ret_next = dpi_sources_next(&partition->learned, key);
	}
	dpi_unlock(&hub->learning);
	return st;
}
