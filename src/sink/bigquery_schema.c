/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/bigquery_schema.h"

#include <string.h>

#include "base/error.h"

/*
 * Limits of a table: cloud.google.com/bigquery/quotas and /docs/schemas. A
 * RECORD inside of 15 others is one too many.
 */
#define COLUMNS_MAX 10000u
#define NESTING_MAX 15u
#define NAME_MAX_BYTES 300u

static const dpi_nested_column envelope[] = {
	{.name = "_id", .type = "STRING"},
	{.name = "_source", .type = "STRING"},
	{.name = "_time", .type = "TIMESTAMP"},
	{.name = "_topic", .type = "STRING"},
	{.name = "_topic_partition", .type = "INT64"},
	{.name = "_offset", .type = "INT64"},
};

#define ENVELOPE_COUNT (sizeof(envelope) / sizeof(*envelope))

typedef struct schema_text {
	dpi_buf *out;
	size_t count;
	unsigned nesting;
	const char *unfit; /* why it is too big, or NULL */
} schema_text;

static void put(schema_text *text, const char *more)
{
	(void)dpi_buf_append_string(text->out, more);
}

static void put_columns(
	schema_text *text, const dpi_nested_columns *columns, bool is_first);

static void put_column(schema_text *text, const dpi_nested_column *column)
{
	if (strlen(column->name) > NAME_MAX_BYTES) {
		text->unfit = "a name has over 300 bytes";
	}
	put(text, "{\"name\":\"");
	put(text, column->name);
	put(text, "\",\"type\":\"");
	put(text, column->type);
	put(text,
		column->is_repeated ? "\",\"mode\":\"REPEATED\""
				    : "\",\"mode\":\"NULLABLE\"");
	if (column->columns != NULL) {
		put(text, ",\"fields\":[");
		put_columns(text, column->columns, true);
		put(text, "]");
	}
	put(text, "}");
}

static void put_columns(
	schema_text *text, const dpi_nested_columns *columns, bool is_first)
{
	text->count += columns->count;
	if (text->count > COLUMNS_MAX) {
		text->unfit = "over 10000 columns";
	} else if (text->nesting > NESTING_MAX) {
		text->unfit = "records are nested over 15 deep";
	}
	text->nesting++;
	for (size_t i = 0; i < columns->count && text->unfit == NULL; i++) {
		put(text,
			i == 0 && is_first           ? ""
				: text->nesting == 1 ? ",\n "
						     : ", ");
		put_column(text, &columns->items[i]);
	}
	text->nesting--;
}

dp_status dpi_bigquery_put_schema(
	dpi_buf *out, const dpi_nested_columns *columns, dp_error **err)
{
	const dpi_nested_columns first = {envelope, ENVELOPE_COUNT};
	schema_text text = {.out = out};

	put(&text, "[");
	put_columns(&text, &first, true);
	put_columns(&text, columns, false);
	put(&text, "]");
	if (text.unfit != NULL) {
		return dpi_error_set(err, DP_ETOOBIG,
			"BigQuery has no such table: %s", text.unfit);
	}
	return out->failed == DP_OK ? DP_OK
				    : dpi_error_set(err, out->failed,
					      "no memory for a table's schema");
}

/* Names have letters, digits and underscores only, but may be words of SQL. */
static void put_name(dpi_buf *out, const char *name)
{
	(void)dpi_buf_append_byte(out, '`');
	(void)dpi_buf_append_string(out, name);
	(void)dpi_buf_append_byte(out, '`');
}

/* Messages that have each other twice are more than any buffer holds: a walk
 * ends with it. */
static void put_type(dpi_buf *out, const dpi_nested_column *column)
{
	const dpi_nested_columns *inner = column->columns;

	(void)dpi_buf_append_string(out, column->is_repeated ? "ARRAY<" : "");
	(void)dpi_buf_append_string(
		out, inner != NULL ? "STRUCT<" : column->type);
	for (size_t i = 0;
		inner != NULL && i < inner->count && out->failed == DP_OK;
		i++) {
		(void)dpi_buf_append_string(out, i > 0 ? ", " : "");
		put_name(out, inner->items[i].name);
		(void)dpi_buf_append_byte(out, ' ');
		put_type(out, &inner->items[i]);
	}
	(void)dpi_buf_append_string(out, inner != NULL ? ">" : "");
	(void)dpi_buf_append_string(out, column->is_repeated ? ">" : "");
}

static void put_alter(dpi_buf *out, const char *table)
{
	(void)dpi_buf_append_string(out, "ALTER TABLE ");
	put_name(out, table);
}

void dpi_bigquery_put_add(
	dpi_buf *out, const char *table, const dpi_nested_column *column)
{
	put_alter(out, table);
	(void)dpi_buf_append_string(out, " ADD COLUMN ");
	put_name(out, column->name);
	(void)dpi_buf_append_byte(out, ' ');
	put_type(out, column);
}

void dpi_bigquery_put_widen(
	dpi_buf *out, const char *table, const dpi_nested_column *column)
{
	put_alter(out, table);
	(void)dpi_buf_append_string(out, " ALTER COLUMN ");
	put_name(out, column->name);
	(void)dpi_buf_append_string(out, " SET DATA TYPE ");
	(void)dpi_buf_append_string(out, column->type);
}
