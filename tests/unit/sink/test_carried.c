/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <datapipe/registry.h>

#include "base/bytes.h"
#include "io/files.h"
#include "io/runtime.h"
#include "schema/descriptor.h"
#include "set_builder.h"
#include "sim_os.h"
#include "sink/sink.h"
#include "test_avro.h"
#include "test_batch.h"
#include "test_heap.h"

/*
 * The schemas that a store carries: there with the first file that needs them,
 * whatever happens, and enough to read it.
 */

#define SEEDS 4

static struct test_heap heap;

static dp_runtime *new_runtime(const dpi_os *os)
{
	dp_runtime_options opts = DP_RUNTIME_OPTIONS_INIT;
	dp_runtime *rt = NULL;

	opts.allocator = &heap.alloc;
	assert_int_equal(dpi_runtime_new(&rt, &opts, os, NULL), DP_OK);
	return rt;
}

/* shop.Paid with that many fields. */
static dp_status add(dp_registry *reg, unsigned fields)
{
	struct set_builder b;
	dp_status st;

	set_builder_init(&b, &heap.alloc);
	begin_file(&b, "shop.proto", "shop", "proto3");
	begin_message(&b, "Paid");
	for (unsigned i = 1; i <= fields; i++) {
		char name[24];

		(void)snprintf(name, sizeof(name), "field_%u", i);
		field(&b, name, i, OPTIONAL, DPI_TYPE_INT64, NULL);
	}
	end(&b);
	end(&b);
	st = dp_registry_add(reg, b.buf.data, b.buf.size, NULL, NULL);
	set_builder_fini(&b);
	return st;
}

/* What one event says of its schema: the version's fingerprint. */
static void dataschema_of(dp_registry *reg, uint32_t version, char *text)
{
	dp_schema *schema = NULL;

	assert_int_equal(
		dp_registry_get(reg, &schema, "shop.Paid", version, NULL),
		DP_OK);
	(void)snprintf(text, 48, "dp:%s", dp_schema_fingerprint(schema));
	dp_schema_unref(schema);
}

static dp_status write_event(dp_sink *sink, const char *type,
	const char *dataschema, dp_offset offset)
{
	dp_event ev = DP_EVENT_INIT;
	dp_refusals refusals;
	dp_positions upto;
	dp_batch *batch;
	dp_status st;

	ev.type = type;
	ev.dataschema = dataschema;
	ev.payload = dpi_bytes_text("\x08\x05");
	batch = test_batch_new("shop", 0, offset, &ev, 1);
	dpi_refusals_init(&refusals, &heap.alloc);
	st = dpi_sink_write(sink, batch, &refusals, NULL);
	dpi_refusals_fini(&refusals);
	dp_batch_unref(batch);
	if (st == DP_OK) {
		dpi_positions_init(&upto, &heap.alloc);
		assert_int_equal(
			dp_positions_set(&upto, "shop", 0, offset + 1), DP_OK);
		st = dpi_sink_flush(sink, &upto, NULL);
		dpi_positions_fini(&upto);
	}
	return st;
}

static dp_status new_sink(dp_sink **ret, dp_runtime *rt, dp_store *store,
	dp_registry *reg, bool is_lake)
{
	dp_file_sink_options opts = DP_FILE_SINK_OPTIONS_INIT;

	opts.compression = DP_COMPRESSION_NONE;
	if (!is_lake) {
		opts.destination = "{topic}";
		return dp_files_sink_new(ret, rt, store, reg, &opts, NULL);
	}
	opts.registry = reg;
	return dp_lake_sink_new(ret, rt, store, &opts, NULL);
}

static void write_both_versions(
	dp_registry *reg, dp_store *store, dp_runtime *rt, bool is_lake)
{
	char dataschema[48];
	dp_sink *sink = NULL;
	dp_status st;

	dataschema_of(reg, 1, dataschema);
	if (new_sink(&sink, rt, store, reg, is_lake) != DP_OK) {
		return;
	}
	st = dpi_sink_open(sink, "job", NULL);
	if (st == DP_OK) {
		st = write_event(sink, "shop.Paid", dataschema, 0);
	}
	if (st == DP_OK) {
		(void)write_event(sink, "shop.Paid", NULL, 1);
	}
	dp_sink_free(sink);
}

/* The registry is on a disk that lives. */
static void story(const dpi_os *os, bool is_lake)
{
	struct sim_disk *other = sim_disk_new(9);
	dp_runtime *reg_rt = new_runtime(sim_disk_start(other));
	dp_runtime *rt = new_runtime(os);
	dp_registry *reg = NULL;
	dp_store *store = NULL;

	assert_int_equal(
		dp_registry_open(&reg, reg_rt, "file:/reg", NULL, NULL), DP_OK);
	assert_int_equal(add(reg, 1), DP_OK);
	assert_int_equal(add(reg, 2), DP_OK);
	if (dp_store_open(&store, rt, "file:/lake", NULL) == DP_OK) {
		write_both_versions(reg, store, rt, is_lake);
		dp_store_close(store);
	}
	dp_registry_close(reg);
	dp_runtime_free(rt);
	dp_runtime_free(reg_rt);
	sim_disk_free(other);
}

