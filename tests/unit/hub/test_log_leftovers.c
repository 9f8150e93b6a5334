/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "faulty_os.h"
#include "hub/log/leftovers.h"
#include "hub/log/log_hub.h"
#include "io/files.h"
#include "log_contents.h"
#include "log_rig.h"
#include "sim_os.h"
#include "test_feed.h"

/*
 * What a killed owner has left on the disk and nobody needs: it goes later than
 * the owner's right to write, and before anybody is told that the disk is full.
 */

#define DIRECTORY "/log"
#define TOPIC "shop"
#define SEGMENT DIRECTORY "/topics/shop/0/0000000000000000.seg"
#define SPARE DIRECTORY "/topics/shop/0/spare.0000000000000001"
#define EVENTS 10
/* Written with zeros when a segment begins. */
#define FIRST_BYTES (256 << 10)

struct place {
	struct sim_disk *disk;
	struct faulty_os os;
	struct log_rig rig;
};

static void open_log(struct log_rig *rig, const dpi_os *os)
{
	log_rig_init(rig);
	rig->opts.segment_bytes = 1u << 20;
	assert_int_equal(log_rig_open(rig, os, DIRECTORY), DP_OK);
}

static int64_t size_of(const dpi_os *os, const char *path)
{
	int fd = os->open(os->self, path, DPI_OPEN_READ);
	int64_t size;

	assert_true(fd >= 0);
	size = os->size(os->self, fd);
	(void)os->close(os->self, fd);
	return size;
}

static int make_file(const dpi_os *os, const char *path, uint64_t size)
{
	int fd = os->open(os->self, path, DPI_OPEN_CREATE);

	assert_true(fd >= 0);
	assert_int_equal(os->truncate(os->self, fd, size), 0);
	return fd;
}

/* Begins where an owner has been killed that had written ahead. */
static void init(struct place *p)
{
	const dpi_os *os;
	struct log_rig rig;

	p->disk = sim_disk_new(1);
	os = sim_disk_start(p->disk);
	open_log(&rig, os);
	test_feed_append(log_rig_writer(&rig, TOPIC), "p", EVENTS);
	(void)os->close(os->self, make_file(os, SPARE, FIRST_BYTES));
	sim_disk_kill(os);
	log_rig_close(&rig);
	faulty_os_init(&p->os, sim_disk_start(p->disk));
	assert_int_equal(size_of(&p->os.os, SEGMENT), FIRST_BYTES);
}

static void fini(struct place *p)
{
	struct log_contents contents;

	log_contents_read(&contents, &p->os.os, DIRECTORY, TOPIC, 0);
	assert_true(contents.count >= EVENTS);
	assert_int_equal(contents.skipped_bytes, 0);
	log_contents_free(&contents);
	sim_disk_free(p->disk);
}

static dpi_leftovers *leftovers_of(struct place *p)
{
	return &((dpi_log_hub *)p->rig.hub)->prepare.leftovers;
}

static bool is_there(struct place *p, const char *path)
{
	bool ret;

	assert_int_equal(dpi_files_exists(&p->os.os, path, &ret, NULL), DP_OK);
	return ret;
}

static void what_a_killed_owner_left_is_free_once_the_hub_is_closed(
	void **state)
{
	struct place p;

	(void)state;
	init(&p);
	open_log(&p.rig, &p.os.os);
	assert_non_null(log_rig_writer(&p.rig, TOPIC));
	assert_false(is_there(&p, SPARE));
	log_rig_close(&p.rig);
	assert_in_range(
		size_of(&p.os.os, SEGMENT), DPI_LOG_PAGE, DPI_LOG_PAGE + 4096);
	fini(&p);
}

/* Whether the open was made. */
static bool take_over_with_an_open_that_fails(long after)
{
	struct place p;
	bool has_failed;

	init(&p);
	open_log(&p.rig, &p.os.os);
	faulty_os_fail(&p.os, FAULTY_OPEN, after, EMFILE, false);
	if (log_rig_writer(&p.rig, TOPIC) != NULL) {
		assert_false(is_there(&p, SPARE));
	}
	has_failed = faulty_os_failed(&p.os) > 0;
	faulty_os_heal(&p.os);
	log_rig_close(&p.rig);
	fini(&p);
	return has_failed;
}

static void a_spare_goes_though_it_cannot_be_opened(void **state)
{
	long after = 0;

	(void)state;
	while (take_over_with_an_open_that_fails(after)) {
		after++;
	}
	assert_true(after > 0);
}

