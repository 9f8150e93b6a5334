/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "all_kinds.h"
#include "codec/avro_file.h"
#include "codec/parquet_file.h"
#include "schema/descriptor.h"
#include "test_avro.h"
#include "test_heap.h"
#include "test_parquet.h"

/*
 * Input: messages, each behind a byte that is its size. What is taken becomes
 * an Avro file and a Parquet file, which readers that share no code with the
 * writers read back: the datums must be what was appended, and each column
 * what a plain walk over the datums gives. Row groups end where a message of
 * an odd size was.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LEAVES_MAX = 4000 };

static struct test_heap heap;
static dpi_plan *plan;
static dpi_coder *coder;
static dpi_parquet_schema *schema;
static dpi_buf avro_schema;
static struct test_parquet_leaf leaves[LEAVES_MAX];

/* Of each column: rep, def, and what is there behind its size. */
static dpi_buf expected[LEAVES_MAX], actual[LEAVES_MAX];

static void need(int is_true)
{
	if (!is_true) {
		abort();
	}
}

static void prepare(void)
{
	struct set_builder set;
	dp_schema *type = NULL;

	test_heap_init(&heap);
	set_builder_init(&set, &heap.alloc);
	describe_all_kinds(&set);
	need(dpi_schema_new(&type, &heap.alloc, set.buf.data, set.buf.size,
		     "t.M", NULL) == DP_OK);
	need(dpi_plan_new(&plan, &heap.alloc, type, DPI_TARGET_PARQUET, NULL) ==
		DP_OK);
	need(dpi_coder_new(&coder, &heap.alloc, NULL) == DP_OK);
	need(dpi_parquet_schema_new(
		     &schema, &heap.alloc, plan, NULL, 0, NULL) == DP_OK);
	dp_schema_unref(type);
	set_builder_fini(&set);
	dpi_buf_init(&avro_schema, &heap.alloc, 1 << 24);
	need(dpi_avro_schema(plan, NULL, 0, &avro_schema, NULL) == DP_OK);
	need(schema->leaf_count <= LEAVES_MAX);
	for (uint32_t i = 0; i < schema->leaf_count; i++) {
		leaves[i] = (struct test_parquet_leaf){
			(int)schema->leaves[i].type, schema->leaves[i].max_rep,
			schema->leaves[i].max_def};
		dpi_buf_init(&expected[i], &heap.alloc, SIZE_MAX);
		dpi_buf_init(&actual[i], &heap.alloc, SIZE_MAX);
	}
}

static void put(dpi_buf *column, unsigned rep, unsigned def, dp_bytes value)
{
	uint8_t head[6] = {(uint8_t)rep, (uint8_t)def};

	dpi_store_u32(head + 2, (uint32_t)value.size);
	(void)dpi_buf_append(column, head, value.data != NULL ? 6 : 2);
	need(dpi_buf_append(column, value.data, value.size) == DP_OK);
}

static void put_actual(
	void *user, size_t leaf, unsigned rep, unsigned def, dp_bytes value)
{
	(void)user;
	put(&actual[leaf], rep, def, value);
}

/* A plain walk over a datum. */

static void walk(struct test_avro *in, uint32_t at, unsigned rep, unsigned def);

static void put_nothing(
	const dpi_parquet_step *step, unsigned rep, unsigned def)
{
	for (uint32_t i = step->first_leaf; i < step->end_leaf; i++) {
		put(&expected[i], rep, def, dpi_bytes(NULL, 0));
	}
}

static void walk_inside(
	struct test_avro *in, uint32_t at, unsigned rep, unsigned def)
{
	uint32_t end = schema->steps[at].end;

	for (uint32_t i = at + 1; i < end; i = schema->steps[i].end) {
		walk(in, i, rep, def);
	}
}

/* Each element is a level deeper than the list. */
static void walk_list(
	struct test_avro *in, uint32_t at, unsigned rep, unsigned def)
{
	const dpi_parquet_step *step = &schema->steps[at];
	int64_t count = test_avro_long(in);
	unsigned next = rep;

	if (count == 0) {
		put_nothing(step, rep, def);
	}
	while (count != 0) {
		need(count > 0 && !in->bad);
		for (; count > 0; count--) {
			walk_inside(in, at, next, def + 1);
			next = step->rep;
		}
		count = test_avro_long(in);
	}
}

static dp_bytes take_bytes(struct test_avro *in, size_t size)
{
	dp_bytes bytes = {in->at, size};

	need(size <= (size_t)(in->end - in->at));
	in->at += size;
	return bytes;
}

/* As Parquet has it. */
static dp_bytes walk_value(struct test_avro *in, dpi_step_kind kind)
{
	static uint8_t number[8];
	dp_bytes bytes;
	uint64_t value = 0;

	switch (kind) {
	case DPI_STEP_BOOL:
		return take_bytes(in, 1);
	case DPI_STEP_FLOAT:
		return take_bytes(in, 4);
	case DPI_STEP_DOUBLE:
		return take_bytes(in, 8);
	case DPI_STEP_INT32:
	case DPI_STEP_INT64:
		dpi_store_u64(number, (uint64_t)test_avro_long(in));
		return dpi_bytes(number, kind == DPI_STEP_INT32 ? 4 : 8);
	case DPI_STEP_DECIMAL:
		bytes = test_avro_bytes(in);
		for (size_t i = 0; i < bytes.size; i++) {
			value = value << 8 | ((const uint8_t *)bytes.data)[i];
		}
		dpi_store_u64(number, value);
		return dpi_bytes(number, 8);
	default:
		return test_avro_bytes(in);
	}
}

