/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "faulty_os.h"
#include "hub/log/cursor.h"
#include "sim_os.h"

#define PATH "/cursor"
#define KEY 0x1234u

static const dpi_cursor places[] = {
	{10, 30, 1}, {20, 30, 2}, {1u << 30, 0, 0}, {7, 7, 7}};

static void open_cursor(dpi_cursor_file *file, const dpi_os *os)
{
	assert_int_equal(
		dpi_cursor_open(file, os, PATH, NULL, KEY, NULL), DP_OK);
}

static void save(dpi_cursor_file *file, size_t number, bool durable)
{
	assert_int_equal(dpi_cursor_save(file, &places[number], number + 5,
				 durable, NULL),
		DP_OK);
}

static void assert_place(const dpi_cursor_file *file, size_t number)
{
	assert_int_equal(file->cursor.next, places[number].next);
	assert_int_equal(file->cursor.tried_end, places[number].tried_end);
	assert_int_equal(file->cursor.tries, places[number].tries);
	assert_int_equal(file->epoch, number + 5);
	assert_false(file->is_new);
	assert_false(file->is_damaged);
}

static void a_new_cursor_is_at_the_beginning(void **state)
{
	struct sim_disk *disk = sim_disk_new(1);
	dpi_cursor_file file;

	(void)state;
	open_cursor(&file, sim_disk_start(disk));
	assert_true(file.is_new);
	assert_false(file.is_damaged);
	assert_int_equal(file.cursor.next, 0);
	dpi_cursor_close(&file);
	sim_disk_free(disk);
}

static void the_last_save_counts(void **state)
{
	struct sim_disk *disk = sim_disk_new(1);
	const dpi_os *os = sim_disk_start(disk);
	dpi_cursor_file file;

	(void)state;
	open_cursor(&file, os);
	for (size_t i = 0; i < 4; i++) {
		dpi_cursor_file other;

		save(&file, i, false);
		open_cursor(&other, os);
		assert_place(&other, i);
		dpi_cursor_close(&other);
	}
	dpi_cursor_close(&file);
	sim_disk_free(disk);
}

static void a_durable_save_survives_a_loss_of_power(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 20; seed++) {
		struct sim_disk *disk = sim_disk_new(seed);
		dpi_cursor_file file;

		open_cursor(&file, sim_disk_start(disk));
		save(&file, 0, false);
		save(&file, 1, true);
		dpi_cursor_close(&file);
		sim_disk_reboot(disk, seed);
		open_cursor(&file, sim_disk_start(disk));
		assert_place(&file, 1);
		dpi_cursor_close(&file);
		sim_disk_free(disk);
	}
}

/* Saves after the durable one may be lost, but only back to it. */
static void a_loss_of_power_costs_what_was_not_durable_at_most(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 50; seed++) {
		struct sim_disk *disk = sim_disk_new(seed);
		dpi_cursor_file file;

		open_cursor(&file, sim_disk_start(disk));
		save(&file, 0, true);
		save(&file, 1, false);
		dpi_cursor_close(&file);
		sim_disk_reboot(disk, seed);
		open_cursor(&file, sim_disk_start(disk));
		assert_place(&file, file.sequence == 1 ? 0 : 1);
		dpi_cursor_close(&file);
		sim_disk_free(disk);
	}
}

/* Overwrites the newer slot with `cut` bytes of the next one. */
static void tear(const dpi_os *os, dpi_cursor_file *file, size_t cut)
{
	uint64_t at = (file->sequence + 1) % 2 * DPI_CURSOR_SLOT;
	uint8_t before[DPI_CURSOR_SLOT];
	uint8_t after[DPI_CURSOR_SLOT];
	int64_t n = dpi_os_read_all(os, file->fd, before, sizeof(before), at);

	assert_int_equal(n, DPI_CURSOR_SLOT);
	save(file, 2, false);
	n = dpi_os_read_all(os, file->fd, after, sizeof(after), at);
	assert_int_equal(n, DPI_CURSOR_SLOT);
	memcpy(before, after, cut);
	assert_int_equal(
		dpi_os_write_all(os, file->fd, before, sizeof(before), at), 0);
}

