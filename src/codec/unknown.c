/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/unknown.h"

bool dpi_unknown_append(dpi_coder *coder, const void *data, size_t size)
{
	dp_status st = dpi_buf_append(&coder->unknown, data, size);

	return st == DP_OK || dpi_coder_fail_buffer(coder, st);
}

bool dpi_unknown_varint(dpi_coder *coder, uint64_t value)
{
	uint8_t bytes[DPI_VARINT_MAX];

	return dpi_unknown_append(
		coder, bytes, (size_t)(dpi_put_varint(bytes, value) - bytes));
}

static bool keep_piece(
	dpi_coder *coder, const dpi_plan_field *f, uint32_t start, uint32_t end)
{
	bool is_group = f->element == DPI_READ_GROUP;

	return dpi_unknown_varint(coder, f->tag) &&
		(is_group || dpi_unknown_varint(coder, end - start)) &&
		dpi_unknown_append(coder, coder->wire + start, end - start) &&
		(!is_group ||
			dpi_unknown_varint(coder,
				dpi_wire_tag(
					f->field->number, DPI_WIRE_GROUP_END)));
}

bool dpi_keep_whole(
	dpi_coder *coder, const dpi_plan_field *field, const dpi_slot *slot)
{
	dpi_run piece = dpi_slot_pieces(coder, slot);

	while (keep_piece(coder, field, piece.start, piece.end)) {
		if (piece.next == 0) {
			coder->lost = 0;
			return true;
		}
		piece = *dpi_coder_run(coder, piece.next);
	}
	return false;
}
