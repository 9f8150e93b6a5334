/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/log/log_backend.h"

#include <assert.h>
#include <stdatomic.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "base/thread.h"

#define LOOK_INTERVAL DP_SECOND
/* A lock is free so soon after the watch has told of its holder's end; if not,
 * there are looks in ten and in a hundred times of it. */
#define LOOK_FIRST (10 * DP_MILLISECOND)

static dpi_log_backend *backend_of(dpi_backend *backend)
{
	return (dpi_log_backend *)backend;
}

static dp_time_ns now_of(const dpi_log_backend *backend)
{
	return backend->hub->os->monotonic(backend->hub->os->self);
}

static dpi_log_partition *first_partition(dpi_log_hub *hub)
{
	dpi_log_partition *first;

	dpi_lock(&hub->lock);
	first = hub->partitions;
	dpi_unlock(&hub->lock);
	return first;
}

static bool is_ours(
	const dpi_log_backend *backend, const dpi_log_partition *partition)
{
	return dpi_pattern_match(
		backend->claims.topics, dpi_bytes_text(partition->topic));
}

static bool is_held(
	const dpi_log_backend *backend, const dpi_log_partition *partition)
{
	const dpi_log_reader *reader = backend->readers;

	while (reader != NULL && reader->partition != partition) {
		reader = reader->next;
	}
	return reader != NULL;
}

static size_t count_matching(const dpi_log_backend *backend)
{
	size_t count = 0;

	for (const dpi_log_partition *partition = first_partition(backend->hub);
		partition != NULL; partition = partition->next) {
		count += is_ours(backend, partition);
	}
	return count;
}

/* Takes one partition if it is free. */
static dp_status take(dpi_log_backend *backend, dpi_log_partition *partition,
	dpi_reader **readers, dp_error **err)
{
	dpi_log_reader *reader;
	dp_status st = dpi_claims_take(&backend->claims, &partition->name, err);

	if (st != DP_OK) {
		return st == DP_ELOCKED ? DP_OK : st;
	}
	st = dpi_log_reader_new(&reader, backend, partition, err);
	if (st == DP_OK) {
		reader->reader.next = *readers;
		*readers = &reader->reader;
	}
	return st;
}

static dp_status take_share(dpi_log_backend *backend, size_t share,
	dpi_reader **readers, dp_error **err)
{
	dpi_log_partition *partition = first_partition(backend->hub);
	dp_status st = DP_OK;

	for (; st == DP_OK && partition != NULL && backend->count < share;
		partition = partition->next) {
		if (is_ours(backend, partition) &&
			!is_held(backend, partition)) {
			st = take(backend, partition, readers, err);
		}
	}
	return st;
}

/* What this opening has too many of goes back once nothing is handed over. */
static void mark_surplus(dpi_log_backend *backend, size_t share)
{
	size_t keep = share;

	for (dpi_log_reader *reader = backend->readers; reader != NULL;
		reader = reader->next) {
		reader->reader.is_wanted = keep == 0;
		keep -= keep > 0;
	}
}

static dp_status settle_stuck(dpi_log_backend *backend, dp_error **err)
{
	dp_status st = DP_OK;

	for (dpi_log_reader *reader = backend->readers;
		st == DP_OK && reader != NULL; reader = reader->next) {
		if (dpi_log_reader_is_stuck(reader)) {
			st = dpi_log_settle(
				backend->hub, reader->partition, err);
		}
	}
	return st;
}

static dp_status look(
	dpi_log_backend *backend, dpi_reader **readers, dp_error **err)
{
	size_t openers = 1;
	size_t matching;
	size_t share;
	dp_status st = dpi_log_refresh(backend->hub, err);

	if (st == DP_OK) {
		st = dpi_claims_openers(&backend->claims, &openers, err);
	}
	if (st != DP_OK) {
		return st;
	}
	matching = count_matching(backend);
	share = (matching + openers - 1) / openers;
	st = take_share(backend, share, readers, err);
	if (st == DP_OK) {
		st = settle_stuck(backend, err);
	}
	mark_surplus(backend, share);
	backend->others_hold = backend->count < matching;
	return st;
}

