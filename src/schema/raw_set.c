/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/raw_set.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/error.h"
#include "base/text.h"
#include "schema/field_reader.h"
#include "schema/raw_parser.h"
#include "schema/well_known.h"

/* What the limits of a set can come to, with room: a bug, if it is met. */
#define ARENA_MAX_BYTES (512u << 20)

dp_status dpi_raw_refuse(const dpi_raw_parser *parser, dp_status code,
	const char *element, const char *fmt, ...)
{
	const char *file = parser->file != NULL ? parser->file->name : NULL;
	char what[1024];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	if (file == NULL) {
		return dpi_error_set(
			parser->err, code, "descriptor set: %s", what);
	}
	if (element == NULL || *element == '\0') {
		return dpi_error_set(
			parser->err, code, "file \"%s\": %s", file, what);
	}
	return dpi_error_set(
		parser->err, code, "file \"%s\": %s: %s", file, element, what);
}

dp_status dpi_raw_no_memory(const dpi_raw_parser *parser)
{
	return dpi_error_set(
		parser->err, DP_ENOMEM, "no memory for a descriptor set");
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_identifier(const char *text, size_t size)
{
	if (size == 0 || !is_letter(text[0])) {
		return false;
	}
	for (size_t i = 1; i < size; i++) {
		if (!is_letter(text[i]) &&
			!(text[i] >= '0' && text[i] <= '9')) {
			return false;
		}
	}
	return true;
}

dp_status dpi_raw_check_name(
	const dpi_raw_parser *parser, const char *scope, dp_bytes name)
{
	if (!is_identifier(name.data, name.size)) {
		return dpi_raw_refuse(parser, DP_ESCHEMA, scope,
			"something in it has a name that is no identifier");
	}
	if (strlen(scope) + 1 + name.size > DPI_NAME_MAX_BYTES) {
		return dpi_raw_refuse(parser, DP_ETOOBIG, scope,
			"a full name in it is longer than %u bytes",
			DPI_NAME_MAX_BYTES);
	}
	return DP_OK;
}

dp_status dpi_raw_full_name(const dpi_raw_parser *parser, const char *scope,
	dp_bytes name, const char **ret)
{
	size_t scope_size = strlen(scope);
	dp_status st = dpi_raw_check_name(parser, scope, name);
	char *text;

	if (st != DP_OK) {
		return st;
	}
	text = dpi_arena_alloc(
		&parser->set->arena, scope_size + 1 + name.size + 1);
	if (text == NULL) {
		return dpi_raw_no_memory(parser);
	}
	*ret = text;
	if (scope_size > 0) {
		memcpy(text, scope, scope_size);
		text += scope_size;
		*text++ = '.';
	}
	memcpy(text, name.data, name.size);
	text[name.size] = '\0';
	return DP_OK;
}

static bool is_package(dp_bytes package)
{
	const char *part = package.data;
	const char *end = part + package.size;

	if (package.size == 0) {
		return true;
	}
	for (;;) {
		const char *dot = memchr(part, '.', (size_t)(end - part));
		const char *stop = dot != NULL ? dot : end;

		if (!is_identifier(part, (size_t)(stop - part))) {
			return false;
		}
		if (dot == NULL) {
			return true;
		}
		part = dot + 1;
	}
}

/* What a FileDescriptorProto says of the file as a whole. */
typedef struct file_head {
	dp_bytes name;
	dp_bytes package;
	dp_bytes syntax;
	dp_bytes options;
	uint64_t edition;
	size_t imports;
	size_t public_imports;
	size_t units;
} file_head;

static dp_status read_file_head(
	const dpi_raw_parser *parser, dp_bytes source, file_head *head)
{
	dpi_field_reader reader = dpi_field_reader_of(source);

	while (dpi_field_next(&reader)) {
		switch (reader.tag) {
		case DPI_TAG_BYTES(1):
			head->name = reader.bytes;
			break;
		case DPI_TAG_BYTES(2):
			head->package = reader.bytes;
			break;
		case DPI_TAG_BYTES(3):
			head->imports++;
			break;
		case DPI_TAG_BYTES(4):
		case DPI_TAG_BYTES(5):
		case DPI_TAG_BYTES(7):
			head->units++;
			break;
		case DPI_TAG_BYTES(8):
			head->options = reader.bytes;
			break;
		case DPI_TAG_VARINT(10):
			head->public_imports++;
			break;
		case DPI_TAG_BYTES(12):
			head->syntax = reader.bytes;
			break;
		case DPI_TAG_VARINT(14):
			head->edition = reader.value;
			break;
		default:
			break;
		}
	}
	if (dpi_field_reader_failed(&reader)) {
		return dpi_raw_refuse(parser, DP_ESCHEMA, NULL,
			"a file's descriptor is cut off or damaged");
	}
	return DP_OK;
}

static int32_t edition_of(const file_head *head)
{
	dp_bytes syntax = head->syntax;

	if (syntax.size == 0 ||
		dpi_bytes_equal(syntax, dpi_bytes_text("proto2"))) {
		return DPI_EDITION_PROTO2;
	}
	if (dpi_bytes_equal(syntax, dpi_bytes_text("proto3"))) {
		return DPI_EDITION_PROTO3;
	}
	if (dpi_bytes_equal(syntax, dpi_bytes_text("editions")) &&
		head->edition >= DPI_EDITION_2023 &&
		head->edition <= INT32_MAX) {
		return (int32_t)head->edition;
	}
	return 0;
}

static dp_status take_names(
	dpi_raw_parser *parser, dpi_raw_file *file, const file_head *head)
{
	dpi_arena *arena = &parser->set->arena;
	dp_bytes name = head->name;
	char *file_name;

	if (name.size == 0 || name.size > DPI_NAME_MAX_BYTES ||
		!dpi_utf8_valid(name.data, name.size) ||
		memchr(name.data, '\0', name.size) != NULL) {
		return dpi_raw_refuse(parser, DP_ESCHEMA, NULL,
			"a file's name is not 1 to %u bytes of UTF-8",
			DPI_NAME_MAX_BYTES);
	}
	file_name = dpi_arena_dup(arena, name.data, name.size);
	if (file_name == NULL) {
		return dpi_raw_no_memory(parser);
	}
	file->name = file_name;
	parser->file = file;
	if (head->package.size > DPI_NAME_MAX_BYTES ||
		!is_package(head->package)) {
		return dpi_raw_refuse(parser, DP_ESCHEMA, NULL,
			"its package is not up to %u bytes of identifiers "
			"and dots",
			DPI_NAME_MAX_BYTES);
	}
	file->package =
		dpi_arena_dup(arena, head->package.data, head->package.size);
	return file->package != NULL ? DP_OK : dpi_raw_no_memory(parser);
}

static dp_status take_features(
	const dpi_raw_parser *parser, dpi_raw_file *file, const file_head *head)
{
	dpi_field_reader reader = dpi_field_reader_of(head->options);
	const dpi_features *defaults;
	dpi_features own = {0};

	file->edition = edition_of(head);
	defaults = dpi_features_of_edition(file->edition);
	if (defaults == NULL) {
		return dpi_raw_refuse(parser, DP_ESCHEMA, NULL,
			"its syntax \"%.*s\", edition %u, is none that this "
			"release knows: proto2, proto3, 2023, 2024",
			(int)(head->syntax.size < 32 ? head->syntax.size : 32),
			head->syntax.size > 0 ? (const char *)head->syntax.data
					      : "",
			(unsigned)head->edition);
	}
	while (dpi_field_next(&reader)) {
		if (reader.tag == DPI_TAG_BYTES(50)) {
			file->features_source = reader.bytes;
		}
	}
	if (dpi_field_reader_failed(&reader) ||
		dpi_features_read(&own, file->features_source) != DP_OK) {
		return dpi_raw_refuse(parser, DP_ESCHEMA, NULL,
			"its options are damaged, or have features that this "
			"release does not know");
	}
	file->features = dpi_features_merge(*defaults, own);
	return DP_OK;
}

static dp_status make_file_room(
	const dpi_raw_parser *parser, dpi_raw_file *file, const file_head *head)
{
	dpi_arena *arena = &parser->set->arena;

	parser->set->import_count += head->imports;
	if (parser->set->import_count > DPI_SET_MAX_IMPORTS ||
		head->public_imports > head->imports) {
		return dpi_raw_refuse(parser, DP_ETOOBIG, NULL,
			"more than %u imports in the set, or more public "
			"imports than imports",
			DPI_SET_MAX_IMPORTS);
	}
	if (head->units >
		DPI_SET_MAX_MESSAGES + DPI_SET_MAX_ENUMS + DPI_SET_MAX_FIELDS) {
		return dpi_raw_refuse(parser, DP_ETOOBIG, NULL,
			"more messages, enums and extensions than a set may "
			"have");
	}
	file->imports = dpi_arena_zalloc(
		arena, head->imports + 1, sizeof(*file->imports));
	file->public_imports = dpi_arena_zalloc(
		arena, head->imports + 1, sizeof(*file->public_imports));
	file->units =
		dpi_arena_zalloc(arena, head->units + 1, sizeof(*file->units));
	if (file->imports == NULL || file->public_imports == NULL ||
		file->units == NULL) {
		return dpi_raw_no_memory(parser);
	}
	return DP_OK;
}

static dp_status parse_unit(
	dpi_raw_parser *parser, uint32_t tag, dp_bytes source)
{
	dpi_raw_file *file = parser->file;
	dpi_raw_unit *unit = &file->units[file->unit_count];
	dpi_arena *arena = &parser->set->arena;
	dp_status st;

	parser->unit = unit;
	unit->file = file;
	if (tag == DPI_TAG_BYTES(4)) {
		unit->message =
			dpi_arena_zalloc(arena, 1, sizeof(*unit->message));
		if (unit->message == NULL) {
			return dpi_raw_no_memory(parser);
		}
		st = dpi_raw_parse_message(
			parser, source, NULL, 1, unit->message);
		unit->full_name = unit->message->full_name;
	} else if (tag == DPI_TAG_BYTES(5)) {
		unit->enumeration =
			dpi_arena_zalloc(arena, 1, sizeof(*unit->enumeration));
		if (unit->enumeration == NULL) {
			return dpi_raw_no_memory(parser);
		}
		st = dpi_raw_parse_enum(
			parser, source, NULL, unit->enumeration);
		unit->full_name = unit->enumeration->full_name;
	} else {
		unit->extension =
			dpi_arena_zalloc(arena, 1, sizeof(*unit->extension));
		if (unit->extension == NULL) {
			return dpi_raw_no_memory(parser);
		}
		st = dpi_raw_parse_field(parser, source, NULL, unit->extension);
		if (st == DP_OK) {
			st = dpi_raw_full_name(parser, file->package,
				unit->extension->name, &unit->full_name);
		}
	}
	file->unit_count++;
	return st;
}

static dp_status parse_contents(dpi_raw_parser *parser, dp_bytes source)
{
	dpi_field_reader reader = dpi_field_reader_of(source);
	dpi_raw_file *file = parser->file;
	dp_status st = DP_OK;

	while (st == DP_OK && dpi_field_next(&reader)) {
		switch (reader.tag) {
		case DPI_TAG_BYTES(3):
			file->imports[file->import_count++] = reader.bytes;
			break;
		case DPI_TAG_BYTES(4):
		case DPI_TAG_BYTES(5):
		case DPI_TAG_BYTES(7):
			st = parse_unit(parser, reader.tag, reader.bytes);
			break;
		case DPI_TAG_VARINT(10):
			/* Checked once all imports are known. */
			file->public_imports[file->public_import_count++] =
				reader.value < UINT32_MAX
				? (uint32_t)reader.value
				: UINT32_MAX;
			break;
		default:
			break;
		}
	}
	for (size_t i = 0; st == DP_OK && i < file->public_import_count; i++) {
		if (file->public_imports[i] >= file->import_count) {
			st = dpi_raw_refuse(parser, DP_ESCHEMA, NULL,
				"a public import is not one of its imports");
		}
	}
	return st;
}

static dp_status parse_file(dpi_raw_set *set, dp_bytes source, dp_error **err)
{
	dpi_raw_parser parser = {.set = set, .err = err};
	dpi_raw_file *file = &set->files[set->file_count];
	file_head head = {.edition = 0};
	dp_status st = read_file_head(&parser, source, &head);

	if (st == DP_OK) {
		st = take_names(&parser, file, &head);
	}
	if (st == DP_OK) {
		file->is_known = dpi_known_file_find(head.name) != NULL;
		st = take_features(&parser, file, &head);
	}
	if (st == DP_OK) {
		st = make_file_room(&parser, file, &head);
	}
	if (st == DP_OK) {
		st = parse_contents(&parser, source);
	}
	set->file_count++;
	return st;
}

static bool has_file(const dpi_raw_set *set, dp_bytes name)
{
	for (size_t i = 0; i < set->file_count; i++) {
		if (dpi_bytes_equal(dpi_bytes_text(set->files[i].name), name)) {
			return true;
		}
	}
	return false;
}

/* Files that are added may import others: the loop sees those, too. */
static dp_status add_known_files(dpi_raw_set *set, dp_error **err)
{
	dp_status st = DP_OK;

	for (size_t i = 0; i < set->file_count; i++) {
		const dpi_raw_file *file = &set->files[i];

		for (size_t k = 0; st == DP_OK && k < file->import_count; k++) {
			const dpi_known_file *known =
				dpi_known_file_find(file->imports[k]);

			if (known != NULL && !has_file(set, file->imports[k])) {
				st = parse_file(set, known->descriptor, err);
			}
		}
	}
	return st;
}

static dp_status parse_set(dpi_raw_set *set, dp_bytes source, dp_error **err)
{
	dpi_raw_parser parser = {.set = set, .err = err};
	dpi_field_reader reader = dpi_field_reader_of(source);
	size_t count = 0;
	dp_status st = DP_OK;

	while (dpi_field_next(&reader)) {
		count += reader.tag == DPI_TAG_BYTES(1);
	}
	if (dpi_field_reader_failed(&reader) || count == 0) {
		return dpi_raw_refuse(&parser, DP_ESCHEMA, NULL,
			"not a FileDescriptorSet, as protoc writes it with "
			"--descriptor_set_out");
	}
	if (count > DPI_SET_MAX_FILES) {
		return dpi_raw_refuse(&parser, DP_ETOOBIG, NULL,
			"more than %u files", DPI_SET_MAX_FILES);
	}
	set->files = dpi_arena_zalloc(
		&set->arena, count + DPI_KNOWN_FILES, sizeof(*set->files));
	if (set->files == NULL) {
		return dpi_raw_no_memory(&parser);
	}

	reader = dpi_field_reader_of(source);
	while (st == DP_OK && dpi_field_next(&reader)) {
		if (reader.tag == DPI_TAG_BYTES(1)) {
			st = parse_file(set, reader.bytes, err);
		}
	}
	return st == DP_OK ? add_known_files(set, err) : st;
}

dp_status dpi_raw_set_init(dpi_raw_set *ret, const dp_allocator *alloc,
	const void *data, size_t size, dp_error **err)
{
	dp_status st;

	*ret = (dpi_raw_set){0};
	dpi_arena_init(&ret->arena, alloc, ARENA_MAX_BYTES);
	ret->messages_end = &ret->messages;
	ret->enums_end = &ret->enums;
	if (size > DPI_SET_MAX_BYTES) {
		st = dpi_error_set(err, DP_ETOOBIG,
			"descriptor set: %zu bytes, more than %u", size,
			DPI_SET_MAX_BYTES);
	} else {
		st = parse_set(ret, dpi_bytes(data, size), err);
	}
	if (st != DP_OK) {
		dpi_raw_set_fini(ret);
	}
	return st;
}

void dpi_raw_set_fini(dpi_raw_set *set)
{
	dpi_arena_fini(&set->arena);
}
