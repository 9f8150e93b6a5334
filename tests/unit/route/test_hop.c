/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "message_maker.h"
#include "route/dead_letter.h"
#include "route/hop.h"
#include "test_heap.h"
#include "virtual_clock.h"

/* A hub with one writer that commits as soon as it is armed, or never. */
struct fake_hub {
	dp_hub hub; /* first */
	dpi_writer writer;
	dpi_feed *feed;
	dp_status answer;        /* for chunks */
	dp_status writer_answer; /* when asked for a writer */
	bool is_stuck;           /* collects, and is never done */
	dpi_chunk *stuck;
	unsigned attached;
	unsigned writers; /* not yet released */
	size_t records;
	size_t chunks;
	unsigned pushes;
	uint64_t place; /* of the last record */
};

struct fixture {
	struct test_heap heap;
	struct virtual_clock clock;
	dp_runtime *rt;
	struct fake_hub hub;
	dpi_hop hop;
	struct made_message made;
	dp_time_ns deadline;
};

static struct fake_hub *fake_of(dpi_writer *writer)
{
	return (struct fake_hub *)writer->hub;
}

static void fake_attach(dpi_writer *writer, dpi_feed *feed)
{
	assert_null(fake_of(writer)->feed);
	fake_of(writer)->feed = feed;
	fake_of(writer)->attached++;
}

static void answer_chunk(struct fake_hub *hub, dpi_chunk *chunk)
{
	dp_error *cause = NULL;

	if (hub->answer != DP_OK) {
		(void)dpi_error_set(&cause, hub->answer, "as told");
	}
	hub->feed->done(hub->feed, chunk, hub->answer, cause);
	dp_error_free(cause);
}

static void fake_detach(dpi_writer *writer, dpi_feed *feed)
{
	struct fake_hub *hub = fake_of(writer);

	assert_ptr_equal(hub->feed, feed);
	if (hub->stuck != NULL) {
		answer_chunk(hub, hub->stuck);
		hub->stuck = NULL;
	}
	hub->feed = NULL;
}

static void keep(struct fake_hub *hub, const dpi_chunk *chunk)
{
	const uint8_t *p = chunk->data;
	size_t count = 0;

	while (p < chunk->data + chunk->size) {
		dp_message msg;

		assert_true(dpi_record_parse(&msg, p, dpi_record_size(p)));
		hub->place = msg.place.next;
		p += dpi_record_size(p);
		count++;
	}
	assert_int_equal(count, chunk->count);
	hub->records += count;
	hub->chunks++;
}

static void fake_arm(dpi_writer *writer, dp_time_ns at_ns)
{
	struct fake_hub *hub = fake_of(writer);
	dpi_chunk *chunk = hub->feed->collect(hub->feed);

	(void)at_ns;
	assert_non_null(chunk);
	assert_null(chunk->next);
	assert_null(hub->feed->collect(hub->feed));
	if (hub->is_stuck) {
		hub->stuck = chunk;
		return;
	}
	if (hub->answer == DP_OK) {
		keep(hub, chunk);
	}
	answer_chunk(hub, chunk);
}

static void fake_push(dpi_writer *writer)
{
	fake_of(writer)->pushes++;
	fake_arm(writer, 0);
}

static void fake_release(dpi_writer *writer)
{
	fake_of(writer)->writers--;
}

static const dpi_writer_ops writer_ops = {
	.attach = fake_attach,
	.detach = fake_detach,
	.arm = fake_arm,
	.push = fake_push,
	.release = fake_release,
};

static dp_status fake_writer(dp_hub *base, const char *topic,
	dpi_writer **ret_writer, dp_error **err)
{
	struct fake_hub *hub = (struct fake_hub *)base;

	assert_string_equal(topic, "out");
	if (hub->writer_answer != DP_OK) {
		return dpi_error_set(err, hub->writer_answer, "as told");
	}
	hub->writers++;
	*ret_writer = &hub->writer;
	return DP_OK;
}

static dp_status fake_source_next(dp_hub *base, const char *topic, uint64_t key,
	uint64_t *ret_next, dp_error **err)
{
	(void)base;
	(void)topic;
	if (key == 404) {
		return dpi_error_set(err, DP_ENOTFOUND, "no such topic");
	}
	*ret_next = key * 2;
	return DP_OK;
}

static const dpi_hub_ops hub_ops = {
	.writer = fake_writer,
	.source_next = fake_source_next,
};

