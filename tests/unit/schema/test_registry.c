/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <datapipe/compat.h>
#include <datapipe/registry.h>

#include "faulty_os.h"
#include "io/runtime.h"
#include "schema/descriptor.h"
#include "set_builder.h"
#include "test_dir.h"
#include "test_heap.h"
#include "virtual_clock.h"

#define SECOND 1000000000

struct fixture {
	char *dir; /* test_dir's state */
	char address[512];
	struct test_heap heap;
	struct virtual_clock clock;
	struct faulty_os faulty;
	dp_runtime *rt;
	dp_registry *reg;
	struct set_builder set;
	dp_error *err;
};

static struct fixture fixture;

static void open_runtime(struct fixture *f)
{
	dp_runtime_options opts = DP_RUNTIME_OPTIONS_INIT;

	opts.allocator = &f->heap.alloc;
	assert_int_equal(
		dpi_runtime_new(&f->rt, &opts, &f->faulty.os, NULL), DP_OK);
}

static int set_up(void **state)
{
	struct fixture *f = &fixture;

	memset(f, 0, sizeof(*f));
	assert_int_equal(test_dir_setup((void **)&f->dir), 0);
	(void)snprintf(f->address, sizeof(f->address), "file:%s/reg", f->dir);
	test_heap_init(&f->heap);
	virtual_clock_init(&f->clock, dpi_os_real());
	faulty_os_init(&f->faulty, &f->clock.os);
	open_runtime(f);
	set_builder_init(&f->set, &f->heap.alloc);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	set_builder_fini(&f->set);
	dp_error_free(f->err);
	dp_registry_close(f->reg);
	dp_runtime_free(f->rt);
	virtual_clock_fini(&f->clock);
	assert_int_equal(f->heap.live_bytes, 0);
	return test_dir_teardown((void **)&f->dir);
}

static void ok(struct fixture *f, dp_status st)
{
	if (st != DP_OK) {
		fail_msg(
			"%s: %s", dp_status_name(st), dp_error_message(f->err));
	}
}

static void failed(
	struct fixture *f, dp_status st, dp_status expected, const char *words)
{
	assert_int_equal(st, expected);
	if (strstr(dp_error_message(f->err), words) == NULL) {
		fail_msg("\"%s\" is not in: %s", words,
			dp_error_message(f->err));
	}
	dp_error_free(f->err);
	f->err = NULL;
}

static dp_registry *open_registry(struct fixture *f)
{
	dp_registry *reg = NULL;

	ok(f, dp_registry_open(&reg, f->rt, f->address, NULL, &f->err));
	return reg;
}

/* shop.Paid with that many fields, of which one is a shop.Money. */
static void build(struct set_builder *b, const char *file, unsigned fields)
{
	dpi_buf_clear(&b->buf);
	begin_file(b, file, "shop", "proto3");
	begin_message(b, "Paid");
	for (unsigned i = 1; i < fields; i++) {
		char name[24];

		(void)snprintf(name, sizeof(name), "field_%u", i);
		field(b, name, i, OPTIONAL, DPI_TYPE_INT64, NULL);
	}
	field(b, "money", fields, OPTIONAL, DPI_TYPE_MESSAGE, ".shop.Money");
	end(b);
	begin_message(b, "Money");
	field(b, "units", 1, OPTIONAL, DPI_TYPE_INT64, NULL);
	end(b);
	end(b);
}

static dp_status add(struct fixture *f, dp_registry *reg, unsigned fields)
{
	build(&f->set, "shop.proto", fields);
	return dp_registry_add(
		reg, f->set.buf.data, f->set.buf.size, NULL, &f->err);
}

static void has_fields(struct fixture *f, dp_registry *reg, uint32_t version,
	uint32_t expected_version, size_t fields)
{
	dp_schema *schema = NULL;

	ok(f, dp_registry_get(reg, &schema, "shop.Paid", version, &f->err));
	assert_string_equal(dp_schema_type(schema), "shop.Paid");
	assert_int_equal(dp_schema_version(schema), expected_version);
	assert_int_equal(dpi_schema_root(schema)->field_count, fields);
	dp_schema_unref(schema);
}