static size_t visible_files(const dpi_os *os)
{
	const char *const *names = NULL;
	size_t count = 0;
	dpi_arena arena;
	char folder[64] = "/lake/shop";
	size_t files = 0;

	dpi_arena_init(&arena, &heap.alloc, SIZE_MAX);
	for (int depth = 0; depth < 3; depth++) {
		dp_status st = dpi_files_list(
			os, folder, &arena, &names, &count, NULL);

		if (st != DP_OK || count == 0) {
			break;
		}
		if (strstr(names[0], ".avro") != NULL) {
			files = count;
			break;
		}
		(void)strcat(strcat(folder, "/"), names[0]);
	}
	dpi_arena_fini(&arena);
	return files;
}

/* One event a file: the first says that it is of version 1, the second of 2. */
static size_t check(const dpi_os *os)
{
	size_t files = visible_files(os);
	dp_runtime *rt = new_runtime(os);
	dp_registry *reg = NULL;

	if (files > 0) {
		assert_int_equal(
			dp_registry_open(&reg, rt, "lake:/lake", NULL, NULL),
			DP_OK);
	}
	for (uint32_t version = 1; version <= files && version <= 2;
		version++) {
		dp_schema *schema = NULL;

		assert_int_equal(dp_registry_get(reg, &schema, "shop.Paid",
					 version, NULL),
			DP_OK);
		assert_int_equal(dpi_schema_root(schema)->field_count, version);
		dp_schema_unref(schema);
	}
	dp_registry_close(reg);
	dp_runtime_free(rt);
	return files;
}

static void a_visible_file_has_its_schemas_after_a_power_cut(bool is_lake)
{
	struct sim_disk *disk = sim_disk_new(1);
	size_t seen[3] = {0, 0, 0};
	long changes;

	test_heap_init(&heap);
	story(sim_disk_start(disk), is_lake);
	changes = sim_disk_changes(disk);
	assert_int_equal(check(sim_disk_start(disk)), 2);
	sim_disk_free(disk);
	for (long k = 0; k < changes; k++) {
		for (uint64_t seed = 0; seed < SEEDS; seed++) {
			disk = sim_disk_new(seed);
			sim_disk_crash_at(disk, k);
			story(sim_disk_start(disk), is_lake);
			sim_disk_reboot(disk, seed);
			seen[check(sim_disk_start(disk))]++;
			story(sim_disk_start(disk), is_lake);
			assert_true(check(sim_disk_start(disk)) >= 2);
			sim_disk_free(disk);
			disk = NULL;
		}
	}
	assert_true(seen[0] > 0 && seen[1] > 0);
	assert_int_equal(heap.live_bytes, 0);
}

static void a_file_of_the_lake_has_its_schemas_after_a_power_cut(void **state)
{
	(void)state;
	a_visible_file_has_its_schemas_after_a_power_cut(true);
}

static void a_file_of_columns_has_its_schema_after_a_power_cut(void **state)
{
	(void)state;
	a_visible_file_has_its_schemas_after_a_power_cut(false);
}

struct lake {
	struct sim_disk *disk;
	const dpi_os *os;
	dp_runtime *rt;
	dp_registry *reg;
	dp_store *store;
	dp_sink *sink;
};

static struct lake lake;

static int open_lake(void **state)
{
	test_heap_init(&heap);
	lake.disk = sim_disk_new(1);
	lake.os = sim_disk_start(lake.disk);
	lake.rt = new_runtime(lake.os);
	assert_int_equal(
		dp_registry_open(&lake.reg, lake.rt, "file:/reg", NULL, NULL),
		DP_OK);
	assert_int_equal(
		dp_store_open(&lake.store, lake.rt, "file:/lake", NULL), DP_OK);
	assert_int_equal(
		new_sink(&lake.sink, lake.rt, lake.store, lake.reg, true),
		DP_OK);
	assert_int_equal(dpi_sink_open(lake.sink, "job", NULL), DP_OK);
	*state = &lake;
	return 0;
}

static int close_lake(void **state)
{
	(void)state;
	dp_sink_free(lake.sink);
	dp_store_close(lake.store);
	dp_registry_close(lake.reg);
	dp_runtime_free(lake.rt);
	sim_disk_free(lake.disk);
	assert_int_equal(heap.live_bytes, 0);
	return 0;
}

static dp_status open_carried(dp_registry **ret, dp_error **err)
{
	return dp_registry_open(ret, lake.rt, "lake:/lake", NULL, err);
}

