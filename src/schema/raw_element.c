/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/raw_parser.h"

#include "schema/field_reader.h"

#define FIELD_NUMBER_MAX 536870911u
#define RESERVED_FIRST 19000u
#define RESERVED_LAST 19999u
#define PRINTED(name) (int)(name).size, (const char *)(name).data

enum { LABEL_OPTIONAL = 1, LABEL_REQUIRED = 2, LABEL_REPEATED = 3 };

/* Counted first, so that the array has its final place at once. */
static size_t count_tag(dp_bytes source, uint32_t tag)
{
	dpi_field_reader reader = dpi_field_reader_of(source);
	size_t count = 0;

	while (dpi_field_next(&reader)) {
		count += reader.tag == tag;
	}
	return count;
}

static dp_status damaged(const dpi_raw_parser *parser, const char *element)
{
	return dpi_raw_refuse(parser, DP_ESCHEMA, element,
		"its descriptor is cut off or damaged");
}

static dp_status read_features(const dpi_raw_parser *parser,
	const char *element, dp_bytes source, dpi_features *features)
{
	if (dpi_features_read(features, source) != DP_OK) {
		return dpi_raw_refuse(parser, DP_ESCHEMA, element,
			"it has features that this release does not know");
	}
	return DP_OK;
}

/* The only option of most elements that matters here; -1 if not said. */
static dp_status read_options(const dpi_raw_parser *parser, const char *element,
	dp_bytes options, uint32_t features_number, uint32_t flag_number,
	dpi_features *features, int *ret_flag)
{
	dpi_field_reader reader = dpi_field_reader_of(options);
	dp_status st = DP_OK;

	*ret_flag = -1;
	while (st == DP_OK && dpi_field_next(&reader)) {
		if (reader.tag == DPI_TAG_BYTES(features_number)) {
			st = read_features(
				parser, element, reader.bytes, features);
		} else if (reader.tag == DPI_TAG_VARINT(flag_number)) {
			*ret_flag = reader.value != 0;
		}
	}
	if (st == DP_OK && dpi_field_reader_failed(&reader)) {
		st = damaged(parser, element);
	}
	return st;
}

static void read_field_bytes(
	dpi_raw_field *field, const dpi_field_reader *reader)
{
	switch (reader->tag) {
	case DPI_TAG_BYTES(1):
		field->name = reader->bytes;
		break;
	case DPI_TAG_BYTES(2):
		field->extendee = reader->bytes;
		break;
	case DPI_TAG_BYTES(6):
		field->type_name = reader->bytes;
		break;
	case DPI_TAG_BYTES(7):
		field->default_text = reader->bytes;
		break;
	case DPI_TAG_BYTES(8):
		field->options = reader->bytes;
		break;
	case DPI_TAG_BYTES(10):
		field->json_name = reader->bytes;
		break;
	default:
		break;
	}
}

/* Numbers out of range become 0, which no check lets through. */
static void read_field_number(
	dpi_raw_field *field, const dpi_field_reader *reader)
{
	uint32_t value =
		reader->value <= FIELD_NUMBER_MAX ? (uint32_t)reader->value : 0;

	switch (reader->tag) {
	case DPI_TAG_VARINT(3):
		field->number = value;
		break;
	case DPI_TAG_VARINT(4):
		field->label = (int32_t)value;
		break;
	case DPI_TAG_VARINT(5):
		field->type = value > 0 ? (int32_t)value : INT32_MAX;
		break;
	case DPI_TAG_VARINT(9):
		field->oneof = reader->value <= FIELD_NUMBER_MAX
			? (int32_t)value
			: INT32_MAX;
		break;
	case DPI_TAG_VARINT(17):
		field->is_proto3_optional = reader->value != 0;
		break;
	default:
		break;
	}
}

