/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/field_writer.h"

#include "base/bytes.h"

static void append_varint(dpi_buf *out, uint64_t value)
{
	uint8_t bytes[DPI_VARINT_MAX];
	uint8_t *end = dpi_put_varint(bytes, value);

	(void)dpi_buf_append(out, bytes, (size_t)(end - bytes));
}

void dpi_write_varint(dpi_buf *out, uint32_t number, uint64_t value)
{
	append_varint(out, (uint64_t)number << 3);
	append_varint(out, value);
}

void dpi_write_bytes(dpi_buf *out, uint32_t number, dp_bytes value)
{
	append_varint(out, (uint64_t)number << 3 | 2);
	append_varint(out, value.size);
	(void)dpi_buf_append(out, value.data, value.size);
}

void dpi_write_text(dpi_buf *out, uint32_t number, const char *value)
{
	dpi_write_bytes(out, number, dpi_bytes_text(value));
}

size_t dpi_write_begin(dpi_buf *out, uint32_t number)
{
	append_varint(out, (uint64_t)number << 3 | 2);
	return out->size;
}

void dpi_write_end(dpi_buf *out, size_t begin)
{
	size_t size = out->size - begin;
	size_t length_size = dpi_varint_size(size);

	if (out->failed != DP_OK ||
		dpi_buf_reserve(out, length_size) != DP_OK) {
		return;
	}
	memmove(out->data + begin + length_size, out->data + begin, size);
	(void)dpi_put_varint(out->data + begin, size);
	out->size += length_size;
}
