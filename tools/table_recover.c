/* SPDX-License-Identifier: Apache-2.0 */
#include "table_recover.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include <datapipe/recovery.h>
#include <datapipe/runtime.h>

#include "base/alloc.h"
#include "schema/descriptor.h"
#include "schema/raw_set.h"
#include "schema_source.h"

static const char HELP[] =
	"usage: datapipe table recover --type T [OPTION]… DATABASE SCHEMA\n"
	"\n"
	"Puts what rows of a table kept in \"_unknown\" into columns of their "
	"own, now\n"
	"that SCHEMA has its fields. DATABASE is a file that an SQLite sink "
	"writes; it\n"
	"may go on meanwhile. No value is ever replaced: what has no place "
	"stays in\n"
	"\"_unknown\". SCHEMA is a descriptor set, as protoc writes it with\n"
	"--include_imports --descriptor_set_out; or, with --registry, the "
	"number of a\n"
	"version, of which 0 is the newest.\n"
	"\n"
	"  --type T            full name of the message type\n"
	"  --table NAME        name of the table (that of the type)\n"
	"  --registry ADDRESS  where versions are (\"file:DIRECTORY\")\n"
	"  --help              this text\n"
	"\n"
	"Exit status: 0 done, 1 there were rows that the schema refuses, "
	"2 wrong usage,\n"
	"or it could not be done; what was done stays, and to run it again is "
	"safe.\n";

/* Each waits for 2 s. */
#define TRIES_MAX 30

struct recover {
	const struct verb *verb;
	const char *type, *table, *registry;
	const char *database, *from;
	bool has_progress;
};

static dp_status open_schema(
	const struct recover *recover, dp_schema **ret, dp_error **err)
{
	dpi_buf set;
	dp_status st;

	dpi_buf_init(&set, dpi_alloc_default(), DPI_SET_MAX_BYTES);
	st = schema_source_read(
		&set, recover->registry, recover->type, recover->from, err);
	if (st == DP_OK) {
		st = dpi_schema_new(ret, dpi_alloc_default(), set.data,
			set.size, recover->type, err);
	}
	dpi_buf_fini(&set);
	return st;
}

/* Others that write are given way, but not for ever. */
static bool tries_again(dp_status st, int *tries, dp_error **err)
{
	if (st != DP_EAGAIN || ++*tries >= TRIES_MAX) {
		return false;
	}
	dp_error_free(*err);
	*err = NULL;
	return true;
}

static dp_status open_table(const struct recover *recover, dp_runtime *rt,
	dp_schema *schema, dp_sqlite_recovery **ret, dp_error **err)
{
	int tries = 0;
	dp_status st;

	do {
		st = dp_sqlite_recovery_new(ret, rt, recover->database, schema,
			recover->table, err);
	} while (tries_again(st, &tries, err));
	return st;
}

static void tell(
	const struct recover *recover, const dp_sqlite_recovery_report *report)
{
	if (recover->has_progress) {
		(void)fprintf(stderr, "\r\033[K");
	}
	if (*report->refusal != '\0') {
		(void)fprintf(stderr,
			"datapipe %s: %" PRIu64
			" refused, the last of them %s\n",
			recover->verb->name, report->refused, report->refusal);
	}
	if (recover->has_progress && report->is_done == 0) {
		(void)fprintf(stderr, "%" PRIu64 " rows", report->rows);
	}
}

static dp_status recover_rows(const struct recover *recover,
	dp_sqlite_recovery *table, dp_sqlite_recovery_report *report,
	dp_error **err)
{
	int tries = 0;
	dp_status st = DP_OK;

	while (st == DP_OK && report->is_done == 0) {
		st = dp_sqlite_recovery_step(table, report, err);
		if (st == DP_OK) {
			tries = 0;
			tell(recover, report);
		} else if (tries_again(st, &tries, err)) {
			st = DP_OK;
		}
	}
	return st;
}

static int recover_table(const struct recover *recover)
{
	dp_sqlite_recovery_report report = {.struct_size = sizeof(report)};
	dp_sqlite_recovery *table = NULL;
	dp_schema *schema = NULL;
	dp_runtime *rt = NULL;
	dp_error *err = NULL;
	int status;
	dp_status st = open_schema(recover, &schema, &err);

	if (st == DP_OK) {
		st = dp_runtime_new(&rt, NULL, &err);
	}
	if (st == DP_OK) {
		st = open_table(recover, rt, schema, &table, &err);
	}
	if (st == DP_OK) {
		st = recover_rows(recover, table, &report, &err);
		(void)printf("rows %" PRIu64 ", filled %" PRIu64
			     ", left %" PRIu64 ", refused %" PRIu64 "\n",
			report.rows, report.filled, report.left,
			report.refused);
	}
	dp_sqlite_recovery_free(table);
	dp_runtime_free(rt);
	dp_schema_unref(schema);
	status = st != DP_OK         ? verb_failed(recover->verb, err)
		: report.refused > 0 ? EXIT_DAMAGE
				     : EXIT_CLEAN;
	verb_flush(recover->verb, &status);
	return status;
}

static const struct option OPTIONS[] = {
	{"type", required_argument, NULL, 't'},
	{"table", required_argument, NULL, 'n'},
	{"registry", required_argument, NULL, 'r'},
	{"help", no_argument, NULL, OPTION_HELP},
	{NULL, 0, NULL, 0},
};

static bool take_option(void *user, int option, char *value)
{
	struct recover *recover = user;

	switch (option) {
	case 't':
		recover->type = value;
		return true;
	case 'n':
		recover->table = value;
		return true;
	default:
		recover->registry = value;
		return true;
	}
}

static int run(const struct verb *verb, int argc, char **argv)
{
	struct recover recover = {
		.verb = verb, .has_progress = isatty(STDERR_FILENO) == 1};
	int status =
		verb_options(verb, argc, argv, OPTIONS, take_option, &recover);
	if (status != GO_ON) {
		return status;
	}
	if (recover.type == NULL || argc - optind != 2) {
		return verb_misused(verb,
			"--type, one database and one schema are what it "
			"needs");
	}
	recover.database = argv[optind];
	recover.from = argv[optind + 1];
	return recover_table(&recover);
}

const struct verb table_recover = {
	.name = "table recover",
	.summary = "puts what _unknown holds into columns",
	.help = HELP,
	.run = run,
};
