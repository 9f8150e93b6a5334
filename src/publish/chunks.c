/* SPDX-License-Identifier: Apache-2.0 */
#include "publish/chunks.h"

void dpi_chunks_init(
	dpi_chunks *chunks, dpi_pool *pool, void *owner, bool with_report)
{
	*chunks = (dpi_chunks){
		.pool = pool,
		.owner = owner,
		.with_report = with_report,
	};
}

void dpi_chunks_fini(dpi_chunks *chunks)
{
	while (chunks->head != NULL) {
		dpi_pub_chunk *chunk = chunks->head;

		chunks->head = (dpi_pub_chunk *)chunk->chunk.next;
		dpi_pool_abandon(chunks->pool, chunk);
	}
}

dpi_pub_chunk *dpi_chunks_add(dpi_chunks *chunks, size_t size)
{
	dpi_pub_chunk *chunk;

	if (chunks->head != NULL && size <= DPI_CHUNK_SMALL_BYTES) {
		size = DPI_CHUNK_BYTES;
	}
	chunk = dpi_pool_take(chunks->pool, size, chunks->with_report);
	if (chunk == NULL) {
		return NULL;
	}
	chunk->owner = chunks->owner;
	if (chunks->head == NULL) {
		chunks->head = chunk;
	} else {
		chunks->tail->chunk.next = &chunk->chunk;
	}
	chunks->tail = chunk;
	return chunk;
}

static bool is_among(
	const dpi_pub_chunk *chunk, dpi_pub_chunk *const *busy, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (busy[i] == chunk) {
			return true;
		}
	}
	return false;
}

dpi_chunk *dpi_chunks_take(
	dpi_chunks *chunks, dpi_pub_chunk *const *busy, size_t count)
{
	dpi_pub_chunk *first = chunks->head;
	dpi_pub_chunk *last = NULL;

	while (chunks->head != NULL && !is_among(chunks->head, busy, count)) {
		last = chunks->head;
		chunks->head = (dpi_pub_chunk *)last->chunk.next;
	}
	if (last == NULL) {
		return NULL;
	}
	last->chunk.next = NULL;
	return &first->chunk;
}
