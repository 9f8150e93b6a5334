/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/plan_builder.h"

#include <stdio.h>
#include <string.h>

#include "codec/json_text.h"
#include "codec/shape.h"
#include "schema/sort.h"

static dpi_read read_of(const dpi_field *field)
{
	switch (field->type) {
	case DPI_TYPE_DOUBLE:
	case DPI_TYPE_FIXED64:
	case DPI_TYPE_SFIXED64:
		return DPI_READ_FIXED64;
	case DPI_TYPE_FLOAT:
	case DPI_TYPE_FIXED32:
	case DPI_TYPE_SFIXED32:
		return DPI_READ_FIXED32;
	case DPI_TYPE_STRING:
	case DPI_TYPE_BYTES:
		return DPI_READ_BYTES;
	case DPI_TYPE_MESSAGE:
		return DPI_READ_MESSAGE;
	case DPI_TYPE_GROUP:
		return DPI_READ_GROUP;
	case DPI_TYPE_ENUM:
		return field->enumeration->is_closed ? DPI_READ_ENUM
						     : DPI_READ_VARINT;
	default:
		return DPI_READ_VARINT;
	}
}

static dpi_wire_type wire_type_of(dpi_read read)
{
	switch (read) {
	case DPI_READ_FIXED64:
		return DPI_WIRE_FIXED64;
	case DPI_READ_FIXED32:
		return DPI_WIRE_FIXED32;
	case DPI_READ_BYTES:
	case DPI_READ_MESSAGE:
		return DPI_WIRE_BYTES;
	case DPI_READ_GROUP:
		return DPI_WIRE_GROUP;
	default:
		return DPI_WIRE_VARINT;
	}
}

static dpi_kind scalar_kind(dpi_field_type type)
{
	switch (type) {
	case DPI_TYPE_DOUBLE:
		return DPI_KIND_DOUBLE;
	case DPI_TYPE_FLOAT:
		return DPI_KIND_FLOAT;
	case DPI_TYPE_INT64:
	case DPI_TYPE_SFIXED64:
		return DPI_KIND_INT64;
	case DPI_TYPE_UINT64:
	case DPI_TYPE_FIXED64:
		return DPI_KIND_UINT64;
	case DPI_TYPE_INT32:
	case DPI_TYPE_SFIXED32:
		return DPI_KIND_INT32;
	case DPI_TYPE_UINT32:
	case DPI_TYPE_FIXED32:
		return DPI_KIND_UINT32;
	case DPI_TYPE_SINT32:
		return DPI_KIND_SINT32;
	case DPI_TYPE_SINT64:
		return DPI_KIND_SINT64;
	case DPI_TYPE_BOOL:
		return DPI_KIND_BOOL;
	case DPI_TYPE_STRING:
		return DPI_KIND_STRING;
	case DPI_TYPE_ENUM:
		return DPI_KIND_ENUM;
	default:
		return DPI_KIND_BYTES;
	}
}

static bool is_recursion_end(const dpi_plan_builder *builder,
	const dpi_message_type *type, uint32_t level)
{
	return type->is_recursive && !type->is_map_entry &&
		level >= builder->plan->recursion_max;
}

/* The recursive messages above a child of node. */
static uint32_t level_below(const dpi_plan_builder *builder,
	const dpi_plan_node *node, const dpi_message_type *child)
{
	uint32_t level = node->level +
		(node->type->is_recursive && !node->type->is_map_entry);

	return dpi_pointer_map_get(&builder->recursive, child, 0) != NULL
		? level
		: 0;
}

static dpi_kind message_kind(const dpi_plan_builder *builder,
	const dpi_plan_node *node, const dpi_message_type *type)
{
	switch (dpi_shape_of(type)) {
	case DPI_WKT_TIMESTAMP:
		return DPI_KIND_TIMESTAMP;
	case DPI_WKT_DURATION:
		return DPI_KIND_DURATION;
	case DPI_WKT_WRAPPER:
		return DPI_KIND_WRAPPER;
	case DPI_WKT_STRUCT:
	case DPI_WKT_VALUE:
	case DPI_WKT_LIST_VALUE:
		return DPI_KIND_JSON;
	default:
		return node->form == DPI_FORM_RECORD &&
				!is_recursion_end(builder, type,
					level_below(builder, node, type))
			? DPI_KIND_RECORD
			: DPI_KIND_JSON;
	}
}