static int setup(void **state)
{
	static const char *const topics[] = {"out"};
	dp_runtime_options opts = DP_RUNTIME_OPTIONS_INIT;
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	test_heap_init(&f->heap);
	virtual_clock_init(&f->clock, dpi_os_real());
	opts.allocator = &f->heap.alloc;
	assert_int_equal(
		dpi_runtime_new(&f->rt, &opts, &f->clock.os, NULL), DP_OK);
	f->hub.hub.ops = &hub_ops;
	f->hub.hub.rt = f->rt;
	f->hub.writer.ops = &writer_ops;
	f->hub.writer.hub = &f->hub.hub;
	f->deadline = DP_FOREVER;
	assert_int_equal(
		dpi_hop_init(&f->hop, &f->hub.hub, topics, 1, NULL), DP_OK);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	dpi_hop_fini(&f->hop);
	dp_runtime_free(f->rt);
	virtual_clock_fini(&f->clock);
	assert_int_equal(f->hub.writers, 0);
	assert_null(f->hub.feed);
	assert_int_equal(f->heap.live_bytes, 0);
	free(f);
	return 0;
}

static dp_status stage(struct fixture *f, uint64_t next, size_t payload_size)
{
	static const char zeros[3 << 20];
	dpi_forward forward;
	dp_event ev = DP_EVENT_INIT;

	ev.source = "shop";
	make_message(
		&f->made, "in", 0, next - 1, &ev, (dpi_source_place){.key = 0});
	f->made.msg.payload = (dp_bytes){zeros, payload_size};
	dpi_forward_init(&forward, &f->made.msg,
		(dpi_source_place){.key = 1, .next = next}, NULL, 0);
	return dpi_hop_stage(&f->hop, 0, &forward, NULL);
}

static void what_is_staged_is_there_after_a_commit(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(stage(f, 1, 10), DP_OK);
	assert_int_equal(stage(f, 2, 0), DP_OK);
	assert_int_equal(f->hub.records, 0);
	assert_int_equal(dpi_hop_commit(&f->hop, &f->deadline, NULL), DP_OK);
	assert_int_equal(f->hub.records, 2);
	assert_int_equal(f->hub.place, 2);
	assert_int_equal(f->hop.staged_bytes, 0);
	assert_int_equal(dpi_hop_commit(&f->hop, &f->deadline, NULL), DP_OK);
	assert_int_equal(f->hub.records, 2);
}

/* On its own thread it could not leave a disk that is stuck. */
static void who_has_a_deadline_leaves_the_commit_to_the_hub(void **state)
{
	struct fixture *f = *state;

	f->deadline = DP_FOREVER;
	assert_int_equal(stage(f, 1, 10), DP_OK);
	assert_int_equal(dpi_hop_commit(&f->hop, &f->deadline, NULL), DP_OK);
	assert_int_equal(f->hub.pushes, 1);
	f->deadline = f->clock.os.monotonic(f->clock.os.self) + DP_SECOND;
	assert_int_equal(stage(f, 2, 10), DP_OK);
	assert_int_equal(dpi_hop_commit(&f->hop, &f->deadline, NULL), DP_OK);
	assert_int_equal(f->hub.pushes, 1);
	assert_int_equal(f->hub.records, 2);
}

static void large_events_go_in_chunks_one_after_the_other(void **state)
{
	struct fixture *f = *state;

	for (uint64_t i = 1; i <= 20; i++) {
		assert_int_equal(stage(f, i, i == 7 ? 3 << 20 : 600000), DP_OK);
	}
	assert_int_equal(dpi_hop_commit(&f->hop, &f->deadline, NULL), DP_OK);
	assert_int_equal(f->hub.records, 20);
	assert_int_equal(f->hub.place, 20);
	assert_true(f->hub.chunks > 3);
}

static void after_a_chunk_that_failed_none_behind_it_is_offered(void **state)
{
	struct fixture *f = *state;
	dp_error *err = NULL;

	for (uint64_t i = 1; i <= 20; i++) {
		assert_int_equal(stage(f, i, 600000), DP_OK);
	}
	f->hub.answer = DP_ENOSPC;
	assert_int_equal(
		dpi_hop_commit(&f->hop, &f->deadline, &err), DP_ENOSPC);
	assert_string_equal(dp_error_message(err), "topic out: as told");
	dp_error_free(err);
	assert_int_equal(f->hub.records, 0);
	dpi_hop_drop(&f->hop);
	assert_int_equal(f->hop.staged_bytes, 0);

	f->hub.answer = DP_OK;
	assert_int_equal(stage(f, 1, 5), DP_OK);
	assert_int_equal(dpi_hop_commit(&f->hop, &f->deadline, NULL), DP_OK);
	assert_int_equal(f->hub.records, 1);
}

static void a_commit_that_is_stuck_ends_at_its_deadline(void **state)
{
	struct fixture *f = *state;

	f->hub.is_stuck = true;
	f->deadline = f->clock.os.monotonic(f->clock.os.self) + 5;
	virtual_clock_set_auto(&f->clock, 1);
	assert_int_equal(stage(f, 1, 5), DP_OK);
	assert_int_equal(
		dpi_hop_commit(&f->hop, &f->deadline, NULL), DP_ETIMEDOUT);
	dpi_hop_drop(&f->hop);
	assert_null(f->hub.stuck);

	f->hub.is_stuck = false;
	assert_int_equal(stage(f, 1, 5), DP_OK);
	f->deadline = DP_FOREVER;
	assert_int_equal(dpi_hop_commit(&f->hop, &f->deadline, NULL), DP_OK);
	assert_int_equal(f->hub.attached, 2);
}

