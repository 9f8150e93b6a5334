/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hub/log/log_hub.h"
#include "log_contents.h"
#include "log_rig.h"
#include "sim_os.h"
#include "test_feed.h"

#define DIRECTORY "/log"
#define OTHER "/other"
#define TOPIC "shop"
#define SEGMENT_MAX (80u << 10)

static const dpi_partition_name name = {TOPIC, 0};

/* Opens a log, appends chunks of events, and closes it. */
static void append(
	const dpi_os *os, const char *directory, size_t chunks, size_t events)
{
	struct log_rig rig;
	dpi_writer *writer;

	log_rig_init(&rig);
	assert_int_equal(log_rig_open(&rig, os, directory), DP_OK);
	writer = log_rig_writer(&rig, TOPIC);
	assert_non_null(writer);
	for (size_t i = 0; i < chunks; i++) {
		test_feed_append(writer, "a payload of some length ", events);
	}
	log_rig_close(&rig);
}

struct segment_names {
	uint64_t bases[32];
	size_t count;
};

static bool add_name(void *user, const char *entry)
{
	struct segment_names *names = user;
	uint64_t base;

	if (dpi_log_is_segment(entry, &base)) {
		size_t i = names->count++;

		for (; i > 0 && names->bases[i - 1] > base; i--) {
			names->bases[i] = names->bases[i - 1];
		}
		names->bases[i] = base;
	}
	return true;
}

static struct segment_names list(const dpi_os *os, const char *directory)
{
	struct segment_names names = {.count = 0};
	char path[DPI_LOG_PATH_MAX];

	dpi_log_partition_path(path, directory, &name, NULL);
	assert_int_equal(os->list(os->self, path, add_name, &names), 0);
	return names;
}

static int open_file(const dpi_os *os, const char *directory, uint64_t base)
{
	char path[DPI_LOG_PATH_MAX];
	int fd;

	dpi_log_segment_path(path, directory, &name, base);
	fd = os->open(os->self, path, DPI_OPEN_CREATE);
	assert_true(fd >= 0);
	return fd;
}

static size_t load(const dpi_os *os, int fd, uint8_t *data)
{
	int64_t n = dpi_os_read_all(os, fd, data, SEGMENT_MAX, 0);

	assert_in_range(n, DPI_LOG_PAGE, SEGMENT_MAX - 1);
	return (size_t)n;
}

static void store(
	const dpi_os *os, int fd, const uint8_t *data, size_t from, size_t size)
{
	assert_int_equal(dpi_os_write_all(os, fd, data + from, size, from), 0);
}

/* Events of contents that end at or before a place in the file. */
static size_t count_below(const struct log_contents *contents, uint64_t end)
{
	size_t n = 0;

	/* An event's record ends where the next one begins, or at the end. */
	while (n + 1 < contents->count &&
		contents->events[n + 1].offset <= end) {
		n++;
	}
	return n;
}

static struct log_contents read_log(const dpi_os *os)
{
	struct log_contents contents;

	log_contents_read(&contents, os, DIRECTORY, TOPIC, 0);
	return contents;
}

static size_t count_events(const dpi_os *os)
{
	struct log_contents contents = read_log(os);
	size_t count = contents.count;

	log_contents_free(&contents);
	return count;
}

/* Makes the file just so long; recovery has cut what it could not use. */
static void set_length(
	const dpi_os *os, int fd, const uint8_t *data, size_t length)
{
	size_t now = (size_t)os->size(os->self, fd);

	if (now < length) {
		store(os, fd, data, now, length - now);
	}
	assert_int_equal(os->truncate(os->self, fd, length), 0);
}

static void every_prefix_of_a_segment_opens(void **state)
{
	struct sim_disk *disk = sim_disk_new(1);
	const dpi_os *os = sim_disk_start(disk);
	uint8_t data[SEGMENT_MAX];
	struct log_contents whole;
	struct log_rig rig;
	dpi_log_hub *hub;
	size_t size;
	int fd;

	(void)state;
	append(os, DIRECTORY, 76, 10);
	whole = read_log(os);
	assert_int_equal(whole.segments, 1);
	log_rig_init(&rig);
	assert_int_equal(log_rig_open(&rig, os, DIRECTORY), DP_OK);
	hub = (dpi_log_hub *)rig.hub;
	assert_int_equal(dpi_log_refresh(hub, NULL), DP_OK);
	fd = open_file(os, DIRECTORY, 0);
	size = load(os, fd, data);
	assert_true(size > 60 << 10);
	for (size_t length = 0; length < size; length++) {
		uint64_t end =
			length > DPI_LOG_PAGE ? length - DPI_LOG_PAGE : 0;

		set_length(os, fd, data, length);
		assert_int_equal(
			dpi_log_settle(hub, hub->partitions, NULL), DP_OK);
		if (length % 8 == length / DPI_LOG_PAGE % 8) {
			assert_int_equal(
				count_events(os), count_below(&whole, end));
		}
	}
	printf("figure: prefixes of a segment: %zu, all of them recovered\n",
		size);
	os->close(os->self, fd);
	log_rig_close(&rig);
	log_contents_free(&whole);
	sim_disk_free(disk);
}

