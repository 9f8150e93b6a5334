/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/log/log_hub.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "base/thread.h"
#include "hub/log/committer.h"
#include "hub/log/identity.h"
#include "hub/log/log_backend.h"
#include "hub/log/partition.h"
#include "hub/log/writer.h"

/*
 * A log opens without looking at a record. A topic costs its first publisher a
 * scan of its partition's last segment (recovery.h) and a new segment; from
 * then on the hub has a writer for it until it closes. Threads start with the
 * first writer.
 *
 * Closing stops the threads, commits and syncs what is left, cuts what was
 * written ahead, and gives the partitions back. A process that dies does less:
 * the kernel gives them back, and whoever comes next recovers.
 */

static dpi_log_hub *of(dp_hub *hub)
{
	return (dpi_log_hub *)hub;
}

static void free_hub(dpi_log_hub *hub)
{
	dpi_partitions_fini(hub);
	dpi_log_news_unmap(hub->news, hub->os);
	dpi_locks_close(&hub->locks);
	dpi_log_prepare_fini(&hub->prepare);
	dpi_log_watch_fini(&hub->watch);
	dpi_log_awake_fini(&hub->awake);
	(void)pthread_mutex_destroy(&hub->learning);
	(void)pthread_mutex_destroy(&hub->lock);
	dpi_free(hub->alloc, hub->directory, strlen(hub->directory) + 1, 1);
	dpi_free(hub->alloc, hub, 1, sizeof(*hub));
}

/* In a child after fork(), whose threads are not there and whose locks are
 * the parent's. */
static void abandon_hub(dpi_log_hub *hub)
{
	dpi_log_partition *partition = hub->partitions;

	for (; partition != NULL; partition = partition->next) {
		if (partition->writer != NULL) {
			dpi_log_writer_abandon(partition->writer);
		}
	}
	if (hub->committer != NULL) {
		dpi_log_committer_free(hub->committer);
	}
	free_hub(hub);
}

static void close_hub(dp_hub *base)
{
	dpi_log_hub *hub = of(base);
	dpi_log_partition *partition = hub->partitions;

	if (dpi_runtime_check(base->rt, NULL) != DP_OK) {
		abandon_hub(hub);
		return;
	}
	dpi_log_watch_stop(&hub->watch);
	dpi_log_prepare_stop(&hub->prepare);
	if (hub->committer != NULL) {
		dpi_log_committer_stop(hub->committer);
	}
	for (; partition != NULL; partition = partition->next) {
		if (partition->writer != NULL) {
			dpi_log_writer_free(partition->writer);
		}
	}
	if (hub->committer != NULL) {
		dpi_log_committer_free(hub->committer);
	}
	free_hub(hub);
}