static int compare_values(const void *a, const void *b)
{
	const dpi_enum_value *x = *(const dpi_enum_value *const *)a;
	const dpi_enum_value *y = *(const dpi_enum_value *const *)b;

	if (x->number != y->number) {
		return x->number < y->number ? -1 : 1;
	}
	/* Of aliases the first declared is the name. */
	return x < y ? -1 : x > y;
}

static bool fill_dense(dpi_plan_enum *made, dpi_arena *arena)
{
	int64_t top = made->count > 0
		? (int64_t)made->labels[made->count - 1].number
		: -1;

	made->dense_count = 2 * made->count + 16;
	if (top < (int64_t)made->dense_count) {
		made->dense_count = top >= 0 ? (size_t)top + 1 : 0;
	}
	made->dense = dpi_arena_zalloc(
		arena, made->dense_count + 1, sizeof(*made->dense));
	for (size_t i = 0; made->dense != NULL && i < made->count; i++) {
		const dpi_plan_label *label = &made->labels[i];

		if (label->number >= 0 &&
			(size_t)label->number < made->dense_count) {
			made->dense[label->number] = label;
		}
	}
	return made->dense != NULL;
}

/* The values by number, without aliases; false if out of memory. */
static bool fill_labels(dpi_plan_builder *builder, dpi_plan_enum *made)
{
	const dpi_enum_type *type = made->type;
	const dpi_enum_value **sorted = dpi_arena_zalloc(
		builder->scratch, type->value_count + 1, sizeof(*sorted));
	dpi_plan_label *labels = dpi_arena_zalloc(
		builder->arena, type->value_count + 1, sizeof(*labels));

	if (sorted == NULL || labels == NULL) {
		return false;
	}
	for (size_t i = 0; i < type->value_count; i++) {
		sorted[i] = &type->values[i];
	}
	dpi_sort(sorted, type->value_count, sizeof(*sorted), compare_values);
	for (size_t i = 0; i < type->value_count; i++) {
		if (i == 0 || sorted[i - 1]->number != sorted[i]->number) {
			labels[made->count++] =
				(dpi_plan_label){sorted[i]->number,
					dpi_bytes_text(sorted[i]->name)};
		}
	}
	made->labels = labels;
	return true;
}

static const dpi_plan_enum *make_enum(
	dpi_plan_builder *builder, const dpi_enum_type *type)
{
	dpi_plan_enum *made = dpi_pointer_map_get(&builder->enums, type, 0);

	if (made != NULL) {
		return made;
	}
	made = dpi_arena_zalloc(builder->arena, 1, sizeof(*made));
	if (made == NULL) {
		return NULL;
	}
	made->type = type;
	made->is_null =
		strcmp(type->full_name, "google.protobuf.NullValue") == 0;
	return fill_labels(builder, made) && fill_dense(made, builder->arena) &&
			dpi_pointer_map_add(&builder->enums, type, 0, made)
		? made
		: NULL;
}

/* Entries of maps, wrappers and times are never records of their own. */
static dpi_form child_form(const dpi_plan_node *node, const dpi_plan_field *f)
{
	return node->form == DPI_FORM_RECORD &&
			(f->is_map || f->kind == DPI_KIND_RECORD)
		? DPI_FORM_RECORD
		: DPI_FORM_OBJECT;
}

static bool fill_field(dpi_plan_builder *builder, const dpi_plan_node *node,
	const dpi_field *field, dpi_plan_field *f)
{
	f->field = field;
	f->element = read_of(field);
	f->read = f->element;
	f->tag = dpi_wire_tag(field->number, wire_type_of(f->element));
	f->oneof = field->oneof >= 0
		? (uint32_t)(node->type->field_count + (size_t)field->oneof)
		: 0;
	f->is_repeated = field->is_repeated;
	f->is_map = field->is_map;
	f->has_presence = field->has_presence || field->is_required;
	if (field->is_repeated) {
		f->read = f->element == DPI_READ_ENUM ? DPI_READ_REPEATED_ENUM
			: field->is_map               ? DPI_READ_MAP
						      : DPI_READ_REPEATED;
	}
	if (field->is_repeated && f->element < DPI_READ_MESSAGE &&
		f->element != DPI_READ_BYTES) {
		f->packed_tag = dpi_wire_tag(field->number, DPI_WIRE_BYTES);
	}
	if (field->message == NULL) {
		f->kind = scalar_kind(field->type);
		f->enumeration = field->enumeration != NULL
			? make_enum(builder, field->enumeration)
			: NULL;
		return field->enumeration == NULL || f->enumeration != NULL;
	}
	f->kind = message_kind(builder, node, field->message);
	f->child = dpi_plan_builder_node(builder, field->message,
		child_form(node, f),
		level_below(builder, node, field->message));
	return f->child != NULL;
}

