/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/confluent_sources.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "schema/answer.h"
#include "schema/field_reader.h"
#include "schema/field_writer.h"
#include "schema/raw_set.h"

/* Names are for compilers that put texts into files: short, and no way out. */
#define NAME_MAX_BYTES 255
#define URL_MAX 4096
#define ROOT "datapipe_import.proto"
#define DEPTH_MAX 32
#define FILES_MAX 1000u
#define SERIALIZED "?format=serialized"

static dp_status no_memory(dp_error **err)
{
	return dpi_error_set(err, DP_ENOMEM,
		"no memory for a schema and what it references");
}

dp_status dpi_confluent_ask(dpi_confluent_sources *sources, dpi_buf *body,
	const char *fmt, dp_error **err, ...)
{
	char url[URL_MAX];
	int prefix = snprintf(url, sizeof(url), "%s", sources->url);
	va_list args;
	int size;

	va_start(args, err);
	size = prefix < 0 || prefix >= URL_MAX
		? URL_MAX
		: vsnprintf(url + prefix, sizeof(url) - (size_t)prefix, fmt,
			  args);
	va_end(args);
	if (size < 0 || size >= URL_MAX - prefix) {
		return dpi_error_set(err, DP_ETOOBIG,
			"%s: a URL of over %d bytes", sources->url, URL_MAX);
	}
	dpi_buf_clear(body);
	return dpi_http_get(sources->http, url, body, err);
}

const char *dpi_confluent_part(dpi_arena *arena, const char *subject)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
	static const char digits[] = "0123456789ABCDEF";
	size_t size = strlen(subject);
	char *part = dpi_arena_alloc(arena, 3 * size + 1);
	char *p = part;

	for (size_t i = 0; part != NULL && i < size; i++) {
		unsigned char c = (unsigned char)subject[i];

		if (strchr(plain, c) != NULL) {
			*p++ = (char)c;
		} else {
			*p++ = '%';
			*p++ = digits[c >> 4];
			*p++ = digits[c & 15];
		}
	}
	if (part != NULL) {
		*p = '\0';
	}
	return part;
}

typedef struct reference {
	const char *name;
	const char *subject;
	uint64_t version;
} reference;

/* What a server says of one schema. */
typedef struct document {
	dp_bytes schema;
	bool is_protobuf;
	reference *references;
	size_t count;
} document;

static bool read_reference(dpi_answer *answer, reference *ret)
{
	dp_bytes name;
	dp_bytes text = {NULL, 0};

	if (!dpi_answer_open(answer, '{')) {
		return false;
	}
	while (dpi_answer_next(answer, '}') && dpi_answer_name(answer, &name)) {
		if (dpi_bytes_equal(name, dpi_bytes_text("name"))) {
			(void)dpi_answer_text(answer, &text);
			ret->name = text.data;
		} else if (dpi_bytes_equal(name, dpi_bytes_text("subject"))) {
			(void)dpi_answer_text(answer, &text);
			ret->subject = text.data;
		} else if (dpi_bytes_equal(name, dpi_bytes_text("version"))) {
			(void)dpi_answer_number(answer, &ret->version);
		} else {
			(void)dpi_answer_skip(answer);
		}
	}
	return answer->at != NULL && ret->name != NULL && ret->subject != NULL;
}

static bool read_references(dpi_answer *answer, document *doc)
{
	if (!dpi_answer_open(answer, '[')) {
		return false;
	}
	doc->references = dpi_arena_zalloc(
		answer->arena, FILES_MAX, sizeof(*doc->references));
	if (doc->references == NULL) {
		return false;
	}
	while (dpi_answer_next(answer, ']')) {
		if (doc->count == FILES_MAX ||
			!read_reference(
				answer, &doc->references[doc->count++])) {
			return false;
		}
	}
	return answer->at != NULL;
}

static bool read_member(dpi_answer *answer, dp_bytes name, document *doc)
{
	dp_bytes type = {NULL, 0};

	if (dpi_bytes_equal(name, dpi_bytes_text("schema"))) {
		return dpi_answer_text(answer, &doc->schema);
	}
	if (dpi_bytes_equal(name, dpi_bytes_text("references"))) {
		return dpi_answer_null(answer) || read_references(answer, doc);
	}
	if (dpi_bytes_equal(name, dpi_bytes_text("schemaType"))) {
		(void)dpi_answer_text(answer, &type);
		doc->is_protobuf =
			dpi_bytes_equal(type, dpi_bytes_text("PROTOBUF"));
		return answer->at != NULL;
	}
	return dpi_answer_skip(answer);
}

