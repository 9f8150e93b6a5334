/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/record.h"

#include <assert.h>
#include <string.h>

#include "base/adopt.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "base/text.h"
#include "hub/attribute.h"

#define PLACE_KEY_SIZE 8u
#define TIME_SIZE 8u

uint64_t dpi_source_key(const char *job, const char *topic, uint32_t partition)
{
	uint8_t number[4];
	uint64_t hash;

	/* The final NULs are hashed, so that parts cannot run together. */
	hash = dpi_hash64(0, job, strlen(job) + 1);
	hash = dpi_hash64(hash, topic, strlen(topic) + 1);
	dpi_store_u32(number, partition);
	hash = dpi_hash64(hash, number, sizeof(number));
	return hash + (hash == 0);
}

static size_t attribute_size(size_t value_size)
{
	return 1 + dpi_varint_size(value_size) + value_size;
}

static size_t place_size(const dpi_source_place *place)
{
	return PLACE_KEY_SIZE + dpi_varint_size(place->next);
}

/* Adopts the caller's event; one of this release needs no look at its tail. */
static dp_status take_event(
	dpi_draft *draft, const dp_event *ev, dp_error **err)
{
	if (ev->struct_size == sizeof(*ev)) {
		draft->event = ev;
		return DP_OK;
	}
	draft->event = &draft->adopted;
	return dpi_adopt(&draft->adopted, sizeof(draft->adopted), ev,
		DPI_SIZE_UP_TO(dp_event, tag), "events", "DP_EVENT_INIT", err);
}

static dp_status too_long(dp_error **err)
{
	return dpi_error_set(err, DP_ETOOBIG,
		"attributes take more than %u bytes: put large values into "
		"the payload",
		DP_ATTRIBUTES_MAX_BYTES);
}

static void add_text(
	dpi_draft *draft, unsigned tag, const char *text, size_t size)
{
	draft->texts[draft->text_count++] =
		(dpi_draft_text){text, (uint32_t)size, tag};
	draft->attributes_size += attribute_size(size);
}

static dp_status draft_known(
	dpi_draft *draft, dp_attr attr, const char *text, dp_error **err)
{
	size_t size;

	if (text == NULL) {
		return DP_OK;
	}
	size = strlen(text);
	if (size > DP_ATTRIBUTES_MAX_BYTES) {
		return too_long(err);
	}
	if (!dpi_utf8_valid(text, size)) {
		return dpi_error_set(err, DP_EINVAL,
			"attribute %s is not UTF-8", dpi_attribute_name(attr));
	}
	add_text(draft, DPI_TAG_KNOWN + (unsigned)attr, text, size);
	return DP_OK;
}

static const char *default_to_null(const char *datacontenttype)
{
	return datacontenttype != NULL &&
			strcmp(datacontenttype, DPI_DEFAULT_CONTENTTYPE) != 0
		? datacontenttype
		: NULL;
}

/* The known attributes that few events have. */
static dp_status draft_rest(dpi_draft *draft, dp_error **err)
{
	const dp_event *ev = draft->event;
	dp_status st;

	st = draft_known(draft, DP_ATTR_DATACONTENTTYPE,
		default_to_null(ev->datacontenttype), err);
	if (st == DP_OK) {
		st = draft_known(
			draft, DP_ATTR_DATASCHEMA, ev->dataschema, err);
	}
	if (st == DP_OK) {
		st = draft_known(
			draft, DP_ATTR_TRACEPARENT, ev->traceparent, err);
	}
	if (st == DP_OK) {
		st = draft_known(
			draft, DP_ATTR_TRACESTATE, ev->tracestate, err);
	}
	return st;
}

static bool has_rest(const dp_event *ev)
{
	return ev->datacontenttype != NULL || ev->dataschema != NULL ||
		ev->traceparent != NULL || ev->tracestate != NULL;
}

static dp_status draft_all_known(
	dpi_draft *draft, const char *default_source, dp_error **err)
{
	const dp_event *ev = draft->event;
	const char *source = ev->source != NULL ? ev->source : default_source;
	dp_status st;

	if (source == NULL) {
		return dpi_error_set(err, DP_EINVAL,
			"event has no source: set it, or the publisher's");
	}
	st = draft_known(draft, DP_ATTR_TYPE, ev->type, err);
	if (st == DP_OK) {
		st = draft_known(draft, DP_ATTR_SOURCE, source, err);
	}
	if (st == DP_OK) {
		st = draft_known(draft, DP_ATTR_SUBJECT, ev->subject, err);
	}
	if (st == DP_OK) {
		st = draft_known(draft, DP_ATTR_KEY, ev->key, err);
	}
	return st == DP_OK && has_rest(ev) ? draft_rest(draft, err) : st;
}

