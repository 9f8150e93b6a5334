/* SPDX-License-Identifier: Apache-2.0 */
#include "log_publish.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <datapipe/codec.h>
#include <datapipe/hub.h>
#include <datapipe/publisher.h>
#include <datapipe/registry.h>
#include <datapipe/runtime.h>

#include "base/bytes.h"
#include "base/error.h"

static const char HELP[] =
	"usage: datapipe log publish --registry ADDRESS --type TYPE [OPTION]…\n"
	"       DIRECTORY TOPIC\n"
	"\n"
	"Reads lines of JSON from standard input, each a message of TYPE, and\n"
	"publishes them to a topic of the log, as the bytes of that message. "
	"Lines\n"
	"that are no such message are told on stderr and passed over.\n"
	"\n"
	"  --registry ADDRESS  \"file:DIRECTORY\", which has the type\n"
	"  --type TYPE         full name of the message\n"
	"  --version N         this version of it, instead of the newest\n"
	"  --source TEXT       the source of the events; else \"datapipe\"\n"
	"  --ignore-unknown    members that the type does not have are "
	"skipped\n"
	"  --help              this text\n"
	"\n"
	"Exit status: 0 all was published and is on disk, 1 lines were passed\n"
	"over, 2 wrong usage, or nothing more could be published.\n";

struct publishing {
	const struct verb *verb;
	const char *registry_address, *type, *source, *directory, *topic;
	uint32_t version;
	bool ignores_unknown;
	dp_runtime *runtime;
	dp_hub *hub;
	dp_schema *schema;
	dp_codec *codec;
	dp_publisher *pub;
	char dataschema[64];
	unsigned long published, refused;
};

static dp_status find_schema(struct publishing *p, dp_error **err)
{
	dp_registry *registry;
	dp_status st = dp_registry_open(
		&registry, p->runtime, p->registry_address, NULL, err);

	if (st == DP_OK) {
		st = dp_registry_get(
			registry, &p->schema, p->type, p->version, err);
		dp_registry_close(registry);
	}
	if (st == DP_OK) {
		(void)snprintf(p->dataschema, sizeof(p->dataschema), "dp:%s",
			dp_schema_fingerprint(p->schema));
	}
	return st;
}

static dp_status open_all(struct publishing *p, dp_error **err)
{
	dp_codec_options codec_opts = DP_CODEC_OPTIONS_INIT;
	dp_publisher_options opts = DP_PUBLISHER_OPTIONS_INIT;
	char address[4096];
	dp_status st;

	codec_opts.json = p->ignores_unknown ? DP_JSON_IGNORE_UNKNOWN : 0;
	opts.topic = p->topic;
	opts.source = p->source;
	(void)snprintf(address, sizeof(address), "log:%s", p->directory);
	st = dp_runtime_new(&p->runtime, NULL, err);
	if (st == DP_OK) {
		st = find_schema(p, err);
	}
	if (st == DP_OK) {
		st = dp_codec_new(&p->codec, p->schema, &codec_opts, err);
	}
	if (st == DP_OK) {
		st = dp_hub_open(&p->hub, p->runtime, address, NULL, err);
	}
	if (st == DP_OK) {
		st = dp_publisher_new(&p->pub, p->hub, &opts, err);
	}
	return st;
}

static void close_all(struct publishing *p)
{
	if (p->pub != NULL) {
		dp_publisher_free(p->pub);
	}
	if (p->hub != NULL) {
		dp_hub_close(p->hub);
	}
	dp_codec_free(p->codec);
	dp_schema_unref(p->schema);
	if (p->runtime != NULL) {
		dp_runtime_free(p->runtime);
	}
}

/* A line that is no such message is told, and no failure. */
static dp_status publish_line(struct publishing *p, unsigned long number,
	dp_bytes line, dp_error **err)
{
	dp_event event = DP_EVENT_INIT;
	dp_error *cause = NULL;
	dp_status st;

	if (dp_codec_from_json(p->codec, line, &event.payload, &cause) !=
		DP_OK) {
		(void)fprintf(stderr, "datapipe log publish: line %lu: %s\n",
			number, dp_error_message(cause));
		dp_error_free(cause);
		p->refused++;
		return DP_OK;
	}
	event.type = p->type;
	event.dataschema = p->dataschema;
	st = dp_publisher_publish(p->pub, &event, DP_FOREVER, err);
	p->published += st == DP_OK;
	return st;
}

static dp_status publish_lines(struct publishing *p, dp_error **err)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t size;
	dp_status st = DP_OK;

	for (unsigned long n = 1; st == DP_OK; n++) {
		size = getline(&line, &room, stdin);
		if (size < 0) {
			break;
		}
		if (strspn(line, " \t\r\n") < (size_t)size) {
			st = publish_line(
				p, n, dpi_bytes(line, (size_t)size), err);
		}
	}
	if (st == DP_OK && ferror(stdin)) {
		st = dpi_error_sys(err, errno, "standard input");
	}
	free(line);
	return st == DP_OK ? dp_publisher_flush(p->pub, DP_FOREVER, err) : st;
}

static int publish_all(struct publishing *p)
{
	dp_error *err = NULL;
	int status;

	if (open_all(p, &err) != DP_OK || publish_lines(p, &err) != DP_OK) {
		status = verb_failed(p->verb, err);
	} else {
		status = p->refused == 0 ? EXIT_CLEAN : EXIT_DAMAGE;
		(void)printf("published %lu, passed over %lu\n", p->published,
			p->refused);
	}
	close_all(p);
	verb_flush(p->verb, &status);
	return status;
}

static bool take_option(void *user, int option, char *value)
{
	struct publishing *p = user;
	unsigned long version;
	char *end;

	switch (option) {
	case 'r':
		p->registry_address = value;
		return true;
	case 't':
		p->type = value;
		return true;
	case 's':
		p->source = value;
		return true;
	case 'v':
		version = strtoul(value, &end, 10);
		p->version = (uint32_t)version;
		return *value >= '1' && *value <= '9' && *end == '\0' &&
			version == p->version;
	default:
		p->ignores_unknown = true;
		return true;
	}
}

static int run(const struct verb *verb, int argc, char **argv)
{
	static const struct option options[] = {
		{"registry", required_argument, NULL, 'r'},
		{"type", required_argument, NULL, 't'},
		{"version", required_argument, NULL, 'v'},
		{"source", required_argument, NULL, 's'},
		{"ignore-unknown", no_argument, NULL, 'i'},
		{"help", no_argument, NULL, OPTION_HELP},
		{NULL, 0, NULL, 0},
	};
	struct publishing p = {.verb = verb, .source = "datapipe"};
	int status = verb_options(verb, argc, argv, options, take_option, &p);
	if (status != GO_ON) {
		return status;
	}
	if (optind + 2 != argc || p.registry_address == NULL ||
		p.type == NULL) {
		return verb_misused(verb,
			"give --registry, --type, a directory and a topic");
	}
	p.directory = argv[optind];
	p.topic = argv[optind + 1];
	return publish_all(&p);
}

const struct verb log_publish = {
	.name = "log publish",
	.summary = "publishes lines of JSON",
	.help = HELP,
	.run = run,
};
