/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/types.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "schema/sort.h"
#include "schema/well_known.h"

/* What the limits of a set can come to, with room: a bug, if it is met. */
#define ARENA_MAX_BYTES (512u << 20)

enum { LABEL_REPEATED = 3 };

typedef struct builder {
	dpi_raw_set *set;
	dpi_types *types;
	dp_error **err;
} builder;

static dp_status no_memory(const builder *b)
{
	return dpi_error_set(
		b->err, DP_ENOMEM, "no memory for the types of a set");
}

static const char *dup_text(const builder *b, dp_bytes text)
{
	return dpi_arena_dup(&b->types->arena, text.data, text.size);
}

static const char *json_name_of(const builder *b, const dpi_raw_field *raw)
{
	char made[DPI_NAME_MAX_BYTES];

	return dup_text(b,
		raw->json_name.data != NULL
			? raw->json_name
			: dpi_bytes(made, dpi_json_name(made, raw->name)));
}

/* "scope.name", between the marks that JSON has around extensions. */
static const char *extension_name(const builder *b, const dpi_raw_field *raw,
	const char *before, const char *behind)
{
	const char *scope = raw->scope != NULL ? raw->scope->full_name
					       : raw->unit->file->package;
	size_t size = strlen(scope) + raw->name.size + 4;
	char *text = dpi_arena_alloc(&b->types->arena, size);

	if (text != NULL) {
		(void)snprintf(text, size, "%s%s%s%.*s%s", before, scope,
			*scope != '\0' ? "." : "", (int)raw->name.size,
			(const char *)raw->name.data, behind);
	}
	return text;
}

static dp_status set_names(
	const builder *b, const dpi_raw_field *raw, dpi_field *field)
{
	if (field->is_extension) {
		field->name = extension_name(b, raw, "", "");
		field->json_name = extension_name(b, raw, "[", "]");
	} else {
		field->name = dup_text(b, raw->name);
		field->json_name = json_name_of(b, raw);
	}
	if (field->name == NULL || field->json_name == NULL) {
		return no_memory(b);
	}
	if (raw->default_text.data != NULL) {
		field->default_text = dup_text(b, raw->default_text);
		field->default_size = raw->default_text.size;
		return field->default_text != NULL ? DP_OK : no_memory(b);
	}
	return DP_OK;
}

static bool is_packable(dpi_field_type type)
{
	return type != DPI_TYPE_STRING && type != DPI_TYPE_BYTES &&
		type != DPI_TYPE_MESSAGE && type != DPI_TYPE_GROUP;
}

/* Maps and what is in their entries are prefixed, whatever features say. */
static dpi_field_type type_of(
	const dpi_raw_field *raw, const dpi_raw_message *holder)
{
	if (raw->enumeration != NULL) {
		return DPI_TYPE_ENUM;
	}
	if (raw->message == NULL) {
		return (dpi_field_type)raw->type;
	}
	return raw->features.message_encoding == DPI_MESSAGES_DELIMITED &&
			!raw->message->is_map_entry && !holder->is_map_entry
		? DPI_TYPE_GROUP
		: DPI_TYPE_MESSAGE;
}

static dp_status define_field(const builder *b, const dpi_raw_message *holder,
	const dpi_raw_field *raw, const int32_t *oneof_of, dpi_field *field)
{
	const dpi_features *features = &raw->features;
	bool is_scalar = raw->message == NULL;

	field->number = raw->number;
	field->type = type_of(raw, holder);
	field->is_repeated = raw->label == LABEL_REPEATED;
	field->is_map = raw->message != NULL && raw->message->is_map_entry;
	field->is_packed = field->is_repeated && is_packable(field->type) &&
		features->repeated_encoding == DPI_REPEATED_PACKED;
	field->is_extension = raw->extended != NULL;
	field->is_required = !field->is_repeated && !field->is_extension &&
		raw->oneof < 0 &&
		features->field_presence == DPI_PRESENCE_REQUIRED;
	field->has_presence = !field->is_repeated &&
		(!is_scalar || field->is_extension || raw->oneof >= 0 ||
			features->field_presence != DPI_PRESENCE_IMPLICIT);
	field->checks_utf8 = field->type == DPI_TYPE_STRING &&
		features->utf8_validation == DPI_UTF8_VERIFY;
	field->oneof = raw->oneof >= 0 ? oneof_of[raw->oneof] : -1;
	field->message = !is_scalar ? raw->message->type : NULL;
	field->enumeration =
		raw->enumeration != NULL ? raw->enumeration->type : NULL;
	return set_names(b, raw, field);
}

