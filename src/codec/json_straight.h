/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_CODEC_JSON_STRAIGHT_H
#define DPI_CODEC_JSON_STRAIGHT_H

#include "codec/coder.h"

/*
 * A message whose fields come by number, each once, as nearly all writers
 * write them: its members are written while it is read. False for others,
 * and for all that is wrong: then the whole event is scanned.
 *
 * Not for columns, nor where zeros are asked for: what is absent is not seen.
 */
DP_NODISCARD bool dpi_json_straight(dpi_coder *coder, dpi_output *output,
	const dpi_plan_node *node, dpi_run piece);

#endif /* DPI_CODEC_JSON_STRAIGHT_H */
