/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/log/roll.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/thread.h"
#include "io/files.h"

#define ZERO_BYTES (16u << 10)
/* Zeros that are written between two syncs, so that a sync of records that
 * comes between has little of them to wait for. */
#define STEP_BYTES (1u << 20)

/* Writes zeros over [from, to) of a file. */
static int write_zeros(const dpi_os *os, int fd, uint64_t from, uint64_t to)
{
	static const uint8_t zeros[ZERO_BYTES];
	struct iovec pieces[STEP_BYTES / ZERO_BYTES];

	while (from < to) {
		int count = 0;
		uint64_t at = from;
		int64_t n;

		while (at < to && count < (int)(STEP_BYTES / ZERO_BYTES)) {
			size_t size = to - at < ZERO_BYTES ? (size_t)(to - at)
							   : ZERO_BYTES;

			pieces[count].iov_base = (void *)(uintptr_t)zeros;
			pieces[count++].iov_len = size;
			at += size;
		}
		n = os->pwritev(os->self, fd, pieces, count, from);
		if (n <= 0) {
			return n < 0 ? (int)n : -EIO;
		}
		from += (uint64_t)n;
	}
	return 0;
}

/*
 * A sync that need not write metadata saves what zeros for this many bytes
 * cost, about.
 */
#define WORTH_ZEROS_BYTES (64u << 10)

/* Whether a sync is for so much that zeros do not pay. */
static bool is_bulk(const dpi_log_tail *tail, uint64_t index)
{
	return tail->sync_bytes >= WORTH_ZEROS_BYTES ||
		index - tail->synced >= WORTH_ZEROS_BYTES;
}

static void spare_path(const dpi_log_tail *tail, char *buf)
{
	dpi_log_spare_path(
		buf, tail->hub->directory, &tail->partition->name, tail->epoch);
}

static dp_status sync_directory(const dpi_log_tail *tail, dp_error **err)
{
	char path[DPI_LOG_PATH_MAX];

	dpi_log_partition_path(
		path, tail->hub->directory, &tail->partition->name, NULL);
	return dpi_files_sync_dir(tail->hub->os, path, err);
}

/* Closes and removes what cannot be finished, or is not to be. */
static void discard_spare(dpi_log_tail *tail)
{
	const dpi_os *os = tail->hub->os;
	char path[DPI_LOG_PATH_MAX];

	if (tail->spare_fd >= 0) {
		(void)os->close(os->self, tail->spare_fd);
		tail->spare_fd = -1;
	}
	spare_path(tail, path);
	(void)os->unlink(os->self, path);
}

