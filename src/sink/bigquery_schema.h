/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_SINK_BIGQUERY_SCHEMA_H
#define DPI_SINK_BIGQUERY_SCHEMA_H

#include "base/buf.h"
#include "codec/nested.h"

/*
 * Columns as BigQuery takes them: as JSON for its API, and as SQL. No column is
 * ever REQUIRED: one that a later version lacks could not be written.
 */

/*
 * Appends the fields of a TableSchema, with the columns in front that files
 * have, so that a load of the Avro files of a sink fills the table.
 * Errors: DP_ETOOBIG (what BigQuery has no room for: over 10,000 columns,
 *         records in each other over 15 deep, a name of over 300 bytes),
 *         DP_ENOMEM
 */
DP_NODISCARD dp_status dpi_bigquery_put_schema(
	dpi_buf *out, const dpi_nested_columns *columns, dp_error **err);

/* Appends the statement that adds a column, which is none of a record. */
void dpi_bigquery_put_add(
	dpi_buf *out, const char *table, const dpi_nested_column *column);

/* Appends the statement that gives a column, which is none of a record, a
 * wider type. */
void dpi_bigquery_put_widen(
	dpi_buf *out, const char *table, const dpi_nested_column *column);

#endif /* DPI_SINK_BIGQUERY_SCHEMA_H */
