/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_BATCH_H
#define TEST_BATCH_H

#include <stddef.h>
#include <stdint.h>

#include <datapipe/event.h>
#include <datapipe/message.h>

/* Append time of the event with offset 0; each later one is 1 s later. */
#define TEST_BATCH_TIME (INT64_C(1767225600) * DP_SECOND) /* 2026-01-01 */

/*
 * A batch as a hub hands it over: count events of one partition, whose offsets
 * are first, first + 1, ... The caller gives it back by dp_batch_unref().
 */
dp_batch *test_batch_new(const char *topic, uint32_t partition, dp_offset first,
	const dp_event *events, size_t count);

/* The same of events whose payloads are "<partition>:<offset>". */
dp_batch *test_batch_make(const char *topic, uint32_t partition,
	dp_offset first, size_t count, const char *type);

#endif /* TEST_BATCH_H */
