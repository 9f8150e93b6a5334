/* SPDX-License-Identifier: Apache-2.0 */
#include "coder_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void coder_rig_init(struct coder_rig *rig)
{
	memset(rig, 0, sizeof(*rig));
	test_heap_init(&rig->heap);
	set_builder_init(&rig->set, &rig->heap.alloc);
	dpi_buf_init(&rig->out, &rig->heap.alloc, 64u << 20);
}

void coder_rig_fini(struct coder_rig *rig)
{
	set_builder_fini(&rig->set);
	dpi_plan_free(rig->avro);
	dpi_plan_free(rig->row);
	dpi_coder_free(rig->coder);
	dpi_buf_fini(&rig->out);
	free(rig->cells);
	dp_error_free(rig->err);
	assert_int_equal(rig->heap.live_bytes, 0);
	assert_int_equal(rig->heap.live_blocks, 0);
}

void coder_rig_plan(struct coder_rig *rig, const char *type)
{
	const dp_allocator *alloc = &rig->heap.alloc;
	dp_schema *schema = NULL;

	if (dpi_schema_new(&schema, alloc, rig->set.buf.data, rig->set.buf.size,
		    type, &rig->err) != DP_OK) {
		fail_msg("%s", dp_error_message(rig->err));
	}
	assert_int_equal(dpi_plan_new(&rig->avro, alloc, schema,
				 DPI_TARGET_AVRO, &rig->err),
		DP_OK);
	assert_int_equal(dpi_plan_new(&rig->row, alloc, schema, DPI_TARGET_ROW,
				 &rig->err),
		DP_OK);
	assert_int_equal(dpi_coder_new(&rig->coder, alloc, &rig->err), DP_OK);
	dp_schema_unref(schema);
	rig->cell_count = dpi_row_columns(rig->row, &rig->columns);
	rig->cells = calloc(rig->cell_count, sizeof(*rig->cells));
	assert_non_null(rig->cells);
}

static void forget_error(struct coder_rig *rig)
{
	dp_error_free(rig->err);
	rig->err = NULL;
}

dp_status coder_rig_avro(struct coder_rig *rig, dp_bytes wire)
{
	forget_error(rig);
	dpi_buf_clear(&rig->out);
	return dpi_avro_encode(rig->avro, rig->coder, wire.data, wire.size,
		&rig->out, &rig->err);
}

dp_status coder_rig_row(struct coder_rig *rig, dp_bytes wire)
{
	forget_error(rig);
	return dpi_row_encode(rig->row, rig->coder, wire.data, wire.size,
		rig->cells, &rig->err);
}

const char *coder_rig_cell(const struct coder_rig *rig, const char *column)
{
	static char text[4096];
	size_t i = 0;
	const dpi_cell *cell;

	while (i < rig->cell_count &&
		strcmp(rig->columns[i].name, column) != 0) {
		i++;
	}
	assert_true(i < rig->cell_count);
	cell = &rig->cells[i];
	switch (cell->kind) {
	case DPI_CELL_NULL:
		return "NULL";
	case DPI_CELL_INT:
		snprintf(text, sizeof(text), "INT %lld",
			(long long)cell->integer);
		break;
	case DPI_CELL_REAL:
		snprintf(text, sizeof(text), "REAL %.17g", cell->real);
		break;
	default:
		assert_non_null(cell->bytes.data);
		snprintf(text, sizeof(text), "%s %.*s",
			cell->kind == DPI_CELL_TEXT ? "TEXT" : "BLOB",
			(int)cell->bytes.size, (const char *)cell->bytes.data);
	}
	return text;
}
