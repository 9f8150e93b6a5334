/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

#define FIRST_CAPACITY 255

void dpi_buf_init(dpi_buf *buf, const dp_allocator *alloc, size_t limit_bytes)
{
	*buf = (dpi_buf){.alloc = alloc,
		/* One byte of each block is for the NUL of dpi_buf_text(). */
		.limit_bytes =
			limit_bytes < SIZE_MAX ? limit_bytes : SIZE_MAX - 1};
}

void dpi_buf_fini(dpi_buf *buf)
{
	if (buf->data != NULL) {
		dpi_free(buf->alloc, buf->data, buf->capacity + 1, 1);
	}
	dpi_buf_init(buf, buf->alloc, buf->limit_bytes);
}

void dpi_buf_clear(dpi_buf *buf)
{
	buf->size = 0;
	buf->failed = DP_OK;
}

/* Doubles, so that appending n bytes copies about n. */
static size_t capacity_for(const dpi_buf *buf, size_t needed)
{
	size_t capacity =
		buf->capacity > 0 ? buf->capacity : FIRST_CAPACITY / 2;

	if (capacity >= buf->limit_bytes / 2) {
		return buf->limit_bytes;
	}
	capacity = capacity * 2 + 1;
	return capacity > needed ? capacity : needed;
}

static dp_status grow(dpi_buf *buf, size_t needed)
{
	size_t capacity = capacity_for(buf, needed);
	uint8_t *data = buf->alloc->alloc(buf->alloc->user, capacity + 1);

	if (data == NULL) {
		return DP_ENOMEM;
	}
	if (buf->data != NULL) {
		memcpy(data, buf->data, buf->size);
		dpi_free(buf->alloc, buf->data, buf->capacity + 1, 1);
	}
	buf->data = data;
	buf->capacity = capacity;
	return DP_OK;
}

dp_status dpi_buf_reserve(dpi_buf *buf, size_t extra)
{
	if (buf->failed != DP_OK) {
		return buf->failed;
	}
	if (buf->data != NULL && extra <= buf->capacity - buf->size) {
		return DP_OK;
	}
	if (extra > buf->limit_bytes - buf->size) {
		buf->failed = DP_ETOOBIG;
	} else {
		buf->failed = grow(buf, buf->size + extra);
	}
	return buf->failed;
}

dp_status dpi_buf_append(dpi_buf *buf, const void *data, size_t size)
{
	dp_status st = dpi_buf_reserve(buf, size);

	if (st == DP_OK && size > 0) {
		memcpy(buf->data + buf->size, data, size);
		buf->size += size;
	}
	return st;
}

dp_status dpi_buf_append_byte(dpi_buf *buf, uint8_t byte)
{
	return dpi_buf_append(buf, &byte, 1);
}

dp_status dpi_buf_append_string(dpi_buf *buf, const char *text)
{
	return dpi_buf_append(buf, text, strlen(text));
}

dp_status dpi_buf_printf(dpi_buf *buf, const char *fmt, ...)
{
	dp_status st;
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (n < 0) {
		return buf->failed = DP_EINVAL;
	}
	st = dpi_buf_reserve(buf, (size_t)n);
	if (st == DP_OK) {
		va_start(args, fmt);
		(void)vsnprintf((char *)buf->data + buf->size, (size_t)n + 1,
			fmt, args);
		va_end(args);
		buf->size += (size_t)n;
	}
	return st;
}

const char *dpi_buf_text(dpi_buf *buf)
{
	if (dpi_buf_reserve(buf, 0) != DP_OK) {
		return NULL;
	}
	buf->data[buf->size] = '\0';
	return (const char *)buf->data;
}
