/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_CODEC_NESTED_H
#define DPI_CODEC_NESTED_H

#include "base/arena.h"
#include "codec/plan.h"

/*
 * What a plan's columns are called, and of which types, where records are
 * columns inside of columns: for those who compare, describe or alter a
 * destination, and write no event. doc/mapping.md has the types.
 */

typedef enum dpi_dialect {
	DPI_DIALECT_AVRO,
	DPI_DIALECT_PARQUET,
	DPI_DIALECT_BIGQUERY
} dpi_dialect;

typedef struct dpi_nested_column dpi_nested_column;

/* Columns beside each other: of the event, or of a record. */
typedef struct dpi_nested_columns {
	const dpi_nested_column *items;
	size_t count;
} dpi_nested_columns;

struct dpi_nested_column {
	const char *name;
	const char *type; /* of one value, in the dialect's words */
	uint32_t number;  /* of the field; 0 for columns of ours */
	bool is_repeated;
	/* Of a record, else none. Shared by all columns of that record. */
	const dpi_nested_columns *columns;
};

/*
 * The columns of a plan for DPI_TARGET_AVRO or DPI_TARGET_PARQUET, without
 * those that a sink puts in front. They live as long as arena and plan.
 * Errors: DP_ENOMEM, DP_ETOOBIG (records nested over 200 deep)
 */
DP_NODISCARD dp_status dpi_nested_columns_of(dpi_nested_columns *ret,
	dpi_arena *arena, const dpi_plan *plan, dpi_dialect dialect,
	dp_error **err);

#endif /* DPI_CODEC_NESTED_H */
