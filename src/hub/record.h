/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_HUB_RECORD_H
#define DPI_HUB_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <datapipe/event.h>
#include <datapipe/message.h>

#include "base/bytes.h"
#include "base/uuid.h"

/*
 * One event as bytes: what publishers hand to hubs, what the log writes to
 * disk and what messages point into. doc/formats/log-v1.md is the standard.
 *
 *    0  u32  crc     CRC32C of bytes [16, size) then [4, 16), xor the salt
 *    4  u32  size    of the whole record in the low 26 bits; kind above
 *    8  u32  index   offset of the record less the base offset of its segment
 *   12  u32  time    append time less the segment's creation, milliseconds
 *   16  u8   id[16]  UUIDv7 with writer and sequence (base/uuid.h)
 *   32  var  attributes_size, then attributes, then the payload
 *
 * An attribute is a tag byte, a varint size and the bytes (dpi_record_tag).
 * Readers skip tags that they do not know. The publisher's
 * thread does everything from byte 16 on, checksum included, without knowing
 * where the record will stand; whoever appends adds bytes 4 to 16 and the
 * salt, which names the segment and the place in it, so that a record that
 * the disk misplaced or forgot to overwrite is refused.
 */

#define DPI_RECORD_UUID 16u
#define DPI_RECORD_HEAD 32u
#define DPI_RECORD_SIZE_BITS 26
#define DPI_RECORD_MAX ((1u << DPI_RECORD_SIZE_BITS) - 1)

/* Most bytes of a record beside its payload: what the event may have, a source
 * place, and what a dead letter adds (route/dead_letter.h). */
#define DPI_RECORD_OVERHEAD_MAX (DP_ATTRIBUTES_MAX_BYTES + 2048u)

typedef enum dpi_record_kind {
	DPI_RECORD_EVENT = 0,
	DPI_RECORD_SOURCES = 1, /* snapshot of source places; not an event */
	DPI_RECORD_KINDS
} dpi_record_kind;

typedef enum dpi_record_tag {
	DPI_TAG_KNOWN = 1,  /* + DP_ATTR_*: UTF-8 text; 1 to 8 */
	DPI_TAG_ID = 9,     /* the id, if the event came with one: 1 to 127 */
	DPI_TAG_TIME = 10,  /* i64 event time, if the event came with one */
	DPI_TAG_PLACE = 11, /* u64 key, varint next: dpi_source_place */
	DPI_TAG_OTHER = 12  /* u8 size of name, name, UTF-8 text */
} dpi_record_tag;

#define DPI_TIME_SIZE 8u
#define DPI_PLACE_KEY_SIZE 8u

/*
 * Where a job took the event from: key names job, topic and partition (see
 * dpi_source_key()), next is the source offset after the event.
 */
typedef struct dpi_source_place {
	uint64_t key; /* 0: none */
	uint64_t next;
} dpi_source_place;

static inline size_t dpi_place_size(const dpi_source_place *place)
{
	return DPI_PLACE_KEY_SIZE + dpi_varint_size(place->next);
}

uint64_t dpi_source_key(const char *job, const char *topic, uint32_t partition);

/* Known attributes: DP_ATTR_TYPE to DP_ATTR_TRACESTATE. */
#define DPI_ATTRS 8

/*
 * Texts are encoded while they are checked, as far as there is room for them
 * in the draft. So a record is put together from a few large moves, and what
 * its checksum is taken of has reached the cache: bytes that were only just
 * stored one by one cannot be read back before they have.
 */
#define DPI_DRAFT_HEAD_BYTES 256u
#define DPI_ATTRIBUTES_SIZE_MAX 3u /* bytes of attributes_size, a varint */

/* A text for which there was no room there, with its tag. */
typedef struct dpi_draft_text {
	const char *data;
	uint32_t size;
	uint32_t tag;
} dpi_draft_text;

