/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/error.h"
#include "base/thread.h"
#include "hub/log/log_hub.h"
#include "hub/log/partition.h"
#include "hub/log/scan.h"
#include "hub/log/spare.h"
#include "hub/log/writer.h"
#include "io/files.h"

/* Gone for good on return, so that no crash leaves a hole among those that
 * stay. Another process may have been quicker. */
static dp_status remove_segment(dpi_log_hub *hub,
	const dpi_log_partition *partition, uint64_t base, bool *ret_is_removed,
	dp_error **err)
{
	const dpi_os *os = hub->os;
	char path[DPI_LOG_PATH_MAX];
	int rc;

	dpi_log_segment_path(path, hub->directory, &partition->name, base);
	rc = os->unlink(os->self, path);
	if (rc != 0 && rc != -ENOENT) {
		return dpi_error_sys(err, -rc, "%s cannot be removed", path);
	}
	*ret_is_removed = rc == 0;
	return dpi_files_sync_parent(os, path, err);
}

static bool recycle(const dpi_log_partition *partition, uint64_t base)
{
	return partition->writer != NULL &&
		dpi_tail_recycle(dpi_log_writer_tail(partition->writer), base);
}

dp_status dpi_log_drop(dpi_log_hub *hub, dpi_log_partition *partition,
	uint64_t base, bool *ret_is_removed, dp_error **err)
{
	dp_status st = DP_OK;

	dpi_lock(&hub->lock);
	*ret_is_removed = recycle(partition, base);
	if (!*ret_is_removed) {
		st = remove_segment(hub, partition, base, ret_is_removed, err);
	}
	dpi_unlock(&hub->lock);
	return st;
}

uint64_t dpi_partition_count_events(dpi_log_hub *hub,
	const dpi_log_partition *partition, uint64_t base, uint64_t from,
	uint64_t end)
{
	dpi_segment_owner owner = dpi_log_owner(hub, &partition->name);
	const uint8_t *record = NULL;
	dpi_segment segment;
	uint64_t events = 0;
	uint64_t index;
	dpi_scan scan;

	if (dpi_segment_open(&segment, hub->os, hub->directory, &owner, base,
		    false, NULL) != DP_OK) {
		return 0;
	}
	if (dpi_scan_init(&scan, hub->alloc, hub->os, &segment,
		    from > base ? from - base : 0, end - base) == DP_OK) {
		while (dpi_scan_next(&scan, &record, &index, NULL) == DP_OK &&
			record != NULL) {
		}
		events = scan.events;
		dpi_scan_fini(&scan);
	}
	dpi_segment_close(&segment, hub->os);
	return events;
}

static bool drop_oldest(dpi_log_hub *hub, dpi_log_partition *partition)
{
	dpi_segment_list list;
	bool is_dropped = false;
	uint64_t events;

	if (dpi_segment_list_init(&list, hub->alloc, hub->os, hub->directory,
		    &partition->name, NULL) != DP_OK) {
		return false;
	}
	if (list.count > 1) {
		events = dpi_partition_count_events(hub, partition,
			list.bases[0], list.bases[0], list.bases[1]);
		(void)!remove_segment(
			hub, partition, list.bases[0], &is_dropped, NULL);
		dpi_log_count(
			&hub->counters.dropped_events, is_dropped ? events : 0);
	}
	dpi_segment_list_fini(&list, hub->alloc);
	return is_dropped;
}

bool dpi_partition_drop_oldest(dpi_log_hub *hub, dpi_log_partition *partition)
{
	bool is_dropped;

	dpi_lock(&hub->lock);
	is_dropped = drop_oldest(hub, partition);
	dpi_unlock(&hub->lock);
	return is_dropped;
}
