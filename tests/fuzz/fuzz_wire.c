/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "all_kinds.h"
#include "base/bytes.h"
#include "codec/recover.h"
#include "test_heap.h"

/*
 * Input: the bytes of a message. What is taken must be a datum that reads, by
 * the plan, to its very end, and the same again; Avro and rows must agree on
 * what is taken. As a part of a message it must be taken, too, whatever a row
 * has already.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CELLS_MAX = 64 };

static struct test_heap heap;
static dpi_plan *avro, *row;
static dpi_coder *coder;

static void need(int is_true)
{
	if (!is_true) {
		abort();
	}
}

static void prepare(void)
{
	struct set_builder set;
	dp_schema *schema = NULL;

	test_heap_init(&heap);
	set_builder_init(&set, &heap.alloc);
	describe_all_kinds(&set);
	need(dpi_schema_new(&schema, &heap.alloc, set.buf.data, set.buf.size,
		     "t.M", NULL) == DP_OK);
	need(dpi_plan_new(&avro, &heap.alloc, schema, DPI_TARGET_AVRO, NULL) ==
		DP_OK);
	need(dpi_plan_new(&row, &heap.alloc, schema, DPI_TARGET_ROW, NULL) ==
		DP_OK);
	need(dpi_coder_new(&coder, &heap.alloc, NULL) == DP_OK);
	dp_schema_unref(schema);
	set_builder_fini(&set);
}

struct reader {
	const uint8_t *p, *end;
};

static int64_t read_long(struct reader *r)
{
	uint64_t bits = 0;

	r->p = dpi_get_varint(r->p, r->end, &bits);
	need(r->p != NULL);
	return (int64_t)(bits >> 1) ^ -(int64_t)(bits & 1);
}

static void skip(struct reader *r, int64_t size)
{
	need(size >= 0 && size <= r->end - r->p);
	r->p += size;
}

static int read_branch(struct reader *r)
{
	int64_t branch = read_long(r);

	need(branch == 0 || branch == 1);
	return branch == 1;
}

static void read_record(struct reader *r, const dpi_plan_node *node);

static void read_value(struct reader *r, const dpi_plan_field *field)
{
	switch (field->kind) {
	case DPI_KIND_BOOL:
		skip(r, 1);
		need(r->p[-1] <= 1);
		break;
	case DPI_KIND_FLOAT:
		skip(r, 4);
		break;
	case DPI_KIND_DOUBLE:
		skip(r, 8);
		break;
	case DPI_KIND_UINT64:
	case DPI_KIND_STRING:
	case DPI_KIND_BYTES:
	case DPI_KIND_ENUM:
	case DPI_KIND_JSON:
		skip(r, read_long(r));
		break;
	case DPI_KIND_WRAPPER:
		read_value(r, &field->child->fields[0]);
		break;
	case DPI_KIND_RECORD:
		read_record(r, field->child);
		break;
	default:
		(void)read_long(r);
	}
}

static void read_array(struct reader *r, const dpi_plan_field *field)
{
	int64_t count;

	while ((count = read_long(r)) != 0) {
		need(count > 0);
		while (count-- > 0) {
			if (field->is_map) {
				read_value(r, field->child->key);
				read_value(r, field->child->value);
			} else {
				read_value(r, field);
			}
		}
	}
}

static void read_record(struct reader *r, const dpi_plan_node *node)
{
	for (size_t i = 0; i < node->field_count; i++) {
		const dpi_plan_field *field = &node->fields[i];

		if (field->is_repeated) {
			read_array(r, field);
		} else if (read_branch(r)) {
			read_value(r, field);
		} else {
			need(field->has_presence);
		}
	}
	for (size_t i = 0; i < node->type->oneof_count; i++) {
		if (read_branch(r)) {
			skip(r, read_long(r));
		}
	}
	if (read_branch(r)) {
		skip(r, read_long(r));
	}
}

static dp_status encode(dpi_buf *out, const uint8_t *data, size_t size)
{
	dp_error *err = NULL;
	dp_status st = dpi_avro_encode(avro, coder, data, size, out, &err);

	need(dp_error_code(err) == st);
	dp_error_free(err);
	return st;
}

static void check_datum(const uint8_t *data, size_t size, const dpi_buf *out)
{
	struct reader r = {out->data, out->data + out->size};
	dpi_buf again;

	read_record(&r, avro->nodes[0]);
	need(r.p == r.end);
	dpi_buf_init(&again, &heap.alloc, SIZE_MAX);
	need(encode(&again, data, size) == DP_OK);
	need(again.size == out->size &&
		memcmp(again.data, out->data, out->size) == 0);
	dpi_buf_fini(&again);
}

/* Nothing filled, then each second column, then all. */
static void check_parts(const uint8_t *data, size_t size, dp_status whole)
{
	bool is_filled[CELLS_MAX] = {false};
	dpi_cell cells[CELLS_MAX];

	for (size_t filled = 0; filled < 3; filled++) {
		dp_status st;

		for (size_t i = 0; i < CELLS_MAX; i++) {
			is_filled[i] = i % 2 < filled;
		}
		st = dpi_row_recover(
			row, coder, data, size, is_filled, cells, NULL);
		need(st == DP_OK || whole != DP_OK);
	}
	for (size_t i = 0; whole == DP_OK && i + 1 < row->column_count; i++) {
		need(cells[i].kind == DPI_CELL_NULL);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	dpi_cell cells[CELLS_MAX];
	dpi_buf out;
	dp_status st;

	if (coder == NULL) {
		prepare();
		need(row->column_count <= CELLS_MAX);
	}
	dpi_buf_init(&out, &heap.alloc, SIZE_MAX);
	st = encode(&out, data, size);
	need((st == DP_OK) ==
		(dpi_row_encode(row, coder, data, size, cells, NULL) == DP_OK));
	if (st == DP_OK) {
		check_datum(data, size, &out);
	}
	check_parts(data, size, st);
	dpi_buf_fini(&out);
	return 0;
}