/* An event that was checked, with sizes worked out once. */
typedef struct dpi_draft {
	const dp_event *event; /* the caller's, or adopted */
	dp_event adopted;      /* filled in for other releases' events */
	dpi_draft_text texts[DPI_ATTRS + 1]; /* not in head */
	size_t text_count;
	dpi_source_place place; /* see dpi_draft_set_place() */
	size_t attributes_size;
	size_t size;       /* of the record */
	size_t head_begin; /* where attributes_size stands in head */
	size_t head_end;   /* and where the texts behind it end */
	uint8_t head[DPI_ATTRIBUTES_SIZE_MAX + DPI_DRAFT_HEAD_BYTES];
} dpi_draft;

/*
 * Checks ev and works out its size. default_source is UTF-8; without data if
 * the event has its own.
 *
 * Errors: DP_EINVAL   an attribute is not legal UTF-8, or too long
 *         DP_ETOOBIG  payload over payload_max, or attributes over the limit
 *         DP_EABI     the struct is not one that this build reads
 */
DP_NODISCARD dp_status dpi_record_draft(dpi_draft *ret, const dp_event *ev,
	dp_bytes default_source, size_t payload_max, dp_error **err);

/* Has the record say where a job took the event from. place.key is not 0. */
void dpi_draft_set_place(dpi_draft *draft, dpi_source_place place);

/*
 * Writes draft->size bytes to out: all but bytes 4 to 16, with the checksum of
 * bytes [16, size) in the crc field. uuid may already be where it belongs.
 */
void dpi_record_encode(
	uint8_t *out, const dpi_draft *draft, const uint8_t *uuid);

/* Size of a record in memory that dpi_record_encode() has written: it keeps
 * the size in its field, with kind 0, so that records can be walked. */
static inline uint32_t dpi_record_size(const uint8_t *record)
{
	return dpi_load_u32(record + 4) & DPI_RECORD_MAX;
}

/* One of dpi_record_kind, or a number that this build does not know. */
static inline unsigned dpi_record_kind_of(const uint8_t *record)
{
	return dpi_load_u32(record + 4) >> DPI_RECORD_SIZE_BITS;
}

/* Adds place and salt, and so completes the checksum. Call it once. */
void dpi_record_seal(uint8_t *record, dpi_record_kind kind, uint32_t index,
	uint32_t time_ms, uint32_t salt);

/* Makes a record of an event in memory as dpi_record_encode() had left it, so
 * that it may be sealed for another place. */
void dpi_record_unseal(uint8_t *record);

/* Whether the checksum of a record of size bytes is right at this place. */
bool dpi_record_check(const uint8_t *record, size_t size, uint32_t salt);

/* The part of a topic that a message was read from. Outlives the messages. */
typedef struct dpi_partition_name {
	const char *topic;
	uint32_t partition;
} dpi_partition_name;

struct dp_message {
	const uint8_t *record;
	dp_bytes payload;
	dp_bytes attributes;       /* encoded */
	dp_bytes known[DPI_ATTRS]; /* by DP_ATTR_* */
	dp_bytes given_id;         /* data NULL: the UUID is the id */
	dp_time_ns time;
	dp_time_ns append_time;
	dpi_source_place place;
	const dpi_partition_name *from;
	dp_offset offset;
	uint32_t attempt;
	uint32_t size; /* of the record */
};

/*
 * Takes a record apart whose checksum was found right; msg then borrows it.
 * Sets all but from, offset, append_time and attempt.
 *
 * Returns false if its parts do not fit in size bytes (bounds are checked as
 * if the bytes were hostile; a right checksum only says that they are those
 * which somebody wrote).
 */
bool dpi_record_parse(dp_message *msg, const uint8_t *record, size_t size);

/*
 * The source place of such a record, for those who append and want nothing
 * else of it. Returns false if it has none.
 */
bool dpi_record_place(
	dpi_source_place *ret, const uint8_t *record, size_t size);

#endif /* DPI_HUB_RECORD_H */
