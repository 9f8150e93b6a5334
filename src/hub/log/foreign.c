/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "base/thread.h"
#include "hub/log/learn.h"
#include "hub/log/partition.h"

/*
 * How far jobs have come in partitions that this hub does not write. A job
 * asks for many keys of one topic in a row, so what was read is kept.
 */

/* Listings that a segment may vanish from before it is read. */
#define TRIES 3

static void forget(dpi_log_hub *hub, dpi_log_partition *partition)
{
	dpi_sources_fini(&partition->learned);
	dpi_sources_init(&partition->learned, hub->alloc);
	dpi_sources_fini(&partition->awaited);
	dpi_sources_init(&partition->awaited, hub->alloc);
}

/*
 * The ends are asked for after the segments: all that lie before an older end
 * may have gone, and what they knew stands at the beginning of a later one. If
 * one has begun in between, all are listed again.
 */
static dp_status learn(dpi_log_hub *hub, dpi_log_partition *partition,
	uint64_t *ret_durable, uint64_t *ret_written, dp_error **err)
{
	dpi_segment_list list;
	dp_status st;

	forget(hub, partition);
	st = dpi_segment_list_init(&list, hub->alloc, hub->os, hub->directory,
		&partition->name, err);
	if (st != DP_OK) {
		return st;
	}
	*ret_written = atomic_load(&partition->state->written);
	*ret_durable = atomic_load(&partition->state->durable);
	if (list.count > 0 &&
		atomic_load(&partition->state->base) >
			list.bases[list.count - 1]) {
		st = DP_ENOTFOUND;
	}
	if (st == DP_OK) {
		st = dpi_log_learn_sources(hub, partition, &list, *ret_durable,
			&partition->learned, err);
	}
	if (st == DP_OK && *ret_durable < *ret_written) {
		st = dpi_log_learn_sources(hub, partition, &list, *ret_written,
			&partition->awaited, err);
	}
	dpi_segment_list_fini(&list, hub->alloc);
	return st;
}

/* Reads them again only if something was written or synced since. */
static dp_status bring_up_to_date(
	dpi_log_hub *hub, dpi_log_partition *partition, dp_error **err)
{
	uint64_t epoch = atomic_load(&partition->state->epoch);
	uint64_t written = atomic_load(&partition->state->written);
	uint64_t durable = atomic_load(&partition->state->durable);
	dp_status st;

	if (partition->learned_epoch == epoch &&
		partition->learned_end == written &&
		partition->learned_durable == durable) {
		return DP_OK;
	}
	partition->learned_epoch = 0;
	st = learn(hub, partition, &durable, &written, NULL);
	for (int i = 1; st == DP_ENOTFOUND && i < TRIES; i++) {
		st = learn(hub, partition, &durable, &written, NULL);
	}
	if (st != DP_OK) {
		/* DP_ENOTFOUND is what says that nothing was ever appended. */
		return dpi_error_set(err, st == DP_ENOTFOUND ? DP_EAGAIN : st,
			"topic %s, partition %u: source places cannot be read",
			partition->topic, partition->name.partition);
	}
	partition->learned_epoch = epoch;
	partition->learned_end = written;
	partition->learned_durable = durable;
	return DP_OK;
}

/*
 * Whether a place lasts only its owner knows, who syncs by the descriptor that
 * it wrote with: a sync by another one is not told of what the disk has
 * refused before.
 */
static dp_status answer(const dpi_log_partition *partition, uint64_t key,
	uint64_t *ret_next, dp_error **err)
{
	*ret_next = dpi_sources_next(&partition->learned, key);
	if (dpi_sources_next(&partition->awaited, key) > *ret_next) {
		return dpi_error_set(err, DP_EAGAIN,
			"topic %s, partition %u: events of this source were "
			"written by another process and are not synced yet; if "
			"that lasts, a sync has failed there: restart it",
			partition->topic, partition->name.partition);
	}
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
		st = answer(partition, key, ret_next, err);
	}
	dpi_unlock(&hub->learning);
	return st;
}
