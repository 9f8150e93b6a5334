/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "io/runtime.h"
#include "sink/sink.h"
#include "test_heap.h"

/*
 * The batch and the runtime are not looked at by the code under test, only
 * their count and their allocator are asked for: --wrap answers.
 */
static struct test_heap heap;
static size_t batch_count;

const dp_allocator *__wrap_dpi_runtime_alloc(const dp_runtime *rt);
size_t __wrap_dp_batch_count(const dp_batch *batch);

const dp_allocator *__wrap_dpi_runtime_alloc(const dp_runtime *rt)
{
	(void)rt;
	return &heap.alloc;
}

size_t __wrap_dp_batch_count(const dp_batch *batch)
{
	(void)batch;
	return batch_count;
}

static int a_runtime;
static int a_batch;

static dp_runtime *runtime(void)
{
	return (dp_runtime *)(void *)&a_runtime;
}

static const dp_batch *batch(void)
{
	return (const dp_batch *)(const void *)&a_batch;
}

/* A sink that does as it is told, and remembers. */
struct fake {
	dp_status write_status;
	dp_status (*refuse)(dp_refusals *refusals);
	unsigned closed;
	unsigned resets;
	const char *job;
};

static dp_status fake_open(
	void *self, const dp_sink_context *context, dp_error **err)
{
	(void)err;
	((struct fake *)self)->job = context->job;
	return context->struct_size == sizeof(*context) ? DP_OK : DP_EABI;
}

static dp_status fake_positions(void *self, dp_positions *ret, dp_error **err)
{
	(void)self;
	(void)err;
	return dp_positions_set(ret, "t", 3, 42);
}

static dp_status fake_write(void *self, const dp_batch *given,
	dp_refusals *refusals, dp_error **err)
{
	struct fake *fake = self;

	(void)given;
	if (fake->refuse != NULL) {
		dp_status st = fake->refuse(refusals);

		if (st != DP_OK) {
			return st;
		}
	}
	if (fake->write_status != DP_OK) {
		return dpi_error_set(err, fake->write_status, "as told");
	}
	return DP_OK;
}

static dp_status fake_flush(
	void *self, const dp_positions *upto, dp_error **err)
{
	(void)self;
	(void)err;
	return dp_positions_count(upto) == 0 ? DP_OK : DP_EIO;
}

static void fake_close(void *self)
{
	((struct fake *)self)->closed++;
}

static void fake_reset(void *self)
{
	((struct fake *)self)->resets++;
}

/* The least that a sink's author has to write. */
static dp_sink_ops minimal_ops(void)
{
	dp_sink_ops ops = DP_SINK_OPS_INIT;

	ops.name = "fake";
	ops.write = fake_write;
	ops.flush = fake_flush;
	ops.close = fake_close;
	return ops;
}

static dp_sink *make(struct fake *fake, const dp_sink_ops *ops)
{
	dp_sink *sink = NULL;

	assert_int_equal(dp_sink_new(&sink, runtime(), ops, fake, NULL), DP_OK);
	return sink;
}

static int setup(void **state)
{
	(void)state;
	test_heap_init(&heap);
	batch_count = 10;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(heap.live_blocks, 0);
	return 0;
}

static void a_sink_of_three_functions_can_be_used_in_full(void **state)
{
	struct fake fake = {0};
	dp_sink_ops ops = minimal_ops();
	dp_sink *sink = make(&fake, &ops);
	dp_positions positions;
	dp_refusals refusals;

	(void)state;
	dpi_positions_init(&positions, &heap.alloc);
	dpi_refusals_init(&refusals, &heap.alloc);
	assert_string_equal(dpi_sink_name(sink), "fake");
	assert_false(dpi_sink_keeps_positions(sink));
	assert_int_equal(dpi_sink_open(sink, "job", NULL), DP_OK);
	assert_int_equal(dpi_sink_positions(sink, &positions, NULL), DP_OK);
	assert_int_equal(dp_positions_count(&positions), 0);
	assert_int_equal(dpi_sink_write(sink, batch(), &refusals, NULL), DP_OK);
	assert_int_equal(dpi_sink_flush(sink, &positions, NULL), DP_OK);
	assert_false(dpi_sink_reset(sink));
	dpi_positions_fini(&positions);
	dpi_refusals_fini(&refusals);
	dp_sink_free(sink);
	assert_int_equal(fake.closed, 1);
}

