/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/compat_rules.h"

#include <stdio.h>
#include <string.h>

static const dpi_field *find_name(
	dpi_comparison *c, const dpi_message_type *type, const char *name)
{
	for (size_t i = 0; dpi_compat_work(c, 1) && i < type->field_count;
		i++) {
		if (strcmp(type->fields[i].name, name) == 0) {
			return &type->fields[i];
		}
	}
	return NULL;
}

/* A field of the same name and another number is the same field to people. */
static bool compare_moved(dpi_comparison *c, const dpi_message_type *before,
	const dpi_field *old, const dpi_message_type *after)
{
	const dpi_field *moved = find_name(c, after, old->name);
	char texts[2][16];

	if (moved == NULL || moved->number == old->number) {
		return false;
	}
	(void)snprintf(texts[0], sizeof(texts[0]), "%u", (unsigned)old->number);
	(void)snprintf(
		texts[1], sizeof(texts[1]), "%u", (unsigned)moved->number);
	dpi_compat_found(c, "FIELD_NUMBER_CHANGED", before->full_name,
		old->name, (int32_t)old->number, DPI_BREAKS_WIRE, texts[0],
		texts[1]);
	return true;
}

static void field_gone(dpi_comparison *c, const dpi_message_type *before,
	const dpi_field *old, const dpi_reserved *reserved)
{
	uint32_t breaks = 0;

	if (old->is_required) {
		dpi_compat_found(c, "FIELD_REQUIRED", before->full_name,
			old->name, (int32_t)old->number, DPI_BREAKS_FORWARD,
			"required", "");
	}
	if (!dpi_reserved_has(c, reserved, (int32_t)old->number)) {
		breaks = DPI_BREAKS_LATER;
	} else if (!dpi_reserved_has_name(c, reserved, old->name)) {
		breaks = DP_BREAKS_JSON_LATER;
	}
	dpi_compat_found(c, "FIELD_DELETED", before->full_name, old->name,
		(int32_t)old->number, breaks, old->name, "");
}

static void compare_fields(dpi_comparison *c, const dpi_message_type *before,
	const dpi_message_type *after, const dpi_reserved *reserved)
{
	for (size_t i = 0; dpi_compat_work(c, 1) && i < before->field_count;
		i++) {
		const dpi_field *old = &before->fields[i];
		const dpi_field *fresh = dpi_message_field(after, old->number);

		if (fresh == NULL || strcmp(fresh->name, old->name) != 0) {
			(void)compare_moved(c, before, old, after);
		}
		if (fresh == NULL) {
			field_gone(c, before, old, reserved);
		} else {
			dpi_compat_fields(c, before, old, after, fresh);
		}
	}
}

static void compare_added(dpi_comparison *c, const dpi_message_type *before,
	const dpi_message_type *after)
{
	for (size_t i = 0; dpi_compat_work(c, 1) && i < after->field_count;
		i++) {
		const dpi_field *fresh = &after->fields[i];

		if (dpi_message_field(before, fresh->number) != NULL) {
			continue;
		}
		if (fresh->is_required) {
			dpi_compat_found(c, "FIELD_REQUIRED", before->full_name,
				fresh->name, (int32_t)fresh->number,
				DPI_BREAKS_BACKWARD, "", "required");
		}
		dpi_compat_found(c, "FIELD_ADDED", before->full_name,
			fresh->name, (int32_t)fresh->number, 0, "",
			fresh->name);
	}
}

/* Messages that ProtoJSON writes as something else than an object. */
static dpi_well_known json_form(const dpi_message_type *type)
{
	dpi_well_known known = type->well_known;

	return known == DPI_WKT_EMPTY || known >= DPI_WKT_DATE ? DPI_WKT_NONE
							       : known;
}

void dpi_compat_messages(dpi_comparison *c, const dpi_message_type *before,
	const dpi_message_type *after)
{
	dpi_reserved old =
		dpi_reserved_of_message(c->before, before->full_name);
	dpi_reserved fresh =
		dpi_reserved_of_message(c->after, after->full_name);

	if (strcmp(before->full_name, after->full_name) != 0) {
		dpi_compat_found(c, "MESSAGE_NAME", before->full_name, "", 0, 0,
			before->full_name, after->full_name);
	}
	if (json_form(before) != json_form(after)) {
		dpi_compat_found(c, "MESSAGE_JSON_FORM", before->full_name, "",
			0, DPI_BREAKS_JSON, before->full_name,
			after->full_name);
	}
	compare_fields(c, before, after, &fresh);
	compare_added(c, before, after);
	dpi_compat_reserved(c, before->full_name, &old, &fresh);
}
