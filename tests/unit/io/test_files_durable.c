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
 * What operations on files have promised is there after a loss of power that
 * took all that was not synced.
 */

static struct sim_disk *disk;
static struct test_heap heap;

static int begin(void **state)
{
	(void)state;
	disk = sim_disk_new(1);
	test_heap_init(&heap);
	return 0;
}

static int end(void **state)
{
	(void)state;
	sim_disk_free(disk);
	return heap.live_blocks == 0 ? 0 : -1;
}

static const dpi_os *lose_power(void)
{
	sim_disk_reboot(disk, 0);
	return sim_disk_start(disk);
}

static void assert_there(const dpi_os *os, const char *path, bool is_wanted)
{
	bool is_there;

	assert_int_equal(dpi_files_exists(os, path, &is_there, NULL), DP_OK);
	assert_int_equal(is_there, is_wanted);
}

static void assert_holds(const dpi_os *os, const char *path, const char *text)
{
	dpi_buf buf;

	dpi_buf_init(&buf, &heap.alloc, 100);
	assert_int_equal(dpi_files_read(os, path, &buf, NULL), DP_OK);
	assert_string_equal(dpi_buf_text(&buf), text);
	dpi_buf_fini(&buf);
}

static void a_file_that_was_written_stays_with_its_name(void **state)
{
	const dpi_os *os = sim_disk_start(disk);

	(void)state;
	assert_int_equal(dpi_files_write(os, "/f", "old", 3, NULL), DP_OK);
	assert_int_equal(dpi_files_write(os, "/f", "newer", 5, NULL), DP_OK);
	assert_holds(lose_power(), "/f", "newer");
}

static void directories_that_were_made_stay_with_all_above(void **state)
{
	const dpi_os *os = sim_disk_start(disk);

	(void)state;
	assert_int_equal(dpi_files_mkdir(os, "/a/b/c", NULL), DP_OK);
	assert_there(lose_power(), "/a/b/c", true);
}

static void a_directory_that_another_made_and_did_not_sync_stays(void **state)
{
	const dpi_os *os = sim_disk_start(disk);

	(void)state;
	assert_int_equal(os->mkdir(os->self, "/a"), 0);
	assert_int_equal(dpi_files_mkdir(os, "/a", NULL), DP_OK);
	assert_there(lose_power(), "/a", true);
}

static void names_on_the_way_stay(void **state)
{
	const dpi_os *os = sim_disk_start(disk);

	(void)state;
	assert_int_equal(os->mkdir(os->self, "/a"), 0);
	assert_int_equal(os->fsync(os->self,
				 os->open(os->self, "/",
					 DPI_OPEN_READ | DPI_OPEN_DIRECTORY)),
		0);
	assert_int_equal(os->mkdir(os->self, "/a/b"), 0);
	assert_int_equal(os->mkdir(os->self, "/a/b/c"), 0);
	assert_int_equal(dpi_files_sync_way(os, "/a", "/a/b/c", NULL), DP_OK);
	assert_there(lose_power(), "/a/b/c", true);
}

static void a_new_name_stays(void **state)
{
	const dpi_os *os = sim_disk_start(disk);

	(void)state;
	assert_int_equal(dpi_files_write(os, "/f", "text", 4, NULL), DP_OK);
	assert_int_equal(dpi_files_rename(os, "/f", "/g", NULL), DP_OK);
	os = lose_power();
	assert_holds(os, "/g", "text");
	assert_there(os, "/f", false);
}

static void a_move_is_synced_where_it_came_from_too(void **state)
{
	struct faulty_os faulty;

	(void)state;
	faulty_os_init(&faulty, sim_disk_start(disk));
	assert_int_equal(dpi_files_mkdir(&faulty.os, "/d", NULL), DP_OK);
	assert_int_equal(
		dpi_files_write(&faulty.os, "/f", "text", 4, NULL), DP_OK);
	faulty_os_fail(&faulty, FAULTY_FSYNC, 1, EIO, false);
	assert_int_equal(
		dpi_files_rename(&faulty.os, "/f", "/d/f", NULL), DP_EIO);
	assert_int_equal(faulty_os_failed(&faulty), 1);
}

static void what_was_removed_stays_away(void **state)
{
	const dpi_os *os = sim_disk_start(disk);

	(void)state;
	assert_int_equal(dpi_files_mkdir(os, "/d", NULL), DP_OK);
	assert_int_equal(dpi_files_write(os, "/d/f", "text", 4, NULL), DP_OK);
	assert_int_equal(dpi_files_remove(os, &heap.alloc, "/d", NULL), DP_OK);
	assert_there(lose_power(), "/d", false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_file_that_was_written_stays_with_its_name, begin,
			end),
		cmocka_unit_test_setup_teardown(
			directories_that_were_made_stay_with_all_above, begin,
			end),
		cmocka_unit_test_setup_teardown(
			a_directory_that_another_made_and_did_not_sync_stays,
			begin, end),
		cmocka_unit_test_setup_teardown(
			names_on_the_way_stay, begin, end),
		cmocka_unit_test_setup_teardown(a_new_name_stays, begin, end),
		cmocka_unit_test_setup_teardown(
			a_move_is_synced_where_it_came_from_too, begin, end),
		cmocka_unit_test_setup_teardown(
			what_was_removed_stays_away, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
