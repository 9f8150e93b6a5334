/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/evolution.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "schema/descriptor.h"

#define ARENA_MAX_BYTES (64u << 20)
#define STEPS_MAX_BYTES (16u << 20)
#define RESULT_MAX_BYTES (64u << 20)

dp_status dpi_evolution_no_memory(dp_error **err)
{
	return dpi_error_set(err, DP_ENOMEM, "no memory for an evolution");
}

static bool own(dpi_arena *arena, const char **text)
{
	const char *from = *text != NULL ? *text : "";

	*text = dpi_arena_dup(arena, from, strlen(from));
	return *text != NULL;
}

dp_status dpi_evolution_add(
	dp_evolution *evolution, const dp_evolution_step *step, dp_error **err)
{
	dpi_arena *arena = &evolution->arena;
	dp_evolution_step copy = *step;

	copy.struct_size = sizeof(copy);
	if (!own(arena, &copy.column) || !own(arena, &copy.before) ||
		!own(arena, &copy.type) || !own(arena, &copy.type_before) ||
		!own(arena, &copy.sql) ||
		dpi_buf_append(&evolution->steps, &copy, sizeof(copy)) !=
			DP_OK) {
		return dpi_evolution_no_memory(err);
	}
	return DP_OK;
}

static bool has_table(dp_destination_kind kind)
{
	return kind == DP_DESTINATION_SQLITE || kind == DP_DESTINATION_BIGQUERY;
}

static dp_status check(dp_evolution **ret_evolution,
	const dpi_evolution_sides *sides, dp_error **err)
{
	if (ret_evolution == NULL || sides->after == NULL ||
		sides->kind < DP_DESTINATION_SQLITE ||
		sides->kind > DP_DESTINATION_BIGQUERY ||
		(has_table(sides->kind) && sides->table == NULL)) {
		return dpi_error_set(err, DP_EINVAL,
			"an evolution needs a schema, a known kind of "
			"destination, and the name of its table");
	}
	if (sides->before != NULL &&
		strcmp(dp_schema_type(sides->before),
			dp_schema_type(sides->after)) != 0) {
		return dpi_error_set(err, DP_EINVAL,
			"%s and %s are not versions of one type",
			dp_schema_type(sides->before),
			dp_schema_type(sides->after));
	}
	return DP_OK;
}

static dp_status plan(dp_evolution *evolution, const dpi_evolution_sides *sides,
	dp_error **err)
{
	dp_status st = sides->kind == DP_DESTINATION_SQLITE
		? dpi_evolution_plan_sqlite(evolution, sides, err)
		: dpi_evolution_plan_nested(evolution, sides, err);

	/* The NUL behind the text is part of it. */
	if (st == DP_OK && dpi_buf_text(&evolution->result) == NULL) {
		st = dpi_evolution_no_memory(err);
	}
	return st;
}

dp_status dp_evolution_new(dp_evolution **ret_evolution, dp_schema *before,
	dp_schema *after, dp_destination_kind kind, const char *table,
	dp_error **err)
{
	const dpi_evolution_sides sides = {before, after, kind, table};
	dp_status st = check(ret_evolution, &sides, err);
	const dp_allocator *alloc;
	dp_evolution *evolution;

	if (st != DP_OK) {
		return st;
	}
	alloc = dpi_schema_alloc(after);
	evolution = dpi_zalloc(alloc, 1, sizeof(*evolution));
	if (evolution == NULL) {
		return dpi_evolution_no_memory(err);
	}
	evolution->alloc = alloc;
	dpi_arena_init(&evolution->arena, alloc, ARENA_MAX_BYTES);
	dpi_buf_init(&evolution->steps, alloc, STEPS_MAX_BYTES);
	dpi_buf_init(&evolution->result, alloc, RESULT_MAX_BYTES);
	st = plan(evolution, &sides, err);
	if (st != DP_OK) {
		dp_evolution_free(evolution);
		return st;
	}
	*ret_evolution = evolution;
	return DP_OK;
}

void dp_evolution_free(dp_evolution *evolution)
{
	if (evolution != NULL) {
		dpi_buf_fini(&evolution->result);
		dpi_buf_fini(&evolution->steps);
		dpi_arena_fini(&evolution->arena);
		dpi_free(evolution->alloc, evolution, 1, sizeof(*evolution));
	}
}

size_t dp_evolution_count(const dp_evolution *evolution)
{
	return evolution->steps.size / sizeof(dp_evolution_step);
}

const dp_evolution_step *dp_evolution_get(
	const dp_evolution *evolution, size_t index)
{
	if (index >= dp_evolution_count(evolution)) {
		return NULL;
	}
	return (const dp_evolution_step *)(const void *)evolution->steps.data +
		index;
}

const char *dp_evolution_result(const dp_evolution *evolution)
{
	return (const char *)evolution->result.data;
}
