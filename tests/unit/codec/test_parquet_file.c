/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codec/avro_file.h"
#include "codec/parquet_file.h"
#include "schema/descriptor.h"
#include "set_builder.h"
#include "test_heap.h"

/* What other readers make of the files is in tests/readers. */

struct rig {
	struct test_heap heap;
	dpi_plan *plan;
	dpi_coder *coder;
	dpi_parquet_schema *schema;
	dpi_parquet_worker worker;
	dpi_parquet_file file;
};

static const dpi_column_given given = {"_n", "\"int\""};

/* A row of numbers, texts of few and of many kinds, and a list. */
static void describe(struct set_builder *b)
{
	begin_file(b, "t.proto", "t", "proto3");
	begin_message(b, "Row");
	field(b, "id", 1, OPTIONAL, DPI_TYPE_INT64, NULL);
	field(b, "name", 2, OPTIONAL, DPI_TYPE_STRING, NULL);
	field(b, "few", 3, OPTIONAL, DPI_TYPE_STRING, NULL);
	field(b, "list", 4, REPEATED, DPI_TYPE_INT32, NULL);
	end(b);
	end(b);
}

static void make_plan(struct rig *rig, const dp_allocator *alloc)
{
	struct set_builder b;
	dp_schema *schema = NULL;

	set_builder_init(&b, alloc);
	describe(&b);
	assert_int_equal(dpi_schema_new(&schema, alloc, b.buf.data, b.buf.size,
				 "t.Row", NULL),
		DP_OK);
	assert_int_equal(dpi_plan_new(&rig->plan, alloc, schema,
				 DPI_TARGET_PARQUET, NULL),
		DP_OK);
	assert_int_equal(dpi_coder_new(&rig->coder, alloc, NULL), DP_OK);
	assert_int_equal(dpi_parquet_schema_new(&rig->schema, alloc, rig->plan,
				 &given, 1, NULL),
		DP_OK);
	dp_schema_unref(schema);
	set_builder_fini(&b);
}

static void rig_init(struct rig *rig, dp_compression compression)
{
	memset(rig, 0, sizeof(*rig));
	test_heap_init(&rig->heap);
	make_plan(rig, &rig->heap.alloc);
	dpi_parquet_worker_init(&rig->worker, &rig->heap.alloc, compression);
}

static void rig_fini(struct rig *rig)
{
	dpi_parquet_worker_fini(&rig->worker);
	dpi_parquet_schema_unref(rig->schema);
	dpi_coder_free(rig->coder);
	dpi_plan_free(rig->plan);
	assert_int_equal(rig->heap.live_bytes, 0);
	assert_int_equal(rig->heap.live_blocks, 0);
}

static size_t make_row(uint32_t n, uint8_t *wire)
{
	uint8_t *p = wire;

	*p++ = 1 << 3;
	p = dpi_put_varint(p, 1000 + n);
	*p++ = 2 << 3 | 2;
	*p++ = 12;
	(void)snprintf((char *)p, 16, "name%08x", n * 2654435761u);
	p += 12;
	*p++ = 3 << 3 | 2;
	*p++ = 3;
	memcpy(p, n % 3 == 0 ? "abc" : "xyz", 3);
	p += 3;
	for (uint32_t i = 0; i < n % 4; i++) {
		*p++ = 4 << 3;
		*p++ = (uint8_t)i;
	}
	return (size_t)(p - wire);
}

/* Rows [first, first + count) as one run of datums, from malloc. */
static void make_datums(
	struct rig *rig, uint32_t first, uint32_t count, dpi_buf *out)
{
	uint8_t wire[64];

	dpi_buf_clear(out);
	for (uint32_t i = first; i < first + count; i++) {
		assert_int_equal(dpi_avro_put_long(out, i), DP_OK);
		assert_int_equal(dpi_avro_encode(rig->plan, rig->coder, wire,
					 make_row(i, wire), out, NULL),
			DP_OK);
	}
}

#define RUN 300u

/* Writes rows in runs; a call that fails is tried once more. */
static dp_status write_rows(struct rig *rig, uint32_t runs, dpi_buf *datums)
{
	static const dpi_file_meta meta = {"key", {"value", 5}};
	dpi_parquet_file *file = &rig->file;
	dp_status st = dpi_parquet_file_init(file, &rig->heap.alloc,
		rig->schema, &rig->worker, &meta, 1, NULL);

	if (st != DP_OK) {
		return st;
	}
	file->row_group_bytes = 20000;
	for (uint32_t i = 0; i < runs && st == DP_OK; i++) {
		dp_bytes run;

		make_datums(rig, i * RUN, RUN, datums);
		run = dpi_bytes(datums->data, datums->size);
		st = dpi_parquet_file_append(file, run, RUN, NULL);
		if (st != DP_OK) {
			st = dpi_parquet_file_append(file, run, RUN, NULL);
		}
	}
	if (st == DP_OK) {
		st = dpi_parquet_file_finish(file, NULL);
	}
	if (st == DP_ENOMEM) {
		st = dpi_parquet_file_finish(file, NULL);
	}
	return st;
}

static void assert_is_whole(const dpi_parquet_file *file)
{
	const dpi_buf *out = &file->out;

	assert_int_equal(file->out_end, out->size);
	assert_memory_equal(out->data, "PAR1", 4);
	assert_memory_equal(out->data + out->size - 4, "PAR1", 4);
	assert_true(dpi_load_u32(out->data + out->size - 8) <= out->size - 12);
}

