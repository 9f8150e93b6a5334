/* SPDX-License-Identifier: Apache-2.0 */
#include "log_rig.h"

#include <stdlib.h>

/* For release builds, too. */
static void need(bool is_true)
{
	if (!is_true) {
		abort();
	}
}

void log_rig_init(struct log_rig *rig)
{
	*rig = (struct log_rig){.opts = DP_HUB_OPTIONS_INIT};
	test_heap_init(&rig->heap);
	rig->opts.segment_bytes = 64u << 10;
	rig->opts.full_policy = DP_FULL_REJECT;
	rig->opts.partitions_max = 4;
	rig->opts.sync_interval_ns = 100 * DP_MILLISECOND;
}

static void forget_error(struct log_rig *rig)
{
	dp_error_free(rig->err);
	rig->err = NULL;
}

dp_status log_rig_open(
	struct log_rig *rig, const dpi_os *os, const char *directory)
{
	dp_runtime_options opts = DP_RUNTIME_OPTIONS_INIT;
	dp_status st;

	opts.allocator = &rig->heap.alloc;
	opts.log = rig->log;
	opts.log_user = rig->log_user;
	opts.log_level = DP_LOG_INFO;
	forget_error(rig);
	st = dpi_runtime_new(&rig->rt, &opts, os, &rig->err);
	if (st != DP_OK) {
		return st;
	}
	st = dpi_log_hub_open(
		&rig->hub, rig->rt, directory, &rig->opts, &rig->err);
	if (st != DP_OK) {
		dp_runtime_free(rig->rt);
		rig->rt = NULL;
	}
	return st;
}

void log_rig_close(struct log_rig *rig)
{
	if (rig->hub != NULL) {
		rig->hub->ops->close(rig->hub);
		rig->hub = NULL;
	}
	if (rig->rt != NULL) {
		dp_runtime_free(rig->rt);
		rig->rt = NULL;
	}
	forget_error(rig);
	need(rig->heap.live_bytes == 0);
}

dpi_writer *log_rig_writer(struct log_rig *rig, const char *topic)
{
	dpi_writer *writer = NULL;

	forget_error(rig);
	(void)rig->hub->ops->writer(rig->hub, topic, &writer, &rig->err);
	return writer;
}

dp_hub_stats log_rig_stats(struct log_rig *rig)
{
	dp_hub_stats stats = {.struct_size = sizeof(stats)};

	need(rig->hub->ops->stats(rig->hub, &stats, NULL) == DP_OK);
	return stats;
}
