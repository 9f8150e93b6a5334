/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "publish/chunks.h"
#include "publish/front.h"
#include "test_heap.h"

/* Memory of events: chunks in order, what is kept of them, who writes there. */

struct fixture {
	struct test_heap heap;
	dp_runtime *rt;
	dpi_pool *pool;
	dpi_chunks chunks;
};

static int setup(void **state)
{
	static struct fixture f;
	dp_runtime_options opts = DP_RUNTIME_OPTIONS_INIT;

	test_heap_init(&f.heap);
	opts.allocator = &f.heap.alloc;
	assert_int_equal(dp_runtime_new(&f.rt, &opts, NULL), DP_OK);
	f.pool = dpi_pool_of(f.rt);
	assert_non_null(f.pool);
	dpi_chunks_init(&f.chunks, f.pool, &f, true);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	dpi_chunks_fini(&f->chunks);
	dp_runtime_free(f->rt);
	assert_int_equal(f->heap.live_bytes, 0);
	return 0;
}

static dpi_pub_chunk *add(struct fixture *f, size_t size)
{
	dpi_pub_chunk *chunk = dpi_chunks_add(&f->chunks, size);

	assert_non_null(chunk);
	assert_true(chunk->capacity >= size);
	assert_ptr_equal(chunk->owner, f);
	assert_int_equal(chunk->chunk.size, 0);
	assert_int_equal(chunk->chunk.count, 0);
	return chunk;
}

static void give_all(struct fixture *f, dpi_chunk *chunk)
{
	while (chunk != NULL) {
		dpi_chunk *next = chunk->next;

		dpi_pool_give(f->pool, (dpi_pub_chunk *)chunk);
		chunk = next;
	}
}

static void chunks_leave_in_order_up_to_one_that_is_written_to(void **state)
{
	struct fixture *f = *state;
	dpi_pub_chunk *first = add(f, 10);
	dpi_pub_chunk *slow = add(f, 10);
	dpi_pub_chunk *last = add(f, 10);
	dpi_chunk *taken;

	taken = dpi_chunks_take(&f->chunks, &slow, 1);
	assert_ptr_equal(taken, &first->chunk);
	assert_null(taken->next);
	give_all(f, taken);
	assert_null(dpi_chunks_take(&f->chunks, &slow, 1));

	taken = dpi_chunks_take(&f->chunks, NULL, 0);
	assert_ptr_equal(taken, &slow->chunk);
	assert_ptr_equal(taken->next, &last->chunk);
	assert_null(taken->next->next);
	give_all(f, taken);
	assert_null(dpi_chunks_take(&f->chunks, NULL, 0));
	assert_ptr_equal(f->chunks.head, NULL);
}

static void the_first_chunk_is_small(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(add(f, 100)->capacity, DPI_CHUNK_SMALL_BYTES);
	assert_int_equal(add(f, 100)->capacity, DPI_CHUNK_BYTES);
	give_all(f, dpi_chunks_take(&f->chunks, NULL, 0));
	assert_int_equal(add(f, 5000)->capacity, DPI_CHUNK_BYTES);
}

static void a_steady_load_stops_allocating(void **state)
{
	struct fixture *f = *state;
	long made = f->heap.made;

	for (int i = 0; i < 100; i++) {
		(void)add(f, 1000);
		(void)add(f, 1000);
		give_all(f, dpi_chunks_take(&f->chunks, NULL, 0));
	}
	assert_int_equal(f->heap.made, made + 2);
}

static void chunks_serve_another_publisher_next(void **state)
{
	struct fixture *f = *state;
	dpi_pub_chunk *mine = add(f, 10);
	dpi_chunks others;

	give_all(f, dpi_chunks_take(&f->chunks, NULL, 0));
	assert_ptr_equal(dpi_pool_of(f->rt), f->pool);
	dpi_chunks_init(&others, f->pool, &others, true);
	assert_ptr_equal(dpi_chunks_add(&others, 10), mine);
	assert_ptr_equal(mine->owner, &others);
	dpi_chunks_fini(&others);
}

static void a_chunk_holds_a_record_of_any_size(void **state)
{
	struct fixture *f = *state;
	dpi_pub_chunk *chunk = add(f, 16u << 20);

	memset(chunk->chunk.data, 0xab, 16u << 20);
	give_all(f, dpi_chunks_take(&f->chunks, NULL, 0));
}

