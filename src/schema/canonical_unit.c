/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/canonical_unit.h"

#include "schema/field_reader.h"
#include "schema/field_writer.h"
#include "schema/sort.h"

#define UNINTERPRETED_OPTION 999u

typedef struct visitor {
	void (*each)(void *user, dpi_raw_unit *unit);
	void *user;
	bool is_closure;
} visitor;

static void visit_field(const visitor *v, const dpi_raw_field *field)
{
	if (field->message != NULL) {
		v->each(v->user, field->message->unit);
	}
	if (field->enumeration != NULL) {
		v->each(v->user, field->enumeration->unit);
	}
	if (field->extended != NULL) {
		v->each(v->user, field->extended->unit);
	}
}

static void visit_message(const visitor *v, const dpi_raw_message *m)
{
	for (size_t i = 0; i < m->field_count; i++) {
		visit_field(v, &m->fields[i]);
	}
	for (size_t i = 0; i < m->extension_count; i++) {
		visit_field(v, &m->extensions[i]);
	}
	for (size_t i = 0; i < m->nested_count; i++) {
		visit_message(v, &m->nested[i]);
	}
	for (const dpi_raw_field *f = m->extended_by;
		v->is_closure && f != NULL; f = f->next_extension) {
		v->each(v->user, f->unit);
	}
}

static void visit_unit(const visitor *v, const dpi_raw_unit *unit)
{
	if (unit->message != NULL) {
		visit_message(v, unit->message);
	} else if (unit->extension != NULL) {
		visit_field(v, unit->extension);
	}
}

void dpi_unit_each_named(const dpi_raw_unit *unit,
	void (*each)(void *user, dpi_raw_unit *unit), void *user)
{
	visitor v = {each, user, false};

	visit_unit(&v, unit);
}

void dpi_unit_each_needed(const dpi_raw_unit *unit,
	void (*each)(void *user, dpi_raw_unit *unit), void *user)
{
	visitor v = {each, user, true};

	visit_unit(&v, unit);
}

/* An option as it was written, tag and all. */
typedef struct option {
	uint32_t number;
	size_t index;
	dp_bytes bytes;
} option;

static int compare_options(const void *a, const void *b)
{
	const option *left = a;
	const option *right = b;

	if (left->number != right->number) {
		return left->number < right->number ? -1 : 1;
	}
	return (left->index > right->index) - (left->index < right->index);
}

/* Compilers order custom options as they like. */
static void write_options(
	dpi_buf *out, dpi_buf *scratch, uint32_t number, dp_bytes options)
{
	dpi_field_reader reader = dpi_field_reader_of(options);
	const uint8_t *at = reader.at;
	size_t count = 0;
	size_t begin;
	const option *sorted;

	dpi_buf_clear(scratch);
	while (dpi_field_next(&reader)) {
		option item = {reader.tag >> 3, count++,
			dpi_bytes(at, (size_t)(reader.at - at))};

		(void)dpi_buf_append(scratch, &item, sizeof(item));
		at = reader.at;
	}
	if (scratch->failed != DP_OK) {
		out->failed = scratch->failed;
		return;
	}
	if (count == 0) {
		return;
	}
	dpi_sort(scratch->data, count, sizeof(option), compare_options);
	begin = dpi_write_begin(out, number);
	sorted = (const option *)(const void *)scratch->data;
	for (size_t i = 0; i < count; i++) {
		if (sorted[i].number != UNINTERPRETED_OPTION) {
			(void)dpi_buf_append(out, sorted[i].bytes.data,
				sorted[i].bytes.size);
		}
	}
	dpi_write_end(out, begin);
}

/* Ranges and names that nothing here looks at, as they were written. */
static void copy_fields(
	dpi_buf *out, dp_bytes source, uint32_t first, uint32_t last)
{
	for (uint32_t number = first; number <= last; number++) {
		dpi_field_reader reader = dpi_field_reader_of(source);

		while (dpi_field_next(&reader)) {
			if (reader.tag == DPI_TAG_BYTES(number)) {
				dpi_write_bytes(out, number, reader.bytes);
			}
		}
	}
}

static void write_type_name(
	dpi_buf *out, uint32_t number, const char *full_name)
{
	size_t begin = dpi_write_begin(out, number);

	(void)dpi_buf_append_byte(out, '.');
	(void)dpi_buf_append_string(out, full_name);
	dpi_write_end(out, begin);
}

