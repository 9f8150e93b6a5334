/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/crc32c.h"
#include "hub/log/locks.h"
#include "hub/log/news.h"
#include "hub/log/scan.h"
#include "hub/log/sources.h"
#include "hub/log/state.h"
#include "io/files.h"
#include "sim_os.h"
#include "test_heap.h"

/* The parts of the log that need no hub. */

#define DIRECTORY "/log"
#define SALT 0x1234abcdu

static const uint8_t uuid[DPI_LOG_UUID_SIZE] = "0123456789abcdef";
static const dpi_segment_owner owner = {uuid, {"shop", 3}};

static void paths_are_where_the_format_says(void **state)
{
	char path[DPI_LOG_PATH_MAX];

	(void)state;
	dpi_log_path(path, "/d", "locks");
	assert_string_equal(path, "/d/locks");
	dpi_log_topic_path(path, "/d", "a.b");
	assert_string_equal(path, "/d/topics/a.b");
	dpi_log_partition_path(path, "/d", &owner.name, NULL);
	assert_string_equal(path, "/d/topics/shop/3");
	dpi_log_partition_path(path, "/d", &owner.name, "state");
	assert_string_equal(path, "/d/topics/shop/3/state");
	dpi_log_segment_path(path, "/d", &owner.name, 0xabc);
	assert_string_equal(path, "/d/topics/shop/3/0000000000000abc.seg");
}

static void only_names_of_the_format_are_segments_and_partitions(void **state)
{
	uint64_t base = 7;
	uint32_t number = 7;

	(void)state;
	assert_true(dpi_log_is_segment("0000000000000abc.seg", &base));
	assert_int_equal(base, 0xabc);
	assert_false(dpi_log_is_segment("0000000000000ABC.seg", &base));
	assert_false(dpi_log_is_segment("000000000000abc.seg", &base));
	assert_false(dpi_log_is_segment("0000000000000abc.sega", &base));
	assert_false(dpi_log_is_segment("0000000000000abc", &base));
	assert_false(dpi_log_is_segment("", &base));
	/* Past that, offsets would overflow before long. */
	assert_true(dpi_log_is_segment("3fffffffffffffff.seg", &base));
	assert_false(dpi_log_is_segment("4000000000000000.seg", &base));
	assert_true(dpi_log_is_partition("0", &number));
	assert_int_equal(number, 0);
	assert_true(dpi_log_is_partition("65535", &number));
	assert_int_equal(number, 65535);
	assert_false(dpi_log_is_partition("65536", &number));
	assert_false(dpi_log_is_partition("01", &number));
	assert_false(dpi_log_is_partition("1a", &number));
	assert_false(dpi_log_is_partition("", &number));
}

static void a_header_is_read_from_either_copy_in_its_place_alone(void **state)
{
	const dpi_segment_header header = {4096, 4000, 9, 1700000000123};
	const dpi_segment_owner others[] = {
		{uuid, {"shop", 4}},
		{uuid, {"shop2", 3}},
		{uuid, {"shoq", 3}},
		{(const uint8_t *)"another log uuid", {"shop", 3}},
	};
	uint8_t page[DPI_LOG_PAGE];
	dpi_segment_header found;

	(void)state;
	dpi_segment_encode(page, &owner, &header);
	assert_true(dpi_segment_decode(&found, page, &owner, 4096));
	assert_memory_equal(&found, &header, sizeof(header));
	assert_false(dpi_segment_decode(&found, page, &owner, 8192));
	for (size_t i = 0; i < 4; i++) {
		assert_false(
			dpi_segment_decode(&found, page, &others[i], 4096));
		assert_int_not_equal(dpi_segment_salt(&others[i], 4096),
			dpi_segment_salt(&owner, 4096));
	}
	for (size_t at = 0; at < DPI_SEGMENT_HEADER_SIZE; at++) {
		page[at] ^= 1;
		assert_true(dpi_segment_decode(&found, page, &owner, 4096));
		page[DPI_LOG_PAGE / 2 + at] ^= 1;
		assert_false(dpi_segment_decode(&found, page, &owner, 4096));
		page[at] ^= 1;
		assert_true(dpi_segment_decode(&found, page, &owner, 4096));
		page[DPI_LOG_PAGE / 2 + at] ^= 1;
	}
}

/* A record of size bytes, sealed for an index. */
/* Its owner makes another segment of it before the header is read. */
static struct recycling {
	dpi_os os;
	const dpi_os *inner;
	bool is_done;
} recycling;

