/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/jsonin_tables.h"

#include "base/bytes.h"
#include "base/text.h"
#include "codec/pointer_map.h"
#include "codec/shape.h"
#include "codec/wire.h"

/* What is needed while the tables are made. */
typedef struct table_maker {
	dpi_arena *arena;
	dpi_pointer_map nodes;
	dpi_pointer_map enums;
} table_maker;

static size_t hash(dp_bytes name)
{
	return (size_t)dpi_hash64(0, name.data, name.size);
}

static bool init_index(dpi_jsonin_index *index, dpi_arena *arena, size_t count)
{
	size_t room = 4;

	while (room < 2 * count) {
		room *= 2;
	}
	index->mask = room - 1;
	index->names = dpi_arena_zalloc(arena, room, sizeof(*index->names));
	return index->names != NULL;
}

static bool has_name(const dpi_jsonin_name *place, dp_bytes name)
{
	return dpi_bytes_equal(dpi_bytes(place->text, place->size), name);
}

/* The first that has a name keeps it. */
static void add_name(dpi_jsonin_index *index, const char *text, size_t i)
{
	dp_bytes name = dpi_bytes_text(text);
	size_t at = hash(name) & index->mask;

	while (index->names[at].text != NULL) {
		if (has_name(&index->names[at], name)) {
			return;
		}
		at = (at + 1) & index->mask;
	}
	index->names[at] =
		(dpi_jsonin_name){text, (uint32_t)name.size, (uint32_t)i};
}

uint32_t dpi_jsonin_find(const dpi_jsonin_index *index, dp_bytes name)
{
	size_t at = hash(name) & index->mask;

	for (; index->names[at].text != NULL; at = (at + 1) & index->mask) {
		if (has_name(&index->names[at], name)) {
			return index->names[at].index;
		}
	}
	return UINT32_MAX;
}

static const dpi_jsonin_enum *enum_of(
	table_maker *maker, const dpi_enum_type *type)
{
	dpi_jsonin_enum *made = dpi_pointer_map_get(&maker->enums, type, 0);

	if (made != NULL) {
		return made;
	}
	made = dpi_arena_zalloc(maker->arena, 1, sizeof(*made));
	if (made == NULL ||
		!init_index(&made->by_name, maker->arena, type->value_count) ||
		!dpi_pointer_map_add(&maker->enums, type, 0, made)) {
		return NULL;
	}
	made->type = type;
	for (size_t i = 0; i < type->value_count; i++) {
		add_name(&made->by_name, type->values[i].name, i);
	}
	return made;
}

static dpi_wire_type wire_type_of(dpi_field_type type)
{
	switch (type) {
	case DPI_TYPE_DOUBLE:
	case DPI_TYPE_FIXED64:
	case DPI_TYPE_SFIXED64:
		return DPI_WIRE_FIXED64;
	case DPI_TYPE_FLOAT:
	case DPI_TYPE_FIXED32:
	case DPI_TYPE_SFIXED32:
		return DPI_WIRE_FIXED32;
	case DPI_TYPE_STRING:
	case DPI_TYPE_BYTES:
	case DPI_TYPE_MESSAGE:
		return DPI_WIRE_BYTES;
	case DPI_TYPE_GROUP:
		return DPI_WIRE_GROUP;
	default:
		return DPI_WIRE_VARINT;
	}
}

static uint64_t tag_bytes(uint32_t number, dpi_wire_type type, uint32_t *size)
{
	uint8_t bytes[DPI_VARINT_MAX] = {0};

	*size = (uint32_t)(dpi_put_varint(bytes, dpi_wire_tag(number, type)) -
		bytes);
	return dpi_load_u64(bytes);
}

/* Names that are the same bytes in JSON may be compared before they are read. */
static uint32_t plain_size(const char *name)
{
	size_t size = strlen(name);

	for (size_t i = 0; i < size; i++) {
		if ((uint8_t)name[i] < 0x20 || (uint8_t)name[i] >= 0x7f ||
			name[i] == '"' || name[i] == '\\') {
			return 0;
		}
	}
	return (uint32_t)size;
}

static bool takes_null(const dpi_jsonin_field *f)
{
	return f->child != NULL ? f->child->shape == DPI_WKT_VALUE
				: f->enumeration != NULL &&
			strcmp(f->enumeration->type->full_name,
				"google.protobuf.NullValue") == 0;
}

