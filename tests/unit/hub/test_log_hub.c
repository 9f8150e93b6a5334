/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "faulty_os.h"
#include "hub/log/log_hub.h"
#include "log_contents.h"
#include "log_rig.h"
#include "sim_os.h"
#include "test_feed.h"

#define DIRECTORY "/log"
#define TOPIC "shop"

static void append(struct log_rig *rig, const char *topic, size_t count)
{
	dpi_writer *writer = log_rig_writer(rig, topic);

	assert_non_null(writer);
	test_feed_append(writer, "p", count);
}

static size_t count_events(const dpi_os *os, const char *topic, uint32_t number)
{
	struct log_contents contents;
	size_t count;

	log_contents_read(&contents, os, DIRECTORY, topic, number);
	count = contents.count;
	log_contents_free(&contents);
	return count;
}

static void open_rig(struct log_rig *rig, const dpi_os *os)
{
	log_rig_init(rig);
	assert_int_equal(log_rig_open(rig, os, DIRECTORY), DP_OK);
}

static void events_are_in_the_log_in_order(void **state)
{
	struct sim_disk *disk = sim_disk_new(1);
	const dpi_os *os = sim_disk_start(disk);
	struct log_contents contents;
	struct log_rig rig;

	(void)state;
	open_rig(&rig, os);
	append(&rig, TOPIC, 3);
	append(&rig, TOPIC, 2);
	log_contents_read(&contents, os, DIRECTORY, TOPIC, 0);
	assert_int_equal(contents.count, 5);
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(contents.events[i].seq, i % 3);
		assert_true(i == 0 ||
			contents.events[i].offset >
				contents.events[i - 1].offset);
	}
	log_contents_free(&contents);
	log_rig_close(&rig);
	sim_disk_free(disk);
}

static void a_log_goes_on_where_it_was(void **state)
{
	struct sim_disk *disk = sim_disk_new(2);
	const dpi_os *os = sim_disk_start(disk);
	struct log_rig rig;

	(void)state;
	for (int i = 1; i <= 5; i++) {
		open_rig(&rig, os);
		append(&rig, TOPIC, 10);
		log_rig_close(&rig);
		assert_int_equal(count_events(os, TOPIC, 0), 10 * i);
	}
	sim_disk_free(disk);
}

static void restarts_without_events_leave_no_files(void **state)
{
	struct sim_disk *disk = sim_disk_new(3);
	const dpi_os *os = sim_disk_start(disk);
	struct log_contents contents;
	struct log_rig rig;

	(void)state;
	open_rig(&rig, os);
	append(&rig, TOPIC, 4);
	log_rig_close(&rig);
	for (int i = 0; i < 10; i++) {
		open_rig(&rig, os);
		assert_non_null(log_rig_writer(&rig, TOPIC));
		log_rig_close(&rig);
	}
	log_contents_read(&contents, os, DIRECTORY, TOPIC, 0);
	assert_int_equal(contents.count, 4);
	assert_int_equal(contents.segments, 2);
	log_contents_free(&contents);
	sim_disk_free(disk);
}

static void segments_follow_one_another(void **state)
{
	struct sim_disk *disk = sim_disk_new(4);
	const dpi_os *os = sim_disk_start(disk);
	struct log_contents contents;
	struct log_rig rig;

	(void)state;
	open_rig(&rig, os);
	for (int i = 0; i < 50; i++) {
		append(&rig, TOPIC, 100);
	}
	append(&rig, TOPIC, 5000); /* more than a segment in one chunk */
	log_rig_close(&rig);
	log_contents_read(&contents, os, DIRECTORY, TOPIC, 0);
	assert_int_equal(contents.count, 10000);
	assert_true(contents.segments > 5);
	assert_int_equal(contents.skipped_bytes, 0);
	log_contents_free(&contents);
	sim_disk_free(disk);
}

static void a_second_process_gets_another_partition(void **state)
{
	struct sim_disk *disk = sim_disk_new(5);
	const dpi_os *one = sim_disk_start(disk);
	const dpi_os *two = sim_disk_start(disk);
	struct log_rig first;
	struct log_rig second;

	(void)state;
	open_rig(&first, one);
	open_rig(&second, two);
	append(&first, TOPIC, 3);
	append(&second, TOPIC, 4);
	assert_int_equal(count_events(one, TOPIC, 0), 3);
	assert_int_equal(count_events(one, TOPIC, 1), 4);
	log_rig_close(&second);
	log_rig_close(&first);
	sim_disk_free(disk);
}

