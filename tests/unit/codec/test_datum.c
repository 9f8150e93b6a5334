/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codec/coder.h"
#include "coder_rig.h"

/* The two ways to a datum: straight, and scanned. */

enum { ROUNDS = 40000, SCANS = 63 };

static int set_up(void **state)
{
	static struct coder_rig rig;

	coder_rig_init(&rig);
	*state = &rig;
	return 0;
}

static int tear_down(void **state)
{
	coder_rig_fini(*state);
	return 0;
}

static void map_field(struct set_builder *b, const char *name,
	const char *entry, unsigned n, int value_type, const char *value_name)
{
	char full[64] = ".t.M.";

	strcat(full, entry);
	field(b, name, n, REPEATED, DPI_TYPE_MESSAGE, full);
	begin_nested(b, entry);
	field(b, "key", 1, OPTIONAL, DPI_TYPE_STRING, NULL);
	field(b, "value", 2, OPTIONAL, value_type, value_name);
	begin(b, 7); /* MessageOptions.map_entry */
	number(b, 7, 1);
	end(b);
	end(b);
}

/* A message whose fields may all be written straight. */
static void describe(struct set_builder *b)
{
	begin_file(b, "t.proto", "t", "proto3");
	import(b, "google/protobuf/timestamp.proto");
	begin_enum(b, "E");
	value(b, "ZERO", 0);
	value(b, "ONE", 1);
	end(b);
	begin_message(b, "M");
	field(b, "id", 1, OPTIONAL, DPI_TYPE_STRING, NULL);
	field(b, "at", 2, OPTIONAL, DPI_TYPE_MESSAGE,
		".google.protobuf.Timestamp");
	field(b, "e", 3, OPTIONAL, DPI_TYPE_ENUM, ".t.E");
	field(b, "children", 4, REPEATED, DPI_TYPE_MESSAGE, ".t.M");
	map_field(b, "labels", "LabelsEntry", 5, DPI_TYPE_STRING, NULL);
	map_field(b, "by_name", "ByNameEntry", 6, DPI_TYPE_MESSAGE, ".t.M");
	begin_field(b, "a", 7, OPTIONAL, DPI_TYPE_SINT32, NULL);
	number(b, 9, 0); /* oneof_index */
	end(b);
	begin_field(b, "b", 8, OPTIONAL, DPI_TYPE_MESSAGE, ".t.M");
	number(b, 9, 0);
	end(b);
	field(b, "numbers", 9, REPEATED, DPI_TYPE_UINT64, NULL);
	field(b, "doubles", 10, REPEATED, DPI_TYPE_DOUBLE, NULL);
	field(b, "words", 11, REPEATED, DPI_TYPE_STRING, NULL);
	field(b, "last", 12, OPTIONAL, DPI_TYPE_FIXED32, NULL);
	begin(b, 8); /* oneof_decl */
	text(b, 1, "kind");
	end(b);
	end(b);
	end(b);
}

#define EVENT \
	"\x0a\1i\x12\4\x08\1\x10\7\x18\1\x22\5\x0a\1j\x18\1\x22\0" \
	"\x2a\6\x0a\1y\x12\1b\x2a\6\x0a\1x\x12\1a\x2a\6\x0a\1x\x12\1c" \
	"\x32\x08\x0a\1n\x12\3\x0a\1k\x42\2\x38\3" \
	"\x4a\4\7\x80\1\x09\x52\x08\0\0\0\0\0\0\xf0\x3f\x5a\1w\x5a\0" \
	"\x65\1\2\3\4"

static const dp_bytes event = BYTES(EVENT);

/* In memory of just their size, for sanitizers to watch. */
static dp_status encode_copy(struct coder_rig *rig, unsigned scans,
	const uint8_t *bytes, size_t size)
{
	uint8_t *copy = malloc(size + (size == 0));
	dp_status st;

	assert_non_null(copy);
	memcpy(copy, bytes, size);
	rig->coder->scans_left = scans;
	st = coder_rig_avro(rig, dpi_bytes(copy, size));
	free(copy);
	return st;
}

static void check_both(struct coder_rig *rig, const uint8_t *bytes, size_t size)
{
	uint8_t datum[4096];
	dp_status st = encode_copy(rig, 0, bytes, size);
	size_t datum_size = rig->out.size;

	assert_true(datum_size <= sizeof(datum));
	memcpy(datum, rig->out.data, datum_size);
	assert_int_equal(encode_copy(rig, 1, bytes, size), st);
	assert_int_equal(rig->out.size, datum_size);
	assert_memory_equal(rig->out.data, datum, datum_size);
}

