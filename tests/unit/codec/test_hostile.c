/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <datapipe/codec.h>

#include "all_kinds.h"
#include "codec/parquet_file.h"
#include "coder_rig.h"

/*
 * A megabyte that was made to cost much: what each target has in memory at
 * most while it takes or refuses it, its result included, above what it has
 * after an event of some bytes. A buffer of twice the event that grows has the
 * half of it, too, until that is copied.
 */

enum { MILLION = 1 << 20, MOST = 3 * MILLION + (64 << 10) };

/* With a result that is limited to two of them. */
enum { MOST_JSON = MOST + MILLION };

struct hostile {
	struct test_heap heap;
	dp_schema *schema;
};

typedef struct bomb {
	const char *what;
	dp_bytes again; /* behind an id, over and over */
} bomb;

static const bomb bombs[] = {
	{"children without an id", BYTES("\x22\0")},
	{"small children", BYTES("\x22\3\x0a\1x")},
	{"two lists in turn", BYTES("\x18\1\x48\1")},
	{"enums of long names", BYTES("\x18\0")},
	{"a message in pieces", BYTES("\x12\0")},
	{"groups in groups", BYTES("\x0b")},
	{"one key of a map", BYTES("\x32\0")},
	{"the last of many", BYTES("\x0a\0")},
	{"unknown fields", BYTES("\xa0\6\1")},
};

static dp_bytes million(const bomb *bomb)
{
	static uint8_t room[MILLION];
	size_t at = 3;

	memcpy(room, "\x0a\1i", at);
	for (; at + bomb->again.size <= sizeof(room); at += bomb->again.size) {
		memcpy(room + at, bomb->again.data, bomb->again.size);
	}
	return dpi_bytes(room, at);
}

static const dp_bytes mild = BYTES("\x0a\1i");

static size_t cost_of_plan(struct hostile *h, dpi_target target, dp_bytes wire)
{
	const dp_allocator *alloc = &h->heap.alloc;
	dpi_cell cells[64];
	dpi_coder *coder;
	dpi_plan *plan;
	dpi_buf out;
	size_t before;
	dp_status st;

	assert_int_equal(
		dpi_plan_new(&plan, alloc, h->schema, target, NULL), DP_OK);
	assert_int_equal(dpi_coder_new(&coder, alloc, NULL), DP_OK);
	dpi_buf_init(&out, alloc, 64u << 20);
	for (int i = 0; i < 2; i++) {
		dp_bytes in = i == 0 ? mild : wire;

		before = h->heap.live_bytes;
		h->heap.peak_bytes = before;
		dpi_buf_clear(&out);
		if (target == DPI_TARGET_ROW) {
			st = dpi_row_encode(
				plan, coder, in.data, in.size, cells, NULL);
		} else {
			st = dpi_avro_encode(
				plan, coder, in.data, in.size, &out, NULL);
		}
		assert_true(
			st == DP_OK || st == DP_ESCHEMA || st == DP_ETOOBIG);
	}
	before = h->heap.peak_bytes - before;
	dpi_buf_fini(&out);
	dpi_coder_free(coder);
	dpi_plan_free(plan);
	return before;
}

static size_t cost_of_json(struct hostile *h, dp_bytes wire)
{
	dp_codec_options opts = DP_CODEC_OPTIONS_INIT;
	dp_codec *codec;
	dp_bytes json;
	size_t before;
	dp_status st;

	opts.limit_bytes = 2 * MILLION;
	assert_int_equal(dp_codec_new(&codec, h->schema, &opts, NULL), DP_OK);
	st = dp_codec_to_json(codec, mild, &json, NULL);
	assert_int_equal(st, DP_OK);
	before = h->heap.live_bytes;
	h->heap.peak_bytes = before;
	st = dp_codec_to_json(codec, wire, &json, NULL);
	assert_true(st == DP_OK || st == DP_ESCHEMA || st == DP_ETOOBIG);
	before = h->heap.peak_bytes - before;
	dp_codec_free(codec);
	return before;
}

/* Arrays in arrays, names and numbers that unfold, one member again and again. */
static dp_bytes million_of_json(size_t i)
{
	static const char *const parts[][3] = {
		{"{\"id\":\"i\",\"numbers\":[", "0,", "0]}"},
		{"{\"id\":\"i\",\"children\":[", "{},", "{}]}"}, {"", "[", ""},
		{"{\"id\":\"", "\\u0001", "\"}"}};
	static char room[MILLION];
	size_t end = strlen(parts[i][2]);
	size_t part = strlen(parts[i][1]);
	size_t at = strlen(parts[i][0]);

	memcpy(room, parts[i][0], at);
	for (; at + part + end <= sizeof(room); at += part) {
		memcpy(room + at, parts[i][1], part);
	}
	memcpy(room + at, parts[i][2], end);
	return dpi_bytes(room, at + end);
}

