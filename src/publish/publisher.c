/* SPDX-License-Identifier: Apache-2.0 */
#include "publish/publisher.h"

#include <inttypes.h>

#include "base/adopt.h"
#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"

/* How long dp_publisher_free() waits for the disk. */
#define FREE_TIMEOUT (5 * DP_SECOND)

static const dp_publisher_options DEFAULTS = {
	.ack = DP_ACK_DURABLE,
	.limit_events = 1000000,
	.limit_bytes = 64u << 20,
	.payload_bytes = DP_PAYLOAD_MAX_BYTES,
	.linger_ns = DP_MILLISECOND,
	.batch_bytes = 256u << 10,
};

/* Says what is wrong with what the caller chose. */
static dp_status check_options(const dp_publisher_options *opts, dp_error **err)
{
	if (opts->topic == NULL || !dpi_name_valid(opts->topic, 200)) {
		return dpi_error_set(err, DP_EINVAL,
			"publisher options: topic \"%s\" is not 1 to 200 of "
			"[A-Za-z0-9._-]",
			opts->topic != NULL ? opts->topic : "(null)");
	}
	if (opts->source == NULL || opts->source[0] == '\0') {
		return dpi_error_set(err, DP_EINVAL,
			"publisher options: source is missing: name the "
			"service");
	}
	if (!dpi_utf8_valid(opts->source, strlen(opts->source))) {
		return dpi_error_set(err, DP_EINVAL,
			"publisher options: source is not UTF-8");
	}
	if (opts->ack < DP_ACK_DEFAULT || opts->ack > DP_ACK_DELIVERED) {
		return dpi_error_set(err, DP_EINVAL,
			"publisher options: ack %" PRId32 " is none of "
			"DP_ACK_*",
			opts->ack);
	}
	if ((opts->flags & ~DP_PUBLISHER_POLL) != 0) {
		return dpi_error_set(err, DP_EINVAL,
			"publisher options: flags %#" PRIx32 " are unknown",
			opts->flags & ~DP_PUBLISHER_POLL);
	}
	if (opts->flags != 0 && opts->on_completion != NULL) {
		return dpi_error_set(err, DP_EINVAL,
			"publisher options: choose on_completion or "
			"DP_PUBLISHER_POLL, not both");
	}
	if (opts->linger_ns < 0) {
		return dpi_error_set(err, DP_EINVAL,
			"publisher options: linger_ns is negative");
	}
	return DP_OK;
}

static uint64_t or_default(uint64_t value, uint64_t by_default)
{
	return value != 0 ? value : by_default;
}

static void fill_defaults(dp_publisher_options *opts)
{
	opts->ack = opts->ack != DP_ACK_DEFAULT ? opts->ack : DEFAULTS.ack;
	opts->limit_events =
		or_default(opts->limit_events, DEFAULTS.limit_events);
	opts->limit_bytes = or_default(opts->limit_bytes, DEFAULTS.limit_bytes);
	opts->payload_bytes =
		or_default(opts->payload_bytes, DEFAULTS.payload_bytes);
	opts->batch_bytes = or_default(opts->batch_bytes, DEFAULTS.batch_bytes);
	opts->linger_ns =
		opts->linger_ns != 0 ? opts->linger_ns : DEFAULTS.linger_ns;
}

/* A local hub knows two levels; what it is asked for beyond is the nearest. */
static dp_ack feed_level(dp_ack ack)
{
	return ack <= DP_ACK_WRITTEN ? DP_ACK_WRITTEN : DP_ACK_DURABLE;
}

/* A block with room to put the publisher where cache lines begin. */
#define BLOCK_BYTES (sizeof(dp_publisher) + DPI_CACHE_LINE)

