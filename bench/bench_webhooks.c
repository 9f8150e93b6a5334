/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <datapipe/codec.h>

#include "base/bytes.h"
#include "bench.h"
#include "codec/payment_plan.h"
#include "codec/webhooks_by_google.h"

/*
 * Real events, of 58 types and 8 KB on average, deeper and more optional than
 * payments are: GitHub's webhooks, which DP_WEBHOOKS names, a line an event,
 * "TYPE JSON". From JSON to wire bytes, and from these to JSON, to an Avro datum
 * and to a row, beside Google's C++.
 */

enum { EVENTS_MAX = 1000, ROUNDS = 9, AGAIN = 20 };

/* Google's C++ takes long, and so does it less often. */
enum { FEWER = 2 };

struct hook {
	dp_bytes json;
	dp_bytes wire;
	size_t type;
};

struct kind {
	char name[100];
	dp_codec *codec;
	struct payment_plan avro, row;
	dpi_cell *cells;
	const webhook_type *google;
};

static struct hook hooks[EVENTS_MAX];
static size_t hook_count;
static struct kind kinds[EVENTS_MAX];
static size_t kind_count;

static dp_bytes copy_of(dp_bytes bytes)
{
	void *copy = malloc(bytes.size + 1);

	if (copy == NULL) {
		bench_die("malloc()");
	}
	memcpy(copy, bytes.data, bytes.size);
	return dpi_bytes(copy, bytes.size);
}

static void open_kind(struct kind *kind, const char *name)
{
	const dpi_column *columns;
	dp_schema *schema = payment_schema(WEBHOOKS_SET, name);

	(void)snprintf(kind->name, sizeof(kind->name), "%s", name);
	if (dp_codec_new(&kind->codec, schema, NULL, NULL) != DP_OK) {
		bench_die(name);
	}
	dp_schema_unref(schema);
	payment_plan_open(&kind->avro, WEBHOOKS_SET, name, DPI_TARGET_AVRO);
	payment_plan_open(&kind->row, WEBHOOKS_SET, name, DPI_TARGET_ROW);
	kind->cells = calloc(dpi_row_columns(kind->row.plan, &columns),
		sizeof(*kind->cells));
	kind->google = webhook_type_find(name);
	if (kind->google == NULL || kind->cells == NULL) {
		bench_die(name);
	}
}

static size_t kind_of(const char *name)
{
	size_t i = 0;

	while (i < kind_count && strcmp(kinds[i].name, name) != 0) {
		i++;
	}
	if (i == kind_count) {
		open_kind(&kinds[kind_count++], name);
	}
	return i;
}

static void add_hook(char *line)
{
	struct hook *hook = &hooks[hook_count++];
	char *json = strchr(line, ' ');
	dp_bytes wire;

	if (json == NULL || hook_count == EVENTS_MAX) {
		bench_die("DP_WEBHOOKS: no line of TYPE JSON, or too many");
	}
	*json++ = '\0';
	hook->type = kind_of(line);
	hook->json = copy_of(dpi_bytes_text(json));
	if (dp_codec_from_json(kinds[hook->type].codec, hook->json, &wire,
		    NULL) != DP_OK) {
		bench_die(line);
	}
	hook->wire = copy_of(wire);
}

static void read_hooks(const char *path)
{
	FILE *file = fopen(path, "r");
	char *line = NULL;
	size_t room = 0;

	if (file == NULL) {
		bench_die(path);
	}
	while (getline(&line, &room, file) > 0) {
		add_hook(line);
	}
	free(line);
	(void)fclose(file);
}

/* What is done to one event; false if it cannot be. */
typedef bool (*work)(const struct hook *hook, struct kind *kind);

static bool to_avro(const struct hook *hook, struct kind *kind)
{
	static dpi_buf out;

	if (out.alloc == NULL) {
		dpi_buf_init(&out, &payment_heap, 1 << 26);
	}
	dpi_buf_clear(&out);
	return dpi_avro_encode(kind->avro.plan, kind->avro.coder,
		       hook->wire.data, hook->wire.size, &out, NULL) == DP_OK;
}

