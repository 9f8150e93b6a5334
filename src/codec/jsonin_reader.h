/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_CODEC_JSONIN_READER_H
#define DPI_CODEC_JSONIN_READER_H

#include "base/bytes.h"
#include "codec/jsonin.h"
#include "codec/jsonin_number.h"
#include "codec/jsonin_tables.h"
#include "codec/output.h"
#include "codec/wire.h"

/*
 * What is at work while an event is read. Messages are written behind a byte
 * for their size, and moved if it takes more; so a message is complete as
 * soon as its object ends.
 *
 * Functions return false after dpi_jsonin_fail(), which only the first of
 * them that fails calls.
 */

/* A message that is open. */
typedef struct dpi_jsonin_frame {
	const dpi_jsonin_node *node;
	uint64_t *seen;                /* fields, then oneofs */
	const dpi_jsonin_field *field; /* in hand, for the path of an error */
	uint32_t element;              /* of it, if repeated */
} dpi_jsonin_frame;

/* An entry of a map, to find keys that are there twice. */
typedef struct dpi_jsonin_key {
	uint64_t hash;
	size_t start; /* of the key, behind the start of the output */
	size_t size;
} dpi_jsonin_key;

struct dpi_jsonin {
	const dp_allocator *alloc;
	dp_schema *schema;
	dpi_arena arena; /* has the tables */
	dpi_jsonin_tables tables;

	const uint8_t *start, *p, *end; /* JSON */
	dpi_output out;
	unsigned depth; /* frames in use */
	dpi_jsonin_frame frames[DPI_DEPTH_MAX];
	uint64_t *seen; /* bits of all frames */
	dpi_buf text;   /* the last string, if it has escapes */
	dpi_buf keys;   /* of dpi_jsonin_key */
	bool ignores_unknown;
	bool was_dropped; /* the last value was an unknown enum value */

	dp_status failed;
	const char *fault;
	const uint8_t *place;
	dp_bytes name; /* that is not known, or empty */
};

/* Remembers what is wrong at reader->p; returns false. */
bool dpi_jsonin_fail(dpi_jsonin *reader, dp_status code, const char *fault);

/* The same, of something whose name is not known. */
bool dpi_jsonin_fail_name(dpi_jsonin *reader, const char *fault, dp_bytes name);

/* Text. */

/* The next byte that is no white space, which stays; 0 at the end. */
static inline uint8_t dpi_jsonin_peek(dpi_jsonin *reader)
{
	const uint8_t *p = reader->p;

	while (p < reader->end &&
		(*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')) {
		p++;
	}
	reader->p = p;
	return p < reader->end ? *p : 0;
}

/* Takes c, if it is next. */
static inline bool dpi_jsonin_take(dpi_jsonin *reader, uint8_t c)
{
	if (c != dpi_jsonin_peek(reader)) {
		return false;
	}
	reader->p++;
	return true;
}

/*
 * A string, without quotes and escapes. Lives until the next one is read, or,
 * without escapes, as long as the JSON.
 */
DP_NODISCARD bool dpi_jsonin_string(dpi_jsonin *reader, dp_bytes *ret);

DP_NODISCARD bool dpi_jsonin_number(dpi_jsonin *reader, dpi_decimal *ret);

/* "true", "false", "null". */
DP_NODISCARD bool dpi_jsonin_word(dpi_jsonin *reader, const char *word);

/* Any value. */
DP_NODISCARD bool dpi_jsonin_skip(dpi_jsonin *reader);

/*
 * Between the members of an object or the elements of an array, which ends
 * with close: whether there is one more. At the end, or after a failure,
 * there is none. count is that of those before, and is moved.
 */
DP_NODISCARD bool dpi_jsonin_more(
	dpi_jsonin *reader, uint8_t close, uint32_t *count);

/* Output. */

DP_NODISCARD bool dpi_jsonin_no_room(dpi_jsonin *reader);

static inline size_t dpi_jsonin_at(const dpi_jsonin *reader)
{
	return dpi_output_size(&reader->out);
}

/* Forgets what was written since. */
static inline void dpi_jsonin_back(dpi_jsonin *reader, size_t at)
{
	if (dpi_jsonin_at(reader) > at) {
		reader->out.p -= dpi_jsonin_at(reader) - at;
	}
}

/* The tag of field and the byte of a size; ret receives where that is. */
DP_NODISCARD bool dpi_jsonin_open(
	dpi_jsonin *reader, const dpi_jsonin_field *field, size_t *ret);

/* Fills the size of all that was written since. */
DP_NODISCARD bool dpi_jsonin_close(dpi_jsonin *reader, size_t at);

/* The tag, the size, and the bytes. */
DP_NODISCARD bool dpi_jsonin_put_bytes(
	dpi_jsonin *reader, const dpi_jsonin_field *field, dp_bytes bytes);

/* A value of a varint or fixed type, as bits of the wire; zero if need be. */
DP_NODISCARD bool dpi_jsonin_put_bits(
	dpi_jsonin *reader, const dpi_jsonin_field *field, uint64_t bits);

/* Messages. */

/* NULL if it is too deep. */
dpi_jsonin_frame *dpi_jsonin_enter(
	dpi_jsonin *reader, const dpi_jsonin_node *node);

/* The value of a message, whatever form it has in JSON: its fields. */
DP_NODISCARD bool dpi_jsonin_message(
	dpi_jsonin *reader, const dpi_jsonin_node *node);

/*
 * The members behind the '{', up to the '}', of the message that was entered;
 * one called "@type" is none if is_any.
 */
DP_NODISCARD bool dpi_jsonin_members(dpi_jsonin *reader, bool is_any);

/* One value of a field, which may be null if the field takes that. */
DP_NODISCARD bool dpi_jsonin_value(
	dpi_jsonin *reader, const dpi_jsonin_field *field);

/* All values of a repeated field, or a map. */
DP_NODISCARD bool dpi_jsonin_array(
	dpi_jsonin *reader, const dpi_jsonin_field *field);
DP_NODISCARD bool dpi_jsonin_map(
	dpi_jsonin *reader, const dpi_jsonin_field *field);

/* Numbers, names and bytes; without a tag in front if the field is packed. */
DP_NODISCARD bool dpi_jsonin_scalar(
	dpi_jsonin *reader, const dpi_jsonin_field *field);

/* The key of an entry, which is a string in JSON. */
DP_NODISCARD bool dpi_jsonin_map_key(
	dpi_jsonin *reader, const dpi_jsonin_field *field);

/* Messages with a form of their own in JSON; entered already. */
DP_NODISCARD bool dpi_jsonin_well_known(
	dpi_jsonin *reader, const dpi_jsonin_node *node);

#endif /* DPI_CODEC_JSONIN_READER_H */
