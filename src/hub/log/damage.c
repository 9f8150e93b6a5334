/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/log/damage.h"

#define DPI_MSG_LOG_DAMAGED 0x6b1f93a2u
#define DPI_MSG_LOG_TORN 0x2e07c5d4u
#define DPI_MSG_LOG_GONE 0x53c80e1bu

void dpi_log_tell_damaged(dpi_log_hub *hub, const dpi_log_partition *partition,
	uint64_t from, uint64_t to)
{
	if (from < to) {
		dpi_log_count(&hub->counters.corrupt_events, 1);
		dpi_log_count(&hub->counters.corrupt_bytes, to - from);
		dpi_log(hub->hub.rt, DP_LOG_ERROR, DPI_MSG_LOG_DAMAGED, "hub",
			partition->topic,
			"partition %u: offsets %llu to %llu are damaged and "
			"were skipped",
			(unsigned)partition->name.partition,
			(unsigned long long)from, (unsigned long long)to);
	}
}

void dpi_log_tell_torn(dpi_log_hub *hub, const dpi_log_partition *partition,
	uint64_t from, uint64_t to)
{
	if (from < to) {
		dpi_log_count(&hub->counters.torn_bytes, to - from);
		dpi_log(hub->hub.rt, DP_LOG_INFO, DPI_MSG_LOG_TORN, "hub",
			partition->topic,
			"partition %u: offsets %llu to %llu were never "
			"finished and are cut off",
			(unsigned)partition->name.partition,
			(unsigned long long)from, (unsigned long long)to);
	}
}

void dpi_log_tell_gone(dpi_log_hub *hub, const dpi_log_partition *partition,
	const char *subscription, uint64_t from, uint64_t to)
{
	dpi_log(hub->hub.rt, DP_LOG_WARN, DPI_MSG_LOG_GONE, "hub", subscription,
		"offsets %llu to %llu of %s/%u were gone before they were read",
		(unsigned long long)from, (unsigned long long)to,
		partition->topic, (unsigned)partition->name.partition);
}