static bool fill_field(table_maker *maker, const dpi_message_type *type,
	dpi_jsonin_field *f, const dpi_field *field)
{
	f->field = field;
	f->type = field->type;
	f->name = field->json_name;
	f->name_size = plain_size(field->json_name);
	f->is_repeated = field->is_repeated;
	f->is_map = field->is_map;
	f->is_packed = field->is_repeated && field->is_packed;
	f->keeps_zero = field->has_presence || field->is_required ||
		field->is_repeated || field->oneof >= 0 || type->is_map_entry;
	f->oneof = field->oneof >= 0
		? (uint32_t)(type->field_count + (size_t)field->oneof)
		: 0;
	f->tag = tag_bytes(field->number,
		f->is_packed ? DPI_WIRE_BYTES : wire_type_of(field->type),
		&f->tag_size);
	f->end_tag = tag_bytes(field->number, DPI_WIRE_GROUP_END, &f->tag_size);
	if (field->message != NULL) {
		f->child =
			dpi_pointer_map_get(&maker->nodes, field->message, 0);
	}
	if (field->enumeration != NULL) {
		f->enumeration = enum_of(maker, field->enumeration);
	}
	f->takes_null = takes_null(f);
	return (field->message == NULL || f->child != NULL) &&
		(field->enumeration == NULL || f->enumeration != NULL);
}

static bool fill_node(table_maker *maker, dpi_jsonin_node *node)
{
	const dpi_message_type *type = node->type;
	dpi_jsonin_field *fields = dpi_arena_zalloc(
		maker->arena, type->field_count + 1, sizeof(*fields));

	if (fields == NULL ||
		!init_index(
			&node->by_name, maker->arena, 2 * type->field_count)) {
		return false;
	}
	node->fields = fields;
	node->field_count = type->field_count;
	node->words = (type->field_count + type->oneof_count) / 64 + 1;
	for (size_t i = 0; i < type->field_count; i++) {
		const dpi_field *field = &type->fields[i];

		fields[i].index = (uint32_t)i;
		if (!fill_field(maker, type, &fields[i], field)) {
			return false;
		}
		node->has_required |= field->is_required;
		if (field->number < 7 && !field->is_extension) {
			node->numbered[field->number] = &fields[i];
		}
		add_name(&node->by_name, field->json_name, i);
	}
	/* A JSON name goes before another field's own. */
	for (size_t i = 0; i < type->field_count; i++) {
		if (!type->fields[i].is_extension) {
			add_name(&node->by_name, type->fields[i].name, i);
		}
	}
	return true;
}

static dpi_well_known shape_of(const dpi_message_type *type)
{
	return type->well_known == DPI_WKT_ANY ? DPI_WKT_ANY
					       : dpi_shape_of(type);
}

bool dpi_jsonin_tables_make(dpi_jsonin_tables *tables, dpi_arena *arena,
	dpi_arena *scratch, const dpi_types *types,
	const dpi_message_type *root)
{
	table_maker maker = {.arena = arena,
		.nodes = {.arena = scratch},
		.enums = {.arena = scratch}};

	tables->node_count = types->message_count;
	tables->nodes = dpi_arena_zalloc(
		arena, tables->node_count + 1, sizeof(*tables->nodes));
	if (tables->nodes == NULL ||
		!init_index(&tables->by_name, arena, tables->node_count)) {
		return false;
	}
	for (size_t i = 0; i < tables->node_count; i++) {
		dpi_jsonin_node *node = &tables->nodes[i];

		node->type = types->messages[i];
		node->shape = shape_of(node->type);
		add_name(&tables->by_name, node->type->full_name, i);
		if (!dpi_pointer_map_add(&maker.nodes, node->type, 0, node)) {
			return false;
		}
	}
	for (size_t i = 0; i < tables->node_count; i++) {
		if (!fill_node(&maker, &tables->nodes[i])) {
			return false;
		}
		if (tables->nodes[i].words > tables->words) {
			tables->words = tables->nodes[i].words;
		}
	}
	tables->root = dpi_pointer_map_get(&maker.nodes, root, 0);
	return tables->root != NULL;
}