static void a_type_that_differs_gets_its_next_version(void **state)
{
	struct fixture *f = *state;

	f->reg = open_registry(f);
	ok(f, add(f, f->reg, 2));
	ok(f, add(f, f->reg, 3));
	has_fields(f, f->reg, 1, 1, 2);
	has_fields(f, f->reg, 2, 2, 3);
	has_fields(f, f->reg, 0, 2, 3);
}

static void contents_that_are_known_change_nothing(void **state)
{
	struct fixture *f = *state;

	f->reg = open_registry(f);
	ok(f, add(f, f->reg, 2));
	ok(f, add(f, f->reg, 3));
	ok(f, add(f, f->reg, 2));
	has_fields(f, f->reg, 0, 2, 3);
}

static void a_type_is_new_only_if_what_it_needs_is(void **state)
{
	struct fixture *f = *state;
	dp_schema *schema = NULL;

	f->reg = open_registry(f);
	ok(f, add(f, f->reg, 2));
	ok(f, add(f, f->reg, 3));
	ok(f, dp_registry_get(f->reg, &schema, "shop.Money", 0, &f->err));
	assert_int_equal(dp_schema_version(schema), 1);
	dp_schema_unref(schema);
}

static void only_the_named_types_are_added(void **state)
{
	struct fixture *f = *state;
	const char *const types[] = {"shop.Money", "shop.Money"};
	const char *const none[] = {"shop.Gone"};
	dp_registry_add_options opts = DP_REGISTRY_ADD_OPTIONS_INIT;
	dp_schema *schema = NULL;

	f->reg = open_registry(f);
	build(&f->set, "shop.proto", 2);
	opts.types = none;
	opts.type_count = 1;
	failed(f,
		dp_registry_add(f->reg, f->set.buf.data, f->set.buf.size, &opts,
			&f->err),
		DP_ENOTFOUND, "shop.Gone");
	opts.types = types;
	opts.type_count = 2;
	ok(f,
		dp_registry_add(f->reg, f->set.buf.data, f->set.buf.size, &opts,
			&f->err));
	failed(f, dp_registry_get(f->reg, &schema, "shop.Paid", 0, &f->err),
		DP_ENOTFOUND, "shop.Paid");
	ok(f, dp_registry_get(f->reg, &schema, "shop.Money", 0, &f->err));
	assert_int_equal(dp_schema_version(schema), 1);
	dp_schema_unref(schema);
}

static void a_bad_set_adds_nothing(void **state)
{
	struct fixture *f = *state;
	dp_schema *schema = NULL;

	f->reg = open_registry(f);
	build(&f->set, "shop.proto", 2);
	begin_file(&f->set, "bad.proto", "bad", "proto3");
	import(&f->set, "gone.proto");
	end(&f->set);
	failed(f,
		dp_registry_add(f->reg, f->set.buf.data, f->set.buf.size, NULL,
			&f->err),
		DP_ESCHEMA, "gone.proto");
	failed(f, dp_registry_get(f->reg, &schema, "shop.Paid", 0, &f->err),
		DP_ENOTFOUND, "shop.Paid");
}

static void a_fingerprint_finds_its_version(void **state)
{
	struct fixture *f = *state;
	dp_schema *schema = NULL;
	dp_schema *found = NULL;

	f->reg = open_registry(f);
	ok(f, add(f, f->reg, 2));
	ok(f, add(f, f->reg, 3));
	ok(f, dp_registry_get(f->reg, &schema, "shop.Paid", 1, &f->err));
	ok(f,
		dp_registry_find(f->reg, &found, "shop.Paid",
			dp_schema_fingerprint(schema), &f->err));
	assert_ptr_equal(schema, found);
	dp_schema_unref(found);
	failed(f,
		dp_registry_find(f->reg, &found, "shop.Money",
			dp_schema_fingerprint(schema), &f->err),
		DP_ENOTFOUND, "shop.Money");
	dp_schema_unref(schema);
}

