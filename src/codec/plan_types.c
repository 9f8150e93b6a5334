/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/plan_builder.h"

#include <string.h>

#include "schema/sort.h"

/* Types in the order in which they are met, root first. */
typedef struct type_list {
	dpi_arena *scratch;
	dpi_pointer_map seen;
	const dpi_message_type **items;
	size_t count, room;
} type_list;

static bool add_type(type_list *list, const dpi_message_type *type)
{
	const dpi_message_type **items;

	if (dpi_pointer_map_get(&list->seen, type, 0) != NULL) {
		return true;
	}
	if (list->count == list->room) {
		list->room = 2 * list->room + 32;
		items = dpi_arena_zalloc(
			list->scratch, list->room, sizeof(*items));
		if (items == NULL) {
			return false;
		}
		if (list->count > 0) {
			memcpy(items, list->items,
				list->count * sizeof(*items));
		}
		list->items = items;
	}
	list->items[list->count++] = type;
	return dpi_pointer_map_add(&list->seen, type, 0, list);
}

/* What an Any may hold. */
static bool add_all(type_list *list, const dpi_types *types)
{
	bool is_ok = true;

	for (size_t i = 0; types != NULL && is_ok && i < types->message_count;
		i++) {
		is_ok = add_type(list, types->messages[i]);
	}
	return is_ok;
}

/* What root is made of; and all of any_types, if an Any is among it. */
static bool collect(type_list *list, const dpi_message_type *root,
	const dpi_types *any_types)
{
	bool is_ok = add_type(list, root);
	bool has_any = false;

	for (size_t i = 0; is_ok && i < list->count; i++) {
		const dpi_message_type *type = list->items[i];

		if (type->well_known == DPI_WKT_ANY && !has_any) {
			has_any = true;
			is_ok = add_all(list, any_types);
		}
		for (size_t k = 0; is_ok && k < type->field_count; k++) {
			if (type->fields[k].message != NULL) {
				is_ok = add_type(list, type->fields[k].message);
			}
		}
	}
	return is_ok;
}

static bool contains_recursion(
	const dpi_plan_builder *builder, const dpi_message_type *type)
{
	if (type->is_recursive) {
		return true;
	}
	for (size_t i = 0; i < type->field_count; i++) {
		const dpi_message_type *child = type->fields[i].message;

		if (child != NULL &&
			dpi_pointer_map_get(&builder->recursive, child, 0) !=
				NULL) {
			return true;
		}
	}
	return false;
}

/*
 * Finds all types above a recursive one. Types mostly come before what they
 * contain, so that from behind one or two rounds are enough.
 */
static bool mark_recursive(dpi_plan_builder *builder, const type_list *list)
{
	bool changed = true;

	while (changed) {
		changed = false;
		for (size_t i = list->count; i-- > 0;) {
			const dpi_message_type *type = list->items[i];

			if (dpi_pointer_map_get(&builder->recursive, type, 0) !=
					NULL ||
				!contains_recursion(builder, type)) {
				continue;
			}
			if (!dpi_pointer_map_add(&builder->recursive, type, 0,
				    builder->plan)) {
				return false;
			}
			changed = true;
		}
	}
	return true;
}

bool dpi_plan_builder_init(dpi_plan_builder *builder, dpi_plan *plan,
	dpi_arena *scratch, const dpi_message_type *root)
{
	type_list list = {.scratch = scratch, .seen = {.arena = scratch}};
	const dpi_types *any_types = plan->target == DPI_TARGET_JSON
		? dpi_schema_types(plan->schema)
		: NULL;
	size_t room;

	*builder = (dpi_plan_builder){.plan = plan,
		.arena = &plan->arena,
		.scratch = scratch,
		.nodes = {.arena = scratch},
		.enums = {.arena = scratch},
		.recursive = {.arena = scratch}};
	if (!collect(&list, root, any_types) ||
		!mark_recursive(builder, &list)) {
		return false;
	}
	for (size_t i = 0; any_types != NULL && i < list.count; i++) {
		builder->has_any |= list.items[i]->well_known == DPI_WKT_ANY;
	}
	room = list.count * DPI_NODES_PER_TYPE;
	builder->work = dpi_arena_zalloc(scratch, room, sizeof(*builder->work));
	return builder->work != NULL &&
		dpi_names_init(&builder->names, &plan->arena, scratch, room);
}

static int compare_names(const void *a, const void *b)
{
	const dpi_plan_node *x = *(const dpi_plan_node *const *)a;
	const dpi_plan_node *y = *(const dpi_plan_node *const *)b;

	return strcmp(x->type->full_name, y->type->full_name);
}

bool dpi_plan_builder_by_name(dpi_plan_builder *builder)
{
	dpi_plan *plan = builder->plan;
	const dpi_types *types = dpi_schema_types(plan->schema);

	if (!builder->has_any) {
		return true;
	}
	plan->by_name = dpi_arena_zalloc(
		builder->arena, types->message_count, sizeof(*plan->by_name));
	for (size_t i = 0; plan->by_name != NULL && i < types->message_count;
		i++) {
		const dpi_plan_node *node;

		if (types->messages[i]->is_map_entry) {
			continue;
		}
		node = dpi_plan_builder_node(
			builder, types->messages[i], DPI_FORM_OBJECT, 0);
		if (node == NULL) {
			return false;
		}
		plan->by_name[plan->by_name_count++] = node;
	}
	if (plan->by_name != NULL) {
		dpi_sort(plan->by_name, plan->by_name_count,
			sizeof(*plan->by_name), compare_names);
	}
	return plan->by_name != NULL;
}
