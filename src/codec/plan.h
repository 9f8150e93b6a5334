/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_CODEC_PLAN_H
#define DPI_CODEC_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include <datapipe/registry.h>

#include "base/buf.h"

/*
 * A plan is what a schema becomes for one target: tables, compiled once, that
 * a coder follows over the wire bytes of each event. No message tree, no
 * allocation for each event, bounds before anything else.
 *
 * Plans are immutable and may be shared by threads; a coder is the scratch
 * memory of one thread.
 */

typedef struct dpi_plan dpi_plan;
typedef struct dpi_coder dpi_coder;

typedef enum dpi_target {
	DPI_TARGET_AVRO,
	DPI_TARGET_ROW,
	DPI_TARGET_JSON,
	/*
	 * Avro's datums, of a message that has a column for each path: where
	 * five levels of recursion would be over DPI_PARQUET_COLUMNS_FAIR
	 * columns, there are less. See codec/parquet_schema.h.
	 */
	DPI_TARGET_PARQUET
} dpi_target;

/* How messages are written as JSON. */
enum {
	DPI_JSON_FIELD_NAMES = 1u << 0,
	DPI_JSON_ZEROS = 1u << 1,
	DPI_JSON_ENUM_NUMBERS = 1u << 2,
	/* Inside of a column, where nothing is lost: unknown fields are a
	 * member, an Any has its bytes, and -0 is read back as a double. */
	DPI_JSON_COLUMN = 1u << 3
};

/* Columns that recursion alone may make of a message. */
#define DPI_PARQUET_COLUMNS_FAIR 1000u

/* A fixed column in front of those of the message. */
typedef struct dpi_column_given {
	const char *name;        /* begins with '_' */
	const char *avro_schema; /* JSON text of its type */
} dpi_column_given;

/*
 * Compiles the plan of schema for target. Takes a reference to schema.
 * Errors: DP_ENOMEM, DP_ETOOBIG (more than 100,000 nodes).
 */
DP_NODISCARD dp_status dpi_plan_new(dpi_plan **ret_plan,
	const dp_allocator *alloc, dp_schema *schema, dpi_target target,
	dp_error **err);

/* The plan for DPI_TARGET_JSON with flags. */
DP_NODISCARD dp_status dpi_plan_new_json(dpi_plan **ret_plan,
	const dp_allocator *alloc, dp_schema *schema, uint32_t flags,
	dp_error **err);
void dpi_plan_free(dpi_plan *plan);

/* Levels of recursion that are records; what is deeper is JSON. */
unsigned dpi_plan_recursion(const dpi_plan *plan);

DP_NODISCARD dp_status dpi_coder_new(
	dpi_coder **ret_coder, const dp_allocator *alloc, dp_error **err);
void dpi_coder_free(dpi_coder *coder);

/*
 * Avro: the schema of a record with the given columns, then one a field, then
 * `_unknown`, and the datum of all but the given columns, which the caller
 * has written before. Byte for byte what Avro 1.11 asks for.
 */
dp_status dpi_avro_schema(const dpi_plan *plan, const dpi_column_given *given,
	size_t given_count, dpi_buf *out, dp_error **err);

/*
 * Appends the datum of one event to out; on failure out is as it was.
 * Errors: DP_ESCHEMA, with the field's path and what is wrong; DP_ETOOBIG,
 *         DP_ENOMEM
 */
DP_NODISCARD dp_status dpi_avro_encode(const dpi_plan *plan, dpi_coder *coder,
	const void *wire, size_t size, dpi_buf *out, dp_error **err);

/* SQL: one cell a column. */
typedef enum dpi_cell_kind {
	DPI_CELL_NULL,
	DPI_CELL_INT,
	DPI_CELL_REAL,
	DPI_CELL_TEXT,
	DPI_CELL_BLOB
} dpi_cell_kind;

typedef struct dpi_cell {
	dpi_cell_kind kind;
	int64_t integer;
	double real;
	dp_bytes bytes; /* TEXT and BLOB; borrowed from the wire or the coder */
} dpi_cell;

typedef struct dpi_column {
	const char *name;     /* as the field; `_unknown` is the last */
	const char *sql_type; /* "INTEGER", "REAL", "TEXT", "BLOB"; "JSON TEXT",
				 which SQL takes for TEXT, is JSON */
	uint32_t number;      /* of the field; 0 for columns of our own */
} dpi_column;

size_t dpi_row_columns(const dpi_plan *plan, const dpi_column **ret_columns);

/*
 * Fills cells[0 .. dpi_row_columns()). They live until the coder's next call.
 * Errors as dpi_avro_encode().
 */
DP_NODISCARD dp_status dpi_row_encode(const dpi_plan *plan, dpi_coder *coder,
	const void *wire, size_t size, dpi_cell *cells, dp_error **err);

/*
 * ProtoJSON: appends the text of one event to out, at most limit bytes; on
 * failure out is as it was. Errors as dpi_avro_encode().
 */
DP_NODISCARD dp_status dpi_json_encode(const dpi_plan *plan, dpi_coder *coder,
	const void *wire, size_t size, size_t limit, dpi_buf *out,
	dp_error **err);

#endif /* DPI_CODEC_PLAN_H */