static void a_log_that_was_cut_takes_events_again(void **state)
{
	(void)state;
	for (uint64_t length = 0; length < 4700; length += 61) {
		struct sim_disk *disk = sim_disk_new(2);
		const dpi_os *os = sim_disk_start(disk);
		size_t left;
		int fd;

		append(os, DIRECTORY, 1, 10);
		fd = open_file(os, DIRECTORY, 0);
		os->truncate(os->self, fd, length);
		os->close(os->self, fd);
		left = count_events(os);
		append(os, DIRECTORY, 1, 10);
		assert_int_equal(count_events(os), left + 10);
		sim_disk_free(disk);
	}
}

static void a_flipped_bit_costs_one_event_at_most(void **state)
{
	struct sim_disk *disk = sim_disk_new(3);
	const dpi_os *os = sim_disk_start(disk);
	uint8_t data[SEGMENT_MAX];
	uint32_t random = 1;
	size_t count;
	size_t size;
	int fd;

	(void)state;
	append(os, DIRECTORY, 60, 10);
	fd = open_file(os, DIRECTORY, 0);
	size = load(os, fd, data);
	count = count_events(os);
	for (int i = 0; i < 3000; i++) {
		size_t at;
		size_t left;

		random = random * 1664525u + 1013904223u;
		at = (random >> 8) % size;
		data[at] ^= (uint8_t)(1u << (random >> 29));
		store(os, fd, data, at, 1);
		left = count_events(os);
		assert_in_range(left,
			at < DPI_LOG_PAGE + 33 ? count : count - 1, count);
		data[at] ^= (uint8_t)(1u << (random >> 29));
		store(os, fd, data, at, 1);
	}
	assert_int_equal(count_events(os), count);
	os->close(os->self, fd);
	sim_disk_free(disk);
}

static void a_zeroed_sector_costs_the_events_in_it(void **state)
{
	static const uint8_t zeros[512];
	struct sim_disk *disk = sim_disk_new(4);
	const dpi_os *os = sim_disk_start(disk);
	uint8_t data[SEGMENT_MAX];
	size_t count;
	size_t size;
	int fd;

	(void)state;
	append(os, DIRECTORY, 60, 10);
	fd = open_file(os, DIRECTORY, 0);
	size = load(os, fd, data);
	count = count_events(os);
	for (size_t at = 0; at + sizeof(zeros) <= size; at += sizeof(zeros)) {
		size_t left;

		assert_int_equal(
			dpi_os_write_all(os, fd, zeros, sizeof(zeros), at), 0);
		left = count_events(os);
		if (at < DPI_LOG_PAGE) {
			assert_int_equal(left, count);
		} else {
			assert_in_range(left, count - 8, count - 1);
		}
		store(os, fd, data, at, sizeof(zeros));
	}
	os->close(os->self, fd);
	sim_disk_free(disk);
}

static void damage_is_counted_and_the_log_goes_on(void **state)
{
	struct sim_disk *disk = sim_disk_new(5);
	const dpi_os *os = sim_disk_start(disk);
	static const uint8_t zeros[512];
	struct log_rig rig;
	size_t before;
	int fd;

	(void)state;
	append(os, DIRECTORY, 60, 10);
	fd = open_file(os, DIRECTORY, 0);
	assert_int_equal(
		dpi_os_write_all(os, fd, zeros, sizeof(zeros), 20000), 0);
	os->close(os->self, fd);
	before = count_events(os);
	assert_in_range(before, 590, 599);
	log_rig_init(&rig);
	assert_int_equal(log_rig_open(&rig, os, DIRECTORY), DP_OK);
	test_feed_append(log_rig_writer(&rig, TOPIC), "p", 5);
	assert_int_equal(log_rig_stats(&rig).corrupt_events, 1);
	assert_in_range(log_rig_stats(&rig).corrupt_bytes, 512, 800);
	assert_int_equal(log_rig_stats(&rig).torn_bytes, 0);
	log_rig_close(&rig);
	assert_int_equal(count_events(os), before + 5);
	sim_disk_free(disk);
}

/* Readers may have been there: no new event may stand below. */
static void damage_at_the_end_does_not_take_back_offsets(void **state)
{
	struct sim_disk *disk = sim_disk_new(6);
	const dpi_os *os = sim_disk_start(disk);
	struct log_contents contents;
	uint64_t last;
	int fd;

	(void)state;
	append(os, DIRECTORY, 1, 100);
	contents = read_log(os);
	last = contents.events[contents.count - 1].offset;
	log_contents_free(&contents);
	fd = open_file(os, DIRECTORY, 0);
	os->truncate(os->self, fd, DPI_LOG_PAGE + last - 500);
	os->close(os->self, fd);
	append(os, DIRECTORY, 1, 1);
	contents = read_log(os);
	assert_in_range(contents.count, 80, 99);
	assert_true(contents.events[contents.count - 1].offset > last);
	log_contents_free(&contents);
	sim_disk_free(disk);
}

