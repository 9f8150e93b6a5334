/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "faulty_os.h"
#include "io/files.h"
#include "sim_os.h"
#include "test_heap.h"

/*
 * Every operation on files, with every call of the system failing, once and
 * for ever, and every allocation.
 */

static struct sim_disk *disk;
static struct faulty_os faulty;
static struct test_heap heap;

static int begin(void **state)
{
	(void)state;
	disk = sim_disk_new(1);
	faulty_os_init(&faulty, sim_disk_start(disk));
	test_heap_init(&heap);
	return 0;
}

static int end(void **state)
{
	(void)state;
	sim_disk_free(disk);
	return heap.live_blocks == 0 ? 0 : -1;
}

typedef dp_status (*operation)(dp_error **err);

static dp_status make_directories(dp_error **err)
{
	return dpi_files_mkdir(&faulty.os, "/a/b/c", err);
}

static dp_status write_file(dp_error **err)
{
	return dpi_files_write(&faulty.os, "/f", "new", 3, err);
}

static dp_status rename_file(dp_error **err)
{
	return dpi_files_rename(&faulty.os, "/d/f", "/e/f", err);
}

static dp_status remove_tree(dp_error **err)
{
	return dpi_files_remove(&faulty.os, &heap.alloc, "/d", err);
}

static dp_status look_for_file(dp_error **err)
{
	bool is_there;

	return dpi_files_exists(&faulty.os, "/f", &is_there, err);
}

static dp_status read_file(dp_error **err)
{
	dpi_buf buf;
	dp_status st;

	dpi_buf_init(&buf, &heap.alloc, 1000);
	st = dpi_files_read(&faulty.os, "/f", &buf, err);
	if (st == DP_OK) {
		assert_string_equal(dpi_buf_text(&buf), "old");
	} else {
		assert_int_equal(buf.size, 0);
	}
	dpi_buf_fini(&buf);
	return st;
}

static dp_status list_directory(dp_error **err)
{
	const char *const *names = NULL;
	size_t count = 77;
	dpi_arena arena;
	dp_status st;

	dpi_arena_init(&arena, &heap.alloc, SIZE_MAX);
	st = dpi_files_list(&faulty.os, "/d", &arena, &names, &count, err);
	assert_int_equal(count, st == DP_OK ? 1 : 77);
	dpi_arena_fini(&arena);
	return st;
}

static void make_world(void)
{
	const dpi_os *os = faulty.inner;

	assert_int_equal(dpi_files_write(os, "/f", "old", 3, NULL), DP_OK);
	assert_int_equal(dpi_files_mkdir(os, "/d", NULL), DP_OK);
	assert_int_equal(dpi_files_mkdir(os, "/e", NULL), DP_OK);
	assert_int_equal(dpi_files_write(os, "/d/f", "x", 1, NULL), DP_OK);
}

/* A close that fails after all was synced changes nothing. */
static bool may_be_ignored(void)
{
	return faulty_os_count(&faulty, FAULTY_CLOSE) > 0;
}

/* Runs it with call k failing for all k; returns how many calls it makes. */
static long fail_each_call(operation run, bool for_ever)
{
	for (long k = 0;; k++) {
		dp_error *err = NULL;
		dp_status st;

		(void)begin(NULL);
		make_world();
		faulty_os_fail(&faulty, FAULTY_ANY, k, EROFS, for_ever);
		st = run(&err);
		if (faulty_os_failed(&faulty) == 0) {
			assert_int_equal(st, DP_OK);
			assert_int_equal(end(NULL), 0);
			return k;
		}
		if (st == DP_OK) {
			assert_true(may_be_ignored());
		} else {
			assert_int_equal(st, DP_EIO);
			assert_int_equal(dp_error_sys_errno(err), EROFS);
			assert_non_null(strchr(dp_error_message(err), '/'));
		}
		dp_error_free(err);
		faulty_os_heal(&faulty);
		assert_int_equal(end(NULL), 0);
	}
}

static void every_failed_call_is_reported_with_its_path(void **state)
{
	static const operation operations[] = {make_directories, write_file,
		rename_file, remove_tree, look_for_file, read_file,
		list_directory};

	(void)state;
	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]);
		i++) {
		long once = fail_each_call(operations[i], false);

		assert_true(once > 0);
		assert_int_equal(fail_each_call(operations[i], true), once);
	}
}

static void every_failed_allocation_is_reported(void **state)
{
	static const operation operations[] = {
		remove_tree, read_file, list_directory};

	(void)state;
	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]);
		i++) {
		for (long k = 0;; k++) {
			dp_error *err = NULL;
			dp_status st;

			(void)begin(NULL);
			make_world();
			heap.fail_at = k;
			st = operations[i](&err);
			assert_int_equal(st, heap.made > k ? DP_ENOMEM : DP_OK);
			assert_int_equal(dp_error_code(err), st);
			dp_error_free(err);
			assert_int_equal(end(NULL), 0);
			if (st == DP_OK) {
				assert_true(k > 0);
				break;
			}
		}
	}
}