static void a_chunk_has_a_completion_for_each_record(void **state)
{
	struct fixture *f = *state;
	dpi_pub_chunk *chunk = add(f, 10);

	for (size_t i = 0; i < chunk->events_max; i++) {
		chunk->report.items[i].tag = chunk;
	}
	memset(chunk->chunk.data, 0xff, chunk->capacity);
	assert_ptr_equal(chunk->report.items[chunk->events_max - 1].tag, chunk);
	dpi_chunks_init(&f->chunks, f->pool, f, false);
	assert_null(add(f, 10)->report.items);
	give_all(f, &chunk->chunk);
}

static void no_more_is_kept_than_was_asked_for(void **state)
{
	struct fixture *f = *state;
	size_t before = f->heap.live_blocks;

	dpi_pool_keep(f->pool, UINT64_C(4) * 3 * DPI_CHUNK_BYTES);
	dpi_pool_keep(f->pool, 1);
	for (int i = 0; i < 10; i++) {
		(void)add(f, DPI_CHUNK_BYTES);
	}
	assert_int_equal(f->heap.live_blocks, before + 10);
	give_all(f, dpi_chunks_take(&f->chunks, NULL, 0));
	assert_int_equal(f->heap.live_blocks, before + 3);
}

static void a_first_chunk_of_each_of_many_publishers_is_kept(void **state)
{
	struct fixture *f = *state;
	size_t before = f->heap.live_blocks;
	dpi_pub_chunk *chunks[6];

	dpi_pool_keep(f->pool, UINT64_C(4) * DPI_CHUNK_SMALL_BYTES);
	for (size_t i = 0; i < 6; i++) {
		chunks[i] = dpi_pool_take(f->pool, 10, false);
		assert_non_null(chunks[i]);
	}
	for (size_t i = 0; i < 6; i++) {
		dpi_pool_give(f->pool, chunks[i]);
	}
	assert_int_equal(f->heap.live_blocks, before + 4);
}

static void want_of_memory_is_told(void **state)
{
	struct fixture *f = *state;

	f->heap.fail_at = f->heap.made;
	assert_null(dpi_chunks_add(&f->chunks, 10));
	assert_non_null(dpi_chunks_add(&f->chunks, 10));
}

/* One thread's place after another's; pens tell which chunks are written to. */
static void a_pen_is_down_until_its_record_is_complete(void **state)
{
	struct fixture *f = *state;
	static dpi_pen pens[DPI_PENS];
	dpi_pub_chunk *chunk = add(f, 4000);
	dpi_pub_chunk *busy[DPI_PENS];
	dpi_place places[DPI_PENS + 1];
	dpi_front front = {
		.events_left = 20,
		.bytes_left = 4000,
		.at = chunk->chunk.data,
		.chunk = chunk,
	};

	for (size_t i = 0; i < DPI_PENS; i++) {
		dpi_front_take(&front, 100, pens, &places[i]);
		assert_ptr_equal(places[i].out, chunk->chunk.data + 100 * i);
		assert_int_equal(places[i].index, i);
		assert_non_null(places[i].pen);
		assert_int_equal(dpi_pens_read(pens, busy), i + 1);
	}
	dpi_front_take(&front, 100, pens, &places[DPI_PENS]);
	assert_null(places[DPI_PENS].pen);
	assert_int_equal(front.events_left, 20 - DPI_PENS - 1);
	assert_int_equal(front.bytes_left, 4000 - 100 * (DPI_PENS + 1));
	for (size_t i = 0; i < DPI_PENS; i++) {
		assert_ptr_equal(busy[0], chunk);
		dpi_pen_lift(places[i].pen);
	}
	assert_int_equal(dpi_pens_read(pens, busy), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(chunks_leave_in_order_up_to_one_that_is_written_to),
		TEST(the_first_chunk_is_small),
		TEST(a_steady_load_stops_allocating),
		TEST(chunks_serve_another_publisher_next),
		TEST(a_chunk_holds_a_record_of_any_size),
		TEST(a_chunk_has_a_completion_for_each_record),
		TEST(no_more_is_kept_than_was_asked_for),
		TEST(a_first_chunk_of_each_of_many_publishers_is_kept),
		TEST(want_of_memory_is_told),
		TEST(a_pen_is_down_until_its_record_is_complete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