static int64_t recycle_before_reading(
	void *self, int fd, void *buf, size_t size, uint64_t offset)
{
	const dpi_os *inner = recycling.inner;
	const dpi_segment_header header = {.base = 9000, .epoch = 4};
	uint8_t page[DPI_LOG_PAGE];
	char path[DPI_LOG_PATH_MAX];
	int other;

	if (!recycling.is_done) {
		recycling.is_done = true;
		dpi_log_segment_path(path, DIRECTORY, &owner.name, 0x100);
		assert_int_equal(inner->rename(self, path, "/log/spare"), 0);
		dpi_segment_encode(page, &owner, &header);
		other = inner->open(self, "/log/spare", 0);
		assert_int_equal(
			dpi_os_write_all(inner, other, page, sizeof(page), 0),
			0);
		assert_int_equal(inner->close(self, other), 0);
	}
	return inner->pread(self, fd, buf, size, offset);
}

static void a_segment_that_is_recycled_while_it_is_opened_is_gone(void **state)
{
	const dpi_segment_header header = {.base = 0x100, .epoch = 4};
	struct sim_disk *disk = sim_disk_new(1);
	const dpi_os *os = sim_disk_start(disk);
	uint8_t page[DPI_LOG_PAGE];
	char path[DPI_LOG_PATH_MAX];
	dpi_segment segment;
	int fd;

	(void)state;
	recycling = (struct recycling){.os = *os, .inner = os};
	recycling.os.pread = recycle_before_reading;
	dpi_log_partition_path(path, DIRECTORY, &owner.name, NULL);
	assert_int_equal(dpi_files_mkdir(os, path, NULL), DP_OK);
	dpi_log_segment_path(path, DIRECTORY, &owner.name, 0x100);
	fd = os->open(os->self, path, DPI_OPEN_CREATE);
	dpi_segment_encode(page, &owner, &header);
	assert_int_equal(dpi_os_write_all(os, fd, page, sizeof(page), 0), 0);
	assert_int_equal(os->close(os->self, fd), 0);
	assert_int_equal(dpi_segment_open(&segment, &recycling.os, DIRECTORY,
				 &owner, 0x100, false, NULL),
		DP_ENOTFOUND);
	assert_true(recycling.is_done);
	sim_disk_free(disk);
}

static void put_record(uint8_t *data, size_t size, uint64_t index)
{
	memset(data, 0x5a, size);
	data[DPI_RECORD_HEAD] = 0;
	dpi_store_u32(data + 4, (uint32_t)size);
	dpi_store_u32(data, dpi_crc32c(0, data + 16, size - 16));
	dpi_record_seal(data, DPI_RECORD_EVENT, (uint32_t)index, 77, SALT);
}

static void a_record_is_seen_only_where_it_belongs(void **state)
{
	uint8_t data[200];
	uint32_t size;

	(void)state;
	put_record(data, 150, 1000);
	assert_int_equal(
		dpi_walk_at(data, 150, 1000, SALT, &size), DPI_WALK_RECORD);
	assert_int_equal(size, 150);
	assert_int_equal(dpi_walk_kind(data), DPI_RECORD_EVENT);
	assert_int_equal(dpi_walk_time_ms(data), 77);
	assert_int_equal(
		dpi_walk_at(data, 149, 1000, SALT, &size), DPI_WALK_MORE);
	assert_int_equal(size, 150);
	assert_int_equal(
		dpi_walk_at(data, 5, 1000, SALT, &size), DPI_WALK_MORE);
	assert_int_equal(
		dpi_walk_at(data, 150, 1001, SALT, &size), DPI_WALK_NONE);
	assert_int_equal(
		dpi_walk_at(data, 150, 1000, SALT + 1, &size), DPI_WALK_NONE);
	data[149] ^= 1;
	assert_int_equal(
		dpi_walk_at(data, 150, 1000, SALT, &size), DPI_WALK_NONE);
}

static void the_next_record_is_found_behind_any_damage(void **state)
{
	uint8_t data[700];

	(void)state;
	for (size_t gap = 1; gap < 400; gap++) {
		memset(data, gap % 3 == 0 ? 0 : 0xc3, sizeof(data));
		put_record(data + gap, 200, 5000 + gap);
		assert_int_equal(
			dpi_walk_resync(data, sizeof(data), 5000, SALT), gap);
	}
	memset(data, 0, sizeof(data));
	assert_in_range(dpi_walk_resync(data, sizeof(data), 5000, SALT),
		sizeof(data) - 11, sizeof(data));
}