/* def is that of what is around the step. */
static void walk(struct test_avro *in, uint32_t at, unsigned rep, unsigned def)
{
	const dpi_parquet_step *step = &schema->steps[at];

	if (step->is_nullable && test_avro_long(in) == 0) {
		put_nothing(step, rep, def);
		return;
	}
	def += step->is_optional;
	switch (step->kind) {
	case DPI_STEP_RECORD:
		walk_inside(in, at, rep, def);
		break;
	case DPI_STEP_LIST:
	case DPI_STEP_MAP:
		walk_list(in, at, rep, def);
		break;
	default:
		put(&expected[step->first_leaf], rep, def,
			walk_value(in, step->kind));
	}
}

static void walk_datum(struct test_avro *in)
{
	for (uint32_t i = 0; i < schema->step_count; i = schema->steps[i].end) {
		walk(in, i, 0, 0);
	}
	need(!in->bad);
}

/* Both files, and the datums. */
struct files {
	dpi_buf datums;
	int64_t count;
	dpi_avro_file avro;
	dpi_parquet_worker worker;
	dpi_parquet_file parquet;
};

static void open_files(struct files *f, unsigned choice)
{
	static const uint8_t sync[DPI_AVRO_SYNC_SIZE] = "sixteen bytes...";
	static const dp_compression codecs[] = {DP_COMPRESSION_NONE,
		DP_COMPRESSION_DEFLATE, DP_COMPRESSION_ZSTD};

	f->count = 0;
	dpi_buf_init(&f->datums, &heap.alloc, SIZE_MAX);
	need(dpi_avro_file_init(&f->avro, &heap.alloc, codecs[choice % 3],
		     dpi_buf_text(&avro_schema), NULL, 0, sync, NULL) == DP_OK);
	f->avro.block_bytes = 100 + choice;
	dpi_parquet_worker_init(&f->worker, &heap.alloc, DP_COMPRESSION_NONE);
	need(dpi_parquet_file_init(&f->parquet, &heap.alloc, schema, &f->worker,
		     NULL, 0, NULL) == DP_OK);
}

static void close_files(struct files *f)
{
	dpi_parquet_file_fini(&f->parquet);
	dpi_parquet_worker_fini(&f->worker);
	dpi_avro_file_fini(&f->avro);
	dpi_buf_fini(&f->datums);
}

static void add(struct files *f, const uint8_t *data, size_t size)
{
	size_t before = f->datums.size;
	dp_bytes datum;

	if (dpi_avro_encode(plan, coder, data, size, &f->datums, NULL) !=
		DP_OK) {
		return;
	}
	datum = dpi_bytes(f->datums.data + before, f->datums.size - before);
	need(dpi_avro_file_append(&f->avro, datum, 1, NULL) == DP_OK);
	need(dpi_parquet_file_append(&f->parquet, datum, 1, NULL) == DP_OK);
	if (size % 2 == 1) {
		need(dpi_parquet_file_cut(&f->parquet, size % 4 == 1, NULL) ==
			DP_OK);
	}
	f->count++;
}

/* A record of the Avro file: the next of the datums. */
static void check_record(void *user, const char *path, struct test_avro *in)
{
	const uint8_t **next = user;
	const uint8_t *start = in->at;

	(void)path;
	walk_datum(in);
	need(memcmp(start, *next, (size_t)(in->at - start)) == 0);
	*next += in->at - start;
}

static void check_files(struct files *f)
{
	const uint8_t *next = f->datums.data;

	need(dpi_avro_file_flush(&f->avro, NULL) == DP_OK);
	need(test_avro_read("the file",
		     dpi_bytes(f->avro.out.data, f->avro.out.size),
		     check_record, &next) == f->count);
	need(next == f->datums.data + f->datums.size);
	need(dpi_parquet_file_finish(&f->parquet, NULL) == DP_OK);
	need(test_parquet_read(
		     dpi_bytes(f->parquet.out.data, f->parquet.out.size),
		     leaves, schema->leaf_count, put_actual, NULL) == f->count);
	for (uint32_t i = 0; i < schema->leaf_count; i++) {
		need(expected[i].size == actual[i].size &&
			(actual[i].size == 0 ||
				memcmp(expected[i].data, actual[i].data,
					actual[i].size) == 0));
		dpi_buf_clear(&expected[i]);
		dpi_buf_clear(&actual[i]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct files files;

	if (coder == NULL) {
		prepare();
	}
	open_files(&files, size > 0 ? data[0] : 0);
	for (size_t at = 1; at < size;) {
		size_t n = data[at++];

		n = n < size - at ? n : size - at;
		add(&files, data + at, n);
		at += n;
	}
	check_files(&files);
	close_files(&files);
	return 0;
}