static void optional_functions_are_called_where_they_are_given(void **state)
{
	struct fake fake = {0};
	dp_sink_ops ops = minimal_ops();
	dp_positions positions;
	dp_sink *sink;

	(void)state;
	ops.open = fake_open;
	ops.positions = fake_positions;
	ops.reset = fake_reset;
	ops.caps = DP_SINK_CAP_POSITIONS;
	sink = make(&fake, &ops);
	dpi_positions_init(&positions, &heap.alloc);
	assert_true(dpi_sink_keeps_positions(sink));
	assert_int_equal(dpi_sink_open(sink, "ramp", NULL), DP_OK);
	assert_string_equal(fake.job, "ramp");
	assert_int_equal(dpi_sink_positions(sink, &positions, NULL), DP_OK);
	assert_int_equal(dpi_positions_next(&positions, "t", 3), 42);
	assert_true(dpi_sink_reset(sink));
	assert_int_equal(fake.resets, 1);
	dpi_positions_fini(&positions);
	dp_sink_free(sink);
}

static void assert_not_adopted(
	const dp_sink_ops *ops, dp_status code, const char *part_of_message)
{
	dp_sink *sink = NULL;
	dp_error *err = NULL;
	struct fake fake = {0};

	assert_int_equal(dp_sink_new(&sink, runtime(), ops, &fake, &err), code);
	assert_null(sink);
	assert_non_null(strstr(dp_error_message(err), part_of_message));
	dp_error_free(err);
	assert_int_equal(fake.closed, 0);
}

static void a_sink_that_cannot_be_served_is_refused_when_made(void **state)
{
	dp_sink_ops zeroed = {0};
	dp_sink_ops ops = minimal_ops();
	struct {
		dp_sink_ops ops;
		uintptr_t slot_of_0_9;
	} future = {minimal_ops(), 1};

	(void)state;
	assert_not_adopted(NULL, DP_EINVAL, "NULL");
	assert_not_adopted(&zeroed, DP_EABI, "DP_SINK_OPS_INIT");
	ops.abi = DP_SINK_ABI + 1;
	assert_not_adopted(&ops, DP_EABI, "ABI 2");
	ops = minimal_ops();
	ops.caps = 1u << 31;
	assert_not_adopted(&ops, DP_EABI, "0x80000000");
	ops = minimal_ops();
	ops.name = "";
	assert_not_adopted(&ops, DP_EINVAL, "no name");
	ops = minimal_ops();
	ops.flush = NULL;
	assert_not_adopted(&ops, DP_EINVAL, "'fake' lacks");
	ops = minimal_ops();
	ops.caps = DP_SINK_CAP_POSITIONS;
	assert_not_adopted(&ops, DP_EINVAL, "lacks positions");
	future.ops.struct_size = sizeof(future);
	assert_not_adopted(&future.ops, DP_EABI, "newer libdatapipe");
	heap.fail_at = heap.made;
	ops = minimal_ops();
	assert_not_adopted(&ops, DP_ENOMEM, "no memory");
}

static void assert_meaning(dp_status st, dp_refusal meaning)
{
	struct fake fake = {.write_status = st};
	dp_sink_ops ops = minimal_ops();
	dp_sink *sink = make(&fake, &ops);
	dp_refusals refusals;
	dp_error *err = NULL;

	dpi_refusals_init(&refusals, &heap.alloc);
	assert_int_equal(dpi_sink_write(sink, batch(), &refusals, &err), st);
	assert_int_equal(refusals.all, meaning);
	assert_int_equal(refusals.count, 0);
	dp_error_free(err);
	dpi_refusals_fini(&refusals);
	dp_sink_free(sink);
}

static void a_status_alone_says_what_to_do(void **state)
{
	(void)state;
	assert_meaning(DP_OK, 0);
	assert_meaning(DP_EAGAIN, DP_REFUSAL_RETRYABLE);
	assert_meaning(DP_ETIMEDOUT, DP_REFUSAL_RETRYABLE);
	assert_meaning(DP_EREMOTE, DP_REFUSAL_RETRYABLE);
	assert_meaning(DP_ENOSPC, DP_REFUSAL_RETRYABLE);
	assert_meaning(DP_ENOMEM, DP_REFUSAL_RETRYABLE);
	assert_meaning(DP_EDENIED, DP_REFUSAL_FATAL);
	assert_meaning(DP_EIO, DP_REFUSAL_STREAM);
	assert_meaning(DP_ESCHEMA, DP_REFUSAL_STREAM);
	assert_meaning(-999, DP_REFUSAL_STREAM);
}

static dp_status refuse_whole(dp_refusals *refusals)
{
	dp_refusals_add_all(refusals, DP_REFUSAL_THROTTLED, 5 * DP_SECOND);
	dp_refusals_add_all(refusals, 99, 0);
	return DP_OK;
}

static void what_the_sink_says_of_a_failed_write_goes_first(void **state)
{
	struct fake fake = {.write_status = DP_EREMOTE, .refuse = refuse_whole};
	dp_sink_ops ops = minimal_ops();
	dp_sink *sink = make(&fake, &ops);
	dp_refusals refusals;

	(void)state;
	dpi_refusals_init(&refusals, &heap.alloc);
	assert_int_equal(
		dpi_sink_write(sink, batch(), &refusals, NULL), DP_EREMOTE);
	assert_int_equal(refusals.all, DP_REFUSAL_THROTTLED);
	assert_int_equal(refusals.all_retry_after_ns, 5 * DP_SECOND);
	dpi_refusals_fini(&refusals);
	dp_sink_free(sink);
}

