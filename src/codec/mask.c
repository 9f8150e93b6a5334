/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/mask.h"

#include "base/error.h"
#include "codec/coder.h"

static dpi_mask *new_mask(dpi_arena *arena, const dpi_plan_node *node)
{
	dpi_mask *mask = dpi_arena_zalloc(arena, 1, sizeof(*mask));

	if (mask == NULL) {
		return NULL;
	}
	mask->has = dpi_arena_zalloc(
		arena, node->field_count + 1, sizeof(*mask->has));
	mask->below = dpi_arena_zalloc(
		arena, node->field_count + 1, sizeof(*mask->below));
	return mask->has != NULL && mask->below != NULL ? mask : NULL;
}

static bool has_fields(const dpi_plan_field *field)
{
	return field->child != NULL && !field->is_map &&
		field->child->shape == DPI_WKT_NONE;
}

static dp_status refuse(const char *path, dp_error **err)
{
	return dpi_error_set(err, DP_EINVAL,
		"no field is at %s: paths go by the names of fields, through "
		"messages and lists of them",
		path);
}

static dp_status add(
	dpi_plan *plan, dpi_mask *mask, const char *path, dp_error **err)
{
	const dpi_plan_node *node = plan->nodes[0];
	const char *rest = path;

	for (;;) {
		const dpi_plan_field *field = dpi_plan_step(node, rest, &rest);
		dpi_mask *below;
		size_t i;

		if (field == NULL || (rest[0] == '\0' && rest[-1] == '.')) {
			return refuse(path, err);
		}
		i = (size_t)(field - node->fields);
		if (rest[0] == '\0') {
			mask->has[i] = true;
			mask->below[i] = NULL;
			return DP_OK;
		}
		if (!has_fields(field)) {
			return refuse(path, err);
		}
		if (mask->has[i] && mask->below[i] == NULL) {
			return DP_OK; /* is there as a whole */
		}
		below = mask->has[i] ? mask->below[i]
				     : new_mask(&plan->arena, field->child);
		if (below == NULL) {
			return dpi_error_set(
				err, DP_ENOMEM, "no memory for a projection");
		}
		mask->has[i] = true;
		mask->below[i] = below;
		mask = below;
		node = field->child;
	}
}

dp_status dpi_plan_keep_only(
	dpi_plan *plan, const char *const *paths, size_t count, dp_error **err)
{
	dpi_mask *mask = new_mask(&plan->arena, plan->nodes[0]);
	dp_status st = DP_OK;

	if (mask == NULL) {
		return dpi_error_set(
			err, DP_ENOMEM, "no memory for a projection");
	}
	for (size_t i = 0; st == DP_OK && i < count; i++) {
		st = paths[i] != NULL
			? add(plan, mask, paths[i], err)
			: dpi_error_set(err, DP_EINVAL, "a path is NULL");
	}
	plan->mask = mask;
	return st;
}

const dpi_mask *dpi_coder_mask(const dpi_coder *coder)
{
	const dpi_frame *around;

	if (coder->depth == 0) {
		return coder->plan->mask;
	}
	around = &coder->frames[coder->depth - 1];
	return around->mask == NULL || around->field == NULL
		? NULL
		: around->mask->below[around->field - around->node->fields];
}
