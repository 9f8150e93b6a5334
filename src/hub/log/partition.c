/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/log/partition.h"

#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/error.h"
#include "base/text.h"
#include "base/thread.h"
#include "hub/log/recovery.h"
#include "io/files.h"

/* Names of topics and partitions, while they are listed. */
#define NAMES_MAX_BYTES (64u << 20)

/* How long another process may take to find out how far a partition is. */
#define SETTLING_WAIT (10 * DP_SECOND)

/* Where the partitions of a topic are hung up. */
static dpi_log_partition **bucket_of(dpi_log_hub *hub, const char *topic)
{
	uint64_t hash = dpi_hash64(0, topic, strlen(topic));

	return &hub->buckets[hash % DPI_LOG_BUCKETS];
}

static dpi_log_partition *find(
	dpi_log_hub *hub, const char *topic, uint32_t number)
{
	dpi_log_partition *partition = *bucket_of(hub, topic);

	while (partition != NULL &&
		(partition->name.partition != number ||
			strcmp(partition->topic, topic) != 0)) {
		partition = partition->in_bucket;
	}
	return partition;
}

dpi_log_writer *dpi_partitions_writer(dpi_log_hub *hub, const char *topic)
{
	dpi_log_partition *partition = *bucket_of(hub, topic);

	while (partition != NULL &&
		(partition->writer == NULL ||
			strcmp(partition->topic, topic) != 0)) {
		partition = partition->in_bucket;
	}
	return partition != NULL ? partition->writer : NULL;
}

static dp_status add(dpi_log_hub *hub, const char *topic, uint32_t number,
	dpi_log_partition **ret, dp_error **err)
{
	dpi_log_partition **bucket = bucket_of(hub, topic);
	dpi_log_partition *partition;
	dp_status st;

	partition = dpi_zalloc(hub->alloc, 1, sizeof(*partition));
	if (partition == NULL) {
		return dpi_error_set(
			err, DP_ENOMEM, "no memory for topic %s", topic);
	}
	memcpy(partition->topic, topic, strlen(topic) + 1);
	dpi_sources_init(&partition->learned, hub->alloc);
	dpi_sources_init(&partition->awaited, hub->alloc);
	partition->name.topic = partition->topic;
	partition->name.partition = number;
	st = dpi_log_state_map(&partition->state, hub->os, hub->directory,
		&partition->name, err);
	if (st != DP_OK) {
		dpi_free(hub->alloc, partition, 1, sizeof(*partition));
		return st;
	}
	partition->in_bucket = *bucket;
	*bucket = partition;
	partition->next = hub->partitions;
	hub->partitions = partition;
	*ret = partition;
	return DP_OK;
}

/* Somebody's file among the directories is no topic, and no partition. */
static dp_status unless_stray(dp_status st, dp_error **err)
{
	if (st != DP_ENOTFOUND) {
		return st;
	}
	dpi_error_clear(err);
	return DP_OK;
}

static dp_status list_topic(
	dpi_log_hub *hub, const char *topic, dpi_arena *arena, dp_error **err)
{
	char path[DPI_LOG_PATH_MAX];
	const char *const *names;
	dp_status st;
	size_t count;

	dpi_log_topic_path(path, hub->directory, topic);
	st = dpi_files_list(hub->os, path, arena, &names, &count, err);
	for (size_t i = 0; st == DP_OK && i < count; i++) {
		dpi_log_partition *partition;
		uint32_t number;

		if (dpi_log_is_partition(names[i], &number) &&
			find(hub, topic, number) == NULL) {
			st = add(hub, topic, number, &partition, err);
			st = unless_stray(st, err);
		}
	}
	return unless_stray(st, err);
}

static dp_status list_all(dpi_log_hub *hub, dpi_arena *arena, dp_error **err)
{
	char path[DPI_LOG_PATH_MAX];
	const char *const *names;
	dp_status st;
	size_t count;

	dpi_log_path(path, hub->directory, "topics");
	st = dpi_files_list(hub->os, path, arena, &names, &count, err);
	for (size_t i = 0; st == DP_OK && i < count; i++) {
		if (dpi_name_valid(names[i], DPI_LOG_TOPIC_MAX)) {
			st = list_topic(hub, names[i], arena, err);
		}
	}
	return st;
}