static void the_partition_of_a_dead_process_is_taken_over(void **state)
{
	struct sim_disk *disk = sim_disk_new(6);
	const dpi_os *one = sim_disk_start(disk);
	const dpi_os *two = sim_disk_start(disk);
	struct log_rig first;
	struct log_rig second;

	(void)state;
	open_rig(&first, one);
	append(&first, TOPIC, 3);
	sim_disk_kill(one);
	open_rig(&second, two);
	append(&second, TOPIC, 4);
	assert_int_equal(count_events(two, TOPIC, 0), 7);
	log_rig_close(&second);
	log_rig_close(&first);
	sim_disk_free(disk);
}

static void no_more_processes_write_than_partitions_are_allowed(void **state)
{
	struct sim_disk *disk = sim_disk_new(7);
	struct log_rig rigs[3];

	(void)state;
	for (int i = 0; i < 3; i++) {
		log_rig_init(&rigs[i]);
		rigs[i].opts.partitions_max = 2;
		assert_int_equal(
			log_rig_open(&rigs[i], sim_disk_start(disk), DIRECTORY),
			DP_OK);
	}
	assert_non_null(log_rig_writer(&rigs[0], TOPIC));
	assert_non_null(log_rig_writer(&rigs[1], TOPIC));
	assert_null(log_rig_writer(&rigs[2], TOPIC));
	assert_int_equal(dp_error_code(rigs[2].err), DP_ELOCKED);
	log_rig_close(&rigs[0]);
	assert_non_null(log_rig_writer(&rigs[2], TOPIC));
	log_rig_close(&rigs[2]);
	log_rig_close(&rigs[1]);
	sim_disk_free(disk);
}

static void publishers_that_are_refused_leave_no_memory_behind(void **state)
{
	struct sim_disk *disk = sim_disk_new(7);
	struct log_rig owner;
	struct log_rig late;
	size_t live;

	(void)state;
	open_rig(&owner, sim_disk_start(disk));
	assert_non_null(log_rig_writer(&owner, TOPIC));
	log_rig_init(&late);
	late.opts.partitions_max = 1;
	assert_int_equal(
		log_rig_open(&late, sim_disk_start(disk), DIRECTORY), DP_OK);
	assert_null(log_rig_writer(&late, TOPIC));
	live = late.heap.live_bytes;
	for (int i = 0; i < 100; i++) {
		assert_null(log_rig_writer(&late, TOPIC));
	}
	assert_int_equal(late.heap.live_bytes, live);
	log_rig_close(&late);
	log_rig_close(&owner);
	sim_disk_free(disk);
}

static void one_hub_has_one_writer_for_a_topic(void **state)
{
	struct sim_disk *disk = sim_disk_new(8);
	struct log_rig rig;

	(void)state;
	open_rig(&rig, sim_disk_start(disk));
	assert_ptr_equal(
		log_rig_writer(&rig, TOPIC), log_rig_writer(&rig, TOPIC));
	assert_ptr_not_equal(
		log_rig_writer(&rig, TOPIC), log_rig_writer(&rig, "other"));
	assert_int_equal(log_rig_stats(&rig).topics, 2);
	log_rig_close(&rig);
	sim_disk_free(disk);
}

static bool count_entry(void *user, const char *name)
{
	(void)name;
	*(int *)user += 1;
	return true;
}

static void a_foreign_directory_is_left_alone(void **state)
{
	struct sim_disk *disk = sim_disk_new(9);
	const dpi_os *os = sim_disk_start(disk);
	struct log_rig rig;
	int entries = 0;
	int fd;

	(void)state;
	assert_int_equal(os->mkdir(os->self, DIRECTORY), 0);
	fd = os->open(os->self, DIRECTORY "/notes.txt", DPI_OPEN_CREATE);
	os->close(os->self, fd);
	log_rig_init(&rig);
	assert_int_equal(log_rig_open(&rig, os, DIRECTORY), DP_ECORRUPT);
	os->list(os->self, DIRECTORY, count_entry, &entries);
	assert_int_equal(entries, 1);
	log_rig_close(&rig);
	sim_disk_free(disk);
}

static void the_root_of_a_file_system_takes_a_log(void **state)
{
	struct sim_disk *disk = sim_disk_new(9);
	const dpi_os *os = sim_disk_start(disk);
	struct log_rig rig;

	(void)state;
	assert_int_equal(os->mkdir(os->self, DIRECTORY), 0);
	assert_int_equal(os->mkdir(os->self, DIRECTORY "/lost+found"), 0);
	open_rig(&rig, os);
	append(&rig, TOPIC, 5);
	log_rig_close(&rig);
	sim_disk_free(disk);
}

