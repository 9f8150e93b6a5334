/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_CODEC_UNKNOWN_H
#define DPI_CODEC_UNKNOWN_H

#include "codec/coder.h"

/* What no column holds: bytes of the wire, at the end of coder->unknown. */

DP_NODISCARD bool dpi_unknown_append(
	dpi_coder *coder, const void *data, size_t size);
DP_NODISCARD bool dpi_unknown_varint(dpi_coder *coder, uint64_t value);

/*
 * Copies a message that became text, or one value, to the unknown fields of
 * the frame around it: it has fields that would be lost otherwise. Sets
 * coder->lost back to 0.
 */
DP_NODISCARD bool dpi_keep_whole(
	dpi_coder *coder, const dpi_plan_field *field, const dpi_slot *slot);

#endif /* DPI_CODEC_UNKNOWN_H */