static void a_lake_takes_what_nobody_knows_and_carries_it_once_known(
	void **state)
{
	dp_registry *carried = NULL;
	dp_schema *schema = NULL;
	dp_error *err = NULL;

	(void)state;
	assert_int_equal(write_event(lake.sink, "shop.Paid", NULL, 0), DP_OK);
	assert_int_equal(
		write_event(lake.sink, "shop.Paid", "dp:00", 1), DP_OK);
	assert_int_equal(write_event(lake.sink, NULL, NULL, 2), DP_OK);
	assert_int_equal(open_carried(&carried, &err), DP_ENOTFOUND);
	assert_non_null(strstr(dp_error_message(err), "_schemas"));
	dp_error_free(err);
	assert_int_equal(add(lake.reg, 3), DP_OK);
	assert_int_equal(write_event(lake.sink, "shop.Paid", NULL, 3), DP_OK);
	assert_int_equal(open_carried(&carried, NULL), DP_OK);
	assert_int_equal(
		dp_registry_get(carried, &schema, "shop.Paid", 0, NULL), DP_OK);
	assert_int_equal(dpi_schema_root(schema)->field_count, 3);
	dp_schema_unref(schema);
	dp_registry_close(carried);
}

static void a_registry_of_a_lake_is_only_read(void **state)
{
	dp_registry *carried = NULL;

	(void)state;
	assert_int_equal(add(lake.reg, 1), DP_OK);
	assert_int_equal(write_event(lake.sink, "shop.Paid", NULL, 0), DP_OK);
	assert_int_equal(open_carried(&carried, NULL), DP_OK);
	assert_int_equal(add(carried, 2), DP_EDENIED);
	dp_registry_close(carried);
}

static void change_file(const char *path)
{
	int fd = lake.os->open(lake.os->self, path, 0);
	uint8_t byte = 0xff;

	assert_true(fd >= 0);
	assert_int_equal(dpi_os_write_all(lake.os, fd, &byte, 1, 20), 0);
	assert_int_equal(lake.os->close(lake.os->self, fd), 0);
}

static void a_damaged_set_is_told_and_mended_by_the_next_job(void **state)
{
	dp_registry *carried = NULL;
	dp_schema *schema = NULL;
	char dataschema[48];
	char path[256];

	(void)state;
	assert_int_equal(add(lake.reg, 1), DP_OK);
	assert_int_equal(write_event(lake.sink, "shop.Paid", NULL, 0), DP_OK);
	dataschema_of(lake.reg, 1, dataschema);
	(void)snprintf(path, sizeof(path), "/lake/_schemas/shop.Paid/%s.binpb",
		dataschema + 3);
	change_file(path);
	assert_int_equal(open_carried(&carried, NULL), DP_OK);
	assert_int_not_equal(
		dp_registry_get(carried, &schema, "shop.Paid", 0, NULL), DP_OK);
	dp_registry_close(carried);

	dp_sink_free(lake.sink);
	assert_int_equal(
		new_sink(&lake.sink, lake.rt, lake.store, lake.reg, true),
		DP_OK);
	assert_int_equal(dpi_sink_open(lake.sink, "job", NULL), DP_OK);
	assert_int_equal(write_event(lake.sink, "shop.Paid", NULL, 1), DP_OK);
	assert_int_equal(open_carried(&carried, NULL), DP_OK);
	assert_int_equal(
		dp_registry_get(carried, &schema, "shop.Paid", 0, NULL), DP_OK);
	dp_schema_unref(schema);
	dp_registry_close(carried);
}

static void an_allocation_that_fails_loses_no_schema(void **state)
{
	dp_status st = DP_ENOMEM;
	dp_registry *carried = NULL;

	(void)state;
	assert_int_equal(add(lake.reg, 1), DP_OK);
	for (long k = 0; st != DP_OK; k++) {
		heap.fail_at = heap.made + k;
		st = write_event(lake.sink, "shop.Paid", NULL, 0);
		heap.fail_at = -1;
		if (st != DP_OK) {
			assert_true(dpi_sink_reset(lake.sink));
			assert_int_equal(
				dpi_sink_open(lake.sink, "job", NULL), DP_OK);
		}
	}
	assert_int_equal(open_carried(&carried, NULL), DP_OK);
	dp_registry_close(carried);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_lake, close_lake)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_file_of_the_lake_has_its_schemas_after_a_power_cut),
		cmocka_unit_test(
			a_file_of_columns_has_its_schema_after_a_power_cut),
		TEST(a_lake_takes_what_nobody_knows_and_carries_it_once_known),
		TEST(a_registry_of_a_lake_is_only_read),
		TEST(a_damaged_set_is_told_and_mended_by_the_next_job),
		TEST(an_allocation_that_fails_loses_no_schema),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