static void the_fingerprint_is_the_same_wherever_the_set_is_added(void **state)
{
	struct fixture *f = *state;
	dp_schema *here = NULL;
	dp_schema *there = NULL;

	f->reg = open_registry(f);
	ok(f, add(f, f->reg, 2));
	ok(f, dp_registry_get(f->reg, &here, "shop.Paid", 0, &f->err));
	build(&f->set, "elsewhere/shop.proto", 2);
	ok(f,
		dpi_schema_new(&there, &f->heap.alloc, f->set.buf.data,
			f->set.buf.size, "shop.Paid", &f->err));
	assert_string_equal(
		dp_schema_fingerprint(here), dp_schema_fingerprint(there));
	dp_schema_unref(there);
	ok(f,
		dpi_schema_new(&there, &f->heap.alloc,
			dp_schema_descriptor_set(here).data,
			dp_schema_descriptor_set(here).size, "shop.Paid",
			&f->err));
	assert_string_equal(
		dp_schema_fingerprint(here), dp_schema_fingerprint(there));
	dp_schema_unref(there);
	dp_schema_unref(here);
}

static void a_schema_stays_valid_after_close(void **state)
{
	struct fixture *f = *state;
	dp_schema *schema = NULL;

	f->reg = open_registry(f);
	ok(f, add(f, f->reg, 2));
	ok(f, dp_registry_get(f->reg, &schema, "shop.Paid", 0, &f->err));
	dp_registry_close(f->reg);
	f->reg = NULL;
	assert_string_equal(dp_schema_type(schema), "shop.Paid");
	assert_int_equal(dpi_schema_root(schema)->field_count, 2);
	dp_schema_unref(dp_schema_ref(schema));
	dp_schema_unref(schema);
}

static void what_was_added_is_there_after_reopening(void **state)
{
	struct fixture *f = *state;

	f->reg = open_registry(f);
	ok(f, add(f, f->reg, 2));
	ok(f, add(f, f->reg, 3));
	dp_registry_close(f->reg);
	f->reg = open_registry(f);
	has_fields(f, f->reg, 1, 1, 2);
	has_fields(f, f->reg, 0, 2, 3);
}

static void another_registry_sees_what_is_newer_once_its_look_up_is_stale(
	void **state)
{
	struct fixture *f = *state;
	dp_registry *other;

	f->reg = open_registry(f);
	other = open_registry(f);
	ok(f, add(f, f->reg, 2));
	has_fields(f, other, 0, 1, 2);
	ok(f, add(f, f->reg, 3));
	has_fields(f, other, 0, 1, 2);
	virtual_clock_advance(&f->clock, SECOND);
	has_fields(f, other, 0, 2, 3);
	dp_registry_close(other);
}

static void what_another_registry_added_is_not_missing(void **state)
{
	struct fixture *f = *state;
	dp_registry *other;

	f->reg = open_registry(f);
	other = open_registry(f);
	ok(f, add(f, f->reg, 2));
	has_fields(f, other, 0, 1, 2);
	ok(f, add(f, f->reg, 3));
	has_fields(f, other, 2, 2, 3);
	dp_registry_close(other);
}

static void a_look_up_that_is_not_stale_asks_nothing_of_the_system(void **state)
{
	struct fixture *f = *state;
	long calls;

	f->reg = open_registry(f);
	ok(f, add(f, f->reg, 2));
	has_fields(f, f->reg, 0, 1, 2);
	calls = faulty_os_count(&f->faulty, FAULTY_ANY);
	has_fields(f, f->reg, 0, 1, 2);
	assert_int_equal(faulty_os_count(&f->faulty, FAULTY_ANY), calls);
}

/* Child number n adds sets of n * 10 … n * 10 + 9 fields. */
static void add_in_child(const char *address, unsigned n)
{
	dp_runtime *rt = NULL;
	dp_registry *reg = NULL;
	struct test_heap heap;
	struct set_builder set;
	int failures = 0;

	test_heap_init(&heap);
	set_builder_init(&set, &heap.alloc);
	failures += dp_runtime_new(&rt, NULL, NULL) != DP_OK;
	failures += dp_registry_open(&reg, rt, address, NULL, NULL) != DP_OK;
	for (unsigned i = 0; failures == 0 && i < 10; i++) {
		build(&set, "shop.proto", n * 10 + i);
		failures += dp_registry_add(reg, set.buf.data, set.buf.size,
				    NULL, NULL) != DP_OK;
	}
	_exit(failures);
}

