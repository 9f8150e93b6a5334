/* SPDX-License-Identifier: Apache-2.0 */
#include <datapipe/confluent.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/adopt.h"
#include "base/alloc.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"
#include "io/runtime.h"
#include "schema/answer.h"
#include "schema/confluent_sources.h"
#include "schema/descriptor.h"
#include "schema/field_reader.h"
#include "schema/raw_set.h"

#define ACCEPT "application/vnd.schemaregistry.v1+json, application/json;q=0.9"
#define TIMEOUT_NS (10 * DP_SECOND)
#define ANSWER_BYTES ((size_t)16 << 20)
#define ARENA_MAX ((size_t)256 << 20)
#define RESOLVED_SLOTS 256u
#define PATH_MAX_BYTES 3072
#define TYPE_MAX 513

struct dp_confluent {
	dp_runtime *rt;
	const dp_allocator *alloc;
	dp_registry *reg;
	char *url;
	size_t url_size; /* of the block */
	dpi_confluent_sources sources;
	struct {
		dp_confluent_prefix prefix;
		dp_schema *schema; /* a reference */
	} resolved[RESOLVED_SLOTS];
};

static dp_status adopt(dp_confluent_options *ret,
	const dp_confluent_options *opts, dp_error **err)
{
	dp_status st = dpi_adopt(ret, sizeof(*ret), opts,
		DPI_SIZE_UP_TO(dp_confluent_options, user),
		"options of a client", "DP_CONFLUENT_OPTIONS_INIT", err);

	if (st == DP_OK && ret->timeout_ns < 0) {
		st = dpi_error_set(err, DP_EINVAL, "timeout_ns is less than 0");
	}
	ret->timeout_ns = ret->timeout_ns > 0 ? ret->timeout_ns : TIMEOUT_NS;
	ret->answer_bytes =
		ret->answer_bytes > 0 ? ret->answer_bytes : ANSWER_BYTES;
	return st;
}

/* Without the slashes at its end, since paths begin with one. */
static dp_status copy_url(dp_confluent *client, const char *url, dp_error **err)
{
	size_t size = strlen(url);

	while (size > 0 && url[size - 1] == '/') {
		size--;
	}
	client->url_size = size + 1;
	client->url = dpi_zalloc(client->alloc, client->url_size, 1);
	if (client->url == NULL) {
		return dpi_error_set(err, DP_ENOMEM, "no memory for a client");
	}
	memcpy(client->url, url, size);
	return DP_OK;
}

static dp_status set_up(dp_confluent *client, const char *url,
	const dp_confluent_options *opts, dp_error **err)
{
	const dpi_http_options http = {
		.accept = ACCEPT,
		.authorization = opts->authorization,
		.timeout_ns = opts->timeout_ns,
	};
	dp_status st = copy_url(client, url, err);

	if (st == DP_OK) {
		st = dpi_http_new(
			&client->sources.http, client->alloc, &http, err);
	}
	client->sources.alloc = client->alloc;
	client->sources.url = client->url;
	client->sources.answer_bytes = opts->answer_bytes;
	client->sources.compile = opts->compile;
	client->sources.user = opts->user;
	dpi_arena_init(&client->sources.arena, client->alloc, ARENA_MAX);
	return st;
}

dp_status dp_confluent_new(dp_confluent **ret_client, dp_runtime *rt,
	const char *url, dp_registry *reg, const dp_confluent_options *opts,
	dp_error **err)
{
	dp_confluent_options options;
	dp_confluent *client;
	dp_status st;

	if (ret_client == NULL || rt == NULL || url == NULL || reg == NULL ||
		(strncmp(url, "http://", 7) != 0 &&
			strncmp(url, "https://", 8) != 0)) {
		return dpi_error_set(err, DP_EINVAL,
			"a client needs a runtime, a registry and a URL that "
			"begins with http:// or https://");
	}
	st = adopt(&options, opts, err);
	if (st == DP_OK) {
		st = dpi_runtime_check(rt, err);
	}
	if (st != DP_OK) {
		return st;
	}
	client = dpi_zalloc(dpi_runtime_alloc(rt), 1, sizeof(*client));
	if (client == NULL) {
		return dpi_error_set(err, DP_ENOMEM, "no memory for a client");
	}
	client->rt = rt;
	client->alloc = dpi_runtime_alloc(rt);
	client->reg = reg;
	st = set_up(client, url, &options, err);
	if (st != DP_OK) {
		dp_confluent_free(client);
		return st;
	}
	*ret_client = client;
	return DP_OK;
}

void dp_confluent_free(dp_confluent *client)
{
	if (client == NULL) {
		return;
	}
	for (size_t i = 0; i < RESOLVED_SLOTS; i++) {
		dp_schema_unref(client->resolved[i].schema);
	}
	dpi_http_free(client->sources.http);
	dpi_arena_fini(&client->sources.arena);
	if (client->url != NULL) {
		dpi_free(client->alloc, client->url, client->url_size, 1);
	}
	dpi_free(client->alloc, client, 1, sizeof(*client));
}

