/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "codec/avro_file.h"
#include "codec/parquet_file.h"
#include "codec/plan.h"
#include "case_input.h"
#include "schema/descriptor.h"
#include "test_heap.h"

/*
 * Writes what readers of other makers then read back. Standard input is a run
 * of cases (case_input.h):
 *
 *   text   FileDescriptorSet
 *   text   full name of the message type
 *   text   path of the Avro file; the rows go to the same with ".rows"
 *   number dp_compression
 *   number count, then as many texts: messages
 *
 * Beside the Avro file stands a Parquet file of the same, with ".parquet", cut
 * into row groups after every fifth message.
 *
 * Records of the Avro file have a column `_n`, the message's index, so that
 * those that were refused are seen; why is told on standard output.
 *
 * A file of rows has the count of columns, then their names and types as
 * texts, then for each message its index, and for each cell its kind as a
 * number and 8 bytes (an integer or a double) or a text.
 */

static FILE *create(const char *path, const char *suffix)
{
	char name[4096];
	FILE *file;

	snprintf(name, sizeof(name), "%s%s", path, suffix);
	file = fopen(name, "wb");
	if (file == NULL) {
		die(name, NULL);
	}
	return file;
}

struct target {
	const dp_allocator *alloc;
	dpi_plan *avro_plan, *row_plan, *parquet_plan;
	dpi_coder *coder;
	dpi_avro_file avro;
	dpi_parquet_schema *schema;
	dpi_parquet_worker worker;
	dpi_parquet_file parquet;
	FILE *rows;
	dpi_cell *cells;
	size_t cell_count;
};

static const dpi_column_given given = {"_n", "\"int\""};

static void open_parquet(struct target *t, uint32_t compression)
{
	dp_error *err = NULL;
	char levels[12];
	dpi_file_meta meta = {"datapipe.recursion", {levels, 0}};

	meta.value.size = (size_t)snprintf(levels, sizeof(levels), "%u",
		dpi_plan_recursion(t->parquet_plan));
	/* What is Avro's alone is not compressed here. */
	dpi_parquet_worker_init(&t->worker, t->alloc,
		compression <= DP_COMPRESSION_SNAPPY
			? (dp_compression)compression
			: DP_COMPRESSION_NONE);
	if (dpi_parquet_schema_new(&t->schema, t->alloc, t->parquet_plan,
		    &given, 1, &err) != DP_OK ||
		dpi_parquet_file_init(&t->parquet, t->alloc, t->schema,
			&t->worker, &meta, 1, &err) != DP_OK) {
		die("Parquet file", err);
	}
}

static void open_avro(struct target *t, uint32_t compression)
{
	static const uint8_t sync[DPI_AVRO_SYNC_SIZE] = "sync of a test!";
	dp_error *err = NULL;
	dpi_buf schema;

	dpi_buf_init(&schema, t->alloc, 64 << 20);
	if (dpi_avro_schema(t->avro_plan, &given, 1, &schema, &err) != DP_OK ||
		dpi_avro_file_init(&t->avro, t->alloc,
			(dp_compression)compression, dpi_buf_text(&schema),
			NULL, 0, sync, &err) != DP_OK) {
		die("schema", err);
	}
	dpi_buf_fini(&schema);
}

static void open_rows(struct target *t, const char *path)
{
	const dpi_column *columns;

	t->cell_count = dpi_row_columns(t->row_plan, &columns);
	t->cells = calloc(t->cell_count, sizeof(*t->cells));
	t->rows = create(path, ".rows");
	put_number(t->rows, (uint32_t)t->cell_count);
	for (size_t i = 0; i < t->cell_count; i++) {
		put_text(t->rows, dpi_bytes_text(columns[i].name));
		put_text(t->rows, dpi_bytes_text(columns[i].sql_type));
	}
}

static void put_cell(FILE *file, const dpi_cell *cell)
{
	put_number(file, (uint32_t)cell->kind);
	if (cell->kind == DPI_CELL_INT) {
		fwrite(&cell->integer, 1, 8, file);
	} else if (cell->kind == DPI_CELL_REAL) {
		fwrite(&cell->real, 1, 8, file);
	} else if (cell->kind != DPI_CELL_NULL) {
		put_text(file, cell->bytes);
	}
}

static void refuse(
	const char *path, const char *target, uint32_t number, dp_error *err)
{
	printf("%s %s %u %s %s\n", path, target, number,
		dp_status_name(dp_error_code(err)), dp_error_message(err));
	dp_error_free(err);
}

