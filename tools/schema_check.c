/* SPDX-License-Identifier: Apache-2.0 */
#include "schema_check.h"

#include <stdio.h>
#include <string.h>

#include <datapipe/compat.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "base/error.h"
#include "json_line.h"
#include "schema/compat_guard.h"
#include "schema/compat_rules.h"
#include "schema_plan.h"
#include "schema_source.h"

static const char HELP[] =
	"usage: datapipe schema check [OPTION]… OLD NEW\n"
	"\n"
	"Compares two versions of message types, and tells what breaks whom.\n"
	"OLD and NEW are descriptor sets, as protoc writes them with\n"
	"--include_imports --descriptor_set_out; or, with --registry and one\n"
	"--type, numbers of versions, of which 0 is the newest.\n"
	"\n"
	"  --mode M            NONE, BACKWARD (the default), FORWARD or FULL\n"
	"  --json-data         refuse what breaks JSON, too\n"
	"  --type T            compare this type alone; may be given again.\n"
	"                      Without: all at the top of the files of OLD\n"
	"  --registry ADDRESS  where versions are\n"
	"  --for WHERE         tell what happens to a destination of one "
	"--type:\n"
	"                      sqlite, avro, parquet or bigquery\n"
	"  --table NAME        name of its table (that of the type)\n"
	"  --json              a JSON object on each line\n"
	"  --help              this text\n"
	"\n"
	"Exit status: 0 the mode refuses nothing, 1 it does, 2 wrong usage, "
	"or\n"
	"a side could not be read.\n";

#define TYPES_MAX 64

struct check {
	const struct verb *verb;
	dp_compat_mode mode;
	const char *types[TYPES_MAX];
	size_t type_count;
	const char *registry;
	struct schema_plan plan;
	bool is_json;
	struct json_line line;
	dpi_buf sets[2];
	dpi_compat_side sides[2];
	size_t refused;
	size_t compared;
};

static dp_status read_side(
	struct check *check, int side, const char *from, dp_error **err)
{
	dpi_buf *set = &check->sets[side];
	dp_status st = schema_source_read(
		set, check->registry, check->types[0], from, err);

	if (st == DP_OK) {
		st = dpi_compat_side_init(&check->sides[side],
			dpi_alloc_default(), dpi_bytes(set->data, set->size),
			err);
		if (st != DP_OK) {
			st = dpi_error_prefix(err, st, "%s", from);
		}
	}
	return st;
}

static const char *form_of(uint32_t breaks, uint32_t wire, uint32_t json)
{
	return (breaks & wire) != 0 ? (breaks & json) != 0 ? "" : " (wire)"
				    : " (JSON)";
}

/* "breaks backward, forward (JSON)" */
static void print_breaks(uint32_t breaks)
{
	static const struct {
		uint32_t wire;
		uint32_t json;
		const char *name;
	} sides[] = {
		{DP_BREAKS_BACKWARD, DP_BREAKS_JSON_BACKWARD, "backward"},
		{DP_BREAKS_FORWARD, DP_BREAKS_JSON_FORWARD, "forward"},
		{DP_BREAKS_LATER, DP_BREAKS_JSON_LATER, "later"},
	};
	const char *between = "; breaks ";

	for (size_t i = 0; i < sizeof(sides) / sizeof(*sides); i++) {
		if ((breaks & (sides[i].wire | sides[i].json)) != 0) {
			(void)printf("%s%s%s", between, sides[i].name,
				form_of(breaks, sides[i].wire, sides[i].json));
			between = ", ";
		}
	}
}

static void print_finding(struct check *check, const char *type,
	const dp_compat_finding *f, bool is_refused)
{
	struct json_line *line = &check->line;

	if (!check->is_json) {
		(void)printf("%s %s %s: %s, then %s",
			is_refused ? "refused" : "note", f->rule, f->path,
			*f->before != '\0' ? f->before : "nothing",
			*f->after != '\0' ? f->after : "nothing");
		print_breaks(f->breaks);
		(void)printf("\n");
		return;
	}
	json_line_begin(line, "finding");
	json_line_text(line, "type", dpi_bytes_text(type));
	json_line_text(line, "rule", dpi_bytes_text(f->rule));
	json_line_text(line, "path", dpi_bytes_text(f->path));
	json_line_text(line, "before", dpi_bytes_text(f->before));
	json_line_text(line, "after", dpi_bytes_text(f->after));
	json_line_uint(line, "breaks", f->breaks);
	json_line_bool(line, "refused", is_refused);
	json_line_end(line);
}

static void judge(
	struct check *check, const char *type, const dp_compat_finding *finding)
{
	bool is_refused = dp_compat_is_refused(finding->breaks, check->mode);

	check->refused += is_refused;
	print_finding(check, type, finding, is_refused);
}

/* Events of a type that is gone are dead letters, whoever reads them. */
static dp_status check_type(
	struct check *check, const char *type, dp_error **err)
{
	static const dp_compat_finding gone = {
		.struct_size = sizeof(gone),
		.rule = "TYPE_DELETED",
		.before = "a type",
		.after = "",
		.breaks = DPI_BREAKS_BACKWARD,
	};
	dp_compat *compat = NULL;
	dp_status st;

