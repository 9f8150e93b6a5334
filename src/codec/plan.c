/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/plan.h"

#include "base/alloc.h"
#include "base/error.h"
#include "codec/plan_builder.h"

#define ARENA_LIMIT ((size_t)1 << 30)

static dp_status make_nodes(
	dpi_plan_builder *builder, const dpi_message_type *root)
{
	dpi_plan *plan = builder->plan;
	static const dpi_form forms[] = {
		[DPI_TARGET_AVRO] = DPI_FORM_RECORD,
		[DPI_TARGET_ROW] = DPI_FORM_ROW,
		[DPI_TARGET_JSON] = DPI_FORM_OBJECT,
		[DPI_TARGET_PARQUET] = DPI_FORM_RECORD,
	};
	dpi_form form = forms[plan->target];
	const dpi_plan_node **nodes;
	dp_status st = DP_OK;

	if (dpi_plan_builder_node(builder, root, form, 0) == NULL ||
		!dpi_plan_builder_by_name(builder)) {
		return DP_ENOMEM;
	}
	for (size_t i = 0; st == DP_OK && i < builder->count; i++) {
		st = dpi_plan_builder_fill(builder, builder->work[i]);
		if (builder->work[i]->slot_count > plan->widest) {
			plan->widest = builder->work[i]->slot_count;
		}
	}
	if (st != DP_OK) {
		return st;
	}
	nodes = dpi_arena_zalloc(
		builder->arena, builder->count, sizeof(*nodes));
	if (nodes == NULL) {
		return DP_ENOMEM;
	}
	memcpy(nodes, builder->work, builder->count * sizeof(*nodes));
	plan->nodes = nodes;
	plan->node_count = builder->count;
	return DP_OK;
}

static dp_status build_once(dpi_plan *plan, dpi_arena *scratch)
{
	const dpi_message_type *root = dpi_schema_root(plan->schema);
	dpi_plan_builder builder;
	dp_status st;

	if (!dpi_plan_builder_init(&builder, plan, scratch, root)) {
		return DP_ENOMEM;
	}
	st = make_nodes(&builder, root);
	if (st == DP_OK && plan->target == DPI_TARGET_ROW &&
		!dpi_row_prepare(plan)) {
		return DP_ENOMEM;
	}
	return st;
}

/*
 * Columns of a node, where every path to a value is one; counts[] has those of
 * nodes before. UINT32_MAX is too many, or too deep to be counted.
 */
static uint32_t count_columns(
	const dpi_plan_node *node, uint32_t *counts, unsigned depth)
{
	uint64_t count = 1 + node->type->oneof_count;

	if (depth == DPI_DEPTH_MAX) {
		return UINT32_MAX;
	}
	if (counts[node->index] != 0) {
		return counts[node->index];
	}
	for (size_t i = 0; i < node->field_count && count < UINT32_MAX; i++) {
		const dpi_plan_field *field = &node->fields[i];
		bool is_nested =
			field->kind == DPI_KIND_RECORD || field->is_map;

		count += is_nested
			? count_columns(field->child, counts, depth + 1)
			: 1;
	}
	counts[node->index] = count < UINT32_MAX ? (uint32_t)count : UINT32_MAX;
	return counts[node->index];
}

static dp_status is_fair(
	const dpi_plan *plan, dpi_arena *scratch, bool *ret_is_fair)
{
	uint32_t *counts =
		dpi_arena_zalloc(scratch, plan->node_count, sizeof(*counts));

	if (counts == NULL) {
		return DP_ENOMEM;
	}
	*ret_is_fair = count_columns(plan->nodes[0], counts, 0) <=
		DPI_PARQUET_COLUMNS_FAIR;
	return DP_OK;
}

/* Recursion is unrolled less deep until its columns are few enough. */
static dp_status build(dpi_plan *plan, dpi_arena *scratch)
{
	dp_status st;
	bool is_done = false;

	for (;;) {
		st = build_once(plan, scratch);
		if (st == DP_OK && plan->target == DPI_TARGET_PARQUET) {
			st = is_fair(plan, scratch, &is_done);
		}
		if (st != DP_OK || plan->target != DPI_TARGET_PARQUET ||
			is_done || plan->recursion_max == 0) {
			return st;
		}
		plan->recursion_max--;
		plan->widest = 0;
		dpi_arena_reset(&plan->arena);
		dpi_arena_reset(scratch);
	}
}

static dp_status new_plan(dpi_plan **ret_plan, const dp_allocator *alloc,
	dp_schema *schema, dpi_target target, uint32_t json, dp_error **err)
{
	dpi_plan *plan = dpi_zalloc(alloc, 1, sizeof(*plan));
	dpi_arena scratch;
	dp_status st;

	if (plan == NULL) {
		return dpi_error_set(err, DP_ENOMEM, "plan of %s: no memory",
			dp_schema_type(schema));
	}
	dpi_arena_init(&plan->arena, alloc, ARENA_LIMIT);
	dpi_arena_init(&scratch, alloc, ARENA_LIMIT);
	plan->schema = dp_schema_ref(schema);
	plan->target = target;
	plan->json = json;
	plan->recursion_max = DPI_RECURSION_MAX;

	st = build(plan, &scratch);
	dpi_arena_fini(&scratch);
	if (st != DP_OK) {
		dpi_plan_free(plan);
		return dpi_error_set(err, st,
			st == DP_ETOOBIG ? "plan of %s: more than %d columns"
					 : "plan of %s: no memory",
			dp_schema_type(schema), DPI_PLAN_FIELDS_MAX);
	}
	*ret_plan = plan;
	return DP_OK;
}

dp_status dpi_plan_new(dpi_plan **ret_plan, const dp_allocator *alloc,
	dp_schema *schema, dpi_target target, dp_error **err)
{
	return new_plan(ret_plan, alloc, schema, target,
		target == DPI_TARGET_JSON ? 0 : DPI_JSON_COLUMN, err);
}

dp_status dpi_plan_new_json(dpi_plan **ret_plan, const dp_allocator *alloc,
	dp_schema *schema, uint32_t flags, dp_error **err)
{
	return new_plan(ret_plan, alloc, schema, DPI_TARGET_JSON, flags, err);
}

void dpi_plan_free(dpi_plan *plan)
{
	const dp_allocator *alloc;

	if (plan == NULL) {
		return;
	}
	alloc = plan->arena.alloc;
	dp_schema_unref(plan->schema);
	dpi_arena_fini(&plan->arena);
	dpi_free(alloc, plan, 1, sizeof(*plan));
}

unsigned dpi_plan_recursion(const dpi_plan *plan)
{
	return plan->recursion_max;
}