static void swap(const dpi_os *os, uint64_t a, uint64_t b)
{
	char one[DPI_LOG_PATH_MAX];
	char two[DPI_LOG_PATH_MAX];

	dpi_log_segment_path(one, DIRECTORY, &name, a);
	dpi_log_segment_path(two, DIRECTORY, &name, b);
	os->rename(os->self, one, "/aside");
	os->rename(os->self, two, one);
	os->rename(os->self, "/aside", two);
}

static void swapped_segments_are_refused_and_put_back(void **state)
{
	struct sim_disk *disk = sim_disk_new(7);
	const dpi_os *os = sim_disk_start(disk);
	struct segment_names names;
	size_t count;

	(void)state;
	append(os, DIRECTORY, 40, 100);
	count = count_events(os);
	names = list(os, DIRECTORY);
	assert_true(names.count >= 4);
	swap(os, names.bases[0], names.bases[1]);
	assert_in_range(count_events(os), 100, count - 200);
	append(os, DIRECTORY, 1, 10);
	assert_int_equal(count_events(os), count + 10);
	sim_disk_free(disk);
}

static void a_missing_segment_costs_its_events_alone(void **state)
{
	struct sim_disk *disk = sim_disk_new(8);
	const dpi_os *os = sim_disk_start(disk);
	char path[DPI_LOG_PATH_MAX];
	struct segment_names names;
	size_t count;
	size_t left;

	(void)state;
	append(os, DIRECTORY, 40, 100);
	count = count_events(os);
	names = list(os, DIRECTORY);
	dpi_log_segment_path(path, DIRECTORY, &name, names.bases[1]);
	assert_int_equal(os->unlink(os->self, path), 0);
	left = count_events(os);
	assert_in_range(left, count / 2, count - 1);
	append(os, DIRECTORY, 1, 10);
	assert_int_equal(count_events(os), left + 10);
	sim_disk_free(disk);
}

static void a_segment_of_another_log_is_refused(void **state)
{
	struct sim_disk *disk = sim_disk_new(9);
	const dpi_os *os = sim_disk_start(disk);
	uint8_t data[SEGMENT_MAX];
	size_t size;
	int fd;

	(void)state;
	append(os, DIRECTORY, 1, 20);
	append(os, OTHER, 1, 30);
	fd = open_file(os, OTHER, 0);
	size = load(os, fd, data);
	os->close(os->self, fd);
	fd = open_file(os, DIRECTORY, 0);
	store(os, fd, data, 0, size);
	os->close(os->self, fd);
	assert_int_equal(count_events(os), 0);
	append(os, DIRECTORY, 1, 7);
	assert_int_equal(count_events(os), 7);
	sim_disk_free(disk);
}

static void a_lost_snapshot_is_found_in_older_segments(void **state)
{
	static const uint8_t zeros[64];
	struct sim_disk *disk = sim_disk_new(10);
	const dpi_os *os = sim_disk_start(disk);
	dp_event ev = DP_EVENT_INIT;
	struct segment_names names;
	struct test_feed feed;
	struct log_rig rig;
	dpi_writer *writer;
	uint64_t next;
	int fd;

	(void)state;
	log_rig_init(&rig);
	assert_int_equal(log_rig_open(&rig, os, DIRECTORY), DP_OK);
	writer = log_rig_writer(&rig, TOPIC);
	test_feed_init(&feed, DP_ACK_DURABLE);
	writer->ops->attach(writer, &feed.feed);
	ev.type = "test.Event";
	test_feed_add(&feed, &ev, (dpi_source_place){9, 1234});
	writer->ops->commit(writer);
	writer->ops->detach(writer, &feed.feed);
	test_feed_fini(&feed);
	log_rig_close(&rig);
	append(os, DIRECTORY, 20, 100);
	names = list(os, DIRECTORY);
	for (size_t i = 1; i < names.count; i++) {
		fd = open_file(os, DIRECTORY, names.bases[i]);
		assert_int_equal(dpi_os_write_all(os, fd, zeros, sizeof(zeros),
					 DPI_LOG_PAGE),
			0);
		os->close(os->self, fd);
	}
	assert_int_equal(log_rig_open(&rig, os, DIRECTORY), DP_OK);
	assert_non_null(log_rig_writer(&rig, TOPIC));
	assert_int_equal(
		rig.hub->ops->source_next(rig.hub, TOPIC, 9, &next, NULL),
		DP_OK);
	assert_int_equal(next, 1234);
	log_rig_close(&rig);
	sim_disk_free(disk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_prefix_of_a_segment_opens),
		cmocka_unit_test(a_log_that_was_cut_takes_events_again),
		cmocka_unit_test(a_flipped_bit_costs_one_event_at_most),
		cmocka_unit_test(a_zeroed_sector_costs_the_events_in_it),
		cmocka_unit_test(damage_is_counted_and_the_log_goes_on),
		cmocka_unit_test(damage_at_the_end_does_not_take_back_offsets),
		cmocka_unit_test(swapped_segments_are_refused_and_put_back),
		cmocka_unit_test(a_missing_segment_costs_its_events_alone),
		cmocka_unit_test(a_segment_of_another_log_is_refused),
		cmocka_unit_test(a_lost_snapshot_is_found_in_older_segments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
