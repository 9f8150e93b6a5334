/* SPDX-License-Identifier: Apache-2.0 */
#include "sink_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/error.h"
#include "test_batch.h"

#define BATCH 4
#define FAILURES_MAX 12

void rig_init(struct sink_rig *rig, const struct sink_kind *kind,
	const dpi_os *os, const char *folder)
{
	*rig = (struct sink_rig){.kind = kind, .os = os, .folder = folder};
	test_heap_init(&rig->heap);
	faulty_os_init(&rig->faulty, os);
	rig->options = (dp_runtime_options)DP_RUNTIME_OPTIONS_INIT;
	rig->options.allocator = &rig->heap.alloc;
}

void rig_fini(struct sink_rig *rig)
{
	rig_stop(rig);
	assert_int_equal(rig->heap.live_blocks, 0);
}

dp_status rig_start(struct sink_rig *rig, const char *job, dp_error **err)
{
	dp_status st =
		dpi_runtime_new(&rig->rt, &rig->options, &rig->faulty.os, err);

	dpi_positions_init(&rig->positions, &rig->heap.alloc);
	dpi_refusals_init(&rig->refusals, &rig->heap.alloc);
	if (st == DP_OK) {
		st = rig->kind->open(rig, &rig->sink, err);
	}
	if (st == DP_OK) {
		st = dpi_sink_open(rig->sink, job, err);
	}
	if (st == DP_OK) {
		st = dpi_sink_positions(rig->sink, &rig->positions, err);
	}
	return st;
}

void rig_stop(struct sink_rig *rig)
{
	dp_sink_free(rig->sink);
	rig->sink = NULL;
	if (rig->rt != NULL) {
		rig->kind->close(rig);
		dpi_positions_fini(&rig->positions);
		dpi_refusals_fini(&rig->refusals);
		dp_runtime_free(rig->rt);
		rig->rt = NULL;
	}
}

static dp_batch *make_batch(const struct sink_rig *rig, uint32_t partition,
	dp_offset first, size_t count)
{
	char payloads[RIG_EVENTS][64];
	dp_event events[RIG_EVENTS];

	for (size_t i = 0; i < count; i++) {
		size_t size =
			rig->kind->payload(payloads[i], partition, first + i);

		events[i] = (dp_event)DP_EVENT_INIT;
		events[i].type = rig->kind->type;
		/* Several destinations. */
		events[i].source = (first + i) % 3 == 0 ? "a" : "b";
		events[i].payload = dpi_bytes(payloads[i], size);
	}
	return test_batch_new(RIG_TOPIC, partition, first, events, count);
}

dp_status rig_write(struct sink_rig *rig, uint32_t partition, dp_offset first,
	size_t count, dp_error **err)
{
	dp_batch *batch = make_batch(rig, partition, first, count);
	dp_status st = dpi_sink_write(rig->sink, batch, &rig->refusals, err);

	rig->refused += rig->refusals.count;
	dp_batch_unref(batch);
	return st;
}

dp_status rig_flush(struct sink_rig *rig, uint32_t partition, dp_offset next,
	dp_error **err)
{
	struct test_heap heap;
	dp_positions upto;
	dp_status st;

	test_heap_init(&heap);
	dpi_positions_init(&upto, &heap.alloc);
	st = dp_positions_set(&upto, RIG_TOPIC, partition, next);
	assert_int_equal(st, DP_OK);
	st = dpi_sink_flush(rig->sink, &upto, err);
	dpi_positions_fini(&upto);
	return st;
}

dp_offset rig_next(struct sink_rig *rig, uint32_t partition)
{
	dp_positions positions;
	dp_offset next;

	dpi_positions_init(&positions, &rig->heap.alloc);
	assert_int_equal(
		dpi_sink_positions(rig->sink, &positions, NULL), DP_OK);
	next = dpi_positions_next(&positions, RIG_TOPIC, partition);
	dpi_positions_fini(&positions);
	return next;
}

/* A job's view of what it does. */
struct job {
	struct sink_rig *rig;
	dp_offset taken[RIG_PARTITIONS];
	uint32_t partitions;
	size_t events;
	dp_error **err;
};

static void start_from_positions(struct job *job)
{
	for (uint32_t p = 0; p < job->partitions; p++) {
		job->taken[p] =
			dpi_positions_next(&job->rig->positions, RIG_TOPIC, p);
	}
}

static dp_status begin_again(struct job *job)
{
	struct sink_rig *rig = job->rig;
	dp_status st;

	dpi_error_clear(job->err);
	dpi_positions_clear(&rig->positions);
	if (!dpi_sink_reset(rig->sink)) {
		return DP_ECLOSED;
	}
	st = dpi_sink_open(rig->sink, "job", job->err);
	if (st == DP_OK) {
		st = dpi_sink_positions(rig->sink, &rig->positions, job->err);
	}
	if (st == DP_OK) {
		start_from_positions(job);
	}
	return st;
}

static dp_status flush_all(struct job *job)
{
	struct test_heap heap;
	dp_positions upto;
	dp_status st;

	test_heap_init(&heap);
	dpi_positions_init(&upto, &heap.alloc);
	for (uint32_t p = 0; p < job->partitions; p++) {
		st = dp_positions_set(&upto, RIG_TOPIC, p, job->taken[p]);
		assert_int_equal(st, DP_OK);
	}
	dpi_error_clear(job->err);
	st = dpi_sink_flush(job->rig->sink, &upto, job->err);
	dpi_positions_fini(&upto);
	return st;
}

/* The next batch of some partition; DP_ENOTFOUND if there is none. */
static dp_status offer(struct job *job, unsigned round)
{
	for (uint32_t i = 0; i < job->partitions; i++) {
		uint32_t p = (round + i) % job->partitions;
		size_t left = job->events - (size_t)job->taken[p];
		size_t count = left < BATCH ? left : BATCH;
		dp_status st;

		if (left == 0) {
			continue;
		}
		dpi_error_clear(job->err);
		st = rig_write(job->rig, p, job->taken[p], count, job->err);
		if (st == DP_OK) {
			job->taken[p] += count;
		}
		return st;
	}
	return DP_ENOTFOUND;
}

dp_status rig_run(struct sink_rig *rig, uint32_t partitions, size_t events,
	dp_error **err)
{
	struct job job = {rig, {0}, partitions, events, err};
	dp_status st = DP_OK;
	bool needs_reset = false;
	int failures = 0;

	start_from_positions(&job);
	for (unsigned round = 0; failures < FAILURES_MAX; round++) {
		if (needs_reset) {
			st = begin_again(&job);
		} else {
			st = offer(&job, round);
		}
		needs_reset &= st != DP_OK;
		if (st == DP_ENOTFOUND) {
			st = flush_all(&job);
			if (st == DP_OK) {
				return DP_OK;
			}
			needs_reset = true;
		} else if (st == DP_OK && round % 4 == 3) {
			st = flush_all(&job);
			needs_reset = st != DP_OK;
		}
		failures += st != DP_OK;
	}
	return st;
}

void rig_assert_once(struct sink_rig *rig, uint32_t partitions, size_t events)
{
	struct seen seen = {.bad = false};

	rig->kind->read(rig, &seen);
	assert_false(seen.bad);
	for (uint32_t p = 0; p < RIG_PARTITIONS; p++) {
		for (size_t i = 0; i < RIG_EVENTS; i++) {
			unsigned wanted = p < partitions && i < events;

			if (seen.count[p][i] != wanted) {
				fail_msg("event %u:%zu is there %u times", p, i,
					seen.count[p][i]);
			}
		}
	}
}
