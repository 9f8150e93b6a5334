/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "base/thread.h"
#include "hub/memory_hub.h"

/*
 * The reading side of the memory hub: what the engine asks for.
 *
 * Openers of one subscription share its partitions evenly: each takes what is
 * free up to its share, and lets go of what it has beyond it.
 */

typedef struct dpi_memory_backend dpi_memory_backend;

typedef struct dpi_memory_reader {
	dpi_reader reader; /* first */
	dpi_memory_backend *backend;
	dpi_memory_cursor *cursor;
	struct dpi_memory_reader *next; /* the backend's */
	/* Where the last read ended; good while the block is still there. */
	dpi_memory_block *block;
	dp_offset block_first;
	dp_offset at;
	size_t byte;
} dpi_memory_reader;

struct dpi_memory_backend {
	dpi_backend backend; /* first */
	dpi_memory_hub *hub;
	dpi_memory_store *store;
	dpi_memory_sub *sub;
	dpi_memory_reader *readers;
	size_t count;
};

static dpi_memory_reader *reader_of(dpi_reader *reader)
{
	return (dpi_memory_reader *)reader;
}

static dpi_memory_backend *backend_of(dpi_backend *backend)
{
	return (dpi_memory_backend *)backend;
}

/* A place in a partition: byte `byte` of block is the record of offset `at`. */
typedef struct place {
	dpi_memory_block *block;
	dp_offset at;
	size_t byte;
} place;

static void step(place *p)
{
	p->byte += dpi_record_size(p->block->data + p->byte);
	p->at++;
	if (p->byte == p->block->size) {
		p->block = p->block->next;
		p->byte = 0;
	}
}

static bool has_hint(const dpi_memory_reader *reader, dp_offset from)
{
	const dpi_memory_block *first = reader->cursor->partition->first;

	return reader->block != NULL && first != NULL &&
		first->first <= reader->block_first && reader->at <= from;
}

/* The record at from, or the first after it. block NULL: there is none. */
static place seek(const dpi_memory_reader *reader, dp_offset from)
{
	dpi_memory_block *first = reader->cursor->partition->first;
	place p = {first, first != NULL ? first->first : 0, 0};

	if (has_hint(reader, from)) {
		p = (place){reader->block, reader->at, reader->byte};
	}
	while (p.block != NULL && p.block->first + p.block->count <= from) {
		p.block = p.block->next;
		p.at = p.block != NULL ? p.block->first : p.at;
		p.byte = 0;
	}
	while (p.block != NULL && p.at < from) {
		step(&p);
	}
	return p;
}

/* A hint into the last block stays good when a block comes behind it. */
static void keep_hint(dpi_memory_reader *reader, const place *last)
{
	reader->block = last->block;
	reader->block_first = last->block->first;
	reader->at = last->at;
	reader->byte = last->byte;
}

/* How many records from p on fit the limits, and their bytes. */
static size_t measure(
	place p, size_t max_events, size_t max_bytes, size_t *ret_bytes)
{
	size_t bytes = 0;
	size_t n = 0;

	while (p.block != NULL && n < max_events) {
		size_t size = dpi_record_size(p.block->data + p.byte);

		if (n > 0 && (bytes > max_bytes || size > max_bytes - bytes)) {
			break;
		}
		bytes += size;
		n++;
		step(&p);
	}
	*ret_bytes = bytes;
	return n;
}

static void copy_record(dp_batch *batch, const place *p)
{
	const uint8_t *record = p->block->data + p->byte;
	uint32_t size = dpi_record_size(record);
	uint8_t *to = batch->data + batch->bytes;
	dp_message *msg = &batch->messages[batch->count];
	bool is_whole;

	memcpy(to, record, size);
	is_whole = dpi_record_parse(msg, to, size);
	assert(is_whole);
	(void)is_whole;
	msg->from = &batch->from;
	msg->offset = p->at;
	msg->append_time = p->block->time;
	batch->bytes += size;
	batch->count++;
}

static dp_status read_locked(dpi_memory_reader *reader, dp_offset from,
	size_t max_events, size_t max_bytes, dp_batch **ret_batch,
	dp_offset *ret_next, dp_error **err)
{
	const dpi_partition_name *name = &reader->reader.name;
	place p = seek(reader, from);
	dp_batch *batch;
	size_t bytes;
	size_t n;

	if (p.block == NULL) {
		*ret_next = from;
		return DP_EAGAIN;
	}
	n = measure(p, max_events, max_bytes, &bytes);
	batch = dpi_batch_new(reader->backend->hub->alloc, name->topic,
		name->partition, n, bytes);
	if (batch == NULL) {
		return dpi_error_set(err, DP_ENOMEM, "no memory for a batch");
	}
	while (n-- > 0) {
		keep_hint(reader, &p);
		copy_record(batch, &p);
		step(&p);
	}
	*ret_batch = batch;
	*ret_next = reader->at + 1;
	return DP_OK;
}

