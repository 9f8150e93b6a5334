/* SPDX-License-Identifier: Apache-2.0 */
#include "log_files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "hub/log/identity.h"
#include "io/files.h"

/* Of all names together. */
#define NAMES_MAX ((size_t)1 << 30)
/* Looks at a page that is changing under our eyes. */
#define TRIES 100

/* Both copies of the identity are the same, unless one was damaged. */
static dp_status compare_copies(struct log_files *log, dp_error **err)
{
	const size_t half = DPI_LOG_PAGE / 2;
	char path[DPI_LOG_PATH_MAX];
	dp_status st;
	dpi_buf page;

	dpi_log_path(path, log->directory, "identity");
	dpi_buf_init(&page, log->hub.alloc, DPI_LOG_PAGE);
	st = dpi_files_read(log->hub.os, path, &page, err);
	if (st == DP_OK) {
		log->has_damaged_copy = page.size != DPI_LOG_PAGE ||
			memcmp(page.data, page.data + half, half) != 0;
	}
	dpi_buf_fini(&page);
	return st;
}

dp_status log_files_open(
	struct log_files *log, const char *directory, dp_error **err)
{
	size_t size = strlen(directory);
	dp_status st;

	while (size > 1 && directory[size - 1] == '/') {
		size--;
	}
	if (size == 0 || size > DPI_LOG_DIRECTORY_MAX) {
		return dpi_error_set(err, DP_EINVAL,
			"the name of a log's directory has 1 to %u bytes",
			DPI_LOG_DIRECTORY_MAX);
	}
	*log = (struct log_files){
		.hub.alloc = dpi_alloc_default(),
		.hub.os = dpi_os_real(),
	};
	memcpy(log->directory, directory, size);
	log->hub.directory = log->directory;
	st = dpi_identity_read(log->hub.uuid, log->hub.os, log->directory, err);
	if (st == DP_ENOTFOUND) {
		return dpi_error_prefix(
			err, st, "%s is no log", log->directory);
	}
	if (st == DP_OK) {
		st = compare_copies(log, err);
	}
	if (st == DP_OK) {
		dpi_arena_init(&log->arena, log->hub.alloc, NAMES_MAX);
	}
	return st;
}

void log_files_close(struct log_files *log)
{
	dpi_arena_fini(&log->arena);
}

static dp_status no_memory(dp_error **err)
{
	return dpi_error_set(err, DP_ENOMEM, "no memory for names of files");
}

dp_status log_files_topics(struct log_files *log,
	const char *const **ret_topics, size_t *ret_count, dp_error **err)
{
	char path[DPI_LOG_PATH_MAX];
	const char *const *names;
	const char **topics;
	size_t topic_count = 0;
	size_t count;
	dp_status st;

	dpi_log_path(path, log->directory, "topics");
	st = dpi_files_list(
		log->hub.os, path, &log->arena, &names, &count, err);
	if (st != DP_OK) {
		return st;
	}
	topics = dpi_arena_zalloc(&log->arena, count + 1, sizeof(*topics));
	if (topics == NULL) {
		return no_memory(err);
	}
	for (size_t i = 0; i < count; i++) {
		if (dpi_name_valid(names[i], DPI_LOG_TOPIC_MAX)) {
			topics[topic_count++] = names[i];
		}
	}
	*ret_topics = topics;
	*ret_count = topic_count;
	return DP_OK;
}

static int compare_numbers(const void *a, const void *b)
{
	const uint32_t *left = a;
	const uint32_t *right = b;

	return (*left > *right) - (*left < *right);
}

dp_status log_files_partitions(struct log_files *log, const char *topic,
	const uint32_t **ret_partitions, size_t *ret_count, dp_error **err)
{
	char path[DPI_LOG_PATH_MAX];
	const char *const *names;
	uint32_t *partitions;
	size_t partition_count = 0;
	size_t count;
	dp_status st;

	dpi_log_topic_path(path, log->directory, topic);
	st = dpi_files_list(
		log->hub.os, path, &log->arena, &names, &count, err);
	if (st != DP_OK) {
		return st;
	}
	partitions =
		dpi_arena_zalloc(&log->arena, count + 1, sizeof(*partitions));
	if (partitions == NULL) {
		return no_memory(err);
	}
	for (size_t i = 0; i < count; i++) {
		partition_count += dpi_log_is_partition(
			names[i], &partitions[partition_count]);
	}
	qsort(partitions, partition_count, sizeof(*partitions),
		compare_numbers);
	*ret_partitions = partitions;
	*ret_count = partition_count;
	return DP_OK;
}

/* What is synced was written before, and both are in the segment. */
static bool is_consistent(const dpi_log_state *state)
{
	uint64_t base = atomic_load(&state->base);
	uint64_t written = atomic_load(&state->written);

	return written >= base && written - base <= UINT32_MAX &&
		written >= atomic_load(&state->durable);
}

/*
 * The page changes while it is copied, so a copy may contradict itself where
 * the page does not: then it is copied again. A page that goes on to is one
 * whose owner died between two words.
 */
static int64_t copy_state(const dpi_os *os, int fd, dpi_log_state *state)
{
	int64_t n;
	int tries = TRIES;

	do {
		memset(state, 0, sizeof(*state));
		n = dpi_os_read_all(os, fd, state, sizeof(*state), 0);
	} while (n >= 0 && !is_consistent(state) && tries-- > 0);
	return n;
}

dp_status log_files_hint(const struct log_files *log,
	const dpi_partition_name *name, struct log_hint *ret, dp_error **err)
{
	const dpi_os *os = log->hub.os;
	dpi_segment_owner owner = dpi_log_owner(&log->hub, name);
	char path[DPI_LOG_PATH_MAX];
	dpi_log_state state;
	bool is_foreign;
	int64_t n;
	int fd;

	*ret = (struct log_hint){.is_there = false};
	dpi_log_partition_path(path, log->directory, name, "state");
	fd = os->open(os->self, path, DPI_OPEN_READ);
	if (fd == -ENOENT) {
		return DP_OK;
	}
	if (fd < 0) {
		return dpi_error_sys(err, -fd, "%s cannot be opened", path);
	}
	n = copy_state(os, fd, &state);
	(void)os->close(os->self, fd);
	if (n < 0) {
		return dpi_error_sys(err, (int)-n, "%s cannot be read", path);
	}
	if (atomic_load(&state.magic) == 0) {
		return DP_OK;
	}
	is_foreign = !dpi_log_state_is_of(&state, &owner);
	*ret = (struct log_hint){
		.is_there = !is_foreign && is_consistent(&state),
		.is_foreign = is_foreign,
		.epoch = atomic_load(&state.epoch),
		.base = atomic_load(&state.base),
		.durable = atomic_load(&state.durable),
		.pid = atomic_load(&state.pid),
	};
	return DP_OK;
}