static bool says_json_name(const dpi_raw_field *field)
{
	char made[DPI_NAME_MAX_BYTES];

	return field->json_name.data != NULL &&
		!dpi_bytes_equal(field->json_name,
			dpi_bytes(made, dpi_json_name(made, field->name)));
}

static int32_t written_type(const dpi_raw_field *field)
{
	if (field->type != 0) {
		return field->type;
	}
	return field->message != NULL ? DPI_TYPE_MESSAGE : DPI_TYPE_ENUM;
}

static void write_field(dpi_buf *out, dpi_buf *scratch, uint32_t number,
	const dpi_raw_field *field)
{
	size_t begin = dpi_write_begin(out, number);

	dpi_write_bytes(out, 1, field->name);
	if (field->extended != NULL) {
		write_type_name(out, 2, field->extended->full_name);
	}
	dpi_write_varint(out, 3, field->number);
	dpi_write_varint(out, 4, (uint64_t)field->label);
	dpi_write_varint(out, 5, (uint64_t)written_type(field));
	if (field->message != NULL) {
		write_type_name(out, 6, field->message->full_name);
	} else if (field->enumeration != NULL) {
		write_type_name(out, 6, field->enumeration->full_name);
	}
	if (field->default_text.data != NULL) {
		dpi_write_bytes(out, 7, field->default_text);
	}
	write_options(out, scratch, 8, field->options);
	if (field->oneof >= 0) {
		dpi_write_varint(out, 9, (uint64_t)field->oneof);
	}
	if (says_json_name(field)) {
		dpi_write_bytes(out, 10, field->json_name);
	}
	if (field->is_proto3_optional) {
		dpi_write_varint(out, 17, 1);
	}
	dpi_write_end(out, begin);
}

static void write_enum(dpi_buf *out, dpi_buf *scratch, uint32_t number,
	const dpi_raw_enum *enumeration)
{
	size_t begin = dpi_write_begin(out, number);

	dpi_write_bytes(out, 1, enumeration->name);
	for (size_t i = 0; i < enumeration->value_count; i++) {
		const dpi_raw_value *value = &enumeration->values[i];
		size_t value_begin = dpi_write_begin(out, 2);

		dpi_write_bytes(out, 1, value->name);
		dpi_write_varint(out, 2, (uint64_t)(int64_t)value->number);
		write_options(out, scratch, 3, value->options);
		dpi_write_end(out, value_begin);
	}
	write_options(out, scratch, 3, enumeration->options);
	copy_fields(out, enumeration->source, 4, 5);
	dpi_write_end(out, begin);
}

static void write_message(dpi_buf *out, dpi_buf *scratch, uint32_t number,
	const dpi_raw_message *m)
{
	size_t begin = dpi_write_begin(out, number);

	dpi_write_bytes(out, 1, m->name);
	for (size_t i = 0; i < m->field_count; i++) {
		write_field(out, scratch, 2, &m->fields[i]);
	}
	for (size_t i = 0; i < m->nested_count; i++) {
		write_message(out, scratch, 3, &m->nested[i]);
	}
	for (size_t i = 0; i < m->enum_count; i++) {
		write_enum(out, scratch, 4, &m->enums[i]);
	}
	copy_fields(out, m->source, 5, 5);
	for (size_t i = 0; i < m->extension_count; i++) {
		write_field(out, scratch, 6, &m->extensions[i]);
	}
	write_options(out, scratch, 7, m->options);
	for (size_t i = 0; i < m->oneof_count; i++) {
		size_t oneof = dpi_write_begin(out, 8);

		dpi_write_bytes(out, 1, m->oneofs[i].name);
		write_options(out, scratch, 2, m->oneofs[i].options);
		dpi_write_end(out, oneof);
	}
	copy_fields(out, m->source, 9, 10);
	dpi_write_end(out, begin);
}

void dpi_unit_write(dpi_buf *out, dpi_buf *scratch, const dpi_raw_unit *unit)
{
	if (unit->message != NULL) {
		write_message(out, scratch, 4, unit->message);
	} else if (unit->enumeration != NULL) {
		write_enum(out, scratch, 5, unit->enumeration);
	} else {
		write_field(out, scratch, 7, unit->extension);
	}
}
