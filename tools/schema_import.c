/* SPDX-License-Identifier: Apache-2.0 */
#include "schema_import.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <datapipe/confluent.h>

#include "protoc.h"

static const char HELP[] =
	"usage: datapipe schema import --url URL [OPTION]… REGISTRY\n"
	"\n"
	"Registers all versions of the protobuf schemas of a server with\n"
	"Confluent's interface (Confluent, Apicurio, Karapace, Redpanda), "
	"with\n"
	"what they reference, in REGISTRY (\"file:DIRECTORY\"). What is there\n"
	"already stays as it is, so it may be repeated. Where the server "
	"gives\n"
	".proto text alone, protoc compiles it.\n"
	"\n"
	"  --url URL       what /subjects is below, such as\n"
	"                  http://localhost:8080/apis/ccompat/v7\n"
	"  --subject S     this subject alone\n"
	"  --timeout S     seconds that one request may take (10)\n"
	"  --protoc PATH   the compiler (protoc)\n"
	"  --help          this text\n"
	"\n"
	"The environment variable DATAPIPE_AUTHORIZATION is sent as the "
	"header\n"
	"\"Authorization\", such as \"Basic …\".\n"
	"\n"
	"Exit status: 0 all was registered, 2 wrong usage, or it failed.\n";

struct import {
	const struct verb *verb;
	const char *url;
	const char *subject;
	const char *registry;
	struct protoc protoc;
	dp_confluent_options opts;
};

static int import_all(struct import *import, dp_confluent *client)
{
	dp_confluent_report report = {0};
	dp_error *err = NULL;
	int status = EXIT_CLEAN;
	dp_status st =
		dp_confluent_import(client, import->subject, &report, &err);

	(void)printf("%" PRIu64 " versions of %" PRIu64
		     " subjects registered, %" PRIu64
		     " of Avro or JSON schema passed over\n",
		report.versions, report.subjects, report.skipped);
	if (st != DP_OK) {
		(void)fflush(stdout);
		return verb_failed(import->verb, err);
	}
	verb_flush(import->verb, &status);
	return status;
}

static int run_import(struct import *import)
{
	dp_confluent *client = NULL;
	dp_registry *reg = NULL;
	dp_runtime *rt = NULL;
	dp_error *err = NULL;
	int status;
	dp_status st = dp_runtime_new(&rt, NULL, &err);

	if (st == DP_OK) {
		st = dp_registry_open(&reg, rt, import->registry, NULL, &err);
	}
	if (st == DP_OK) {
		st = dp_confluent_new(
			&client, rt, import->url, reg, &import->opts, &err);
	}
	status = st == DP_OK ? import_all(import, client)
			     : verb_failed(import->verb, err);
	dp_confluent_free(client);
	dp_registry_close(reg);
	dp_runtime_free(rt);
	return status;
}

static const struct option OPTIONS[] = {
	{"url", required_argument, NULL, 'u'},
	{"subject", required_argument, NULL, 's'},
	{"timeout", required_argument, NULL, 't'},
	{"protoc", required_argument, NULL, 'p'},
	{"help", no_argument, NULL, OPTION_HELP},
	{NULL, 0, NULL, 0},
};

/* False: it was not a number of seconds. */
static bool take_option(void *user, int option, char *value)
{
	struct import *import = user;
	char *end = NULL;
	double seconds;

	switch (option) {
	case 'u':
		import->url = value;
		return true;
	case 's':
		import->subject = value;
		return true;
	case 'p':
		import->protoc.program = value;
		return true;
	default:
		seconds = strtod(value, &end);
		if (end == value || *end != '\0' || !(seconds > 0) ||
			seconds > 86400) {
			return false;
		}
		import->opts.timeout_ns =
			(dp_time_ns)(seconds * (double)DP_SECOND);
		return true;
	}
}

static int run(const struct verb *verb, int argc, char **argv)
{
	struct import import = {.verb = verb,
		.protoc = {.program = "protoc"},
		.opts = DP_CONFLUENT_OPTIONS_INIT};
	int status =
		verb_options(verb, argc, argv, OPTIONS, take_option, &import);
	if (status != GO_ON) {
		return status;
	}
	if (import.url == NULL || argc - optind != 1) {
		return verb_misused(
			verb, "--url and one registry are what it needs");
	}
	import.registry = argv[optind];
	import.opts.authorization = getenv("DATAPIPE_AUTHORIZATION");
	import.opts.compile = protoc_compile;
	import.opts.user = &import.protoc;
	return run_import(&import);
}

const struct verb schema_import = {
	.name = "schema import",
	.summary = "registers what another schema registry has",
	.help = HELP,
	.run = run,
};
