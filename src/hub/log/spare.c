/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/log/spare.h"

#include <errno.h>

#include "base/error.h"
#include "base/thread.h"
#include "io/files.h"

#define ZERO_BYTES (16u << 10)
#define PIECES 64

int dpi_log_write_zeros(const dpi_os *os, int fd, uint64_t from, uint64_t to)
{
	static const uint8_t zeros[ZERO_BYTES];
	struct iovec pieces[PIECES];

	while (from < to) {
		int count = 0;
		uint64_t at = from;
		int64_t n;

		while (at < to && count < PIECES) {
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

void dpi_spare_path(const dpi_log_tail *tail, char *buf)
{
	dpi_log_spare_path(
		buf, tail->hub->directory, &tail->partition->name, tail->epoch);
}

dp_status dpi_tail_sync_names(const dpi_log_tail *tail, dp_error **err)
{
	char path[DPI_LOG_PATH_MAX];

	dpi_log_partition_path(
		path, tail->hub->directory, &tail->partition->name, NULL);
	return dpi_files_sync_dir(tail->hub->os, path, err);
}

void dpi_spare_discard(dpi_log_tail *tail)
{
	const dpi_os *os = tail->hub->os;
	char path[DPI_LOG_PATH_MAX];

	if (tail->spare_fd >= 0) {
		(void)os->close(os->self, tail->spare_fd);
		tail->spare_fd = -1;
	}
	dpi_spare_path(tail, path);
	(void)os->unlink(os->self, path);
}

bool dpi_tail_drop_spare(dpi_log_tail *tail)
{
	bool had_one;

	dpi_lock(&tail->prepare_lock);
	had_one = tail->spare_fd >= 0;
	dpi_spare_discard(tail);
	atomic_store(&tail->spare_goal, 0);
	dpi_unlock(&tail->prepare_lock);
	return had_one;
}

int dpi_spare_grow(dpi_log_tail *tail, uint64_t index)
{
	const dpi_os *os = tail->hub->os;
	int rc;

	rc = dpi_log_write_zeros(os, tail->spare_fd,
		DPI_LOG_PAGE + tail->spare_zeroed, DPI_LOG_PAGE + index);
	if (rc == 0) {
		rc = os->fdatasync(os->self, tail->spare_fd);
	}
	if (rc == 0) {
		tail->spare_zeroed = index;
	}
	return rc;
}

dp_status dpi_spare_make(dpi_log_tail *tail, dp_error **err)
{
	const dpi_os *os = tail->hub->os;
	char path[DPI_LOG_PATH_MAX];
	int rc;

	dpi_spare_path(tail, path);
	tail->spare_fd = os->open(os->self, path, DPI_OPEN_CREATE);
	if (dpi_tail_lacks_files(tail->spare_fd)) {
		return dpi_tail_no_file(path, err);
	}
	if (tail->spare_fd < 0) {
		rc = tail->spare_fd;
		goto out;
	}
	tail->spare_zeroed = 0;
	rc = os->truncate(os->self, tail->spare_fd, 0);
	if (rc == 0) {
		rc = dpi_log_write_zeros(os, tail->spare_fd, 0, DPI_LOG_PAGE);
	}
	if (rc == 0) {
		rc = dpi_spare_grow(tail, dpi_spare_first_zeroed(tail));
	}
out:
	if (rc != 0) {
		dpi_spare_discard(tail);
		return dpi_error_sys(err, -rc,
			"topic %s, partition %u: no new segment can be made",
			tail->partition->topic,
			tail->partition->name.partition);
	}
	return DP_OK;
}

static bool recycle(dpi_log_tail *tail, uint64_t base)
{
	const dpi_os *os = tail->hub->os;
	char from[DPI_LOG_PATH_MAX];
	char to[DPI_LOG_PATH_MAX];
	dpi_segment segment;
	int64_t size;

	/* At rest, no file is kept open. */
	if (tail->spare_fd >= 0 || tail->segment.fd < 0 ||
		dpi_segment_open(&segment, os, tail->hub->directory,
			&tail->owner, base, true, NULL) != DP_OK) {
		return false;
	}
	dpi_log_segment_path(
		from, tail->hub->directory, &tail->partition->name, base);
	dpi_spare_path(tail, to);
	size = os->size(os->self, segment.fd);
	if (size < (int64_t)DPI_LOG_PAGE || !segment.has_header ||
		segment.header.epoch != tail->epoch ||
		os->rename(os->self, from, to) != 0) {
		dpi_segment_close(&segment, os);
		return false;
	}
	if (dpi_tail_sync_names(tail, NULL) != DP_OK) {
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
