/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/attribute.h"

#include <string.h>

static const char *const known_names[DPI_ATTRS] = {
	[DP_ATTR_TYPE] = "type",
	[DP_ATTR_SOURCE] = "source",
	[DP_ATTR_SUBJECT] = "subject",
	[DP_ATTR_KEY] = "partitionkey",
	[DP_ATTR_DATACONTENTTYPE] = "datacontenttype",
	[DP_ATTR_DATASCHEMA] = "dataschema",
	[DP_ATTR_TRACEPARENT] = "traceparent",
	[DP_ATTR_TRACESTATE] = "tracestate",
};

/* Attributes that an event has, or is, without being given them as such. */
static const char *const reserved_names[] = {
	"id", "time", "specversion", "data", "dpseq"};

const char *dpi_attribute_name(dp_attr attr)
{
	return known_names[attr];
}

dp_attr dpi_attribute_find(const char *name)
{
	for (dp_attr i = 0; i < DPI_ATTRS; i++) {
		if (strcmp(known_names[i], name) == 0) {
			return i;
		}
	}
	return -1;
}

static bool is_reserved(const char *name)
{
	const size_t count = sizeof(reserved_names) / sizeof(*reserved_names);

	for (size_t i = 0; i < count; i++) {
		if (strcmp(reserved_names[i], name) == 0) {
			return true;
		}
	}
	return false;
}

bool dpi_attribute_name_valid(const char *name)
{
	size_t size = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789");

	return name[size] == '\0' && size >= 1 &&
		size <= DPI_ATTRIBUTE_NAME_MAX &&
		dpi_attribute_find(name) < 0 && !is_reserved(name);
}

const uint8_t *dpi_attribute_next_long(
	const uint8_t *p, const uint8_t *end, dp_bytes *ret_value)
{
	uint64_t size;

	p = dpi_get_varint(p, end, &size);
	if (p == NULL || size > (uint64_t)(end - p)) {
		return NULL;
	}
	*ret_value = dpi_bytes(p, (size_t)size);
	return p + size;
}

bool dpi_attribute_other_valid(dp_bytes value)
{
	const uint8_t *p = value.data;

	return value.size > 0 && p[0] >= 1 && p[0] <= DPI_ATTRIBUTE_NAME_MAX &&
		p[0] < value.size;
}

void dpi_attribute_other_split(
	dp_bytes value, dp_bytes *ret_name, dp_bytes *ret_text)
{
	const uint8_t *p = value.data;
	size_t name_size = p[0];

	*ret_name = dpi_bytes(p + 1, name_size);
	*ret_text = dpi_bytes(p + 1 + name_size, value.size - 1 - name_size);
}
