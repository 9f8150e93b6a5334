/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/compat_rules.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"

#define TEXT_SIZE 1200

/* Two fields of the same number, and where their findings go. */
typedef struct field_pair {
	dpi_comparison *c;
	const dpi_message_type *before;
	const dpi_message_type *after;
	const dpi_field *old;
	const dpi_field *fresh;
} field_pair;

static void found(const field_pair *p, const char *rule, uint32_t breaks,
	const char *before, const char *after)
{
	dpi_compat_found(p->c, rule, p->before->full_name, p->old->name,
		(int32_t)p->old->number, breaks, before, after);
}

static const char *type_name(const dpi_field *field)
{
	static const char *const names[] = {"", "double", "float", "int64",
		"uint64", "int32", "fixed64", "fixed32", "bool", "string",
		"group", "message", "bytes", "uint32", "enum", "sfixed32",
		"sfixed64", "sint32", "sint64"};

	return names[field->type];
}

/* "repeated message a.b.C" */
static const char *print_type(char *text, const dpi_field *field)
{
	const char *label = field->is_map ? "map of "
		: field->is_repeated      ? "repeated "
					  : "";
	const char *name = "";

	if (field->message != NULL && !field->is_map) {
		name = field->message->full_name;
	} else if (field->enumeration != NULL) {
		name = field->enumeration->full_name;
	}
	(void)snprintf(text, TEXT_SIZE, "%s%s%s%s", label, type_name(field),
		*name != '\0' ? " " : "", name);
	return text;
}

/* How often a value is there: by what a reader of the other makes of it. */
static uint32_t cardinality_breaks(const dpi_field *old, const dpi_field *fresh)
{
	if (old->is_repeated != fresh->is_repeated) {
		return DPI_BREAKS_JSON |
			(fresh->is_repeated ? DP_BREAKS_FORWARD
					    : DP_BREAKS_BACKWARD);
	}
	if (old->is_map != fresh->is_map) {
		return DPI_BREAKS_JSON |
			(fresh->is_map ? DP_BREAKS_BACKWARD
				       : DP_BREAKS_FORWARD);
	}
	return 0;
}

static void compare_types(const field_pair *p)
{
	const dpi_field *old = p->old;
	const dpi_field *fresh = p->fresh;
	uint32_t type = dpi_compat_type_breaks(old, fresh);
	uint32_t cardinality = cardinality_breaks(old, fresh);
	char texts[2][TEXT_SIZE];

	(void)print_type(texts[0], old);
	(void)print_type(texts[1], fresh);
	if (old->type != fresh->type) {
		found(p, "FIELD_TYPE", type, texts[0], texts[1]);
	}
	if (cardinality != 0) {
		found(p, "FIELD_CARDINALITY", cardinality, texts[0], texts[1]);
	}
	if (old->message != NULL && fresh->message != NULL) {
		dpi_compat_pair_add(p->c, old->message, fresh->message, false);
	}
	if (old->enumeration != NULL && fresh->enumeration != NULL) {
		dpi_compat_pair_add(
			p->c, old->enumeration, fresh->enumeration, true);
		if (strcmp(old->enumeration->full_name,
			    fresh->enumeration->full_name) != 0) {
			found(p, "ENUM_NAME", 0, texts[0], texts[1]);
		}
	}
}

static const char *presence_of(const dpi_field *field)
{
	return field->is_required     ? "required"
		: field->has_presence ? "explicit"
				      : "implicit";
}

static void compare_presence(const field_pair *p)
{
	const dpi_field *old = p->old;
	const dpi_field *fresh = p->fresh;

	if (old->is_required != fresh->is_required) {
		found(p, "FIELD_REQUIRED",
			fresh->is_required ? DPI_BREAKS_BACKWARD
					   : DPI_BREAKS_FORWARD,
			presence_of(old), presence_of(fresh));
	} else if (!old->is_repeated && !fresh->is_repeated &&
		old->has_presence != fresh->has_presence) {
		found(p, "FIELD_PRESENCE", 0, presence_of(old),
			presence_of(fresh));
	}
}

/* What a reader takes for a field that is absent; false is 0, as on the wire. */
static dp_bytes default_of(const dpi_field *field, char *number)
{
	dp_bytes text = dpi_bytes(field->default_text,
		field->default_text != NULL ? field->default_size : 0);
	const dpi_enum_type *type = field->enumeration;

	if (type != NULL && type->value_count > 0) {
		int32_t value = type->values[0].number;

		for (size_t i = 0; i < type->value_count && text.size > 0;
			i++) {
			if (dpi_bytes_equal(text,
				    dpi_bytes_text(type->values[i].name))) {
				value = type->values[i].number;
			}
		}
		(void)snprintf(number, 16, "%d", (int)value);
		text = dpi_bytes_text(number);
	} else if (dpi_bytes_equal(text, dpi_bytes_text("true"))) {
		text = field->type == DPI_TYPE_BOOL ? dpi_bytes_text("1")
						    : text;
	} else if (field->type == DPI_TYPE_BOOL) {
		text.size = 0;
	}
	if (field->type != DPI_TYPE_STRING && field->type != DPI_TYPE_BYTES &&
		dpi_bytes_equal(text, dpi_bytes_text("0"))) {
		text.size = 0;
	}
	return text;
}