static void both_ways_lead_to_the_same_bytes(void **state)
{
	struct coder_rig *rig = *state;
	uint8_t bytes[sizeof(EVENT) - 1];
	uint64_t random = 88172645463325252u;

	describe(&rig->set);
	coder_rig_plan(rig, "t.M");
	assert_int_equal(encode_copy(rig, 0, event.data, event.size), DP_OK);
	assert_int_equal(rig->coder->scans_left, 0); /* it is straight */
	for (size_t size = 0; size <= event.size; size++) {
		check_both(rig, event.data, size);
	}
	for (int round = 0; round < ROUNDS; round++) {
		memcpy(bytes, event.data, sizeof(bytes));
		for (int flips = 0; flips < 1 + round % 3; flips++) {
			random ^= random << 13;
			random ^= random >> 7;
			random ^= random << 17;
			bytes[random % sizeof(bytes)] = (uint8_t)(random >> 32);
		}
		check_both(rig, bytes, sizeof(bytes));
	}
}

/* Texts of all sizes that are copied in one piece of a fixed size, or just not,
 * with room behind them to read it. */
static void a_text_of_any_size_is_copied_whole(void **state)
{
	enum { SIZES = 80, BEHIND = 100 };
	struct coder_rig *rig = *state;
	uint8_t wire[2 + SIZES + 2 + BEHIND];

	describe(&rig->set);
	coder_rig_plan(rig, "t.M");
	for (uint8_t size = 1; size < SIZES; size++) {
		const uint8_t *text = wire + 2;
		size_t head = size < 64 ? 2 : 3;

		memset(wire, 'x', sizeof(wire));
		wire[0] = 0x0a;
		wire[1] = size;
		for (uint8_t i = 0; i < size; i++) {
			wire[2 + i] = ' ' + i;
		}
		wire[2 + size] = 0x5a;
		wire[3 + size] = BEHIND;
		assert_int_equal(
			encode_copy(rig, 0, wire, 4u + size + BEHIND), DP_OK);
		assert_int_equal(rig->coder->scans_left, 0);
		assert_memory_equal(rig->out.data + head, text, size);
	}
}

static void values_of_one_entry_become_one_message(void **state)
{
	static const dp_bytes pieces =
		BYTES("\x32\x0c\x0a\1n\x12\3\x0a\1k\x12\2\x18\1");
	struct coder_rig *rig = *state;

	describe(&rig->set);
	coder_rig_plan(rig, "t.M");
	check_both(rig, pieces.data, pieces.size);
}

static void after_a_misfit_events_are_scanned_for_a_while(void **state)
{
	static const dp_bytes disordered = BYTES("\x18\1\x0a\1i");
	static const dp_bytes wrong = BYTES("\x0a\1\xff");
	struct coder_rig *rig = *state;

	describe(&rig->set);
	coder_rig_plan(rig, "t.M");
	/* An error is one in either way, and says nothing about the writer. */
	assert_int_equal(coder_rig_avro(rig, wrong), DP_ESCHEMA);
	assert_string_equal(
		dp_error_message(rig->err), "t.M: id: its text is not UTF-8");
	assert_int_equal(rig->coder->scans_left, 0);
	assert_int_equal(coder_rig_avro(rig, disordered), DP_OK);
	for (unsigned left = SCANS; left > 0; left--) {
		assert_int_equal(rig->coder->scans_left, left);
		assert_int_equal(coder_rig_avro(rig, event), DP_OK);
	}
	assert_int_equal(coder_rig_avro(rig, event), DP_OK);
	assert_int_equal(rig->coder->scans_left, 0);
}

static void a_straight_way_without_memory_says_so(void **state)
{
	struct coder_rig *rig = *state;
	long made;

	describe(&rig->set);
	coder_rig_plan(rig, "t.M");
	for (long n = 0;; n++) {
		dp_status st;

		dpi_coder_free(rig->coder);
		dpi_buf_fini(&rig->out);
		assert_int_equal(
			dpi_coder_new(&rig->coder, &rig->heap.alloc, NULL),
			DP_OK);
		made = rig->heap.made;
		rig->heap.fail_at = made + n;
		st = coder_rig_avro(rig, event);
		rig->heap.fail_at = -1;
		if (st == DP_OK) {
			assert_true(n > 2);
			break;
		}
		assert_int_equal(st, DP_ENOMEM);
		assert_int_equal(rig->out.size, 0);
		assert_int_equal(rig->coder->scans_left, 0);
	}
	made = rig->heap.made;
	assert_int_equal(coder_rig_avro(rig, event), DP_OK);
	assert_int_equal(rig->heap.made, made);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(both_ways_lead_to_the_same_bytes),
		TEST(a_text_of_any_size_is_copied_whole),
		TEST(values_of_one_entry_become_one_message),
		TEST(after_a_misfit_events_are_scanned_for_a_while),
		TEST(a_straight_way_without_memory_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