static dp_publisher *alloc_publisher(const dp_allocator *alloc)
{
	void *memory = dpi_zalloc(alloc, 1, BLOCK_BYTES);
	uintptr_t at = (uintptr_t)memory + DPI_CACHE_LINE - 1;
	dp_publisher *pub;

	if (memory == NULL) {
		return NULL;
	}
	at -= at % DPI_CACHE_LINE;
	pub = (dp_publisher *)((char *)memory + (at - (uintptr_t)memory));
	pub->memory = memory;
	pub->alloc = alloc;
	return pub;
}

static void free_memory(dp_publisher *pub)
{
	dpi_chunks_fini(&pub->chunks);
	dp_error_free(pub->failure);
	dp_error_free(pub->fatal);
	dpi_free(pub->alloc, pub->source, 1, pub->source_size);
	dpi_free(pub->alloc, pub->memory, 1, BLOCK_BYTES);
}

/* A publisher that no hub knows yet. */
static dp_status make(dp_publisher **ret_pub, dp_hub *hub,
	const dp_publisher_options *opts, dp_error **err)
{
	const dp_allocator *alloc = dpi_runtime_alloc(hub->rt);
	size_t source_size = strlen(opts->source) + 1;
	dp_publisher *pub = alloc_publisher(alloc);
	dpi_pool *pool;
	int rc;

	if (pub == NULL) {
		goto err_no_memory;
	}
	pub->source = alloc->alloc(alloc->user, source_size);
	if (pub->source == NULL) {
		goto err_after_pub;
	}
	memcpy(pub->source, opts->source, source_size);
	pub->source_size = source_size;
	pub->rt = hub->rt;
	pub->os = dpi_runtime_os(hub->rt);
	pub->opts = *opts;
	pub->refs = 1;
	pub->feed = (dpi_feed){
		.collect = dpi_publisher_collect,
		.done = dpi_publisher_done,
		.level = feed_level(opts->ack),
	};
	pub->report_task = (dpi_task){
		.fn = dpi_publisher_run_callbacks,
		.arg = pub,
	};
	pool = dpi_pool_of(hub->rt);
	if (pool == NULL) {
		goto err_after_source;
	}
	rc = dpi_ids_init(&pub->front.ids, pub->os);
	if (rc < 0) {
		free_memory(pub);
		return dpi_error_sys(err, -rc, "random number of a publisher");
	}
	/* Fresh pages, and giving them back, took half of a publish call. */
	dpi_pool_keep(pool, opts->limit_bytes);
	dpi_chunks_init(&pub->chunks, pool, pub, dpi_publisher_reports(pub));
	*ret_pub = pub;
	return DP_OK;

err_after_source:
	dpi_free(alloc, pub->source, 1, source_size);
err_after_pub:
	dpi_free(alloc, pub->memory, 1, BLOCK_BYTES);
err_no_memory:
	return dpi_error_set(err, DP_ENOMEM, "no memory for a publisher");
}

void dpi_publisher_unref(dp_publisher *pub)
{
	uint64_t refs;

	dpi_publisher_lock(pub);
	refs = --pub->refs;
	dpi_publisher_unlock(pub);
	if (refs == 0) {
		free_memory(pub);
	}
}

/* Takes the publisher's place at the hub. */
static dp_status join(dp_publisher *pub, dp_hub *hub, dp_error **err)
{
	dp_status st;

	if (pub->opts.on_completion != NULL) {
		st = dpi_runtime_start_loop(pub->rt, err);
		if (st != DP_OK) {
			return st;
		}
	}
	st = hub->ops->writer(hub, pub->opts.topic, &pub->writer, err);
	if (st != DP_OK) {
		return st;
	}
	pub->writer->ops->attach(pub->writer, &pub->feed);
	return DP_OK;
}

