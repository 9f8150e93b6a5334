/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SCHEMA_PLAN_H
#define SCHEMA_PLAN_H

#include <datapipe/evolution.h>

#include "base/buf.h"
#include "json_line.h"

/* What a version of a type is, or does, to one destination. */
struct schema_plan {
	dp_destination_kind kind; /* 0: none was asked for */
	const char *table;        /* NULL: called as the type */
};

/* Takes "sqlite", "avro", "parquet" or "bigquery"; false if it is none. */
bool schema_plan_parse(struct schema_plan *plan, const char *name);

/*
 * Plans the change from one descriptor set to another, or from none if before
 * is NULL. The caller frees *ret.
 */
dp_status schema_plan_make(const struct schema_plan *plan, const char *type,
	const dpi_buf *before, const dpi_buf *after, dp_evolution **ret,
	dp_error **err);

/* Prints the steps: as text, or, if there is a line, as JSON. */
void schema_plan_print(const dp_evolution *evolution, struct json_line *line);

#endif /* SCHEMA_PLAN_H */
