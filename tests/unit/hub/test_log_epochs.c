/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "faulty_os.h"
#include "hub/log/epoch.h"
#include "hub/log/partition.h"
#include "log_rig.h"
#include "sim_os.h"

/* Where an epoch begins in a partition whose writers were started anew again
 * and again. */

#define DIRECTORY "/log"
#define SEGMENTS 1000
#define SEGMENT_BYTES 65536u
/* To halve a thousand, and for headers that are damaged on the way. */
#define OPENS_MAX 14

static dpi_log_partition partition = {.topic = "shop", .name = {"shop", 0}};

struct place {
	struct sim_disk *disk;
	struct faulty_os faulty;
	struct log_rig rig;
};

static bool has_header(int number)
{
	return number % 13 != 5;
}

/* Some write several segments, and some none. */
static uint64_t epoch_of(int number)
{
	return 2 * ((uint64_t)number / 3) + 1;
}

static void write_segment(dpi_log_hub *hub, int number)
{
	const dpi_segment_owner owner = dpi_log_owner(hub, &partition.name);
	const uint64_t base = (uint64_t)number * SEGMENT_BYTES;
	const dpi_segment_header header = {
		.base = base,
		.previous_end = base,
		.epoch = epoch_of(number),
	};
	uint8_t page[DPI_LOG_PAGE] = {0};
	char path[DPI_LOG_PATH_MAX];
	int fd;

	if (has_header(number)) {
		dpi_segment_encode(page, &owner, &header);
	}
	dpi_log_segment_path(path, hub->directory, &partition.name, base);
	fd = hub->os->open(hub->os->self, path, DPI_OPEN_CREATE);
	assert_true(fd >= 0);
	assert_int_equal(
		dpi_os_write_all(hub->os, fd, page, sizeof(page), 0), 0);
	assert_int_equal(hub->os->close(hub->os->self, fd), 0);
}

static int set_up(void **state)
{
	static struct place p;
	char path[DPI_LOG_PATH_MAX];
	dpi_log_hub *hub;

	p.disk = sim_disk_new(1);
	faulty_os_init(&p.faulty, sim_disk_start(p.disk));
	log_rig_init(&p.rig);
	assert_int_equal(log_rig_open(&p.rig, &p.faulty.os, DIRECTORY), DP_OK);
	hub = (dpi_log_hub *)p.rig.hub;
	dpi_log_topic_path(path, hub->directory, partition.topic);
	assert_int_equal(hub->os->mkdir(hub->os->self, path), 0);
	dpi_log_partition_path(path, hub->directory, &partition.name, NULL);
	assert_int_equal(hub->os->mkdir(hub->os->self, path), 0);
	for (int i = 0; i < SEGMENTS; i++) {
		write_segment(hub, i);
	}
	*state = &p;
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;

	log_rig_close(&p->rig);
	sim_disk_free(p->disk);
	return 0;
}

static uint64_t base_after(uint64_t epoch)
{
	int number = 0;

	while (number < SEGMENTS &&
		(!has_header(number) || epoch_of(number) <= epoch)) {
		number++;
	}
	return number < SEGMENTS ? (uint64_t)number * SEGMENT_BYTES
				 : UINT64_MAX;
}

static void the_begin_of_an_epoch_is_found_in_few_of_many_segments(void **state)
{
	struct place *p = *state;
	dpi_log_hub *hub = (dpi_log_hub *)p->rig.hub;

	for (uint64_t epoch = 0; epoch <= epoch_of(SEGMENTS); epoch++) {
		long before = faulty_os_count(&p->faulty, FAULTY_OPEN);
		uint64_t base = 0;

		assert_int_equal(dpi_log_epoch_after(
					 hub, &partition, epoch, &base, NULL),
			DP_OK);
		assert_int_equal(base, base_after(epoch));
		assert_in_range(
			faulty_os_count(&p->faulty, FAULTY_OPEN) - before, 1,
			OPENS_MAX);
	}
}

static void let_go(void *user, faulty_call call, long number)
{
	dpi_log_hub *hub = user;
	char path[DPI_LOG_PATH_MAX];

	(void)number;
	if (call != FAULTY_OPEN) {
		return;
	}
	for (int i = 0; i < SEGMENTS - 1; i++) {
		dpi_log_segment_path(path, hub->directory, &partition.name,
			(uint64_t)i * SEGMENT_BYTES);
		(void)hub->os->unlink(hub->os->self, path);
	}
}

static void an_epoch_is_found_while_what_is_older_is_let_go(void **state)
{
	struct place *p = *state;
	dpi_log_hub *hub = (dpi_log_hub *)p->rig.hub;
	uint64_t base = 0;

	p->faulty.hook_user = hub;
	p->faulty.hook = let_go;
	assert_int_equal(
		dpi_log_epoch_after(hub, &partition, 3, &base, NULL), DP_OK);
	p->faulty.hook = NULL;
	assert_int_equal(base, (uint64_t)(SEGMENTS - 1) * SEGMENT_BYTES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			the_begin_of_an_epoch_is_found_in_few_of_many_segments,
			set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			an_epoch_is_found_while_what_is_older_is_let_go, set_up,
			tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