struct rival {
	const dpi_os *os;
	struct log_rig rig;
	bool is_open;
};

/* Before the directory is listed, another one makes the log and its pages. */
static void make_log(void *user, faulty_call call, long number)
{
	struct rival *rival = user;

	(void)number;
	if (call == FAULTY_LIST && !rival->is_open) {
		rival->is_open = true;
		open_rig(&rival->rig, rival->os);
	}
}

static void a_log_that_another_makes_meanwhile_is_not_foreign(void **state)
{
	struct sim_disk *disk = sim_disk_new(9);
	struct rival rival = {.os = sim_disk_start(disk)};
	struct faulty_os faulty;
	struct log_rig rig;

	(void)state;
	faulty_os_init(&faulty, rival.os);
	faulty.hook_user = &rival;
	faulty.hook = make_log;
	open_rig(&rig, &faulty.os);
	assert_true(rival.is_open);
	log_rig_close(&rig);
	log_rig_close(&rival.rig);
	sim_disk_free(disk);
}

static void *take_writer(void *arg)
{
	return log_rig_writer(arg, TOPIC);
}

static void a_publisher_waits_for_who_finds_out_how_far_its_partition_is(
	void **state)
{
	struct sim_disk *disk = sim_disk_new(9);
	const dpi_os *os = sim_disk_start(disk);
	struct virtual_clock *clock = sim_disk_clock(disk);
	const dpi_partition_name name = {TOPIC, 0};
	const uint64_t bytes[] = {
		dpi_locks_settling_byte(&name), dpi_locks_byte(&name)};
	struct log_rig rig;
	dpi_locks reader;
	pthread_t thread;
	void *writer;

	(void)state;
	open_rig(&rig, os);
	assert_int_equal(dpi_locks_open(&reader, &rig.heap.alloc, os,
				 DIRECTORY "/locks", NULL),
		DP_OK);
	assert_int_equal(dpi_locks_take(&reader, bytes[0], NULL), DP_OK);
	assert_int_equal(dpi_locks_take(&reader, bytes[1], NULL), DP_OK);
	assert_int_equal(pthread_create(&thread, NULL, take_writer, &rig), 0);
	virtual_clock_await_sleepers(clock, 2);
	dpi_locks_give(&reader, bytes[1]);
	dpi_locks_give(&reader, bytes[0]);
	virtual_clock_advance(clock, DP_SECOND);
	assert_int_equal(pthread_join(thread, &writer), 0);
	assert_non_null(writer);
	assert_int_equal(((dpi_writer *)writer)->name.partition, 0);
	dpi_locks_close(&reader);
	log_rig_close(&rig);
	sim_disk_free(disk);
}

static void flip(const dpi_os *os, const char *path, uint64_t at)
{
	int fd = os->open(os->self, path, 0);
	uint8_t byte;

	assert_true(fd >= 0);
	assert_int_equal(dpi_os_read_all(os, fd, &byte, 1, at), 1);
	byte ^= 0x10;
	assert_int_equal(dpi_os_write_all(os, fd, &byte, 1, at), 0);
	os->close(os->self, fd);
}

static void a_damaged_sector_of_the_identity_is_no_loss(void **state)
{
	struct sim_disk *disk = sim_disk_new(10);
	const dpi_os *os = sim_disk_start(disk);
	struct log_rig rig;

	(void)state;
	open_rig(&rig, os);
	append(&rig, TOPIC, 1);
	log_rig_close(&rig);
	flip(os, DIRECTORY "/identity", 20);
	assert_int_equal(log_rig_open(&rig, os, DIRECTORY), DP_OK);
	append(&rig, TOPIC, 1);
	assert_int_equal(log_rig_stats(&rig).corrupt_bytes, 0);
	log_rig_close(&rig);
	flip(os, DIRECTORY "/identity", DPI_LOG_PAGE / 2 + 20);
	assert_int_equal(log_rig_open(&rig, os, DIRECTORY), DP_ECORRUPT);
	log_rig_close(&rig);
	sim_disk_free(disk);
}