static void a_topic_that_gives_no_partition_stages_nothing(void **state)
{
	struct fixture *f = *state;

	f->hub.writer_answer = DP_ELOCKED;
	assert_int_equal(stage(f, 1, 5), DP_ELOCKED);
	f->hub.writer_answer = DP_OK;
	assert_int_equal(dpi_hop_commit(&f->hop, &f->deadline, NULL), DP_OK);
	assert_int_equal(f->hub.records, 0);
	assert_int_equal(stage(f, 1, 5), DP_OK);
}

static void an_event_over_the_size_of_a_record_is_refused(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(stage(f, 1, DPI_RECORD_MAX), DP_ETOOBIG);
	assert_int_equal(f->hop.staged_bytes, 0);
}

/* Or its job would wait for ever. */
static void the_largest_event_has_room_for_what_a_dead_letter_adds(void **state)
{
	struct fixture *f = *state;
	char longest[1025] = "";
	const dpi_death death = {
		.job = longest + 1024 - 100,
		.cause = "DP_ECANCELED",
		.message = longest,
		.attempts = UINT32_MAX,
	};
	dpi_partition_name in = {longest + 1024 - 200, UINT32_MAX};
	dp_event ev = DP_EVENT_INIT;
	dpi_dead_letters dead;
	dpi_intakes intakes;

	memset(longest, 'x', 1024);
	ev.source = "shop";
	make_message(&f->made, in.topic, in.partition, UINT64_MAX - 1, &ev,
		(dpi_source_place){.key = 0});
	dpi_intakes_init(&intakes, &f->heap.alloc, death.job, &f->hub.hub, 0);
	assert_int_equal(
		dpi_dead_letters_init(&dead, &f->hub.hub, "out", NULL), DP_OK);
	assert_int_equal(
		dpi_dead_letters_stage(&dead, dpi_intakes_get(&intakes, &in),
			&f->made.msg, &death, NULL),
		DP_OK);
	assert_in_range(dead.hop.staged_bytes - f->made.msg.size, 1024,
		DPI_RECORD_OVERHEAD_MAX - DP_ATTRIBUTES_MAX_BYTES);
	dpi_dead_letters_fini(&dead);
	dpi_intakes_fini(&intakes);
}

static void a_topic_that_is_not_there_has_nothing(void **state)
{
	struct fixture *f = *state;
	uint64_t next = 7;

	assert_int_equal(dpi_hop_next(&f->hop, 0, 404, &next, NULL), DP_OK);
	assert_int_equal(next, 0);
	assert_int_equal(dpi_hop_next(&f->hop, 0, 21, &next, NULL), DP_OK);
	assert_int_equal(next, 42);
}

static void without_memory_nothing_is_staged(void **state)
{
	struct fixture *f = *state;
	dp_status st = DP_ENOMEM;
	int failures = 0;

	while (st != DP_OK) {
		f->heap.fail_at = f->heap.made + failures;
		st = stage(f, 1, 5);
		f->heap.fail_at = -1;
		assert_true(st == DP_OK || st == DP_ENOMEM);
		assert_int_equal(f->hop.staged_bytes > 0, st == DP_OK);
		failures += st != DP_OK;
	}
	assert_int_equal(failures, 2);
	assert_int_equal(dpi_hop_commit(&f->hop, &f->deadline, NULL), DP_OK);
	assert_int_equal(f->hub.records, 1);
}

static void a_steady_load_allocates_nothing(void **state)
{
	struct fixture *f = *state;
	long made = 0;

	for (uint64_t i = 1; i <= 100; i++) {
		assert_int_equal(stage(f, i, 100), DP_OK);
		assert_int_equal(
			dpi_hop_commit(&f->hop, &f->deadline, NULL), DP_OK);
		made = i == 1 ? f->heap.made : made;
	}
	assert_int_equal(f->heap.made, made);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			what_is_staged_is_there_after_a_commit, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			who_has_a_deadline_leaves_the_commit_to_the_hub, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			large_events_go_in_chunks_one_after_the_other, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			after_a_chunk_that_failed_none_behind_it_is_offered,
			setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_commit_that_is_stuck_ends_at_its_deadline, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			a_topic_that_gives_no_partition_stages_nothing, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			an_event_over_the_size_of_a_record_is_refused, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			the_largest_event_has_room_for_what_a_dead_letter_adds,
			setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_topic_that_is_not_there_has_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(
			without_memory_nothing_is_staged, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_steady_load_allocates_nothing, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
