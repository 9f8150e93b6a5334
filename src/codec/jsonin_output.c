/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/jsonin_reader.h"

/* Room for a tag, and for a number or a size behind it. */
#define SMALL_ROOM 24

bool dpi_jsonin_no_room(dpi_jsonin *r)
{
	return dpi_jsonin_fail(r, r->out.failed,
		r->out.failed == DP_ETOOBIG
			? "it unfolds into more than twice its size and 1 MiB, "
			  "or into more than 16 MiB"
			: "no memory");
}

static inline void put_tag(dpi_jsonin *r, const dpi_jsonin_field *field)
{
	dpi_store_u64(r->out.p, field->tag);
	r->out.p += field->tag_size;
}

bool dpi_jsonin_open(dpi_jsonin *r, const dpi_jsonin_field *field, size_t *ret)
{
	if (!dpi_output_need(&r->out, SMALL_ROOM)) {
		return dpi_jsonin_no_room(r);
	}
	put_tag(r, field);
	*ret = dpi_jsonin_at(r);
	*r->out.p++ = 0;
	return true;
}

bool dpi_jsonin_close(dpi_jsonin *r, size_t at)
{
	size_t size = dpi_jsonin_at(r) - at - 1;
	size_t extra = dpi_varint_size(size) - 1;
	uint8_t *start;

	if (extra > 0) {
		if (!dpi_output_need(&r->out, extra)) {
			return dpi_jsonin_no_room(r);
		}
		start = r->out.p - size;
		memmove(start + extra, start, size);
		r->out.p += extra;
	}
	start = r->out.p - size - extra - 1;
	(void)dpi_put_varint(start, size);
	return true;
}

bool dpi_jsonin_put_bytes(
	dpi_jsonin *r, const dpi_jsonin_field *field, dp_bytes bytes)
{
	if (bytes.size == 0 && !field->keeps_zero) {
		return true;
	}
	if (!dpi_output_need(&r->out, bytes.size + SMALL_ROOM)) {
		return dpi_jsonin_no_room(r);
	}
	put_tag(r, field);
	r->out.p = dpi_put_varint(r->out.p, bytes.size);
	if (bytes.size > 0) {
		memcpy(r->out.p, bytes.data, bytes.size);
		r->out.p += bytes.size;
	}
	return true;
}

bool dpi_jsonin_put_bits(
	dpi_jsonin *r, const dpi_jsonin_field *field, uint64_t bits)
{
	if (bits == 0 && !field->keeps_zero) {
		return true;
	}
	if (!dpi_output_need(&r->out, SMALL_ROOM)) {
		return dpi_jsonin_no_room(r);
	}
	if (!field->is_packed) {
		put_tag(r, field);
	}
	switch (field->type) {
	case DPI_TYPE_DOUBLE:
	case DPI_TYPE_FIXED64:
	case DPI_TYPE_SFIXED64:
		dpi_store_u64(r->out.p, bits);
		r->out.p += 8;
		break;
	case DPI_TYPE_FLOAT:
	case DPI_TYPE_FIXED32:
	case DPI_TYPE_SFIXED32:
		dpi_store_u32(r->out.p, (uint32_t)bits);
		r->out.p += 4;
		break;
	default:
		r->out.p = dpi_put_varint(r->out.p, bits);
	}
	return true;
}