static dp_status draft_id(dpi_draft *draft, dp_error **err)
{
	const char *id = draft->event->id;
	size_t size;

	if (id == NULL) {
		return DP_OK;
	}
	size = strnlen(id, DP_ID_SIZE);
	if (size == 0 || size >= DP_ID_SIZE) {
		return dpi_error_set(err, DP_EINVAL,
			"attribute id has not 1 to %d bytes", DP_ID_SIZE - 1);
	}
	if (!dpi_utf8_valid(id, size)) {
		return dpi_error_set(
			err, DP_EINVAL, "attribute id is not UTF-8");
	}
	add_text(draft, DPI_TAG_ID, id, size);
	return DP_OK;
}

static dp_status check_other(const dp_event *ev, size_t index, dp_error **err)
{
	const dp_attribute *other = &ev->attributes[index];

	if (other->name == NULL || other->value == NULL) {
		return dpi_error_set(err, DP_EINVAL,
			"attribute %zu has no name or no value", index);
	}
	if (!dpi_attribute_name_valid(other->name)) {
		return dpi_error_set(err, DP_EINVAL,
			"attribute %zu: its name is not 1 to %u of [a-z0-9], "
			"or is one of CloudEvents' own",
			index, DPI_ATTRIBUTE_NAME_MAX);
	}
	for (size_t i = 0; i < index; i++) {
		if (strcmp(ev->attributes[i].name, other->name) == 0) {
			return dpi_error_set(err, DP_EINVAL,
				"attribute %s is given twice", other->name);
		}
	}
	return DP_OK;
}

static dp_status draft_others(dpi_draft *draft, dp_error **err)
{
	const dp_event *ev = draft->event;
	dp_status st;

	for (size_t i = 0; i < ev->attribute_count; i++) {
		const dp_attribute *other = &ev->attributes[i];
		size_t size;

		st = check_other(ev, i, err);
		if (st != DP_OK) {
			return st;
		}
		size = strlen(other->value);
		if (!dpi_utf8_valid(other->value, size)) {
			return dpi_error_set(err, DP_EINVAL,
				"attribute %s is not UTF-8", other->name);
		}
		draft->attributes_size +=
			attribute_size(1 + strlen(other->name) + size);
		if (draft->attributes_size > DP_ATTRIBUTES_MAX_BYTES) {
			return too_long(err);
		}
	}
	return DP_OK;
}

static void work_out_size(dpi_draft *draft)
{
	draft->size = DPI_RECORD_HEAD +
		dpi_varint_size(draft->attributes_size) +
		draft->attributes_size + draft->event->payload.size;
}

static dp_status check_sizes(
	const dpi_draft *draft, size_t payload_max, dp_error **err)
{
	const size_t most = DPI_RECORD_MAX - DPI_RECORD_OVERHEAD_MAX;
	size_t size = draft->event->payload.size;

	if (size > payload_max || size > most) {
		return dpi_error_set(err, DP_ETOOBIG,
			"payload has %zu bytes, at most %zu are allowed", size,
			payload_max < most ? payload_max : most);
	}
	if (size > 0 && draft->event->payload.data == NULL) {
		return dpi_error_set(err, DP_EINVAL,
			"payload of %zu bytes has no data", size);
	}
	if (draft->attributes_size > DP_ATTRIBUTES_MAX_BYTES) {
		return too_long(err);
	}
	return DP_OK;
}

/* Not by an initializer: most of the struct is filled in for each event, and
 * clearing it first took a tenth of a publish call. */
static void begin_draft(dpi_draft *draft)
{
	draft->text_count = 0;
	draft->place = (dpi_source_place){0, 0};
	draft->attributes_size = 0;
}

dp_status dpi_record_draft(dpi_draft *ret, const dp_event *ev,
	const char *default_source, size_t payload_max, dp_error **err)
{
	dp_status st;

	begin_draft(ret);
	st = take_event(ret, ev, err);
	if (st == DP_OK) {
		st = draft_all_known(ret, default_source, err);
	}
	if (st == DP_OK) {
		st = draft_id(ret, err);
	}
	if (st == DP_OK && ret->event->time != 0) {
		ret->attributes_size += attribute_size(TIME_SIZE);
	}
	if (st == DP_OK) {
		st = draft_others(ret, err);
	}
	if (st == DP_OK) {
		st = check_sizes(ret, payload_max, err);
	}
	if (st == DP_OK) {
		work_out_size(ret);
	}
	return st;
}

void dpi_draft_set_place(dpi_draft *draft, dpi_source_place place)
{
	assert(place.key != 0);
	assert(draft->place.key == 0);

	draft->place = place;
	draft->attributes_size += attribute_size(place_size(&place));
	work_out_size(draft);
}

static uint8_t *put_bytes(uint8_t *p, const void *data, size_t size)
{
	if (size > 0) {
		memcpy(p, data, size);
	}
	return p + size;
}

