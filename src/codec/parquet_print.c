/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/parquet_schema.h"

/* The schema as readers print it: a line each column, a block each group. */

typedef struct parquet_printer {
	const dpi_parquet_schema *schema;
	dpi_buf *out;
	unsigned depth;
} parquet_printer;

static void begin_line(parquet_printer *p)
{
	for (unsigned i = 0; i < p->depth; i++) {
		(void)dpi_buf_append_string(p->out, "  ");
	}
}

static void open_group(parquet_printer *p, const char *before, const char *name,
	const char *logical)
{
	begin_line(p);
	(void)dpi_buf_printf(
		p->out, "%s group %s%s {\n", before, name, logical);
	p->depth++;
}

static void close_group(parquet_printer *p)
{
	p->depth--;
	begin_line(p);
	(void)dpi_buf_append_string(p->out, "}\n");
}

static const char *type_of(dpi_step_kind kind)
{
	switch (kind) {
	case DPI_STEP_BOOL:
		return "boolean";
	case DPI_STEP_INT32:
		return "int32";
	case DPI_STEP_INT64:
	case DPI_STEP_DECIMAL:
		return "int64";
	case DPI_STEP_FLOAT:
		return "float";
	case DPI_STEP_DOUBLE:
		return "double";
	default:
		return "binary";
	}
}

static const char *logical_of(dpi_parquet_logical logical)
{
	switch (logical) {
	case DPI_LOGICAL_STRING:
		return " (STRING)";
	case DPI_LOGICAL_JSON:
		return " (JSON)";
	case DPI_LOGICAL_UINT64:
		return " (INTEGER(64,false))";
	case DPI_LOGICAL_TIMESTAMP:
		return " (TIMESTAMP(MICROS,true))";
	default:
		return "";
	}
}

static void print_steps(parquet_printer *p, uint32_t i, uint32_t end);

static void print_step(parquet_printer *p, uint32_t i)
{
	const dpi_parquet_step *step = &p->schema->steps[i];
	const char *before = step->is_optional ? "optional" : "required";

	switch (step->kind) {
	case DPI_STEP_RECORD:
		open_group(p, before, step->name, "");
		break;
	case DPI_STEP_LIST:
		open_group(p, before, step->name, " (LIST)");
		open_group(p, "repeated", "list", "");
		break;
	case DPI_STEP_MAP:
		open_group(p, before, step->name, " (MAP)");
		open_group(p, "repeated", "key_value", "");
		break;
	default:
		begin_line(p);
		(void)dpi_buf_printf(p->out, "%s %s %s%s;\n", before,
			type_of(step->kind), step->name,
			logical_of(step->logical));
		return;
	}
	print_steps(p, i + 1, step->end);
	if (step->kind != DPI_STEP_RECORD) {
		close_group(p);
	}
	close_group(p);
}

static void print_steps(parquet_printer *p, uint32_t i, uint32_t end)
{
	for (; i < end; i = p->schema->steps[i].end) {
		print_step(p, i);
	}
}

void dpi_parquet_schema_print(const dpi_parquet_schema *schema, dpi_buf *out)
{
	parquet_printer p = {.schema = schema, .out = out, .depth = 1};

	(void)dpi_buf_printf(out, "message %s {\n", schema->name);
	print_steps(&p, 0, schema->step_count);
	(void)dpi_buf_append_string(out, "}\n");
}