static dp_status check_field(const dpi_raw_parser *parser, const char *around,
	const dpi_raw_message *scope, const dpi_raw_field *field)
{
	bool is_extension = field->extendee.data != NULL;
	const char *wrong = NULL;

	if (field->number == 0) {
		wrong = "its number is not between 1 and 536870911";
	} else if (field->number >= RESERVED_FIRST &&
		field->number <= RESERVED_LAST) {
		wrong = "its number is between 19000 and 19999, which "
			"Protocol Buffers keep for themselves";
	} else if (field->label < LABEL_OPTIONAL ||
		field->label > LABEL_REPEATED) {
		wrong = "its label is none of optional, required, repeated";
	} else if (field->type > DPI_TYPE_SINT64) {
		wrong = "its type is none that this release knows";
	} else if (field->type == 0 && field->type_name.data == NULL) {
		wrong = "it has no type";
	} else if (field->oneof >= 0 &&
		(is_extension || scope == NULL ||
			(size_t)field->oneof >= scope->oneof_count)) {
		wrong = "its oneof is not in the message";
	} else if (field->oneof >= 0 && field->label == LABEL_REPEATED) {
		wrong = "a repeated field cannot be in a oneof";
	} else if (field->json_name.data != NULL &&
		memchr(field->json_name.data, 0, field->json_name.size) !=
			NULL) {
		wrong = "its JSON name has a NUL";
	}
	if (wrong != NULL) {
		return dpi_raw_refuse(parser, DP_ESCHEMA, around,
			"field %.*s: %s", PRINTED(field->name), wrong);
	}
	return DP_OK;
}

size_t dpi_json_name(char *buf, dp_bytes name)
{
	const char *in = name.data;
	bool is_raised = false;
	size_t size = 0;

	for (size_t i = 0; i < name.size; i++) {
		if (in[i] == '_') {
			is_raised = true;
			continue;
		}
		buf[size++] = is_raised && in[i] >= 'a' && in[i] <= 'z'
			? (char)(in[i] - 'a' + 'A')
			: in[i];
		is_raised = false;
	}
	return size;
}

/* What older syntaxes say with other words than features. */
static void translate_to_features(dpi_raw_field *field, int packed)
{
	dpi_features *features = &field->features;

	if (field->label == LABEL_REQUIRED) {
		features->field_presence = DPI_PRESENCE_REQUIRED;
	} else if (field->is_proto3_optional) {
		features->field_presence = DPI_PRESENCE_EXPLICIT;
	}
	if (field->type == DPI_TYPE_GROUP) {
		features->message_encoding = DPI_MESSAGES_DELIMITED;
	}
	if (packed >= 0) {
		features->repeated_encoding =
			packed ? DPI_REPEATED_PACKED : DPI_REPEATED_EXPANDED;
	}
}

dp_status dpi_raw_parse_field(const dpi_raw_parser *parser, dp_bytes source,
	const dpi_raw_message *scope, dpi_raw_field *field)
{
	dpi_field_reader reader = dpi_field_reader_of(source);
	const char *around =
		scope != NULL ? scope->full_name : parser->file->package;
	int packed = -1;
	dp_status st;

	if (++parser->set->field_count > DPI_SET_MAX_FIELDS) {
		return dpi_raw_refuse(parser, DP_ETOOBIG, around,
			"the set has more than %u fields", DPI_SET_MAX_FIELDS);
	}
	field->label = LABEL_OPTIONAL;
	field->oneof = -1;
	field->unit = parser->unit;
	field->scope = scope;
	while (dpi_field_next(&reader)) {
		read_field_bytes(field, &reader);
		read_field_number(field, &reader);
	}
	if (dpi_field_reader_failed(&reader)) {
		return damaged(parser, around);
	}

	st = dpi_raw_check_name(parser, around, field->name);
	if (st == DP_OK) {
		st = check_field(parser, around, scope, field);
	}
	if (st == DP_OK) {
		st = read_options(parser, around, field->options, 21, 2,
			&field->features, &packed);
	}
	translate_to_features(field, packed);
	return st;
}

static dp_status parse_value(const dpi_raw_parser *parser, const char *element,
	dp_bytes source, dpi_raw_value *value)
{
	dpi_field_reader reader = dpi_field_reader_of(source);

	while (dpi_field_next(&reader)) {
		switch (reader.tag) {
		case DPI_TAG_BYTES(1):
			value->name = reader.bytes;
			break;
		case DPI_TAG_VARINT(2):
			value->number = (int32_t)(uint32_t)reader.value;
			break;
		case DPI_TAG_BYTES(3):
			value->options = reader.bytes;
			break;
		default:
			break;
		}
	}
	if (dpi_field_reader_failed(&reader)) {
		return damaged(parser, element);
	}
	return dpi_raw_check_name(parser, element, value->name);
}

