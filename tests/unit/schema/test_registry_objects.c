/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/error.h"
#include "schema/descriptor.h"
#include "schema/registry.h"
#include "set_builder.h"
#include "test_dir.h"

/*
 * Registries over a place that gives what an object store gives and no more:
 * conditional puts, gets that see every put, lists that do not. Each handle is
 * another machine's.
 */

#define OBJECTS_MAX 4096

struct bucket {
	pthread_mutex_t lock;
	struct {
		char *name;
		void *data;
		size_t size;
	} objects[OBJECTS_MAX];
	size_t count;
	size_t listed; /* how many of them a list shows */
	bool is_list_old;
	/* The put of the k-th object from now is done, and said to have
	 * failed, as when an answer gets lost. */
	long lose_answer_at;
	void (*before_put)(void *user, const char *name);
	void *user;
};

struct handle {
	dpi_objects base;
	struct bucket *bucket;
};

static struct bucket bucket;
static dp_runtime *rt;

static void handle_close(dpi_objects *objects)
{
	free(objects);
}

static size_t find_object(const char *name)
{
	size_t i = 0;

	while (i < bucket.count && strcmp(bucket.objects[i].name, name) != 0) {
		i++;
	}
	return i;
}

static dp_status handle_get(
	dpi_objects *objects, const char *name, dpi_buf *out, dp_error **err)
{
	dp_status st = DP_OK;
	size_t i;

	(void)objects;
	(void)pthread_mutex_lock(&bucket.lock);
	i = find_object(name);
	if (i == bucket.count) {
		st = dpi_error_set(err, DP_ENOTFOUND, "no %s", name);
	} else {
		st = dpi_buf_append(
			out, bucket.objects[i].data, bucket.objects[i].size);
	}
	(void)pthread_mutex_unlock(&bucket.lock);
	return st;
}

static dp_status put_locked(const char *name, dp_bytes data, dp_error **err)
{
	size_t i = find_object(name);

	if (i < bucket.count) {
		return dpi_error_set(err, DP_EEXIST, "412 of %s", name);
	}
	assert_true(bucket.count < OBJECTS_MAX);
	bucket.objects[i].name = strdup(name);
	bucket.objects[i].data = malloc(data.size + 1);
	memcpy(bucket.objects[i].data, data.data, data.size);
	bucket.objects[i].size = data.size;
	bucket.count++;
	if (bucket.lose_answer_at >= 0 && bucket.lose_answer_at-- == 0) {
		return dpi_error_set(err, DP_EREMOTE, "no answer for %s", name);
	}
	return DP_OK;
}