static void processes_that_add_at_once_lose_nothing(void **state)
{
	struct fixture *f = *state;
	pid_t children[4];
	bool seen[60] = {false};

	for (unsigned i = 0; i < 4; i++) {
		children[i] = fork();
		assert_true(children[i] >= 0);
		if (children[i] == 0) {
			add_in_child(f->address, i + 1);
		}
	}
	for (unsigned i = 0; i < 4; i++) {
		int status = -1;

		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_int_equal(status, 0);
	}
	f->reg = open_registry(f);
	for (uint32_t version = 1; version <= 40; version++) {
		dp_schema *schema = NULL;
		size_t fields;

		ok(f,
			dp_registry_get(f->reg, &schema, "shop.Paid", version,
				&f->err));
		fields = dpi_schema_root(schema)->field_count;
		assert_in_range(fields, 10, 49);
		assert_false(seen[fields]);
		seen[fields] = true;
		dp_schema_unref(schema);
	}
}

/* All of the second set, or nothing of it; and the first as it was. */
static bool is_whole(struct fixture *f, const char *address)
{
	dp_schema *paid = NULL;
	dp_schema *extra = NULL;
	dp_registry *reg = NULL;
	bool has_paid;
	bool has_extra;

	ok(f, dp_registry_open(&reg, f->rt, address, NULL, &f->err));
	has_fields(f, reg, 1, 1, 2);
	has_paid = dp_registry_get(reg, &paid, "shop.Paid", 2, NULL) == DP_OK;
	has_extra =
		dp_registry_get(reg, &extra, "extra.Extra", 1, NULL) == DP_OK;
	assert_int_equal(has_paid, has_extra);
	dp_schema_unref(paid);
	dp_schema_unref(extra);
	dp_registry_close(reg);
	return has_paid;
}

static dp_status add_second(struct fixture *f, dp_registry *reg)
{
	build(&f->set, "shop.proto", 5);
	begin_file(&f->set, "extra.proto", "extra", "proto3");
	begin_message(&f->set, "Extra");
	end(&f->set);
	end(&f->set);
	return dp_registry_add(
		reg, f->set.buf.data, f->set.buf.size, NULL, &f->err);
}

static void forget(struct fixture *f)
{
	dp_error_free(f->err);
	f->err = NULL;
}

static void an_add_that_fails_at_any_call_is_there_whole_or_not_at_all(
	void **state)
{
	struct fixture *f = *state;
	bool is_for_ever = false;
	long k = 0;

	do {
		dp_status st = DP_OK;
		bool has_failed;

		do {
			(void)snprintf(f->address, sizeof(f->address),
				"file:%s/%ld-%d", f->dir, k, is_for_ever);
			f->reg = open_registry(f);
			ok(f, add(f, f->reg, 2));
			faulty_os_fail(
				&f->faulty, FAULTY_ANY, k, EIO, is_for_ever);
			st = add_second(f, f->reg);
			has_failed = faulty_os_failed(&f->faulty) > 0;
			forget(f);
			dp_registry_close(f->reg);
			faulty_os_heal(&f->faulty);
			f->reg = NULL;

			assert_true(is_whole(f, f->address) || st != DP_OK);
			f->reg = open_registry(f);
			ok(f, add_second(f, f->reg));
			dp_registry_close(f->reg);
			f->reg = NULL;
			assert_true(is_whole(f, f->address));
			faulty_os_init(&f->faulty, &f->clock.os);
			k++;
		} while (has_failed);
		assert_int_equal(st, DP_OK);
		assert_true(k > 10);
		k = 0;
		is_for_ever = !is_for_ever;
	} while (is_for_ever);
}

static size_t count_schema_files(const struct fixture *f)
{
	char command[600];
	unsigned count = 0;
	FILE *pipe;

	(void)snprintf(
		command, sizeof(command), "ls %s/reg/schemas | wc -l", f->dir);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	assert_int_equal(fscanf(pipe, "%u", &count), 1);
	assert_int_equal(pclose(pipe), 0);
	return count;
}