dp_status dpi_partitions_refresh(dpi_log_hub *hub, dp_error **err)
{
	uint32_t layout = atomic_load(&hub->news->layout);
	dpi_arena arena;
	dp_status st;

	if (hub->is_listed && hub->layout_seen == layout) {
		return DP_OK;
	}
	dpi_arena_init(&arena, hub->alloc, NAMES_MAX_BYTES);
	st = list_all(hub, &arena, err);
	dpi_arena_fini(&arena);
	if (st == DP_OK) {
		hub->layout_seen = layout;
		hub->is_listed = true;
	}
	return st;
}

dp_status dpi_log_refresh(dpi_log_hub *hub, dp_error **err)
{
	dp_status st;

	dpi_lock(&hub->lock);
	st = dpi_partitions_refresh(hub, err);
	dpi_unlock(&hub->lock);
	return st;
}

dpi_segment_owner dpi_log_owner(
	const dpi_log_hub *hub, const dpi_partition_name *name)
{
	dpi_segment_owner owner = {.uuid = hub->uuid, .name = *name};

	return owner;
}

/* Makes the directory of a partition; others learn of it by the layout. */
static dp_status make(dpi_log_hub *hub, const dpi_partition_name *name,
	dpi_log_partition **ret, dp_error **err)
{
	char path[DPI_LOG_PATH_MAX];
	uint32_t layout;
	dp_status st;

	dpi_log_partition_path(path, hub->directory, name, NULL);
	st = dpi_files_mkdir(hub->os, path, err);
	if (st == DP_OK) {
		st = add(hub, name->topic, name->partition, ret, err);
	}
	if (st == DP_OK) {
		layout = atomic_fetch_add(&hub->news->layout, 1);
		/* We need not list for what we made ourselves. */
		hub->layout_seen += layout == hub->layout_seen;
		dpi_log_news_tell(hub->news, hub->os);
	}
	return st;
}

/* What is to be appended must not go with a name that a dead process made. */
static dp_status keep_names(
	const dpi_log_hub *hub, const dpi_partition_name *name, dp_error **err)
{
	char path[DPI_LOG_PATH_MAX];

	dpi_log_partition_path(path, hub->directory, name, NULL);
	return dpi_files_sync_way(hub->os, hub->directory, path, err);
}

/* Waits until nobody is finding out how far the partition is: until then its
 * page may be one of before a loss of power. */
static dp_status begin_settling(
	dpi_log_hub *hub, const dpi_partition_name *name, dp_error **err)
{
	dp_status st = dpi_locks_await(
		&hub->locks, dpi_locks_settling_byte(name), SETTLING_WAIT, err);

	return st == DP_ELOCKED ? dpi_error_set(err, DP_EIO,
					  "topic %s, partition %u: another "
					  "process is recovering it",
					  name->topic, name->partition)
				: st;
}

void dpi_partitions_settled(dpi_log_hub *hub, const dpi_partition_name *name)
{
	dpi_locks_give(&hub->locks, dpi_locks_settling_byte(name));
}

/* Both locks of one partition. DP_ELOCKED, without an error: it is another's. */
static dp_status take(
	dpi_log_hub *hub, const dpi_partition_name *name, dp_error **err)
{
	dp_status st = begin_settling(hub, name, err);

	if (st != DP_OK) {
		return st;
	}
	st = dpi_locks_take(&hub->locks, dpi_locks_byte(name), err);
	if (st != DP_OK) {
		dpi_partitions_settled(hub, name);
	}
	return st;
}

dp_status dpi_partitions_claim(dpi_log_hub *hub, const char *topic,
	dpi_log_partition **ret, dp_error **err)
{
	dp_status st = dpi_partitions_refresh(hub, err);

	if (st != DP_OK) {
		return st;
	}
	for (uint32_t i = 0; i < hub->opts.partitions_max; i++) {
		dpi_partition_name name = {topic, i};
		dpi_log_partition *partition;

		st = take(hub, &name, err);
		if (st == DP_ELOCKED) {
			continue;
		}
		if (st != DP_OK) {
			return st;
		}
		partition = find(hub, topic, i);
		if (partition == NULL) {
			st = make(hub, &name, &partition, err);
		}
		if (st == DP_OK) {
			st = keep_names(hub, &name, err);
		}
		if (st != DP_OK) {
			dpi_locks_give(&hub->locks, dpi_locks_byte(&name));
			dpi_partitions_settled(hub, &name);
			return st;
		}
		*ret = partition;
		return DP_OK;
	}
	return dpi_error_set(err, DP_ELOCKED,
		"topic %s: each of its %u partitions has a writer; allow more "
		"with partitions_max",
		topic, hub->opts.partitions_max);
}