bool dpi_tail_drop_spare(dpi_log_tail *tail)
{
	bool had_one;

	dpi_lock(&tail->prepare_lock);
	had_one = tail->spare_fd >= 0;
	discard_spare(tail);
	atomic_store(&tail->spare_goal, 0);
	dpi_unlock(&tail->prepare_lock);
	return had_one;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Index up to which a new segment is written with zeros at first. */
static uint64_t first_zeroed(const dpi_log_tail *tail)
{
	return smaller(tail->limit, DPI_LOG_FIRST_BYTES - DPI_LOG_PAGE);
}

/* Extends the spare with zeros up to an index, and makes that durable. */
static int grow_spare(dpi_log_tail *tail, uint64_t index)
{
	const dpi_os *os = tail->hub->os;
	int rc;

	rc = write_zeros(os, tail->spare_fd, DPI_LOG_PAGE + tail->spare_zeroed,
		DPI_LOG_PAGE + index);
	if (rc == 0) {
		rc = os->fdatasync(os->self, tail->spare_fd);
	}
	if (rc == 0) {
		tail->spare_zeroed = index;
	}
	return rc;
}

static dp_status make_spare(dpi_log_tail *tail, dp_error **err)
{
	const dpi_os *os = tail->hub->os;
	char path[DPI_LOG_PATH_MAX];
	int rc;

	spare_path(tail, path);
	tail->spare_fd = os->open(os->self, path, DPI_OPEN_CREATE);
	if (tail->spare_fd < 0) {
		rc = tail->spare_fd;
		goto out;
	}
	tail->spare_zeroed = 0;
	rc = os->truncate(os->self, tail->spare_fd, 0);
	if (rc == 0) {
		rc = write_zeros(os, tail->spare_fd, 0, DPI_LOG_PAGE);
	}
	if (rc == 0) {
		rc = grow_spare(tail, first_zeroed(tail));
	}
out:
	if (rc != 0) {
		discard_spare(tail);
		return dpi_error_sys(err, -rc,
			"topic %s, partition %u: no new segment can be made",
			tail->partition->topic,
			tail->partition->name.partition);
	}
	return DP_OK;
}

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
		discard_spare(tail);
		return dpi_error_sys(err, -rc,
			"topic %s, partition %u: no segment can be begun",
			tail->partition->topic,
			tail->partition->name.partition);
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
	char from[DPI_LOG_PATH_MAX];
	char to[DPI_LOG_PATH_MAX];
	dp_status st = dpi_tail_check_right(tail, err);
	dp_error *cause = NULL;
	int rc;

	if (st != DP_OK) {
		return st;
	}
	spare_path(tail, from);
	dpi_log_segment_path(
		to, tail->hub->directory, &tail->partition->name, base);
	rc = os->rename(os->self, from, to);
	if (rc != 0) {
		st = dpi_tail_check_right(tail, err);
		return st != DP_OK
			? st
			: dpi_error_sys(err, -rc, "%s cannot be renamed", from);
	}
	if (sync_directory(tail, &cause) != DP_OK) {
		/* The name is there, or is not: nobody can tell. */
		dpi_tail_fail(tail);
		(void)dpi_error_set(err, DP_EIO, "%s may not last: %s", to,
			dp_error_message(cause));
		dp_error_free(cause);
		return DP_EIO;
	}
	return DP_OK;
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
		st = make_spare(tail, err);
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
	if (st != DP_OK && st != DP_ENOSPC && st != DP_ENOMEM) {
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

static dp_status no_room(
	const dpi_log_tail *tail, int sys_errno, dp_error **err)
{
	return dpi_error_sys(err, sys_errno,
		"topic %s, partition %u: no room to write",
		tail->partition->topic, tail->partition->name.partition);
}

/* Writes more zeros into the segment; with the lock. */
static int grow(dpi_log_tail *tail, uint64_t index)
{
	uint64_t zeroed = atomic_load(&tail->zeroed);
	int rc;

	rc = write_zeros(tail->hub->os, tail->segment.fd, DPI_LOG_PAGE + zeroed,
		DPI_LOG_PAGE + index);
	if (rc == 0) {
		atomic_store(&tail->zeroed, index);
	}
	return rc;
}

/*
 * What has room shall not fail with what may have none: it is written before.
 * Nobody writes zeros behind the records that extend the file.
 */
static dp_status extend(dpi_log_tail *tail, dp_error **err)
{
	bool has_room = tail->index <= atomic_load(&tail->zeroed);

	atomic_store(&tail->zeroed_goal, 0);
	return has_room ? dpi_tail_flush(tail, err) : DP_OK;
}

dp_status dpi_tail_reserve(dpi_log_tail *tail, uint64_t index, dp_error **err)
{
	uint64_t goal = smaller(tail->limit, index + STEP_BYTES);
	dp_status st = DP_OK;
	int rc = 0;

	if (index <= atomic_load(&tail->zeroed)) {
		return DP_OK;
	}
	dpi_lock(&tail->prepare_lock);
	if (index <= atomic_load(&tail->zeroed)) {
		/* It was written while this thread waited. */
	} else if (is_bulk(tail, index)) {
		st = extend(tail, err);
	} else {
		rc = grow(tail, goal > index ? goal : index);
	}
	dpi_unlock(&tail->prepare_lock);
	return rc == 0 ? st : no_room(tail, -rc, err);
}

int dpi_tail_cut(dpi_log_tail *tail)
{
	const dpi_os *os = tail->hub->os;
	int rc;

	dpi_lock(&tail->prepare_lock);
	rc = os->truncate(
		os->self, tail->segment.fd, DPI_LOG_PAGE + tail->flushed);
	if (rc == 0) {
		rc = os->fdatasync(os->self, tail->segment.fd);
	}
	atomic_store(&tail->zeroed, tail->flushed);
	atomic_store(&tail->zeroed_goal, 0);
	dpi_unlock(&tail->prepare_lock);
	return rc;
}

bool dpi_tail_wants_prepare(dpi_log_tail *tail)
{
	uint64_t zeroed = atomic_load(&tail->zeroed);

	if (tail->begun_base != tail->segment.header.base) {
		tail->begun_base = tail->segment.header.base;
		return true;
	}
	if (tail->limit <= first_zeroed(tail)) {
		return false;
	}
	if (zeroed < tail->limit && !is_bulk(tail, tail->index)) {
		if (tail->index <= zeroed / 2 ||
			atomic_load(&tail->zeroed_goal) > zeroed) {
			return false;
		}
		atomic_store(&tail->zeroed_goal,
			smaller(tail->limit, 4 * (zeroed + DPI_LOG_PAGE)));
		return true;
	}
	if (tail->index <= tail->limit / 2 ||
		atomic_load(&tail->spare_goal) > 0) {
		return false;
	}
	atomic_store(&tail->spare_goal,
		is_bulk(tail, tail->index) ? first_zeroed(tail) : tail->limit);
	return true;
}

static bool grow_ahead(dpi_log_tail *tail)
{
	const dpi_os *os = tail->hub->os;
	uint64_t zeroed = atomic_load(&tail->zeroed);
	uint64_t goal = atomic_load(&tail->zeroed_goal);
	int rc;

	if (zeroed >= goal || tail->segment.fd < 0 ||
		grow(tail, smaller(goal, zeroed + STEP_BYTES)) != 0) {
		return false;
	}
	atomic_store(&tail->is_syncing_ahead, true);
	rc = os->fdatasync(os->self, tail->segment.fd);
	if (rc != 0) {
		/* It may have been about records; nobody is told twice. */
		dpi_tail_fail(tail);
	}
	atomic_store(&tail->is_syncing_ahead, false);
	return rc == 0;
}

static bool grow_spare_ahead(dpi_log_tail *tail)
{
	uint64_t goal = atomic_load(&tail->spare_goal);

	if (goal == 0) {
		return false;
	}
	if (tail->spare_fd < 0) {
		return make_spare(tail, NULL) == DP_OK;
	}
	if (tail->spare_zeroed >= goal) {
		return false;
	}
	if (grow_spare(tail, smaller(goal, tail->spare_zeroed + STEP_BYTES)) !=
		0) {
		discard_spare(tail);
		return false;
	}
	return true;
}

void dpi_tail_prepare(dpi_log_tail *tail)
{
	bool has_more = true;

	/* The lock is given up between steps, for one who cannot wait. */
	while (has_more && !atomic_load(&tail->has_failed)) {
		dpi_lock(&tail->prepare_lock);
		has_more = grow_ahead(tail) || grow_spare_ahead(tail);
		dpi_unlock(&tail->prepare_lock);
	}
}

static bool recycle(dpi_log_tail *tail, uint64_t base)
{
	const dpi_os *os = tail->hub->os;
	char from[DPI_LOG_PATH_MAX];
	char to[DPI_LOG_PATH_MAX];
	dpi_segment segment;
	int64_t size;

	if (tail->spare_fd >= 0 ||
		dpi_segment_open(&segment, os, tail->hub->directory,
			&tail->owner, base, true, NULL) != DP_OK) {
		return false;
	}
	dpi_log_segment_path(
		from, tail->hub->directory, &tail->partition->name, base);
	spare_path(tail, to);
	size = os->size(os->self, segment.fd);
	if (size < (int64_t)DPI_LOG_PAGE || !segment.has_header ||
		segment.header.epoch != tail->epoch ||
		os->rename(os->self, from, to) != 0) {
		dpi_segment_close(&segment, os);
		return false;
	}
	if (sync_directory(tail, NULL) != DP_OK) {
		dpi_segment_close(&segment, os);
		return true; /* gone from the log, and not safe to use */
	}
	tail->spare_fd = segment.fd;
	tail->spare_zeroed = (uint64_t)size - DPI_LOG_PAGE;
	return true;
}

bool dpi_tail_recycle(dpi_log_tail *tail, uint64_t base)
{
	bool is_done;

	dpi_lock(&tail->prepare_lock);
	is_done = recycle(tail, base);
	dpi_unlock(&tail->prepare_lock);
	return is_done;
}
