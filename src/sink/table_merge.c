/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/table_merge.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

typedef struct merger {
	dpi_arena *arena;
	dpi_merged_column *items;
	size_t count;
	bool is_top;
} merger;

static dpi_merged_column *find(const merger *m, const char *name)
{
	for (size_t i = 0; i < m->count; i++) {
		if (strcasecmp(m->items[i].column.name, name) == 0) {
			return &m->items[i];
		}
	}
	return NULL;
}

static bool is_type(const dpi_nested_column *column, const char *type)
{
	return strcmp(column->type, type) == 0;
}

/* Each integer is a NUMERIC, so that a column of these takes both. */
static bool takes(
	const dpi_nested_column *column, const dpi_nested_column *planned)
{
	return column->is_repeated == planned->is_repeated &&
		(is_type(planned, column->type) ||
			(is_type(column, "NUMERIC") &&
				is_type(planned, "INT64")));
}

/* "ALTER COLUMN ... SET DATA TYPE" makes it so, and rewrites nothing. */
static bool can_widen(const merger *m, const dpi_nested_column *column,
	const dpi_nested_column *planned)
{
	return m->is_top && !column->is_repeated && !planned->is_repeated &&
		is_type(column, "INT64") && is_type(planned, "NUMERIC");
}

static void add(merger *m, const dpi_nested_column *planned, const char *name)
{
	dpi_merged_column *merged = &m->items[m->count++];

	*merged = (dpi_merged_column){
		.column = *planned, .planned = planned, .is_new = true};
	merged->column.name = name;
}

/* False: a column of that name means something else. */
static bool place(merger *m, const dpi_nested_column *planned, const char *name)
{
	dpi_merged_column *merged = find(m, name);

	if (merged == NULL) {
		add(m, planned, name);
		return true;
	}
	if (merged->planned != NULL) {
		return false;
	}
	if (can_widen(m, &merged->column, planned)) {
		merged->column.type = planned->type;
		merged->is_wider = true;
	} else if (!takes(&merged->column, planned)) {
		return false;
	}
	merged->planned = planned;
	return true;
}

/* "amount" becomes "amount__string"; of a list, "amount__repeated_string". */
static const char *longer(
	const merger *m, const char *name, const dpi_nested_column *planned)
{
	const char *list = planned->is_repeated ? "repeated_" : "";
	size_t size = strlen(name) + strlen(list) + strlen(planned->type);
	char *text = dpi_arena_alloc(m->arena, size + 3);
	char *type;

	if (text == NULL) {
		return NULL;
	}
	type = stpcpy(stpcpy(stpcpy(text, name), "__"), list);
	(void)stpcpy(type, planned->type);
	for (; *type != '\0'; type++) {
		*type = (char)tolower((unsigned char)*type);
	}
	return text;
}

static dp_status fork_column(merger *m, const dpi_nested_column *planned)
{
	const char *name = planned->name;

	do {
		name = longer(m, name, planned);
		if (name == NULL) {
			return DP_ENOMEM;
		}
	} while (!place(m, planned, name));
	return DP_OK;
}

/*
 * All take their own names before any takes another, so that a fork never
 * gets in the way of a field that is really called so.
 */
static dp_status place_all(merger *m, const dpi_nested_columns *planned)
{
	bool *is_placed =
		dpi_arena_zalloc(m->arena, planned->count, sizeof(*is_placed));
	dp_status st = is_placed != NULL ? DP_OK : DP_ENOMEM;

	for (size_t i = 0; st == DP_OK && i < planned->count; i++) {
		is_placed[i] =
			place(m, &planned->items[i], planned->items[i].name);
	}
	for (size_t i = 0; st == DP_OK && i < planned->count; i++) {
		if (!is_placed[i]) {
			st = fork_column(m, &planned->items[i]);
		}
	}
	return st;
}

dp_status dpi_table_merge(dpi_arena *arena, const dpi_nested_columns *before,
	const dpi_nested_columns *planned, bool is_top, dpi_merged_column **ret,
	size_t *ret_count)
{
	merger m = {.arena = arena, .is_top = is_top};
	dp_status st;

	m.items = dpi_arena_zalloc(
		arena, before->count + planned->count, sizeof(*m.items));
	if (m.items == NULL) {
		return DP_ENOMEM;
	}
	for (size_t i = 0; i < before->count; i++) {
		m.items[m.count++] = (dpi_merged_column){
			.column = before->items[i],
			.before = &before->items[i],
		};
	}
	st = place_all(&m, planned);
	*ret = m.items;
	*ret_count = m.count;
	return st;
}
