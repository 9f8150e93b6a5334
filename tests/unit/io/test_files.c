/* SPDX-License-Identifier: Apache-2.0 */
#include "io/files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "test_dir.h"

static const dpi_os *os;

static const char *below(void **state, const char *name)
{
	static char paths[4][DPI_PATH_MAX];
	static int turn;
	char *path = paths[turn++ % 4];

	assert_int_equal(
		dpi_files_path(path, NULL, "%s/%s", (const char *)*state, name),
		DP_OK);
	return path;
}

static void put(void **state, const char *name, const char *text)
{
	assert_int_equal(dpi_files_write(os, below(state, name), text,
				 strlen(text), NULL),
		DP_OK);
}

static void assert_text(void **state, const char *name, const char *text)
{
	dpi_buf buf;

	dpi_buf_init(&buf, dpi_alloc_default(), 1000);
	assert_int_equal(
		dpi_files_read(os, below(state, name), &buf, NULL), DP_OK);
	assert_string_equal(dpi_buf_text(&buf), text);
	dpi_buf_fini(&buf);
}

static bool exists(void **state, const char *name)
{
	bool is_there = false;

	assert_int_equal(
		dpi_files_exists(os, below(state, name), &is_there, NULL),
		DP_OK);
	return is_there;
}

static void a_file_is_replaced_whole(void **state)
{
	put(state, "f", "a long first version");
	put(state, "f", "second");
	assert_text(state, "f", "second");
	assert_false(exists(state, "f.tmp"));
}

static void files_and_directories_are_the_owners_alone(void **state)
{
	struct stat about;

	assert_int_equal(dpi_files_mkdir(os, below(state, "d/e"), NULL), DP_OK);
	put(state, "d/e/f", "x");
	assert_int_equal(stat(below(state, "d/e"), &about), 0);
	assert_int_equal(about.st_mode & 0777, 0700);
	assert_int_equal(stat(below(state, "d/e/f"), &about), 0);
	assert_int_equal(about.st_mode & 0777, 0600);
}

static void directories_are_made_with_all_above(void **state)
{
	assert_int_equal(
		dpi_files_mkdir(os, below(state, "a//b/c/"), NULL), DP_OK);
	assert_int_equal(
		dpi_files_mkdir(os, below(state, "a/b/c"), NULL), DP_OK);
	assert_true(exists(state, "a/b/c"));
	assert_int_equal(dpi_files_mkdir(os, "/", NULL), DP_OK);
}

static void a_file_in_the_way_of_a_directory_is_named(void **state)
{
	dp_error *err = NULL;

	put(state, "f", "x");
	assert_int_equal(
		dpi_files_mkdir(os, below(state, "f/a"), &err), DP_EIO);
	assert_non_null(strstr(dp_error_message(err), "/f/a: Not a directory"));
	dp_error_free(err);
}

static void reading_stops_at_the_limit(void **state)
{
	dp_error *err = NULL;
	dpi_buf buf;

	put(state, "f", "0123456789");
	dpi_buf_init(&buf, dpi_alloc_default(), 9);
	assert_int_equal(
		dpi_files_read(os, below(state, "f"), &buf, &err), DP_ETOOBIG);
	assert_non_null(strstr(dp_error_message(err), "/f has 10 bytes"));
	dp_error_free(err);
	dpi_buf_fini(&buf);
}

static void what_is_not_there_is_not_found(void **state)
{
	const char *const *names;
	size_t count;
	dpi_arena arena;
	dpi_buf buf;

	dpi_buf_init(&buf, dpi_alloc_default(), 9);
	dpi_arena_init(&arena, dpi_alloc_default(), 1000);
	assert_int_equal(dpi_files_read(os, below(state, "f"), &buf, NULL),
		DP_ENOTFOUND);
	assert_int_equal(dpi_files_list(os, below(state, "f"), &arena, &names,
				 &count, NULL),
		DP_ENOTFOUND);
	assert_int_equal(
		dpi_files_sync_dir(os, below(state, "f"), NULL), DP_ENOTFOUND);
	assert_int_equal(dpi_files_rename(os, below(state, "f"),
				 below(state, "g"), NULL),
		DP_ENOTFOUND);
	assert_false(exists(state, "f"));
	assert_int_equal(dpi_files_remove(os, dpi_alloc_default(),
				 below(state, "f"), NULL),
		DP_OK);
}

