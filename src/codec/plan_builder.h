/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_CODEC_PLAN_BUILDER_H
#define DPI_CODEC_PLAN_BUILDER_H

#include "codec/names.h"
#include "codec/plan_tables.h"
#include "codec/pointer_map.h"

/*
 * What is needed while a plan is made. Nodes are made by a list of work, not
 * by recursion: a chain of ten thousand messages is a legal schema.
 */
typedef struct dpi_plan_builder {
	dpi_plan *plan;
	dpi_arena *arena;      /* the plan's */
	dpi_arena *scratch;    /* until the plan is made */
	dpi_pointer_map nodes; /* by type, form and level */
	dpi_pointer_map enums;
	dpi_pointer_map recursive; /* types that contain a recursive one */
	dpi_names names;           /* of records */
	bool has_any; /* which is opened: all types of the set are nodes */
	dpi_plan_node **work; /* every node, in order of its making */
	size_t count;
	size_t field_count; /* of all nodes */
} dpi_plan_builder;

/* Most columns of all nodes together. */
#define DPI_PLAN_FIELDS_MAX 500000

/* Most nodes of one type: a record at each level, a row, an object. */
#define DPI_NODES_PER_TYPE (DPI_RECURSION_MAX + 3)

/*
 * Takes the first look at all that root is made of. Returns false if out of
 * memory, as all of these do.
 */
bool dpi_plan_builder_init(dpi_plan_builder *builder, dpi_plan *plan,
	dpi_arena *scratch, const dpi_message_type *root);

/* The node of type in form, made now if need be; NULL if out of memory. */
dpi_plan_node *dpi_plan_builder_node(dpi_plan_builder *builder,
	const dpi_message_type *type, dpi_form form, uint32_t level);

/* Nodes of all that an Any may hold, if there is one to be opened. */
bool dpi_plan_builder_by_name(dpi_plan_builder *builder);

/*
 * Fills a node's tables; its children may become work. Returns DP_ENOMEM or
 * DP_ETOOBIG.
 */
DP_NODISCARD dp_status dpi_plan_builder_fill(
	dpi_plan_builder *builder, dpi_plan_node *node);

#endif /* DPI_CODEC_PLAN_BUILDER_H */
