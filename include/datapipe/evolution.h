/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPIPE_EVOLUTION_H
#define DATAPIPE_EVOLUTION_H

/**
 * @file
 * What a sink does to its destination when events of a new version of a
 * type come: asked before they do.
 */

#include <stddef.h>
#include <stdint.h>

#include <datapipe/export.h>
#include <datapipe/registry.h>
#include <datapipe/status.h>

DP_BEGIN_DECLS

/** What becomes of a destination, step by step. Immutable. */
typedef struct dp_evolution dp_evolution;

/** Where rows go. */
typedef int32_t dp_destination_kind;

enum {
	/** A table of dp_sqlite_sink_new(). */
	DP_DESTINATION_SQLITE = 1,
	/** Avro files of dp_files_sink_new(). */
	DP_DESTINATION_AVRO = 2,
	/** Parquet files of it. */
	DP_DESTINATION_PARQUET = 3,
	/** A table of BigQuery with the columns that those Avro files have. */
	DP_DESTINATION_BIGQUERY = 4
};

/** What becomes of a column. */
typedef int32_t dp_evolution_action;

enum {
	/** It is new: older rows are NULL, and so are those of older files for
	    who reads them by the new schema. */
	DP_EVOLVE_ADD = 1,
	/** Its field has a new name: values go into a new column from now on,
	    and those of older rows stay in the old one. */
	DP_EVOLVE_RENAME = 2,
	/** Its field has another type: values go into a new column of it. */
	DP_EVOLVE_FORK = 3,
	/** Its field is gone: the column stays, and newer rows are NULL; newer
	    files lack it. */
	DP_EVOLVE_KEEP = 4,
	/** It has another type from now on, and one of the two reads the values
	    of both: of files perhaps that of before. */
	DP_EVOLVE_WIDEN = 5,
	/** Newer files have another type for it, and no schema reads these and
	    the older ones. */
	DP_EVOLVE_CONFLICT = 6
};

/** One step. Texts are borrowed while its dp_evolution lives. */
typedef struct dp_evolution_step {
	/** Size of this struct in the library that filled it. */
	size_t struct_size;
	/** The column that is written from now on, or is written no more; in a
	    record its path, such as "items.price". */
	const char *column;
	/** The column that had these values; "" if none had. */
	const char *before;
	/** The type of the column, in the destination's words; "" if it is
	    written no more. A record of Avro has its name. */
	const char *type;
	/** The type of the column before; "" if there was none. */
	const char *type_before;
	/** The statement that does it; "" if there is none: files need no
	    change, and BigQuery has no statement for a column of a record. */
	const char *sql;
	/** DP_EVOLVE_*. */
	dp_evolution_action action;
	/** Number of the field, or 0 for a column of ours. */
	uint32_t number;
} dp_evolution_step;

/**
 * Plans the change of a destination that has rows of one version only, or,
 * if there is no version before, how it is made.
 *
 * @param ret_evolution  receives the plan; untouched on failure
 * @param before         version that the destination has, or NULL
 * @param after          version that comes
 * @param kind           DP_DESTINATION_*
 * @param table          name of the table; of BigQuery as SQL names it, such
 *                       as "dataset.table"; of files, NULL will do
 * @param err            why, or NULL
 * @errors               DP_EINVAL  no such kind; no table; two types
 *                       DP_ETOOBIG a schema has too many columns for this
 *                                  destination, or too deep ones
 *                       DP_ENOMEM
 * @owns                 the caller, who calls dp_evolution_free(); the
 *                       schemas may go before it
 * @thread               any
 * @since                0.1
 */
DP_API DP_NODISCARD dp_status dp_evolution_new(dp_evolution **ret_evolution,
	dp_schema *before, dp_schema *after, dp_destination_kind kind,
	const char *table, dp_error **err);

/**
 * Frees a plan.
 *
 * @param evolution  plan, or NULL
 * @thread           any, but only one
 * @since            0.1
 */
DP_API void dp_evolution_free(dp_evolution *evolution);

/**
 * Returns how many steps there are; 0: the destination stays as it is.
 *
 * @param evolution  plan
 * @thread           any
 * @since            0.1
 */
DP_API size_t dp_evolution_count(const dp_evolution *evolution);

/**
 * Returns a step, or NULL: new columns in the order in which the destination
 * gets them, then those that get no more values; a record's where it stands.
 *
 * @param evolution  plan
 * @param index      0 to dp_evolution_count() - 1
 * @owns             nobody: borrowed while @p evolution lives
 * @thread           any
 * @since            0.1
 */
DP_API const dp_evolution_step *dp_evolution_get(
	const dp_evolution *evolution, size_t index);

/**
 * Returns what the destination is in the end, as its users write it down:
 * the CREATE TABLE of SQLite, the schema of Avro, the message of Parquet; of
 * BigQuery the fields of a TableSchema, for `bq mk`, `bq update` and the API,
 * which take columns of records, too.
 *
 * @param evolution  plan
 * @return           text, in UTF-8
 * @owns             nobody: borrowed while @p evolution lives
 * @thread           any
 * @since            0.1
 */
DP_API const char *dp_evolution_result(const dp_evolution *evolution);

DP_END_DECLS

#endif /* DATAPIPE_EVOLUTION_H */