static void old_segments_go_by_size_and_are_used_again(void **state)
{
	struct sim_disk *disk = sim_disk_new(16);
	const dpi_os *os = sim_disk_start(disk);
	struct log_contents contents;
	struct log_rig rig;
	size_t largest = 0;

	(void)state;
	log_rig_init(&rig);
	rig.opts.retention_bytes = 200u << 10;
	assert_int_equal(log_rig_open(&rig, os, DIRECTORY), DP_OK);
	for (int i = 0; i < 200; i++) {
		append(&rig, TOPIC, 100);
		/* The two threads of the hub have done what there was to do. */
		virtual_clock_await_sleepers(
			sim_disk_clock(disk), i < 12 ? 1 : 2);
		if (log_rig_stats(&rig).disk_bytes > largest) {
			largest = log_rig_stats(&rig).disk_bytes;
		}
	}
	assert_in_range(largest, 200u << 10, 400u << 10);
	log_contents_read(&contents, os, DIRECTORY, TOPIC, 0);
	assert_in_range(contents.count, 2000, 6000);
	assert_int_equal(contents.events[contents.count - 1].seq, 99);
	assert_int_equal(contents.skipped_bytes, 0);
	log_contents_free(&contents);
	log_rig_close(&rig);
	sim_disk_free(disk);
}

static void add_with_place(struct test_feed *feed, uint64_t key, uint64_t next)
{
	dp_event ev = DP_EVENT_INIT;

	ev.type = "test.Event";
	test_feed_add(feed, &ev, (dpi_source_place){key, next});
}

static uint64_t source_next(struct log_rig *rig, uint64_t key)
{
	uint64_t next = 99999;

	assert_int_equal(
		rig->hub->ops->source_next(rig->hub, TOPIC, key, &next, NULL),
		DP_OK);
	return next;
}

static void append_places(struct log_rig *rig, uint64_t key, uint64_t next)
{
	dpi_writer *writer = log_rig_writer(rig, TOPIC);
	struct test_feed feed;

	test_feed_init(&feed, DP_ACK_DURABLE);
	writer->ops->attach(writer, &feed.feed);
	add_with_place(&feed, key, next - 1);
	add_with_place(&feed, key, next);
	writer->ops->commit(writer);
	assert_int_equal(feed.ok, 2);
	writer->ops->detach(writer, &feed.feed);
	test_feed_fini(&feed);
}

static void a_hop_knows_its_place_after_restarts_and_rolls(void **state)
{
	struct sim_disk *disk = sim_disk_new(11);
	const dpi_os *os = sim_disk_start(disk);
	struct log_rig rig;

	(void)state;
	open_rig(&rig, os);
	assert_int_equal(source_next(&rig, 5), 0);
	append_places(&rig, 5, 100);
	append_places(&rig, 3, 70);
	assert_int_equal(source_next(&rig, 5), 100);
	log_rig_close(&rig);
	open_rig(&rig, os);
	assert_int_equal(source_next(&rig, 5), 100);
	append(&rig, TOPIC, 5000);
	assert_int_equal(source_next(&rig, 3), 70);
	log_rig_close(&rig);
	open_rig(&rig, os);
	assert_int_equal(source_next(&rig, 5), 100);
	assert_int_equal(source_next(&rig, 3), 70);
	assert_int_equal(source_next(&rig, 4), 0);
	log_rig_close(&rig);
	sim_disk_free(disk);
}

static void a_hop_sees_what_another_process_has_appended(void **state)
{
	struct sim_disk *disk = sim_disk_new(12);
	struct log_rig first;
	struct log_rig second;

	(void)state;
	open_rig(&first, sim_disk_start(disk));
	open_rig(&second, sim_disk_start(disk));
	append_places(&first, 5, 100);
	append_places(&second, 5, 120);
	append_places(&second, 6, 11);
	assert_int_equal(source_next(&first, 5), 120);
	assert_int_equal(source_next(&second, 5), 120);
	assert_int_equal(source_next(&first, 6), 11);
	log_rig_close(&first);
	log_rig_close(&second);
	sim_disk_free(disk);
}

static void written_events_are_synced_after_the_interval(void **state)
{
	struct sim_disk *disk = sim_disk_new(13);
	const dpi_os *os = sim_disk_start(disk);
	struct virtual_clock *clock = sim_disk_clock(disk);
	struct test_feed feed;
	struct log_rig rig;
	dpi_writer *writer;

	(void)state;
	open_rig(&rig, os);
	writer = log_rig_writer(&rig, TOPIC);
	test_feed_init(&feed, DP_ACK_WRITTEN);
	writer->ops->attach(writer, &feed.feed);
	test_feed_add_many(&feed, "p", 3);
	writer->ops->commit(writer);
	assert_int_equal(feed.ok, 3);
	assert_int_equal(log_rig_stats(&rig).syncs, 0);
	virtual_clock_advance(clock, 101 * DP_MILLISECOND);
	virtual_clock_await_sleepers(clock, 1);
	assert_int_equal(log_rig_stats(&rig).syncs, 1);
	writer->ops->detach(writer, &feed.feed);
	test_feed_fini(&feed);
	log_rig_close(&rig);
	sim_disk_free(disk);
}