static dp_status no_list(
	const dp_confluent *client, const char *what, dp_error **err)
{
	return dpi_error_set(err, DP_EREMOTE,
		"%s: the answer is no list of %s: does the URL lead to where "
		"/subjects is?",
		client->url, what);
}

static dp_status register_version(dp_confluent *client, const char *path,
	dp_confluent_report *report, dp_error **err)
{
	bool is_protobuf = false;
	dpi_buf set;
	dp_status st =
		dpi_confluent_fetch(&client->sources, path, &is_protobuf, err);

	if (st != DP_OK || !is_protobuf) {
		report->skipped += st == DP_OK;
		return st;
	}
	dpi_buf_init(&set, client->alloc, DPI_SET_MAX_BYTES);
	st = dpi_confluent_set(&client->sources, &set, err);
	if (st == DP_OK) {
		st = dp_registry_add(
			client->reg, set.data, set.size, NULL, err);
		if (st != DP_OK) {
			st = dpi_error_prefix(
				err, st, "%s%s", client->url, path);
		}
	}
	dpi_buf_fini(&set);
	report->versions += st == DP_OK;
	return st;
}

/* Versions come oldest first, so that ours count alike. */
static dp_status import_versions(dp_confluent *client, const char *part,
	const dpi_buf *list, dp_confluent_report *report, dp_error **err)
{
	uint64_t before = report->versions;
	dpi_answer answer = dpi_answer_of(NULL, list->data, list->size);
	dp_status st = DP_OK;

	(void)dpi_answer_open(&answer, '[');
	while (st == DP_OK && dpi_answer_next(&answer, ']')) {
		char path[PATH_MAX_BYTES];
		uint64_t version = 0;

		if (!dpi_answer_number(&answer, &version)) {
			break;
		}
		(void)snprintf(path, sizeof(path),
			"/subjects/%s/versions/%" PRIu64, part, version);
		st = register_version(client, path, report, err);
	}
	if (st == DP_OK && !dpi_answer_end(&answer)) {
		st = no_list(client, "versions", err);
	}
	report->subjects += report->versions > before;
	return st;
}

/* In memory of its own: that of the client serves one version at a time. */
static dp_status import_subject(dp_confluent *client, const char *subject,
	dp_confluent_report *report, dp_error **err)
{
	const char *part;
	dpi_arena arena;
	dpi_buf list;
	dp_status st;

	dpi_arena_init(&arena, client->alloc, ARENA_MAX);
	dpi_buf_init(&list, client->alloc, client->sources.answer_bytes);
	part = dpi_confluent_part(&arena, subject);
	st = part != NULL
		? dpi_confluent_ask(&client->sources, &list,
			  "/subjects/%s/versions", err, part)
		: dpi_error_set(err, DP_ENOMEM, "no memory for a subject");
	if (st == DP_OK) {
		st = import_versions(client, part, &list, report, err);
	}
	dpi_buf_fini(&list);
	dpi_arena_fini(&arena);
	return st;
}

static dp_status import_all(
	dp_confluent *client, dp_confluent_report *report, dp_error **err)
{
	dpi_answer answer;
	dpi_arena arena;
	dpi_buf list;
	dp_status st;

	dpi_arena_init(&arena, client->alloc, ARENA_MAX);
	dpi_buf_init(&list, client->alloc, client->sources.answer_bytes);
	st = dpi_confluent_ask(&client->sources, &list, "/subjects", err);
	answer = dpi_answer_of(&arena, list.data, list.size);
	if (st == DP_OK && dpi_answer_open(&answer, '[')) {
		dp_bytes subject = {NULL, 0};

		while (st == DP_OK && dpi_answer_next(&answer, ']') &&
			dpi_answer_text(&answer, &subject) &&
			subject.data != NULL) {
			st = import_subject(client, subject.data, report, err);
		}
	}
	if (st == DP_OK && !dpi_answer_end(&answer)) {
		st = no_list(client, "subjects", err);
	}
	dpi_buf_fini(&list);
	dpi_arena_fini(&arena);
	return st;
}

dp_status dp_confluent_import(dp_confluent *client, const char *subject,
	dp_confluent_report *ret_report, dp_error **err)
{
	dp_confluent_report report = {0};
	dp_status st;

	if (client == NULL) {
		return dpi_error_set(err, DP_EINVAL, "client is NULL");
	}
	st = dpi_runtime_check(client->rt, err);
	if (st == DP_OK) {
		st = subject != NULL
			? import_subject(client, subject, &report, err)
			: import_all(client, &report, err);
	}
	if (ret_report != NULL) {
		*ret_report = report;
	}
	return st;
}

/* The n-th message in a descriptor, in fields of that number. */
static bool find_nth(
	dp_bytes descriptor, uint32_t number, uint32_t n, dp_bytes *ret)
{
	dpi_field_reader reader = dpi_field_reader_of(descriptor);

	while (dpi_field_next(&reader)) {
		if (reader.tag == DPI_TAG_BYTES(number) && n-- == 0) {
			*ret = reader.bytes;
			return true;
		}
	}
	return false;
}

static dp_bytes text_field(dp_bytes descriptor, uint32_t number)
{
	dp_bytes text = {NULL, 0};

	(void)find_nth(descriptor, number, 0, &text);
	return text;
}