static void names_come_sorted(void **state)
{
	const char *const *names = NULL;
	size_t count = 0;
	dpi_arena arena;

	dpi_arena_init(&arena, dpi_alloc_default(), 100000);
	assert_int_equal(
		dpi_files_list(os, *state, &arena, &names, &count, NULL),
		DP_OK);
	assert_int_equal(count, 0);
	put(state, "b", "");
	put(state, "a", "");
	put(state, "B", "");
	assert_int_equal(
		dpi_files_list(os, *state, &arena, &names, &count, NULL),
		DP_OK);
	assert_int_equal(count, 3);
	assert_string_equal(names[0], "B");
	assert_string_equal(names[1], "a");
	assert_string_equal(names[2], "b");
	dpi_arena_fini(&arena);
}

static void a_tree_is_removed_without_following_links(void **state)
{
	assert_int_equal(
		dpi_files_mkdir(os, below(state, "keep"), NULL), DP_OK);
	put(state, "keep/f", "x");
	assert_int_equal(
		dpi_files_mkdir(os, below(state, "t/a/b"), NULL), DP_OK);
	put(state, "t/a/b/f", "x");
	put(state, "t/g", "x");
	assert_int_equal(
		symlink(below(state, "keep"), below(state, "t/link")), 0);
	assert_int_equal(dpi_files_remove(os, dpi_alloc_default(),
				 below(state, "t"), NULL),
		DP_OK);
	assert_false(exists(state, "t"));
	assert_text(state, "keep/f", "x");
}

static void a_rename_moves_between_directories(void **state)
{
	assert_int_equal(dpi_files_mkdir(os, below(state, "a"), NULL), DP_OK);
	assert_int_equal(dpi_files_mkdir(os, below(state, "b"), NULL), DP_OK);
	put(state, "a/f", "x");
	assert_int_equal(dpi_files_rename(os, below(state, "a/f"),
				 below(state, "b/g"), NULL),
		DP_OK);
	assert_text(state, "b/g", "x");
	assert_false(exists(state, "a/f"));
}

static void links_in_place_of_files_are_refused(void **state)
{
	dpi_buf buf;

	put(state, "f", "x");
	assert_int_equal(symlink("f", below(state, "link")), 0);
	dpi_buf_init(&buf, dpi_alloc_default(), 9);
	assert_int_equal(
		dpi_files_read(os, below(state, "link"), &buf, NULL), DP_EIO);
}

static void a_directory_may_be_reached_by_a_link(void **state)
{
	assert_int_equal(dpi_files_mkdir(os, below(state, "d"), NULL), DP_OK);
	assert_int_equal(symlink("d", below(state, "link")), 0);
	put(state, "link/f", "x");
	assert_text(state, "d/f", "x");
}

static void a_path_over_the_limit_is_refused(void **state)
{
	char name[5000];
	char path[DPI_PATH_MAX];
	dp_error *err = NULL;

	(void)state;
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(dpi_files_path(path, &err, "/%s", name), DP_ETOOBIG);
	assert_int_equal(dp_error_code(err), DP_ETOOBIG);
	dp_error_free(err);
	assert_int_equal(dpi_files_mkdir(os, name, NULL), DP_ETOOBIG);
	assert_int_equal(dpi_files_write(os, name, "", 0, NULL), DP_ETOOBIG);
	assert_int_equal(dpi_files_rename(os, name, "b", NULL), DP_EIO);
	assert_int_equal(dpi_files_remove(os, dpi_alloc_default(), name, NULL),
		DP_ETOOBIG);
}

static int use_real_os(void **state)
{
	(void)state;
	os = dpi_os_real();
	return 0;
}

#define IN_DIRECTORY(test) \
	cmocka_unit_test_setup_teardown(test, test_dir_setup, test_dir_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_DIRECTORY(a_file_is_replaced_whole),
		IN_DIRECTORY(files_and_directories_are_the_owners_alone),
		IN_DIRECTORY(directories_are_made_with_all_above),
		IN_DIRECTORY(a_file_in_the_way_of_a_directory_is_named),
		IN_DIRECTORY(reading_stops_at_the_limit),
		IN_DIRECTORY(what_is_not_there_is_not_found),
		IN_DIRECTORY(names_come_sorted),
		IN_DIRECTORY(a_tree_is_removed_without_following_links),
		IN_DIRECTORY(a_rename_moves_between_directories),
		IN_DIRECTORY(links_in_place_of_files_are_refused),
		IN_DIRECTORY(a_directory_may_be_reached_by_a_link),
		cmocka_unit_test(a_path_over_the_limit_is_refused),
	};

	return cmocka_run_group_tests(tests, use_real_os, NULL);
}
