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

#include "base/bytes.h"
#include "faulty_os.h"
#include "io/files.h"
#include "io/runtime.h"
#include "sim_os.h"
#include "sink/sink.h"
#include "test_avro.h"
#include "test_batch.h"
#include "test_heap.h"

struct fixture {
	struct test_heap heap;
	struct sim_disk *disk;
	struct faulty_os faulty;
	dp_runtime *rt;
	dp_store *store;
	dp_sink *sink;
	dp_refusals refusals;
};

static void setup(struct fixture *f, const dp_file_sink_options *opts)
{
	dp_runtime_options options = DP_RUNTIME_OPTIONS_INIT;

	*f = (struct fixture){.disk = sim_disk_new(1)};
	test_heap_init(&f->heap);
	faulty_os_init(&f->faulty, sim_disk_start(f->disk));
	options.allocator = &f->heap.alloc;
	assert_int_equal(
		dpi_runtime_new(&f->rt, &options, &f->faulty.os, NULL), DP_OK);
	assert_int_equal(
		dp_store_open(&f->store, f->rt, "file:/lake", NULL), DP_OK);
	assert_int_equal(
		dp_lake_sink_new(&f->sink, f->rt, f->store, opts, NULL), DP_OK);
	dpi_refusals_init(&f->refusals, &f->heap.alloc);
	assert_int_equal(dpi_sink_open(f->sink, "job", NULL), DP_OK);
}

static void teardown(struct fixture *f)
{
	dpi_refusals_fini(&f->refusals);
	dp_sink_free(f->sink);
	dp_store_close(f->store);
	dp_runtime_free(f->rt);
	assert_int_equal(f->heap.live_blocks, 0);
	sim_disk_free(f->disk);
}

static dp_status write_batch(struct fixture *f, dp_batch *batch)
{
	dp_status st = dpi_sink_write(f->sink, batch, &f->refusals, NULL);

	dp_batch_unref(batch);
	return st;
}

/* Ten thousand events, so many at a time. */
static void write_in_batches(struct fixture *f, size_t size)
{
	for (dp_offset at = 0; at < 10000; at += size) {
		assert_int_equal(write_batch(f,
					 test_batch_make("ramp.a", 3, at, size,
						 "shop.v1.Paid")),
			DP_OK);
	}
}

static dp_status flush(struct fixture *f, uint64_t next)
{
	dp_positions upto;
	dp_status st;

	dpi_positions_init(&upto, &f->heap.alloc);
	assert_int_equal(dp_positions_set(&upto, "ramp.a", 3, next), DP_OK);
	st = dpi_sink_flush(f->sink, &upto, NULL);
	dpi_positions_fini(&upto);
	return st;
}

static void assert_text(dp_bytes bytes, const char *text)
{
	assert_int_equal(bytes.size, strlen(text));
	assert_memory_equal(bytes.data, text, bytes.size);
}

/* Every column of the one event of the next test. */
static void check_record(void *user, const char *path, struct test_avro *in)
{
	int *records = user;

	++*records;
	assert_non_null(strstr(path, "/lake/ramp.a/2026-01-01/02/part-job-"));
	assert_text(test_avro_bytes(in), "ramp.a");
	assert_int_equal(test_avro_long(in), 3);
	assert_int_equal(test_avro_long(in), 7200);
	assert_int_equal(test_avro_long(in),
		(TEST_BATCH_TIME + 7200 * DP_SECOND) / 1000);
	assert_text(test_avro_bytes(in), "order-1");
	assert_int_equal(test_avro_long(in), 7);
	assert_int_equal(test_avro_long(in), 7200);
	assert_int_equal(test_avro_long(in), -2);
	assert_int_equal(test_avro_long(in), 999);
	assert_text(test_avro_nullable(in), "shop.v1.Paid");
	assert_text(test_avro_nullable(in), "billing");
	assert_null(test_avro_nullable(in).data);
	assert_text(test_avro_nullable(in), "key");
	assert_text(test_avro_nullable(in), "application/protobuf");
	assert_text(test_avro_nullable(in), "dp:0123");
	assert_null(test_avro_nullable(in).data);
	assert_null(test_avro_nullable(in).data);
	assert_int_equal(test_avro_long(in), 2);
	assert_text(test_avro_bytes(in), "region");
	assert_text(test_avro_bytes(in), "eu");
	assert_text(test_avro_bytes(in), "tenant");
	assert_text(test_avro_bytes(in), "x");
	assert_int_equal(test_avro_long(in), 0);
	assert_text(test_avro_bytes(in), "any\xff bytes");
}

