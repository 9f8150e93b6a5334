/* SPDX-License-Identifier: Apache-2.0 */
/*
 * carry_schemas DIRECTORY SET... < EVENTS: registers the sets in
 * DIRECTORY/registry, publishes a line "TYPE VERSION HEX" of EVENTS each
 * (version 0: the event does not say which), and has a lake and a files sink
 * take them, in DIRECTORY/lake and DIRECTORY/files.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <datapipe/datapipe.h>

enum { SET_MAX = 1 << 20, PAYLOAD_MAX = 1 << 16 };

static void check(dp_status st, dp_error **err, const char *what)
{
	if (st != DP_OK) {
		(void)fprintf(stderr, "carry_schemas: %s: %s: %s\n", what,
			dp_status_name(st), dp_error_message(*err));
		exit(1);
	}
}

static void add_set(dp_registry *reg, const char *path)
{
	static char set[SET_MAX];
	FILE *file = fopen(path, "rb");
	dp_error *err = NULL;
	size_t size;

	if (file == NULL) {
		exit(2);
	}
	size = fread(set, 1, sizeof(set), file);
	(void)fclose(file);
	check(dp_registry_add(reg, set, size, NULL, &err), &err, path);
}

static size_t from_hex(const char *hex, unsigned char *bytes)
{
	size_t size = 0;

	while (hex[2 * size] != '\0' && hex[2 * size] != '\n') {
		unsigned byte = 0;

		if (sscanf(hex + 2 * size, "%2x", &byte) != 1) {
			exit(2);
		}
		bytes[size++] = (unsigned char)byte;
	}
	return size;
}

static void publish_line(dp_publisher *pub, dp_registry *reg, char *line)
{
	static unsigned char payload[PAYLOAD_MAX];
	char dataschema[64];
	dp_event ev = DP_EVENT_INIT;
	dp_error *err = NULL;
	char *version = strchr(line, ' ');
	char *hex = version != NULL ? strchr(version + 1, ' ') : NULL;
	uint32_t number;

	if (hex == NULL) {
		exit(2);
	}
	*version++ = '\0';
	*hex++ = '\0';
	number = (uint32_t)strtoul(version, NULL, 10);
	if (number > 0) {
		dp_schema *schema = NULL;

		check(dp_registry_get(reg, &schema, line, number, &err), &err,
			line);
		(void)snprintf(dataschema, sizeof(dataschema), "dp:%s",
			dp_schema_fingerprint(schema));
		dp_schema_unref(schema);
		ev.dataschema = dataschema;
	}
	ev.type = line;
	ev.payload.data = payload;
	ev.payload.size = from_hex(hex, payload);
	check(dp_publisher_publish(pub, &ev, DP_FOREVER, &err), &err,
		"publish");
}

static void publish_all(dp_hub *hub, dp_registry *reg)
{
	static char line[2 * PAYLOAD_MAX + 1024];
	dp_publisher_options opts = DP_PUBLISHER_OPTIONS_INIT;
	dp_publisher *pub = NULL;
	dp_error *err = NULL;

	opts.topic = "shop";
	opts.source = "test";
	check(dp_publisher_new(&pub, hub, &opts, &err), &err, "publisher");
	while (fgets(line, sizeof(line), stdin) != NULL) {
		publish_line(pub, reg, line);
	}
	check(dp_publisher_flush(pub, DP_FOREVER, &err), &err, "flush");
	dp_publisher_free(pub);
}

static void add_job(
	dp_pipeline *pipe, dp_hub *hub, const char *job, dp_sink *sink)
{
	dp_error *err = NULL;

	check(dp_pipeline_add_sink(pipe, job, hub, "shop", sink, NULL, &err),
		&err, job);
}

static void carry(dp_runtime *rt, dp_hub *hub, dp_registry *reg, dp_store *lake,
	dp_store *files)
{
	dp_file_sink_options opts = DP_FILE_SINK_OPTIONS_INIT;
	dp_pipeline *pipe = NULL;
	dp_sink *sink = NULL;
	dp_error *err = NULL;

	opts.compression = DP_COMPRESSION_DEFLATE;
	check(dp_pipeline_new(&pipe, rt, "carry", &err), &err, "pipeline");
	check(dp_files_sink_new(&sink, rt, files, reg, &opts, &err), &err,
		"files");
	add_job(pipe, hub, "shop2files", sink);
	opts.registry = reg;
	check(dp_lake_sink_new(&sink, rt, lake, &opts, &err), &err, "lake");
	add_job(pipe, hub, "shop2lake", sink);
	check(dp_pipeline_start(pipe, &err), &err, "start");
	publish_all(hub, reg);
	check(dp_pipeline_wait_idle(pipe, 60 * DP_SECOND, &err), &err, "idle");
	check(dp_pipeline_drain(pipe, 60 * DP_SECOND, NULL, &err), &err,
		"drain");
	dp_pipeline_free(pipe);
}

static const char *address(
	const char *scheme, const char *dir, const char *name)
{
	static char buf[4096];

	(void)snprintf(buf, sizeof(buf), "%s%s/%s", scheme, dir, name);
	return buf;
}

int main(int argc, char **argv)
{
	const char *dir = argc > 1 ? argv[1] : ".";
	dp_store *stores[2] = {NULL, NULL};
	dp_registry *reg = NULL;
	dp_runtime *rt = NULL;
	dp_error *err = NULL;
	dp_hub *hub = NULL;

	check(dp_runtime_new(&rt, NULL, &err), &err, "runtime");
	check(dp_hub_open(&hub, rt, address("log:", dir, "hub"), NULL, &err),
		&err, "hub");
	check(dp_registry_open(
		      &reg, rt, address("file:", dir, "registry"), NULL, &err),
		&err, "registry");
	for (int i = 2; i < argc; i++) {
		add_set(reg, argv[i]);
	}
	check(dp_store_open(
		      &stores[0], rt, address("file:", dir, "lake"), &err),
		&err, "lake");
	check(dp_store_open(
		      &stores[1], rt, address("file:", dir, "files"), &err),
		&err, "files");
	carry(rt, hub, reg, stores[0], stores[1]);
	dp_store_close(stores[0]);
	dp_store_close(stores[1]);
	dp_registry_close(reg);
	dp_hub_close(hub);
	dp_runtime_free(rt);
	return 0;
}