static dp_status memory_read(dpi_reader *base, dp_offset from,
	size_t max_events, size_t max_bytes, dp_batch **ret_batch,
	dp_offset *ret_next, dp_error **err)
{
	dpi_memory_reader *reader = reader_of(base);
	dp_status st;

	dpi_lock(&reader->backend->store->lock);
	st = read_locked(
		reader, from, max_events, max_bytes, ret_batch, ret_next, err);
	dpi_unlock(&reader->backend->store->lock);
	return st;
}

static dp_status memory_backlog(
	dpi_reader *base, dp_offset from, uint64_t *ret_events, dp_error **err)
{
	dpi_memory_reader *reader = reader_of(base);
	const dpi_memory_partition *partition = reader->cursor->partition;
	dp_offset begin;

	(void)err;
	dpi_lock(&reader->backend->store->lock);
	begin = partition->first != NULL ? partition->first->first
					 : partition->end;
	begin = begin > from ? begin : from;
	*ret_events = partition->end > begin ? partition->end - begin : 0;
	dpi_unlock(&reader->backend->store->lock);
	return DP_OK;
}

static dp_status memory_time_at(
	dpi_reader *base, dp_offset at, dp_time_ns *ret, dp_error **err)
{
	dpi_memory_reader *reader = reader_of(base);
	const dpi_memory_block *block;

	(void)err;
	dpi_lock(&reader->backend->store->lock);
	block = reader->cursor->partition->first;
	while (block != NULL && block->first + block->count <= at) {
		block = block->next;
	}
	*ret = block != NULL ? block->time : 0;
	dpi_unlock(&reader->backend->store->lock);
	return DP_OK;
}

/* Where blocks went there is room: hubs that wait for it commit again. */
static void call_hubs(dpi_memory_store *store)
{
	for (dpi_memory_hub *hub = store->hubs; hub != NULL; hub = hub->next) {
		if (hub->opts.full_policy == DP_FULL_BLOCK && hub->has_thread) {
			dpi_os_ring(store->os, hub->alarm, 0);
		}
	}
}

static dp_status memory_save(dpi_reader *base, const dpi_cursor *cursor,
	bool durable, dp_error **err)
{
	dpi_memory_reader *reader = reader_of(base);
	dpi_memory_store *store = reader->backend->store;

	(void)durable;
	(void)err;
	dpi_lock(&store->lock);
	reader->cursor->cursor = *cursor;
	dpi_memory_drop_read(store, reader->cursor->partition);
	call_hubs(store);
	dpi_unlock(&store->lock);
	return DP_OK;
}

static void memory_release(dpi_reader *base)
{
	dpi_memory_reader *reader = reader_of(base);
	dpi_memory_backend *backend = reader->backend;
	dpi_memory_reader **link = &backend->readers;

	while (*link != reader) {
		link = &(*link)->next;
	}
	*link = reader->next;
	backend->count--;
	if (dpi_runtime_check(backend->backend.rt, NULL) == DP_OK) {
		dpi_lock(&backend->store->lock);
		reader->cursor->holder = NULL;
		dpi_unlock(&backend->store->lock);
		dpi_memory_tell(backend->store, &backend->store->news);
	}
	dpi_free(backend->hub->alloc, reader, 1, sizeof(*reader));
}

static const dpi_reader_ops reader_ops = {
	.read = memory_read,
	.backlog = memory_backlog,
	.time_at = memory_time_at,
	.save = memory_save,
	.release = memory_release,
};

static dpi_memory_reader *new_reader(
	dpi_memory_backend *backend, dpi_memory_cursor *cursor)
{
	const dp_allocator *alloc = backend->hub->alloc;
	dpi_memory_reader *reader = dpi_zalloc(alloc, 1, sizeof(*reader));

	if (reader == NULL) {
		return NULL;
	}
	reader->reader.ops = &reader_ops;
	reader->reader.name = cursor->partition->name;
	reader->reader.cursor = cursor->cursor;
	reader->backend = backend;
	reader->cursor = cursor;
	reader->next = backend->readers;
	backend->readers = reader;
	backend->count++;
	cursor->holder = backend;
	return reader;
}

/* What this opener has too many of goes back once nothing is handed over. */
static void mark_surplus(dpi_memory_backend *backend, size_t share)
{
	size_t keep = share;

	for (dpi_memory_reader *reader = backend->readers; reader != NULL;
		reader = reader->next) {
		reader->reader.is_wanted = keep == 0;
		keep -= keep > 0;
	}
}

static dp_status claim_locked(
	dpi_memory_backend *backend, dpi_reader **readers, dp_error **err)
{
	const dpi_memory_sub *sub = backend->sub;
	size_t share = (sub->cursor_count + sub->openers - 1) / sub->openers;

	for (dpi_memory_cursor *cursor = sub->cursors;
		cursor != NULL && backend->count < share;
		cursor = cursor->next) {
		dpi_memory_reader *reader;

		if (cursor->holder != NULL) {
			continue;
		}
		reader = new_reader(backend, cursor);
		if (reader == NULL) {
			return dpi_error_set(
				err, DP_ENOMEM, "no memory for a reader");
		}
		reader->reader.next = *readers;
		*readers = &reader->reader;
	}
	mark_surplus(backend, share);
	return DP_OK;
}

