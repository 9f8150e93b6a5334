/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/plan.h"

#include <math.h>

#include "codec/json.h"
#include "codec/json_text.h"
#include "codec/recover.h"
#include "codec/scan.h"
#include "codec/unknown.h"
#include "codec/value.h"

/*
 * Text of a row's cells is made in one buffer, which may move while it grows.
 * So a cell's text is its offset first, with its size, and becomes a pointer
 * when all cells are made.
 */

/*
 * SQL's integers end at 2^63 - 1, and its NUMERIC may round: unsigned ones of
 * 64 bits are text, as they are in JSON.
 */
static const char *sql_type(const dpi_plan_field *field)
{
	if (field->is_repeated) {
		return "JSON TEXT";
	}
	switch (field->kind) {
	case DPI_KIND_BOOL:
	case DPI_KIND_INT32:
	case DPI_KIND_SINT32:
	case DPI_KIND_INT64:
	case DPI_KIND_SINT64:
	case DPI_KIND_UINT32:
	case DPI_KIND_DURATION:
		return "INTEGER";
	case DPI_KIND_FLOAT:
	case DPI_KIND_DOUBLE:
		return "REAL";
	case DPI_KIND_BYTES:
		return "BLOB";
	case DPI_KIND_WRAPPER:
		return sql_type(&field->child->fields[0]);
	case DPI_KIND_RECORD:
	case DPI_KIND_JSON:
		return "JSON TEXT";
	default:
		return "TEXT";
	}
}

bool dpi_row_prepare(dpi_plan *plan)
{
	const dpi_plan_node *node = plan->nodes[0];
	size_t count = node->slot_count + 1;
	dpi_column *columns =
		dpi_arena_zalloc(&plan->arena, count, sizeof(*columns));

	if (columns == NULL) {
		return false;
	}
	for (size_t i = 0; i < node->field_count; i++) {
		const dpi_plan_field *field = &node->fields[i];

		columns[i] = (dpi_column){
			field->name, sql_type(field), field->field->number};
	}
	for (size_t i = node->field_count; i < node->slot_count; i++) {
		columns[i] = (dpi_column){
			node->oneof_names[i - node->field_count], "TEXT", 0};
	}
	columns[count - 1] = (dpi_column){"_unknown", "BLOB", 0};
	plan->columns = columns;
	plan->column_count = count;
	return true;
}

size_t dpi_row_columns(const dpi_plan *plan, const dpi_column **ret_columns)
{
	*ret_columns = plan->columns;
	return plan->column_count;
}

static void set_int(dpi_cell *cell, int64_t value)
{
	cell->kind = DPI_CELL_INT;
	cell->integer = value;
}

/* SQL stores NaN as NULL, which would be another value. */
static bool set_real(dpi_output *output, dpi_cell *cell, double value)
{
	if (isnan(value)) {
		return dpi_output_text(output, "NaN");
	}
	cell->kind = DPI_CELL_REAL;
	cell->real = value;
	return true;
}

/* Empty is not NULL: drivers tell the two apart by the pointer. */
static void set_bytes(dpi_cell *cell, dpi_cell_kind kind, dp_bytes bytes)
{
	cell->kind = kind;
	cell->bytes = bytes.data != NULL ? bytes : dpi_bytes("", 0);
}

static bool set_enum(dpi_output *output, dpi_cell *cell,
	const dpi_plan_field *field, int32_t number)
{
	const dpi_plan_label *label =
		dpi_plan_enum_find(field->enumeration, number);

	if (label == NULL) {
		return dpi_json_int(output, number);
	}
	set_bytes(cell, DPI_CELL_TEXT, label->name);
	return true;
}

static bool set_string(dpi_coder *coder, dpi_cell *cell, const dpi_slot *slot)
{
	dp_bytes text;

	if (!dpi_value_text(coder, slot, &text)) {
		return false;
	}
	set_bytes(cell, DPI_CELL_TEXT, text);
	return true;
}