static void write_parquet(
	struct target *t, const char *path, uint32_t number, dp_bytes message)
{
	dp_error *err = NULL;
	dpi_buf datum;

	dpi_buf_init(&datum, t->alloc, 1 << 30);
	(void)dpi_avro_put_long(&datum, number);
	if (dpi_avro_encode(t->parquet_plan, t->coder, message.data,
		    message.size, &datum, &err) != DP_OK) {
		refuse(path, "parquet", number, err);
	} else if (dpi_parquet_file_append(&t->parquet,
			   dpi_bytes(datum.data, datum.size), 1,
			   &err) != DP_OK ||
		(number % 5 == 4 &&
			dpi_parquet_file_cut(
				&t->parquet, number % 2 == 0, &err) != DP_OK)) {
		die("row", err);
	}
	dpi_buf_fini(&datum);
}

static void write_message(
	struct target *t, const char *path, uint32_t number, dp_bytes message)
{
	dpi_buf *block = &t->avro.block;
	size_t start = block->size;
	dp_error *err = NULL;

	(void)dpi_avro_put_long(block, number);
	if (dpi_avro_encode(t->avro_plan, t->coder, message.data, message.size,
		    block, &err) != DP_OK) {
		block->size = start;
		refuse(path, "avro", number, err);
	} else if (dpi_avro_file_end(&t->avro, 1, &err) != DP_OK) {
		die("record", err);
	}
	write_parquet(t, path, number, message);
	err = NULL;
	if (dpi_row_encode(t->row_plan, t->coder, message.data, message.size,
		    t->cells, &err) != DP_OK) {
		refuse(path, "row", number, err);
		return;
	}
	put_number(t->rows, number);
	for (size_t i = 0; i < t->cell_count; i++) {
		put_cell(t->rows, &t->cells[i]);
	}
}

static void close_parquet(struct target *t, const char *path)
{
	FILE *file = create(path, ".parquet");
	dp_error *err = NULL;

	if (dpi_parquet_file_finish(&t->parquet, &err) != DP_OK) {
		die("footer", err);
	}
	fwrite(t->parquet.out.data, 1, t->parquet.out.size, file);
	if (fclose(file) != 0) {
		die(path, NULL);
	}
	dpi_parquet_file_fini(&t->parquet);
	dpi_parquet_schema_unref(t->schema);
	dpi_parquet_worker_fini(&t->worker);
}

static void close_files(struct target *t, const char *path)
{
	dp_error *err = NULL;
	FILE *file = create(path, "");

	if (dpi_avro_file_flush(&t->avro, &err) != DP_OK) {
		die("block", err);
	}
	fwrite(t->avro.out.data, 1, t->avro.out.size, file);
	if (fclose(file) != 0 || fclose(t->rows) != 0) {
		die(path, NULL);
	}
	dpi_avro_file_fini(&t->avro);
	free(t->cells);
	close_parquet(t, path);
}

static void run_case(const dp_allocator *alloc)
{
	dp_bytes set = get_text();
	char *type = get_string();
	char *path = get_string();
	uint32_t compression = get_number();
	uint32_t count = get_number();
	struct target t = {.alloc = alloc};
	dp_schema *schema = NULL;
	dp_error *err = NULL;

	if (dpi_schema_new(&schema, alloc, set.data, set.size, type, &err) !=
			DP_OK ||
		dpi_plan_new(&t.avro_plan, alloc, schema, DPI_TARGET_AVRO,
			&err) != DP_OK ||
		dpi_plan_new(&t.row_plan, alloc, schema, DPI_TARGET_ROW,
			&err) != DP_OK ||
		dpi_plan_new(&t.parquet_plan, alloc, schema, DPI_TARGET_PARQUET,
			&err) != DP_OK ||
		dpi_coder_new(&t.coder, alloc, &err) != DP_OK) {
		die(path, err);
	}
	open_avro(&t, compression);
	open_parquet(&t, compression);
	open_rows(&t, path);
	for (uint32_t i = 0; i < count; i++) {
		write_message(&t, path, i, get_text());
	}
	close_files(&t, path);
	dpi_coder_free(t.coder);
	dpi_plan_free(t.parquet_plan);
	dpi_plan_free(t.row_plan);
	dpi_plan_free(t.avro_plan);
	dp_schema_unref(schema);
	free(path);
	free(type);
}

int main(void)
{
	struct test_heap heap;

	test_heap_init(&heap);
	read_input();
	while (has_input()) {
		run_case(&heap.alloc);
	}
	end_input();
	return heap.live_bytes == 0 ? 0 : 2;
}
