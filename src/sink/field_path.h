/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_SINK_FIELD_PATH_H
#define DPI_SINK_FIELD_PATH_H

#include <datapipe/bytes.h>

#include "schema/descriptor.h"

/*
 * "shop.region": one field of an event, read off the wire bytes, for
 * {field:PATH} of a destination. Integers, booleans, enums, strings and bytes
 * can be a name; what repeats cannot.
 */

#define DPI_FIELD_PATH_STEPS 16
#define DPI_FIELD_TEXT 24

typedef struct dpi_field_path {
	const dpi_field *steps[DPI_FIELD_PATH_STEPS];
	size_t count;
} dpi_field_path;

/* Errors: DP_ESCHEMA. Borrows from type. */
DP_NODISCARD dp_status dpi_field_path_resolve(dpi_field_path *ret,
	const dpi_message_type *type, const char *path, dp_error **err);

/*
 * The field's value as text: of what was given several times the last, empty
 * if it is absent and its absence differs from zero. wire is a message that
 * was found right. The text may be in scratch.
 */
dp_bytes dpi_field_path_read(
	const dpi_field_path *path, dp_bytes wire, char *scratch);

#endif /* DPI_SINK_FIELD_PATH_H */
