/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_CODEC_WIRE_ENCODE_H
#define DPI_CODEC_WIRE_ENCODE_H

#include "codec/plan.h"

/*
 * Messages as wire bytes again, in one form: what a parser and a serializer
 * would make of them. Fields by number, each once, packed or not as the schema
 * says; entries of maps by key; what is zero without presence left out; then
 * what the schema does not know, as it came.
 *
 * Appends to out, at most limit bytes; on failure out is as it was. plan is
 * one for DPI_TARGET_JSON. Errors as dpi_avro_encode().
 */
DP_NODISCARD dp_status dpi_wire_encode(const dpi_plan *plan, dpi_coder *coder,
	const void *wire, size_t size, size_t limit, dpi_buf *out,
	dp_error **err);

#endif /* DPI_CODEC_WIRE_ENCODE_H */