static dp_status refuse(dp_refusals *refusals, size_t i, const char *message)
{
	return dp_refusals_add(
		refusals, i, DP_REFUSAL_EVENT, DP_ESCHEMA, 0, message);
}

static dp_status refuse_some(dp_refusals *refusals)
{
	dp_status st = refuse(refusals, 7, "seven");

	st = st == DP_OK ? refuse(refusals, 2, "two") : st;
	st = st == DP_OK ? refuse(refusals, 9, NULL) : st;
	return st == DP_OK ? refuse(refusals, 2, "two again") : st;
}

static void refused_events_come_by_index_and_once(void **state)
{
	struct fake fake = {.refuse = refuse_some};
	dp_sink_ops ops = minimal_ops();
	dp_sink *sink = make(&fake, &ops);
	dp_refusals refusals;

	(void)state;
	dpi_refusals_init(&refusals, &heap.alloc);
	for (int round = 0; round < 2; round++) {
		assert_int_equal(
			dpi_sink_write(sink, batch(), &refusals, NULL), DP_OK);
		assert_int_equal(refusals.count, 3);
		assert_int_equal(refusals.items[0].index, 2);
		assert_string_equal(refusals.items[0].message, "two");
		assert_int_equal(refusals.items[1].index, 7);
		assert_int_equal(refusals.items[1].code, DP_ESCHEMA);
		assert_int_equal(refusals.items[2].index, 9);
		assert_string_equal(refusals.items[2].message, "");
	}
	dpi_refusals_fini(&refusals);
	dp_sink_free(sink);
}

static dp_status refuse_beyond(dp_refusals *refusals)
{
	return refuse(refusals, 10, "there are ten: 0 to 9");
}

static void an_event_that_is_not_in_the_batch_cannot_be_refused(void **state)
{
	struct fake fake = {.refuse = refuse_beyond};
	dp_sink_ops ops = minimal_ops();
	dp_sink *sink = make(&fake, &ops);
	dp_refusals refusals;

	(void)state;
	dpi_refusals_init(&refusals, &heap.alloc);
	assert_int_equal(
		dpi_sink_write(sink, batch(), &refusals, NULL), DP_EINVAL);
	assert_int_equal(refusals.all, DP_REFUSAL_STREAM);
	dpi_refusals_fini(&refusals);
	dp_sink_free(sink);
}

static void a_long_message_is_cut_between_characters(void **state)
{
	dp_refusals refusals;
	char text[1100];

	(void)state;
	dpi_refusals_init(&refusals, &heap.alloc);
	dpi_refusals_clear(&refusals, 1);
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	memcpy(text + 1023, "\xc3\xa9", 2);
	assert_int_equal(refuse(&refusals, 0, text), DP_OK);
	assert_int_equal(strlen(refusals.items[0].message), 1023);
	dpi_refusals_fini(&refusals);
}

static void refusals_without_memory_fail_the_write(void **state)
{
	struct fake fake = {.refuse = refuse_some};
	dp_sink_ops ops = minimal_ops();
	dp_status st = DP_ENOMEM;

	(void)state;
	for (long k = 0; st != DP_OK; k++) {
		dp_sink *sink = make(&fake, &ops);
		dp_refusals refusals;

		dpi_refusals_init(&refusals, &heap.alloc);
		heap.fail_at = heap.made + k;
		st = dpi_sink_write(sink, batch(), &refusals, NULL);
		heap.fail_at = -1;
		if (st != DP_OK) {
			assert_int_equal(st, DP_ENOMEM);
			assert_int_equal(refusals.all, DP_REFUSAL_RETRYABLE);
		}
		dpi_refusals_fini(&refusals);
		dp_sink_free(sink);
		assert_int_equal(heap.live_blocks, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sink_of_three_functions_can_be_used_in_full),
		cmocka_unit_test(
			optional_functions_are_called_where_they_are_given),
		cmocka_unit_test(
			a_sink_that_cannot_be_served_is_refused_when_made),
		cmocka_unit_test(a_status_alone_says_what_to_do),
		cmocka_unit_test(
			what_the_sink_says_of_a_failed_write_goes_first),
		cmocka_unit_test(refused_events_come_by_index_and_once),
		cmocka_unit_test(
			an_event_that_is_not_in_the_batch_cannot_be_refused),
		cmocka_unit_test(a_long_message_is_cut_between_characters),
		cmocka_unit_test(refusals_without_memory_fail_the_write),
	};

	return cmocka_run_group_tests_name("sink", tests, setup, teardown);
}
