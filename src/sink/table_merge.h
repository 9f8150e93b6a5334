/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_SINK_TABLE_MERGE_H
#define DPI_SINK_TABLE_MERGE_H

#include "base/arena.h"
#include "codec/nested.h"

/*
 * Where the columns of a version go in a table of BigQuery that has others:
 * the event's, or those of one record.
 *
 * A column that is there is taken if it has the same name, whatever its case,
 * and takes such values. Else there is a new one, at the end, as BigQuery adds
 * them: of that name, or, if a column of another type has it, of one that says
 * its type, too. No column ever changes its meaning.
 */

typedef struct dpi_merged_column {
	dpi_nested_column column;         /* what the table has from now on */
	const dpi_nested_column *before;  /* NULL: is new */
	const dpi_nested_column *planned; /* NULL: takes no values any more */
	bool is_new;
	bool is_wider; /* is there, and its type becomes that of column */
} dpi_merged_column;

/*
 * The columns of before, then the new ones. Inside of a record (is_top is
 * false) no type can be made wider. Errors: DP_ENOMEM
 */
DP_NODISCARD dp_status dpi_table_merge(dpi_arena *arena,
	const dpi_nested_columns *before, const dpi_nested_columns *planned,
	bool is_top, dpi_merged_column **ret, size_t *ret_count);

#endif /* DPI_SINK_TABLE_MERGE_H */
