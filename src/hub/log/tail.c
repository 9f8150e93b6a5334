/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/log/tail.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/thread.h"
#include "hub/log/ahead.h"
#include "hub/log/recovery.h"
#include "hub/log/roll.h"
#include "hub/log/seal.h"
#include "hub/log/spare.h"

#define DPI_MSG_LOG_FAILED 0x51d7e0b9u

/* Records of one segment, the first one, too, tell times up to here, and some
 * are written late. */
#define AGE_MAX_MS ((int64_t)UINT32_MAX / 2)

dp_status dpi_tail_failure(const dpi_log_tail *tail, dp_error **err)
{
	return dpi_error_set(err, DP_EIO,
		"topic %s, partition %u: a write or sync failed before; close "
		"the hub and open it again",
		tail->partition->topic, tail->partition->name.partition);
}

void dpi_tail_fail(dpi_log_tail *tail)
{
	if (atomic_exchange(&tail->has_failed, true)) {
		return;
	}
	dpi_log(tail->hub->hub.rt, DP_LOG_ERROR, DPI_MSG_LOG_FAILED, "hub",
		tail->partition->topic,
		"partition %u takes no more events until the hub is reopened",
		tail->partition->name.partition);
}

dp_status dpi_tail_fail_sys(
	dpi_log_tail *tail, int sys_errno, const char *what, dp_error **err)
{
	dpi_tail_fail(tail);
	return dpi_error_io(err, sys_errno, "topic %s, partition %u: %s failed",
		tail->partition->topic, tail->partition->name.partition, what);
}

dp_status dpi_tail_check_right(dpi_log_tail *tail, dp_error **err)
{
	if (atomic_load(&tail->has_failed)) {
		return dpi_tail_failure(tail, err);
	}
	if (atomic_load(&tail->partition->state->epoch) != tail->epoch) {
		dpi_tail_fail(tail);
		return dpi_error_set(err, DP_ELOCKED,
			"topic %s, partition %u: another process has taken it "
			"over",
			tail->partition->topic,
			tail->partition->name.partition);
	}
	return DP_OK;
}

/* On a full disk, what the former owner left may be all the room there is. */
static dp_status begin(dpi_log_tail *tail, uint64_t base, uint64_t previous_end,
	dp_error **err)
{
	dp_status st = dpi_tail_begin(tail, base, previous_end, err);

	if (st == DP_ENOSPC &&
		dpi_leftovers_free(&tail->hub->prepare.leftovers)) {
		dpi_error_clear(err);
		st = dpi_tail_begin(tail, base, previous_end, err);
	}
	return st;
}

/* An old segment that holds nothing is replaced, so that restarts leave none
 * behind. */
static dp_status begin_anew(
	dpi_log_tail *tail, const dpi_log_found *found, dp_error **err)
{
	const dpi_os *os = tail->hub->os;
	bool replaces = found->has_segment && found->is_empty;
	uint64_t previous_end = replaces ? found->previous_end : found->end;
	char path[DPI_LOG_PATH_MAX];
	dp_status st;

	st = begin(tail, found->next, previous_end, err);
	tail->begun_base = found->next;
	if (st == DP_OK && replaces && found->base != found->next) {
		dpi_log_segment_path(path, tail->hub->directory,
			&tail->partition->name, found->base);
		(void)os->unlink(os->self, path);
	}
	return st;
}

dp_status dpi_tail_open(dpi_log_tail *ret, dpi_log_hub *hub,
	dpi_log_partition *partition, dp_error **err)
{
	dpi_log_found found;
	dp_status st;

	*ret = (dpi_log_tail){
		.hub = hub,
		.partition = partition,
		.owner = dpi_log_owner(hub, &partition->name),
		.limit = hub->opts.segment_bytes - DPI_LOG_PAGE,
		.segment = {.fd = -1},
		.spare_fd = -1,
	};
	ret->pieces = ret->few_pieces;
	ret->piece_capacity = DPI_TAIL_PIECES_LEAST;
	dpi_sources_init(&ret->sources, hub->alloc);
	(void)pthread_mutex_init(&ret->prepare_lock, NULL);
	st = dpi_log_recover(hub, partition, &ret->sources, &found, err);
	if (st != DP_OK) {
		goto err_after_init;
	}
	ret->epoch = found.epoch;
	st = begin_anew(ret, &found, err);
	/* Not before: the sync of the beginning would wait for the disk. */
	dpi_log_prepare_free(&hub->prepare);
	if (st != DP_OK) {
		goto err_after_init;
	}
	atomic_store(&partition->state->pid, (uint64_t)getpid());
	return DP_OK;

err_after_init:
	dpi_tail_close(ret);
	return st;
}

