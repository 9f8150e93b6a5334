/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_CODEC_SCAN_H
#define DPI_CODEC_SCAN_H

#include "codec/coder.h"

/*
 * Fills the slots of a frame from the wire, by the rules of Protocol Buffers:
 * of single values the last wins, single messages are put together, a oneof
 * keeps its last, repeated fields may be packed or not and lie anywhere.
 * Fields that the schema does not know, that have another wire type, or that
 * hold a number their closed enum does not have, are copied to `unknown`.
 *
 * Only this message is read: bytes of strings and of messages inside are
 * looked at by who writes them.
 */
DP_NODISCARD bool dpi_scan(dpi_coder *coder, dpi_frame *frame, dpi_run pieces);

/*
 * Copies a message that became text, or one value, to the unknown fields of
 * the frame around it: it has fields that would be lost otherwise. Sets
 * coder->lost back to 0.
 */
DP_NODISCARD bool dpi_keep_whole(
	dpi_coder *coder, const dpi_plan_field *field, const dpi_slot *slot);

#endif /* DPI_CODEC_SCAN_H */