static dp_status parse_values(
	const dpi_raw_parser *parser, dpi_raw_enum *enumeration)
{
	dpi_field_reader reader = dpi_field_reader_of(enumeration->source);
	dpi_raw_set *set = parser->set;
	size_t count = count_tag(enumeration->source, DPI_TAG_BYTES(2));
	dp_status st = DP_OK;

	set->value_count += count;
	if (count == 0) {
		return dpi_raw_refuse(parser, DP_ESCHEMA,
			enumeration->full_name, "it has no value");
	}
	if (count > DPI_ENUM_MAX_VALUES ||
		set->value_count > DPI_SET_MAX_VALUES) {
		return dpi_raw_refuse(parser, DP_ETOOBIG,
			enumeration->full_name,
			"more than %u values, or %u in the set",
			DPI_ENUM_MAX_VALUES, DPI_SET_MAX_VALUES);
	}
	enumeration->values = dpi_arena_zalloc(
		&set->arena, count, sizeof(*enumeration->values));
	if (enumeration->values == NULL) {
		return dpi_raw_no_memory(parser);
	}
	while (st == DP_OK && dpi_field_next(&reader)) {
		if (reader.tag == DPI_TAG_BYTES(2)) {
			st = parse_value(parser, enumeration->full_name,
				reader.bytes,
				&enumeration
					 ->values[enumeration->value_count++]);
		}
	}
	return st;
}

/* The name and the options, whose numbers differ among elements. */
static dp_status read_head(const dpi_raw_parser *parser, dp_bytes source,
	uint32_t options_number, const char *scope, dp_bytes *name,
	dp_bytes *options, const char **full_name)
{
	dpi_field_reader reader = dpi_field_reader_of(source);

	while (dpi_field_next(&reader)) {
		if (reader.tag == DPI_TAG_BYTES(1)) {
			*name = reader.bytes;
		} else if (reader.tag == DPI_TAG_BYTES(options_number)) {
			*options = reader.bytes;
		}
	}
	if (dpi_field_reader_failed(&reader)) {
		return damaged(parser, scope);
	}
	return dpi_raw_full_name(parser, scope, *name, full_name);
}

static const char *scope_name(
	const dpi_raw_parser *parser, const dpi_raw_message *parent)
{
	return parent != NULL ? parent->full_name : parser->file->package;
}

dp_status dpi_raw_parse_enum(const dpi_raw_parser *parser, dp_bytes source,
	const dpi_raw_message *parent, dpi_raw_enum *enumeration)
{
	dpi_raw_set *set = parser->set;
	const char *scope = scope_name(parser, parent);
	int unused;
	dp_status st;

	if (++set->enum_count > DPI_SET_MAX_ENUMS) {
		return dpi_raw_refuse(parser, DP_ETOOBIG, scope,
			"the set has more than %u enums", DPI_SET_MAX_ENUMS);
	}
	enumeration->source = source;
	enumeration->parent = parent;
	enumeration->unit = parser->unit;
	*set->enums_end = enumeration;
	set->enums_end = &enumeration->next;
	st = read_head(parser, source, 3, scope, &enumeration->name,
		&enumeration->options, &enumeration->full_name);
	if (st == DP_OK) {
		st = read_options(parser, enumeration->full_name,
			enumeration->options, 7, 0, &enumeration->features,
			&unused);
	}
	return st == DP_OK ? parse_values(parser, enumeration) : st;
}

static dp_status parse_oneof(const dpi_raw_parser *parser,
	const dpi_raw_message *message, dp_bytes source, dpi_raw_oneof *oneof)
{
	const char *full_name = NULL;
	int unused;
	dp_status st = read_head(parser, source, 2, message->full_name,
		&oneof->name, &oneof->options, &full_name);

	if (st == DP_OK) {
		st = read_options(parser, full_name, oneof->options, 1, 0,
			&oneof->features, &unused);
	}
	return st;
}

