/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/record.h"

#include <assert.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/text.h"

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
	p = put_head(p, DPI_TAG_TIME, DPI_TIME_SIZE);
	dpi_store_u64(p, (uint64_t)time);
	return p + DPI_TIME_SIZE;
}

static uint8_t *put_place(uint8_t *p, const dpi_source_place *place)
{
	if (place->key == 0) {
		return p;
	}
	p = put_head(p, DPI_TAG_PLACE, dpi_place_size(place));
	dpi_store_u64(p, place->key);
	return dpi_put_varint(p + DPI_PLACE_KEY_SIZE, place->next);
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
