/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_SINK_DESTINATION_H
#define DPI_SINK_DESTINATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <datapipe/message.h>

#include "base/arena.h"

/*
 * A template such as "{type}/{date}", taken apart once and filled in for each
 * event: the folder that the event's file is in.
 *
 * Each value becomes part of a name by dpi_path_part(), so no event can name a
 * folder outside; and since readers of files skip folders that begin with '_'
 * or '.', neither does a folder here. A folder name over 255 bytes is cut and
 * has a fingerprint behind it.
 */

#define DPI_DESTINATION_MAX 1024 /* bytes of a folder, with the NUL */
#define DPI_DESTINATION_PARTS 32
#define DPI_DESTINATION_MEMO 64

typedef enum dpi_placeholder {
	DPI_PLACE_LITERAL,
	DPI_PLACE_TOPIC,
	DPI_PLACE_TYPE,
	DPI_PLACE_SOURCE,
	DPI_PLACE_DATE,
	DPI_PLACE_HOUR,
	DPI_PLACE_EVENT_DATE,
	DPI_PLACE_EVENT_HOUR,
	DPI_PLACE_ATTR,
	DPI_PLACE_VERSION, /* this and what follows: of parsed events only */
	DPI_PLACE_FIELD
} dpi_placeholder;

typedef struct dpi_destination_part {
	dpi_placeholder kind;
	dp_bytes text; /* literal, attribute name or field path; NUL behind */
	/* What it was for the last event, unless it was longer. */
	char memo[DPI_DESTINATION_MEMO];
	size_t memo_size;
} dpi_destination_part;

typedef struct dpi_destination {
	dpi_arena arena;
	dpi_destination_part parts[DPI_DESTINATION_PARTS];
	size_t count;
	char folder[DPI_DESTINATION_MAX]; /* of the last event */
	bool is_known;                    /* folder is that of the memos */
} dpi_destination;

/* What only a parsed event has. */
typedef struct dpi_destination_values {
	uint32_t version;
	const dp_bytes *fields; /* by number of the {field:PATH} */
} dpi_destination_values;

/*
 * Errors: DP_EINVAL  says where the template is wrong; {version} and
 *                    {field:PATH} are known if is_parsed
 *         DP_ENOMEM
 */
DP_NODISCARD dp_status dpi_destination_init(dpi_destination *destination,
	const dp_allocator *alloc, const char *text, bool is_parsed,
	dp_error **err);
void dpi_destination_fini(dpi_destination *destination);

/* Path of the n-th {field:PATH}, or NULL if there are no more. */
const char *dpi_destination_field(const dpi_destination *destination, size_t n);

/*
 * Fills in what msg has; values may be NULL if the template asks for none.
 * Sets *ret_is_same if the folder is that of the call before, which is then
 * all that was found out.
 *
 * Errors: DP_ETOOBIG
 */
DP_NODISCARD dp_status dpi_destination_expand(dpi_destination *destination,
	const dp_message *msg, const dpi_destination_values *values,
	bool *ret_is_same, dp_error **err);

#endif /* DPI_SINK_DESTINATION_H */
