/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_SCHEMA_FEATURES_H
#define DPI_SCHEMA_FEATURES_H

#include <stdint.h>

#include <datapipe/bytes.h>
#include <datapipe/export.h>
#include <datapipe/status.h>

/*
 * What editions call features. proto2 and proto3 are two fixed settings of
 * them, so that nobody but this file knows a syntax.
 */

/* Values are those of google.protobuf.FeatureSet; 0 is "as around me". */
enum {
	DPI_PRESENCE_EXPLICIT = 1,
	DPI_PRESENCE_IMPLICIT,
	DPI_PRESENCE_REQUIRED
};
enum { DPI_ENUM_OPEN = 1, DPI_ENUM_CLOSED };
enum { DPI_REPEATED_PACKED = 1, DPI_REPEATED_EXPANDED };
enum { DPI_UTF8_VERIFY = 2, DPI_UTF8_NONE };
enum { DPI_MESSAGES_PREFIXED = 1, DPI_MESSAGES_DELIMITED };

typedef struct dpi_features {
	uint8_t field_presence;
	uint8_t enum_type;
	uint8_t repeated_encoding;
	uint8_t utf8_validation;
	uint8_t message_encoding;
} dpi_features;

/* Numbers of google.protobuf.Edition. */
enum {
	DPI_EDITION_PROTO2 = 998,
	DPI_EDITION_PROTO3 = 999,
	DPI_EDITION_2023 = 1000,
	DPI_EDITION_2024 = 1001
};

/* What a file of an edition starts from; NULL for an unknown edition. */
const dpi_features *dpi_features_of_edition(int32_t edition);

/* Adds what a serialized FeatureSet says. Errors: DP_ESCHEMA, no message. */
DP_NODISCARD dp_status dpi_features_read(dpi_features *features, dp_bytes set);

/* own, and around where own says nothing. */
dpi_features dpi_features_merge(dpi_features around, dpi_features own);

#endif /* DPI_SCHEMA_FEATURES_H */
