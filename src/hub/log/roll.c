/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/log/roll.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/thread.h"
#include "hub/log/spare.h"

/* The header page and the snapshot of sources, written and synced. */
static dp_status write_beginning(dpi_log_tail *tail, dpi_segment *segment,
	size_t snapshot_size, dp_error **err)
{
	const dp_allocator *alloc = tail->hub->alloc;
	const dpi_os *os = tail->hub->os;
	size_t size = DPI_LOG_PAGE + snapshot_size;
	uint8_t *data = alloc->alloc(alloc->user, size);
	int rc;

	if (data == NULL) {
		return dpi_error_set(
			err, DP_ENOMEM, "no memory to begin a segment");
	}
	dpi_segment_encode(data, &tail->owner, &segment->header);
	dpi_sources_encode(&tail->sources, data + DPI_LOG_PAGE);
	dpi_record_seal(
		data + DPI_LOG_PAGE, DPI_RECORD_SOURCES, 0, 0, segment->salt);
	rc = dpi_os_write_all(os, segment->fd, data, size, 0);
	dpi_free(alloc, data, 1, size);
	if (rc == 0) {
		rc = os->fdatasync(os->self, segment->fd);
	}
	if (rc != 0) {
		dpi_spare_discard(tail);
		return dpi_error_sys(err, -rc,
			"topic %s, partition %u: no segment can be begun",
			tail->partition->topic,
			tail->partition->name.partition);
	}
	return DP_OK;
}

static dp_status rename_spare(
	dpi_log_tail *tail, int directory, uint64_t base, dp_error **err)
{
	const dpi_os *os = tail->hub->os;
	char from[DPI_LOG_PATH_MAX];
	char to[DPI_LOG_PATH_MAX];
	dp_status st;
	int rc;

	dpi_spare_path(tail, from);
	dpi_log_segment_path(
		to, tail->hub->directory, &tail->partition->name, base);
	rc = os->rename(os->self, from, to);
	if (rc != 0) {
		st = dpi_tail_check_right(tail, err);
		return st != DP_OK
			? st
			: dpi_error_sys(err, -rc, "%s cannot be renamed", from);
	}
	rc = os->fsync(os->self, directory);
	if (rc != 0) {
		/* The name is there, or is not: nobody can tell. */
		dpi_tail_fail(tail);
		return dpi_error_io(err, -rc, "%s may not last", to);
	}
	return DP_OK;
}

/*
 * Who takes the partition over raises the epoch, then removes our spare, and
 * then looks which segments there are: so either we see the epoch here, or the
 * spare is gone, or the segment is found there.
 */
static dp_status give_name(dpi_log_tail *tail, uint64_t base, dp_error **err)
{
	const dpi_os *os = tail->hub->os;
	char path[DPI_LOG_PATH_MAX];
	dp_status st = dpi_tail_check_right(tail, err);
	int directory;

	if (st != DP_OK) {
		return st;
	}
	/* Now, since afterwards nothing but its sync may fail. */
	dpi_log_partition_path(
		path, tail->hub->directory, &tail->partition->name, NULL);
	directory =
		os->open(os->self, path, DPI_OPEN_READ | DPI_OPEN_DIRECTORY);
	if (directory < 0) {
		return dpi_tail_lacks_files(directory)
			? dpi_tail_no_file(path, err)
			: dpi_error_sys(err, -directory,
				  "directory %s cannot be opened", path);
	}
	st = rename_spare(tail, directory, base, err);
	(void)os->close(os->self, directory);
	return st;
}

static dp_status tell_begun(
	dpi_log_tail *tail, uint64_t base, uint64_t end, dp_error **err)
{
	dpi_log_state *state = tail->partition->state;

	return dpi_log_state_store(state, tail->epoch, &state->base, base) &&
			dpi_log_state_store(
				state, tail->epoch, &state->written, end) &&
			dpi_log_state_store(
				state, tail->epoch, &state->durable, end)
		? DP_OK
		: dpi_tail_check_right(tail, err);
}

/* Makes the segment that the spare has become the one that is written. */
static void take_over(
	dpi_log_tail *tail, const dpi_segment *segment, size_t snapshot_size)
{
	const dpi_os *os = tail->hub->os;
	uint64_t zeroed = tail->spare_zeroed;

	if (tail->segment.fd >= 0) {
		(void)os->truncate(os->self, tail->segment.fd,
			DPI_LOG_PAGE + tail->flushed);
		dpi_segment_close(&tail->segment, os);
	}
	tail->segment = *segment;
	tail->spare_fd = -1;
	tail->first = snapshot_size;
	tail->index = snapshot_size;
	tail->flushed = snapshot_size;
	tail->written = snapshot_size;
	tail->synced = snapshot_size;
	tail->time_ms = 0;
	atomic_store(
		&tail->zeroed, zeroed > snapshot_size ? zeroed : snapshot_size);
	atomic_store(&tail->zeroed_goal, 0);
	atomic_store(&tail->spare_goal, 0);
}

static dp_status begin(dpi_log_tail *tail, uint64_t base, uint64_t previous_end,
	dp_error **err)
{
	const dpi_os *os = tail->hub->os;
	size_t snapshot_size = dpi_sources_size(&tail->sources);
	dpi_segment segment = {
		.has_header = true,
		.salt = dpi_segment_salt(&tail->owner, base),
		.header =
			{
				.base = base,
				.previous_end = previous_end,
				.epoch = tail->epoch,
				.created_ms =
					os->wall(os->self) / DP_MILLISECOND,
			},
	};
	dp_status st = DP_OK;

	if (tail->spare_fd < 0) {
		st = dpi_spare_make(tail, err);
	}
	if (st != DP_OK) {
		return st;
	}
	segment.fd = tail->spare_fd;
	st = write_beginning(tail, &segment, snapshot_size, err);
	if (st == DP_OK) {
		st = give_name(tail, base, err);
	}
	if (st == DP_OK) {
		take_over(tail, &segment, snapshot_size);
		st = tell_begun(tail, base, base + snapshot_size, err);
	}
	if (st != DP_OK && st != DP_ENOSPC && st != DP_ENOMEM &&
		st != DP_EAGAIN) {
		dpi_tail_fail(tail);
	}
	return st;
}

dp_status dpi_tail_begin(dpi_log_tail *tail, uint64_t base,
	uint64_t previous_end, dp_error **err)
{
	dp_status st;

	assert(tail->piece_count == 0 && !tail->is_unsynced);
	dpi_lock(&tail->prepare_lock);
	st = begin(tail, base, previous_end, err);
	dpi_unlock(&tail->prepare_lock);
	return st;
}
