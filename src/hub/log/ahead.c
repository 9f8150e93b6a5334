/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/log/ahead.h"

#include "base/error.h"
#include "base/thread.h"
#include "hub/log/spare.h"

/* Zeros that are written between two syncs, so that a sync of records that
 * comes between has little of them to wait for. */
#define STEP_BYTES (1u << 20)

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

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
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

	rc = dpi_log_write_zeros(tail->hub->os, tail->segment.fd,
		DPI_LOG_PAGE + zeroed, DPI_LOG_PAGE + index);
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
	if (tail->limit <= dpi_spare_first_zeroed(tail)) {
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
		is_bulk(tail, tail->index) ? dpi_spare_first_zeroed(tail)
					   : tail->limit);
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
		return dpi_spare_make(tail, NULL) == DP_OK;
	}
	if (tail->spare_zeroed >= goal) {
		return false;
	}
	if (dpi_spare_grow(tail,
		    smaller(goal, tail->spare_zeroed + STEP_BYTES)) != 0) {
		dpi_spare_discard(tail);
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