static void what_a_failed_add_left_is_used_by_the_next(void **state)
{
	struct fixture *f = *state;

	f->reg = open_registry(f);
	ok(f, add(f, f->reg, 2));
	assert_int_equal(count_schema_files(f), 2);
	faulty_os_fail(&f->faulty, FAULTY_RENAME, 2, EIO, false);
	failed(f, add_second(f, f->reg), DP_EIO, "");
	assert_int_equal(count_schema_files(f), 4);
	ok(f, add_second(f, f->reg));
	assert_int_equal(count_schema_files(f), 4);
	has_fields(f, f->reg, 0, 2, 5);
}

static void types_that_all_need_each_other_are_bounded_before_any_is_written(
	void **state)
{
	struct fixture *f = *state;
	long writes;

	f->reg = open_registry(f);
	begin_file(&f->set, "a.proto", "a", "proto3");
	for (unsigned i = 0; i < 1300; i++) {
		char name[16];
		char next[24];

		(void)snprintf(name, sizeof(name), "M%u", i);
		(void)snprintf(next, sizeof(next), ".a.M%u", (i + 1) % 1300);
		begin_message(&f->set, name);
		field(&f->set, "next", 1, OPTIONAL, DPI_TYPE_MESSAGE, next);
		end(&f->set);
	}
	end(&f->set);
	writes = faulty_os_count(&f->faulty, FAULTY_PWRITEV);
	failed(f,
		dp_registry_add(f->reg, f->set.buf.data, f->set.buf.size, NULL,
			&f->err),
		DP_ETOOBIG, "name the types to add");
	assert_int_equal(faulty_os_count(&f->faulty, FAULTY_PWRITEV), writes);
}

static void a_full_disk_is_said_and_harms_nothing(void **state)
{
	struct fixture *f = *state;

	f->reg = open_registry(f);
	ok(f, add(f, f->reg, 2));
	faulty_os_set_room(&f->faulty, 50);
	failed(f, add_second(f, f->reg), DP_ENOSPC, "/schemas/");
	faulty_os_heal(&f->faulty);
	faulty_os_set_room(&f->faulty, -1);
	has_fields(f, f->reg, 0, 1, 2);
	ok(f, add_second(f, f->reg));
	has_fields(f, f->reg, 0, 2, 5);
}

/* Changes one byte of a file below the registry. */
static void damage(const struct fixture *f, const char *name, long at)
{
	char path[600];
	FILE *file;
	int byte;

	(void)snprintf(path, sizeof(path), "%s/reg/%s", f->dir, name);
	file = fopen(path, "r+b");
	assert_non_null(file);
	assert_int_equal(fseek(file, at, at < 0 ? SEEK_END : SEEK_SET), 0);
	byte = fgetc(file);
	assert_int_equal(fseek(file, -1, SEEK_CUR), 0);
	assert_int_equal(fputc(byte ^ 1, file), byte ^ 1);
	assert_int_equal(fclose(file), 0);
}

#define FIRST "generations/00000000000000000001"

static void a_damaged_index_is_named(void **state)
{
	struct fixture *f = *state;

	for (long at = 0; at < 16; at += 5) {
		dp_registry *reg = NULL;

		f->reg = open_registry(f);
		ok(f, add(f, f->reg, 2));
		dp_registry_close(f->reg);
		f->reg = NULL;
		damage(f, FIRST, at);
		failed(f,
			dp_registry_open(
				&reg, f->rt, f->address, NULL, &f->err),
			DP_ECORRUPT, "/reg/" FIRST);
		damage(f, FIRST, at);
	}
}

static void a_damaged_schema_is_named(void **state)
{
	struct fixture *f = *state;
	char name[64];
	dp_schema *schema = NULL;

	f->reg = open_registry(f);
	ok(f, add(f, f->reg, 2));
	ok(f, dp_registry_get(f->reg, &schema, "shop.Paid", 0, &f->err));
	(void)snprintf(name, sizeof(name), "schemas/%s.pb",
		dp_schema_fingerprint(schema));
	dp_schema_unref(schema);
	dp_registry_close(f->reg);

	damage(f, name, 10);
	f->reg = open_registry(f);
	failed(f, dp_registry_get(f->reg, &schema, "shop.Paid", 0, &f->err),
		DP_ECORRUPT, name);
	ok(f, dp_registry_get(f->reg, &schema, "shop.Money", 0, &f->err));
	dp_schema_unref(schema);
}

