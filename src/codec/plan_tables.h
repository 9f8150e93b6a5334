/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_CODEC_PLAN_TABLES_H
#define DPI_CODEC_PLAN_TABLES_H

#include "base/arena.h"
#include "codec/plan.h"
#include "codec/wire.h"
#include "schema/descriptor.h"

/*
 * What a plan is made of: a node for each message, which scan.c fills slots
 * by, and which the targets (avro_datum.c, json.c, row.c) write columns by.
 *
 * The same message may be several nodes. As a record its columns have names
 * that are free of clashes, and recursion is unrolled: a recursive message
 * below DPI_RECURSION_MAX others becomes JSON text. As an object it is written
 * in JSON, where it may contain itself.
 */

#define DPI_RECURSION_MAX 5

/* How a field is taken from the wire. */
typedef enum dpi_read {
	DPI_READ_VARINT,
	DPI_READ_FIXED64,
	DPI_READ_FIXED32,
	DPI_READ_BYTES,
	DPI_READ_ENUM, /* closed: other numbers go to `_unknown` */
	DPI_READ_MESSAGE,
	DPI_READ_GROUP,
	DPI_READ_REPEATED,
	DPI_READ_REPEATED_ENUM, /* closed */
	DPI_READ_MAP
} dpi_read;

/* What a value is for a target. */
typedef enum dpi_kind {
	DPI_KIND_BOOL,
	DPI_KIND_INT32,
	DPI_KIND_SINT32,
	DPI_KIND_INT64,
	DPI_KIND_SINT64,
	DPI_KIND_UINT32,
	DPI_KIND_UINT64,
	DPI_KIND_FLOAT,
	DPI_KIND_DOUBLE,
	DPI_KIND_STRING,
	DPI_KIND_BYTES,
	DPI_KIND_ENUM,
	DPI_KIND_RECORD, /* a message with columns of its own */
	DPI_KIND_TIMESTAMP,
	DPI_KIND_DURATION,
	DPI_KIND_WRAPPER,
	DPI_KIND_JSON /* a message as text; child says which */
} dpi_kind;

typedef struct dpi_plan_node dpi_plan_node;

/* A number of an enum; of aliases the first. */
typedef struct dpi_plan_label {
	int32_t number;
	dp_bytes name;
} dpi_plan_label;

typedef struct dpi_plan_enum {
	const dpi_enum_type *type;
	const dpi_plan_label *labels; /* numbers ascending */
	size_t count;
	const dpi_plan_label **dense; /* of numbers 0 to dense_count - 1 */
	size_t dense_count;
	bool is_null; /* google.protobuf.NullValue */
} dpi_plan_enum;

typedef struct dpi_plan_field {
	uint32_t tag;        /* of one value */
	uint32_t packed_tag; /* of many; 0 if there is no such form */
	uint32_t oneof;      /* slot that says who is set; 0 if none */
	dpi_read read;
	dpi_read element; /* of one value, if it is repeated */
	dpi_kind kind;
	bool is_repeated; /* maps, too */
	bool is_map;
	bool has_presence;
	const dpi_plan_node *child;
	const dpi_plan_enum *enumeration;
	const dpi_field *field;
	const char *name; /* of the column; not in objects */
	dp_bytes label;   /* ,"name": of the member; in objects only, and
			     with a piece of memory behind it */
} dpi_plan_field;

/* Labels may be copied in pieces of as many bytes. */
#define DPI_LABEL_PIECE 16

/* No field has this number. */
#define DPI_FIELD_NONE UINT16_MAX

/* What a message's columns are for. */
typedef enum dpi_form {
	DPI_FORM_RECORD, /* Avro: messages are records */
	DPI_FORM_ROW,    /* SQL: messages are text */
	DPI_FORM_OBJECT  /* JSON: members, not columns */
} dpi_form;

struct dpi_plan_node {
	const dpi_message_type *type;
	dpi_form form;
	dpi_well_known shape; /* of objects, as dpi_shape_of() */
	/* As declared, or by number if the target is JSON; and one, tag 0. */
	const dpi_plan_field *fields;
	size_t field_count;
	size_t slot_count;         /* fields, then oneofs */
	const dpi_plan_field *key; /* of entries of maps */
	const dpi_plan_field *value;
	const uint32_t *by_number; /* indexes of fields, numbers ascending */
	const uint16_t *dense;     /* index by number, below dense_count */
	size_t dense_count;
	const uint16_t *required; /* indexes */
	size_t required_count;
	const char *const *oneof_names; /* of their columns; not in objects */
	const char *name;               /* of the Avro record */
	uint32_t index;                 /* among the nodes */
	uint32_t level;                 /* recursive messages above it */
};

struct dpi_plan {
	dpi_arena arena; /* has the plan, too */
	dp_schema *schema;
	dpi_target target;
	uint32_t json;                     /* DPI_JSON_* */
	unsigned recursion_max;            /* DPI_RECURSION_MAX, or less */
	const struct dpi_mask *mask;       /* NULL: all fields */
	const dpi_plan_node *const *nodes; /* the root first */
	size_t node_count;
	size_t widest; /* most slots of a node */
	/* Nodes that an Any may hold, by full name. */
	const dpi_plan_node **by_name;
	size_t by_name_count;
	const dpi_column *columns;
	size_t column_count;
};

/* The field of a number that is not in node->dense, or NULL. */
const dpi_plan_field *dpi_plan_sparse(
	const dpi_plan_node *node, uint32_t number);

static inline const dpi_plan_field *dpi_plan_find(
	const dpi_plan_node *node, uint32_t number)
{
	if (number < node->dense_count) {
		uint16_t i = node->dense[number];

		return i != DPI_FIELD_NONE ? &node->fields[i] : NULL;
	}
	return dpi_plan_sparse(node, number);
}

/*
 * The field that path begins with, such as "customer" of "customer.name", or
 * NULL; ret_rest receives what is behind it and its dot.
 */
const dpi_plan_field *dpi_plan_step(
	const dpi_plan_node *node, const char *path, const char **ret_rest);

/* The node of a message that an Any may hold, or NULL. */
const dpi_plan_node *dpi_plan_find_type(const dpi_plan *plan, dp_bytes name);

/* What a missing value is: the first that is declared. */
static inline uint64_t dpi_plan_enum_default(const dpi_plan_enum *enumeration)
{
	return (uint64_t)(int64_t)(enumeration->type->value_count > 0
			? enumeration->type->values[0].number
			: 0);
}

/* The label of a number that is not in enumeration->dense, or NULL. */
const dpi_plan_label *dpi_plan_enum_sparse(
	const dpi_plan_enum *enumeration, int32_t number);

static inline const dpi_plan_label *dpi_plan_enum_find(
	const dpi_plan_enum *enumeration, int32_t number)
{
	if (number >= 0 && (size_t)number < enumeration->dense_count) {
		return enumeration->dense[number];
	}
	return dpi_plan_enum_sparse(enumeration, number);
}

/* Columns of a row, from the root; false if out of memory. */
bool dpi_row_prepare(dpi_plan *plan);

#endif /* DPI_CODEC_PLAN_TABLES_H */
