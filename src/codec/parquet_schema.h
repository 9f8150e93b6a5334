/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_CODEC_PARQUET_SCHEMA_H
#define DPI_CODEC_PARQUET_SCHEMA_H

#include "base/arena.h"
#include "codec/parquet_thrift.h"
#include "codec/plan.h"

/*
 * What a plan's columns are in Parquet: a tree of steps, in the order in which
 * a datum of that plan has them (codec/avro_datum.h). Who follows the steps
 * over a datum comes by every value, with its levels; columns are the leaves.
 *
 * Levels, by the rules of Dremel: `def` tells how much of the path to a value
 * is there, `rep` at which of the lists around it a new element began.
 *
 *   single value    optional; in entries of maps, and if given, required
 *   message         optional group
 *   repeated T      optional group (LIST) { repeated group list { T element } }
 *   map<K, V>       optional group (MAP) { repeated group key_value
 *                     { K key; V value } }
 *
 * A list of no elements is a list; no list is ever null.
 */

/* Most columns: each costs memory in every file that is open. */
#define DPI_PARQUET_COLUMNS_MAX 10000u

/* Records inside each other: with a list for each, levels stay in a byte. */
#define DPI_PARQUET_NESTING_MAX 100u

typedef enum dpi_parquet_type {
	DPI_PARQUET_BOOLEAN = 0,
	DPI_PARQUET_INT32 = 1,
	DPI_PARQUET_INT64 = 2,
	DPI_PARQUET_FLOAT = 4,
	DPI_PARQUET_DOUBLE = 5,
	DPI_PARQUET_BYTES = 6
} dpi_parquet_type;

/* What the values of a column stand for. Names of enums are strings: of columns
 * that are marked as ENUM pyarrow makes bytes. */
typedef enum dpi_parquet_logical {
	DPI_LOGICAL_NONE,
	DPI_LOGICAL_STRING,
	DPI_LOGICAL_JSON,
	DPI_LOGICAL_UINT64,
	DPI_LOGICAL_TIMESTAMP
} dpi_parquet_logical;

typedef enum dpi_step_kind {
	DPI_STEP_BOOL,
	DPI_STEP_INT32,
	DPI_STEP_INT64,
	DPI_STEP_DECIMAL, /* of 64 bits, unsigned */
	DPI_STEP_FLOAT,
	DPI_STEP_DOUBLE,
	DPI_STEP_BYTES,
	DPI_STEP_RECORD,
	DPI_STEP_LIST, /* its child is the element */
	DPI_STEP_MAP   /* its children are key and value */
} dpi_step_kind;

typedef struct dpi_parquet_step {
	dpi_step_kind kind;
	bool is_nullable; /* the datum has a branch in front */
	bool is_optional; /* in Parquet; lists are, and have no branch */
	uint8_t def;      /* where it is there */
	uint8_t rep;      /* of all but the first element, of a list */
	dpi_parquet_logical logical;
	const char *name;
	uint32_t end;        /* the step behind all inside */
	uint32_t first_leaf; /* columns inside: [first_leaf, end_leaf) */
	uint32_t end_leaf;
} dpi_parquet_step;

typedef struct dpi_parquet_leaf {
	const dpi_parquet_step *step;
	dpi_parquet_type type;
	uint8_t max_def, max_rep;
	const char *const *path;
	size_t path_count;
} dpi_parquet_leaf;

typedef struct dpi_parquet_schema {
	dpi_arena arena;
	unsigned refs;
	const char *name; /* of the message type */
	const dpi_parquet_step *steps;
	uint32_t step_count;
	const dpi_parquet_leaf *leaves;
	uint32_t leaf_count;
	uint32_t element_count; /* elements of the footer's schema */
} dpi_parquet_schema;

/*
 * Compiles the columns of a plan for DPI_TARGET_PARQUET, with the given ones
 * in front. Open files keep it when its plan is gone: references are counted,
 * and have one owner, since nothing is locked.
 *
 * Errors: DP_ETOOBIG (over DPI_PARQUET_COLUMNS_MAX columns), DP_ENOMEM
 */
DP_NODISCARD dp_status dpi_parquet_schema_new(dpi_parquet_schema **ret,
	const dp_allocator *alloc, const dpi_plan *plan,
	const dpi_column_given *given, size_t given_count, dp_error **err);
dpi_parquet_schema *dpi_parquet_schema_ref(dpi_parquet_schema *schema);
void dpi_parquet_schema_unref(dpi_parquet_schema *schema);

/* The footer's list of elements, as field 2. */
void dpi_parquet_schema_write(
	const dpi_parquet_schema *schema, dpi_thrift *thrift);

/* Appends the text by which people know it, "message shop.v1.Paid {...". */
void dpi_parquet_schema_print(const dpi_parquet_schema *schema, dpi_buf *out);

#endif /* DPI_CODEC_PARQUET_SCHEMA_H */