static dp_batch *rich_event(void)
{
	const dp_attribute others[] = {{"region", "eu"}, {"tenant", "x"}};
	dp_event ev = DP_EVENT_INIT;

	ev.type = "shop.v1.Paid";
	ev.source = "billing";
	ev.key = "key";
	ev.id = "order-1";
	ev.dataschema = "dp:0123";
	ev.time = -1001;
	ev.attributes = others;
	ev.attribute_count = 2;
	ev.payload = dpi_bytes_text("any\xff bytes");
	return test_batch_new("ramp.a", 3, 7200, &ev, 1);
}

static void a_record_has_all_that_the_event_had(void **state)
{
	const dp_compression codecs[] = {DP_COMPRESSION_NONE,
		DP_COMPRESSION_DEFLATE, DP_COMPRESSION_ZSTD};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		dp_file_sink_options opts = DP_FILE_SINK_OPTIONS_INIT;
		struct fixture f;
		size_t files = 0;
		int records = 0;

		opts.compression = codecs[i];
		setup(&f, &opts);
		assert_int_equal(write_batch(&f, rich_event()), DP_OK);
		assert_int_equal(flush(&f, 7201), DP_OK);
		assert_int_equal(test_avro_read_all(&f.faulty.os, "/lake",
					 &files, check_record, &records),
			1);
		assert_int_equal(records, 1);
		assert_int_equal(files, 1);
		teardown(&f);
	}
}

static void check_earliest(void *user, const char *path, struct test_avro *in)
{
	(void)user;
	(void)path;
	(void)test_avro_bytes(in);
	for (int i = 0; i < 3; i++) {
		(void)test_avro_long(in);
	}
	(void)test_avro_bytes(in);
	(void)test_avro_long(in);
	(void)test_avro_long(in);
	assert_true(test_avro_long(in) == INT64_MIN / 1000 - 1);
	assert_int_equal(test_avro_long(in), 192);
	for (int i = 0; i < 8; i++) {
		(void)test_avro_nullable(in);
	}
	assert_int_equal(test_avro_long(in), 0);
	(void)test_avro_bytes(in);
}

static void the_earliest_time_has_its_nanoseconds(void **state)
{
	dp_event ev = DP_EVENT_INIT;
	struct fixture f;
	size_t files = 0;

	(void)state;
	ev.time = INT64_MIN;
	setup(&f, NULL);
	assert_int_equal(
		write_batch(&f, test_batch_new("ramp.a", 3, 0, &ev, 1)), DP_OK);
	assert_int_equal(flush(&f, 1), DP_OK);
	assert_int_equal(test_avro_read_all(&f.faulty.os, "/lake", &files,
				 check_earliest, NULL),
		1);
	teardown(&f);
}

static void count_record(void *user, const char *path, struct test_avro *in)
{
	unsigned *count = user;
	char payload[64] = "";
	dp_bytes bytes;

	(void)path;
	(void)test_avro_bytes(in);
	for (int i = 0; i < 3; i++) {
		(void)test_avro_long(in);
	}
	(void)test_avro_bytes(in);
	for (int i = 0; i < 4; i++) {
		(void)test_avro_long(in);
	}
	for (int i = 0; i < 8; i++) {
		(void)test_avro_nullable(in);
	}
	assert_int_equal(test_avro_long(in), 0);
	bytes = test_avro_bytes(in);
	memcpy(payload, bytes.data, bytes.size);
	count[strtoul(strchr(payload, ':') + 1, NULL, 10)]++;
}

#define DESTINATIONS 10000u

/* 10,000 events, each of another type and so of another folder. */
static dp_batch *many_types(dp_offset first, size_t count)
{
	dp_event *events = calloc(count, sizeof(*events));
	char(*texts)[2][32] = calloc(count, sizeof(*texts));
	dp_batch *batch;

	for (size_t i = 0; i < count; i++) {
		(void)snprintf(texts[i][0], 32, "type.T%zu",
			((size_t)first + i) % DESTINATIONS);
		(void)snprintf(texts[i][1], 32, "3:%zu", (size_t)first + i);
		events[i] = (dp_event)DP_EVENT_INIT;
		events[i].type = texts[i][0];
		events[i].payload = dpi_bytes_text(texts[i][1]);
	}
	batch = test_batch_new("ramp.a", 3, first, events, count);
	free(texts);
	free(events);
	return batch;
}