static void records_of_any_size_are_scanned_across_reads(void **state)
{
	struct sim_disk *disk = sim_disk_new(1);
	const dpi_os *os = sim_disk_start(disk);
	dpi_segment segment = {.salt = SALT};
	const size_t sizes[] = {33, 300000, 100, 262144, 33, 700000, 40};
	struct test_heap heap;
	const uint8_t *record;
	uint64_t at = 0;
	uint64_t index;
	dpi_scan scan;

	(void)state;
	test_heap_init(&heap);
	segment.fd = os->open(os->self, "/segment", DPI_OPEN_CREATE);
	for (size_t i = 0; i < 7; i++) {
		uint8_t *data = malloc(sizes[i]);

		put_record(data, sizes[i], at);
		assert_int_equal(dpi_os_write_all(os, segment.fd, data,
					 sizes[i], DPI_LOG_PAGE + at),
			0);
		free(data);
		at += sizes[i];
	}
	assert_int_equal(
		dpi_scan_init(&scan, &heap.alloc, os, &segment, 0, UINT32_MAX),
		DP_OK);
	for (size_t i = 0; i < 7; i++) {
		assert_int_equal(
			dpi_scan_next(&scan, &record, &index, NULL), DP_OK);
		assert_non_null(record);
		assert_int_equal(scan.index - index, sizes[i]);
	}
	assert_int_equal(dpi_scan_next(&scan, &record, &index, NULL), DP_OK);
	assert_null(record);
	assert_int_equal(scan.records_end, at);
	assert_int_equal(scan.events, 7);
	assert_int_equal(scan.skipped_bytes, 0);
	dpi_scan_fini(&scan);
	os->close(os->self, segment.fd);
	assert_int_equal(heap.live_bytes, 0);
	sim_disk_free(disk);
}

static void a_lock_excludes_everybody_else_and_itself(void **state)
{
	struct sim_disk *disk = sim_disk_new(2);
	const dpi_os *os = sim_disk_start(disk);
	struct test_heap heap;
	dpi_locks one;
	dpi_locks two;

	(void)state;
	test_heap_init(&heap);
	assert_int_equal(
		dpi_locks_open(&one, &heap.alloc, os, "/locks", NULL), DP_OK);
	assert_int_equal(
		dpi_locks_open(&two, &heap.alloc, os, "/locks", NULL), DP_OK);
	for (uint64_t byte = 0; byte < 20; byte++) {
		assert_int_equal(dpi_locks_take(&one, byte, NULL), DP_OK);
	}
	assert_int_equal(dpi_locks_take(&one, 5, NULL), DP_ELOCKED);
	assert_int_equal(dpi_locks_take(&two, 5, NULL), DP_ELOCKED);
	dpi_locks_give(&one, 5);
	assert_int_equal(dpi_locks_take(&two, 5, NULL), DP_OK);
	assert_int_equal(dpi_locks_take(&one, 5, NULL), DP_ELOCKED);
	dpi_locks_close(&one);
	assert_int_equal(dpi_locks_take(&two, 6, NULL), DP_OK);
	dpi_locks_close(&two);
	assert_int_equal(heap.live_bytes, 0);
	sim_disk_free(disk);
}

static void *await_lock(void *arg)
{
	static dp_status st;

	st = dpi_locks_await(arg, 5, 20 * DP_MILLISECOND, NULL);
	return &st;
}

static void who_waits_for_a_lock_asks_less_and_less_and_gives_up(void **state)
{
	struct sim_disk *disk = sim_disk_new(2);
	const dpi_os *os = sim_disk_start(disk);
	struct virtual_clock *clock = sim_disk_clock(disk);
	struct test_heap heap;
	pthread_t thread;
	dpi_locks one;
	dpi_locks two;
	void *st;

	(void)state;
	test_heap_init(&heap);
	assert_int_equal(
		dpi_locks_open(&one, &heap.alloc, os, "/locks", NULL), DP_OK);
	assert_int_equal(
		dpi_locks_open(&two, &heap.alloc, os, "/locks", NULL), DP_OK);
	assert_int_equal(dpi_locks_take(&one, 5, NULL), DP_OK);
	assert_int_equal(pthread_create(&thread, NULL, await_lock, &two), 0);
	for (dp_time_ns pause = 1; pause <= 16; pause *= 2) {
		virtual_clock_await_sleepers(clock, 1);
		assert_int_equal(virtual_clock_next(clock),
			os->monotonic(os->self) + pause * DP_MILLISECOND);
		virtual_clock_advance(clock, pause * DP_MILLISECOND);
	}
	assert_int_equal(pthread_join(thread, &st), 0);
	assert_int_equal(*(dp_status *)st, DP_ELOCKED);
	dpi_locks_close(&one);
	dpi_locks_close(&two);
	sim_disk_free(disk);
}