/* Counts what is in the message and makes room for it. */
static dp_status make_room(const dpi_raw_parser *parser, dpi_raw_message *m)
{
	dpi_arena *arena = &parser->set->arena;
	size_t fields = count_tag(m->source, DPI_TAG_BYTES(2));
	size_t nested = count_tag(m->source, DPI_TAG_BYTES(3));
	size_t enums = count_tag(m->source, DPI_TAG_BYTES(4));
	size_t extensions = count_tag(m->source, DPI_TAG_BYTES(6));
	size_t oneofs = count_tag(m->source, DPI_TAG_BYTES(8));

	if (fields > DPI_MESSAGE_MAX_FIELDS ||
		oneofs > DPI_MESSAGE_MAX_FIELDS) {
		return dpi_raw_refuse(parser, DP_ETOOBIG, m->full_name,
			"more than %u fields or oneofs",
			DPI_MESSAGE_MAX_FIELDS);
	}
	if (nested > DPI_SET_MAX_MESSAGES || enums > DPI_SET_MAX_ENUMS ||
		extensions > DPI_SET_MAX_FIELDS) {
		return dpi_raw_refuse(parser, DP_ETOOBIG, m->full_name,
			"more than %u messages, %u enums or %u extensions",
			DPI_SET_MAX_MESSAGES, DPI_SET_MAX_ENUMS,
			DPI_SET_MAX_FIELDS);
	}
	m->fields = dpi_arena_zalloc(arena, fields + 1, sizeof(*m->fields));
	m->nested = dpi_arena_zalloc(arena, nested + 1, sizeof(*m->nested));
	m->enums = dpi_arena_zalloc(arena, enums + 1, sizeof(*m->enums));
	m->extensions =
		dpi_arena_zalloc(arena, extensions + 1, sizeof(*m->extensions));
	m->oneofs = dpi_arena_zalloc(arena, oneofs + 1, sizeof(*m->oneofs));
	if (m->fields == NULL || m->nested == NULL || m->enums == NULL ||
		m->extensions == NULL || m->oneofs == NULL) {
		return dpi_raw_no_memory(parser);
	}
	return DP_OK;
}

/* Oneofs come first, since fields are checked against them. */
static dp_status parse_oneofs(
	const dpi_raw_parser *parser, dpi_raw_message *message)
{
	dpi_field_reader reader = dpi_field_reader_of(message->source);
	dp_status st = DP_OK;

	while (st == DP_OK && dpi_field_next(&reader)) {
		if (reader.tag == DPI_TAG_BYTES(8)) {
			st = parse_oneof(parser, message, reader.bytes,
				&message->oneofs[message->oneof_count++]);
		}
	}
	return st;
}

static dp_status parse_members(
	const dpi_raw_parser *parser, unsigned depth, dpi_raw_message *m)
{
	dpi_field_reader reader = dpi_field_reader_of(m->source);
	dp_status st = DP_OK;

	while (st == DP_OK && dpi_field_next(&reader)) {
		switch (reader.tag) {
		case DPI_TAG_BYTES(2):
			st = dpi_raw_parse_field(parser, reader.bytes, m,
				&m->fields[m->field_count++]);
			break;
		case DPI_TAG_BYTES(3):
			st = dpi_raw_parse_message(parser, reader.bytes, m,
				depth + 1, &m->nested[m->nested_count++]);
			break;
		case DPI_TAG_BYTES(4):
			st = dpi_raw_parse_enum(parser, reader.bytes, m,
				&m->enums[m->enum_count++]);
			break;
		case DPI_TAG_BYTES(6):
			st = dpi_raw_parse_field(parser, reader.bytes, m,
				&m->extensions[m->extension_count++]);
			break;
		default:
			break;
		}
	}
	return st;
}

dp_status dpi_raw_parse_message(const dpi_raw_parser *parser, dp_bytes source,
	const dpi_raw_message *parent, unsigned depth, dpi_raw_message *message)
{
	dpi_raw_set *set = parser->set;
	const char *scope = scope_name(parser, parent);
	int map_entry = -1;
	dp_status st;

	if (depth > DPI_NESTING_MAX) {
		return dpi_raw_refuse(parser, DP_ETOOBIG, scope,
			"messages are nested deeper than %u", DPI_NESTING_MAX);
	}
	if (++set->message_count > DPI_SET_MAX_MESSAGES) {
		return dpi_raw_refuse(parser, DP_ETOOBIG, scope,
			"the set has more than %u messages",
			DPI_SET_MAX_MESSAGES);
	}
	message->source = source;
	message->parent = parent;
	message->unit = parser->unit;
	*set->messages_end = message;
	set->messages_end = &message->next;
	st = read_head(parser, source, 7, scope, &message->name,
		&message->options, &message->full_name);
	if (st == DP_OK) {
		st = read_options(parser, message->full_name, message->options,
			12, 7, &message->features, &map_entry);
	}
	message->is_map_entry = map_entry > 0;
	if (st == DP_OK) {
		st = make_room(parser, message);
	}
	if (st == DP_OK) {
		st = parse_oneofs(parser, message);
	}
	return st == DP_OK ? parse_members(parser, depth, message) : st;
}
