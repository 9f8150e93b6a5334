/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/error.h"
#include "base/thread.h"
#include "hub/log/ahead.h"
#include "hub/log/tail.h"

/* Moves over bytes that were written. */
static void advance(dpi_log_tail *tail, size_t n)
{
	tail->written += n;
	while (n > 0) {
		struct iovec *piece = &tail->pieces[tail->piece_first];

		if (n < piece->iov_len) {
			piece->iov_base = (uint8_t *)piece->iov_base + n;
			piece->iov_len -= n;
			return;
		}
		n -= piece->iov_len;
		tail->piece_first++;
		tail->piece_count--;
	}
}

static dp_status write_some(dpi_log_tail *tail, dp_error **err)
{
	const dpi_os *os = tail->hub->os;
	int64_t n;

	n = os->pwritev(os->self, tail->segment.fd,
		tail->pieces + tail->piece_first, (int)tail->piece_count,
		DPI_LOG_PAGE + tail->written);
	if (n == -ENOSPC || n == -EDQUOT) {
		return dpi_error_sys(err, (int)-n,
			"topic %s, partition %u: no room to write",
			tail->partition->topic,
			tail->partition->name.partition);
	}
	if (n <= 0) {
		return dpi_tail_fail_sys(
			tail, n < 0 ? (int)-n : EIO, "a write", err);
	}
	advance(tail, (size_t)n);
	return DP_OK;
}

/* Stores that the file is so far. */
static dp_status tell(dpi_log_tail *tail, _Atomic uint64_t *word, uint64_t end,
	dp_error **err)
{
	return dpi_log_state_store(
		       tail->partition->state, tail->epoch, word, end)
		? DP_OK
		: dpi_tail_check_right(tail, err);
}

dp_status dpi_tail_flush(dpi_log_tail *tail, dp_error **err)
{
	dp_status st;

	if (tail->piece_count == 0) {
		return DP_OK;
	}
	st = dpi_tail_check_right(tail, err);
	while (st == DP_OK && tail->piece_count > 0) {
		st = write_some(tail, err);
	}
	/* Behind the end that a new owner found, it would not be in the log. */
	if (st == DP_OK) {
		st = tell(tail, &tail->partition->state->written,
			dpi_tail_end(tail), err);
	}
	if (st != DP_OK) {
		return st;
	}
	tail->piece_first = 0;
	tail->flushed = tail->index;
	tail->is_unsynced = true;
	if (tail->flushed > atomic_load(&tail->zeroed)) {
		atomic_store(&tail->zeroed, tail->flushed);
	}
	dpi_sources_keep(&tail->sources);
	return DP_OK;
}

dp_status dpi_tail_give_up(dpi_log_tail *tail, dp_error **err)
{
	bool is_begun = tail->written > tail->flushed;
	int rc;

	tail->piece_first = 0;
	tail->piece_count = 0;
	tail->index = tail->flushed;
	tail->written = tail->flushed;
	dpi_sources_forget(&tail->sources);
	if (!is_begun) {
		return DP_OK;
	}
	if (atomic_load(&tail->has_failed)) {
		return dpi_tail_failure(tail, err);
	}
	rc = dpi_tail_cut(tail);
	return rc == 0
		? DP_OK
		: dpi_tail_fail_sys(tail, -rc, "to cut off half a write", err);
}

/* Two syncs of one file at a time, and one of them is told of an error: until
 * the other one has ended, nobody knows whether it was that. */
static void await_sync_ahead(dpi_log_tail *tail)
{
	if (atomic_load(&tail->is_syncing_ahead)) {
		dpi_lock(&tail->prepare_lock);
		dpi_unlock(&tail->prepare_lock);
	}
}

dp_status dpi_tail_sync(dpi_log_tail *tail, dp_error **err)
{
	const dpi_os *os = tail->hub->os;
	int rc;

	if (atomic_load(&tail->has_failed)) {
		return dpi_tail_failure(tail, err);
	}
	if (!tail->is_unsynced) {
		return DP_OK;
	}
	rc = os->fdatasync(os->self, tail->segment.fd);
	if (rc != 0) {
		return dpi_tail_fail_sys(tail, -rc, "a sync", err);
	}
	/* Whoever had zeros written meanwhile may have taken the error. */
	await_sync_ahead(tail);
	if (atomic_load(&tail->has_failed)) {
		return dpi_tail_failure(tail, err);
	}
	tail->is_unsynced = false;
	tail->sync_bytes = tail->flushed - tail->synced;
	tail->synced = tail->flushed;
	dpi_log_count(&tail->hub->counters.syncs, 1);
	return tell(tail, &tail->partition->state->durable,
		dpi_tail_flushed_end(tail), err);
}