static void a_reader_frees_what_a_killed_owner_left(void **state)
{
	dpi_log_hub *hub;
	struct place p;

	(void)state;
	init(&p);
	open_log(&p.rig, &p.os.os);
	hub = (dpi_log_hub *)p.rig.hub;
	assert_int_equal(dpi_log_refresh(hub, NULL), DP_OK);
	assert_int_equal(dpi_log_settle(hub, hub->partitions, NULL), DP_OK);
	(void)dpi_leftovers_free(leftovers_of(&p));
	assert_false(is_there(&p, SPARE));
	assert_true(size_of(&p.os.os, SEGMENT) < FIRST_BYTES);
	log_rig_close(&p.rig);
	fini(&p);
}

static void a_full_disk_has_room_for_who_takes_over(void **state)
{
	struct place p;

	(void)state;
	init(&p);
	/* So that the end of the old segment is what makes room. */
	assert_int_equal(p.os.os.unlink(p.os.os.self, SPARE), 0);
	open_log(&p.rig, &p.os.os);
	faulty_os_set_room(&p.os, 16 << 10);
	assert_non_null(log_rig_writer(&p.rig, TOPIC));
	log_rig_close(&p.rig);
	fini(&p);
}

static void no_event_is_refused_while_there_are_leftovers(void **state)
{
	struct test_feed feed;
	dpi_writer *writer;
	struct place p;

	(void)state;
	init(&p);
	open_log(&p.rig, &p.os.os);
	/* Without the thread that frees, which may be first. */
	((dpi_log_hub *)p.rig.hub)->prepare.must_stop = true;
	writer = log_rig_writer(&p.rig, TOPIC);
	(void)dpi_leftovers_free(leftovers_of(&p));
	faulty_os_set_room(&p.os, 0);
	dpi_leftovers_add(leftovers_of(&p),
		make_file(&p.os.os, "/leftover", 1u << 20), 0);
	test_feed_init(&feed, DP_ACK_DURABLE);
	writer->ops->attach(writer, &feed.feed);
	test_feed_add_many(&feed, "q", 5000);
	writer->ops->commit(writer);
	assert_int_equal(feed.ok, 5000);
	assert_int_equal(size_of(&p.os.os, "/leftover"), 0);
	writer->ops->detach(writer, &feed.feed);
	test_feed_fini(&feed);
	log_rig_close(&p.rig);
	fini(&p);
}

static void leftovers_hold_a_bounded_number_of_files(void **state)
{
	struct sim_disk *disk = sim_disk_new(1);
	dpi_leftovers leftovers;
	struct faulty_os os;

	(void)state;
	faulty_os_init(&os, sim_disk_start(disk));
	dpi_leftovers_init(&leftovers, &os.os);
	assert_false(dpi_leftovers_free(&leftovers));
	for (unsigned i = 0; i < DPI_LEFTOVERS_MAX; i++) {
		dpi_leftovers_add(
			&leftovers, make_file(&os.os, "/kept", 9000), 5000);
	}
	assert_true(dpi_leftovers_any(&leftovers));
	assert_int_equal(size_of(&os.os, "/kept"), 9000);
	dpi_leftovers_add(
		&leftovers, make_file(&os.os, "/at-once", 9000), 5000);
	assert_int_equal(size_of(&os.os, "/at-once"), 5000);
	assert_true(dpi_leftovers_free(&leftovers));
	assert_false(dpi_leftovers_any(&leftovers));
	assert_int_equal(size_of(&os.os, "/kept"), 5000);
	assert_int_equal(faulty_os_count(&os, FAULTY_OPEN),
		faulty_os_count(&os, FAULTY_CLOSE));
	dpi_leftovers_fini(&leftovers);
	sim_disk_free(disk);
}

/* The parent frees what it has found. */
static void a_child_of_fork_closes_leftovers_and_cuts_none(void **state)
{
	struct sim_disk *disk = sim_disk_new(1);
	dpi_leftovers leftovers;
	struct faulty_os os;

	(void)state;
	faulty_os_init(&os, sim_disk_start(disk));
	dpi_leftovers_init(&leftovers, &os.os);
	dpi_leftovers_add(&leftovers, make_file(&os.os, "/kept", 9000), 0);
	dpi_leftovers_fini(&leftovers);
	assert_int_equal(size_of(&os.os, "/kept"), 9000);
	assert_int_equal(faulty_os_count(&os, FAULTY_OPEN),
		faulty_os_count(&os, FAULTY_CLOSE));
	sim_disk_free(disk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			what_a_killed_owner_left_is_free_once_the_hub_is_closed),
		cmocka_unit_test(a_spare_goes_though_it_cannot_be_opened),
		cmocka_unit_test(a_reader_frees_what_a_killed_owner_left),
		cmocka_unit_test(a_full_disk_has_room_for_who_takes_over),
		cmocka_unit_test(no_event_is_refused_while_there_are_leftovers),
		cmocka_unit_test(leftovers_hold_a_bounded_number_of_files),
		cmocka_unit_test(
			a_child_of_fork_closes_leftovers_and_cuts_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
