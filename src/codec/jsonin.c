/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/jsonin.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "codec/jsonin_reader.h"

/* Most bytes of one event, as JSON and as a message. */
#define JSON_MAX ((size_t)32 << 20)
#define WIRE_MAX ((size_t)16 << 20)

/* What a short event may unfold into; a longer one into twice its size. */
#define FLOOR ((size_t)1 << 20)

/* Buffers over this are given back when the event that filled them is gone. */
#define KEEP_BYTES ((size_t)2 << 20)

#define ARENA_LIMIT ((size_t)1 << 30)

/* Longer paths are cut, and names that are not known. */
#define PATH_SIZE 512
#define NAME_SHOWN 64

static dp_status make_tables(dpi_jsonin *reader)
{
	dpi_arena scratch;
	bool is_made;

	dpi_arena_init(&scratch, reader->alloc, ARENA_LIMIT);
	is_made = dpi_jsonin_tables_make(&reader->tables, &reader->arena,
		&scratch, dpi_schema_types(reader->schema),
		dpi_schema_root(reader->schema));
	dpi_arena_fini(&scratch);
	if (!is_made) {
		return DP_ENOMEM;
	}
	reader->seen = dpi_arena_zalloc(&reader->arena,
		DPI_DEPTH_MAX * reader->tables.words, sizeof(*reader->seen));
	if (reader->seen == NULL) {
		return DP_ENOMEM;
	}
	for (size_t i = 0; i < DPI_DEPTH_MAX; i++) {
		reader->frames[i].seen =
			reader->seen + i * reader->tables.words;
	}
	return DP_OK;
}

dp_status dpi_jsonin_new(dpi_jsonin **ret_reader, const dp_allocator *alloc,
	dp_schema *schema, dp_error **err)
{
	dpi_jsonin *reader = dpi_zalloc(alloc, 1, sizeof(*reader));

	if (reader == NULL) {
		return dpi_error_set(err, DP_ENOMEM,
			"reader of JSON for %s: no memory",
			dp_schema_type(schema));
	}
	reader->alloc = alloc;
	reader->schema = dp_schema_ref(schema);
	dpi_arena_init(&reader->arena, alloc, ARENA_LIMIT);
	dpi_buf_init(&reader->text, alloc, JSON_MAX);
	dpi_buf_init(&reader->keys, alloc, JSON_MAX);
	if (make_tables(reader) != DP_OK) {
		dpi_jsonin_free(reader);
		return dpi_error_set(err, DP_ENOMEM,
			"reader of JSON for %s: no memory",
			dp_schema_type(schema));
	}
	*ret_reader = reader;
	return DP_OK;
}

void dpi_jsonin_free(dpi_jsonin *reader)
{
	if (reader == NULL) {
		return;
	}
	dpi_buf_fini(&reader->text);
	dpi_buf_fini(&reader->keys);
	dpi_arena_fini(&reader->arena);
	dp_schema_unref(reader->schema);
	dpi_free(reader->alloc, reader, 1, sizeof(*reader));
}

bool dpi_jsonin_fail(dpi_jsonin *reader, dp_status code, const char *fault)
{
	if (reader->failed == DP_OK) {
		reader->failed = code;
		reader->fault = fault;
		reader->place = reader->p;
	}
	return false;
}

bool dpi_jsonin_fail_name(dpi_jsonin *reader, const char *fault, dp_bytes name)
{
	if (reader->failed == DP_OK) {
		reader->name = name;
	}
	return dpi_jsonin_fail(reader, DP_ESCHEMA, fault);
}

/* "items[2].price", or "" for the event itself. */
static void put_path(const dpi_jsonin *reader, char *path)
{
	size_t used = 0;

	path[0] = '\0';
	for (unsigned i = 0; i < reader->depth && used < PATH_SIZE - 1; i++) {
		const dpi_jsonin_frame *frame = &reader->frames[i];
		const dpi_jsonin_field *f = frame->field;
		int n;

		if (f == NULL) {
			break;
		}
		n = f->is_repeated
			? snprintf(path + used, PATH_SIZE - used, "%s%s[%u]",
				  i > 0 ? "." : "", f->field->name,
				  frame->element)
			: snprintf(path + used, PATH_SIZE - used, "%s%s",
				  i > 0 ? "." : "", f->field->name);
		used += n > 0 ? (size_t)n : 0;
	}
}

