/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/thread.h"
#include "hub/log/retention.h"
#include "hub/log/roll.h"
#include "hub/log/spare.h"
#include "hub/log/writer.h"
#include "io/files.h"
#include "faulty_os.h"
#include "log_contents.h"
#include "log_rig.h"
#include "sim_os.h"
#include "test_feed.h"

/*
 * What each sync of the log is for: what a loss of power leaves that takes
 * all that was not synced (seed 0), or any part of it.
 */

#define DIRECTORY "/log"
#define TOPIC "shop"

static const dpi_partition_name name = {TOPIC, 0};

static void open_rig(struct log_rig *rig, const dpi_os *os)
{
	log_rig_init(rig);
	assert_int_equal(log_rig_open(rig, os, DIRECTORY), DP_OK);
}

static void append(struct log_rig *rig, size_t count)
{
	dpi_writer *writer = log_rig_writer(rig, TOPIC);

	assert_non_null(writer);
	test_feed_append(writer, "a payload of some length ", count);
}

/* Ten segments, and a little of one more. */
static void append_segments(struct log_rig *rig)
{
	for (size_t i = 0; i < 10; i++) {
		append(rig, 800);
	}
}

static struct log_contents read_log(struct sim_disk *disk)
{
	struct log_contents contents;

	log_contents_read(&contents, sim_disk_start(disk), DIRECTORY, TOPIC, 0);
	return contents;
}

static void the_first_event_is_there_with_all_names_above(void **state)
{
	struct sim_disk *disk = sim_disk_new(1);
	struct log_contents contents;
	struct log_rig rig;

	(void)state;
	open_rig(&rig, sim_disk_start(disk));
	append(&rig, 1);
	sim_disk_crash(disk);
	log_rig_close(&rig);
	sim_disk_reboot(disk, 0);
	contents = read_log(disk);
	assert_int_equal(contents.count, 1);
	assert_int_equal(contents.damaged_headers, 0);
	log_contents_free(&contents);
	sim_disk_free(disk);
}

/* Returns false if opening takes fewer changes. */
static bool dies_making_a_log(long change)
{
	static const char deep[] = "/a/b/log";
	struct sim_disk *disk = sim_disk_new(1);
	const dpi_os *first = sim_disk_start(disk);
	struct log_contents contents;
	struct log_rig rig;
	bool is_killed;

	sim_disk_kill_at(first, change);
	log_rig_init(&rig);
	(void)log_rig_open(&rig, first, deep);
	is_killed = sim_disk_is_dead(first);
	log_rig_close(&rig);
	assert_int_equal(log_rig_open(&rig, sim_disk_start(disk), deep), DP_OK);
	append(&rig, 1);
	sim_disk_crash(disk);
	log_rig_close(&rig);
	sim_disk_reboot(disk, 0);
	log_contents_read(&contents, sim_disk_start(disk), deep, TOPIC, 0);
	assert_int_equal(contents.count, 1);
	log_contents_free(&contents);
	sim_disk_free(disk);
	return is_killed;
}

static void a_log_whose_maker_died_is_there_with_all_names_above(void **state)
{
	long change = 0;

	(void)state;
	while (dies_making_a_log(change)) {
		change++;
	}
	assert_in_range(change, 5, 100);
}

/* Where nothing is left that was not synced, nothing looks damaged: neither a
 * segment that was begun, nor an old one that was to be used again. */
static void append_and_cut_power_at(long change)
{
	struct sim_disk *disk = sim_disk_new(1);
	struct log_contents contents;
	struct log_rig rig;
	dpi_writer *writer = NULL;
	struct test_feed feed;

	log_rig_init(&rig);
	rig.opts.retention_bytes = 1;
	sim_disk_crash_at(disk, change);
	if (log_rig_open(&rig, sim_disk_start(disk), DIRECTORY) == DP_OK) {
		writer = log_rig_writer(&rig, TOPIC);
	}
	for (size_t i = 0; writer != NULL && i < 8; i++) {
		test_feed_init(&feed, DP_ACK_DURABLE);
		writer->ops->attach(writer, &feed.feed);
		test_feed_add_many(&feed, "a payload of some length ", 700);
		writer->ops->commit(writer);
		writer->ops->detach(writer, &feed.feed);
		test_feed_fini(&feed);
		dpi_log_retain((dpi_log_hub *)rig.hub,
			((dpi_log_hub *)rig.hub)->partitions);
	}
	log_rig_close(&rig);
	sim_disk_reboot(disk, 0);
	contents = read_log(disk);
	assert_int_equal(contents.damaged_headers, 0);
	assert_int_equal(contents.skipped_bytes, 0);
	log_contents_free(&contents);
	sim_disk_free(disk);
}