/* Names that begin with '_' are for columns of our own. */
static const char *column_name(dpi_names *names, const char *name)
{
	return dpi_names_add(
		names, name[0] == '_' ? "field" : "", name, "", false);
}

static bool fill_names(
	dpi_plan_builder *builder, dpi_plan_node *node, dpi_plan_field *fields)
{
	const dpi_message_type *type = node->type;
	const char **oneofs = dpi_arena_zalloc(
		builder->arena, type->oneof_count + 1, sizeof(*oneofs));
	dpi_names names;

	if (oneofs == NULL ||
		!dpi_names_init(&names, builder->arena, builder->scratch,
			node->slot_count)) {
		return false;
	}
	for (size_t i = 0; i < type->field_count; i++) {
		fields[i].name = column_name(&names, type->fields[i].name);
		if (fields[i].name == NULL) {
			return false;
		}
	}
	for (size_t i = 0; i < type->oneof_count; i++) {
		const char *name = type->oneofs[i];

		oneofs[i] = dpi_names_add(&names, name[0] == '_' ? "field" : "",
			name, "_case", false);
		if (oneofs[i] == NULL) {
			return false;
		}
	}
	node->oneof_names = oneofs;
	return true;
}

/* ,"name": in the arena, by way of as much room as it can ever need. */
static bool fill_label(
	dpi_plan_builder *builder, const dpi_field *field, dp_bytes *ret)
{
	dp_bytes name = dpi_bytes_text(
		(builder->plan->json & DPI_JSON_FIELD_NAMES) == 0 ||
				field->is_extension
			? field->json_name
			: field->name);
	dpi_buf buf = {.capacity = 6 * name.size + 4};
	dpi_output output;

	buf.limit_bytes = buf.capacity;
	buf.data = dpi_arena_alloc(builder->scratch, buf.capacity + 1);
	if (buf.data == NULL) {
		return false;
	}
	dpi_output_begin(&output, &buf, buf.capacity);
	(void)!(dpi_output_byte(&output, ',') &&
		dpi_json_string(&output, name) &&
		dpi_output_byte(&output, ':'));
	(void)dpi_output_finish(&output);
	*ret = dpi_bytes(
		dpi_arena_zalloc(builder->arena, buf.size + DPI_LABEL_PIECE, 1),
		buf.size);
	if (ret->data != NULL) {
		memcpy((void *)(uintptr_t)ret->data, buf.data, buf.size);
	}
	return ret->data != NULL;
}

static bool fill_labels_of(
	dpi_plan_builder *builder, dpi_plan_node *node, dpi_plan_field *fields)
{
	for (size_t i = 0; i < node->field_count; i++) {
		if (!fill_label(builder, fields[i].field, &fields[i].label)) {
			return false;
		}
	}
	return true;
}

/* The fields in the order in which they are written, and by number. */
static const uint32_t *fill_order(
	dpi_plan_builder *builder, dpi_plan_node *node)
{
	size_t count = node->type->field_count;
	uint32_t *order;

	node->by_number = node->type->by_number;
	if (builder->plan->target != DPI_TARGET_JSON) {
		return NULL;
	}
	order = dpi_arena_zalloc(builder->arena, count + 1, sizeof(*order));
	for (size_t i = 0; order != NULL && i < count; i++) {
		order[i] = (uint32_t)i;
	}
	node->by_number = order;
	return node->type->by_number;
}

