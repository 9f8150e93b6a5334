/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/features.h"

#include <stddef.h>

#include "schema/field_reader.h"

const dpi_features *dpi_features_of_edition(int32_t edition)
{
	static const dpi_features proto2 = {DPI_PRESENCE_EXPLICIT,
		DPI_ENUM_CLOSED, DPI_REPEATED_EXPANDED, DPI_UTF8_NONE,
		DPI_MESSAGES_PREFIXED};
	static const dpi_features proto3 = {DPI_PRESENCE_IMPLICIT,
		DPI_ENUM_OPEN, DPI_REPEATED_PACKED, DPI_UTF8_VERIFY,
		DPI_MESSAGES_PREFIXED};
	static const dpi_features later = {DPI_PRESENCE_EXPLICIT, DPI_ENUM_OPEN,
		DPI_REPEATED_PACKED, DPI_UTF8_VERIFY, DPI_MESSAGES_PREFIXED};

	switch (edition) {
	case DPI_EDITION_PROTO2:
		return &proto2;
	case DPI_EDITION_PROTO3:
		return &proto3;
	case DPI_EDITION_2023:
	case DPI_EDITION_2024:
		return &later;
	default:
		return NULL;
	}
}

static dp_status take(uint8_t *feature, uint64_t value, uint8_t max)
{
	if (value > max) {
		return DP_ESCHEMA;
	}
	*feature = (uint8_t)value;
	return DP_OK;
}

dp_status dpi_features_read(dpi_features *features, dp_bytes set)
{
	dpi_field_reader reader = dpi_field_reader_of(set);
	dp_status st = DP_OK;

	while (st == DP_OK && dpi_field_next(&reader)) {
		uint64_t value = reader.value;

		switch (reader.tag) {
		case DPI_TAG_VARINT(1):
			st = take(&features->field_presence, value,
				DPI_PRESENCE_REQUIRED);
			break;
		case DPI_TAG_VARINT(2):
			st = take(&features->enum_type, value, DPI_ENUM_CLOSED);
			break;
		case DPI_TAG_VARINT(3):
			st = take(&features->repeated_encoding, value,
				DPI_REPEATED_EXPANDED);
			break;
		case DPI_TAG_VARINT(4):
			st = take(&features->utf8_validation, value,
				DPI_UTF8_NONE);
			break;
		case DPI_TAG_VARINT(5):
			st = take(&features->message_encoding, value,
				DPI_MESSAGES_DELIMITED);
			break;
		default:
			break;
		}
	}
	return dpi_field_reader_failed(&reader) ? DP_ESCHEMA : st;
}

static uint8_t first_said(uint8_t own, uint8_t around)
{
	return own != 0 ? own : around;
}

dpi_features dpi_features_merge(dpi_features around, dpi_features own)
{
	dpi_features merged = {
		first_said(own.field_presence, around.field_presence),
		first_said(own.enum_type, around.enum_type),
		first_said(own.repeated_encoding, around.repeated_encoding),
		first_said(own.utf8_validation, around.utf8_validation),
		first_said(own.message_encoding, around.message_encoding),
	};

	return merged;
}