static void segments_that_are_used_again_never_look_damaged(void **state)
{
	(void)state;
	for (long change = 0; change < 160; change++) {
		append_and_cut_power_at(change);
	}
}

/* The bases of the segments there are, lowest first. */
static dpi_segment_list list_segments(struct log_rig *rig, const dpi_os *os)
{
	dpi_segment_list list;

	assert_int_equal(dpi_segment_list_init(&list, &rig->heap.alloc, os,
				 DIRECTORY, &name, NULL),
		DP_OK);
	return list;
}

static bool has_base(const dpi_segment_list *list, uint64_t base)
{
	for (size_t i = 0; i < list->count; i++) {
		if (list->bases[i] == base) {
			return true;
		}
	}
	return false;
}

/* Removes five segments of a former owner, and cuts the power then. */
static void remove_and_cut_power(uint64_t seed)
{
	struct sim_disk *disk = sim_disk_new(1);
	const dpi_os *os = sim_disk_start(disk);
	dpi_log_partition *partition;
	dpi_segment_list before;
	dpi_segment_list after;
	struct log_rig rig;
	bool is_removed;

	open_rig(&rig, os);
	append_segments(&rig);
	log_rig_close(&rig);
	open_rig(&rig, os);
	append(&rig, 1);
	before = list_segments(&rig, os);
	assert_in_range(before.count, 8, 20);
	partition = ((dpi_log_hub *)rig.hub)->partitions;
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(dpi_log_drop((dpi_log_hub *)rig.hub, partition,
					 before.bases[i], &is_removed, NULL),
			DP_OK);
		assert_true(is_removed);
	}
	sim_disk_crash(disk);
	sim_disk_reboot(disk, seed);
	after = list_segments(&rig, sim_disk_start(disk));
	for (size_t i = 0; i < before.count; i++) {
		assert_int_equal(has_base(&after, before.bases[i]), i >= 5);
	}
	dpi_segment_list_fini(&before, &rig.heap.alloc);
	dpi_segment_list_fini(&after, &rig.heap.alloc);
	log_rig_close(&rig);
	sim_disk_free(disk);
}

static void a_segment_that_went_leaves_no_hole(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 8; seed++) {
		remove_and_cut_power(seed);
	}
}

static uint64_t base_of(struct log_rig *rig, const dpi_os *os, size_t number)
{
	dpi_segment_list list = list_segments(rig, os);
	uint64_t base;

	assert_true(number < list.count);
	base = list.bases[number];
	dpi_segment_list_fini(&list, &rig->heap.alloc);
	return base;
}

/* Another thread may make a spare, so that there is no need of an old segment:
 * then again. */
static bool recycles(struct log_rig *rig, uint64_t base)
{
	dpi_log_tail *tail = dpi_log_writer_tail(
		(dpi_log_writer *)log_rig_writer(rig, TOPIC));
	bool is_done = false;

	for (int i = 0; i < 100 && !is_done; i++) {
		dpi_tail_drop_spare(tail);
		is_done = dpi_tail_recycle(tail, base);
	}
	return is_done;
}

static void a_former_owners_segment_is_not_used_again(void **state)
{
	struct sim_disk *disk = sim_disk_new(1);
	const dpi_os *os = sim_disk_start(disk);
	struct log_rig rig;
	uint64_t base;

	(void)state;
	open_rig(&rig, os);
	append_segments(&rig);
	base = base_of(&rig, os, 0);
	log_rig_close(&rig);
	open_rig(&rig, os);
	append(&rig, 1);
	assert_false(recycles(&rig, base));
	base = base_of(&rig, os, 11);
	append_segments(&rig);
	assert_true(recycles(&rig, base));
	log_rig_close(&rig);
	sim_disk_free(disk);
}

static size_t count_segments(struct log_rig *rig, const dpi_os *os)
{
	dpi_segment_list list = list_segments(rig, os);
	size_t count = list.count;

	dpi_segment_list_fini(&list, &rig->heap.alloc);
	return count;
}

static void a_former_owner_gives_no_segment_a_name(void **state)
{
	struct sim_disk *disk = sim_disk_new(1);
	const dpi_os *os = sim_disk_start(disk);
	dpi_log_state *page;
	struct log_rig rig;
	dpi_log_tail *tail;
	size_t count;

	(void)state;
	open_rig(&rig, os);
	append(&rig, 1);
	tail = dpi_log_writer_tail(
		(dpi_log_writer *)log_rig_writer(&rig, TOPIC));
	page = ((dpi_log_hub *)rig.hub)->partitions->state;
	count = count_segments(&rig, os);
	atomic_fetch_add(&page->epoch, 1);
	assert_int_equal(dpi_tail_begin(tail, dpi_tail_end(tail),
				 dpi_tail_end(tail), NULL),
		DP_ELOCKED);
	assert_int_equal(count_segments(&rig, os), count);
	log_rig_close(&rig);
	sim_disk_free(disk);
}

