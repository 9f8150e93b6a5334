/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/writer.h"

static void take_room(dpi_writer *writer, size_t size)
{
	dpi_buf *buf = writer->buf;
	size_t room = buf->capacity - writer->start;

	writer->p = buf->data + size;
	writer->end = buf->data + writer->start +
		(room < writer->limit ? room : writer->limit);
}

void dpi_writer_begin(dpi_writer *writer, dpi_buf *buf, size_t limit)
{
	*writer = (dpi_writer){.buf = buf, .start = buf->size, .limit = limit};
	if (buf->data != NULL) {
		take_room(writer, buf->size);
	}
}

dp_status dpi_writer_finish(dpi_writer *writer)
{
	writer->buf->size = writer->start +
		(writer->failed == DP_OK ? dpi_writer_size(writer) : 0);
	return writer->failed;
}

/* Leaves no room, so that later writes come here and fail, too. */
static bool fail(dpi_writer *writer, dp_status code)
{
	writer->failed = code;
	writer->end = writer->p;
	return false;
}

bool dpi_writer_grow(dpi_writer *writer, size_t extra)
{
	dpi_buf *buf = writer->buf;
	size_t size = dpi_writer_size(writer);
	dp_status st;

	if (writer->failed != DP_OK) {
		return false;
	}
	if (extra > writer->limit - size) {
		return fail(writer, DP_ETOOBIG);
	}
	buf->size = writer->start + size;
	st = dpi_buf_reserve(buf, extra);
	if (st != DP_OK) {
		buf->failed = DP_OK;
		return fail(writer, st);
	}
	take_room(writer, buf->size);
	return true;
}