static bool fill_lookup(dpi_plan_builder *builder, dpi_plan_node *node)
{
	const dpi_message_type *type = node->type;
	uint32_t top = type->field_count > 0
		? type->fields[type->by_number[type->field_count - 1]].number
		: 0;
	uint16_t *dense;

	node->dense_count = 2 * type->field_count + 16;
	if (top < node->dense_count) {
		node->dense_count = (size_t)top + 1;
	}
	dense = dpi_arena_alloc(
		builder->arena, node->dense_count * sizeof(*dense));
	if (dense == NULL) {
		return false;
	}
	memset(dense, 0xff, node->dense_count * sizeof(*dense));
	for (size_t i = 0; i < type->field_count; i++) {
		uint32_t number = node->fields[i].field->number;

		if (number < node->dense_count) {
			dense[number] = (uint16_t)i;
		}
	}
	node->dense = dense;
	return true;
}

static bool fill_required(dpi_plan_builder *builder, dpi_plan_node *node)
{
	const dpi_message_type *type = node->type;
	uint16_t *required = dpi_arena_zalloc(
		builder->arena, type->field_count + 1, sizeof(*required));

	if (required == NULL) {
		return false;
	}
	for (size_t i = 0; i < type->field_count; i++) {
		if (node->fields[i].field->is_required) {
			required[node->required_count++] = (uint16_t)i;
		}
	}
	node->required = required;
	return true;
}

dp_status dpi_plan_builder_fill(dpi_plan_builder *builder, dpi_plan_node *node)
{
	const dpi_message_type *type = node->type;
	const uint32_t *order;
	dpi_plan_field *fields;

	builder->field_count += type->field_count;
	if (builder->field_count > DPI_PLAN_FIELDS_MAX) {
		return DP_ETOOBIG;
	}
	fields = dpi_arena_zalloc(
		builder->arena, type->field_count + 1, sizeof(*fields));
	if (fields == NULL) {
		return DP_ENOMEM;
	}
	node->fields = fields;
	node->field_count = type->field_count;
	node->slot_count = type->field_count + type->oneof_count;
	order = fill_order(builder, node);
	if (node->by_number == NULL) {
		return DP_ENOMEM;
	}
	for (size_t i = 0; i < type->field_count; i++) {
		if (!fill_field(builder, node,
			    &type->fields[order != NULL ? order[i] : i],
			    &fields[i])) {
			return DP_ENOMEM;
		}
	}
	if (!(node->form == DPI_FORM_OBJECT
			    ? fill_labels_of(builder, node, fields)
			    : fill_names(builder, node, fields)) ||
		!fill_lookup(builder, node) || !fill_required(builder, node)) {
		return DP_ENOMEM;
	}
	if (type->is_map_entry) {
		node->key = dpi_plan_find(node, 1);
		node->value = dpi_plan_find(node, 2);
	}
	return DP_OK;
}

/* Avro resolves names without a dot by what is around them: give them one. */
static const char *record_name(
	dpi_plan_builder *builder, const dpi_plan_node *node)
{
	const char *name = node->type->full_name;
	char level[16] = "";

	if (node->level > 0) {
		(void)snprintf(level, sizeof(level), "_%u", node->level + 1);
	}
	return dpi_names_add(&builder->names,
		strchr(name, '.') != NULL ? "" : "unnamed.", name, level, true);
}

dpi_plan_node *dpi_plan_builder_node(dpi_plan_builder *builder,
	const dpi_message_type *type, dpi_form form, uint32_t level)
{
	/* Objects contain themselves, so they have no levels. */
	uint32_t node_level = form == DPI_FORM_RECORD ? level : 0;
	uint32_t variant = node_level * 4 + (uint32_t)form;
	dpi_plan_node *node =
		dpi_pointer_map_get(&builder->nodes, type, variant);

	if (node != NULL) {
		return node;
	}
	node = dpi_arena_zalloc(builder->arena, 1, sizeof(*node));
	if (node == NULL) {
		return NULL;
	}
	node->type = type;
	node->form = form;
	node->shape =
		form == DPI_FORM_OBJECT ? dpi_shape_of(type) : DPI_WKT_NONE;
	node->level = node_level;
	node->index = (uint32_t)builder->count;
	if (form == DPI_FORM_RECORD) {
		node->name = record_name(builder, node);
	}
	if ((form == DPI_FORM_RECORD && node->name == NULL) ||
		!dpi_pointer_map_add(&builder->nodes, type, variant, node)) {
		return NULL;
	}
	builder->work[builder->count++] = node;
	return node;
}
