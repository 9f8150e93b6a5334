/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <datapipe/registry.h>

#include "io/runtime.h"
#include "schema/descriptor.h"
#include "set_builder.h"
#include "sim_os.h"
#include "test_heap.h"

/*
 * The power is cut, or the process killed, in each call that changes the disk
 * while sets are added one after the other. What was acknowledged is there
 * afterwards; what was not is there whole or not at all.
 */

#define ADDS 3
#define SEEDS 6

static struct test_heap heap;

static dp_runtime *new_runtime(const dpi_os *os)
{
	dp_runtime_options opts = DP_RUNTIME_OPTIONS_INIT;
	dp_runtime *rt = NULL;

	opts.allocator = &heap.alloc;
	assert_int_equal(dpi_runtime_new(&rt, &opts, os, NULL), DP_OK);
	return rt;
}

/* a.One and b.Two, each with `fields` fields. */
static dp_status add(dp_registry *reg, unsigned fields)
{
	static const char *const packages[] = {"a", "b"};
	struct set_builder b;
	dp_status st;

	set_builder_init(&b, &heap.alloc);
	for (int i = 0; i < 2; i++) {
		begin_file(&b, i == 0 ? "a.proto" : "b.proto", packages[i],
			"proto3");
		begin_message(&b, i == 0 ? "One" : "Two");
		for (unsigned n = 0; n < fields; n++) {
			char name[2] = {(char)('a' + n), '\0'};

			field(&b, name, n + 1, OPTIONAL, DPI_TYPE_INT32, NULL);
		}
		end(&b);
		end(&b);
	}
	st = dp_registry_add(reg, b.buf.data, b.buf.size, NULL, NULL);
	set_builder_fini(&b);
	return st;
}

/* How many adds were acknowledged. */
static unsigned add_until_it_fails(const dpi_os *os)
{
	dp_runtime *rt = new_runtime(os);
	dp_registry *reg = NULL;
	unsigned done = 0;

	if (dp_registry_open(&reg, rt, "file:/reg", NULL, NULL) == DP_OK) {
		while (done < ADDS && add(reg, done + 1) == DP_OK) {
			done++;
		}
	}
	dp_registry_close(reg);
	dp_runtime_free(rt);
	return done;
}

static uint32_t newest(dp_registry *reg, const char *type)
{
	dp_schema *schema = NULL;
	uint32_t version = 0;
	dp_status st = dp_registry_get(reg, &schema, type, 0, NULL);

	assert_true(st == DP_OK || st == DP_ENOTFOUND);
	if (st == DP_OK) {
		version = dp_schema_version(schema);
		assert_int_equal(dpi_schema_root(schema)->field_count, version);
	}
	dp_schema_unref(schema);
	return version;
}

static void check(const dpi_os *os, unsigned acknowledged)
{
	dp_runtime *rt = new_runtime(os);
	dp_registry *reg = NULL;

	assert_int_equal(
		dp_registry_open(&reg, rt, "file:/reg", NULL, NULL), DP_OK);
	assert_in_range(newest(reg, "a.One"), acknowledged, acknowledged + 1);
	assert_int_equal(newest(reg, "a.One"), newest(reg, "b.Two"));
	for (unsigned fields = 1; fields <= ADDS; fields++) {
		assert_int_equal(add(reg, fields), DP_OK);
	}
	assert_int_equal(newest(reg, "a.One"), ADDS);
	assert_int_equal(newest(reg, "b.Two"), ADDS);
	dp_registry_close(reg);
	dp_runtime_free(rt);
}

static long count_changes(void)
{
	struct sim_disk *disk = sim_disk_new(1);
	long changes;

	assert_int_equal(add_until_it_fails(sim_disk_start(disk)), ADDS);
	changes = sim_disk_changes(disk);
	sim_disk_free(disk);
	return changes;
}

static void what_was_acknowledged_survives_a_power_cut_at_any_call(void **state)
{
	long changes;

	(void)state;
	test_heap_init(&heap);
	changes = count_changes();
	assert_true(changes > 20);
	for (long k = 0; k < changes; k++) {
		for (uint64_t seed = 0; seed < SEEDS; seed++) {
			struct sim_disk *disk = sim_disk_new(seed);
			unsigned done;

			sim_disk_crash_at(disk, k);
			done = add_until_it_fails(sim_disk_start(disk));
			sim_disk_reboot(disk, seed);
			check(sim_disk_start(disk), done);
			sim_disk_free(disk);
		}
	}
	assert_int_equal(heap.live_bytes, 0);
}

static void what_was_acknowledged_survives_a_death_at_any_call(void **state)
{
	long changes;

	(void)state;
	test_heap_init(&heap);
	changes = count_changes();
	for (long k = 0; k < changes; k++) {
		struct sim_disk *disk = sim_disk_new(k > 0 ? (uint64_t)k : 1);
		const dpi_os *process = sim_disk_start(disk);
		unsigned done;

		sim_disk_kill_at(process, k);
		done = add_until_it_fails(process);
		check(sim_disk_start(disk), done);
		sim_disk_free(disk);
	}
	assert_int_equal(heap.live_bytes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			what_was_acknowledged_survives_a_power_cut_at_any_call),
		cmocka_unit_test(
			what_was_acknowledged_survives_a_death_at_any_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