/* A number over an index: sorts by number, and says where it is. */
static int compare_keys(const void *a, const void *b)
{
	uint64_t key_a = *(const uint64_t *)a;
	uint64_t key_b = *(const uint64_t *)b;

	return (key_a > key_b) - (key_a < key_b);
}

/* Names of oneofs, and where each index of the set went; synthetic: -1. */
static dp_status define_oneofs(const builder *b, const dpi_raw_message *raw,
	dpi_message_type *type, int32_t **ret_oneof_of)
{
	dpi_arena *scratch = &b->set->arena;
	int32_t *oneof_of = dpi_arena_zalloc(
		scratch, raw->oneof_count + 1, sizeof(*oneof_of));
	const char **names = dpi_arena_zalloc(
		&b->types->arena, raw->oneof_count + 1, sizeof(*names));

	if (oneof_of == NULL || names == NULL) {
		return no_memory(b);
	}
	for (size_t i = 0; i < raw->field_count; i++) {
		if (raw->fields[i].is_proto3_optional &&
			raw->fields[i].oneof >= 0) {
			oneof_of[raw->fields[i].oneof] = -1;
		}
	}
	for (size_t i = 0; i < raw->oneof_count; i++) {
		if (oneof_of[i] < 0) {
			continue;
		}
		oneof_of[i] = (int32_t)type->oneof_count;
		names[type->oneof_count] = dup_text(b, raw->oneofs[i].name);
		if (names[type->oneof_count++] == NULL) {
			return no_memory(b);
		}
	}
	type->oneofs = names;
	*ret_oneof_of = oneof_of;
	return DP_OK;
}

static int compare_extensions(const void *a, const void *b)
{
	uint32_t number_a = (*(const dpi_raw_field *const *)a)->number;
	uint32_t number_b = (*(const dpi_raw_field *const *)b)->number;

	return (number_a > number_b) - (number_a < number_b);
}

/* By number, so that the order of a set's files decides nothing. */
static dp_status define_extensions(const builder *b, const dpi_raw_message *raw,
	dpi_message_type *type, dpi_field *fields)
{
	const dpi_raw_field **sorted = dpi_arena_zalloc(
		&b->set->arena, raw->extended_by_count + 1, sizeof(*sorted));
	size_t n = 0;
	dp_status st = DP_OK;

	if (sorted == NULL) {
		return no_memory(b);
	}
	for (const dpi_raw_field *f = raw->extended_by; f != NULL;
		f = f->next_extension) {
		sorted[n++] = f;
	}
	dpi_sort(sorted, n, sizeof(*sorted), compare_extensions);
	for (size_t i = 0; st == DP_OK && i < n; i++) {
		st = define_field(
			b, raw, sorted[i], NULL, &fields[type->field_count++]);
	}
	return st;
}