static void compare_defaults(const field_pair *p)
{
	char numbers[2][16];
	char texts[2][TEXT_SIZE];
	dp_bytes old = default_of(p->old, numbers[0]);
	dp_bytes fresh = default_of(p->fresh, numbers[1]);

	if (p->old->is_repeated || p->fresh->is_repeated ||
		p->old->message != NULL || p->fresh->message != NULL ||
		!dpi_compat_work(p->c,
			p->old->enumeration != NULL
				? p->old->enumeration->value_count
				: 1) ||
		dpi_bytes_equal(old, fresh)) {
		return;
	}
	(void)snprintf(texts[0], TEXT_SIZE, "%.*s",
		(int)(old.size < 1000 ? old.size : 1000),
		old.size > 0 ? (const char *)old.data : "");
	(void)snprintf(texts[1], TEXT_SIZE, "%.*s",
		(int)(fresh.size < 1000 ? fresh.size : 1000),
		fresh.size > 0 ? (const char *)fresh.data : "");
	found(p, "FIELD_DEFAULT", DPI_BREAKS_NOW, texts[0], texts[1]);
}

static const char *oneof_of(
	const dpi_message_type *type, const dpi_field *field)
{
	return field->oneof >= 0 ? type->oneofs[field->oneof] : "";
}

static bool share_oneof(const dpi_field *a, const dpi_field *b)
{
	return a != NULL && b != NULL && a->oneof >= 0 && a->oneof == b->oneof;
}

/*
 * Whether the writer may set the field together with another one where the
 * reader keeps only the last of them.
 */
static bool loses_partner(dpi_comparison *c, const dpi_message_type *writer,
	const dpi_field *written, const dpi_message_type *reader,
	const dpi_field *read)
{
	for (size_t i = 0; read->oneof >= 0 && i < reader->field_count; i++) {
		const dpi_field *other = &reader->fields[i];
		const dpi_field *partner;

		if (!dpi_compat_work(c, 1) || other == read ||
			!share_oneof(other, read)) {
			continue;
		}
		partner = dpi_message_field(writer, other->number);
		if (partner != NULL && !share_oneof(partner, written)) {
			return true;
		}
	}
	return false;
}

/* A member that gets company has not moved itself: who joins it has. */
static void compare_oneofs(const field_pair *p)
{
	const char *old = oneof_of(p->before, p->old);
	const char *fresh = oneof_of(p->after, p->fresh);
	uint32_t breaks = 0;

	if (strcmp(old, fresh) == 0) {
		return;
	}
	if (loses_partner(p->c, p->before, p->old, p->after, p->fresh)) {
		breaks |= DPI_BREAKS_BACKWARD;
	}
	if (loses_partner(p->c, p->after, p->fresh, p->before, p->old)) {
		breaks |= DPI_BREAKS_FORWARD;
	}
	found(p, "FIELD_ONEOF", breaks, old, fresh);
}

/* Readers take the name, and the one of JSON; writers write the latter. */
static bool reads_name(const dpi_field *writer, const dpi_field *reader)
{
	return strcmp(writer->json_name, reader->json_name) == 0 ||
		(!reader->is_extension &&
			strcmp(writer->json_name, reader->name) == 0);
}

static void compare_names(const field_pair *p)
{
	const dpi_field *old = p->old;
	const dpi_field *fresh = p->fresh;
	uint32_t breaks =
		(reads_name(old, fresh) ? 0 : DP_BREAKS_JSON_BACKWARD) |
		(reads_name(fresh, old) ? 0 : DP_BREAKS_JSON_FORWARD);

	if (strcmp(old->name, fresh->name) != 0) {
		found(p, "FIELD_NAME", breaks, old->name, fresh->name);
	} else if (strcmp(old->json_name, fresh->json_name) != 0) {
		found(p, "FIELD_JSON_NAME", breaks, old->json_name,
			fresh->json_name);
	}
}

static void compare_utf8(const field_pair *p)
{
	if (p->old->type == DPI_TYPE_STRING &&
		p->fresh->type == DPI_TYPE_STRING &&
		p->old->checks_utf8 != p->fresh->checks_utf8) {
		found(p, "FIELD_UTF8",
			p->fresh->checks_utf8 ? DP_BREAKS_BACKWARD
					      : DP_BREAKS_FORWARD,
			p->old->checks_utf8 ? "checked" : "not checked",
			p->fresh->checks_utf8 ? "checked" : "not checked");
	}
}

void dpi_compat_fields(dpi_comparison *c, const dpi_message_type *before,
	const dpi_field *old, const dpi_message_type *after,
	const dpi_field *fresh)
{
	field_pair p = {c, before, after, old, fresh};

	compare_types(&p);
	compare_presence(&p);
	compare_defaults(&p);
	compare_oneofs(&p);
	compare_names(&p);
	compare_utf8(&p);
}
