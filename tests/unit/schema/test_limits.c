/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "schema/descriptor.h"
#include "set_builder.h"
#include "test_heap.h"

/*
 * At each limit a set is taken, one step past it is refused by a message that
 * names the limit; and in either case memory stays within a small multiple.
 */

#define MEMORY_MAX (160u << 20)

typedef void build_fn(struct set_builder *b, unsigned count);

struct watched_heap {
	struct test_heap heap;
	dp_allocator alloc;
	size_t peak;
};

static void *watched_alloc(void *user, size_t size)
{
	struct watched_heap *w = user;
	void *block = w->heap.alloc.alloc(w->heap.alloc.user, size);

	if (w->heap.live_bytes > w->peak) {
		w->peak = w->heap.live_bytes;
	}
	return block;
}

static void watched_free(void *user, void *block, size_t size)
{
	struct watched_heap *w = user;

	w->heap.alloc.free(w->heap.alloc.user, block, size);
}

static void load(
	build_fn *build, unsigned count, dp_status expected, const char *words)
{
	struct test_heap builder_heap;
	struct watched_heap w = {.peak = 0};
	struct set_builder b;
	dp_error *err = NULL;
	dpi_types types;
	dp_status st;

	test_heap_init(&builder_heap);
	test_heap_init(&w.heap);
	w.alloc = (dp_allocator){&w, watched_alloc, watched_free};
	set_builder_init(&b, &builder_heap.alloc);
	build(&b, count);
	st = dpi_types_load(&types, &w.alloc, b.buf.data, b.buf.size, &err);
	if (st != expected || strstr(dp_error_message(err), words) == NULL) {
		fail_msg("%u: %s: %s", count, dp_status_name(st),
			dp_error_message(err));
	}
	if (st == DP_OK) {
		dpi_types_fini(&types);
	}
	dp_error_free(err);
	assert_true(w.peak <= MEMORY_MAX);
	assert_int_equal(w.heap.live_bytes, 0);
	set_builder_fini(&b);
}

static void limited(build_fn *build, unsigned most, const char *words)
{
	load(build, most, DP_OK, "");
	load(build, most + 1, DP_ETOOBIG, words);
}

static const char *name_of(char *name, const char *prefix, unsigned i)
{
	(void)snprintf(name, 32, "%s%u", prefix, i);
	return name;
}

static void build_files(struct set_builder *b, unsigned count)
{
	char name[32];

	for (unsigned i = 0; i < count; i++) {
		begin_file(b, name_of(name, "f", i), "a", "proto3");
		end(b);
	}
}

static void files_are_limited(void **state)
{
	(void)state;
	limited(build_files, 1000, "more than 1000 files");
}

/* A chain: the longest way through files there is. */
static void build_imports(struct set_builder *b, unsigned count)
{
	char name[32];
	unsigned left = count;

	for (unsigned i = 0; i < 1000; i++) {
		begin_file(b, name_of(name, "f", i), "a", "proto3");
		for (unsigned k = i; k > 0 && left > 0 && i - k < 21; k--) {
			import(b, name_of(name, "f", k - 1));
			number(b, 10, i - k);
			left--;
		}
		end(b);
	}
}

static void imports_are_limited(void **state)
{
	(void)state;
	limited(build_imports, 20000, "more than 20000 imports");
}

static void build_messages(struct set_builder *b, unsigned count)
{
	char name[32];
	char next[40];

	begin_file(b, "a.proto", "a", "proto3");
	for (unsigned i = 0; i < count; i++) {
		begin_message(b, name_of(name, "M", i));
		(void)snprintf(next, sizeof(next), ".a.M%u", (i + 1) % count);
		field(b, "next", 1, OPTIONAL, DPI_TYPE_MESSAGE, next);
		end(b);
	}
	end(b);
}

static void messages_are_limited_and_may_be_one_long_cycle(void **state)
{
	(void)state;
	limited(build_messages, 10000, "more than 10000 messages");
}

static void build_enums(struct set_builder *b, unsigned count)
{
	char name[32];

	begin_file(b, "a.proto", "a", "proto3");
	for (unsigned i = 0; i < count; i++) {
		begin_enum(b, name_of(name, "E", i));
		value(b, "ZERO", 0);
		end(b);
	}
	end(b);
}

static void enums_are_limited(void **state)
{
	(void)state;
	limited(build_enums, 10000, "more than 10000 enums");
}

static void build_values(struct set_builder *b, unsigned count)
{
	char name[32];

	begin_file(b, "a.proto", "a", "proto3");
	begin_enum(b, "E");
	for (unsigned i = 0; i < count; i++) {
		value(b, name_of(name, "V", i), (long)i);
	}
	end(b);
	end(b);
}

static void values_of_an_enum_are_limited(void **state)
{
	(void)state;
	limited(build_values, 10000, "more than 10000 values");
}

static void build_fields(struct set_builder *b, unsigned count)
{
	char name[32];

	begin_file(b, "a.proto", "a", "proto3");
	begin_message(b, "M");
	for (unsigned i = 0; i < count; i++) {
		field(b, name_of(name, "f", i), i + 1, OPTIONAL, DPI_TYPE_INT32,
			NULL);
	}
	end(b);
	end(b);
}

static void fields_of_a_message_are_limited(void **state)
{
	(void)state;
	limited(build_fields, 2000, "more than 2000 fields");
}

