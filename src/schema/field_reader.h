/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_SCHEMA_FIELD_READER_H
#define DPI_SCHEMA_FIELD_READER_H

#include <stdbool.h>

#include "base/bytes.h"

/*
 * Walks the fields of one serialized message without a copy, a recursion or
 * an allocation: for descriptors and for our own formats, whose bytes may
 * come from anybody. Groups, which neither has, read as damage.
 *
 *	dpi_field_reader reader = dpi_field_reader_of(bytes);
 *
 *	while (dpi_field_next(&reader)) {
 *		switch (reader.tag) {
 *		case DPI_TAG_BYTES(1): ... reader.bytes
 *		case DPI_TAG_VARINT(2): ... reader.value
 *		}
 *	}
 *	if (dpi_field_reader_failed(&reader)) ...
 */

#define DPI_TAG_VARINT(number) ((uint32_t)(number) << 3)
#define DPI_TAG_BYTES(number) ((uint32_t)(number) << 3 | 2u)

typedef struct dpi_field_reader {
	const uint8_t *at; /* NULL once damage was met */
	const uint8_t *end;
	uint32_t tag;
	uint64_t value; /* of a varint */
	dp_bytes bytes; /* of a length-delimited field; data is never NULL */
} dpi_field_reader;

static inline dpi_field_reader dpi_field_reader_of(dp_bytes message)
{
	static const uint8_t nothing[1];
	const uint8_t *data = message.size > 0 ? message.data : nothing;
	dpi_field_reader reader = {.at = data, .end = data + message.size};

	return reader;
}

/* Moves to the next field; false at the end and at damage. */
bool dpi_field_next(dpi_field_reader *reader);

static inline bool dpi_field_reader_failed(const dpi_field_reader *reader)
{
	return reader->at == NULL;
}

#endif /* DPI_SCHEMA_FIELD_READER_H */
