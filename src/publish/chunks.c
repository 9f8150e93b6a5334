/* SPDX-License-Identifier: Apache-2.0 */
#include "publish/chunks.h"

#include <assert.h>

#include "base/alloc.h"

/* Least bytes of a record that a chunk makes room for a completion of. */
#define RECORD_LEAST 64u

static size_t chunk_bytes(const dpi_chunks *chunks, size_t capacity, size_t max)
{
	return sizeof(dpi_pub_chunk) +
		(chunks->with_report ? max * sizeof(dp_completion) : 0) +
		capacity;
}

/* One block: the chunk, its completions, its data. */
static dpi_pub_chunk *new_chunk(dpi_chunks *chunks, size_t size)
{
	size_t capacity = size > DPI_CHUNK_BYTES ? size : DPI_CHUNK_BYTES;
	size_t max = capacity / RECORD_LEAST;
	dpi_pub_chunk *chunk = chunks->alloc->alloc(
		chunks->alloc->user, chunk_bytes(chunks, capacity, max));
	dp_completion *items;

	if (chunk == NULL) {
		return NULL;
	}
	items = (dp_completion *)(chunk + 1);
	*chunk = (dpi_pub_chunk){
		.capacity = capacity,
		.events_max = max,
		.owner = chunks->owner,
	};
	if (chunks->with_report) {
		chunk->report.items = items;
		items += max;
	}
	chunk->chunk.data = (uint8_t *)items;
	return chunk;
}

static void free_chunk(dpi_chunks *chunks, dpi_pub_chunk *chunk)
{
	chunks->alloc->free(chunks->alloc->user, chunk,
		chunk_bytes(chunks, chunk->capacity, chunk->events_max));
}

static dpi_pub_chunk *reuse_or_new_chunk(dpi_chunks *chunks, size_t size)
{
	dpi_pub_chunk *chunk = chunks->spare;

	if (chunk == NULL || size > chunk->capacity) {
		return new_chunk(chunks, size);
	}
	chunks->spare = (dpi_pub_chunk *)chunk->chunk.next;
	chunks->spare_count--;
	chunk->chunk.next = NULL;
	chunk->chunk.size = 0;
	chunk->chunk.count = 0;
	chunk->written = 0;
	return chunk;
}

static bool has_room(const dpi_pub_chunk *chunk, size_t size)
{
	return size <= chunk->capacity - chunk->chunk.size &&
		chunk->chunk.count < chunk->events_max;
}

static void append_chunk(dpi_chunks *chunks, dpi_pub_chunk *chunk)
{
	if (chunks->tail != NULL) {
		chunks->tail->chunk.next = &chunk->chunk;
	} else {
		chunks->head = chunk;
	}
	chunks->tail = chunk;
}

static bool is_complete(const dpi_pub_chunk *chunk)
{
	return __atomic_load_n(&chunk->written, __ATOMIC_SEQ_CST) ==
		chunk->chunk.count;
}

void dpi_chunks_init(dpi_chunks *chunks, const dp_allocator *alloc, void *owner,
	bool with_report, size_t spare_max)
{
	*chunks = (dpi_chunks){
		.alloc = alloc,
		.owner = owner,
		.with_report = with_report,
		.spare_max = spare_max,
	};
}

void dpi_chunks_fini(dpi_chunks *chunks)
{
	if (chunks->tail != NULL) {
		chunks->tail->chunk.next = (dpi_chunk *)chunks->spare;
		chunks->spare = chunks->head;
	}
	while (chunks->spare != NULL) {
		dpi_pub_chunk *chunk = chunks->spare;

		chunks->spare = (dpi_pub_chunk *)chunk->chunk.next;
		free_chunk(chunks, chunk);
	}
}

bool dpi_chunks_reserve(dpi_chunks *chunks, size_t size, dpi_place *ret)
{
	dpi_pub_chunk *chunk = chunks->tail;

	if (chunk == NULL || !has_room(chunk, size)) {
		chunk = reuse_or_new_chunk(chunks, size);
		if (chunk == NULL) {
			return false;
		}
		append_chunk(chunks, chunk);
	}
	ret->chunk = chunk;
	ret->out = chunk->chunk.data + chunk->chunk.size;
	ret->index = chunk->chunk.count++;
	chunk->chunk.size += size;
	return true;
}

void dpi_chunks_written(const dpi_place *place)
{
	/* Pairs with is_complete(); see leave_rest() in feed.c for why it is
	 * not just a release. */
	__atomic_fetch_add(&place->chunk->written, 1, __ATOMIC_SEQ_CST);
}

dpi_chunk *dpi_chunks_take(dpi_chunks *chunks)
{
	dpi_pub_chunk *first = chunks->head;
	dpi_pub_chunk *last = NULL;

	while (chunks->head != NULL && is_complete(chunks->head)) {
		last = chunks->head;
		chunks->head = (dpi_pub_chunk *)last->chunk.next;
	}
	if (last == NULL) {
		return NULL;
	}
	last->chunk.next = NULL;
	if (chunks->head == NULL) {
		chunks->tail = NULL;
	}
	return &first->chunk;
}

void dpi_chunks_give(dpi_chunks *chunks, dpi_pub_chunk *chunk)
{
	assert(chunk->owner == chunks->owner);

	if (chunk->capacity > DPI_CHUNK_BYTES ||
		chunks->spare_count >= chunks->spare_max) {
		free_chunk(chunks, chunk);
		return;
	}
	chunk->chunk.next = (dpi_chunk *)chunks->spare;
	chunks->spare = chunk;
	chunks->spare_count++;
}