static dp_status read_document(dpi_confluent_sources *sources,
	const dpi_buf *body, const char *path, document *doc, dp_error **err)
{
	dpi_answer answer =
		dpi_answer_of(&sources->arena, body->data, body->size);
	dp_bytes name;

	*doc = (document){.count = 0};
	if (dpi_answer_open(&answer, '{')) {
		while (dpi_answer_next(&answer, '}') &&
			dpi_answer_name(&answer, &name) &&
			read_member(&answer, name, doc)) {
		}
	}
	if (!dpi_answer_end(&answer) || doc->schema.data == NULL) {
		return dpi_error_set(err, DP_EREMOTE,
			"%s%s: the answer is no schema: does the URL lead to "
			"where /subjects is?",
			sources->url, path);
	}
	return DP_OK;
}

static bool is_fit(const char *name)
{
	size_t size = strlen(name);

	return size > 0 && size <= NAME_MAX_BYTES && name[0] != '/' &&
		name[size - 1] != '/' && strstr(name, "//") == NULL &&
		strstr(name, "..") == NULL && strchr(name, '\\') == NULL &&
		strcmp(name, ROOT) != 0;
}

static bool has_file(const dpi_confluent_sources *sources, const char *name)
{
	for (size_t i = 0; i < sources->count; i++) {
		if (strcmp(sources->files[i].name, name) == 0) {
			return true;
		}
	}
	return false;
}

static int value_of(unsigned char c)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "abcdefghijklmnopqrstuvwxyz"
				       "0123456789+/";
	const char *found = c != '\0' ? strchr(alphabet, c) : NULL;

	return found != NULL ? (int)(found - alphabet) : -1;
}

/* In place, since it gets shorter. False for what is no base64: every text of
 * a .proto file has a brace or a semicolon. */
static bool decode_base64(dp_bytes *bytes)
{
	unsigned char *text = (unsigned char *)(uintptr_t)bytes->data;
	size_t size = bytes->size;
	size_t out = 0;
	uint32_t bits = 0;
	int count = 0;

	while (size > 0 && text[size - 1] == '=') {
		size--;
	}
	for (size_t i = 0; i < size; i++) {
		if (value_of(text[i]) < 0) {
			return false;
		}
	}
	for (size_t i = 0; i < size; i++) {
		bits = bits << 6 | (uint32_t)value_of(text[i]);
		count += 6;
		if (count >= 8) {
			count -= 8;
			text[out++] = (unsigned char)(bits >> count);
		}
	}
	*bytes = dpi_bytes(text, out);
	return true;
}

static dp_status add_file(dpi_confluent_sources *sources, const char *name,
	dp_bytes data, dp_error **err)
{
	if (sources->files == NULL) {
		sources->files = dpi_arena_zalloc(
			&sources->arena, FILES_MAX, sizeof(*sources->files));
	}
	if (sources->files == NULL) {
		return no_memory(err);
	}
	if (sources->count == FILES_MAX) {
		return dpi_error_set(err, DP_ETOOBIG,
			"a schema with more than %u references", FILES_MAX - 1);
	}
	sources->text_count += !decode_base64(&data);
	sources->files[sources->count++] = (dp_proto_source){name, data};
	return DP_OK;
}

/* One schema on the way down its references. */
typedef struct visit {
	document doc;
	const char *name;
	size_t next; /* of its references */
} visit;

typedef struct visits {
	visit stack[DEPTH_MAX];
	size_t depth;
	dpi_buf body;
} visits;

static dp_status enter(dpi_confluent_sources *sources, visits *visits,
	const char *path, const char *name, dp_error **err)
{
	visit *entered = &visits->stack[visits->depth];
	dp_status st;

	if (visits->depth == DEPTH_MAX) {
		return dpi_error_set(err, DP_ETOOBIG,
			"%s%s: references over %d levels deep, or in a circle",
			sources->url, path, DEPTH_MAX);
	}
	st = dpi_confluent_ask(
		sources, &visits->body, "%s" SERIALIZED, err, path);
	if (st == DP_OK) {
		st = read_document(
			sources, &visits->body, path, &entered->doc, err);
	}
	entered->name = name;
	entered->next = 0;
	visits->depth += st == DP_OK;
	return st;
}

