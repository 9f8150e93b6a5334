/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/batch.h"

#include <assert.h>
#include <string.h>

static size_t block_size(size_t capacity, size_t data_size)
{
	return sizeof(dp_batch) + capacity * sizeof(dp_message) + data_size;
}

dp_batch *dpi_batch_new(const dp_allocator *alloc, const char *topic,
	uint32_t partition, size_t capacity, size_t data_size)
{
	size_t topic_size = strlen(topic) + 1;
	dp_batch *batch;

	assert(topic_size <= sizeof(batch->topic));
	batch = alloc->alloc(alloc->user, block_size(capacity, data_size));
	if (batch == NULL) {
		return NULL;
	}
	*batch = (dp_batch){
		.alloc = alloc,
		.refs = 1,
		.from = {batch->topic, partition},
		.capacity = capacity,
		.data = (uint8_t *)&batch->messages[capacity],
		.data_size = data_size,
	};
	memcpy(batch->topic, topic, topic_size);
	return batch;
}

dp_batch *dp_batch_ref(dp_batch *batch)
{
	__atomic_fetch_add(&batch->refs, 1, __ATOMIC_RELAXED);
	return batch;
}

void dp_batch_unref(dp_batch *batch)
{
	if (batch == NULL ||
		__atomic_sub_fetch(&batch->refs, 1, __ATOMIC_ACQ_REL) > 0) {
		return;
	}
	dp_batch_unref(batch->owner);
	batch->alloc->free(batch->alloc->user, batch,
		block_size(batch->capacity, batch->data_size));
}

size_t dp_batch_count(const dp_batch *batch)
{
	return batch->count;
}

const dp_message *dp_batch_message(const dp_batch *batch, size_t index)
{
	assert(index < batch->count);
	return &batch->messages[index];
}
