/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_HUB_ATTRIBUTE_H
#define DPI_HUB_ATTRIBUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/record.h"

/* Names of attributes, and how they stand in a record. */

#define DPI_DEFAULT_CONTENTTYPE "application/protobuf"
#define DPI_ATTRIBUTE_NAME_MAX 64u

/* CloudEvents name of a DP_ATTR_*. */
const char *dpi_attribute_name(dp_attr attr);

/* Its DP_ATTR_*, or -1. */
dp_attr dpi_attribute_find(const char *name);

/* Whether an event may have an attribute of this name that is not known. */
bool dpi_attribute_name_valid(const char *name);

/* One of any size, behind its tag. */
const uint8_t *dpi_attribute_next_long(
	const uint8_t *p, const uint8_t *end, dp_bytes *ret_value);

/*
 * Reads the attribute at p, which is before end. Returns the place after it,
 * or NULL if it does not end before end. Nearly every size is one byte, and
 * each reader of an event looks at all of its attributes.
 */
static inline const uint8_t *dpi_attribute_next(const uint8_t *p,
	const uint8_t *end, unsigned *ret_tag, dp_bytes *ret_value)
{
	*ret_tag = *p++;
	if (p < end && *p < 0x80 && *p < end - p) {
		*ret_value = dpi_bytes(p + 1, *p);
		return p + 1 + *p;
	}
	return dpi_attribute_next_long(p, end, ret_value);
}

/* Writes what stands before a value of size bytes; returns its place. */
static inline uint8_t *dpi_attribute_begin(
	uint8_t *p, unsigned tag, size_t size)
{
	*p++ = (uint8_t)tag;
	return dpi_put_varint(p, size);
}

/* Whether the value of a DPI_TAG_OTHER is a name and a text. */
bool dpi_attribute_other_valid(dp_bytes value);

/* Takes one apart that is. */
void dpi_attribute_other_split(
	dp_bytes value, dp_bytes *ret_name, dp_bytes *ret_text);

#endif /* DPI_HUB_ATTRIBUTE_H */