/* Files that are open, and looks at some that were not there. */
static long open_files(struct fixture *f)
{
	return faulty_os_count(&f->faulty, FAULTY_OPEN) -
		faulty_os_count(&f->faulty, FAULTY_CLOSE);
}

static void ten_thousand_destinations_take_bounded_memory(void **state)
{
	dp_file_sink_options opts = DP_FILE_SINK_OPTIONS_INIT;
	unsigned *count = calloc(DESTINATIONS, sizeof(*count));
	struct fixture f;
	size_t most = 0;
	size_t files = 0;
	long before;

	(void)state;
	opts.destination = "{type}";
	opts.open_max = 16;
	opts.open_bytes = 1u << 20;
	setup(&f, &opts);
	before = open_files(&f);
	for (dp_offset at = 0; at < DESTINATIONS; at += 100) {
		assert_int_equal(write_batch(&f, many_types(at, 100)), DP_OK);
		assert_true(open_files(&f) - before <= 16);
		most = f.heap.live_bytes > most ? f.heap.live_bytes : most;
	}
	/* Names of 10,000 files, not their buffers. */
	assert_true(most < 6u << 20);
	assert_int_equal(flush(&f, DESTINATIONS), DP_OK);
	assert_int_equal(test_avro_read_all(&f.faulty.os, "/lake", &files,
				 count_record, count),
		DESTINATIONS);
	assert_int_equal(files, DESTINATIONS);
	for (size_t i = 0; i < DESTINATIONS; i++) {
		assert_int_equal(count[i], 1);
	}
	free(count);
	teardown(&f);
}

static size_t count_files(struct fixture *f, unsigned *count)
{
	size_t files = 0;

	assert_true(test_avro_read_all(&f->faulty.os, "/lake", &files,
			    count_record, count) >= 0);
	return files;
}

static void the_idlest_file_is_finished_early(void **state)
{
	dp_file_sink_options opts = DP_FILE_SINK_OPTIONS_INIT;
	const dp_offset order[] = {0, 1, 0, 2, 0, 1};
	unsigned count[8] = {0};
	struct fixture f;

	(void)state;
	opts.destination = "{type}";
	opts.open_max = 2;
	setup(&f, &opts);
	for (size_t i = 0; i < 6; i++) {
		assert_int_equal(
			write_batch(&f, many_types(order[i], 1)), DP_OK);
	}
	assert_int_equal(flush(&f, 10), DP_OK);
	/* 0 was never the idlest; 1 had to go for 2, and comes twice. */
	assert_int_equal(count_files(&f, count), 4);
	assert_int_equal(count[0], 3);
	assert_int_equal(count[1], 2);
	assert_int_equal(count[2], 1);
	teardown(&f);
}

static void a_file_that_is_large_enough_is_finished(void **state)
{
	dp_file_sink_options opts = DP_FILE_SINK_OPTIONS_INIT;
	unsigned *count = calloc(20000, sizeof(*count));
	struct fixture f;

	(void)state;
	opts.destination = "{topic}";
	opts.compression = DP_COMPRESSION_NONE;
	opts.file_bytes = 300000;
	setup(&f, &opts);
	write_in_batches(&f, 1000);
	assert_int_equal(flush(&f, 10000), DP_OK);
	assert_true(count_files(&f, count) > 2);
	for (size_t i = 0; i < 10000; i++) {
		assert_int_equal(count[i], 1);
	}
	free(count);
	teardown(&f);
}

/* Writes that do not end where a whole number of pieces does. */
static int64_t (*write_of_faulty)(
	void *, int, const struct iovec *, int, uint64_t);
static int writes;
static int uneven_writes;

static int64_t count_write(
	void *self, int fd, const struct iovec *iov, int count, uint64_t offset)
{
	int64_t n = write_of_faulty(self, fd, iov, count, offset);

	writes++;
	uneven_writes += n < 0 || (offset + (uint64_t)n) % 65536 != 0;
	return n;
}

