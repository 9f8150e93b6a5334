/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "codec/plan_tables.h"

const dpi_plan_field *dpi_plan_sparse(
	const dpi_plan_node *node, uint32_t number)
{
	const uint32_t *by_number = node->by_number;
	size_t low = 0;
	size_t high = node->field_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const dpi_plan_field *f = &node->fields[by_number[middle]];

		if (f->field->number == number) {
			return f;
		}
		if (f->field->number < number) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return NULL;
}

/* Extensions have dots in their names, so the longest one that fits wins. */
const dpi_plan_field *dpi_plan_step(
	const dpi_plan_node *node, const char *path, const char **ret_rest)
{
	const dpi_plan_field *found = NULL;
	size_t longest = 0;

	for (size_t i = 0; i < node->field_count; i++) {
		const char *name = node->fields[i].field->name;
		size_t size = strlen(name);

		if (size > longest && strncmp(path, name, size) == 0 &&
			(path[size] == '\0' || path[size] == '.')) {
			found = &node->fields[i];
			longest = size;
		}
	}
	*ret_rest = path + longest + (path[longest] == '.');
	return found;
}

const dpi_plan_label *dpi_plan_enum_sparse(
	const dpi_plan_enum *enumeration, int32_t number)
{
	size_t low = 0;
	size_t high = enumeration->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const dpi_plan_label *label = &enumeration->labels[middle];

		if (label->number == number) {
			return label;
		}
		if (label->number < number) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return NULL;
}

static int compare_name(const char *name, dp_bytes text)
{
	size_t size = strlen(name);
	size_t both = size < text.size ? size : text.size;
	int order = both > 0 ? memcmp(name, text.data, both) : 0;

	return order != 0 ? order : (size > text.size) - (size < text.size);
}

const dpi_plan_node *dpi_plan_find_type(const dpi_plan *plan, dp_bytes name)
{
	size_t low = 0;
	size_t high = plan->by_name_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const dpi_plan_node *node = plan->by_name[middle];
		int order = compare_name(node->type->full_name, name);

		if (order == 0) {
			return node;
		}
		if (order < 0) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return NULL;
}
