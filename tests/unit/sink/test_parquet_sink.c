/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <datapipe/registry.h>
#include <datapipe/sink.h>

#include "base/bytes.h"
#include "io/files.h"
#include "io/runtime.h"
#include "schema/descriptor.h"
#include "set_builder.h"
#include "sim_os.h"
#include "sink/sink.h"
#include "test_batch.h"

/* What is in the files is read in tests/readers and tests/unit/codec; here is
 * what the sink does about them. */

#define DESTINATIONS 200
#define BATCH 1000
#define BATCHES 120

/* Counts what is outstanding, and the most that ever was. */
struct peak_heap {
	dp_allocator alloc;
	size_t live, peak;
};

static void *peak_alloc(void *user, size_t size)
{
	struct peak_heap *heap = user;

	heap->live += size;
	heap->peak = heap->live > heap->peak ? heap->live : heap->peak;
	return malloc(size);
}

static void peak_free(void *user, void *block, size_t size)
{
	struct peak_heap *heap = user;

	heap->live -= block != NULL ? size : 0;
	free(block);
}

struct fixture {
	struct peak_heap heap;
	struct sim_disk *disk;
	const dpi_os *os;
	dp_runtime *rt;
	dp_registry *reg;
	dp_store *store;
	dp_sink *sink;
	dp_refusals refusals;
};

static void add_type(struct fixture *f)
{
	struct set_builder b;

	set_builder_init(&b, &f->heap.alloc);
	begin_file(&b, "shop.proto", "shop", "proto3");
	begin_message(&b, "Paid");
	field(&b, "n", 1, OPTIONAL, DPI_TYPE_INT64, NULL);
	field(&b, "text", 2, OPTIONAL, DPI_TYPE_STRING, NULL);
	field(&b, "list", 3, REPEATED, DPI_TYPE_INT32, NULL);
	end(&b);
	end(&b);
	assert_int_equal(
		dp_registry_add(f->reg, b.buf.data, b.buf.size, NULL, NULL),
		DP_OK);
	set_builder_fini(&b);
}

static void setup(struct fixture *f, const dp_file_sink_options *opts)
{
	dp_runtime_options options = DP_RUNTIME_OPTIONS_INIT;

	*f = (struct fixture){.disk = sim_disk_new(1)};
	f->heap.alloc = (dp_allocator){&f->heap, peak_alloc, peak_free};
	f->os = sim_disk_start(f->disk);
	options.allocator = &f->heap.alloc;
	assert_int_equal(dpi_runtime_new(&f->rt, &options, f->os, NULL), DP_OK);
	assert_int_equal(
		dp_registry_open(&f->reg, f->rt, "file:/registry", NULL, NULL),
		DP_OK);
	add_type(f);
	assert_int_equal(
		dp_store_open(&f->store, f->rt, "file:/out", NULL), DP_OK);
	assert_int_equal(dp_files_sink_new(
				 &f->sink, f->rt, f->store, f->reg, opts, NULL),
		DP_OK);
	dpi_refusals_init(&f->refusals, &f->heap.alloc);
	assert_int_equal(dpi_sink_open(f->sink, "job", NULL), DP_OK);
}

static void teardown(struct fixture *f)
{
	dpi_refusals_fini(&f->refusals);
	dp_sink_free(f->sink);
	dp_store_close(f->store);
	dp_registry_close(f->reg);
	dp_runtime_free(f->rt);
	assert_int_equal(f->heap.live, 0);
	sim_disk_free(f->disk);
}

/* About 60 bytes, no two alike. */
static size_t make_payload(uint8_t *out, uint32_t n)
{
	uint8_t *p = out;

	*p++ = 1 << 3;
	p = dpi_put_varint(p, (uint64_t)n * 2654435761u);
	*p++ = 2 << 3 | 2;
	*p++ = 40;
	(void)snprintf((char *)p, 41, "%08x%08x%08x%08x%08x", n * 3u, n * 5u,
		n * 7u, n * 2654435761u, n);
	p += 40;
	for (uint32_t i = 0; i < n % 3; i++) {
		*p++ = 3 << 3;
		*p++ = (uint8_t)i;
	}
	return (size_t)(p - out);
}

static void write_batch(struct fixture *f, uint32_t first)
{
	static uint8_t payloads[BATCH][80];
	static char sources[DESTINATIONS][16];
	static dp_event events[BATCH];
	dp_batch *batch;

	for (uint32_t i = 0; i < BATCH; i++) {
		char *source = sources[i % DESTINATIONS];

		(void)snprintf(source, sizeof(sources[0]), "s%u",
			(unsigned)(i % DESTINATIONS));
		events[i] = (dp_event)DP_EVENT_INIT;
		events[i].type = "shop.Paid";
		events[i].source = source;
		events[i].payload = dpi_bytes(
			payloads[i], make_payload(payloads[i], first + i));
	}
	batch = test_batch_new("shop", 0, first, events, BATCH);
	assert_int_equal(
		dpi_sink_write(f->sink, batch, &f->refusals, NULL), DP_OK);
	dp_batch_unref(batch);
	assert_int_equal(f->refusals.count, 0);
}

static void flush(struct fixture *f, uint64_t next)
{
	dp_positions upto;

	dpi_positions_init(&upto, &f->heap.alloc);
	assert_int_equal(dp_positions_set(&upto, "shop", 0, next), DP_OK);
	assert_int_equal(dpi_sink_flush(f->sink, &upto, NULL), DP_OK);
	dpi_positions_fini(&upto);
}

