/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/field_reader.h"

enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

/* The place behind the value, or NULL. */
static const uint8_t *read_value(dpi_field_reader *reader, const uint8_t *at)
{
	size_t left = (size_t)(reader->end - at);

	switch (reader->tag & 7) {
	case WIRE_VARINT:
		return dpi_get_varint(at, reader->end, &reader->value);
	case WIRE_64:
		return left >= 8 ? at + 8 : NULL;
	case WIRE_32:
		return left >= 4 ? at + 4 : NULL;
	case WIRE_BYTES:
		at = dpi_get_varint(at, reader->end, &reader->value);
		if (at == NULL || reader->value > (size_t)(reader->end - at)) {
			return NULL;
		}
		reader->bytes = dpi_bytes(at, (size_t)reader->value);
		return at + reader->bytes.size;
	default:
		return NULL;
	}
}

bool dpi_field_next(dpi_field_reader *reader)
{
	const uint8_t *at = reader->at;
	uint64_t tag;

	if (at == NULL || at == reader->end) {
		return false;
	}
	at = dpi_get_varint(at, reader->end, &tag);
	if (at == NULL || tag < 8 || tag > UINT32_MAX) {
		reader->at = NULL;
		return false;
	}
	reader->tag = (uint32_t)tag;
	reader->at = read_value(reader, at);
	return reader->at != NULL;
}