static dp_bytes last_file(dp_bytes set)
{
	dpi_field_reader reader = dpi_field_reader_of(set);
	dp_bytes file = {NULL, 0};

	while (dpi_field_next(&reader)) {
		if (reader.tag == DPI_TAG_BYTES(1)) {
			file = reader.bytes;
		}
	}
	return file;
}

static size_t add_name(char *type, size_t size, dp_bytes name)
{
	if (name.size > 0 && size + name.size + 2 < TYPE_MAX) {
		if (size > 0) {
			type[size++] = '.';
		}
		memcpy(type + size, name.data, name.size);
		size += name.size;
		type[size] = '\0';
	}
	return size;
}

/* The full name of the message of the prefix; false if there is none. */
static bool name_of(dp_bytes set, const dp_confluent_prefix *prefix, char *type)
{
	dp_bytes at = last_file(set);
	size_t size = add_name(type, 0, text_field(at, 2));
	uint32_t number = 4;

	for (uint32_t i = 0; i < prefix->depth; i++) {
		if (!find_nth(at, number, prefix->indexes[i], &at)) {
			return false;
		}
		size = add_name(type, size, text_field(at, 1));
		number = 3;
	}
	return size > 0;
}

static dp_status register_type(dp_confluent *client, dp_bytes set,
	const char *type, dp_schema **ret_schema, dp_error **err)
{
	dp_registry_add_options opts = DP_REGISTRY_ADD_OPTIONS_INIT;
	dp_schema *alone = NULL;
	dp_status st = dpi_schema_new(
		&alone, client->alloc, set.data, set.size, type, err);

	if (st != DP_OK) {
		return st;
	}
	opts.types = &type;
	opts.type_count = 1;
	st = dp_registry_add(client->reg, set.data, set.size, &opts, err);
	if (st == DP_OK) {
		st = dp_registry_find(client->reg, ret_schema, type,
			dp_schema_fingerprint(alone), err);
	}
	dp_schema_unref(alone);
	return st;
}

static dp_status resolve(dp_confluent *client,
	const dp_confluent_prefix *prefix, dp_schema **ret_schema,
	dp_error **err)
{
	char path[64];
	char type[TYPE_MAX] = "";
	bool is_protobuf = false;
	dpi_buf set;
	dp_status st;

	(void)snprintf(path, sizeof(path), "/schemas/ids/%" PRIu32, prefix->id);
	st = dpi_confluent_fetch(&client->sources, path, &is_protobuf, err);
	if (st == DP_OK && !is_protobuf) {
		return dpi_error_set(err, DP_ESCHEMA,
			"%s%s: not a schema of protobuf", client->url, path);
	}
	if (st != DP_OK) {
		return st;
	}
	dpi_buf_init(&set, client->alloc, DPI_SET_MAX_BYTES);
	st = dpi_confluent_set(&client->sources, &set, err);
	if (st == DP_OK &&
		!name_of(dpi_bytes(set.data, set.size), prefix, type)) {
		st = dpi_error_set(err, DP_ENOTFOUND,
			"%s%s has no message where the prefix says",
			client->url, path);
	}
	if (st == DP_OK) {
		st = register_type(client, dpi_bytes(set.data, set.size), type,
			ret_schema, err);
	}
	dpi_buf_fini(&set);
	return st;
}

static bool is_same(const dp_confluent_prefix *a, const dp_confluent_prefix *b)
{
	return a->id == b->id && a->depth == b->depth &&
		memcmp(a->indexes, b->indexes,
			a->depth * sizeof(a->indexes[0])) == 0;
}

static size_t slot_of(const dp_confluent_prefix *prefix)
{
	uint64_t hash = dpi_hash64(prefix->id, prefix->indexes,
		prefix->depth * sizeof(prefix->indexes[0]));

	return (size_t)(hash % RESOLVED_SLOTS);
}

dp_status dp_confluent_resolve(dp_confluent *client,
	const dp_confluent_prefix *prefix, dp_schema **ret_schema,
	dp_error **err)
{
	dp_schema *schema = NULL;
	dp_status st;
	size_t at;

	if (client == NULL || prefix == NULL || ret_schema == NULL ||
		prefix->depth == 0 || prefix->depth > DP_CONFLUENT_DEPTH_MAX) {
		return dpi_error_set(err, DP_EINVAL,
			"a client, a prefix that was read, and a place for the "
			"schema are needed");
	}
	at = slot_of(prefix);
	if (client->resolved[at].schema != NULL &&
		is_same(&client->resolved[at].prefix, prefix)) {
		*ret_schema = dp_schema_ref(client->resolved[at].schema);
		return DP_OK;
	}
	st = dpi_runtime_check(client->rt, err);
	if (st == DP_OK) {
		st = resolve(client, prefix, &schema, err);
	}
	if (st != DP_OK) {
		return st;
	}
	dp_schema_unref(client->resolved[at].schema);
	client->resolved[at].prefix = *prefix;
	client->resolved[at].schema = dp_schema_ref(schema);
	*ret_schema = schema;
	return DP_OK;
}
