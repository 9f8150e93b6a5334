/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "sink/slot.h"
#include "sim_os.h"
#include "test_heap.h"

static struct test_heap heap;

static int setup(void **state)
{
	(void)state;
	test_heap_init(&heap);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(heap.live_blocks, 0);
	return 0;
}

static const dpi_commit_file some_files[] = {
	{7, 0, "t/2026-01-01/part-a.avro", 1234, 56},
	{7, 1, "t/2026-01-02/part-b.avro", 99, 1},
};

static dp_status encode(dpi_buf *buf)
{
	dp_positions positions;
	dpi_arena scratch;
	dp_status st;

	dpi_positions_init(&positions, &heap.alloc);
	dpi_arena_init(&scratch, &heap.alloc, 1u << 20);
	st = dp_positions_set(&positions, "t", 3, UINT64_C(1) << 40);
	if (st == DP_OK) {
		const dpi_commit commit = {"job", 8, 0xfedcba9876543210u,
			some_files, 2, &positions};

		st = dpi_commit_encode(&commit, &scratch, buf, NULL);
	}
	dpi_arena_fini(&scratch);
	dpi_positions_fini(&positions);
	return st;
}

/* The place of partition 3 in *ret_next, and what else it says. */
static dp_status decode(
	const void *data, size_t size, bool check, uint64_t *ret_next)
{
	dp_positions positions;
	dpi_commit commit;
	dpi_arena arena;
	dp_status st;

	dpi_positions_init(&positions, &heap.alloc);
	dpi_arena_init(&arena, &heap.alloc, 1u << 20);
	st = dpi_commit_decode(
		&commit, dpi_bytes(data, size), &arena, &positions, NULL);
	if (st == DP_OK && check) {
		assert_string_equal(commit.job, "job");
		assert_int_equal(commit.sequence, 8);
		assert_int_equal(commit.origin, 0xfedcba9876543210u);
		assert_int_equal(commit.file_count, 2);
		assert_int_equal(commit.files[0].sequence, 7);
		assert_int_equal(commit.files[1].number, 1);
		assert_string_equal(commit.files[1].name, some_files[1].name);
		assert_int_equal(commit.files[0].bytes, 1234);
		assert_int_equal(commit.files[0].events, 56);
		*ret_next = dpi_positions_next(&positions, "t", 3);
	}
	dpi_arena_fini(&arena);
	dpi_positions_fini(&positions);
	return st;
}

static void a_commit_comes_back_as_it_was(void **state)
{
	uint64_t next = 0;
	dpi_buf buf;

	(void)state;
	dpi_buf_init(&buf, &heap.alloc, 1u << 20);
	assert_int_equal(encode(&buf), DP_OK);
	assert_int_equal(decode(buf.data, buf.size, true, &next), DP_OK);
	assert_int_equal(next, UINT64_C(1) << 40);
	/* Left-overs of a longer record before it do not matter. */
	assert_int_equal(dpi_buf_append(&buf, "left over", 9), DP_OK);
	assert_int_equal(decode(buf.data, buf.size, true, &next), DP_OK);
	dpi_buf_fini(&buf);
}

static void a_commit_cut_off_or_changed_anywhere_is_none(void **state)
{
	dpi_buf buf;

	(void)state;
	dpi_buf_init(&buf, &heap.alloc, 1u << 20);
	assert_int_equal(encode(&buf), DP_OK);
	for (size_t i = 0; i < buf.size; i++) {
		uint8_t was = buf.data[i];

		assert_int_equal(decode(buf.data, i, false, NULL), DP_ECORRUPT);
		for (unsigned bit = 0; bit < 8; bit++) {
			buf.data[i] = (uint8_t)(was ^ 1u << bit);
			assert_int_equal(
				decode(buf.data, buf.size, false, NULL),
				DP_ECORRUPT);
		}
		buf.data[i] = was;
	}
	dpi_buf_fini(&buf);
}

static void a_commit_of_a_newer_version_is_not_guessed_at(void **state)
{
	dpi_buf buf;
	uint32_t crc;

	(void)state;
	dpi_buf_init(&buf, &heap.alloc, 1u << 20);
	assert_int_equal(encode(&buf), DP_OK);
	dpi_store_u32(buf.data + 4, 2);
	crc = dpi_crc32c(0, buf.data + 4, 16);
	crc = dpi_crc32c(crc, buf.data + 24, buf.size - 24);
	dpi_store_u32(buf.data + 20, crc);
	assert_int_equal(decode(buf.data, buf.size, false, NULL), DP_EABI);
	dpi_buf_fini(&buf);
}

