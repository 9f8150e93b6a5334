/* SPDX-License-Identifier: Apache-2.0 */
#include "test_batch.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "hub/batch.h"

/* Memory of its own, so that tests that fail allocations do not fail these. */
static void *plain_alloc(void *user, size_t size)
{
	(void)user;
	return malloc(size);
}

static void plain_free(void *user, void *block, size_t size)
{
	(void)user;
	(void)size;
	free(block);
}

static const dp_allocator plain = {NULL, plain_alloc, plain_free};

static void add(dp_batch *batch, const dpi_draft *draft, dp_offset offset)
{
	dp_time_ns time = TEST_BATCH_TIME + (dp_time_ns)offset * DP_SECOND;
	uint8_t *record = batch->data + batch->bytes;
	dp_message *msg = &batch->messages[batch->count++];
	uint8_t uuid[DPI_UUID_SIZE];
	bool ok;

	dpi_uuid_make(uuid, time / DP_MILLISECOND, 7, offset);
	dpi_record_encode(record, draft, uuid);
	ok = dpi_record_parse(msg, record, draft->size);
	assert(ok);
	(void)ok;
	msg->from = &batch->from;
	msg->offset = offset;
	msg->append_time = time;
	msg->attempt = 1;
	batch->bytes += draft->size;
}

dp_batch *test_batch_new(const char *topic, uint32_t partition, dp_offset first,
	const dp_event *events, size_t count)
{
	dpi_draft *drafts = calloc(count + 1, sizeof(*drafts));
	size_t size = 0;
	dp_batch *batch;

	assert(drafts != NULL);
	for (size_t i = 0; i < count; i++) {
		dp_status st = dpi_record_draft(&drafts[i], &events[i],
			dpi_bytes_text("test-service"), DP_PAYLOAD_MAX_BYTES,
			NULL);

		assert(st == DP_OK);
		(void)st;
		size += drafts[i].size;
	}
	batch = dpi_batch_new(&plain, topic, partition, count, size);
	assert(batch != NULL);
	for (size_t i = 0; i < count; i++) {
		add(batch, &drafts[i], first + i);
	}
	free(drafts);
	return batch;
}

dp_batch *test_batch_make(const char *topic, uint32_t partition,
	dp_offset first, size_t count, const char *type)
{
	dp_event *events = calloc(count + 1, sizeof(*events));
	char(*payloads)[48] = calloc(count + 1, sizeof(*payloads));
	dp_batch *batch;

	assert(events != NULL && payloads != NULL);
	for (size_t i = 0; i < count; i++) {
		int size = snprintf(payloads[i], sizeof(payloads[i]), "%u:%llu",
			partition, (unsigned long long)(first + i));

		events[i] = (dp_event)DP_EVENT_INIT;
		events[i].type = type;
		events[i].payload = dpi_bytes(payloads[i], (size_t)size);
	}
	batch = test_batch_new(topic, partition, first, events, count);
	free(payloads);
	free(events);
	return batch;
}