static void a_save_torn_at_any_byte_costs_itself_alone(void **state)
{
	(void)state;
	for (size_t cut = 0; cut <= DPI_CURSOR_SLOT; cut++) {
		struct sim_disk *disk = sim_disk_new(1);
		const dpi_os *os = sim_disk_start(disk);
		dpi_cursor_file file;

		open_cursor(&file, os);
		save(&file, 0, false);
		save(&file, 1, false);
		tear(os, &file, cut);
		dpi_cursor_close(&file);
		open_cursor(&file, os);
		assert_place(&file, cut == DPI_CURSOR_SLOT ? 2 : 1);
		save(&file, 3, false);
		dpi_cursor_close(&file);
		open_cursor(&file, os);
		assert_place(&file, 3);
		dpi_cursor_close(&file);
		sim_disk_free(disk);
	}
}

static void damage_to_both_slots_is_told(void **state)
{
	const uint8_t junk[2 * DPI_CURSOR_SLOT] = {1};
	struct sim_disk *disk = sim_disk_new(1);
	const dpi_os *os = sim_disk_start(disk);
	dpi_cursor_file file;

	(void)state;
	open_cursor(&file, os);
	save(&file, 0, true);
	assert_int_equal(
		dpi_os_write_all(os, file.fd, junk, sizeof(junk), 0), 0);
	dpi_cursor_close(&file);
	open_cursor(&file, os);
	assert_true(file.is_damaged);
	assert_int_equal(file.cursor.next, 0);
	dpi_cursor_close(&file);
	sim_disk_free(disk);
}

static void the_cursor_of_another_is_refused(void **state)
{
	struct sim_disk *disk = sim_disk_new(1);
	const dpi_os *os = sim_disk_start(disk);
	dpi_cursor_file file;
	dpi_cursor cursor;
	uint64_t epoch;

	(void)state;
	open_cursor(&file, os);
	save(&file, 0, true);
	dpi_cursor_close(&file);
	assert_int_equal(
		dpi_cursor_open(&file, os, PATH, NULL, KEY + 1, NULL), DP_OK);
	assert_true(file.is_damaged);
	dpi_cursor_close(&file);
	assert_int_equal(
		dpi_cursor_peek(os, PATH, KEY + 1, &cursor, &epoch, NULL),
		DP_ENOTFOUND);
	assert_int_equal(
		dpi_cursor_peek(os, "/none", KEY, &cursor, &epoch, NULL),
		DP_ENOTFOUND);
	assert_int_equal(
		dpi_cursor_peek(os, PATH, KEY, &cursor, &epoch, NULL), DP_OK);
	assert_int_equal(cursor.next, places[0].next);
	sim_disk_free(disk);
}

static void a_cursor_that_cannot_be_opened_is_not_taken_for_none(void **state)
{
	struct sim_disk *disk = sim_disk_new(1);
	struct faulty_os faulty;
	dpi_cursor cursor;
	uint64_t epoch;
	dp_error *err = NULL;

	(void)state;
	faulty_os_init(&faulty, sim_disk_start(disk));
	faulty_os_fail(&faulty, FAULTY_OPEN, 0, EACCES, false);
	assert_int_equal(
		dpi_cursor_peek(&faulty.os, PATH, KEY, &cursor, &epoch, &err),
		DP_EDENIED);
	assert_non_null(strstr(dp_error_message(err), PATH));
	dp_error_free(err);
	sim_disk_free(disk);
}

static void what_was_peeked_at_survives_a_loss_of_power(void **state)
{
	struct sim_disk *disk = sim_disk_new(0);
	const dpi_os *os = sim_disk_start(disk);
	dpi_cursor_file file;
	dpi_cursor cursor;
	uint64_t epoch;

	(void)state;
	open_cursor(&file, os);
	save(&file, 0, false);
	dpi_cursor_close(&file);
	assert_int_equal(
		dpi_cursor_peek(os, PATH, KEY, &cursor, &epoch, NULL), DP_OK);
	sim_disk_reboot(disk, 0);
	open_cursor(&file, sim_disk_start(disk));
	assert_place(&file, 0);
	dpi_cursor_close(&file);
	sim_disk_free(disk);
}