static void build_extensions(struct set_builder *b, unsigned count)
{
	char name[32];

	begin_file(b, "a.proto", "a", "proto2");
	begin_message(b, "M");
	end(b);
	for (unsigned i = 0; i < count; i++) {
		begin(b, 7);
		text(b, 1, name_of(name, "f", i));
		text(b, 2, ".a.M");
		number(b, 3, i + 1);
		number(b, 4, OPTIONAL);
		number(b, 5, DPI_TYPE_INT32);
		end(b);
	}
	end(b);
}

static void extensions_count_as_fields(void **state)
{
	(void)state;
	limited(build_extensions, 2000, "more than 2000 fields");
}

static void build_many_fields(struct set_builder *b, unsigned count)
{
	char name[32];
	unsigned left = count;

	begin_file(b, "a.proto", "a", "proto3");
	for (unsigned m = 0; left > 0; m++) {
		begin_message(b, name_of(name, "M", m));
		for (unsigned i = 0; i < 2000 && left > 0; i++, left--) {
			field(b, name_of(name, "f", i), i + 1, OPTIONAL,
				DPI_TYPE_INT32, NULL);
		}
		end(b);
	}
	end(b);
}

static void fields_of_a_set_are_limited(void **state)
{
	(void)state;
	limited(build_many_fields, 200000, "more than 200000 fields");
}

static void build_nested(struct set_builder *b, unsigned count)
{
	begin_file(b, "a.proto", "a", "proto3");
	begin_message(b, "M");
	for (unsigned i = 1; i < count; i++) {
		begin_nested(b, "M");
	}
	for (unsigned i = 0; i < count; i++) {
		end(b);
	}
	end(b);
}

static void nesting_is_limited(void **state)
{
	(void)state;
	limited(build_nested, 32, "deeper than 32");
}

static void build_name(struct set_builder *b, unsigned size)
{
	char name[600];

	memset(name, 'n', sizeof(name));
	name[size - strlen("a.")] = '\0';
	begin_file(b, "a.proto", "a", "proto3");
	begin_message(b, name);
	end(b);
	end(b);
}

static void full_names_are_limited(void **state)
{
	(void)state;
	limited(build_name, 512, "longer than 512 bytes");
}

static void build_bytes(struct set_builder *b, unsigned size)
{
	static char padding[8u << 20];
	size_t spent;

	begin_file(b, "a.proto", "a", "proto3");
	end(b);
	spent = b->buf.size + 2 + 4; /* a tag of two bytes, a length of four */
	memset(padding, ' ', sizeof(padding));
	padding[size - spent] = '\0';
	text(b, 99, padding);
	assert_int_equal(b->buf.size, size);
}

static void bytes_of_a_set_are_limited(void **state)
{
	(void)state;
	limited(build_bytes, 8u << 20, "more than 8388608");
}

/* Bytes in which a check of some pairs could take for ever. */
static void build_options(struct set_builder *b, unsigned count)
{
	begin_file(b, "a.proto", "a", "proto3");
	begin_message(b, "M");
	begin(b, 7);
	for (unsigned i = count; i > 0; i--) {
		number(b, 50000 + i, 1);
	}
	end(b);
	end(b);
	end(b);
}

static void a_million_options_are_sorted_in_no_time(void **state)
{
	struct test_heap heap;
	struct set_builder b;
	dp_schema *schema = NULL;

	(void)state;
	test_heap_init(&heap);
	set_builder_init(&b, &heap.alloc);
	build_options(&b, 1000000);
	assert_int_equal(dpi_schema_new(&schema, &heap.alloc, b.buf.data,
				 b.buf.size, "a.M", NULL),
		DP_ETOOBIG);
	dpi_buf_clear(&b.buf);
	build_options(&b, 100000);
	assert_int_equal(dpi_schema_new(&schema, &heap.alloc, b.buf.data,
				 b.buf.size, "a.M", NULL),
		DP_OK);
	dp_schema_unref(schema);
	set_builder_fini(&b);
	assert_int_equal(heap.live_bytes, 0);
}

static void no_allocation_that_fails_leaks(void **state)
{
	struct test_heap builder_heap;
	struct test_heap heap;
	struct set_builder b;

	(void)state;
	test_heap_init(&builder_heap);
	set_builder_init(&b, &builder_heap.alloc);
	build_messages(&b, 40);
	build_files(&b, 20);
	for (int for_ever = 0; for_ever < 2; for_ever++) {
		dp_status st = DP_ENOMEM;

		for (long k = 0; st != DP_OK; k++) {
			dp_schema *schema = NULL;
			dp_error *err = NULL;

			test_heap_init(&heap);
			heap.fail_at = k;
			heap.for_ever = for_ever != 0;
			st = dpi_schema_new(&schema, &heap.alloc, b.buf.data,
				b.buf.size, "a.M0", &err);
			assert_true(st == DP_OK || st == DP_ENOMEM);
			assert_int_equal(dp_error_code(err), st);
			dp_error_free(err);
			dp_schema_unref(schema);
			assert_int_equal(heap.live_bytes, 0);
		}
	}
	set_builder_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_are_limited),
		cmocka_unit_test(imports_are_limited),
		cmocka_unit_test(
			messages_are_limited_and_may_be_one_long_cycle),
		cmocka_unit_test(enums_are_limited),
		cmocka_unit_test(values_of_an_enum_are_limited),
		cmocka_unit_test(fields_of_a_message_are_limited),
		cmocka_unit_test(extensions_count_as_fields),
		cmocka_unit_test(fields_of_a_set_are_limited),
		cmocka_unit_test(nesting_is_limited),
		cmocka_unit_test(full_names_are_limited),
		cmocka_unit_test(bytes_of_a_set_are_limited),
		cmocka_unit_test(a_million_options_are_sorted_in_no_time),
		cmocka_unit_test(no_allocation_that_fails_leaks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
