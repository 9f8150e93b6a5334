/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/parquet_thrift.h"

#include <assert.h>
#include <string.h>

#include "base/bytes.h"

/* Types that only heads of fields name. */
enum { TYPE_TRUE = 1, TYPE_FALSE, TYPE_I8, TYPE_I64 = 6, TYPE_LIST = 9 };

/* Lists up to this have their count beside the type. */
#define SHORT_LIST 14

static void put_varint(dpi_thrift *thrift, uint64_t value)
{
	uint8_t bytes[DPI_VARINT_MAX];
	uint8_t *end = dpi_put_varint(bytes, value);

	(void)dpi_buf_append(thrift->out, bytes, (size_t)(end - bytes));
}

static void put_zigzag(dpi_thrift *thrift, int64_t value)
{
	put_varint(thrift, (uint64_t)value << 1 ^ (uint64_t)(value >> 63));
}

static void put_text(dpi_thrift *thrift, dp_bytes text)
{
	put_varint(thrift, text.size);
	(void)dpi_buf_append(thrift->out, text.data, text.size);
}

/* Our structures have no gaps over 15. */
static void put_head(dpi_thrift *thrift, unsigned field, unsigned type)
{
	unsigned *last = &thrift->last[thrift->depth - 1];

	assert(field > *last && field - *last <= 15);
	(void)dpi_buf_append_byte(
		thrift->out, (uint8_t)((field - *last) << 4 | type));
	*last = field;
}

static void push(dpi_thrift *thrift)
{
	assert(thrift->depth < DPI_THRIFT_DEPTH);
	thrift->last[thrift->depth++] = 0;
}

void dpi_thrift_begin(dpi_thrift *thrift, dpi_buf *out)
{
	*thrift = (dpi_thrift){.out = out};
	push(thrift);
}

void dpi_thrift_bool(dpi_thrift *thrift, unsigned field, bool value)
{
	put_head(thrift, field, value ? TYPE_TRUE : TYPE_FALSE);
}

void dpi_thrift_i8(dpi_thrift *thrift, unsigned field, int8_t value)
{
	put_head(thrift, field, TYPE_I8);
	(void)dpi_buf_append_byte(thrift->out, (uint8_t)value);
}

void dpi_thrift_i32(dpi_thrift *thrift, unsigned field, int32_t value)
{
	put_head(thrift, field, DPI_THRIFT_I32);
	put_zigzag(thrift, value);
}

void dpi_thrift_i64(dpi_thrift *thrift, unsigned field, int64_t value)
{
	put_head(thrift, field, TYPE_I64);
	put_zigzag(thrift, value);
}

void dpi_thrift_binary(dpi_thrift *thrift, unsigned field, dp_bytes value)
{
	put_head(thrift, field, DPI_THRIFT_BINARY);
	put_text(thrift, value);
}

void dpi_thrift_text(dpi_thrift *thrift, unsigned field, const char *value)
{
	dpi_thrift_binary(thrift, field, dpi_bytes_text(value));
}

void dpi_thrift_open(dpi_thrift *thrift, unsigned field)
{
	put_head(thrift, field, DPI_THRIFT_STRUCT);
	push(thrift);
}

void dpi_thrift_close(dpi_thrift *thrift)
{
	(void)dpi_buf_append_byte(thrift->out, 0);
	thrift->depth--;
}

void dpi_thrift_empty(dpi_thrift *thrift, unsigned field)
{
	dpi_thrift_open(thrift, field);
	dpi_thrift_close(thrift);
}

void dpi_thrift_list(
	dpi_thrift *thrift, unsigned field, dpi_thrift_type type, size_t count)
{
	put_head(thrift, field, TYPE_LIST);
	if (count <= SHORT_LIST) {
		(void)dpi_buf_append_byte(
			thrift->out, (uint8_t)(count << 4 | (unsigned)type));
		return;
	}
	(void)dpi_buf_append_byte(thrift->out, (uint8_t)(0xf0 | type));
	put_varint(thrift, count);
}

void dpi_thrift_element_open(dpi_thrift *thrift)
{
	push(thrift);
}

void dpi_thrift_element_i32(dpi_thrift *thrift, int32_t value)
{
	put_zigzag(thrift, value);
}

void dpi_thrift_element_text(dpi_thrift *thrift, const char *value)
{
	put_text(thrift, dpi_bytes_text(value));
}