static bool set_time(dpi_coder *coder, dpi_output *output, dpi_cell *cell,
	const dpi_plan_field *field, const dpi_slot *slot)
{
	dpi_time_value time;
	int64_t nanos;

	if (!dpi_value_time(
		    coder, field->child, dpi_slot_pieces(coder, slot), &time)) {
		return false;
	}
	if (field->kind == DPI_KIND_TIMESTAMP) {
		return dpi_json_timestamp(
			output, time.seconds, time.nanos, true);
	}
	if (!dpi_value_nanos(coder, time, &nanos)) {
		return false;
	}
	set_int(cell, nanos);
	return true;
}

static bool set_value(dpi_coder *coder, dpi_output *output, dpi_cell *cell,
	const dpi_plan_field *field, const dpi_slot *slot);

static bool set_wrapper(dpi_coder *coder, dpi_output *output, dpi_cell *cell,
	const dpi_plan_field *field, const dpi_slot *slot)
{
	dpi_frame *frame = dpi_coder_enter(coder, field->child);

	if (frame == NULL ||
		!dpi_scan(coder, frame, dpi_slot_pieces(coder, slot)) ||
		!set_value(coder, output, cell, &field->child->fields[0],
			dpi_frame_slot(frame, 0))) {
		return false;
	}
	dpi_coder_leave_text(coder);
	return true;
}

/* Sets the cell, or writes its text and leaves the cell as it was. */
static bool set_value(dpi_coder *coder, dpi_output *output, dpi_cell *cell,
	const dpi_plan_field *field, const dpi_slot *slot)
{
	switch (field->kind) {
	case DPI_KIND_UINT64:
		return dpi_json_uint(output, slot->bits);
	case DPI_KIND_FLOAT:
		return set_real(
			output, cell, (double)dpi_value_float(slot->bits));
	case DPI_KIND_DOUBLE:
		return set_real(output, cell, dpi_value_double(slot->bits));
	case DPI_KIND_STRING:
		return set_string(coder, cell, slot);
	case DPI_KIND_BYTES:
		set_bytes(cell, DPI_CELL_BLOB, dpi_value_bytes(coder, slot));
		return true;
	case DPI_KIND_ENUM:
		return set_enum(output, cell, field, (int32_t)slot->bits);
	case DPI_KIND_TIMESTAMP:
	case DPI_KIND_DURATION:
		return set_time(coder, output, cell, field, slot);
	case DPI_KIND_WRAPPER:
		return set_wrapper(coder, output, cell, field, slot);
	case DPI_KIND_RECORD:
	case DPI_KIND_JSON:
		return dpi_json_message(coder, output, field->child,
			dpi_slot_pieces(coder, slot));
	default:
		set_int(cell, dpi_value_int(field->kind, slot->bits));
		return true;
	}
}

/* `integer` of a text cell is its offset + 1 until all cells are made. */
static bool set_column(dpi_coder *coder, dpi_output *output, dpi_cell *cell,
	const dpi_plan_field *field, const dpi_slot *slot)
{
	size_t start = dpi_output_size(output);
	bool is_ok = field->is_repeated
		? dpi_json_repeated(coder, output, field, slot)
		: set_value(coder, output, cell, field, slot) &&
			(coder->lost == 0 ||
				dpi_keep_whole(coder, field, slot));

	if (is_ok && cell->kind == DPI_CELL_NULL) {
		cell->kind = DPI_CELL_TEXT;
		cell->integer = (int64_t)start + 1;
		cell->bytes.size = dpi_output_size(output) - start;
	}
	return is_ok;
}

/* A field that is not there is its zero, or a list without elements. */
static bool is_absent(
	const dpi_frame *frame, size_t i, const dpi_plan_field *field)
{
	return !dpi_frame_has(frame, i) && field->has_presence &&
		!field->is_repeated;
}