static dp_status report(const dpi_jsonin *reader, dp_error **err)
{
	size_t line = 1;
	const uint8_t *line_start = reader->start;
	size_t name_size =
		reader->name.size < NAME_SHOWN ? reader->name.size : NAME_SHOWN;
	char path[PATH_SIZE];
	char name[NAME_SHOWN + 1] = "";

	put_path(reader, path);
	for (const uint8_t *p = reader->start; p < reader->place; p++) {
		if (*p == '\n') {
			line++;
			line_start = p + 1;
		}
	}
	if (name_size > 0) {
		memcpy(name, reader->name.data, name_size);
		dpi_text_clean(name);
	}
	return dpi_error_set(err, reader->failed,
		"%s: %s%sline %zu, column %zu: %s%s%s%s",
		reader->tables.root->type->full_name, path,
		path[0] != '\0' ? ": " : "", line,
		(size_t)(reader->place - line_start) + 1, reader->fault,
		name_size > 0 ? " \"" : "", name, name_size > 0 ? "\"" : "");
}

static void begin(dpi_jsonin *r, dp_bytes json, bool ignores_unknown)
{
	if (r->text.capacity > KEEP_BYTES) {
		dpi_buf_fini(&r->text);
	}
	if (r->keys.capacity > KEEP_BYTES) {
		dpi_buf_fini(&r->keys);
	}
	dpi_buf_clear(&r->text);
	dpi_buf_clear(&r->keys);
	r->start = json.size > 0 ? json.data : (const uint8_t *)"";
	r->p = r->start;
	r->end = r->start + json.size;
	r->depth = 0;
	r->ignores_unknown = ignores_unknown;
	r->was_dropped = false;
	r->failed = DP_OK;
	r->fault = NULL;
	r->place = r->p;
	r->name = dpi_bytes(NULL, 0);
}

static bool read_all(dpi_jsonin *r)
{
	if (r->start + JSON_MAX < r->end) {
		return dpi_jsonin_fail(
			r, DP_ETOOBIG, "an event is at most 32 MiB of JSON");
	}
	if (!dpi_jsonin_message(r, r->tables.root)) {
		return false;
	}
	(void)dpi_jsonin_peek(r);
	return r->p == r->end ||
		dpi_jsonin_fail(r, DP_ESCHEMA, "more follows the value");
}

dp_status dpi_jsonin_read(dpi_jsonin *reader, dp_bytes json,
	bool ignores_unknown, dpi_buf *out, dp_error **err)
{
	size_t limit = 2 * json.size > FLOOR ? 2 * json.size : FLOOR;

	begin(reader, json, ignores_unknown);
	dpi_output_begin(
		&reader->out, out, limit < WIRE_MAX ? limit : WIRE_MAX);
	if (!read_all(reader)) {
		size_t start = reader->out.start;

		(void)dpi_output_finish(&reader->out);
		out->size = start;
		return report(reader, err);
	}
	return dpi_output_finish(&reader->out);
}

dpi_jsonin_frame *dpi_jsonin_enter(
	dpi_jsonin *reader, const dpi_jsonin_node *node)
{
	dpi_jsonin_frame *frame;

	if (reader->depth == DPI_DEPTH_MAX) {
		(void)dpi_jsonin_fail(reader, DP_ETOOBIG,
			"messages are nested deeper than 64");
		return NULL;
	}
	frame = &reader->frames[reader->depth++];
	frame->node = node;
	frame->field = NULL;
	for (size_t i = 0; i < node->words; i++) {
		frame->seen[i] = 0;
	}
	return frame;
}