static void source_places_only_grow_and_count_when_kept(void **state)
{
	struct test_heap heap;
	dpi_sources sources;

	(void)state;
	test_heap_init(&heap);
	dpi_sources_init(&sources, &heap.alloc);
	for (uint64_t key = 50; key > 0; key--) {
		dpi_source_place place = {key, key * 10};

		assert_int_equal(dpi_sources_note(&sources, &place), DP_OK);
	}
	assert_int_equal(dpi_sources_next(&sources, 7), 0);
	dpi_sources_keep(&sources);
	assert_int_equal(dpi_sources_next(&sources, 7), 70);
	assert_int_equal(
		dpi_sources_note(&sources, &(dpi_source_place){7, 80}), DP_OK);
	dpi_sources_forget(&sources);
	assert_int_equal(
		dpi_sources_note(&sources, &(dpi_source_place){7, 60}), DP_OK);
	dpi_sources_keep(&sources);
	assert_int_equal(dpi_sources_next(&sources, 7), 70);
	assert_int_equal(dpi_sources_next(&sources, 51), 0);
	dpi_sources_fini(&sources);
	assert_int_equal(heap.live_bytes, 0);
}

static void a_snapshot_tells_all_source_places(void **state)
{
	struct test_heap heap;
	dpi_sources sources;
	dpi_sources other;
	uint8_t record[1000];
	size_t size;

	(void)state;
	test_heap_init(&heap);
	dpi_sources_init(&sources, &heap.alloc);
	dpi_sources_init(&other, &heap.alloc);
	for (uint64_t key = 1; key <= 20; key++) {
		dpi_source_place place = {key << 40, key};

		assert_int_equal(dpi_sources_note(&sources, &place), DP_OK);
	}
	dpi_sources_keep(&sources);
	size = dpi_sources_size(&sources);
	dpi_sources_encode(&sources, record);
	dpi_record_seal(record, DPI_RECORD_SOURCES, 0, 0, SALT);
	assert_true(dpi_record_check(record, size, SALT));
	assert_int_equal(dpi_sources_learn(&other, record, size), DP_OK);
	for (uint64_t key = 1; key <= 20; key++) {
		assert_int_equal(dpi_sources_next(&other, key << 40), key);
	}
	dpi_sources_fini(&sources);
	dpi_sources_fini(&other);
	assert_int_equal(heap.live_bytes, 0);
}

static void a_state_page_belongs_to_one_partition(void **state)
{
	const dpi_segment_owner other = {uuid, {"shop", 4}};
	struct sim_disk *disk = sim_disk_new(3);
	const dpi_os *os = sim_disk_start(disk);
	dpi_log_state *page;

	(void)state;
	os->mkdir(os->self, "/log");
	os->mkdir(os->self, "/log/topics");
	os->mkdir(os->self, "/log/topics/shop");
	os->mkdir(os->self, "/log/topics/shop/3");
	assert_int_equal(
		dpi_log_state_map(&page, os, DIRECTORY, &owner.name, NULL),
		DP_OK);
	assert_false(dpi_log_state_is_of(page, &owner));
	dpi_log_state_reset(page, &owner);
	atomic_store(&page->epoch, 12);
	assert_true(dpi_log_state_is_of(page, &owner));
	assert_false(dpi_log_state_is_of(page, &other));
	dpi_log_state_unmap(page, os);
	assert_int_equal(
		dpi_log_state_map(&page, os, DIRECTORY, &owner.name, NULL),
		DP_OK);
	assert_int_equal(page->epoch, 12);
	dpi_log_state_unmap(page, os);
	sim_disk_free(disk);
}

struct listener {
	dpi_log_news *news;
	const dpi_os *os;
	dp_ack level;
};

