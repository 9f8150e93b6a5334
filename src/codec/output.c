/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/output.h"

static void take_room(dpi_output *output, size_t size)
{
	dpi_buf *buf = output->buf;
	size_t room = buf->capacity - output->start;

	output->p = buf->data + size;
	output->end = buf->data + output->start +
		(room < output->limit ? room : output->limit);
}

void dpi_output_begin(dpi_output *output, dpi_buf *buf, size_t limit)
{
	*output = (dpi_output){.buf = buf, .start = buf->size, .limit = limit};
	if (buf->data != NULL) {
		take_room(output, buf->size);
	}
}

dp_status dpi_output_finish(dpi_output *output)
{
	output->buf->size = output->start +
		(output->failed == DP_OK ? dpi_output_size(output) : 0);
	return output->failed;
}

/* Leaves no room, so that later writes come here and fail, too. */
static bool fail(dpi_output *output, dp_status code)
{
	output->failed = code;
	output->end = output->p;
	return false;
}

bool dpi_output_grow(dpi_output *output, size_t extra)
{
	dpi_buf *buf = output->buf;
	size_t size = dpi_output_size(output);
	dp_status st;

	if (output->failed != DP_OK) {
		return false;
	}
	if (extra > output->limit - size) {
		return fail(output, DP_ETOOBIG);
	}
	buf->size = output->start + size;
	st = dpi_buf_reserve(buf, extra);
	if (st != DP_OK) {
		buf->failed = DP_OK;
		return fail(output, st);
	}
	take_room(output, buf->size);
	return true;
}