/* Names of a folder's files: how many, and that of the first. */
static size_t list(struct fixture *f, const char *folder, char *first)
{
	const char *const *names;
	dpi_arena arena;
	size_t count = 0;

	dpi_arena_init(&arena, &f->heap.alloc, 1 << 20);
	if (dpi_files_list(f->os, folder, &arena, &names, &count, NULL) !=
		DP_OK) {
		count = 0;
	}
	if (count > 0) {
		(void)snprintf(first, 200, "%s", names[0]);
	}
	dpi_arena_fini(&arena);
	return count;
}

static void assert_is_parquet(struct fixture *f, const char *path)
{
	dpi_buf file;

	dpi_buf_init(&file, &f->heap.alloc, 64 << 20);
	assert_int_equal(dpi_files_read(f->os, path, &file, NULL), DP_OK);
	assert_true(file.size > 12);
	assert_memory_equal(file.data, "PAR1", 4);
	assert_memory_equal(file.data + file.size - 4, "PAR1", 4);
	assert_true(dpi_load_u32(file.data + file.size - 8) < file.size - 12);
	dpi_buf_fini(&file);
}

/*
 * All files stay open until the flush, and write row groups as memory runs
 * short: one file for each destination.
 */
static void memory_of_200_destinations_stays_in_its_budget(void **state)
{
	dp_file_sink_options opts = DP_FILE_SINK_OPTIONS_INIT;
	struct fixture f;
	size_t before;
	char folder[64], name[200], path[300];

	(void)state;
	opts.format = DP_FILE_FORMAT_PARQUET;
	opts.destination = "{source}";
	opts.open_bytes = 16u << 20;
	setup(&f, &opts);
	before = f.heap.live;
	f.heap.peak = before;
	for (uint32_t i = 0; i < BATCHES; i++) {
		write_batch(&f, i * BATCH);
	}
	for (unsigned i = 0; i < DESTINATIONS; i++) {
		(void)snprintf(folder, sizeof(folder), "/out/s%u", i);
		assert_int_equal(list(&f, folder, name), 0);
	}
	flush(&f, BATCHES * BATCH);
	printf("figure: parquet: %d destinations, budget %u KiB, peak %zu "
	       "KiB\n",
		DESTINATIONS, 16u << 10, (f.heap.peak - before) >> 10);
	assert_true(f.heap.peak - before <= opts.open_bytes);
	for (unsigned i = 0; i < DESTINATIONS; i++) {
		(void)snprintf(folder, sizeof(folder), "/out/s%u", i);
		assert_int_equal(list(&f, folder, name), 1);
		(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
		assert_non_null(strstr(name, ".parquet"));
		assert_is_parquet(&f, path);
	}
	teardown(&f);
}

/* More rows than a row group holds: a file that was full is another's end. */
static void a_full_file_is_followed_by_another(void **state)
{
	dp_file_sink_options opts = DP_FILE_SINK_OPTIONS_INIT;
	struct fixture f;
	char name[200];

	(void)state;
	opts.format = DP_FILE_FORMAT_PARQUET;
	opts.compression = DP_COMPRESSION_SNAPPY;
	opts.destination = "all";
	opts.file_bytes = 100000;
	setup(&f, &opts);
	for (uint32_t i = 0; i < 10; i++) {
		write_batch(&f, i * BATCH);
	}
	flush(&f, 10 * BATCH);
	assert_true(list(&f, "/out/all", name) > 2);
	teardown(&f);
}

static void parquet_has_codecs_of_its_own(void **state)
{
	dp_file_sink_options opts = DP_FILE_SINK_OPTIONS_INIT;
	struct fixture f;
	dp_sink *sink = NULL;
	dp_error *err = NULL;

	(void)state;
	setup(&f, NULL);
	opts.format = DP_FILE_FORMAT_PARQUET;
	opts.compression = DP_COMPRESSION_BZIP2;
	assert_int_equal(
		dp_files_sink_new(&sink, f.rt, f.store, f.reg, &opts, &err),
		DP_EINVAL);
	assert_string_equal(dp_error_message(err),
		"bzip2 is a codec that Parquet does not have");
	dp_error_free(err);
	assert_null(sink);
	teardown(&f);
}

static void a_lake_is_not_parquet(void **state)
{
	dp_file_sink_options opts = DP_FILE_SINK_OPTIONS_INIT;
	struct fixture f;
	dp_sink *sink = NULL;
	dp_error *err = NULL;

	(void)state;
	setup(&f, NULL);
	opts.format = DP_FILE_FORMAT_PARQUET;
	assert_int_equal(
		dp_lake_sink_new(&sink, f.rt, f.store, &opts, &err), DP_EINVAL);
	assert_non_null(strstr(dp_error_message(err), "Parquet"));
	dp_error_free(err);
	err = NULL;
	opts.format = 3;
	assert_int_equal(
		dp_files_sink_new(&sink, f.rt, f.store, f.reg, &opts, &err),
		DP_EINVAL);
	assert_non_null(strstr(dp_error_message(err), "format 3"));
	dp_error_free(err);
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			memory_of_200_destinations_stays_in_its_budget),
		cmocka_unit_test(a_full_file_is_followed_by_another),
		cmocka_unit_test(a_lake_is_not_parquet),
		cmocka_unit_test(parquet_has_codecs_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