static void *listen(void *arg)
{
	struct listener *listener = arg;

	dpi_log_bell *bell = dpi_log_news_bell(listener->news, listener->level);

	while (atomic_load(&bell->word) == 0) {
		dpi_log_news_wait(bell, listener->os, 0, DP_FOREVER);
	}
	return NULL;
}

static void news_wakes_those_who_wait_for_it_alone(void **state)
{
	struct sim_disk *disk = sim_disk_new(4);
	struct listener durable = {
		.os = sim_disk_start(disk), .level = DP_ACK_DURABLE};
	struct listener written = durable;
	pthread_t threads[2];

	(void)state;
	durable.os->mkdir(durable.os->self, DIRECTORY);
	assert_int_equal(
		dpi_log_news_map(&durable.news, durable.os, DIRECTORY, NULL),
		DP_OK);
	written.news = durable.news;
	written.level = DP_ACK_WRITTEN;
	assert_int_equal(
		pthread_create(&threads[0], NULL, listen, &durable), 0);
	assert_int_equal(
		pthread_create(&threads[1], NULL, listen, &written), 0);
	virtual_clock_await_sleepers(sim_disk_clock(disk), 2);

	dpi_log_news_ring(&written.news->written, written.os);
	pthread_join(threads[1], NULL);
	assert_int_equal(written.news->written.waiters, 0);
	virtual_clock_await_sleepers(sim_disk_clock(disk), 1);
	assert_int_equal(durable.news->durable.waiters, 1);
	dpi_log_news_tell(durable.news, durable.os);
	pthread_join(threads[0], NULL);
	assert_int_equal(durable.news->durable.waiters, 0);
	/* It has changed already: no wait at all. */
	dpi_log_news_wait(&durable.news->durable, durable.os, 0, DP_FOREVER);
	dpi_log_news_wait(&durable.news->written, durable.os, 0, DP_FOREVER);
	dpi_log_news_unmap(durable.news, durable.os);
	sim_disk_free(disk);
}

struct damaged_bell {
	dpi_os os;
	dpi_log_bell bell;
	int wakes;
};

static int ring_instead(
	void *self, uint32_t *word, uint32_t expected, dp_time_ns deadline_ns)
{
	struct damaged_bell *damaged = self;

	(void)word;
	(void)expected;
	(void)deadline_ns;
	dpi_log_news_ring(&damaged->bell, &damaged->os);
	return 0;
}

static void count_wake(void *self, uint32_t *word, int count)
{
	struct damaged_bell *damaged = self;

	(void)word;
	(void)count;
	damaged->wakes++;
}

static void who_waits_is_woken_though_the_page_is_damaged(void **state)
{
	const uint32_t counts[] = {0, 1, UINT32_MAX, UINT32_MAX - 1, 1u << 31};

	(void)state;
	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
		struct damaged_bell damaged = {.wakes = 0};

		damaged.os.self = &damaged;
		damaged.os.wait = ring_instead;
		damaged.os.wake = count_wake;
		atomic_store(&damaged.bell.waiters, counts[i]);
		dpi_log_news_wait(&damaged.bell, &damaged.os, 0, DP_FOREVER);
		assert_int_equal(damaged.wakes, 1);
		dpi_log_news_wait(&damaged.bell, &damaged.os, 1, DP_FOREVER);
		assert_int_equal(damaged.wakes, 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_are_where_the_format_says),
		cmocka_unit_test(
			only_names_of_the_format_are_segments_and_partitions),
		cmocka_unit_test(
			a_header_is_read_from_either_copy_in_its_place_alone),
		cmocka_unit_test(
			a_segment_that_is_recycled_while_it_is_opened_is_gone),
		cmocka_unit_test(a_record_is_seen_only_where_it_belongs),
		cmocka_unit_test(the_next_record_is_found_behind_any_damage),
		cmocka_unit_test(records_of_any_size_are_scanned_across_reads),
		cmocka_unit_test(a_lock_excludes_everybody_else_and_itself),
		cmocka_unit_test(
			who_waits_for_a_lock_asks_less_and_less_and_gives_up),
		cmocka_unit_test(source_places_only_grow_and_count_when_kept),
		cmocka_unit_test(a_snapshot_tells_all_source_places),
		cmocka_unit_test(a_state_page_belongs_to_one_partition),
		cmocka_unit_test(news_wakes_those_who_wait_for_it_alone),
		cmocka_unit_test(who_waits_is_woken_though_the_page_is_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
