/* SPDX-License-Identifier: Apache-2.0 */
#include "schema_plan.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "schema/descriptor.h"

bool schema_plan_parse(struct schema_plan *plan, const char *name)
{
	static const char *const names[] = {
		"", "sqlite", "avro", "parquet", "bigquery"};

	for (dp_destination_kind kind = DP_DESTINATION_SQLITE;
		kind <= DP_DESTINATION_BIGQUERY; kind++) {
		if (strcmp(names[kind], name) == 0) {
			plan->kind = kind;
			return true;
		}
	}
	return false;
}

static dp_status open_side(
	const dpi_buf *set, const char *type, dp_schema **ret, dp_error **err)
{
	return set == NULL ? DP_OK
			   : dpi_schema_new(ret, dpi_alloc_default(), set->data,
				     set->size, type, err);
}

dp_status schema_plan_make(const struct schema_plan *plan, const char *type,
	const dpi_buf *before, const dpi_buf *after, dp_evolution **ret,
	dp_error **err)
{
	const char *table = plan->table != NULL ? plan->table : type;
	dp_schema *schemas[2] = {NULL, NULL};
	dp_status st = open_side(before, type, &schemas[0], err);

	if (st == DP_OK) {
		st = open_side(after, type, &schemas[1], err);
	}
	if (st == DP_OK) {
		st = dp_evolution_new(
			ret, schemas[0], schemas[1], plan->kind, table, err);
	}
	dp_schema_unref(schemas[0]);
	dp_schema_unref(schemas[1]);
	return st;
}

static void print_text(const dp_evolution_step *step, const char *action)
{
	(void)printf("%s column %s", action, step->column);
	if (*step->type != '\0') {
		(void)printf(" %s", step->type);
	}
	if (*step->before != '\0' && strcmp(step->before, step->column) != 0) {
		(void)printf(", before %s", step->before);
	}
	if (*step->type_before != '\0' &&
		strcmp(step->type, step->type_before) != 0) {
		(void)printf(", was %s", step->type_before);
	}
	(void)printf("%s%s\n", *step->sql != '\0' ? ": " : "", step->sql);
}

static void print_json(const dp_evolution_step *step, const char *action,
	struct json_line *line)
{
	json_line_begin(line, "step");
	json_line_text(line, "action", dpi_bytes_text(action));
	json_line_text(line, "column", dpi_bytes_text(step->column));
	json_line_text(line, "before", dpi_bytes_text(step->before));
	json_line_text(line, "type", dpi_bytes_text(step->type));
	json_line_text(line, "type_before", dpi_bytes_text(step->type_before));
	json_line_text(line, "sql", dpi_bytes_text(step->sql));
	json_line_end(line);
}

void schema_plan_print(const dp_evolution *evolution, struct json_line *line)
{
	static const char *const names[] = {
		"", "add", "rename", "fork", "keep", "widen", "conflict"};

	for (size_t i = 0; i < dp_evolution_count(evolution); i++) {
		const dp_evolution_step *step = dp_evolution_get(evolution, i);

		if (line == NULL) {
			print_text(step, names[step->action]);
		} else {
			print_json(step, names[step->action], line);
		}
	}
}
