/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/record.h"

#include <assert.h>
#include <string.h>

#include "base/adopt.h"
#include "base/error.h"
#include "base/text.h"
#include "hub/attribute.h"

static size_t attribute_size(size_t value_size)
{
	return 1 + dpi_varint_size(value_size) + value_size;
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

static uint64_t copy_word(uint8_t *to, const char *from)
{
	uint64_t word;

	memcpy(&word, from, sizeof(word));
	memcpy(to, &word, sizeof(word));
	return word;
}

/* Returns whether the text is ASCII, as most are: by words, of which the last
 * two may overlap. */
static bool copy_text(uint8_t *to, const char *text, size_t size)
{
	uint64_t bits = 0;

	if (size >= sizeof(bits)) {
		size_t last = size - sizeof(bits);

		for (size_t i = 0; i < last; i += sizeof(bits)) {
			bits |= copy_word(to + i, text + i);
		}
		bits |= copy_word(to + last, text + last);
	} else {
		for (size_t i = 0; i < size; i++) {
			to[i] = (uint8_t)text[i];
			bits |= to[i];
		}
	}
	return (bits & UINT64_C(0x8080808080808080)) == 0;
}

/* Encodes a text, or notes it where there is no room; false: not UTF-8. */
static bool add_text(
	dpi_draft *draft, unsigned tag, const char *text, size_t size)
{
	size_t bytes = attribute_size(size);
	uint8_t *p = draft->head + draft->head_end;

	draft->attributes_size += bytes;
	if (bytes > sizeof(draft->head) - draft->head_end) {
		draft->texts[draft->text_count++] =
			(dpi_draft_text){text, (uint32_t)size, tag};
		return dpi_utf8_valid(text, size);
	}
	draft->head_end += bytes;
	p = dpi_attribute_begin(p, tag, size);
	return copy_text(p, text, size) || dpi_utf8_valid(p, size);
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
	if (!add_text(draft, DPI_TAG_KNOWN + (unsigned)attr, text, size)) {
		return dpi_error_set(err, DP_EINVAL,
			"attribute %s is not UTF-8", dpi_attribute_name(attr));
	}
	return DP_OK;
}

static dp_status draft_source(
	dpi_draft *draft, dp_bytes default_source, dp_error **err)
{
	if (draft->event->source != NULL) {
		return draft_known(
			draft, DP_ATTR_SOURCE, draft->event->source, err);
	}
	if (default_source.data == NULL) {
		return dpi_error_set(err, DP_EINVAL,
			"event has no source: set it, or the publisher's");
	}
	if (default_source.size > DP_ATTRIBUTES_MAX_BYTES) {
		return too_long(err);
	}
	(void)add_text(draft, DPI_TAG_KNOWN + DP_ATTR_SOURCE,
		default_source.data, default_source.size);
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
	dpi_draft *draft, dp_bytes default_source, dp_error **err)
{
	const dp_event *ev = draft->event;
	dp_status st;

	st = draft_known(draft, DP_ATTR_TYPE, ev->type, err);
	if (st == DP_OK) {
		st = draft_source(draft, default_source, err);
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
	if (!add_text(draft, DPI_TAG_ID, id, size)) {
		return dpi_error_set(
			err, DP_EINVAL, "attribute id is not UTF-8");
	}
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

	if (ev->attributes == NULL && ev->attribute_count > 0) {
		return dpi_error_set(err, DP_EINVAL,
			"event has %zu attributes, which are NULL",
			ev->attribute_count);
	}
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
	size_t size_bytes = dpi_varint_size(draft->attributes_size);

	assert(size_bytes <= DPI_ATTRIBUTES_SIZE_MAX);
	draft->head_begin = DPI_ATTRIBUTES_SIZE_MAX - size_bytes;
	(void)dpi_put_varint(
		draft->head + draft->head_begin, draft->attributes_size);
	draft->size = DPI_RECORD_HEAD + size_bytes + draft->attributes_size +
		draft->event->payload.size;
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
	draft->head_end = DPI_ATTRIBUTES_SIZE_MAX;
}

dp_status dpi_record_draft(dpi_draft *ret, const dp_event *ev,
	dp_bytes default_source, size_t payload_max, dp_error **err)
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
		ret->attributes_size += attribute_size(DPI_TIME_SIZE);
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
	draft->attributes_size += attribute_size(dpi_place_size(&place));
	work_out_size(draft);
}