static dp_status index_fields(const builder *b, dpi_message_type *type)
{
	size_t count = type->field_count;
	uint64_t *keys =
		dpi_arena_zalloc(&b->set->arena, count + 1, sizeof(*keys));
	uint32_t *by_number = dpi_arena_zalloc(
		&b->types->arena, count + 1, sizeof(*by_number));

	if (keys == NULL || by_number == NULL) {
		return no_memory(b);
	}
	for (size_t i = 0; i < count; i++) {
		keys[i] = (uint64_t)type->fields[i].number << 32 | i;
	}
	dpi_sort(keys, count, sizeof(*keys), compare_keys);
	for (size_t i = 0; i < count; i++) {
		by_number[i] = (uint32_t)keys[i];
		if (i > 0 && keys[i - 1] >> 32 == keys[i] >> 32) {
			return dpi_error_set(b->err, DP_ESCHEMA,
				"%s: fields %s and %s have the same number %u",
				type->full_name,
				type->fields[by_number[i - 1]].name,
				type->fields[by_number[i]].name,
				(unsigned)(keys[i] >> 32));
		}
	}
	type->by_number = by_number;
	return DP_OK;
}

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static dp_status check_names(
	const builder *b, const char *scope, const char **names, size_t count)
{
	dpi_sort(names, count, sizeof(*names), compare_texts);
	for (size_t i = 1; i < count; i++) {
		if (strcmp(names[i - 1], names[i]) == 0) {
			return dpi_error_set(b->err, DP_ESCHEMA,
				"%s: the name %s is there twice", scope,
				names[i]);
		}
	}
	return DP_OK;
}

static dp_status check_field_names(
	const builder *b, const dpi_message_type *type)
{
	const char **names = dpi_arena_zalloc(&b->set->arena,
		type->field_count + type->oneof_count + 1, sizeof(*names));
	size_t n = 0;

	if (names == NULL) {
		return no_memory(b);
	}
	for (size_t i = 0; i < type->field_count; i++) {
		names[n++] = type->fields[i].name;
	}
	for (size_t i = 0; i < type->oneof_count; i++) {
		names[n++] = type->oneofs[i];
	}
	return check_names(b, type->full_name, names, n);
}

static dp_status define_message(const builder *b, const dpi_raw_message *raw)
{
	dpi_message_type *type = raw->type;
	dpi_field *fields = dpi_arena_zalloc(&b->types->arena,
		raw->field_count + raw->extended_by_count + 1, sizeof(*fields));
	int32_t *oneof_of = NULL;
	dp_status st;

	if (fields == NULL) {
		return no_memory(b);
	}
	type->fields = fields;
	type->is_map_entry = raw->is_map_entry;
	st = define_oneofs(b, raw, type, &oneof_of);
	for (size_t i = 0; st == DP_OK && i < raw->field_count; i++) {
		st = define_field(b, raw, &raw->fields[i], oneof_of,
			&fields[type->field_count++]);
	}
	if (st == DP_OK) {
		st = define_extensions(b, raw, type, fields);
	}
	if (st == DP_OK) {
		st = check_field_names(b, type);
	}
	if (st == DP_OK) {
		st = index_fields(b, type);
	}
	if (st == DP_OK) {
		type->well_known = dpi_well_known_of(type);
	}
	return st;
}

/* Negative numbers are offset, so that they sort before others. */
static dp_status index_values(
	const builder *b, const dpi_raw_enum *raw, dpi_enum_type *type)
{
	uint64_t *keys = dpi_arena_zalloc(
		&b->set->arena, raw->value_count, sizeof(*keys));
	uint32_t *by_number = dpi_arena_zalloc(
		&b->types->arena, raw->value_count, sizeof(*by_number));

	if (keys == NULL || by_number == NULL) {
		return no_memory(b);
	}
	for (size_t i = 0; i < raw->value_count; i++) {
		uint32_t number = (uint32_t)raw->values[i].number ^ 1u << 31;

		keys[i] = (uint64_t)number << 32 | i;
	}
	dpi_sort(keys, raw->value_count, sizeof(*keys), compare_keys);
	for (size_t i = 0; i < raw->value_count; i++) {
		by_number[i] = (uint32_t)keys[i];
	}
	type->by_number = by_number;
	return DP_OK;
}