static dp_status enter_reference(dpi_confluent_sources *sources, visits *visits,
	const reference *to, dp_error **err)
{
	const char *part = dpi_confluent_part(&sources->arena, to->subject);
	char path[URL_MAX];

	if (part == NULL) {
		return no_memory(err);
	}
	if (!is_fit(to->name)) {
		return dpi_error_set(err, DP_ESCHEMA,
			"%s: a reference to '%.100s', which is no name of a "
			"file to import",
			sources->url, to->name);
	}
	if (has_file(sources, to->name)) {
		return DP_OK;
	}
	(void)snprintf(path, sizeof(path), "/subjects/%s/versions/%" PRIu64,
		part, to->version);
	return enter(sources, visits, path, to->name, err);
}

static dp_status visit_all(
	dpi_confluent_sources *sources, visits *visits, dp_error **err)
{
	dp_status st = DP_OK;

	while (st == DP_OK && visits->depth > 0) {
		visit *top = &visits->stack[visits->depth - 1];

		if (top->next < top->doc.count) {
			st = enter_reference(sources, visits,
				&top->doc.references[top->next++], err);
		} else {
			st = add_file(sources, top->name, top->doc.schema, err);
			visits->depth--;
		}
	}
	return st;
}

dp_status dpi_confluent_fetch(dpi_confluent_sources *sources, const char *path,
	bool *ret_is_protobuf, dp_error **err)
{
	visits *visits = dpi_arena_zalloc(&sources->arena, 1, sizeof(*visits));
	dp_status st;

	if (visits == NULL) {
		return no_memory(err);
	}
	sources->files = NULL;
	sources->count = 0;
	sources->text_count = 0;
	dpi_buf_init(&visits->body, sources->alloc, sources->answer_bytes);
	st = enter(sources, visits, path, ROOT, err);
	if (st == DP_OK) {
		*ret_is_protobuf = visits->stack[0].doc.is_protobuf;
		if (*ret_is_protobuf) {
			st = visit_all(sources, visits, err);
		}
	}
	dpi_buf_fini(&visits->body);
	return st;
}

/* A serialized file under the name by which others import it. */
static bool write_file(const dp_proto_source *file, dpi_buf *set)
{
	dpi_field_reader reader = dpi_field_reader_of(file->text);
	size_t begin = dpi_write_begin(set, 1);
	const uint8_t *from = reader.at;

	dpi_write_text(set, 1, file->name);
	while (dpi_field_next(&reader)) {
		if (reader.tag != DPI_TAG_BYTES(1)) {
			(void)dpi_buf_append(
				set, from, (size_t)(reader.at - from));
		}
		from = reader.at;
	}
	dpi_write_end(set, begin);
	return !dpi_field_reader_failed(&reader);
}

static dp_status join(
	const dpi_confluent_sources *sources, dpi_buf *set, dp_error **err)
{
	for (size_t i = 0; i < sources->count; i++) {
		if (!write_file(&sources->files[i], set)) {
			return dpi_error_set(err, DP_ESCHEMA,
				"%s: %s is no serialized FileDescriptorProto",
				sources->url, sources->files[i].name);
		}
	}
	return set->failed == DP_OK ? DP_OK
				    : dpi_error_set(err, set->failed,
					      "a schema with all that it "
					      "references is over %u bytes",
					      DPI_SET_MAX_BYTES);
}

static void take_compiled(void *sink, const void *set, size_t size)
{
	(void)dpi_buf_append(sink, set, size);
}

static dp_status compile(
	dpi_confluent_sources *sources, dpi_buf *set, dp_error **err)
{
	const char *why;

	if (sources->compile == NULL) {
		return dpi_error_set(err, DP_ESCHEMA,
			"%s gives .proto text, as if it knew no "
			"format=serialized: give dp_confluent_options.compile, "
			"or import with \"datapipe schema import\", which "
			"calls protoc",
			sources->url);
	}
	if (sources->text_count < sources->count) {
		return dpi_error_set(err, DP_ESCHEMA,
			"%s gives text of some files and descriptors of "
			"others: register all of them in one form",
			sources->url);
	}
	why = sources->compile(sources->user, sources->files, sources->count,
		take_compiled, set);
	if (why != NULL) {
		return dpi_error_set(err, DP_ESCHEMA,
			"%s: .proto text that does not compile: %s",
			sources->url, why);
	}
	return set->failed == DP_OK
		? DP_OK
		: dpi_error_set(err, set->failed,
			  "a compiled schema is over %u bytes",
			  DPI_SET_MAX_BYTES);
}

dp_status dpi_confluent_set(
	dpi_confluent_sources *sources, dpi_buf *set, dp_error **err)
{
	dpi_buf_clear(set);
	return sources->text_count == 0 ? join(sources, set, err)
					: compile(sources, set, err);
}