static void an_add_waits_for_another_process_and_gives_up_in_the_end(
	void **state)
{
	struct fixture *f = *state;
	const dpi_os *os = dpi_os_real();
	char path[600];
	int fd;

	f->reg = open_registry(f);
	ok(f, add(f, f->reg, 2));
	(void)snprintf(path, sizeof(path), "%s/reg/lock", f->dir);
	fd = os->open(os->self, path, 0);
	assert_true(fd >= 0);
	assert_int_equal(os->lock(os->self, fd, 0, DPI_LOCK_EXCLUSIVE), 0);
	virtual_clock_set_auto(&f->clock, 1);
	failed(f, add(f, f->reg, 3), DP_ELOCKED, "/reg/lock");
	assert_int_equal(os->close(os->self, fd), 0);
	ok(f, add(f, f->reg, 3));
}

static dp_status whole_story(struct fixture *f)
{
	dp_registry *reg = NULL;
	dp_schema *schema = NULL;
	dp_status st;

	st = dp_registry_open(&reg, f->rt, f->address, NULL, &f->err);
	if (st == DP_OK) {
		st = dp_registry_add(
			reg, f->set.buf.data, f->set.buf.size, NULL, &f->err);
	}
	if (st == DP_OK) {
		st = dp_registry_get(reg, &schema, "shop.Paid", 0, &f->err);
	}
	dp_schema_unref(schema);
	dp_registry_close(reg);
	return st;
}

static void no_allocation_that_fails_leaks_or_leaves_half_an_add(void **state)
{
	struct fixture *f = *state;
	size_t live;

	build(&f->set, "shop.proto", 3);
	live = f->heap.live_bytes;
	for (int for_ever = 0; for_ever < 2; for_ever++) {
		dp_status st = DP_ENOMEM;

		for (long k = 0; st != DP_OK; k++) {
			dp_schema *paid = NULL;
			dp_schema *money = NULL;

			(void)snprintf(f->address, sizeof(f->address),
				"file:%s/%ld-%d", f->dir, k, for_ever);
			f->heap.for_ever = for_ever != 0;
			f->heap.fail_at = f->heap.made + k;
			st = whole_story(f);
			f->heap.fail_at = -1;
			assert_true(st == DP_OK || st == DP_ENOMEM);
			assert_int_equal(dp_error_code(f->err), st);
			forget(f);
			assert_int_equal(f->heap.live_bytes, live);

			f->reg = open_registry(f);
			assert_int_equal(dp_registry_get(f->reg, &paid,
						 "shop.Paid", 0, NULL),
				dp_registry_get(
					f->reg, &money, "shop.Money", 0, NULL));
			dp_schema_unref(paid);
			dp_schema_unref(money);
			dp_registry_close(f->reg);
			f->reg = NULL;
		}
	}
}

static void wrong_arguments_of_a_registry_are_refused(void **state)
{
	struct fixture *f = *state;
	dp_registry_options opts = DP_REGISTRY_OPTIONS_INIT;
	dp_schema *schema = NULL;

	failed(f, dp_registry_open(&f->reg, f->rt, "http://x", NULL, &f->err),
		DP_EINVAL, "file:DIRECTORY");
	failed(f, dp_registry_open(&f->reg, f->rt, "file:", NULL, &f->err),
		DP_EINVAL, "file:DIRECTORY");
	opts.struct_size = 0;
	failed(f, dp_registry_open(&f->reg, f->rt, f->address, &opts, &f->err),
		DP_EABI, "DP_REGISTRY_OPTIONS_INIT");
	f->reg = open_registry(f);
	failed(f, dp_registry_get(f->reg, &schema, NULL, 0, &f->err), DP_EINVAL,
		"type");
	failed(f, dp_registry_find(f->reg, &schema, "a", NULL, &f->err),
		DP_EINVAL, "fingerprint");
	failed(f, dp_registry_add(f->reg, NULL, 0, NULL, &f->err), DP_ESCHEMA,
		"not a FileDescriptorSet");
}