static uint64_t load(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

static dp_status get_stats(dp_hub *base, dp_hub_stats *ret, dp_error **err)
{
	dpi_log_hub *hub = of(base);
	const dpi_log_counters *counters = &hub->counters;
	dp_status st;

	dpi_lock(&hub->lock);
	st = dpi_partitions_refresh(hub, err);
	if (st == DP_OK) {
		st = dpi_partitions_count(hub, ret, err);
	}
	dpi_unlock(&hub->lock);
	ret->appended_events = load(&counters->appended_events);
	ret->appended_bytes = load(&counters->appended_bytes);
	ret->syncs = load(&counters->syncs);
	ret->corrupt_events = load(&counters->corrupt_events);
	ret->corrupt_bytes = load(&counters->corrupt_bytes);
	ret->torn_bytes = load(&counters->torn_bytes);
	ret->dropped_events = load(&counters->dropped_events);
	ret->cursor_rewinds = load(&counters->cursor_rewinds);
	return st;
}

static dp_status make_writer(dpi_log_hub *hub, const char *topic,
	dpi_log_writer **ret, dp_error **err)
{
	dp_status st = DP_OK;

	if (hub->committer == NULL) {
		st = dpi_log_committer_new(&hub->committer, hub, err);
	}
	return st == DP_OK ? dpi_log_writer_new(ret, hub, topic, err) : st;
}

static dp_status get_writer(dp_hub *base, const char *topic,
	dpi_writer **ret_writer, dp_error **err)
{
	dpi_log_hub *hub = of(base);
	bool is_new = false;
	dpi_log_writer *w;
	dp_status st = dpi_runtime_check(base->rt, err);

	if (st != DP_OK) {
		return st;
	}
	dpi_lock(&hub->lock);
	w = dpi_partitions_writer(hub, topic);
	if (w == NULL) {
		st = make_writer(hub, topic, &w, err);
		is_new = true;
	}
	dpi_unlock(&hub->lock);
	if (st != DP_OK) {
		return st;
	}
	if (is_new) {
		dpi_log_stay_awake(w);
	}
	*ret_writer = &w->writer;
	return DP_OK;
}

static dpi_log_writer *writer_of(
	dpi_log_hub *hub, const dpi_log_partition *partition)
{
	dpi_log_writer *w;

	dpi_lock(&hub->lock);
	w = partition->writer;
	dpi_unlock(&hub->lock);
	return w;
}

static dp_status get_source_next(dp_hub *base, const char *topic, uint64_t key,
	uint64_t *ret_next, dp_error **err)
{
	dpi_log_hub *hub = of(base);
	dpi_log_partition *partition;
	dp_status st = dpi_log_refresh(hub, err);
	uint64_t greatest = 0;

	dpi_lock(&hub->lock);
	partition = hub->partitions;
	dpi_unlock(&hub->lock);
	for (; st == DP_OK && partition != NULL; partition = partition->next) {
		dpi_log_writer *w;
		uint64_t next = 0;

		if (strcmp(partition->topic, topic) != 0) {
			continue;
		}
		w = writer_of(hub, partition);
		if (w != NULL) {
			next = dpi_log_writer_source_next(w, key);
		} else {
			st = dpi_partition_source_next(
				hub, partition, key, &next, err);
		}
		greatest = next > greatest ? next : greatest;
	}
	if (st == DP_OK) {
		*ret_next = greatest;
	}
	return st;
}

static const dpi_hub_ops OPS = {
	.close = close_hub,
	.stats = get_stats,
	.writer = get_writer,
	.source_next = get_source_next,
	.subscribe = dpi_log_subscribe,
	.unsubscribe = dpi_log_unsubscribe,
};

static dp_status open_files(
	dpi_log_hub *hub, const char *directory, dp_error **err)
{
	dp_status st;

	st = dpi_identity_open(
		hub->uuid, &hub->locks, hub->alloc, hub->os, directory, err);
	if (st != DP_OK) {
		return st;
	}
	hub->hub.identity = dpi_hash64(0, hub->uuid, sizeof(hub->uuid));
	st = dpi_log_news_map(&hub->news, hub->os, directory, err);
	if (st != DP_OK) {
		dpi_locks_close(&hub->locks);
	}
	return st;
}

static dp_status new_hub(dpi_log_hub **ret, dp_runtime *rt,
	const char *directory, const dp_hub_options *whole, dp_error **err)
{
	const dp_allocator *alloc = dpi_runtime_alloc(rt);
	dpi_log_hub *hub = dpi_zalloc(alloc, 1, sizeof(*hub));
	size_t size = strlen(directory) + 1;

	if (hub == NULL) {
		return dpi_error_set(err, DP_ENOMEM, "no memory for a hub");
	}
	hub->hub = (dp_hub){.ops = &OPS, .rt = rt};
	hub->alloc = alloc;
	hub->os = dpi_runtime_os(rt);
	hub->opts = *whole;
	hub->directory = alloc->alloc(alloc->user, size);
	if (hub->directory == NULL) {
		dpi_free(alloc, hub, 1, sizeof(*hub));
		return dpi_error_set(err, DP_ENOMEM, "no memory for a hub");
	}
	memcpy(hub->directory, directory, size);
	*ret = hub;
	return DP_OK;
}

dp_status dpi_log_hub_open(dp_hub **ret, dp_runtime *rt, const char *directory,
	const dp_hub_options *whole, dp_error **err)
{
	size_t size = strlen(directory);
	dpi_log_hub *hub = NULL;
	dp_status st;

	if (size == 0 || size > DPI_LOG_DIRECTORY_MAX) {
		return dpi_error_set(err, DP_EINVAL,
			"the directory of a log has %zu bytes: give 1 to %u",
			size, DPI_LOG_DIRECTORY_MAX);
	}
	st = new_hub(&hub, rt, directory, whole, err);
	if (st != DP_OK) {
		return st;
	}
	st = open_files(hub, directory, err);
	if (st != DP_OK) {
		dpi_free(hub->alloc, hub->directory, size + 1, 1);
		dpi_free(hub->alloc, hub, 1, sizeof(*hub));
		return st;
	}
	dpi_log_prepare_init(&hub->prepare, hub->os);
	dpi_log_watch_init(&hub->watch, hub->os, hub->news);
	dpi_log_awake_init(&hub->awake);
	(void)pthread_mutex_init(&hub->learning, NULL);
	(void)pthread_mutex_init(&hub->lock, NULL);
	*ret = &hub->hub;
	return DP_OK;
}
