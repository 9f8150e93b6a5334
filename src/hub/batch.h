/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_HUB_BATCH_H
#define DPI_HUB_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <datapipe/alloc.h>
#include <datapipe/message.h>

#include "hub/record.h"

/*
 * Records of one partition and the messages that point into them, in one
 * block of memory. A reader makes one, copies records to data, fills
 * messages[0..count) and hands it over.
 */
struct dp_batch {
	const dp_allocator *alloc;
	uint32_t refs; /* atomic */
	/* This partition is new to this process: ask what is known of it. */
	bool is_first;
	struct dp_batch
		*owner; /* of the records if they are not here; counted */
	dpi_partition_name from;
	char topic[256]; /* from.topic points here */
	size_t count;
	size_t capacity;
	size_t bytes;  /* of the records */
	uint8_t *data; /* data_size bytes, behind the messages */
	size_t data_size;
	dp_message messages[]; /* capacity of them */
};

/* A batch with room for capacity messages and data_size bytes, or NULL. */
dp_batch *dpi_batch_new(const dp_allocator *alloc, const char *topic,
	uint32_t partition, size_t capacity, size_t data_size);

#endif /* DPI_HUB_BATCH_H */