static bool to_row(const struct hook *hook, struct kind *kind)
{
	return dpi_row_encode(kind->row.plan, kind->row.coder, hook->wire.data,
		       hook->wire.size, kind->cells, NULL) == DP_OK;
}

static bool to_json(const struct hook *hook, struct kind *kind)
{
	dp_bytes json;

	return dp_codec_to_json(kind->codec, hook->wire, &json, NULL) == DP_OK;
}

static bool from_json(const struct hook *hook, struct kind *kind)
{
	dp_bytes wire;

	return dp_codec_from_json(kind->codec, hook->json, &wire, NULL) ==
		DP_OK;
}

static bool parse_generated(const struct hook *hook, struct kind *kind)
{
	return webhook_parse_generated(
		kind->google, hook->wire.data, hook->wire.size);
}

static bool parse_dynamic(const struct hook *hook, struct kind *kind)
{
	return webhook_parse_dynamic(
		kind->google, hook->wire.data, hook->wire.size);
}

static bool google_to_json(const struct hook *hook, struct kind *kind)
{
	return webhook_to_json(kind->google, hook->wire.data, hook->wire.size) >
		0;
}

static bool google_from_json(const struct hook *hook, struct kind *kind)
{
	return webhook_from_json(
		       kind->google, hook->json.data, hook->json.size) > 0;
}

static double run(work what, int times)
{
	int64_t start = bench_now();

	for (int n = 0; n < times; n++) {
		for (size_t i = 0; i < hook_count; i++) {
			if (!what(&hooks[i], &kinds[hooks[i].type])) {
				bench_die(kinds[hooks[i].type].name);
			}
		}
	}
	return (double)(bench_now() - start) / times / (double)hook_count;
}

static double run_ours(void *arg)
{
	work what;

	memcpy(&what, arg, sizeof(what));
	return run(what, AGAIN);
}

static double run_google(void *arg)
{
	work what;

	memcpy(&what, arg, sizeof(what));
	return run(what, FEWER);
}

/* Beside as many others as there are; with the speed of ours over its input. */
static void compare(const char *what, work ours, double bytes,
	const bench_side *others, size_t count)
{
	bench_side sides[4] = {{"ours", run_ours, &ours, 0}};

	memcpy(sides + 1, others, count * sizeof(*others));
	bench_compare(what, "ns", ROUNDS, sides, count + 1);
	printf("  ours reads %.0f bytes, %.0f MB/s\n", bytes,
		bytes / run_ours(&ours) * 1000);
}

int main(void)
{
	static work generated = parse_generated, dynamic = parse_dynamic;
	static work json_out = google_to_json, json_in = google_from_json;
	const bench_side parsers[] = {{"C++ generated, arena, only to parse",
					      run_ours, &generated, 0},
		{"C++ DynamicMessage, only to parse", run_ours, &dynamic, 0}};
	const bench_side out[] = {
		{"C++ MessageToJsonString", run_google, &json_out, 0}};
	const bench_side in[] = {
		{"C++ JsonStringToMessage", run_google, &json_in, 0}};
	const char *path = getenv("DP_WEBHOOKS");
	double wire = 0;
	double json = 0;

	if (path == NULL) {
		printf("DP_WEBHOOKS names no file: real events are left out\n");
		return 0;
	}
	read_hooks(path);
	for (size_t i = 0; i < hook_count; i++) {
		wire += (double)hooks[i].wire.size / (double)hook_count;
		json += (double)hooks[i].json.size / (double)hook_count;
	}
	printf("%zu webhook events of %zu types\n", hook_count, kind_count);
	compare("a webhook from wire bytes to an Avro datum", to_avro, wire,
		parsers, 2);
	compare("a webhook from wire bytes to a row", to_row, wire, parsers, 2);
	compare("a webhook from wire bytes to ProtoJSON", to_json, wire, out,
		1);
	compare("a webhook from JSON to wire bytes", from_json, json, in, 1);
	return 0;
}