static void the_alarm_commits_for_those_who_do_not_wait(void **state)
{
	struct sim_disk *disk = sim_disk_new(14);
	const dpi_os *os = sim_disk_start(disk);
	struct virtual_clock *clock = sim_disk_clock(disk);
	struct test_feed feed;
	struct log_rig rig;
	dpi_writer *writer;

	(void)state;
	open_rig(&rig, os);
	writer = log_rig_writer(&rig, TOPIC);
	test_feed_init(&feed, DP_ACK_DURABLE);
	writer->ops->attach(writer, &feed.feed);
	test_feed_add_many(&feed, "p", 3);
	writer->ops->arm(writer, os->monotonic(os->self) + 5 * DP_MILLISECOND);
	writer->ops->arm(writer, os->monotonic(os->self) + DP_MILLISECOND);
	virtual_clock_await_sleepers(clock, 1);
	assert_int_equal(feed.ok, 0);
	virtual_clock_advance(clock, DP_MILLISECOND);
	test_feed_wait(&feed);
	assert_int_equal(feed.ok, 3);
	virtual_clock_await_sleepers(clock, 1);
	virtual_clock_advance(clock, DPI_LOG_REST_NS);
	virtual_clock_await_sleepers(clock, 1);
	assert_int_equal(virtual_clock_next(clock), DP_FOREVER);
	writer->ops->detach(writer, &feed.feed);
	test_feed_fini(&feed);
	log_rig_close(&rig);
	sim_disk_free(disk);
}

static void no_allocation_failure_leaks_or_loses(void **state)
{
	(void)state;
	for (int for_ever = 0; for_ever < 2; for_ever++) {
		bool is_through = false;

		for (long n = 0; !is_through; n++) {
			struct sim_disk *disk = sim_disk_new(15);
			const dpi_os *os = sim_disk_start(disk);
			struct log_rig rig;
			uint64_t next;

			log_rig_init(&rig);
			rig.heap.fail_at = n;
			rig.heap.for_ever = for_ever != 0;
			if (log_rig_open(&rig, os, DIRECTORY) == DP_OK &&
				log_rig_writer(&rig, TOPIC) != NULL) {
				dpi_writer *writer =
					log_rig_writer(&rig, TOPIC);
				struct test_feed feed;

				test_feed_init(&feed, DP_ACK_DURABLE);
				writer->ops->attach(writer, &feed.feed);
				add_with_place(&feed, 8, 3);
				writer->ops->commit(writer);
				assert_int_equal(feed.ok + feed.failed, 1);
				assert_int_equal(
					feed.ok, count_events(os, TOPIC, 0));
				writer->ops->detach(writer, &feed.feed);
				test_feed_fini(&feed);
				(void)rig.hub->ops->source_next(
					rig.hub, TOPIC, 8, &next, NULL);
			}
			is_through = rig.heap.made <= n;
			log_rig_close(&rig);
			sim_disk_free(disk);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_are_in_the_log_in_order),
		cmocka_unit_test(a_log_goes_on_where_it_was),
		cmocka_unit_test(restarts_without_events_leave_no_files),
		cmocka_unit_test(segments_follow_one_another),
		cmocka_unit_test(a_second_process_gets_another_partition),
		cmocka_unit_test(the_partition_of_a_dead_process_is_taken_over),
		cmocka_unit_test(
			no_more_processes_write_than_partitions_are_allowed),
		cmocka_unit_test(
			publishers_that_are_refused_leave_no_memory_behind),
		cmocka_unit_test(one_hub_has_one_writer_for_a_topic),
		cmocka_unit_test(a_foreign_directory_is_left_alone),
		cmocka_unit_test(the_root_of_a_file_system_takes_a_log),
		cmocka_unit_test(
			a_log_that_another_makes_meanwhile_is_not_foreign),
		cmocka_unit_test(
			a_publisher_waits_for_who_finds_out_how_far_its_partition_is),
		cmocka_unit_test(a_damaged_sector_of_the_identity_is_no_loss),
		cmocka_unit_test(old_segments_go_by_size_and_are_used_again),
		cmocka_unit_test(
			a_hop_knows_its_place_after_restarts_and_rolls),
		cmocka_unit_test(a_hop_sees_what_another_process_has_appended),
		cmocka_unit_test(written_events_are_synced_after_the_interval),
		cmocka_unit_test(the_alarm_commits_for_those_who_do_not_wait),
		cmocka_unit_test(no_allocation_failure_leaks_or_loses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