static void a_save_that_fails_changes_nothing(void **state)
{
	struct sim_disk *disk = sim_disk_new(1);
	struct faulty_os faulty;
	dpi_cursor_file file;
	dp_error *err = NULL;

	(void)state;
	faulty_os_init(&faulty, sim_disk_start(disk));
	open_cursor(&file, &faulty.os);
	save(&file, 0, true);
	faulty_os_fail(&faulty, FAULTY_PWRITEV, 0, 5, false);
	assert_int_equal(
		dpi_cursor_save(&file, &places[1], 6, true, &err), DP_EIO);
	assert_int_equal(dp_error_sys_errno(err), 5);
	dp_error_free(err);
	assert_int_equal(file.cursor.next, places[0].next);
	faulty_os_fail(&faulty, FAULTY_FDATASYNC, 0, 5, false);
	assert_int_equal(
		dpi_cursor_save(&file, &places[1], 6, true, NULL), DP_EIO);
	assert_int_equal(file.cursor.next, places[0].next);
	save(&file, 3, true);
	dpi_cursor_close(&file);
	open_cursor(&file, &faulty.os);
	assert_place(&file, 3);
	dpi_cursor_close(&file);
	sim_disk_free(disk);
}

/* Two saves write both slots, whatever was there when the file was opened. */
static void a_place_costs_no_call_from_the_third_save_on(void **state)
{
	struct sim_disk *disk = sim_disk_new(1);
	struct faulty_os faulty;
	dpi_cursor_file file;
	dpi_cursor_file other;

	(void)state;
	faulty_os_init(&faulty, sim_disk_start(disk));
	for (size_t opened = 1; opened <= 2; opened++) {
		open_cursor(&file, &faulty.os);
		save(&file, 0, false);
		save(&file, 1, opened == 1);
		save(&file, 2, false);
		save(&file, 3, false);
		assert_int_equal(faulty_os_count(&faulty, FAULTY_PWRITEV),
			(long)(2 * opened));
		assert_int_equal(
			faulty_os_count(&faulty, FAULTY_MAP), (long)opened);
		open_cursor(&other, &faulty.os);
		assert_place(&other, 3);
		dpi_cursor_close(&other);
		dpi_cursor_close(&file);
	}
	sim_disk_free(disk);
}

static void a_place_that_cannot_be_mapped_is_written(void **state)
{
	struct sim_disk *disk = sim_disk_new(1);
	struct faulty_os faulty;
	dpi_cursor_file file;

	(void)state;
	faulty_os_init(&faulty, sim_disk_start(disk));
	faulty_os_fail(&faulty, FAULTY_MAP, 0, 12, true);
	open_cursor(&file, &faulty.os);
	for (size_t i = 0; i < 4; i++) {
		save(&file, i, false);
	}
	dpi_cursor_close(&file);
	assert_int_equal(faulty_os_count(&faulty, FAULTY_PWRITEV), 4);
	open_cursor(&file, &faulty.os);
	assert_place(&file, 3);
	dpi_cursor_close(&file);
	sim_disk_free(disk);
}

/* Stores count as written, and those after a sync cost themselves at most. */
static void a_stored_place_survives_the_process_and_a_sync_the_power(
	void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 50; seed++) {
		struct sim_disk *disk = sim_disk_new(seed);
		const dpi_os *os = sim_disk_start(disk);
		dpi_cursor_file file;
		bool is_durable = seed % 2 == 1;

		open_cursor(&file, os);
		save(&file, 0, false);
		save(&file, 1, false);
		save(&file, 2, false);
		if (is_durable) {
			save(&file, 2, true);
		}
		save(&file, 3, false);
		if (is_durable) {
			sim_disk_reboot(disk, seed);
		} else {
			sim_disk_kill(os);
		}
		open_cursor(&file, sim_disk_start(disk));
		assert_place(&file, is_durable && file.sequence == 4 ? 2 : 3);
		dpi_cursor_close(&file);
		sim_disk_free(disk);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_cursor_is_at_the_beginning),
		cmocka_unit_test(the_last_save_counts),
		cmocka_unit_test(a_durable_save_survives_a_loss_of_power),
		cmocka_unit_test(
			a_loss_of_power_costs_what_was_not_durable_at_most),
		cmocka_unit_test(a_save_torn_at_any_byte_costs_itself_alone),
		cmocka_unit_test(damage_to_both_slots_is_told),
		cmocka_unit_test(the_cursor_of_another_is_refused),
		cmocka_unit_test(
			a_cursor_that_cannot_be_opened_is_not_taken_for_none),
		cmocka_unit_test(what_was_peeked_at_survives_a_loss_of_power),
		cmocka_unit_test(a_save_that_fails_changes_nothing),
		cmocka_unit_test(a_place_costs_no_call_from_the_third_save_on),
		cmocka_unit_test(a_place_that_cannot_be_mapped_is_written),
		cmocka_unit_test(
			a_stored_place_survives_the_process_and_a_sync_the_power),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