static size_t cost_of_parquet(struct hostile *h, dp_bytes wire)
{
	const dp_allocator *alloc = &h->heap.alloc;
	dpi_parquet_schema *schema;
	dpi_parquet_worker worker;
	dpi_parquet_file file;
	dpi_coder *coder;
	dpi_plan *plan;
	dpi_buf out;
	size_t before = 0;

	assert_int_equal(
		dpi_plan_new(&plan, alloc, h->schema, DPI_TARGET_PARQUET, NULL),
		DP_OK);
	assert_int_equal(dpi_coder_new(&coder, alloc, NULL), DP_OK);
	assert_int_equal(
		dpi_parquet_schema_new(&schema, alloc, plan, NULL, 0, NULL),
		DP_OK);
	dpi_parquet_worker_init(&worker, alloc, DP_COMPRESSION_NONE);
	assert_int_equal(dpi_parquet_file_init(
				 &file, alloc, schema, &worker, NULL, 0, NULL),
		DP_OK);
	dpi_buf_init(&out, alloc, 64u << 20);
	for (int i = 0; i < 2; i++) {
		dp_bytes in = i == 0 ? mild : wire;

		before = h->heap.live_bytes;
		h->heap.peak_bytes = before;
		dpi_buf_clear(&out);
		if (dpi_avro_encode(plan, coder, in.data, in.size, &out,
			    NULL) == DP_OK) {
			assert_int_equal(
				dpi_parquet_file_append(&file,
					dpi_bytes(out.data, out.size), 1, NULL),
				DP_OK);
		}
	}
	before = h->heap.peak_bytes - before;
	dpi_parquet_file_fini(&file);
	dpi_parquet_worker_fini(&worker);
	dpi_parquet_schema_unref(schema);
	dpi_buf_fini(&out);
	dpi_coder_free(coder);
	dpi_plan_free(plan);
	return before;
}

static size_t cost_from_json(struct hostile *h, dp_bytes json)
{
	dp_codec *codec;
	dp_bytes wire;
	size_t before;
	dp_status st;

	assert_int_equal(dp_codec_new(&codec, h->schema, NULL, NULL), DP_OK);
	st = dp_codec_from_json(
		codec, dpi_bytes_text("{\"id\":\"i\"}"), &wire, NULL);
	assert_int_equal(st, DP_OK);
	before = h->heap.live_bytes;
	h->heap.peak_bytes = before;
	st = dp_codec_from_json(codec, json, &wire, NULL);
	assert_true(st == DP_OK || st == DP_ESCHEMA || st == DP_ETOOBIG);
	before = h->heap.peak_bytes - before;
	dp_codec_free(codec);
	return before;
}

static void raise(size_t *most, const char *what, size_t cost, size_t allowed)
{
	if (cost > allowed) {
		fail_msg("%s costs %zu KiB", what, cost >> 10);
	}
	*most = cost > *most ? cost : *most;
}

static void try_all(struct hostile *h)
{
	size_t avro = 0, parquet = 0, row = 0, out = 0, in = 0;

	for (size_t i = 0; i < sizeof(bombs) / sizeof(bombs[0]); i++) {
		const char *what = bombs[i].what;
		dp_bytes wire = million(&bombs[i]);

		raise(&avro, what, cost_of_plan(h, DPI_TARGET_AVRO, wire),
			MOST);
		raise(&row, what, cost_of_plan(h, DPI_TARGET_ROW, wire), MOST);
		raise(&parquet, what, cost_of_parquet(h, wire), MOST);
		raise(&out, what, cost_of_json(h, wire), MOST_JSON);
	}
	for (size_t i = 0; i < 4; i++) {
		raise(&in, "JSON", cost_from_json(h, million_of_json(i)), MOST);
	}
	printf("figure: a hostile MiB costs at most: Avro %zu, Parquet %zu, "
	       "row %zu, JSON out %zu, JSON in %zu KiB, results included\n",
		avro >> 10, parquet >> 10, row >> 10, out >> 10, in >> 10);
}

static void a_hostile_million_costs_little(void **state)
{
	struct hostile h;
	struct set_builder set;

	(void)state;
	test_heap_init(&h.heap);
	set_builder_init(&set, &h.heap.alloc);
	describe_all_kinds(&set);
	assert_int_equal(dpi_schema_new(&h.schema, &h.heap.alloc, set.buf.data,
				 set.buf.size, "t.M", NULL),
		DP_OK);
	try_all(&h);
	dp_schema_unref(h.schema);
	set_builder_fini(&set);
	assert_int_equal(h.heap.live_bytes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hostile_million_costs_little),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
