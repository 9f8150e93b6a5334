/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_HUB_LOG_PARTITION_H
#define DPI_HUB_LOG_PARTITION_H

#include <stdbool.h>
#include <stdint.h>

#include "hub/log/log_hub.h"

/* Partitions of a log: found, made, claimed. */

/* As dpi_log_refresh(), with hub->lock held. */
DP_NODISCARD dp_status dpi_partitions_refresh(dpi_log_hub *hub, dp_error **err);

/*
 * Takes a partition of topic that no process writes, the lowest, and makes one
 * if there is none. Its lock is held until dpi_partitions_give(), and others
 * wait to look at it until dpi_partitions_settled(). The caller holds hub->lock.
 *
 * Errors: DP_ELOCKED  all that the hub allows have a writer
 *         DP_EIO, DP_ENOSPC, DP_ENOMEM
 */
DP_NODISCARD dp_status dpi_partitions_claim(dpi_log_hub *hub, const char *topic,
	dpi_log_partition **ret, dp_error **err);
/* The page of a claimed partition tells the truth now, or it is given back. */
void dpi_partitions_settled(dpi_log_hub *hub, const dpi_partition_name *name);
void dpi_partitions_give(dpi_log_hub *hub, dpi_log_partition *partition);

/* This hub's writer of a topic, or NULL. The caller holds hub->lock. */
dpi_log_writer *dpi_partitions_writer(dpi_log_hub *hub, const char *topic);

/* Unmaps and frees all. */
void dpi_partitions_fini(dpi_log_hub *hub);

/*
 * In foreign.c: as dpi_hub_ops.source_next, for the partitions that this hub does not write.
 * What it finds was synced by whoever wrote it: a job that goes on behind it
 * must not lose it.
 *
 * Errors: DP_EAGAIN  events of this key are written and not synced yet
 *         DP_EIO, DP_EDENIED, DP_ENOMEM
 */
DP_NODISCARD dp_status dpi_partition_source_next(dpi_log_hub *hub,
	dpi_log_partition *partition, uint64_t key, uint64_t *ret_next,
	dp_error **err);

/* How many topics there are, and the bytes of all their segments. */
DP_NODISCARD dp_status dpi_partitions_count(
	dpi_log_hub *hub, dp_hub_stats *ret, dp_error **err);

/*
 * In drop.c: events in [from, end) of the segment at base, as far as they can
 * be read. from is the place of a record, or below base.
 */
uint64_t dpi_partition_count_events(dpi_log_hub *hub,
	const dpi_log_partition *partition, uint64_t base, uint64_t from,
	uint64_t end);

/*
 * In drop.c: gives room back to the disk: the spare if there is one, else the
 * oldest segment, unless it is the only one. Counts its events as dropped.
 * Returns whether there is one file less. Of a partition that this hub writes.
 */
bool dpi_partition_drop_oldest(dpi_log_hub *hub, dpi_log_partition *partition);

#endif /* DPI_HUB_LOG_PARTITION_H */