static void a_file_without_rows_is_a_file(void **state)
{
	struct rig rig;
	dpi_buf datums;

	(void)state;
	rig_init(&rig, DP_COMPRESSION_ZSTD);
	dpi_buf_init(&datums, &rig.heap.alloc, 1 << 20);
	assert_int_equal(write_rows(&rig, 0, &datums), DP_OK);
	assert_is_whole(&rig.file);
	assert_int_equal(rig.file.group_count, 0);
	dpi_parquet_file_fini(&rig.file);
	dpi_buf_fini(&datums);
	rig_fini(&rig);
}

static void rows_become_groups_by_their_bytes(void **state)
{
	struct rig rig;
	dpi_buf datums;

	(void)state;
	rig_init(&rig, DP_COMPRESSION_NONE);
	dpi_buf_init(&datums, &rig.heap.alloc, 1 << 20);
	assert_int_equal(write_rows(&rig, 10, &datums), DP_OK);
	assert_is_whole(&rig.file);
	assert_true(rig.file.group_count > 3);
	assert_int_equal(rig.file.total_count, 10 * RUN);
	dpi_parquet_file_fini(&rig.file);
	dpi_buf_fini(&datums);
	rig_fini(&rig);
}

/* Texts that are all different leave the dictionary, others stay. */
static void a_dictionary_that_does_not_pay_is_given_up(void **state)
{
	struct rig rig;
	dpi_buf datums;

	(void)state;
	rig_init(&rig, DP_COMPRESSION_NONE);
	dpi_buf_init(&datums, &rig.heap.alloc, 1 << 20);
	assert_int_equal(write_rows(&rig, 3, &datums), DP_OK);
	assert_string_equal(rig.file.columns[2].leaf->step->name, "name");
	assert_false(rig.file.columns[2].has_dictionary);
	assert_string_equal(rig.file.columns[3].leaf->step->name, "few");
	assert_true(rig.file.columns[3].has_dictionary);
	dpi_parquet_file_fini(&rig.file);
	dpi_buf_fini(&datums);
	rig_fini(&rig);
}

/* Whatever allocation fails, once: who tries again has the same bytes. */
static void rows_that_failed_can_be_offered_again(void **state)
{
	struct test_heap plenty;
	dpi_buf datums, whole;
	long total = 1;

	(void)state;
	test_heap_init(&plenty);
	dpi_buf_init(&datums, &plenty.alloc, 1 << 20);
	dpi_buf_init(&whole, &plenty.alloc, 1 << 20);
	for (long n = -1; n < total; n++) {
		struct rig rig;
		dp_status st;

		rig_init(&rig, DP_COMPRESSION_SNAPPY);
		make_datums(&rig, 0, RUN, &datums); /* warms the coder */
		rig.heap.made = 0;
		rig.heap.fail_at = n;
		st = write_rows(&rig, 7, &datums);
		assert_true(st == DP_OK || n < 3);
		if (st == DP_OK && n < 0) {
			total = rig.heap.made;
			(void)dpi_buf_append(
				&whole, rig.file.out.data, rig.file.out.size);
		} else if (st == DP_OK) {
			assert_int_equal(rig.file.out.size, whole.size);
			assert_memory_equal(
				rig.file.out.data, whole.data, whole.size);
		}
		if (rig.file.schema != NULL) {
			dpi_parquet_file_fini(&rig.file);
		}
		rig_fini(&rig);
	}
	assert_true(total > 20);
	dpi_buf_fini(&datums);
	dpi_buf_fini(&whole);
	assert_int_equal(plenty.live_bytes, 0);
}

/* Memory is that of a row group, however many there are. */
static void memory_is_flat_in_rows(void **state)
{
	struct rig rig;
	dpi_buf datums;
	size_t after_some = 0;

	(void)state;
	rig_init(&rig, DP_COMPRESSION_ZSTD);
	dpi_buf_init(&datums, &rig.heap.alloc, 1 << 20);
	assert_int_equal(dpi_parquet_file_init(&rig.file, &rig.heap.alloc,
				 rig.schema, &rig.worker, NULL, 0, NULL),
		DP_OK);
	rig.file.row_group_bytes = 50000;
	for (uint32_t i = 0; i < 400; i++) {
		make_datums(&rig, i * RUN, RUN, &datums);
		assert_int_equal(
			dpi_parquet_file_append(&rig.file,
				dpi_bytes(datums.data, datums.size), RUN, NULL),
			DP_OK);
		dpi_buf_clear(&rig.file.out);
		if (i == 40) {
			after_some = rig.heap.live_bytes;
		}
	}
	/* The footer's part grows, by some hundred bytes a row group. */
	assert_true(rig.heap.live_bytes < after_some + 200000);
	dpi_parquet_file_fini(&rig.file);
	dpi_buf_fini(&datums);
	rig_fini(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_without_rows_is_a_file),
		cmocka_unit_test(rows_become_groups_by_their_bytes),
		cmocka_unit_test(a_dictionary_that_does_not_pay_is_given_up),
		cmocka_unit_test(rows_that_failed_can_be_offered_again),
		cmocka_unit_test(memory_is_flat_in_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
