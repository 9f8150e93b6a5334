/* SPDX-License-Identifier: Apache-2.0 */
#include "schema_recover.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <datapipe/codec.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"
#include "json_line.h"
#include "schema/descriptor.h"
#include "schema/raw_set.h"
#include "schema_source.h"

static const char HELP[] =
	"usage: datapipe schema recover --type T [OPTION]… SCHEMA\n"
	"\n"
	"Reads what a sink kept in columns \"_unknown\" from standard input, "
	"in Base64,\n"
	"a line for each, and prints, as a line of JSON, the fields that "
	"SCHEMA knows\n"
	"of it and, as \"unknown_base64\", what is still unknown. A line that "
	"is no such\n"
	"thing is told on stderr and passed over. SCHEMA is a descriptor set, "
	"as protoc\n"
	"writes it with --include_imports --descriptor_set_out; or, with "
	"--registry,\n"
	"the number of a version, of which 0 is the newest. For tables of "
	"SQLite, see\n"
	"\"datapipe table recover\".\n"
	"\n"
	"  --type T            full name of the message type of the event\n"
	"  --at PATH           the message inside of it that has the column, "
	"such as\n"
	"                      \"customer.address\"; a map goes on by "
	"\"value\"\n"
	"  --hex               lines are in hexadecimal, as SQL's hex() gives "
	"them\n"
	"  --registry ADDRESS  where versions are (\"file:DIRECTORY\")\n"
	"  --help              this text\n"
	"\n"
	"Exit status: 0 all lines were read, 1 some were passed over, 2 wrong\n"
	"usage, or there is no such schema.\n";

struct recover {
	const struct verb *verb;
	const char *type, *at, *registry;
	bool is_hex;
	dp_codec *codec;
	dpi_buf bytes; /* of a line */
	struct json_line out;
	bool has_refused;
};

static dp_status open_codec(
	struct recover *recover, const char *from, dp_error **err)
{
	dp_schema *schema = NULL;
	dpi_buf set;
	dp_status st;

	dpi_buf_init(&set, dpi_alloc_default(), DPI_SET_MAX_BYTES);
	st = schema_source_read(
		&set, recover->registry, recover->type, from, err);
	if (st == DP_OK) {
		st = dpi_schema_new(&schema, dpi_alloc_default(), set.data,
			set.size, recover->type, err);
	}
	if (st == DP_OK) {
		st = dp_codec_new(&recover->codec, schema, NULL, err);
	}
	dp_schema_unref(schema);
	dpi_buf_fini(&set);
	return st;
}

static int digit_of(uint8_t c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool decode_hex(uint8_t *buf, size_t *ret_size, dp_bytes text)
{
	const uint8_t *p = text.data;

	for (size_t i = 0; i + 1 < text.size; i += 2) {
		int high = digit_of(p[i]);
		int low = digit_of(p[i + 1]);

		if (high < 0 || low < 0) {
			return false;
		}
		buf[i / 2] = (uint8_t)(high << 4 | low);
	}
	*ret_size = text.size / 2;
	return text.size % 2 == 0;
}

static dp_status decode(struct recover *recover, dp_bytes text, dp_error **err)
{
	dpi_buf *bytes = &recover->bytes;

	dpi_buf_clear(bytes);
	if (dpi_buf_reserve(bytes, text.size) != DP_OK) {
		return dpi_error_set(err, DP_ETOOBIG, "the line is too long");
	}
	if (!(recover->is_hex ? decode_hex : dpi_base64_decode)(
		    bytes->data, &bytes->size, text)) {
		return dpi_error_set(err, DP_ESCHEMA, "it is not %s",
			recover->is_hex ? "hexadecimal" : "Base64");
	}
	return DP_OK;
}

static dp_status recover_line(
	struct recover *recover, dp_bytes text, dp_error **err)
{
	dp_bytes fields;
	dp_bytes rest;
	dp_status st = decode(recover, text, err);

	if (st == DP_OK) {
		st = dp_codec_recover(recover->codec, recover->at,
			dpi_bytes(recover->bytes.data, recover->bytes.size),
			&fields, &rest, err);
	}
	if (st != DP_OK) {
		return st;
	}
	json_line_begin(&recover->out, "recovered");
	json_line_value(&recover->out, "fields", fields);
	if (rest.size > 0) {
		json_line_base64(&recover->out, "unknown_base64", rest);
	}
	json_line_end(&recover->out);
	return DP_OK;
}

static dp_bytes without_end(const char *line, ssize_t size)
{
	while (size > 0 && (line[size - 1] == '\n' || line[size - 1] == '\r')) {
		size--;
	}
	return dpi_bytes(line, (size_t)size);
}

/* What is no such line is told, and no failure; a wrong path is. */
static dp_status recover_lines(struct recover *recover, dp_error **err)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t size;
	dp_status st = DP_OK;

	for (unsigned long n = 1;
		st == DP_OK && (size = getline(&line, &room, stdin)) >= 0;
		n++) {
		dp_error *why = NULL;

		st = recover_line(recover, without_end(line, size), &why);
		if (st == DP_ESCHEMA || st == DP_ETOOBIG) {
			(void)fprintf(stderr, "datapipe %s: line %lu: %s\n",
				recover->verb->name, n, dp_error_message(why));
			recover->has_refused = true;
			dp_error_free(why);
			st = DP_OK;
		} else if (st != DP_OK) {
			*err = why;
		}
	}
	if (st == DP_OK && ferror(stdin)) {
		st = dpi_error_sys(err, errno, "standard input");
	}
	free(line);
	return st;
}

static int recover_all(struct recover *recover, const char *from)
{
	dp_error *err = NULL;
	int status = EXIT_CLEAN;

	dpi_buf_init(&recover->bytes, dpi_alloc_default(), 64u << 20);
	json_line_init(&recover->out);
	if (open_codec(recover, from, &err) != DP_OK ||
		recover_lines(recover, &err) != DP_OK) {
		(void)fflush(stdout);
		status = verb_failed(recover->verb, err);
	} else if (recover->has_refused) {
		status = EXIT_DAMAGE;
	}
	if (recover->out.failed != DP_OK) {
		status = EXIT_UNABLE;
	}
	verb_flush(recover->verb, &status);
	json_line_fini(&recover->out);
	dpi_buf_fini(&recover->bytes);
	dp_codec_free(recover->codec);
	return status;
}

static const struct option OPTIONS[] = {
	{"type", required_argument, NULL, 't'},
	{"at", required_argument, NULL, 'a'},
	{"hex", no_argument, NULL, 'x'},
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
	case 'a':
		recover->at = value;
		return true;
	case 'x':
		recover->is_hex = true;
		return true;
	default:
		recover->registry = value;
		return true;
	}
}

static int run(const struct verb *verb, int argc, char **argv)
{
	struct recover recover = {.verb = verb};
	int status =
		verb_options(verb, argc, argv, OPTIONS, take_option, &recover);
	if (status != GO_ON) {
		return status;
	}
	if (recover.type == NULL || argc - optind != 1) {
		return verb_misused(
			verb, "--type and one schema are what it needs");
	}
	return recover_all(&recover, argv[optind]);
}

const struct verb schema_recover = {
	.name = "schema recover",
	.summary = "what a column _unknown holds, by a newer schema",
	.help = HELP,
	.run = run,
};