static void the_spare_of_a_former_owner_goes(void **state)
{
	struct sim_disk *disk = sim_disk_new(1);
	const dpi_os *os = sim_disk_start(disk);
	char path[DPI_LOG_PATH_MAX];
	struct log_rig rig;
	bool is_there;
	int fd;

	(void)state;
	open_rig(&rig, os);
	append(&rig, 1);
	log_rig_close(&rig);
	dpi_log_spare_path(path, DIRECTORY, &name, 1);
	fd = os->open(os->self, path, DPI_OPEN_CREATE);
	assert_true(fd >= 0);
	(void)os->close(os->self, fd);
	open_rig(&rig, os);
	append(&rig, 1);
	assert_int_equal(dpi_files_exists(os, path, &is_there, NULL), DP_OK);
	assert_false(is_there);
	log_rig_close(&rig);
	sim_disk_free(disk);
}

static void put_place(struct log_rig *rig, const dpi_source_place *place,
	dp_ack level, dp_status status)
{
	dpi_writer *writer = log_rig_writer(rig, TOPIC);
	struct test_feed feed;

	assert_non_null(writer);
	test_feed_init(&feed, level);
	writer->ops->attach(writer, &feed.feed);
	test_feed_add_places(&feed, place, 1);
	writer->ops->commit(writer);
	writer->ops->detach(writer, &feed.feed);
	assert_int_equal(feed.ok, status == DP_OK);
	assert_int_equal(feed.worst, status);
	test_feed_fini(&feed);
}

static dp_status ask(struct log_rig *rig, uint64_t key, uint64_t *ret_next)
{
	return rig->hub->ops->source_next(rig->hub, TOPIC, key, ret_next, NULL);
}

/* One process writes a place, and another asks for it, once it may be told.
 * Then the power goes. */
static void tell_place(dp_ack level, long failing_sync)
{
	const dpi_source_place place = {77, 123};
	struct sim_disk *disk = sim_disk_new(1);
	struct log_contents contents;
	struct log_rig writing;
	struct log_rig asking;
	uint64_t next = 0;

	open_rig(&writing, sim_disk_start(disk));
	open_rig(&asking, sim_disk_start(disk));
	append(&writing, 1);
	sim_disk_fail_sync_at(disk, failing_sync);
	put_place(&writing, &place, level, failing_sync < 0 ? DP_OK : DP_EIO);
	if (failing_sync >= 0 || level < DP_ACK_DURABLE) {
		assert_int_equal(ask(&asking, place.key, &next), DP_EAGAIN);
		assert_int_equal(ask(&asking, place.key + 1, &next), DP_OK);
		assert_int_equal(next, 0);
		log_rig_close(&writing);
	}
	assert_int_equal(ask(&asking, place.key, &next), DP_OK);
	assert_int_equal(next, place.next);
	sim_disk_crash(disk);
	log_rig_close(&writing);
	log_rig_close(&asking);
	sim_disk_reboot(disk, 0);
	contents = read_log(disk);
	assert_int_equal(contents.count, 2);
	assert_int_equal(contents.events[1].place.next, place.next);
	log_contents_free(&contents);
	sim_disk_free(disk);
}

static void a_place_that_another_process_was_told_of_is_there(void **state)
{
	(void)state;
	tell_place(DP_ACK_DURABLE, -1);
	tell_place(DP_ACK_WRITTEN, -1);
}

static void a_place_whose_sync_failed_is_told_once_it_is_there(void **state)
{
	(void)state;
	tell_place(DP_ACK_DURABLE, 0);
}

/* What happens right after the next listing of the partition. */
static struct {
	const dpi_os *inner;
	struct log_rig *writing; /* NULL: nothing */
	dpi_source_place place;
} then;

static int list_and_write(void *self, const char *path,
	bool (*entry)(void *user, const char *name), void *user)
{
	int rc = then.inner->list(self, path, entry, user);
	struct log_rig *writing = then.writing;

	if (writing != NULL && strcmp(path, DIRECTORY "/topics/shop/0") == 0) {
		then.writing = NULL;
		append_segments(writing);
		put_place(writing, &then.place, DP_ACK_DURABLE, DP_OK);
	}
	return rc;
}

static void a_place_in_a_segment_that_has_just_begun_is_found(void **state)
{
	struct sim_disk *disk = sim_disk_new(1);
	const dpi_os *inner = sim_disk_start(disk);
	struct log_rig writing;
	struct log_rig asking;
	uint64_t next = 0;
	dpi_os os = *inner;

	(void)state;
	os.list = list_and_write;
	then.inner = inner;
	then.place = (dpi_source_place){77, 123};
	open_rig(&writing, sim_disk_start(disk));
	open_rig(&asking, &os);
	append(&writing, 1);
	assert_int_equal(ask(&asking, then.place.key, &next), DP_OK);
	append(&writing, 1);
	then.writing = &writing;
	assert_int_equal(ask(&asking, then.place.key, &next), DP_OK);
	assert_null(then.writing);
	assert_int_equal(next, then.place.next);
	log_rig_close(&asking);
	log_rig_close(&writing);
	sim_disk_free(disk);
}

