/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/compat_rules.h"

#include <stdio.h>
#include <string.h>

#define NUMBER_TEXT 16

static const char *print(char *text, int32_t number)
{
	(void)snprintf(text, NUMBER_TEXT, "%d", (int)number);
	return text;
}

static const dpi_enum_value *find_name(
	dpi_comparison *c, const dpi_enum_type *type, const char *name)
{
	for (size_t i = 0; dpi_compat_work(c, 1) && i < type->value_count;
		i++) {
		if (strcmp(type->values[i].name, name) == 0) {
			return &type->values[i];
		}
	}
	return NULL;
}

/* Whether a reader finds a writer's name under its number. */
static bool knows(dpi_comparison *c, const dpi_enum_type *reader,
	const dpi_enum_value *value)
{
	for (size_t i = 0; dpi_compat_work(c, 1) && i < reader->value_count;
		i++) {
		if (reader->values[i].number == value->number &&
			strcmp(reader->values[i].name, value->name) == 0) {
			return true;
		}
	}
	return false;
}

/* A name that another number has now is another value by its own name. */
static void compare_moved(dpi_comparison *c, const dpi_enum_type *before,
	const dpi_enum_value *old, const dpi_enum_type *after)
{
	const dpi_enum_value *moved = find_name(c, after, old->name);
	char texts[2][NUMBER_TEXT];

	if (moved != NULL && moved->number != old->number) {
		dpi_compat_found(c, "ENUM_VALUE_NUMBER_CHANGED",
			before->full_name, old->name, old->number,
			DPI_BREAKS_WIRE, print(texts[0], old->number),
			print(texts[1], moved->number));
	}
}

static void value_gone(dpi_comparison *c, const dpi_enum_type *before,
	const dpi_enum_value *old, const dpi_enum_type *after,
	const dpi_reserved *reserved)
{
	uint32_t breaks = DP_BREAKS_JSON_BACKWARD;
	char text[NUMBER_TEXT];

	if (after->is_closed) {
		breaks |= DP_BREAKS_BACKWARD;
	}
	if (!dpi_reserved_has(c, reserved, old->number)) {
		breaks |= DPI_BREAKS_LATER;
	} else if (!dpi_reserved_has_name(c, reserved, old->name)) {
		breaks |= DP_BREAKS_JSON_LATER;
	}
	dpi_compat_found(c, "ENUM_VALUE_DELETED", before->full_name, old->name,
		old->number, breaks, print(text, old->number), "");
}

/* Writers of JSON use the name that is declared first. */
static void compare_values(dpi_comparison *c, const dpi_enum_type *before,
	const dpi_enum_type *after, const dpi_reserved *reserved)
{
	for (size_t i = 0; dpi_compat_work(c, 1) && i < before->value_count;
		i++) {
		const dpi_enum_value *old = &before->values[i];
		const dpi_enum_value *fresh =
			dpi_enum_value_of(after, old->number);

		compare_moved(c, before, old, after);
		if (fresh == NULL) {
			value_gone(c, before, old, after, reserved);
		} else if (dpi_enum_value_of(before, old->number) == old) {
			uint32_t breaks =
				(knows(c, after, old)
						? 0
						: DP_BREAKS_JSON_BACKWARD) |
				(knows(c, before, fresh)
						? 0
						: DP_BREAKS_JSON_FORWARD);

			if (breaks != 0) {
				dpi_compat_found(c, "ENUM_VALUE_NAME",
					before->full_name, old->name,
					old->number, breaks, old->name,
					fresh->name);
			}
		}
	}
}

static void compare_added(dpi_comparison *c, const dpi_enum_type *before,
	const dpi_enum_type *after)
{
	for (size_t i = 0; dpi_compat_work(c, 1) && i < after->value_count;
		i++) {
		const dpi_enum_value *fresh = &after->values[i];
		uint32_t breaks = DP_BREAKS_JSON_FORWARD;
		char text[NUMBER_TEXT];

		if (dpi_enum_value_of(before, fresh->number) == NULL) {
			breaks |= before->is_closed ? DP_BREAKS_FORWARD : 0;
			dpi_compat_found(c, "ENUM_VALUE_ADDED",
				before->full_name, fresh->name, fresh->number,
				breaks, "", print(text, fresh->number));
		}
	}
}

void dpi_compat_enums(dpi_comparison *c, const dpi_enum_type *before,
	const dpi_enum_type *after)
{
	dpi_reserved old = dpi_reserved_of_enum(c->before, before->full_name);
	dpi_reserved fresh = dpi_reserved_of_enum(c->after, after->full_name);

	if (before->is_closed != after->is_closed) {
		dpi_compat_found(c, "ENUM_CLOSED", before->full_name, "", 0,
			after->is_closed ? DP_BREAKS_BACKWARD
					 : DP_BREAKS_FORWARD,
			before->is_closed ? "closed" : "open",
			after->is_closed ? "closed" : "open");
	}
	compare_values(c, before, after, &fresh);
	compare_added(c, before, after);
	dpi_compat_reserved(c, before->full_name, &old, &fresh);
}