/* The array of names comes after the names, in a block of its own. */
static void a_listing_over_the_limit_of_its_arena_is_reported(void **state)
{
	const char *const *names = NULL;
	size_t count = 0;

	(void)state;
	(void)begin(NULL);
	make_world();
	for (size_t limit = 0; names == NULL; limit += 16) {
		dpi_arena arena;
		dp_status st;

		dpi_arena_init(&arena, &heap.alloc, limit);
		st = dpi_files_list(
			&faulty.os, "/", &arena, &names, &count, NULL);
		assert_int_equal(st, names != NULL ? DP_OK : DP_ENOMEM);
		dpi_arena_fini(&arena);
	}
	assert_int_equal(count, 3);
	assert_int_equal(end(NULL), 0);
}

static void a_failed_write_leaves_the_old_file_and_nothing_else(void **state)
{
	(void)state;
	for (long k = 0; k < 4; k++) {
		bool is_there = true;

		(void)begin(NULL);
		make_world();
		faulty_os_fail(&faulty, FAULTY_ANY, k, ENOSPC, false);
		assert_int_equal(write_file(NULL), DP_ENOSPC);
		faulty_os_heal(&faulty);
		assert_int_equal(read_file(NULL), DP_OK);
		assert_int_equal(
			dpi_files_exists(&faulty.os, "/f.tmp", &is_there, NULL),
			DP_OK);
		assert_false(is_there);
		assert_int_equal(end(NULL), 0);
	}
}

static void a_directory_above_that_may_not_be_read_is_fine(void **state)
{
	(void)state;
	(void)begin(NULL);
	make_world();
	assert_int_equal(dpi_files_mkdir(&faulty.os, "/d", NULL), DP_OK);
	faulty_os_fail(&faulty, FAULTY_OPEN, 0, EACCES, true);
	assert_int_equal(dpi_files_mkdir(&faulty.os, "/d", NULL), DP_OK);
	faulty_os_fail(&faulty, FAULTY_OPEN, 0, EIO, true);
	assert_int_equal(dpi_files_mkdir(&faulty.os, "/d", NULL), DP_EIO);
	assert_int_equal(end(NULL), 0);
}

static void levels_above_are_synced_as_far_as_they_can_be(void **state)
{
	(void)state;
	(void)begin(NULL);
	make_world();
	faulty_os_fail(&faulty, FAULTY_OPEN, 0, EACCES, true);
	assert_int_equal(
		dpi_files_sync_above(&faulty.os, "/d/g/h", NULL), DP_OK);
	faulty_os_fail(&faulty, FAULTY_FSYNC, 0, EINVAL, true);
	assert_int_equal(dpi_files_sync_above(&faulty.os, "/d/f", NULL), DP_OK);
	for (int level = 0; level < 2; level++) {
		dp_error *err = NULL;

		faulty_os_fail(&faulty, FAULTY_FSYNC, level, EIO, false);
		assert_int_equal(
			dpi_files_sync_above(&faulty.os, "/d/f", &err), DP_EIO);
		assert_non_null(strstr(dp_error_message(err), "/"));
		dp_error_free(err);
	}
	assert_int_equal(end(NULL), 0);
}

static void a_file_before_1970_is_there(void **state)
{
	bool is_there = false;

	(void)state;
	(void)begin(NULL);
	virtual_clock_set_wall(sim_disk_clock(disk), -DP_SECOND);
	make_world();
	assert_int_equal(
		dpi_files_exists(&faulty.os, "/f", &is_there, NULL), DP_OK);
	assert_true(is_there);
	assert_int_equal(end(NULL), 0);
}

static void a_tree_too_deep_for_paths_is_refused(void **state)
{
	char name[256];
	char path[DPI_PATH_MAX + 300] = "";
	dp_error *err = NULL;

	(void)state;
	(void)begin(NULL);
	memset(name, 'n', 255);
	name[255] = '\0';
	while (strlen(path) + 256 < DPI_PATH_MAX) {
		strcat(strcat(path, "/"), name);
		assert_int_equal(faulty.os.mkdir(faulty.os.self, path), 0);
	}
	strcat(strcat(path, "/"), name);
	assert_int_equal(faulty.os.mkdir(faulty.os.self, path), 0);
	path[256] = '\0';
	assert_int_equal(dpi_files_remove(&faulty.os, &heap.alloc, path, &err),
		DP_ETOOBIG);
	assert_int_equal(dp_error_code(err), DP_ETOOBIG);
	dp_error_free(err);
	assert_int_equal(end(NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_failed_call_is_reported_with_its_path),
		cmocka_unit_test(every_failed_allocation_is_reported),
		cmocka_unit_test(
			a_listing_over_the_limit_of_its_arena_is_reported),
		cmocka_unit_test(
			a_failed_write_leaves_the_old_file_and_nothing_else),
		cmocka_unit_test(
			a_directory_above_that_may_not_be_read_is_fine),
		cmocka_unit_test(levels_above_are_synced_as_far_as_they_can_be),
		cmocka_unit_test(a_file_before_1970_is_there),
		cmocka_unit_test(a_tree_too_deep_for_paths_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
