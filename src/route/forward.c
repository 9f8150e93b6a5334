/* SPDX-License-Identifier: Apache-2.0 */
#include "route/forward.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "hub/attribute.h"

#define PLACE_KEY_SIZE 8u

static size_t attribute_size(size_t value_size)
{
	return 1 + dpi_varint_size(value_size) + value_size;
}

static size_t place_size(dpi_source_place place)
{
	return PLACE_KEY_SIZE + dpi_varint_size(place.next);
}

static size_t extra_size(const dpi_extra *extra)
{
	return 1 + strlen(extra->name) + strlen(extra->value);
}

static bool is_replaced(const dpi_forward *forward, dp_bytes value)
{
	dp_bytes name, text;

	dpi_attribute_other_split(value, &name, &text);
	for (size_t i = 0; i < forward->extra_count; i++) {
		if (dpi_bytes_equal(
			    name, dpi_bytes_text(forward->extras[i].name))) {
			return true;
		}
	}
	return false;
}

static bool goes_along(const dpi_forward *forward, unsigned tag, dp_bytes value)
{
	return tag != DPI_TAG_PLACE &&
		(tag != DPI_TAG_OTHER || !is_replaced(forward, value));
}

/*
 * Copies the message's attributes that go along to out, or only counts their
 * bytes if out is NULL.
 */
static size_t copy_attributes(uint8_t *out, const dpi_forward *forward)
{
	const uint8_t *p = forward->msg->attributes.data;
	const uint8_t *end = p + forward->msg->attributes.size;
	size_t copied = 0;

	while (p < end) {
		unsigned tag;
		dp_bytes value;
		const uint8_t *next = dpi_attribute_next(p, end, &tag, &value);
		size_t size = (size_t)(next - p);

		if (goes_along(forward, tag, value)) {
			if (out != NULL) {
				memcpy(out + copied, p, size);
			}
			copied += size;
		}
		p = next;
	}
	return copied;
}

void dpi_forward_init(dpi_forward *forward, const dp_message *msg,
	dpi_source_place place, const dpi_extra *extras, size_t extra_count)
{
	assert(place.key != 0);

	*forward = (dpi_forward){
		.msg = msg,
		.place = place,
		.extras = extras,
		.extra_count = extra_count,
	};
	forward->attributes_size = copy_attributes(NULL, forward) +
		attribute_size(place_size(place));
	for (size_t i = 0; i < extra_count; i++) {
		forward->attributes_size +=
			attribute_size(extra_size(&extras[i]));
	}
	forward->size = DPI_RECORD_HEAD +
		dpi_varint_size(forward->attributes_size) +
		forward->attributes_size + msg->payload.size;
}

static uint8_t *put_place(uint8_t *p, dpi_source_place place)
{
	*p++ = DPI_TAG_PLACE;
	p = dpi_put_varint(p, place_size(place));
	dpi_store_u64(p, place.key);
	return dpi_put_varint(p + PLACE_KEY_SIZE, place.next);
}

static uint8_t *put_extra(uint8_t *p, const dpi_extra *extra)
{
	size_t name_size = strlen(extra->name);
	size_t value_size = strlen(extra->value);

	*p++ = DPI_TAG_OTHER;
	p = dpi_put_varint(p, extra_size(extra));
	*p++ = (uint8_t)name_size;
	memcpy(p, extra->name, name_size);
	memcpy(p + name_size, extra->value, value_size);
	return p + name_size + value_size;
}

void dpi_forward_encode(uint8_t *out, const dpi_forward *forward)
{
	const dp_message *msg = forward->msg;
	uint8_t *p = out + DPI_RECORD_HEAD;

	assert(forward->size <= DPI_RECORD_MAX);

	dpi_store_u32(out + 4, (uint32_t)forward->size);
	memset(out + 8, 0, 8);
	memcpy(out + 16, msg->record + 16, DPI_UUID_SIZE);
	p = dpi_put_varint(p, forward->attributes_size);
	/* First, since all who append and recover look for it. */
	p = put_place(p, forward->place);
	p += copy_attributes(p, forward);
	for (size_t i = 0; i < forward->extra_count; i++) {
		p = put_extra(p, &forward->extras[i]);
	}
	if (msg->payload.size > 0) {
		memcpy(p, msg->payload.data, msg->payload.size);
		p += msg->payload.size;
	}
	assert((size_t)(p - out) == forward->size);
	dpi_store_u32(out, dpi_crc32c(0, out + 16, forward->size - 16));
}
