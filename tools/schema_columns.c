/* SPDX-License-Identifier: Apache-2.0 */
#include "schema_columns.h"

#include <stdio.h>

#include "base/alloc.h"
#include "schema/raw_set.h"
#include "schema_plan.h"
#include "schema_source.h"

static const char HELP[] =
	"usage: datapipe schema columns --for WHERE --type T [OPTION]… SCHEMA\n"
	"\n"
	"Prints what columns the events of a message type have at a "
	"destination.\n"
	"SCHEMA is a descriptor set, as protoc writes it with "
	"--include_imports\n"
	"--descriptor_set_out; or, with --registry, the number of a version, "
	"of\n"
	"which 0 is the newest.\n"
	"\n"
	"  --for sqlite        the table, as CREATE TABLE\n"
	"  --for avro          the schema of files, as JSON\n"
	"  --for parquet       the schema of files, as readers print it\n"
	"  --for bigquery      the fields of a table, as \"bq mk\" and\n"
	"                      \"bq update\" take them\n"
	"  --type T            full name of the message type\n"
	"  --table NAME        name of the table (that of the type)\n"
	"  --registry ADDRESS  where versions are (\"file:DIRECTORY\")\n"
	"  --help              this text\n"
	"\n"
	"Exit status: 0 it was printed, 2 wrong usage, or there is no such\n"
	"schema or destination.\n";

struct columns {
	const struct verb *verb;
	struct schema_plan plan;
	const char *type;
	const char *registry;
};

static int print_columns(const struct columns *columns, const char *from)
{
	dp_evolution *evolution = NULL;
	dp_error *err = NULL;
	dpi_buf set;
	int status = EXIT_CLEAN;
	dp_status st;

	dpi_buf_init(&set, dpi_alloc_default(), DPI_SET_MAX_BYTES);
	st = schema_source_read(
		&set, columns->registry, columns->type, from, &err);
	if (st == DP_OK) {
		st = schema_plan_make(&columns->plan, columns->type, NULL, &set,
			&evolution, &err);
	}
	if (st == DP_OK) {
		(void)puts(dp_evolution_result(evolution));
		verb_flush(columns->verb, &status);
	} else {
		status = verb_failed(columns->verb, err);
	}
	dp_evolution_free(evolution);
	dpi_buf_fini(&set);
	return status;
}

static const struct option OPTIONS[] = {
	{"for", required_argument, NULL, 'f'},
	{"type", required_argument, NULL, 't'},
	{"table", required_argument, NULL, 'n'},
	{"registry", required_argument, NULL, 'r'},
	{"help", no_argument, NULL, OPTION_HELP},
	{NULL, 0, NULL, 0},
};

static bool take_option(void *user, int option, char *value)
{
	struct columns *columns = user;

	switch (option) {
	case 'f':
		return schema_plan_parse(&columns->plan, value);
	case 't':
		columns->type = value;
		return true;
	case 'n':
		columns->plan.table = value;
		return true;
	default:
		columns->registry = value;
		return true;
	}
}

static int run(const struct verb *verb, int argc, char **argv)
{
	struct columns columns = {.verb = verb};
	int status =
		verb_options(verb, argc, argv, OPTIONS, take_option, &columns);
	if (status != GO_ON) {
		return status;
	}
	if (columns.plan.kind == 0 || columns.type == NULL ||
		argc - optind != 1) {
		return verb_misused(
			verb, "--for, --type and one schema are what it needs");
	}
	return print_columns(&columns, argv[optind]);
}

const struct verb schema_columns = {
	.name = "schema columns",
	.summary = "the columns of a message type at a destination",
	.help = HELP,
	.run = run,
};
