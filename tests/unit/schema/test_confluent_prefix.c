/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <datapipe/confluent.h>

static void reads(const void *data, size_t size, uint32_t id, uint32_t depth,
	const uint32_t *indexes, size_t prefix_size)
{
	dp_confluent_prefix prefix;
	size_t bytes = 0;
	uint8_t again[DP_CONFLUENT_PREFIX_MAX];
	size_t again_size = 0;

	assert_int_equal(
		dp_confluent_prefix_read(&prefix, &bytes, data, size, NULL),
		DP_OK);
	assert_int_equal(prefix.id, id);
	assert_int_equal(prefix.depth, depth);
	assert_memory_equal(prefix.indexes, indexes, depth * sizeof(*indexes));
	assert_int_equal(bytes, prefix_size);
	assert_int_equal(dp_confluent_prefix_write(&prefix, again,
				 sizeof(again), &again_size, NULL),
		DP_OK);
	assert_int_equal(again_size, prefix_size);
	assert_memory_equal(again, data, again_size);
	assert_int_equal(dp_confluent_prefix_write(&prefix, again,
				 prefix_size - 1, &again_size, NULL),
		DP_ETOOBIG);
}

static void refuses(const void *data, size_t size, dp_status expected)
{
	dp_confluent_prefix prefix;
	dp_error *err = NULL;
	size_t bytes = 0;

	assert_int_equal(
		dp_confluent_prefix_read(&prefix, &bytes, data, size, &err),
		expected);
	assert_true(dp_error_message(err)[0] != '\0');
	dp_error_free(err);
}

/* Bytes as confluent-kafka's serializer for protobuf writes them. */
static void prefixes_of_other_producers_are_read_and_written_alike(void **state)
{
	(void)state;
	reads("\0\0\0\0\x07\0payload", 13, 7, 1, (uint32_t[]){0}, 6);
	reads("\0\x01\x02\x03\x04\x02\x02", 7, 0x01020304, 1, (uint32_t[]){1},
		7);
	reads("\0\xff\xff\xff\xff\x04\0\0", 8, UINT32_MAX, 2,
		(uint32_t[]){0, 0}, 8);
	reads("\0\0\0\0\x01\x06\x02\0\xd8\x04zz", 12, 1, 3,
		(uint32_t[]){1, 0, 300}, 10);
}

/* Some write the list [0] in full; both mean the first message. */
static void the_long_form_of_the_first_message_is_read_too(void **state)
{
	dp_confluent_prefix prefix;
	size_t bytes = 0;

	(void)state;
	assert_int_equal(dp_confluent_prefix_read(&prefix, &bytes,
				 "\0\0\0\0\x01\x02\0", 7, NULL),
		DP_OK);
	assert_int_equal(prefix.depth, 1);
	assert_int_equal(prefix.indexes[0], 0);
	assert_int_equal(bytes, 7);
}

static void what_is_cut_or_wrong_is_refused(void **state)
{
	uint8_t deep[80] = {0, 0, 0, 0, 1, 66};

	(void)state;
	for (size_t size = 0; size < 10; size++) {
		refuses("\0\0\0\0\x01\x06\x02\0\xd8\x04", size, DP_ESCHEMA);
	}
	refuses("\x01\0\0\0\x01\0", 6, DP_ESCHEMA);
	refuses("\0\0\0\0\x01\x01", 6, DP_ESCHEMA);
	refuses("\0\0\0\0\x01\x02\x01", 7, DP_ESCHEMA);
	refuses("\0\0\0\0\x01\x02\x80\x80\x80\x80\x10", 11, DP_ESCHEMA);
	refuses("\0\0\0\0\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 15,
		DP_ESCHEMA);
	refuses(deep, sizeof(deep), DP_ETOOBIG);
	refuses(NULL, 1, DP_EINVAL);
	refuses(NULL, 0, DP_ESCHEMA);
}

static void the_deepest_prefix_fits_its_bound(void **state)
{
	dp_confluent_prefix prefix = {.id = 1, .depth = 33};
	uint8_t bytes[DP_CONFLUENT_PREFIX_MAX];
	size_t size = 0;

	(void)state;
	assert_int_equal(dp_confluent_prefix_write(
				 &prefix, bytes, sizeof(bytes), &size, NULL),
		DP_ETOOBIG);
	prefix.depth = 0;
	assert_int_equal(dp_confluent_prefix_write(
				 &prefix, bytes, sizeof(bytes), &size, NULL),
		DP_EINVAL);
	prefix.depth = 32;
	for (int i = 0; i < 32; i++) {
		prefix.indexes[i] = INT32_MAX;
	}
	assert_int_equal(dp_confluent_prefix_write(
				 &prefix, bytes, sizeof(bytes), &size, NULL),
		DP_OK);
	assert_true(size <= DP_CONFLUENT_PREFIX_MAX);
	reads(bytes, size, 1, 32, prefix.indexes, size);
	prefix.indexes[5] = UINT32_C(1) << 31;
	assert_int_equal(dp_confluent_prefix_write(
				 &prefix, bytes, sizeof(bytes), &size, NULL),
		DP_EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			prefixes_of_other_producers_are_read_and_written_alike),
		cmocka_unit_test(
			the_long_form_of_the_first_message_is_read_too),
		cmocka_unit_test(what_is_cut_or_wrong_is_refused),
		cmocka_unit_test(the_deepest_prefix_fits_its_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
