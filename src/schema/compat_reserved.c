/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/compat_rules.h"

#include <stdio.h>

#include "base/bytes.h"
#include "schema/field_reader.h"

typedef struct number_range {
	int64_t first;
	int64_t past;
} number_range;

static dpi_reserved reserved_of(
	dp_bytes source, uint32_t ranges, uint32_t names, int32_t past)
{
	return (dpi_reserved){source, ranges, names, past};
}

dpi_reserved dpi_reserved_of_message(
	const dpi_compat_side *side, const char *full_name)
{
	const dpi_raw_message *m = dpi_raw_set_find(&side->raw, full_name);

	return reserved_of(
		m != NULL ? m->source : dpi_bytes(NULL, 0), 9, 10, 0);
}

dpi_reserved dpi_reserved_of_enum(
	const dpi_compat_side *side, const char *full_name)
{
	const dpi_raw_enum *e = side->raw.enums;

	while (e != NULL && strcmp(e->full_name, full_name) != 0) {
		e = e->next;
	}
	return reserved_of(e != NULL ? e->source : dpi_bytes(NULL, 0), 4, 5, 1);
}

static number_range read_range(const dpi_reserved *reserved, dp_bytes bytes)
{
	dpi_field_reader reader = dpi_field_reader_of(bytes);
	number_range range = {0, 0};

	while (dpi_field_next(&reader)) {
		if (reader.tag == DPI_TAG_VARINT(1)) {
			range.first = (int32_t)(uint32_t)reader.value;
		} else if (reader.tag == DPI_TAG_VARINT(2)) {
			range.past = (int32_t)(uint32_t)reader.value;
		}
	}
	range.past += reserved->past;
	return range;
}

/* Where the run of reserved numbers that has number ends; number if none. */
static int64_t find_end(
	dpi_comparison *c, const dpi_reserved *reserved, int64_t number)
{
	dpi_field_reader reader = dpi_field_reader_of(reserved->source);

	while (dpi_field_next(&reader) && dpi_compat_work(c, 1)) {
		number_range range;

		if (reader.tag != DPI_TAG_BYTES(reserved->ranges)) {
			continue;
		}
		range = read_range(reserved, reader.bytes);
		if (range.first <= number && number < range.past) {
			return range.past;
		}
	}
	return number;
}

bool dpi_reserved_has(
	dpi_comparison *c, const dpi_reserved *reserved, int32_t number)
{
	return find_end(c, reserved, number) > number;
}

static bool has_name(
	dpi_comparison *c, const dpi_reserved *reserved, dp_bytes name)
{
	dpi_field_reader reader = dpi_field_reader_of(reserved->source);

	while (dpi_field_next(&reader) && dpi_compat_work(c, 1)) {
		if (reader.tag == DPI_TAG_BYTES(reserved->names) &&
			dpi_bytes_equal(reader.bytes, name)) {
			return true;
		}
	}
	return false;
}

bool dpi_reserved_has_name(
	dpi_comparison *c, const dpi_reserved *reserved, const char *name)
{
	return has_name(c, reserved, dpi_bytes_text(name));
}

/* Ranges may be cut in other pieces, as long as each number stays in one. */
static void compare_range(dpi_comparison *c, const char *owner,
	number_range range, const dpi_reserved *fresh)
{
	int64_t begin = range.first - 1;
	int64_t at = range.first;
	char text[64];

	while (at > begin && at < range.past) {
		begin = at;
		at = find_end(c, fresh, at);
	}
	if (at >= range.past) {
		return;
	}
	(void)snprintf(text, sizeof(text), "%lld to %lld",
		(long long)range.first, (long long)(range.past - 1));
	dpi_compat_found(c, "RESERVED_DELETED", owner, "", (int32_t)range.first,
		DPI_BREAKS_LATER, text, "");
}

static void compare_name(dpi_comparison *c, const char *owner, dp_bytes name,
	const dpi_reserved *fresh)
{
	char text[DPI_NAME_MAX_BYTES + 1];

	if (has_name(c, fresh, name) || name.size >= sizeof(text)) {
		return;
	}
	memcpy(text, name.data, name.size);
	text[name.size] = '\0';
	dpi_compat_found(c, "RESERVED_NAME_DELETED", owner, "", 0,
		DP_BREAKS_JSON_LATER, text, "");
}

void dpi_compat_reserved(dpi_comparison *c, const char *owner,
	const dpi_reserved *old, const dpi_reserved *fresh)
{
	dpi_field_reader reader = dpi_field_reader_of(old->source);

	while (dpi_field_next(&reader) && dpi_compat_work(c, 1)) {
		if (reader.tag == DPI_TAG_BYTES(old->ranges)) {
			compare_range(
				c, owner, read_range(old, reader.bytes), fresh);
		} else if (reader.tag == DPI_TAG_BYTES(old->names)) {
			compare_name(c, owner, reader.bytes, fresh);
		}
	}
}
