/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/record.h"

#include <assert.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/text.h"
#include "hub/attribute.h"

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

static uint8_t *put_bytes(uint8_t *p, const void *data, size_t size)
{
	if (size > 0) {
		memcpy(p, data, size);
	}
	return p + size;
}

static uint8_t *put_text(uint8_t *p, const dpi_draft_text *text)
{
	p = dpi_attribute_begin(p, text->tag, text->size);
	return put_bytes(p, text->data, text->size);
}

static uint8_t *put_time(uint8_t *p, dp_time_ns time)
{
	if (time == 0) {
		return p;
	}
	p = dpi_attribute_begin(p, DPI_TAG_TIME, DPI_TIME_SIZE);
	dpi_store_u64(p, (uint64_t)time);
	return p + DPI_TIME_SIZE;
}

static uint8_t *put_place(uint8_t *p, const dpi_source_place *place)
{
	if (place->key == 0) {
		return p;
	}
	p = dpi_attribute_begin(p, DPI_TAG_PLACE, dpi_place_size(place));
	dpi_store_u64(p, place->key);
	return dpi_put_varint(p + DPI_PLACE_KEY_SIZE, place->next);
}

static uint8_t *put_other(uint8_t *p, const dp_attribute *other)
{
	size_t name_size = strlen(other->name);
	size_t value_size = strlen(other->value);

	p = dpi_attribute_begin(p, DPI_TAG_OTHER, 1 + name_size + value_size);
	*p++ = (uint8_t)name_size;
	p = put_bytes(p, other->name, name_size);
	return put_bytes(p, other->value, value_size);
}

/* The attributes that did not find room in the head of the draft. */
static uint8_t *put_rest(uint8_t *p, const dpi_draft *draft)
{
	const dp_event *ev = draft->event;

	for (size_t i = 0; i < draft->text_count; i++) {
		p = put_text(p, &draft->texts[i]);
	}
	p = put_time(p, ev->time);
	p = put_place(p, &draft->place);
	for (size_t i = 0; i < ev->attribute_count; i++) {
		p = put_other(p, &ev->attributes[i]);
	}
	return p;
}

void dpi_record_encode(
	uint8_t *out, const dpi_draft *draft, const uint8_t *uuid)
{
	const uint8_t *head = draft->head + draft->head_begin;
	size_t head_size = draft->head_end - draft->head_begin;
	uint8_t *rest = out + DPI_RECORD_HEAD + head_size;
	uint8_t *p = rest;
	uint32_t crc;

	dpi_store_u32(out + 4, (uint32_t)draft->size);
	memset(out + 8, 0, 8);
	if (uuid != out + DPI_RECORD_UUID) {
		memcpy(out + 16, uuid, DPI_UUID_SIZE);
	}
	memcpy(out + DPI_RECORD_HEAD, head, head_size);
	if (draft->head_end - DPI_ATTRIBUTES_SIZE_MAX <
		draft->attributes_size) {
		p = put_rest(p, draft);
	}
	p = put_bytes(
		p, draft->event->payload.data, draft->event->payload.size);
	assert((size_t)(p - out) == draft->size);
	crc = dpi_crc32c(0, out + 16, DPI_UUID_SIZE);
	crc = dpi_crc32c(crc, head, head_size);
	dpi_store_u32(out, dpi_crc32c(crc, rest, (size_t)(p - rest)));
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