static void use_few_pieces(dpi_log_tail *tail)
{
	if (tail->pieces != tail->few_pieces) {
		dpi_free(tail->hub->alloc, tail->pieces, tail->piece_capacity,
			sizeof(*tail->pieces));
	}
	tail->pieces = tail->few_pieces;
	tail->piece_capacity = DPI_TAIL_PIECES_LEAST;
}

/* With nobody who prepares. */
static void close_files(dpi_log_tail *tail)
{
	const dpi_os *os = tail->hub->os;

	if (tail->spare_fd >= 0) {
		(void)os->close(os->self, tail->spare_fd);
		tail->spare_fd = -1;
	}
	dpi_segment_close(&tail->segment, os);
}

void dpi_tail_close(dpi_log_tail *tail)
{
	close_files(tail);
	use_few_pieces(tail);
	dpi_sources_fini(&tail->sources);
	(void)pthread_mutex_destroy(&tail->prepare_lock);
}

bool dpi_tail_rest(dpi_log_tail *tail)
{
	const dpi_os *os = tail->hub->os;

	if (tail->piece_count > 0) {
		return false;
	}
	/* A spare by that name may be somebody else's by now. */
	if (dpi_tail_check_right(tail, NULL) == DP_OK) {
		(void)dpi_tail_drop_spare(tail);
	}
	dpi_lock(&tail->prepare_lock);
	close_files(tail);
	atomic_store(&tail->zeroed_goal, 0);
	dpi_unlock(&tail->prepare_lock);
	use_few_pieces(tail);
	os->evict(os->self, tail->partition->state, DPI_LOG_PAGE);
	return true;
}

bool dpi_tail_lacks_files(int rc)
{
	return rc == -EMFILE || rc == -ENFILE || rc == -ENOMEM;
}

dp_status dpi_tail_no_file(const char *path, dp_error **err)
{
	return dpi_error_set(err, DP_EAGAIN,
		"%s cannot be opened: too many files are open", path);
}

/* Opens the segment again that a rest has closed. */
static dp_status wake(dpi_log_tail *tail, dp_error **err)
{
	const dpi_os *os = tail->hub->os;
	char path[DPI_LOG_PATH_MAX];
	int fd;

	if (tail->segment.fd >= 0) {
		return DP_OK;
	}
	dpi_log_segment_path(path, tail->hub->directory, &tail->partition->name,
		tail->segment.header.base);
	fd = os->open(os->self, path, 0);
	if (fd < 0) {
		return dpi_tail_lacks_files(fd)
			? dpi_tail_no_file(path, err)
			: dpi_tail_fail_sys(
				  tail, -fd, "opening its segment", err);
	}
	dpi_lock(&tail->prepare_lock);
	tail->segment.fd = fd;
	dpi_unlock(&tail->prepare_lock);
	return DP_OK;
}

void dpi_tail_trim(dpi_log_tail *tail)
{
	const dpi_os *os = tail->hub->os;

	if (dpi_tail_check_right(tail, NULL) != DP_OK ||
		wake(tail, NULL) != DP_OK) {
		return;
	}
	(void)os->truncate(
		os->self, tail->segment.fd, DPI_LOG_PAGE + tail->flushed);
	(void)dpi_tail_drop_spare(tail);
}

uint64_t dpi_tail_end(const dpi_log_tail *tail)
{
	return tail->segment.header.base + tail->index;
}

uint64_t dpi_tail_flushed_end(const dpi_log_tail *tail)
{
	return tail->segment.header.base + tail->flushed;
}

