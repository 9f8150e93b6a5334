/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_CODEC_JSONIN_TABLES_H
#define DPI_CODEC_JSONIN_TABLES_H

#include "base/arena.h"
#include "schema/descriptor.h"

/* What a reader of JSON finds names in. */

typedef struct dpi_jsonin_node dpi_jsonin_node;

/* A name, and the index of what has it. */
typedef struct dpi_jsonin_name {
	const char *text; /* NULL: free */
	uint32_t size;
	uint32_t index;
} dpi_jsonin_name;

/* By hash, with open addresses; at most half of the places are in use. */
typedef struct dpi_jsonin_index {
	dpi_jsonin_name *names;
	size_t mask;
} dpi_jsonin_index;

typedef struct dpi_jsonin_enum {
	const dpi_enum_type *type;
	dpi_jsonin_index by_name;
} dpi_jsonin_enum;

typedef struct dpi_jsonin_field {
	uint64_t tag;      /* its bytes, the first in the lowest ones */
	uint64_t end_tag;  /* of a group */
	uint32_t tag_size; /* of both */
	uint32_t name_size;
	const char *name; /* in JSON; size 0 if it would be escaped there */
	dpi_field_type type;
	uint32_t index; /* its bit among those seen */
	uint32_t oneof; /* the oneof's bit, or 0 */
	bool is_repeated;
	bool is_map;
	bool is_packed;
	bool keeps_zero; /* zero differs from absent */
	bool takes_null; /* null is a value of its type */
	const dpi_jsonin_node *child;
	const dpi_jsonin_enum *enumeration;
	const dpi_field *field;
} dpi_jsonin_field;

/* Most bytes of a tag. */
#define DPI_JSONIN_TAG_MAX 5

struct dpi_jsonin_node {
	const dpi_message_type *type;
	dpi_well_known shape;
	const dpi_jsonin_field *fields; /* as declared */
	size_t field_count;
	dpi_jsonin_index by_name; /* JSON names and those of the fields */
	size_t words;             /* of bits for fields, then oneofs */
	bool has_required;
	/* Fields 1 to 6 of well-known types and entries, or NULL. */
	const dpi_jsonin_field *numbered[7];
};

typedef struct dpi_jsonin_tables {
	dpi_jsonin_node *nodes; /* of all types of the set */
	size_t node_count;
	const dpi_jsonin_node *root;
	dpi_jsonin_index by_name; /* nodes by full name */
	size_t words;             /* most of a node */
} dpi_jsonin_tables;

/* Returns false if out of memory. */
DP_NODISCARD bool dpi_jsonin_tables_make(dpi_jsonin_tables *tables,
	dpi_arena *arena, dpi_arena *scratch, const dpi_types *types,
	const dpi_message_type *root);

/* The index of a name, or UINT32_MAX. */
uint32_t dpi_jsonin_find(const dpi_jsonin_index *index, dp_bytes name);

#endif /* DPI_CODEC_JSONIN_TABLES_H */