static void a_file_is_written_in_pieces_that_suit_file_systems(void **state)
{
	dp_file_sink_options opts = DP_FILE_SINK_OPTIONS_INIT;
	unsigned *count = calloc(10000, sizeof(*count));
	struct fixture f;

	(void)state;
	opts.destination = "{topic}";
	opts.compression = DP_COMPRESSION_NONE;
	setup(&f, &opts);
	write_of_faulty = f.faulty.os.pwritev;
	f.faulty.os.pwritev = count_write;
	writes = 0;
	uneven_writes = 0;
	write_in_batches(&f, 100);
	assert_true(writes > 5);
	assert_int_equal(uneven_writes, 0);
	assert_int_equal(flush(&f, 10000), DP_OK);
	assert_int_equal(count_files(&f, count), 1);
	for (size_t i = 0; i < 10000; i++) {
		assert_int_equal(count[i], 1);
	}
	free(count);
	teardown(&f);
}

/* The second half of a batch meets a full disk; the first half is in files. */
static void a_full_disk_takes_a_batch_whole_or_not_at_all(void **state)
{
	dp_file_sink_options opts = DP_FILE_SINK_OPTIONS_INIT;
	unsigned count[200] = {0};
	struct fixture f;

	(void)state;
	opts.destination = "{type}";
	opts.open_max = 4;
	setup(&f, &opts);
	faulty_os_set_room(&f.faulty, 20000);
	assert_int_equal(write_batch(&f, many_types(0, 100)), DP_OK);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(
			write_batch(&f, many_types(100, 100)), DP_ENOSPC);
		assert_int_equal(f.refusals.all, DP_REFUSAL_RETRYABLE);
	}
	faulty_os_set_room(&f.faulty, -1);
	assert_int_equal(write_batch(&f, many_types(100, 100)), DP_OK);
	assert_int_equal(flush(&f, 200), DP_OK);
	(void)count_files(&f, count);
	for (size_t i = 0; i < 200; i++) {
		assert_int_equal(count[i], 1);
	}
	teardown(&f);
}

static void after_a_failed_sync_nothing_is_taken_before_a_reset(void **state)
{
	unsigned count[8] = {0};
	struct fixture f;

	(void)state;
	setup(&f, NULL);
	assert_int_equal(write_batch(&f, many_types(0, 4)), DP_OK);
	faulty_os_fail(&f.faulty, FAULTY_FDATASYNC, 0, EIO, false);
	assert_int_equal(flush(&f, 4), DP_EIO);
	assert_int_equal(flush(&f, 4), DP_EIO);
	assert_int_equal(write_batch(&f, many_types(4, 4)), DP_EIO);
	assert_true(dpi_sink_reset(f.sink));
	assert_int_equal(dpi_sink_open(f.sink, "job", NULL), DP_OK);
	assert_int_equal(write_batch(&f, many_types(0, 8)), DP_OK);
	assert_int_equal(flush(&f, 8), DP_OK);
	(void)count_files(&f, count);
	for (size_t i = 0; i < 8; i++) {
		assert_int_equal(count[i], 1);
	}
	teardown(&f);
}

static void after_a_failed_commit_nothing_is_taken_before_a_reset(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f, NULL);
	assert_int_equal(write_batch(&f, many_types(0, 4)), DP_OK);
	/* The second sync is that of the record. */
	faulty_os_fail(&f.faulty, FAULTY_FDATASYNC, 1, EIO, false);
	assert_int_equal(flush(&f, 4), DP_EIO);
	assert_int_equal(flush(&f, 4), DP_ECLOSED);
	assert_int_equal(write_batch(&f, many_types(4, 4)), DP_ECLOSED);
	assert_true(dpi_sink_reset(f.sink));
	assert_int_equal(dpi_sink_open(f.sink, "job", NULL), DP_OK);
	assert_int_equal(flush(&f, 4), DP_OK);
	teardown(&f);
}