static dp_status define_enum(const builder *b, const dpi_raw_enum *raw)
{
	dpi_enum_type *type = raw->type;
	dpi_enum_value *values = dpi_arena_zalloc(
		&b->types->arena, raw->value_count, sizeof(*values));
	const char **names = dpi_arena_zalloc(
		&b->set->arena, raw->value_count, sizeof(*names));

	if (values == NULL || names == NULL) {
		return no_memory(b);
	}
	for (size_t i = 0; i < raw->value_count; i++) {
		values[i].number = raw->values[i].number;
		values[i].name = names[i] = dup_text(b, raw->values[i].name);
		if (values[i].name == NULL) {
			return no_memory(b);
		}
	}
	type->values = values;
	type->value_count = raw->value_count;
	type->is_closed = raw->features.enum_type == DPI_ENUM_CLOSED;
	if (check_names(b, type->full_name, names, raw->value_count) != DP_OK) {
		return DP_ESCHEMA;
	}
	return index_values(b, raw, type);
}

/* Empty types first, so that fields can point at any of them. */
static dp_status declare(const builder *b)
{
	dpi_arena *arena = &b->types->arena;
	const dpi_message_type **messages = dpi_arena_zalloc(
		arena, b->set->message_count + 1, sizeof(dpi_message_type *));

	if (messages == NULL) {
		return no_memory(b);
	}
	b->types->messages = messages;
	for (size_t i = 0; i < b->set->symbol_count; i++) {
		const dpi_raw_symbol *symbol = &b->set->symbols[i];
		const char *full_name =
			dup_text(b, dpi_bytes_text(symbol->full_name));
		const char *dot;

		if (full_name == NULL) {
			return no_memory(b);
		}
		if (symbol->enumeration != NULL) {
			dpi_enum_type *type =
				dpi_arena_zalloc(arena, 1, sizeof(*type));

			if (type == NULL) {
				return no_memory(b);
			}
			type->full_name = full_name;
			symbol->enumeration->type = type;
		} else {
			dpi_message_type *type =
				dpi_arena_zalloc(arena, 1, sizeof(*type));

			if (type == NULL) {
				return no_memory(b);
			}
			dot = strrchr(full_name, '.');
			type->full_name = full_name;
			type->name = dot != NULL ? dot + 1 : full_name;
			symbol->message->type = type;
			messages[b->types->message_count++] = type;
		}
	}
	return DP_OK;
}

/* Those of files that are the registry's, as declared. */
static dp_status collect_top(const builder *b)
{
	const dpi_message_type **top = dpi_arena_zalloc(&b->types->arena,
		b->set->message_count + 1, sizeof(dpi_message_type *));

	if (top == NULL) {
		return no_memory(b);
	}
	b->types->top = top;
	for (size_t i = 0; i < b->set->file_count; i++) {
		const dpi_raw_file *file = &b->set->files[i];

		for (size_t k = 0; !file->is_known && k < file->unit_count;
			k++) {
			if (file->units[k].message != NULL) {
				top[b->types->top_count++] =
					file->units[k].message->type;
			}
		}
	}
	return DP_OK;
}

static dp_status name_file(
	const builder *b, const dpi_raw_unit *unit, dp_status st)
{
	return st == DP_ESCHEMA
		? dpi_error_prefix(b->err, st, "file \"%s\"", unit->file->name)
		: st;
}

dp_status dpi_types_build(dpi_types *ret, const dp_allocator *alloc,
	dpi_raw_set *set, dp_error **err)
{
	builder b = {set, ret, err};
	dp_status st;

	*ret = (dpi_types){0};
	dpi_arena_init(&ret->arena, alloc, ARENA_MAX_BYTES);
	st = declare(&b);
	for (const dpi_raw_message *m = set->messages; st == DP_OK && m != NULL;
		m = m->next) {
		st = name_file(&b, m->unit, define_message(&b, m));
	}
	for (const dpi_raw_enum *e = set->enums; st == DP_OK && e != NULL;
		e = e->next) {
		st = name_file(&b, e->unit, define_enum(&b, e));
	}
	if (st == DP_OK) {
		st = collect_top(&b);
	}
	if (st == DP_OK && !dpi_types_mark_recursive(set)) {
		st = no_memory(&b);
	}
	if (st != DP_OK) {
		dpi_types_fini(ret);
	}
	return st;
}