static void a_commit_without_memory_is_an_error(void **state)
{
	dp_status st = DP_ENOMEM;
	uint64_t next;
	dpi_buf buf;

	(void)state;
	for (long k = 0; st != DP_OK; k++) {
		dpi_buf_init(&buf, &heap.alloc, 1u << 20);
		heap.fail_at = heap.made + k;
		st = encode(&buf);
		if (st == DP_OK) {
			st = decode(buf.data, buf.size, true, &next);
		}
		heap.fail_at = -1;
		assert_true(st == DP_OK || st == DP_ENOMEM);
		dpi_buf_fini(&buf);
		assert_int_equal(heap.live_blocks, 0);
	}
}

/* A slot on a simulated disk. */
struct fixture {
	struct sim_disk *disk;
	dp_runtime *rt;
	dp_store *store;
	dpi_job_slot slot;
};

static void open_slot(struct fixture *f, dp_status wanted)
{
	dp_runtime_options opts = DP_RUNTIME_OPTIONS_INIT;
	dp_error *err = NULL;
	dp_status st;

	opts.allocator = &heap.alloc;
	assert_int_equal(
		dpi_runtime_new(&f->rt, &opts, sim_disk_start(f->disk), NULL),
		DP_OK);
	assert_int_equal(
		dp_store_open(&f->store, f->rt, "file:/data", NULL), DP_OK);
	dpi_job_slot_init(&f->slot, f->store, "job", "0");
	assert_int_equal(
		f->store->ops->make_folder(f->store, f->slot.folder, NULL),
		DP_OK);
	st = dpi_job_slot_recover(&f->slot, &err);
	assert_int_equal(st, wanted);
	if (st == DP_ECORRUPT) {
		assert_non_null(strstr(
			dp_error_message(err), "_commits/job/0 are damaged"));
	}
	dp_error_free(err);
}

static void close_slot(struct fixture *f)
{
	dpi_job_slot_fini(&f->slot);
	dp_store_close(f->store);
	dp_runtime_free(f->rt);
}

static void commit_next(struct fixture *f, uint64_t next)
{
	dp_positions upto;

	dpi_positions_init(&upto, &heap.alloc);
	assert_int_equal(dp_positions_set(&upto, "t", 0, next), DP_OK);
	assert_int_equal(
		dpi_job_slot_commit(&f->slot, NULL, 0, &upto, NULL), DP_OK);
	dpi_positions_fini(&upto);
}

/* Overwrites the first size bytes of a record as a torn write would. */
static void tear(struct fixture *f, const char *name, size_t size)
{
	static const uint8_t garbage[4096] = {0xaa};
	const dpi_os *os = sim_disk_start(f->disk);
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "/data/_commits/job/0/%s", name);
	fd = os->open(os->self, path, 0);
	assert_true(fd >= 0);
	assert_int_equal(dpi_os_write_all(os, fd, garbage, size, 0), 0);
	assert_int_equal(os->close(os->self, fd), 0);
}

static void of_two_commits_the_older_counts_if_the_newer_is_torn(void **state)
{
	(void)state;
	for (size_t size = 1; size < 60; size++) {
		struct fixture f = {.disk = sim_disk_new(1)};

		open_slot(&f, DP_OK);
		commit_next(&f, 100); /* sequence 2: b */
		commit_next(&f, 200); /* sequence 3: a */
		close_slot(&f);
		tear(&f, "a", size);
		open_slot(&f, DP_OK);
		assert_int_equal(
			dpi_positions_next(&f.slot.positions, "t", 0), 100);
		close_slot(&f);
		sim_disk_free(f.disk);
	}
}

static void two_damaged_commits_are_an_error_and_no_beginning(void **state)
{
	struct fixture f = {.disk = sim_disk_new(1)};

	(void)state;
	open_slot(&f, DP_OK);
	commit_next(&f, 100);
	close_slot(&f);
	tear(&f, "a", 30);
	tear(&f, "b", 30);
	open_slot(&f, DP_ECORRUPT);
	close_slot(&f);
	sim_disk_free(f.disk);
}

static void a_first_commit_that_is_torn_is_no_commit(void **state)
{
	struct fixture f = {.disk = sim_disk_new(1)};
	uint64_t origin;

	(void)state;
	open_slot(&f, DP_OK);
	origin = f.slot.origin;
	close_slot(&f);
	tear(&f, "a", 30);
	open_slot(&f, DP_OK);
	assert_int_equal(f.slot.sequence, 1);
	assert_true(f.slot.origin != origin);
	close_slot(&f);
	sim_disk_free(f.disk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_commit_comes_back_as_it_was),
		cmocka_unit_test(a_commit_cut_off_or_changed_anywhere_is_none),
		cmocka_unit_test(a_commit_of_a_newer_version_is_not_guessed_at),
		cmocka_unit_test(a_commit_without_memory_is_an_error),
		cmocka_unit_test(
			of_two_commits_the_older_counts_if_the_newer_is_torn),
		cmocka_unit_test(
			two_damaged_commits_are_an_error_and_no_beginning),
		cmocka_unit_test(a_first_commit_that_is_torn_is_no_commit),
	};

	return cmocka_run_group_tests_name("commit", tests, setup, teardown);
}