static void a_child_after_fork_is_refused(void **state)
{
	struct fixture *f = *state;
	dp_schema *schema = NULL;
	int status = -1;
	pid_t child;

	f->reg = open_registry(f);
	ok(f, add(f, f->reg, 2));
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		_exit(dp_registry_get(f->reg, &schema, "shop.Paid", 0, NULL) !=
			DP_EFORKED);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* shop.Note with a field of a type, or with another one only. */
static dp_status add_note(struct fixture *f, dp_registry *reg, int type)
{
	struct set_builder *b = &f->set;

	dpi_buf_clear(&b->buf);
	begin_file(b, "note.proto", "shop", "proto3");
	begin_message(b, "Note");
	if (type != 0) {
		field(b, "text", 1, OPTIONAL, type, NULL);
	}
	field(b, "other", 2, OPTIONAL, DPI_TYPE_INT64, NULL);
	end(b);
	end(b);
	return dp_registry_add(reg, b->buf.data, b->buf.size, NULL, &f->err);
}

static uint32_t newest(struct fixture *f, const char *type)
{
	dp_schema *schema = NULL;
	uint32_t version;

	ok(f, dp_registry_get(f->reg, &schema, type, 0, &f->err));
	version = dp_schema_version(schema);
	dp_schema_unref(schema);
	return version;
}

static void a_mode_refuses_what_breaks_with_reasons(void **state)
{
	struct fixture *f = *state;
	dp_compat_mode mode = 77;

	f->reg = open_registry(f);
	ok(f, add_note(f, f->reg, DPI_TYPE_INT64));
	ok(f, dp_registry_get_mode(f->reg, "shop.Note", &mode, &f->err));
	assert_int_equal(mode, DP_COMPAT_NONE);
	ok(f,
		dp_registry_set_mode(
			f->reg, "shop.Note", DP_COMPAT_BACKWARD, &f->err));
	failed(f, add_note(f, f->reg, DPI_TYPE_INT32), DP_ESCHEMA,
		"shop.Note may not follow its version 1 (BACKWARD): "
		"FIELD_TYPE shop.Note.text (int64, then int32)");
	assert_int_equal(newest(f, "shop.Note"), 1);
	ok(f,
		dp_registry_set_mode(
			f->reg, "shop.Note", DP_COMPAT_FORWARD, &f->err));
	ok(f, add_note(f, f->reg, DPI_TYPE_INT32));
	failed(f, add_note(f, f->reg, DPI_TYPE_STRING), DP_ESCHEMA,
		"version 2 (FORWARD)");
	ok(f,
		dp_registry_set_mode(
			f->reg, "shop.Note", DP_COMPAT_NONE, &f->err));
	ok(f, add_note(f, f->reg, DPI_TYPE_STRING));
	assert_int_equal(newest(f, "shop.Note"), 3);
}

static void a_transitive_mode_looks_at_all_versions(void **state)
{
	struct fixture *f = *state;

	f->reg = open_registry(f);
	ok(f, add_note(f, f->reg, DPI_TYPE_INT64));
	ok(f, add_note(f, f->reg, 0));
	ok(f,
		dp_registry_set_mode(f->reg, "shop.Note",
			DP_COMPAT_FULL | DP_COMPAT_TRANSITIVE, &f->err));
	failed(f, add_note(f, f->reg, DPI_TYPE_STRING), DP_ESCHEMA,
		"version 1 (FULL_TRANSITIVE)");
	ok(f,
		dp_registry_set_mode(
			f->reg, "shop.Note", DP_COMPAT_FULL, &f->err));
	ok(f, add_note(f, f->reg, DPI_TYPE_STRING));
	assert_int_equal(newest(f, "shop.Note"), 3);
}

static void a_mode_is_kept_by_all_that_share_the_registry(void **state)
{
	struct fixture *f = *state;
	dp_compat_mode mode = 0;
	dp_registry *other;

	f->reg = open_registry(f);
	other = open_registry(f);
	ok(f, add_note(f, f->reg, DPI_TYPE_INT64));
	ok(f, add(f, f->reg, 2));
	ok(f,
		dp_registry_set_mode(f->reg, "shop.Note",
			DP_COMPAT_FULL | DP_COMPAT_JSON, &f->err));
	failed(f, add_note(f, other, DPI_TYPE_SINT64), DP_ESCHEMA, "FULL+JSON");
	ok(f, add_note(f, other, 0));
	ok(f, add(f, other, 3));
	dp_registry_close(other);
	dp_registry_close(f->reg);
	f->reg = open_registry(f);
	ok(f, dp_registry_get_mode(f->reg, "shop.Note", &mode, &f->err));
	assert_int_equal(mode, DP_COMPAT_FULL | DP_COMPAT_JSON);
	ok(f, dp_registry_get_mode(f->reg, "shop.Paid", &mode, &f->err));
	assert_int_equal(mode, DP_COMPAT_NONE);
	assert_int_equal(newest(f, "shop.Note"), 2);
}

static void a_mode_needs_a_known_type_and_known_bits(void **state)
{
	struct fixture *f = *state;
	dp_compat_mode mode;

	f->reg = open_registry(f);
	failed(f, dp_registry_set_mode(f->reg, "shop.Note", 1, &f->err),
		DP_ENOTFOUND, "shop.Note");
	failed(f, dp_registry_get_mode(f->reg, "shop.Note", &mode, &f->err),
		DP_ENOTFOUND, "shop.Note");
	failed(f, dp_registry_set_mode(f->reg, "shop.Note", 16, &f->err),
		DP_EINVAL, "bits");
}

static void a_guarded_add_survives_failed_allocations(void **state)
{
	struct fixture *f = *state;
	dp_status st = DP_ENOMEM;
	long n = 0;

	f->reg = open_registry(f);
	ok(f, add_note(f, f->reg, DPI_TYPE_INT64));
	ok(f,
		dp_registry_set_mode(
			f->reg, "shop.Note", DP_COMPAT_FULL, &f->err));
	while (st == DP_ENOMEM) {
		build(&f->set, "x", 1);
		dp_error_free(f->err);
		f->err = NULL;
		f->heap.fail_at = f->heap.made + n++;
		st = add_note(f, f->reg, DPI_TYPE_STRING);
		f->heap.fail_at = -1;
		assert_int_equal(newest(f, "shop.Note"), 1);
	}
	failed(f, st, DP_ESCHEMA, "FIELD_TYPE");
	assert_in_range(n, 10, 1000);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_type_that_differs_gets_its_next_version),
		TEST(contents_that_are_known_change_nothing),
		TEST(a_type_is_new_only_if_what_it_needs_is),
		TEST(only_the_named_types_are_added),
		TEST(a_bad_set_adds_nothing),
		TEST(a_fingerprint_finds_its_version),
		TEST(the_fingerprint_is_the_same_wherever_the_set_is_added),
		TEST(a_schema_stays_valid_after_close),
		TEST(what_was_added_is_there_after_reopening),
		TEST(another_registry_sees_what_is_newer_once_its_look_up_is_stale),
		TEST(what_another_registry_added_is_not_missing),
		TEST(a_look_up_that_is_not_stale_asks_nothing_of_the_system),
		TEST(processes_that_add_at_once_lose_nothing),
		TEST(an_add_that_fails_at_any_call_is_there_whole_or_not_at_all),
		TEST(what_a_failed_add_left_is_used_by_the_next),
		TEST(types_that_all_need_each_other_are_bounded_before_any_is_written),
		TEST(a_full_disk_is_said_and_harms_nothing),
		TEST(a_damaged_index_is_named),
		TEST(a_damaged_schema_is_named),
		TEST(an_add_waits_for_another_process_and_gives_up_in_the_end),
		TEST(no_allocation_that_fails_leaks_or_leaves_half_an_add),
		TEST(wrong_arguments_of_a_registry_are_refused),
		TEST(a_child_after_fork_is_refused),
		TEST(a_mode_refuses_what_breaks_with_reasons),
		TEST(a_transitive_mode_looks_at_all_versions),
		TEST(a_mode_is_kept_by_all_that_share_the_registry),
		TEST(a_mode_needs_a_known_type_and_known_bits),
		TEST(a_guarded_add_survives_failed_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