static dp_status memory_claim(
	dpi_backend *base, dpi_reader **readers, dp_error **err)
{
	dpi_memory_backend *backend = backend_of(base);
	dp_status st;

	dpi_lock(&backend->store->lock);
	st = claim_locked(backend, readers, err);
	dpi_unlock(&backend->store->lock);
	return st;
}

static uint32_t memory_news(dpi_backend *base)
{
	return __atomic_load_n(
		&backend_of(base)->store->news, __ATOMIC_SEQ_CST);
}

static void memory_wait(
	dpi_backend *base, uint32_t seen, dp_time_ns deadline_ns)
{
	dpi_memory_store *store = backend_of(base)->store;

	(void)store->os->wait(store->os->self, &store->news, seen, deadline_ns);
}

static void memory_interrupt(dpi_backend *base)
{
	dpi_memory_store *store = backend_of(base)->store;

	dpi_memory_tell(store, &store->news);
}

static void memory_close(dpi_backend *base)
{
	dpi_memory_backend *backend = backend_of(base);

	assert(backend->readers == NULL);
	if (dpi_runtime_check(base->rt, NULL) == DP_OK) {
		dpi_lock(&backend->store->lock);
		backend->sub->openers--;
		dpi_unlock(&backend->store->lock);
		dpi_memory_tell(backend->store, &backend->store->news);
	}
	dpi_free(backend->hub->alloc, backend, 1, sizeof(*backend));
}

static const dpi_backend_ops backend_ops = {
	.claim = memory_claim,
	.news = memory_news,
	.wait = memory_wait,
	.interrupt = memory_interrupt,
	.close = memory_close,
};

static dpi_memory_sub *new_sub(dpi_memory_store *store, const char *name,
	const dp_subscription_options *opts)
{
	dpi_memory_sub *sub = dpi_zalloc(store->alloc, 1, sizeof(*sub));

	if (sub == NULL) {
		return NULL;
	}
	snprintf(sub->name, sizeof(sub->name), "%s", name);
	snprintf(sub->topics, sizeof(sub->topics), "%s", opts->topics);
	for (dpi_memory_partition *partition = store->partitions;
		partition != NULL; partition = partition->next) {
		dp_offset from =
			opts->start == DP_START_LATEST ? partition->end : 0;

		if (dpi_memory_sub_watch(store, sub, partition, from) !=
			DP_OK) {
			dpi_memory_sub_free(store, sub);
			return NULL;
		}
	}
	sub->next = store->subs;
	store->subs = sub;
	return sub;
}

static dp_status open_sub(dpi_memory_store *store, const char *name,
	const dp_subscription_options *opts, dpi_memory_sub **ret,
	dp_error **err)
{
	dpi_memory_sub *sub = store->subs;

	while (sub != NULL && strcmp(sub->name, name) != 0) {
		sub = sub->next;
	}
	if (sub != NULL && strcmp(sub->topics, opts->topics) != 0) {
		return dpi_error_set(err, DP_EEXIST,
			"subscription %s reads %s, not %s: delete it first, or "
			"take another name",
			name, sub->topics, opts->topics);
	}
	if (sub == NULL) {
		sub = new_sub(store, name, opts);
	}
	if (sub == NULL) {
		return dpi_error_set(
			err, DP_ENOMEM, "no memory for a subscription");
	}
	sub->openers++;
	*ret = sub;
	return DP_OK;
}

dp_status dpi_memory_subscribe(dpi_memory_hub *hub, const char *name,
	const dp_subscription_options *opts, dp_subscription **ret_sub,
	dp_error **err)
{
	dpi_memory_backend *backend =
		dpi_zalloc(hub->alloc, 1, sizeof(*backend));
	dp_status st;

	if (backend == NULL) {
		return dpi_error_set(
			err, DP_ENOMEM, "no memory for a subscription");
	}
	backend->backend = (dpi_backend){
		.ops = &backend_ops, .rt = hub->hub.rt, .hub = &hub->hub};
	backend->hub = hub;
	backend->store = hub->store;
	dpi_lock(&hub->store->lock);
	st = open_sub(hub->store, name, opts, &backend->sub, err);
	dpi_unlock(&hub->store->lock);
	if (st != DP_OK) {
		dpi_free(hub->alloc, backend, 1, sizeof(*backend));
		return st;
	}
	st = dpi_subscription_new(ret_sub, &backend->backend, opts, err);
	if (st != DP_OK) {
		memory_close(&backend->backend);
		return st;
	}
	/* Others have a smaller share now. */
	dpi_memory_tell(hub->store, &hub->store->news);
	return DP_OK;
}