void dpi_partitions_give(dpi_log_hub *hub, dpi_log_partition *partition)
{
	dpi_locks_give(&hub->locks, dpi_locks_byte(&partition->name));
	dpi_log_news_tell(hub->news, hub->os);
}

void dpi_partitions_fini(dpi_log_hub *hub)
{
	while (hub->partitions != NULL) {
		dpi_log_partition *partition = hub->partitions;

		hub->partitions = partition->next;
		dpi_sources_fini(&partition->learned);
		dpi_sources_fini(&partition->awaited);
		dpi_log_state_unmap(partition->state, hub->os);
		dpi_free(hub->alloc, partition, 1, sizeof(*partition));
	}
}

/* Settled here before, and nobody has owned it since: owners raise the epoch.
 * With the partition's lock. */
static bool is_settled(
	const dpi_log_hub *hub, const dpi_log_partition *partition)
{
	const dpi_segment_owner owner = dpi_log_owner(hub, &partition->name);
	uint64_t epoch = atomic_load(&partition->settled_epoch);

	return epoch != 0 && dpi_log_state_is_of(partition->state, &owner) &&
		atomic_load(&partition->state->epoch) == epoch;
}

static dp_status settle(
	dpi_log_hub *hub, dpi_log_partition *partition, dp_error **err)
{
	dpi_log_found found;
	dp_status st;

	/* The owner may be this hub: the lock is refused to itself, too. */
	st = take(hub, &partition->name, err);
	if (st == DP_ELOCKED) {
		return DP_OK;
	}
	if (st != DP_OK) {
		return st;
	}
	if (is_settled(hub, partition)) {
		dpi_locks_give(&hub->locks, dpi_locks_byte(&partition->name));
		goto out;
	}
	st = dpi_log_recover(hub, partition, NULL, &found, err);
	if (st == DP_OK) {
		atomic_store(&partition->settled_epoch, found.epoch);
	}
	dpi_log_prepare_free(&hub->prepare);
	dpi_partitions_give(hub, partition);
out:
	dpi_partitions_settled(hub, &partition->name);
	return st;
}

/* With the lock of the hub: else a publisher of this hub, which looks for a
 * partition just now, would take ours on this one for another writer's. */
dp_status dpi_log_settle(
	dpi_log_hub *hub, dpi_log_partition *partition, dp_error **err)
{
	dp_status st;

	dpi_lock(&hub->lock);
	st = settle(hub, partition, err);
	dpi_unlock(&hub->lock);
	return st;
}

typedef struct dpi_size_sum {
	const dpi_os *os;
	const char *directory;
	uint64_t bytes;
} dpi_size_sum;

/* Files that vanish while they are counted count as nothing. */
static bool add_size(void *user, const char *entry)
{
	dpi_size_sum *sum = user;
	const dpi_os *os = sum->os;
	char path[DPI_LOG_PATH_MAX];
	uint64_t base;
	int64_t size;
	int fd;

	if (!dpi_log_is_segment(entry, &base) && !dpi_log_is_spare(entry)) {
		return true;
	}
	dpi_log_path(path, sum->directory, entry);
	fd = os->open(os->self, path, DPI_OPEN_READ);
	if (fd >= 0) {
		size = os->size(os->self, fd);
		sum->bytes += size > 0 ? (uint64_t)size : 0;
		(void)os->close(os->self, fd);
	}
	return true;
}

static bool is_first_of_topic(
	dpi_log_hub *hub, const dpi_log_partition *partition)
{
	const dpi_log_partition *other = *bucket_of(hub, partition->topic);

	while (strcmp(other->topic, partition->topic) != 0) {
		other = other->in_bucket;
	}
	return other == partition;
}

dp_status dpi_partitions_count(
	dpi_log_hub *hub, dp_hub_stats *ret, dp_error **err)
{
	const dpi_log_partition *partition = hub->partitions;
	char path[DPI_LOG_PATH_MAX];
	dpi_size_sum sum = {hub->os, path, 0};

	ret->topics = 0;
	for (; partition != NULL; partition = partition->next) {
		int rc;

		dpi_log_partition_path(
			path, hub->directory, &partition->name, NULL);
		rc = hub->os->list(hub->os->self, path, add_size, &sum);
		if (rc < 0) {
			return dpi_error_sys(
				err, -rc, "%s cannot be listed", path);
		}
		ret->topics += is_first_of_topic(hub, partition);
	}
	ret->disk_bytes = sum.bytes;
	return DP_OK;
}