static dp_status handle_put(
	dpi_objects *objects, const char *name, dp_bytes data, dp_error **err)
{
	void (*before_put)(void *user, const char *name) = bucket.before_put;
	dp_status st;

	(void)objects;
	if (before_put != NULL) {
		bucket.before_put = NULL;
		before_put(bucket.user, name);
	}
	(void)pthread_mutex_lock(&bucket.lock);
	st = put_locked(name, data, err);
	(void)pthread_mutex_unlock(&bucket.lock);
	return st;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static dp_status handle_list(dpi_objects *objects, const char *folder,
	dpi_arena *arena, const char *const **ret_names, size_t *ret_count,
	dp_error **err)
{
	size_t size = strlen(folder);
	const char **names =
		dpi_arena_zalloc(arena, OBJECTS_MAX, sizeof(*names));
	size_t count = 0;

	(void)objects;
	(void)err;
	assert_non_null(names);
	(void)pthread_mutex_lock(&bucket.lock);
	if (!bucket.is_list_old) {
		bucket.listed = bucket.count;
	}
	for (size_t i = 0; i < bucket.listed; i++) {
		const char *name = bucket.objects[i].name;

		if (strncmp(name, folder, size) == 0 && name[size] == '/') {
			names[count++] = dpi_arena_dup(arena, name + size + 1,
				strlen(name + size + 1));
		}
	}
	(void)pthread_mutex_unlock(&bucket.lock);
	qsort(names, count, sizeof(*names), compare_names);
	*ret_names = names;
	*ret_count = count;
	return DP_OK;
}

static const dpi_objects_ops handle_ops = {
	.close = handle_close,
	.get = handle_get,
	.put = handle_put,
	.list = handle_list,
};

static dp_registry *open_machine(void)
{
	struct handle *handle = calloc(1, sizeof(*handle));
	dp_registry *reg = NULL;
	dp_error *err = NULL;

	handle->base = (dpi_objects){&handle_ops, "bucket"};
	if (dpi_registry_open_over(
		    &reg, rt, &handle->base, false, NULL, &err) != DP_OK) {
		fail_msg("%s", dp_error_message(err));
	}
	return reg;
}

static int set_up(void **state)
{
	memset(&bucket, 0, sizeof(bucket));
	bucket.lose_answer_at = -1;
	assert_int_equal(pthread_mutex_init(&bucket.lock, NULL), 0);
	assert_int_equal(dp_runtime_new(&rt, NULL, NULL), DP_OK);
	return test_dir_setup(state);
}

static int tear_down(void **state)
{
	for (size_t i = 0; i < bucket.count; i++) {
		free(bucket.objects[i].name);
		free(bucket.objects[i].data);
	}
	(void)pthread_mutex_destroy(&bucket.lock);
	dp_runtime_free(rt);
	return test_dir_teardown(state);
}

/* shop.TYPE with that many fields, in a file of that name. */
static dp_status add(dp_registry *reg, const char *file, const char *type,
	unsigned fields, dp_error **err)
{
	struct set_builder b;
	dp_status st;

	set_builder_init(&b, dpi_alloc_default());
	begin_file(&b, file, "shop", "proto3");
	begin_message(&b, type);
	for (unsigned i = 1; i <= fields; i++) {
		char name[24];

		(void)snprintf(name, sizeof(name), "field_%u", i);
		field(&b, name, i, OPTIONAL, DPI_TYPE_INT64, NULL);
	}
	end(&b);
	end(&b);
	st = dp_registry_add(reg, b.buf.data, b.buf.size, NULL, err);
	set_builder_fini(&b);
	return st;
}

static void added(
	dp_registry *reg, const char *file, const char *type, unsigned fields)
{
	dp_error *err = NULL;

	if (add(reg, file, type, fields, &err) != DP_OK) {
		fail_msg("%s", dp_error_message(err));
	}
}

/* Fields of a version, 0 if there is no such. */
static size_t fields_of(dp_registry *reg, const char *type, uint32_t version)
{
	dp_schema *schema = NULL;
	size_t count = 0;

	if (dp_registry_get(reg, &schema, type, version, NULL) == DP_OK) {
		count = dpi_schema_root(schema)->field_count;
	}
	dp_schema_unref(schema);
	return count;
}

static void what_one_machine_adds_the_others_find_though_lists_are_old(
	void **state)
{
	dp_registry *a;
	dp_registry *b;

	(void)state;
	bucket.is_list_old = true;
	a = open_machine();
	for (unsigned i = 1; i <= 40; i++) {
		added(a, "shop.proto", "Paid", i);
		bucket.listed = i < 7 ? bucket.count : bucket.listed;
	}
	b = open_machine();
	assert_int_equal(fields_of(b, "shop.Paid", 0), 40);
	bucket.listed = 0;
	dp_registry_close(b);
	b = open_machine();
	assert_int_equal(fields_of(b, "shop.Paid", 0), 40);
	assert_int_equal(fields_of(b, "shop.Paid", 17), 17);
	added(b, "shop.proto", "Paid", 41);
	assert_int_equal(fields_of(a, "shop.Paid", 41), 41);
	dp_registry_close(a);
	dp_registry_close(b);
}

/* As the one machine puts its generation, the other one was quicker. */
static void add_before(void *user, const char *name)
{
	if (strncmp(name, "generations/", 12) == 0) {
		added(user, "there.proto", "Paid", 3);
		return;
	}
	bucket.before_put = add_before;
}

static void an_add_that_came_second_gets_the_next_version(void **state)
{
	dp_registry *a = open_machine();
	dp_registry *b = open_machine();

	(void)state;
	added(a, "here.proto", "Paid", 1);
	bucket.before_put = add_before;
	bucket.user = b;
	added(a, "here.proto", "Paid", 2);
	assert_int_equal(fields_of(a, "shop.Paid", 2), 3);
	assert_int_equal(fields_of(a, "shop.Paid", 3), 2);
	assert_int_equal(fields_of(b, "shop.Paid", 3), 2);
	dp_registry_close(a);
	dp_registry_close(b);
}

static void two_machines_that_add_the_same_have_one_version(void **state)
{
	dp_registry *a = open_machine();
	dp_registry *b = open_machine();
	dp_schema *schema = NULL;

	(void)state;
	bucket.before_put = add_before;
	bucket.user = b;
	added(a, "here.proto", "Paid", 3);
	assert_int_equal(fields_of(a, "shop.Paid", 1), 3);
	assert_int_equal(fields_of(a, "shop.Paid", 2), 0);
	assert_int_equal(
		dp_registry_get(b, &schema, "shop.Paid", 0, NULL), DP_OK);
	dp_schema_unref(schema);
	dp_registry_close(a);
	dp_registry_close(b);
}

static void an_add_whose_answer_got_lost_may_be_repeated(void **state)
{
	dp_registry *a = open_machine();

	(void)state;
	for (long k = 0; k < 2; k++) {
		dp_error *err = NULL;
		unsigned fields = (unsigned)k + 1;

		bucket.lose_answer_at = k;
		assert_int_equal(
			add(a, "a.proto", "Paid", fields, &err), DP_EREMOTE);
		dp_error_free(err);
		added(a, "b.proto", "Paid", fields);
		assert_int_equal(fields_of(a, "shop.Paid", 0), fields);
		assert_int_equal(fields_of(a, "shop.Paid", fields + 1), 0);
	}
	dp_registry_close(a);
}

static void an_object_that_is_no_schema_is_named(void **state)
{
	dp_registry *a = open_machine();
	dp_error *err = NULL;
	size_t i;

	(void)state;
	bucket.lose_answer_at = 0;
	assert_int_equal(add(a, "a.proto", "Paid", 1, NULL), DP_EREMOTE);
	i = bucket.count - 1;
	bucket.objects[i].size -= 3;
	assert_int_equal(add(a, "a.proto", "Paid", 1, &err), DP_ECORRUPT);
	assert_non_null(strstr(dp_error_message(err), bucket.objects[i].name));
	assert_non_null(strstr(dp_error_message(err), "remove it"));
	dp_error_free(err);
	dp_registry_close(a);
}

#define WRITERS 4
#define ADDS 25

static void *write_many(void *user)
{
	unsigned n = *(unsigned *)user;
	dp_registry *reg = open_machine();
	uintptr_t failures = 0;

	for (unsigned i = 0; i < ADDS; i++) {
		failures += add(reg, "shop.proto", "Paid", n * ADDS + i + 1,
				    NULL) != DP_OK;
	}
	dp_registry_close(reg);
	return (void *)failures;
}

static void machines_that_race_lose_nothing_and_repeat_nothing(void **state)
{
	pthread_t threads[WRITERS];
	unsigned numbers[WRITERS];
	bool seen[WRITERS * ADDS + 1] = {false};
	dp_registry *reg;

	(void)state;
	bucket.is_list_old = true;
	for (unsigned i = 0; i < WRITERS; i++) {
		numbers[i] = i;
		assert_int_equal(pthread_create(&threads[i], NULL, write_many,
					 &numbers[i]),
			0);
	}
	for (unsigned i = 0; i < WRITERS; i++) {
		void *failures = NULL;

		assert_int_equal(pthread_join(threads[i], &failures), 0);
		assert_null(failures);
	}
	reg = open_machine();
	for (uint32_t version = 1; version <= WRITERS * ADDS; version++) {
		size_t fields = fields_of(reg, "shop.Paid", version);

		assert_in_range(fields, 1, WRITERS * ADDS);
		assert_false(seen[fields]);
		seen[fields] = true;
	}
	dp_registry_close(reg);
	(void)printf("figure: registry: %d adds of %d machines at once, none "
		     "lost, no lock\n",
		WRITERS * ADDS, WRITERS);
}

/* tests/golden/registry-v0 was made before there were generations. */
static void a_registry_of_before_opens_and_goes_on(void **state)
{
	char command[1200];
	char address[600];
	const char *here = __FILE__;
	int size = (int)(strrchr(here, '/') - here);

	(void)snprintf(command, sizeof(command),
		"cp -r %.*s/../../golden/registry-v0 %s/reg", size, here,
		(char *)*state);
	assert_int_equal(system(command), 0);
	(void)snprintf(address, sizeof(address), "file:%s/reg", (char *)*state);
	for (unsigned i = 0; i < 3; i++) {
		dp_registry *reg = NULL;
		dp_error *err = NULL;

		if (dp_registry_open(&reg, rt, address, NULL, &err) != DP_OK) {
			fail_msg("%s", dp_error_message(err));
		}
		assert_int_equal(fields_of(reg, "shop.Money", 0), 2);
		assert_int_equal(fields_of(reg, "shop.Paid", 1), 2);
		assert_int_equal(fields_of(reg, "shop.Paid", 2), 3);
		assert_int_equal(fields_of(reg, "shop.Paid", 2 + i), 3 + i);
		added(reg, "shop.proto", "Paid", 4 + i);
		assert_int_equal(fields_of(reg, "shop.Paid", 0), 4 + i);
		dp_registry_close(reg);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(what_one_machine_adds_the_others_find_though_lists_are_old),
		TEST(an_add_that_came_second_gets_the_next_version),
		TEST(two_machines_that_add_the_same_have_one_version),
		TEST(an_add_whose_answer_got_lost_may_be_repeated),
		TEST(an_object_that_is_no_schema_is_named),
		TEST(machines_that_race_lose_nothing_and_repeat_nothing),
		TEST(a_registry_of_before_opens_and_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