/* What a process had staged is gone once the next one has recovered. */
static void staged_files_of_no_commit_are_removed(void **state)
{
	const char *const *names = NULL;
	struct test_heap heap;
	dpi_arena arena;
	struct fixture f;
	size_t count = 0;

	(void)state;
	test_heap_init(&heap);
	dpi_arena_init(&arena, &heap.alloc, 1u << 20);
	setup(&f, NULL);
	assert_int_equal(write_batch(&f, many_types(0, 4)), DP_OK);
	assert_true(dpi_sink_reset(f.sink));
	assert_int_equal(dpi_sink_open(f.sink, "job", NULL), DP_OK);
	assert_int_equal(dpi_files_list(&f.faulty.os, "/lake/_commits/job/0",
				 &arena, &names, &count, NULL),
		DP_OK);
	assert_int_equal(count, 3);
	assert_string_equal(names[0], "a");
	assert_string_equal(names[1], "b");
	assert_string_equal(names[2], "lock");
	dpi_arena_fini(&arena);
	teardown(&f);
}

static void assert_not_made(
	const dp_file_sink_options *opts, dp_status code, const char *part)
{
	dp_error *err = NULL;
	dp_sink *sink = NULL;
	struct fixture f;

	setup(&f, NULL);
	assert_int_equal(
		dp_lake_sink_new(&sink, f.rt, f.store, opts, &err), code);
	assert_non_null(strstr(dp_error_message(err), part));
	assert_null(sink);
	dp_error_free(err);
	teardown(&f);
}

static void options_that_make_no_sense_are_refused(void **state)
{
	dp_file_sink_options opts = DP_FILE_SINK_OPTIONS_INIT;

	(void)state;
	opts.compression = 9;
	assert_not_made(&opts, DP_EINVAL, "compression 9");
	opts.compression = 0;
	opts.destination = "{field:a}";
	assert_not_made(&opts, DP_EINVAL, "{field:a}");
	opts.struct_size = 0;
	assert_not_made(&opts, DP_EABI, "DP_FILE_SINK_OPTIONS_INIT");
}

static void assert_no_store(const char *address, dp_status code)
{
	dp_store *store = NULL;
	struct fixture f;

	setup(&f, NULL);
	assert_int_equal(dp_store_open(&store, f.rt, address, NULL), code);
	assert_null(store);
	teardown(&f);
}

static void an_address_of_no_store_is_refused(void **state)
{
	char long_path[2100];

	(void)state;
	memset(long_path, 'x', sizeof(long_path));
	memcpy(long_path, "file:/", 6);
	long_path[sizeof(long_path) - 1] = '\0';
	assert_no_store(NULL, DP_EINVAL);
	assert_no_store("", DP_EINVAL);
	assert_no_store("file:", DP_EINVAL);
	assert_no_store("gs:bucket", DP_EINVAL);
	assert_no_store("/tmp/x", DP_EINVAL);
	assert_no_store(long_path, DP_EINVAL);
}

static void a_job_without_a_proper_name_cannot_open(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f, NULL);
	assert_int_equal(dpi_sink_open(f.sink, "job", NULL), DP_EINVAL);
	assert_true(dpi_sink_reset(f.sink));
	assert_int_equal(dpi_sink_open(f.sink, "../x", NULL), DP_EINVAL);
	assert_int_equal(dpi_sink_open(f.sink, "", NULL), DP_EINVAL);
	assert_int_equal(write_batch(&f, many_types(0, 1)), DP_ECLOSED);
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_has_all_that_the_event_had),
		cmocka_unit_test(the_earliest_time_has_its_nanoseconds),
		cmocka_unit_test(ten_thousand_destinations_take_bounded_memory),
		cmocka_unit_test(the_idlest_file_is_finished_early),
		cmocka_unit_test(a_file_that_is_large_enough_is_finished),
		cmocka_unit_test(
			a_file_is_written_in_pieces_that_suit_file_systems),
		cmocka_unit_test(a_full_disk_takes_a_batch_whole_or_not_at_all),
		cmocka_unit_test(
			after_a_failed_sync_nothing_is_taken_before_a_reset),
		cmocka_unit_test(
			after_a_failed_commit_nothing_is_taken_before_a_reset),
		cmocka_unit_test(staged_files_of_no_commit_are_removed),
		cmocka_unit_test(options_that_make_no_sense_are_refused),
		cmocka_unit_test(an_address_of_no_store_is_refused),
		cmocka_unit_test(a_job_without_a_proper_name_cannot_open),
	};

	return cmocka_run_group_tests_name("lake", tests, NULL, NULL);
}