/* Plans the next look after one that was told of, or that was planned. */
static void plan(dpi_log_backend *backend, bool is_told)
{
	dpi_log_hub *hub = backend->hub;
	char path[DPI_LOG_PATH_MAX];

	if (backend->others_hold) {
		dpi_claims_path(path, hub);
		is_told |= dpi_log_watch_start(&hub->watch, path);
	}
	if (!atomic_load(&hub->watch.is_on)) {
		backend->pause = LOOK_INTERVAL;
	} else if (is_told || backend->pause == 0) {
		backend->pause = LOOK_FIRST;
	} else if (backend->pause < LOOK_INTERVAL) {
		backend->pause *= 10;
	} else {
		backend->pause = DP_FOREVER;
	}
}

/* Whether an owner may have died before it synced what it wrote. This hub's own
 * writers have not: for their events a pull needs no timer. */
static bool may_be_stuck(const dpi_log_reader *reader)
{
	return atomic_load(&reader->partition->writer) == NULL &&
		dpi_log_reader_is_behind(reader);
}

static bool may_any_be_stuck(const dpi_log_backend *backend)
{
	const dpi_log_reader *reader = backend->readers;

	while (reader != NULL && !may_be_stuck(reader)) {
		reader = reader->next;
	}
	return reader != NULL;
}

/* When to look though nobody tells; DP_FOREVER if all is told. */
static dp_time_ns next_look(const dpi_log_backend *backend)
{
	dp_time_ns pause = backend->others_hold ? backend->pause : DP_FOREVER;

	if (may_any_be_stuck(backend) && pause > LOOK_INTERVAL) {
		pause = LOOK_INTERVAL;
	}
	return pause < DP_FOREVER ? backend->looked_at + pause : DP_FOREVER;
}

static dp_status log_claim(
	dpi_backend *base, dpi_reader **readers, dp_error **err)
{
	dpi_log_backend *backend = backend_of(base);
	uint32_t layout = atomic_load(&backend->hub->news->layout);
	uint32_t closings = atomic_load(&backend->hub->watch.closings);
	bool is_told = backend->closings != closings;
	dp_status st;

	if (backend->has_looked && backend->layout == layout && !is_told &&
		now_of(backend) < next_look(backend)) {
		return DP_OK;
	}
	st = look(backend, readers, err);
	if (st == DP_OK) {
		backend->has_looked = true;
		backend->layout = layout;
		backend->closings = closings;
		backend->looked_at = now_of(backend);
		plan(backend, is_told);
	}
	return st;
}

static dpi_log_bell *bell_of(const dpi_log_backend *backend)
{
	return dpi_log_news_bell(backend->hub->news, backend->read_level);
}

static uint32_t log_news(dpi_backend *base)
{
	return atomic_load(&bell_of(backend_of(base))->word);
}

static void log_wait(dpi_backend *base, uint32_t seen, dp_time_ns deadline_ns)
{
	dpi_log_backend *backend = backend_of(base);
	dp_time_ns look_at = next_look(backend);

	dpi_log_news_wait(bell_of(backend), backend->hub->os, seen,
		look_at < deadline_ns ? look_at : deadline_ns);
}

static void log_interrupt(dpi_backend *base)
{
	dpi_log_hub *hub = backend_of(base)->hub;

	dpi_log_news_tell(hub->news, hub->os);
}

static void log_close(dpi_backend *base)
{
	dpi_log_backend *backend = backend_of(base);

	assert(backend->readers == NULL);
	dpi_claims_close(&backend->claims);
	dpi_free(backend->hub->alloc, backend, 1, sizeof(*backend));
}

static const dpi_backend_ops backend_ops = {
	.claim = log_claim,
	.news = log_news,
	.wait = log_wait,
	.interrupt = log_interrupt,
	.close = log_close,
};

dp_status dpi_log_subscribe(dp_hub *base, const char *name,
	const dp_subscription_options *opts, dp_subscription **ret_sub,
	dp_error **err)
{
	dpi_log_hub *hub = (dpi_log_hub *)base;
	dpi_log_backend *backend = dpi_zalloc(hub->alloc, 1, sizeof(*backend));
	dp_status st;

	if (backend == NULL) {
		return dpi_error_set(
			err, DP_ENOMEM, "no memory for a subscription");
	}
	backend->backend =
		(dpi_backend){.ops = &backend_ops, .rt = base->rt, .hub = base};
	backend->hub = hub;
	backend->read_level = opts->read_level;
	st = dpi_claims_open(&backend->claims, hub, name, opts, err);
	if (st != DP_OK) {
		dpi_free(hub->alloc, backend, 1, sizeof(*backend));
		return st;
	}
	st = dpi_subscription_new(ret_sub, &backend->backend, opts, err);
	if (st != DP_OK) {
		log_close(&backend->backend);
	}
	return st;
}
