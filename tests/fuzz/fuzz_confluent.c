/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <datapipe/confluent.h>

#include "schema/answer.h"
#include "test_heap.h"

/*
 * Input: a payload with a Confluent prefix, and what a server may answer.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(int is_true)
{
	if (!is_true) {
		abort();
	}
}

/* What is read is written, and read the same again. */
static void check_prefix(const uint8_t *data, size_t size)
{
	dp_confluent_prefix prefix;
	dp_confluent_prefix again;
	uint8_t bytes[DP_CONFLUENT_PREFIX_MAX];
	size_t written = 0;
	size_t read = 0;

	if (dp_confluent_prefix_read(&prefix, &read, data, size, NULL) !=
		DP_OK) {
		return;
	}
	need(read <= size && prefix.depth >= 1);
	need(dp_confluent_prefix_write(
		     &prefix, bytes, sizeof(bytes), &written, NULL) == DP_OK);
	need(written <= read);
	need(dp_confluent_prefix_read(&again, &read, bytes, written, NULL) ==
		DP_OK);
	need(read == written && again.id == prefix.id &&
		again.depth == prefix.depth);
	need(memcmp(again.indexes, prefix.indexes,
		     again.depth * sizeof(again.indexes[0])) == 0);
}

static void check_answer(const uint8_t *data, size_t size)
{
	struct test_heap heap;
	dpi_answer answer;
	dpi_arena arena;

	test_heap_init(&heap);
	dpi_arena_init(&arena, &heap.alloc, (size_t)1 << 24);
	answer = dpi_answer_of(&arena, data, size);
	if (dpi_answer_skip(&answer)) {
		need(answer.at > (const char *)data && answer.at <= answer.end);
		(void)dpi_answer_end(&answer);
	}
	need(answer.at == NULL || !dpi_answer_text(&answer, &(dp_bytes){0}) ||
		answer.at <= answer.end);
	dpi_arena_fini(&arena);
	need(heap.live_bytes == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_prefix(data, size);
	check_answer(data, size);
	return 0;
}