dp_status dp_publisher_new(dp_publisher **ret_pub, dp_hub *hub,
	const dp_publisher_options *given, dp_error **err)
{
	dp_publisher_options opts;
	dp_publisher *pub = NULL;
	dp_status st;

	if (ret_pub == NULL || hub == NULL || given == NULL) {
		return dpi_error_set(err, DP_EINVAL, "publisher: %s is NULL",
			ret_pub == NULL       ? "ret_pub"
				: hub == NULL ? "hub"
					      : "opts");
	}
	st = dpi_runtime_check(hub->rt, err);
	if (st != DP_OK) {
		return st;
	}
	st = dpi_adopt(&opts, sizeof(opts), given,
		DPI_SIZE_UP_TO(dp_publisher_options, user), "publisher options",
		"DP_PUBLISHER_OPTIONS_INIT", err);
	if (st != DP_OK) {
		return st;
	}
	st = check_options(&opts, err);
	if (st != DP_OK) {
		return st;
	}
	fill_defaults(&opts);
	st = make(&pub, hub, &opts, err);
	if (st != DP_OK) {
		return st;
	}
	st = join(pub, hub, err);
	if (st != DP_OK) {
		dpi_publisher_unref(pub);
		return st;
	}
	pub->opts.topic = pub->writer->name.topic;
	pub->opts.source = pub->source;
	*ret_pub = pub;
	return DP_OK;
}

/* What the hub never took is given up, and said so. */
static void cancel_rest(dp_publisher *pub)
{
	dp_error *cause = NULL;
	dpi_chunk *chunk;

	(void)dpi_error_set(&cause, DP_ECANCELED,
		"the publisher of %s was freed before its events were written",
		pub->opts.topic);
	chunk = dpi_publisher_collect(&pub->feed);
	while (chunk != NULL) {
		dpi_chunk *next = chunk->next;

		dpi_publisher_done(&pub->feed, chunk, DP_ECANCELED, cause);
		chunk = next;
	}
	dp_error_free(cause);
}

/* A callback may publish even now, and what it offers would never complete. */
static void refuse_more(dp_publisher *pub)
{
	dpi_publisher_lock(pub);
	dpi_publisher_end_grant(pub);
	if (pub->fatal == NULL) {
		(void)dpi_error_set(
			&pub->fatal, DP_ECLOSED, "it is being freed");
	}
	dpi_publisher_unlock(pub);
}

void dp_publisher_free(dp_publisher *pub)
{
	if (pub == NULL) {
		return;
	}
	if (dpi_runtime_check(pub->rt, NULL) != DP_OK) {
		/* In a child, a lock may be held by a thread that is gone. */
		free_memory(pub);
		return;
	}
	refuse_more(pub);
	(void)dpi_publisher_wait(pub, FREE_TIMEOUT);
	pub->writer->ops->detach(pub->writer, &pub->feed);
	cancel_rest(pub);
	if (pub->opts.on_completion != NULL) {
		dpi_runtime_settle(pub->rt, &pub->report_task);
	}
	pub->writer->ops->release(pub->writer);
	dpi_publisher_unref(pub);
}

dp_status dp_publisher_get_stats(
	dp_publisher *pub, dp_publisher_stats *ret, dp_error **err)
{
	dp_publisher_stats stats = {0};
	dp_status st;

	if (pub == NULL) {
		return dpi_error_set(
			err, DP_EINVAL, "publisher stats: pub is NULL");
	}
	st = dpi_runtime_check(pub->rt, err);
	if (st != DP_OK) {
		return st;
	}
	dpi_publisher_lock(pub);
	dpi_publisher_settle(pub);
	stats.accepted = pub->accepted;
	stats.succeeded = pub->succeeded;
	stats.failed = pub->failed;
	stats.pending = pub->accepted - pub->succeeded - pub->failed;
	stats.refused = pub->refused;
	stats.wakeups = __atomic_load_n(&pub->wakeups, __ATOMIC_RELAXED);
	dpi_publisher_unlock(pub);
	return dpi_adopt_out(ret, &stats, sizeof(stats),
		DPI_SIZE_UP_TO(dp_publisher_stats, wakeups), "publisher stats",
		err);
}