/* Returns how many events a reader is given, who acks none: those might go. */
static size_t drain(struct log_rig *rig)
{
	dp_subscription_options opts = DP_SUBSCRIPTION_OPTIONS_INIT;
	dp_subscription *sub = NULL;
	dp_batch *batch = NULL;
	size_t count = 0;

	opts.topics = TOPIC;
	assert_int_equal(
		dp_subscription_open(&sub, rig->hub, "s", &opts, NULL), DP_OK);
	while (dp_subscription_pull(sub, &batch, 1000, 0, NULL) == DP_OK) {
		count += dp_batch_count(batch);
		dp_batch_unref(batch);
	}
	dp_subscription_close(sub);
	return count;
}

static void append_and_fail_to_sync(struct sim_disk *disk)
{
	struct test_feed feed;
	dpi_writer *writer;
	struct log_rig rig;

	open_rig(&rig, sim_disk_start(disk));
	append(&rig, 5);
	writer = log_rig_writer(&rig, TOPIC);
	test_feed_init(&feed, DP_ACK_DURABLE);
	writer->ops->attach(writer, &feed.feed);
	test_feed_add_many(&feed, "a payload of some length ", 1000);
	sim_disk_fail_sync_at(disk, 0);
	writer->ops->commit(writer);
	writer->ops->detach(writer, &feed.feed);
	assert_int_equal(feed.failed, 1000);
	test_feed_fini(&feed);
	log_rig_close(&rig);
}

/* Reads all there is, cuts the power, and looks for it again. */
static void assert_what_is_read_stays(struct sim_disk *disk)
{
	struct log_contents contents;
	struct log_rig rig;
	size_t count;

	open_rig(&rig, sim_disk_start(disk));
	count = drain(&rig);
	sim_disk_crash(disk);
	log_rig_close(&rig);
	sim_disk_reboot(disk, 0);
	contents = read_log(disk);
	assert_true(contents.count >= count);
	log_contents_free(&contents);
}

/* What a sync failed to write can still be read, and no other sync writes it. */
static void what_a_reader_is_given_after_a_failed_sync_is_there(void **state)
{
	struct sim_disk *disk = sim_disk_new(1);

	(void)state;
	append_and_fail_to_sync(disk);
	assert_what_is_read_stays(disk);
	sim_disk_free(disk);
}

/* Whether the call was made. */
static bool recover_with_a_call_that_fails(faulty_call call, long after)
{
	struct sim_disk *disk = sim_disk_new(1);
	struct faulty_os faulty;
	struct log_rig rig;
	bool has_failed;

	append_and_fail_to_sync(disk);
	faulty_os_init(&faulty, sim_disk_start(disk));
	open_rig(&rig, &faulty.os);
	faulty_os_fail(&faulty, call, after, EIO, false);
	(void)log_rig_writer(&rig, TOPIC);
	has_failed = faulty_os_failed(&faulty) > 0;
	faulty_os_heal(&faulty);
	log_rig_close(&rig);
	assert_what_is_read_stays(disk);
	sim_disk_free(disk);
	return has_failed;
}

static void a_recovery_that_fails_costs_nothing(void **state)
{
	static const faulty_call calls[] = {
		FAULTY_PREAD, FAULTY_PWRITEV, FAULTY_FDATASYNC};

	(void)state;
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		long after = 0;

		while (recover_with_a_call_that_fails(calls[i], after)) {
			after++;
		}
		assert_true(after > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_event_is_there_with_all_names_above),
		cmocka_unit_test(
			a_log_whose_maker_died_is_there_with_all_names_above),
		cmocka_unit_test(
			segments_that_are_used_again_never_look_damaged),
		cmocka_unit_test(a_segment_that_went_leaves_no_hole),
		cmocka_unit_test(a_former_owners_segment_is_not_used_again),
		cmocka_unit_test(a_former_owner_gives_no_segment_a_name),
		cmocka_unit_test(the_spare_of_a_former_owner_goes),
		cmocka_unit_test(
			a_place_that_another_process_was_told_of_is_there),
		cmocka_unit_test(
			a_place_whose_sync_failed_is_told_once_it_is_there),
		cmocka_unit_test(
			a_place_in_a_segment_that_has_just_begun_is_found),
		cmocka_unit_test(
			what_a_reader_is_given_after_a_failed_sync_is_there),
		cmocka_unit_test(a_recovery_that_fails_costs_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