/* Whole records of data that go into [index, index + room). */
static size_t whole_records(const uint8_t *data, size_t size, uint64_t room)
{
	size_t n = 0;

	while (n < size) {
		uint32_t record_size = dpi_record_size(data + n);

		if (n + record_size > room) {
			break;
		}
		n += record_size;
	}
	return n;
}

/*
 * How many bytes of records go into this segment; 0: begin another one first.
 * Records that one chunk holds are not torn apart, unless no segment would
 * hold them all; a record that no segment holds makes its own one longer.
 */
static size_t fitting(
	const dpi_log_tail *tail, const uint8_t *data, size_t size)
{
	bool is_fresh = tail->index == tail->first;
	uint64_t room =
		tail->index < tail->limit ? tail->limit - tail->index : 0;
	size_t n;

	if (size <= room) {
		return size;
	}
	if (!is_fresh && tail->first + size <= tail->limit) {
		return 0;
	}
	n = whole_records(data, size, room);
	return n == 0 && is_fresh ? dpi_record_size(data) : n;
}

static bool is_too_old(const dpi_log_tail *tail)
{
	const dpi_os *os = tail->hub->os;
	int64_t age = os->wall(os->self) / DP_MILLISECOND -
		tail->segment.header.created_ms;
	dp_time_ns retention = tail->hub->opts.retention_ns;
	int64_t age_max = AGE_MAX_MS;

	/* Only whole segments go, so that a slow topic must begin others. */
	if (retention != 0 && retention / DP_MILLISECOND < age_max) {
		age_max = retention / DP_MILLISECOND;
	}
	return age > AGE_MAX_MS || (age > age_max && tail->index > tail->first);
}

static void line_up(dpi_log_tail *tail, uint8_t *data, size_t size)
{
	size_t at = tail->piece_first + tail->piece_count;

	assert(at < tail->piece_capacity);
	tail->pieces[at].iov_base = data;
	tail->pieces[at].iov_len = size;
	tail->piece_count++;
	tail->index += size;
}

/* Without memory, writes stay small. */
static void grow(dpi_log_tail *tail)
{
	const dp_allocator *alloc = tail->hub->alloc;
	struct iovec *pieces;

	pieces = dpi_zalloc(alloc, DPI_TAIL_PIECES, sizeof(*pieces));
	if (pieces != NULL) {
		memcpy(pieces, tail->pieces,
			tail->piece_capacity * sizeof(*pieces));
		tail->pieces = pieces;
		tail->piece_capacity = DPI_TAIL_PIECES;
	}
}

static bool is_full(dpi_log_tail *tail)
{
	size_t at = tail->piece_first + tail->piece_count;

	if (at == tail->piece_capacity && tail->pieces == tail->few_pieces) {
		grow(tail);
	}
	return at == tail->piece_capacity;
}

static dp_status roll(dpi_log_tail *tail, dp_error **err)
{
	uint64_t end = dpi_tail_end(tail);
	dp_status st;

	st = dpi_tail_flush(tail, err);
	if (st == DP_OK) {
		st = dpi_tail_sync(tail, err);
	}
	return st == DP_OK ? dpi_tail_begin(tail, end, end, err) : st;
}

dp_status dpi_tail_append(dpi_log_tail *tail, const dpi_chunk *chunk,
	size_t *done, dp_error **err)
{
	dp_status st = dpi_tail_check_right(tail, err);

	if (st == DP_OK) {
		st = wake(tail, err);
	}
	if (st == DP_OK && is_too_old(tail)) {
		st = roll(tail, err);
	}
	while (st == DP_OK && *done < chunk->size) {
		uint8_t *data = chunk->data + *done;
		size_t size = fitting(tail, data, chunk->size - *done);

		if (size == 0) {
			st = roll(tail, err);
			continue;
		}
		if (is_full(tail)) {
			st = dpi_tail_flush(tail, err);
		}
		if (st == DP_OK) {
			st = dpi_tail_reserve(tail, tail->index + size, err);
		}
		if (st == DP_OK) {
			st = dpi_tail_seal(
				tail, data, size, chunk->is_placeless, err);
		}
		if (st == DP_OK) {
			line_up(tail, data, size);
			*done += size;
		}
	}
	return st;
}
