/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/record.h"

#include "hub/attribute.h"

static bool parse_place(dpi_source_place *ret, dp_bytes value)
{
	const uint8_t *p = value.data;
	const uint8_t *end = p + value.size;

	if (value.size <= DPI_PLACE_KEY_SIZE) {
		return false;
	}
	ret->key = dpi_load_u64(p);
	return dpi_get_varint(p + DPI_PLACE_KEY_SIZE, end, &ret->next) == end;
}

static bool parse_attribute(dp_message *msg, unsigned tag, dp_bytes value)
{
	switch (tag) {
	case DPI_TAG_ID:
		msg->given_id = value;
		return value.size > 0 && value.size < DP_ID_SIZE;
	case DPI_TAG_TIME:
		if (value.size != DPI_TIME_SIZE) {
			return false;
		}
		msg->time = (dp_time_ns)dpi_load_u64(value.data);
		return true;
	case DPI_TAG_PLACE:
		return parse_place(&msg->place, value);
	case DPI_TAG_OTHER:
		return dpi_attribute_other_valid(value);
	default:
		if (tag >= DPI_TAG_KNOWN && tag < DPI_TAG_KNOWN + DPI_ATTRS) {
			msg->known[tag - DPI_TAG_KNOWN] = value;
		}
		return true;
	}
}

static bool parse_attributes(dp_message *msg)
{
	const uint8_t *p = msg->attributes.data;
	const uint8_t *end = p + msg->attributes.size;

	while (p < end) {
		unsigned tag;
		dp_bytes value;

		p = dpi_attribute_next(p, end, &tag, &value);
		if (p == NULL || !parse_attribute(msg, tag, value)) {
			return false;
		}
	}
	return true;
}

/* 48 bits of milliseconds reach past what nanoseconds can say. */
static dp_time_ns id_time(const uint8_t *uuid)
{
	int64_t ms = dpi_uuid_ms(uuid);

	return ms <= INT64_MAX / DP_MILLISECOND ? ms * DP_MILLISECOND
						: INT64_MAX;
}

/* The attributes of a record of size bytes. Returns false if they do not fit
 * into it, or the record is not so large. */
static bool find_attributes(dp_bytes *ret, const uint8_t *record, size_t size)
{
	const uint8_t *end = record + size;
	const uint8_t *p;
	uint64_t attributes_size;

	if (size <= DPI_RECORD_HEAD || dpi_record_size(record) != size) {
		return false;
	}
	p = dpi_get_varint(record + DPI_RECORD_HEAD, end, &attributes_size);
	if (p == NULL || attributes_size > (uint64_t)(end - p)) {
		return false;
	}
	*ret = dpi_bytes(p, (size_t)attributes_size);
	return true;
}

/* Behind the first attributes that are no place and whose size is one byte:
 * those are all of nearly every record, and all records are looked at. */
static const uint8_t *skip_others(const uint8_t *p, const uint8_t *end)
{
	while (end - p >= 2 && p[0] != DPI_TAG_PLACE && p[1] < 0x80 &&
		end - p >= 2 + p[1]) {
		p += 2 + p[1];
	}
	return p;
}

bool dpi_record_place(dpi_source_place *ret, const uint8_t *record, size_t size)
{
	dp_bytes attributes;
	const uint8_t *p;
	const uint8_t *end;

	if (!find_attributes(&attributes, record, size)) {
		return false;
	}
	p = attributes.data;
	end = p + attributes.size;
	p = skip_others(p, end);
	while (p != NULL && p < end) {
		unsigned tag;
		dp_bytes value;

		p = dpi_attribute_next(p, end, &tag, &value);
		if (p != NULL && tag == DPI_TAG_PLACE) {
			return parse_place(ret, value) && ret->key != 0;
		}
	}
	return false;
}

/* What no attribute says. One by one: to clear the struct takes as long as all
 * the rest. */
static void set_defaults(dp_message *msg)
{
	const dp_bytes none = {NULL, 0};

	msg->known[DP_ATTR_TYPE] = none;
	msg->known[DP_ATTR_SOURCE] = none;
	msg->known[DP_ATTR_SUBJECT] = none;
	msg->known[DP_ATTR_KEY] = none;
	msg->known[DP_ATTR_DATACONTENTTYPE] = dpi_bytes(
		DPI_DEFAULT_CONTENTTYPE, sizeof(DPI_DEFAULT_CONTENTTYPE) - 1);
	msg->known[DP_ATTR_DATASCHEMA] = none;
	msg->known[DP_ATTR_TRACEPARENT] = none;
	msg->known[DP_ATTR_TRACESTATE] = none;
	msg->given_id = none;
	msg->place = (dpi_source_place){0, 0};
	msg->append_time = 0;
	msg->from = NULL;
	msg->offset = 0;
	msg->attempt = 0;
}

bool dpi_record_parse(dp_message *msg, const uint8_t *record, size_t size)
{
	const uint8_t *payload;

	if (!find_attributes(&msg->attributes, record, size)) {
		return false;
	}
	payload = (const uint8_t *)msg->attributes.data + msg->attributes.size;
	set_defaults(msg);
	msg->record = record;
	msg->size = (uint32_t)size;
	msg->payload = dpi_bytes(payload, (size_t)(record + size - payload));
	msg->time = id_time(record + 16);
	return parse_attributes(msg);
}
