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

/* The same of a part of a message, which may lack what is required. */
DP_NODISCARD bool dpi_scan_part(
	dpi_coder *coder, dpi_frame *frame, dpi_run pieces);

/*
 * Says what is wrong with the field that could not be read, unless that was
 * said already; returns false.
 */
bool dpi_scan_fault(dpi_coder *coder, const uint8_t *field, const uint8_t *end);

#endif /* DPI_CODEC_SCAN_H */
