/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_CODEC_RECOVER_H
#define DPI_CODEC_RECOVER_H

#include "codec/coder.h"

/*
 * Fields that a sink kept in `_unknown`, by a schema that knows more. They are
 * a part of a message: it may lack what is required, and what is not there
 * has no zero.
 */

/*
 * Appends the fields of the message at a path ("": the event; "customer.tags")
 * to out as an object, as columns have JSON, at most limit bytes; on failure
 * out is as it was. ret_rest receives what still belongs into `_unknown`, and
 * lives until the coder's next call. plan is one for DPI_TARGET_JSON.
 * Errors: DP_EINVAL, no message is there; as dpi_avro_encode()
 */
DP_NODISCARD dp_status dpi_json_recover(const dpi_plan *plan, dpi_coder *coder,
	const char *at, dp_bytes unknown, size_t limit, dpi_buf *out,
	dp_bytes *ret_rest, dp_error **err);

/*
 * Fills cells[0 .. dpi_row_columns()) with what a row lacks: is_filled says of
 * each column whether the row has a value there, and what would go there, or
 * into another member of a oneof that has one, stays in `_unknown`. A cell is
 * DPI_CELL_NULL where there is nothing to fill in. Cells live until the coder's
 * next call. plan is one for DPI_TARGET_ROW. Errors as dpi_avro_encode()
 */
DP_NODISCARD dp_status dpi_row_recover(const dpi_plan *plan, dpi_coder *coder,
	const void *unknown, size_t size, const bool *is_filled,
	dpi_cell *cells, dp_error **err);

/*
 * Parts the coder's wire, whose frame was opened: fields that a row has values
 * of become unknown, all others are the pieces to be scanned.
 */
DP_NODISCARD bool dpi_recover_pick(dpi_coder *coder, const dpi_frame *frame,
	const bool *is_filled, dpi_run *ret_pieces);

#endif /* DPI_CODEC_RECOVER_H */
