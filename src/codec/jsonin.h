/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_CODEC_JSONIN_H
#define DPI_CODEC_JSONIN_H

#include <datapipe/registry.h>

#include "base/buf.h"

/*
 * ProtoJSON read in one pass into the bytes of a message: no tree, and no
 * allocation once the largest event was seen. Names of fields and enums are
 * found by tables that are made once for a schema.
 *
 * One thread at a time.
 */
typedef struct dpi_jsonin dpi_jsonin;

/* Errors: DP_ENOMEM. Takes a reference to schema. */
DP_NODISCARD dp_status dpi_jsonin_new(dpi_jsonin **ret_reader,
	const dp_allocator *alloc, dp_schema *schema, dp_error **err);
void dpi_jsonin_free(dpi_jsonin *reader);

/*
 * Appends the message that json says; on failure out is as it was. Fields are
 * in the order of json. Unless ignores_unknown, members and enum values that
 * the schema lacks are errors.
 *
 * Errors: DP_ESCHEMA, with the field's path, the place and what is wrong;
 *         DP_ETOOBIG, DP_ENOMEM
 */
DP_NODISCARD dp_status dpi_jsonin_read(dpi_jsonin *reader, dp_bytes json,
	bool ignores_unknown, dpi_buf *out, dp_error **err);

#endif /* DPI_CODEC_JSONIN_H */