	check->compared++;
	if (dpi_types_find(&check->sides[0].types, type) != NULL &&
		dpi_types_find(&check->sides[1].types, type) == NULL) {
		dp_compat_finding finding = gone;

		finding.path = type;
		judge(check, type, &finding);
		return DP_OK;
	}
	st = dpi_compat_compare(&compat, dpi_alloc_default(), &check->sides[0],
		&check->sides[1], type, err);
	for (size_t i = 0; st == DP_OK && i < dp_compat_count(compat); i++) {
		judge(check, type, dp_compat_get(compat, i));
	}
	dp_compat_free(compat);
	return st;
}

static dp_status check_types(struct check *check, dp_error **err)
{
	const dpi_types *old = &check->sides[0].types;
	dp_status st = DP_OK;

	for (size_t i = 0; st == DP_OK && i < check->type_count; i++) {
		st = check_type(check, check->types[i], err);
	}
	for (size_t i = 0;
		st == DP_OK && check->type_count == 0 && i < old->top_count;
		i++) {
		st = check_type(check, old->top[i]->full_name, err);
	}
	return st;
}

static dp_status plan_destination(struct check *check, dp_error **err)
{
	dp_evolution *evolution = NULL;
	dp_status st = schema_plan_make(&check->plan, check->types[0],
		&check->sets[0], &check->sets[1], &evolution, err);

	if (st == DP_OK) {
		schema_plan_print(
			evolution, check->is_json ? &check->line : NULL);
	}
	dp_evolution_free(evolution);
	return st;
}

static void print_verdict(struct check *check)
{
	const char *mode = dpi_compat_mode_name(check->mode);

	if (check->is_json) {
		json_line_begin(&check->line, "verdict");
		json_line_text(&check->line, "mode", dpi_bytes_text(mode));
		json_line_uint(&check->line, "types", check->compared);
		json_line_uint(&check->line, "refused", check->refused);
		json_line_end(&check->line);
	} else {
		(void)printf("%s: %zu types, %zu changes refused by %s\n",
			check->refused > 0 ? "REFUSED" : "compatible",
			check->compared, check->refused, mode);
	}
}

static int compare(struct check *check, char **from)
{
	dp_error *err = NULL;
	int status = EXIT_UNABLE;
	dp_status st;

	dpi_buf_init(&check->sets[0], dpi_alloc_default(), DPI_SET_MAX_BYTES);
	dpi_buf_init(&check->sets[1], dpi_alloc_default(), DPI_SET_MAX_BYTES);
	json_line_init(&check->line);
	st = read_side(check, 0, from[0], &err);
	if (st != DP_OK) {
		goto out;
	}
	st = read_side(check, 1, from[1], &err);
	if (st == DP_OK) {
		st = check_types(check, &err);
		if (st == DP_OK && check->plan.kind != 0) {
			st = plan_destination(check, &err);
		}
		dpi_compat_side_fini(&check->sides[1]);
	}
	dpi_compat_side_fini(&check->sides[0]);
out:
	if (st == DP_OK) {
		print_verdict(check);
		status = check->refused > 0 ? EXIT_DAMAGE : EXIT_CLEAN;
		verb_flush(check->verb, &status);
	} else {
		status = verb_failed(check->verb, err);
	}
	json_line_fini(&check->line);
	dpi_buf_fini(&check->sets[0]);
	dpi_buf_fini(&check->sets[1]);
	return status;
}

static bool take_option(void *user, int option, char *value)
{
	struct check *check = user;

	switch (option) {
	case 'm':
		for (dp_compat_mode m = 0; m <= DP_COMPAT_FULL; m++) {
			if (strcmp(dpi_compat_mode_name(m), value) == 0) {
				check->mode =
					(check->mode & DP_COMPAT_JSON) | m;
				return true;
			}
		}
		return false;
	case 't':
		if (check->type_count < TYPES_MAX) {
			check->types[check->type_count++] = value;
			return true;
		}
		return false;
	case 'r':
		check->registry = value;
		return true;
	case 'f':
		return schema_plan_parse(&check->plan, value);
	case 'n':
		check->plan.table = value;
		return true;
	case 'd':
		check->mode |= DP_COMPAT_JSON;
		return true;
	default:
		check->is_json = true;
		return true;
	}
}

static int run(const struct verb *verb, int argc, char **argv)
{
	static const struct option options[] = {
		{"mode", required_argument, NULL, 'm'},
		{"json-data", no_argument, NULL, 'd'},
		{"type", required_argument, NULL, 't'},
		{"registry", required_argument, NULL, 'r'},
		{"for", required_argument, NULL, 'f'},
		{"table", required_argument, NULL, 'n'},
		{"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, OPTION_HELP},
		{NULL, 0, NULL, 0},
	};
	struct check check = {.verb = verb, .mode = DP_COMPAT_BACKWARD};
	int status =
		verb_options(verb, argc, argv, options, take_option, &check);
	if (status != GO_ON) {
		return status;
	}
	if (optind + 2 != argc) {
		return verb_misused(verb, "give an old and a new version");
	}
	if ((check.registry != NULL || check.plan.kind != 0) &&
		check.type_count != 1) {
		return verb_misused(
			verb, "--registry and --for need one --type");
	}
	return compare(&check, argv + optind);
}

const struct verb schema_check = {
	.name = "schema check",
	.summary = "what a change of message types breaks",
	.help = HELP,
	.run = run,
};
