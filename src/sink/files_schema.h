/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_SINK_FILES_SCHEMA_H
#define DPI_SINK_FILES_SCHEMA_H

#include "base/buf.h"
#include "sink/destination.h"
#include "sink/event_plans.h"
#include "sink/field_path.h"
#include "sink/file_set.h"

/*
 * What the files sink knows of each schema in use: how its files begin, and
 * where the fields of the destination are. One owner.
 */

/* Pairs; the last, how deep recursion goes, in Parquet only. */
#define DPI_FILES_META 4
#define DPI_FILES_BUCKETS 256u

typedef struct dpi_files_schema {
	struct dpi_files_schema *next;
	uint64_t plan;  /* id of the plan that it belongs to */
	uint64_t batch; /* last used in it */
	dpi_file_kind kind;
	dpi_buf json;                /* of Avro */
	dpi_parquet_schema *parquet; /* of Parquet */
	char version[16];
	char fingerprint[40];
	char recursion[8];
	dpi_buf type;
	dpi_file_meta meta[DPI_FILES_META];
	dpi_field_path fields[DPI_DESTINATION_PARTS];
	dp_error *unfit; /* why there is no such folder for the type, or NULL */
} dpi_files_schema;

typedef struct dpi_files_schemas {
	const dp_allocator *alloc;
	dp_file_format format;
	dpi_files_schema *buckets[DPI_FILES_BUCKETS];
	size_t count;
	uint64_t batch;
} dpi_files_schemas;

/* Columns in front of those of the message; see doc/sinks.md. */
extern const dpi_column_given dpi_files_given[];
extern const size_t dpi_files_given_count;

void dpi_files_schemas_init(dpi_files_schemas *schemas,
	const dp_allocator *alloc, dp_file_format format);
void dpi_files_schemas_fini(dpi_files_schemas *schemas);

/* A batch comes: schemas that were not used for long are forgotten. */
void dpi_files_schemas_begin(dpi_files_schemas *schemas);

/* What there is about a plan's schema. Valid until the next begin. */
DP_NODISCARD dp_status dpi_files_schemas_get(dpi_files_schemas *schemas,
	const dpi_event_plan *plan, const dpi_destination *destination,
	const dpi_files_schema **ret, dp_error **err);

#endif /* DPI_SINK_FILES_SCHEMA_H */