static uint8_t *put_head(uint8_t *p, unsigned tag, size_t size)
{
	*p++ = (uint8_t)tag;
	return dpi_put_varint(p, size);
}

/* Most texts are short: two moves that overlap spare them a call. */
static inline uint8_t *put_short(uint8_t *p, const char *data, size_t size)
{
	if (size >= 16) {
		memcpy(p, data, 16);
		memcpy(p + size - 16, data + size - 16, 16);
	} else if (size >= 8) {
		memcpy(p, data, 8);
		memcpy(p + size - 8, data + size - 8, 8);
	} else {
		for (size_t i = 0; i < size; i++) {
			p[i] = (uint8_t)data[i];
		}
	}
	return p + size;
}

static inline uint8_t *put_text(uint8_t *p, const dpi_draft_text *text)
{
	p = put_head(p, text->tag, text->size);
	return text->size <= 32 ? put_short(p, text->data, text->size)
				: put_bytes(p, text->data, text->size);
}

static uint8_t *put_time(uint8_t *p, dp_time_ns time)
{
	if (time == 0) {
		return p;
	}
	p = put_head(p, DPI_TAG_TIME, TIME_SIZE);
	dpi_store_u64(p, (uint64_t)time);
	return p + TIME_SIZE;
}

static uint8_t *put_place(uint8_t *p, const dpi_source_place *place)
{
	if (place->key == 0) {
		return p;
	}
	p = put_head(p, DPI_TAG_PLACE, place_size(place));
	dpi_store_u64(p, place->key);
	return dpi_put_varint(p + PLACE_KEY_SIZE, place->next);
}

static uint8_t *put_other(uint8_t *p, const dp_attribute *other)
{
	size_t name_size = strlen(other->name);
	size_t value_size = strlen(other->value);

	p = put_head(p, DPI_TAG_OTHER, 1 + name_size + value_size);
	*p++ = (uint8_t)name_size;
	p = put_bytes(p, other->name, name_size);
	return put_bytes(p, other->value, value_size);
}

void dpi_record_encode(
	uint8_t *out, const dpi_draft *draft, const uint8_t *uuid)
{
	const dp_event *ev = draft->event;
	uint8_t *p = out + DPI_RECORD_HEAD;

	dpi_store_u32(out + 4, (uint32_t)draft->size);
	memset(out + 8, 0, 8);
	memcpy(out + 16, uuid, DPI_UUID_SIZE);
	p = dpi_put_varint(p, draft->attributes_size);
	for (size_t i = 0; i < draft->text_count; i++) {
		p = put_text(p, &draft->texts[i]);
	}
	p = put_time(p, ev->time);
	p = put_place(p, &draft->place);
	for (size_t i = 0; i < ev->attribute_count; i++) {
		p = put_other(p, &ev->attributes[i]);
	}
	p = put_bytes(p, ev->payload.data, ev->payload.size);
	assert((size_t)(p - out) == draft->size);
	dpi_store_u32(out, dpi_crc32c(0, out + 16, draft->size - 16));
}

void dpi_record_seal(uint8_t *record, dpi_record_kind kind, uint32_t index,
	uint32_t time_ms, uint32_t salt)
{
	uint32_t crc = dpi_load_u32(record);

	dpi_store_u32(record + 4,
		dpi_record_size(record) |
			(uint32_t)kind << DPI_RECORD_SIZE_BITS);
	dpi_store_u32(record + 8, index);
	dpi_store_u32(record + 12, time_ms);
	dpi_store_u32(record, dpi_crc32c(crc, record + 4, 12) ^ salt);
}

void dpi_record_unseal(uint8_t *record)
{
	uint32_t size = dpi_record_size(record);

	dpi_store_u32(record, dpi_crc32c(0, record + 16, size - 16));
}

bool dpi_record_check(const uint8_t *record, size_t size, uint32_t salt)
{
	uint32_t crc;

	if (size < DPI_RECORD_HEAD || size != dpi_record_size(record)) {
		return false;
	}
	crc = dpi_crc32c(0, record + 16, size - 16);
	crc = dpi_crc32c(crc, record + 4, 12);
	return (crc ^ salt) == dpi_load_u32(record);
}

static bool parse_place(dpi_source_place *ret, dp_bytes value)
{
	const uint8_t *p = value.data;
	const uint8_t *end = p + value.size;

	if (value.size <= PLACE_KEY_SIZE) {
		return false;
	}
	ret->key = dpi_load_u64(p);
	return dpi_get_varint(p + PLACE_KEY_SIZE, end, &ret->next) == end;
}

static bool parse_attribute(dp_message *msg, unsigned tag, dp_bytes value)
{
	switch (tag) {
	case DPI_TAG_ID:
		msg->given_id = value;
		return value.size > 0 && value.size < DP_ID_SIZE;
	case DPI_TAG_TIME:
		if (value.size != TIME_SIZE) {
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
