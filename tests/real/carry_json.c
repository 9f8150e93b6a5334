/* SPDX-License-Identifier: Apache-2.0 */
/*
 * carry_json DIR SET: publishes what comes on standard input, a line an event,
 * "TYPE JSON", as messages of the types in the FileDescriptorSet SET; carries
 * them into DIR/lake, DIR/files, DIR/parquet and DIR/rows.db; ends when all
 * have come.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <datapipe/datapipe.h>

/* Twice the longest payload there is. */
#define LINE_MAX_BYTES (256u << 10)

struct carrier {
	const char *dir;
	dp_runtime *rt;
	dp_hub *hub;
	dp_registry *registry;
	dp_store *lake;
	dp_store *files;
	dp_store *parquet;
};

static void check(dp_status st, dp_error *err, const char *what)
{
	if (st != DP_OK) {
		(void)fprintf(stderr, "carry_json: %s: %s: %s\n", what,
			dp_status_name(st), dp_error_message(err));
		exit(1);
	}
}

static const char *address(char *buf, const struct carrier *c,
	const char *scheme, const char *name)
{
	(void)snprintf(buf, 4096, "%s%s/%s", scheme, c->dir, name);
	return buf;
}

static void add_types(struct carrier *c, const char *path)
{
	static uint8_t set[1 << 20];
	FILE *file = fopen(path, "rb");
	dp_error *err = NULL;
	size_t size;

	if (file == NULL) {
		check(DP_ENOTFOUND, NULL, path);
	}
	size = fread(set, 1, sizeof(set), file);
	(void)fclose(file);
	check(dp_registry_add(c->registry, set, size, NULL, &err), err, path);
}

static void open_store(struct carrier *c, dp_store **ret, const char *name)
{
	dp_error *err = NULL;
	char buf[4096];

	check(dp_store_open(ret, c->rt, address(buf, c, "file:", name), &err),
		err, name);
}

static void open_all(struct carrier *c)
{
	dp_error *err = NULL;
	char buf[4096];

	check(dp_runtime_new(&c->rt, NULL, &err), err, "runtime");
	check(dp_hub_open(&c->hub, c->rt, address(buf, c, "log:", "hub"), NULL,
		      &err),
		err, "hub");
	check(dp_registry_open(&c->registry, c->rt,
		      address(buf, c, "file:", "registry"), NULL, &err),
		err, "registry");
	open_store(c, &c->lake, "lake");
	open_store(c, &c->files, "files");
	open_store(c, &c->parquet, "parquet");
}

static void publish_line(struct carrier *c, dp_publisher *pub, const char *type,
	const char *json)
{
	dp_codec *codec = NULL;
	dp_schema *schema = NULL;
	dp_event ev = DP_EVENT_INIT;
	dp_error *err = NULL;

	check(dp_registry_get(c->registry, &schema, type, 0, &err), err, type);
	check(dp_codec_new(&codec, schema, NULL, &err), err, type);
	ev.type = type;
	check(dp_codec_from_json(
		      codec, (dp_bytes){json, strlen(json)}, &ev.payload, &err),
		err, type);
	check(dp_publisher_publish(pub, &ev, DP_SECOND, &err), err, type);
	dp_codec_free(codec);
	dp_schema_unref(schema);
}

static void publish(struct carrier *c)
{
	static char line[LINE_MAX_BYTES];
	dp_publisher_options opts = DP_PUBLISHER_OPTIONS_INIT;
	dp_publisher *pub = NULL;
	dp_error *err = NULL;

	opts.topic = "hooks";
	opts.source = "github";
	check(dp_publisher_new(&pub, c->hub, &opts, &err), err, "publisher");
	while (fgets(line, sizeof(line), stdin) != NULL) {
		char *json = strchr(line, ' ');

		if (json == NULL) {
			check(DP_EINVAL, NULL, "a line without a type");
		}
		*json++ = '\0';
		publish_line(c, pub, line, json);
	}
	check(dp_publisher_flush(pub, DP_FOREVER, &err), err, "flush");
	dp_publisher_free(pub);
}

static void add_sink(
	struct carrier *c, dp_pipeline *pipe, const char *name, dp_sink *sink)
{
	dp_error *err = NULL;

	check(dp_pipeline_add_sink(
		      pipe, name, c->hub, "hooks", sink, NULL, &err),
		err, name);
}

static void add_sinks(struct carrier *c, dp_pipeline *pipe)
{
	dp_file_sink_options parquet = DP_FILE_SINK_OPTIONS_INIT;
	dp_sink *sink = NULL;
	dp_error *err = NULL;
	char buf[4096];

	check(dp_lake_sink_new(&sink, c->rt, c->lake, NULL, &err), err, "lake");
	add_sink(c, pipe, "lake", sink);
	check(dp_files_sink_new(
		      &sink, c->rt, c->files, c->registry, NULL, &err),
		err, "files");
	add_sink(c, pipe, "files", sink);
	parquet.format = DP_FILE_FORMAT_PARQUET;
	check(dp_files_sink_new(
		      &sink, c->rt, c->parquet, c->registry, &parquet, &err),
		err, "parquet");
	add_sink(c, pipe, "parquet", sink);
	check(dp_sqlite_sink_new(&sink, c->rt, address(buf, c, "", "rows.db"),
		      c->registry, NULL, &err),
		err, "rows");
	add_sink(c, pipe, "rows", sink);
}

static void carry(struct carrier *c)
{
	dp_pipeline *pipe = NULL;
	dp_report *report = NULL;
	dp_error *err = NULL;

	check(dp_pipeline_new(&pipe, c->rt, "real", &err), err, "pipeline");
	add_sinks(c, pipe);
	check(dp_pipeline_start(pipe, &err), err, "start");
	check(dp_pipeline_wait_idle(pipe, 60 * DP_SECOND, &err), err, "idle");
	check(dp_pipeline_drain(pipe, 60 * DP_SECOND, &report, &err), err,
		"drain");
	for (size_t i = 0; i < dp_report_count(report); i++) {
		const dp_job_report *job = dp_report_job(report, i);

		if (job->dead_events > 0) {
			check(DP_ESCHEMA, NULL, job->last_error);
		}
	}
	dp_report_free(report);
	dp_pipeline_free(pipe);
}

int main(int argc, char **argv)
{
	struct carrier c = {0};

	if (argc != 3) {
		(void)fprintf(stderr, "carry_json: see its first comment\n");
		return 2;
	}
	c.dir = argv[1];
	open_all(&c);
	add_types(&c, argv[2]);
	publish(&c);
	carry(&c);
	dp_store_close(c.parquet);
	dp_store_close(c.files);
	dp_store_close(c.lake);
	dp_registry_close(c.registry);
	dp_hub_close(c.hub);
	dp_runtime_free(c.rt);
	return 0;
}