static bool set_cells(dpi_coder *coder, dpi_output *output, dpi_frame *frame,
	dpi_cell *cells, bool is_part)
{
	const dpi_plan_node *node = frame->node;

	for (size_t i = 0; i < node->field_count; i++) {
		const dpi_plan_field *field = &node->fields[i];

		frame->field = field;
		if (is_part ? !dpi_frame_has(frame, i)
			    : is_absent(frame, i, field)) {
			continue;
		}
		if (!set_column(coder, output, &cells[i], field,
			    dpi_frame_slot(frame, i))) {
			return false;
		}
	}
	for (size_t i = 0; i < node->type->oneof_count; i++) {
		const dpi_plan_field *chosen = dpi_frame_chosen(frame, i);

		if (chosen != NULL) {
			set_bytes(&cells[node->field_count + i], DPI_CELL_TEXT,
				dpi_bytes_text(chosen->name));
		}
	}
	return true;
}

static void place_texts(const dpi_coder *coder, dpi_cell *cells, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (cells[i].kind == DPI_CELL_TEXT && cells[i].integer > 0) {
			cells[i].bytes.data =
				coder->text.data + cells[i].integer - 1;
			cells[i].integer = 0;
		}
	}
}

/* What no column holds is the last cell. */
static void set_unknown(
	const dpi_coder *coder, const dpi_plan *plan, dpi_cell *cells)
{
	if (coder->unknown.size > 0) {
		set_bytes(&cells[plan->column_count - 1], DPI_CELL_BLOB,
			dpi_bytes(coder->unknown.data, coder->unknown.size));
	}
}

static bool put_row(dpi_coder *coder, dpi_output *output, const dpi_plan *plan,
	dpi_run all, dpi_cell *cells)
{
	dpi_frame *frame = dpi_coder_enter(coder, plan->nodes[0]);

	return frame != NULL && dpi_scan(coder, frame, all) &&
		set_cells(coder, output, frame, cells, false);
}

/* Text and unknown fields are where they stay. */
static dp_status end_row(dpi_coder *coder, dpi_output *output, bool is_ok,
	dpi_cell *cells, dp_error **err)
{
	if (!is_ok) {
		if (coder->failed == DP_OK) {
			(void)dpi_coder_fail_buffer(coder, output->failed);
		}
		return dpi_coder_report(coder, coder->plan, err);
	}
	(void)dpi_output_finish(output);
	set_unknown(coder, coder->plan, cells);
	place_texts(coder, cells, coder->plan->column_count);
	return DP_OK;
}

dp_status dpi_row_encode(const dpi_plan *plan, dpi_coder *coder,
	const void *wire, size_t size, dpi_cell *cells, dp_error **err)
{
	dpi_run all = {0, (uint32_t)size, 0};
	dpi_output output;

	if (dpi_coder_begin(coder, plan, wire, size) != DP_OK) {
		return dpi_coder_report(coder, plan, err);
	}
	memset(cells, 0, plan->column_count * sizeof(*cells));
	dpi_output_begin(&output, &coder->text, coder->limit);
	return end_row(coder, &output,
		put_row(coder, &output, plan, all, cells), cells, err);
}

static bool put_part(dpi_coder *coder, dpi_output *output, const dpi_plan *plan,
	const bool *is_filled, dpi_cell *cells)
{
	dpi_frame *frame = dpi_coder_enter(coder, plan->nodes[0]);
	dpi_run pieces;

	return frame != NULL &&
		dpi_recover_pick(coder, frame, is_filled, &pieces) &&
		dpi_scan_part(coder, frame, pieces) &&
		set_cells(coder, output, frame, cells, true);
}

dp_status dpi_row_recover(const dpi_plan *plan, dpi_coder *coder,
	const void *unknown, size_t size, const bool *is_filled,
	dpi_cell *cells, dp_error **err)
{
	dpi_output output;

	if (dpi_coder_begin(coder, plan, unknown, size) != DP_OK) {
		return dpi_coder_report(coder, plan, err);
	}
	memset(cells, 0, plan->column_count * sizeof(*cells));
	dpi_output_begin(&output, &coder->text, coder->limit);
	return end_row(coder, &output,
		put_part(coder, &output, plan, is_filled, cells), cells, err);
}
